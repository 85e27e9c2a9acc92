//! Models of other libraries: their names, configurations and files, read and written.
//!
//! `class` lists the published classes, `config` and `head_config` map their `config.json` to a `[model]` table and a head
//! and back, `layout` and `heads` say where each of our weights lies in theirs, `fit` which class holds a model of
//! ours. [`import`] and [`export`] put these together; both write whole folders or nothing. Weights are plain floats here, by
//! name; no device is touched.

#![cfg_attr(test, allow(clippy::unwrap_used))] // a test that unwraps has failed, and says where

mod card;
mod class;
mod config;
mod error;
mod export;
mod files;
mod fit;
mod folder;
mod head_config;
mod heads;
mod import;
mod keys;
mod labels;
mod layout;
mod tokenizer;
mod usage;
mod weight_files;

pub use card::{Card, CardCorpus, CardFigure, CardResult, CardSplit};
pub use class::Class;
pub use error::ExchangeError;
pub use export::{Export, Exported, export};
pub use files::write_folder;
pub use fit::class_for;
pub use folder::{
    FORMAT as MODEL_FORMAT, MODEL, ModelFolder, ORIGIN, Origin, OriginFile, TOKENIZER, WEIGHTS, is_model_folder,
    read_model_folder,
};
pub use import::{Imported, import};
pub use labels::{HeadOf, LabelTask, Labels};
pub use weight_files::parse as parse_weights;
pub use weights::{Array, Weights};
