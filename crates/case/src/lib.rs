//! The question: the case file, typed and checked before anything is loaded.
//!
//! No tensor library stands behind these types, so a case is read, checked, planned and compared in a build of seconds.
//!
//! A file becomes a tree (`tree`) in which every value knows its line. Each layer, that is the file, a variant
//! (`variants`), a point of a grid (`sweep`), a flag, is checked against the schema (`schema`, `keys`), laid over the one below, read into the types (`config`) by
//! serde, and checked as a whole (`check`, `check_run`).

#![warn(clippy::panic)] // what a user gives is refused, not panicked about

mod check;
mod check_examples;
mod check_run;
mod claim;
mod config;
mod diff;
mod encoder;
mod error;
mod explain;
mod files;
mod finetune;
mod keys;
mod length;
mod load;
mod origin;
mod reread;
mod resolve;
mod schema;
mod shown;
mod start;
mod sweep;
mod syntax;
mod tree;
mod variants;
mod warn;

pub use claim::{Claim, ClaimError, Measure, Metric, Relation};
pub use config::*;
pub use diff::{Difference, differences};
pub use encoder::{Activation, EncoderConfig, InitKind, NormPlacement, PositionKind};
pub use error::{CaseError, Problem, ProblemKind};
pub use finetune::{
    BestBy, ClassWeights, ExampleFormat, ExamplesConfig, FinetuneConfig, Freeze, Labelling, TargetKind, Task, Vote,
    WordJoin,
};
pub use length::{Length, LengthError};
pub use load::{Case, FORMAT, Variant, load, load_run, read_model, read_resolved};
pub use origin::{Origin, Origins, Place};
pub use reread::resolved_origins;
pub use resolve::{defaults_toml, model_toml, resolved_toml};
pub use shown::{for_terminal, is_obeyed, json_for_terminal, one_line};
pub use warn::warnings;
