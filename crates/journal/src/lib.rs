//! Records without tensors: a run's journal, its statistics, its charts and the page a person reads.
//!
//! `journal.jsonl` is the one source of truth ([`Journal`] writes it, [`read`] reads it), `run.json` says what was run
//! ([`RunInfo`]), and [`write_record`] makes `record.md` and the charts from the two. Nothing here reads a clock.

#![cfg_attr(test, allow(clippy::unwrap_used))] // a test that unwraps has failed, and says where

mod chart;
mod curves;
mod error;
mod event;
mod file;
mod info;
mod layout;
mod markdown;
mod plan;
mod png;
mod record;
mod report;
mod results;
mod statistics;
mod supersede;
mod svg;
#[cfg(test)]
mod synthetic;
mod text;
mod ticks;
mod write;

pub use chart::{Chart, HorizontalLine, PALETTE, Series, Style, VerticalMark};
pub use error::{JournalError, LineFault};
pub use event::{
    Alert, CheckpointSaved, CorpusScore, End, EpochEnd, Eval, Event, GradNorm, Kinds, Log, LossScaling, Resume, Score,
    Start, Status,
};
pub use file::{Journal, TornTail, read, read_all};
pub use info::{Baselines, CorpusInfo, DataInfo, FORMAT, Machine, ModelInfo, PlanInfo, RunInfo};
pub use png::png;
pub use record::write_record;
pub use statistics::{Window, quantile, standard_error};
pub use supersede::drop_superseded;
pub use svg::svg;
pub use write::write_atomically;
