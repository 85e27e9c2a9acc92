//! Records without tensors: a run's journal, its statistics, its charts and the page a person reads.
//!
//! `journal.jsonl` is the one source of truth ([`Journal`] writes it, [`read`] reads it), `run.json` says what was run
//! ([`RunInfo`]), and [`write_record`] makes `record.md` and the charts from the two. Nothing here reads a clock.

#![warn(clippy::panic)] // what a user gives is refused, not panicked about
#![cfg_attr(test, allow(clippy::unwrap_used))] // a test that unwraps has failed, and says where

mod axis;
mod bands;
mod case_charts;
mod case_runs;
mod case_tables;
mod chart;
pub mod compare;
mod conclusion;
mod curves;
mod error;
mod event;
mod file;
mod html;
mod index;
pub mod inference;
mod info;
mod labelled;
mod labelled_data;
mod labelled_results;
mod labelled_tables;
mod layout;
mod lines;
mod list;
mod lock;
pub mod markdown;
mod marks;
pub mod metrics;
mod notes;
mod page_data;
mod page_drawing;
mod parallel;
mod plan;
mod png;
mod record;
mod report;
mod results;
mod statistics;
mod summary;
mod supersede;
mod svg;
#[cfg(test)]
mod synthetic;
#[cfg(test)]
mod synthetic_labelled;
mod text;
mod ticks;
mod training_record;
mod write;

pub use axis::Axis;
pub use case_charts::{case_charts, write_case_charts};
pub use case_runs::{CaseRuns, Run};
pub use chart::{Callout, Chart, HorizontalLine, PALETTE, Series, Style, VerticalMark};
pub use conclusion::{ClaimVerdict, Conclusion, Judge, Standing};
pub use error::{JournalError, LineFault};
pub use event::{
    Alert, CheckpointSaved, CorpusScore, End, EpochEnd, Eval, Event, GradNorm, Kinds, Log, LossScaling, Resume, Score,
    Start, Status,
};
pub use file::{Journal, read, read_all};
pub use html::html_page;
pub use index::{Listing, list_runs, runs_of_case};
pub use info::{
    Baselines, CorpusInfo, DataInfo, ExamplesInfo, FORMAT, Machine, ModelInfo, PlanInfo, RepeatInfo, RunInfo,
    SplitInfo, StartInfo,
};
pub use lines::TornTail;
pub use list::{Filter, LIST_FORMAT, runs_json, runs_table};
pub use lock::run_is_held;
pub use notes::{NOTES_FORMAT, Note, add_note, read_notes};

pub use page_drawing::{PageDrawing, PageWord, page_svg};
pub use png::png;
pub use record::{record, write_record};
pub use statistics::{grad_norm, quantile, standard_error};
pub use summary::{Evaluated, Named, RunState, RunSummary};
pub use supersede::drop_superseded;
pub use svg::{escaped, svg, svg_stack};
pub use ticks::{grouped, trimmed};
pub use training_record::{RecordCase, TRAINING_RECORD, training_record, write_training_record};
pub use write::write_atomically;
