//! The loop: tasks, evaluation, checkpoints, resuming, devices.
//!
//! `session` takes a run from its case to its record; `run` is the loop itself, top to bottom; `update` is one step of it.

mod apply;
mod baseline;
mod batch;
mod checkpoint;
mod device;
mod doctor;
mod error;
mod evaluate;
mod examine;
mod export;
mod facts;
mod folder;
mod forward;
mod info;
mod labels;
mod machine;
mod material;
mod notice;
mod pages;
mod plan;
mod planned;
mod predict;
mod rates;
mod replay;
mod run;
mod session;
mod setup;
mod source;
mod start;
mod state;
mod states;
mod tally;
mod throughput;
mod update;
mod words;

pub use apply::{Candidate, FileScore, Trained};
pub use device::{PROBE_THREAD, Place, found, shader_language};
pub use doctor::{Check, Diagnosis, diagnose, ways_out};
pub use error::TrainError;
pub use examine::{CheckOutcome, Checked, Examination, Sweep, SweptRate, examine};
pub use export::export;
pub use folder::read_case;
pub use info::grouped;
pub use kernels::{Attend, keep_memory};
pub use machine::now;
pub use notice::{Notice, Report};
pub use planned::plan_runs;
pub use predict::{Entity, Evaluated, Miss, Predicted, TaggedWords, Tuned, Word};
pub use replay::{Replay, Replayed, replay};
pub use session::{Outcome, Spec, train};
pub use source::Which;
pub use start::take_over;
pub use states::{GivenRows, Probe, RowStates};
pub use throughput::{Seconds, Throughput, Timed, throughput};
