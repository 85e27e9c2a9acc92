//! Reading anybody's training log, and what it proves about the run. Plain floats, no tensors, no clock.
//!
//! [`read()`] takes a file or a folder, [`read_from`] standard input; both give a [`Log`]: runs of rows of numbers, each
//! with the line it came from, and the lines that could not be read. [`recover()`] works out the plan behind a run, and
//! [`hold`] holds a claim against it. Nothing in a log is ever evaluated, and no bytes make a reader panic.

#![warn(clippy::panic)] // what a user gives is refused, not panicked about
#![cfg_attr(test, allow(clippy::unwrap_used))] // a test that unwraps has failed, and says where

mod blocks;
mod clean;
mod collect;
mod csv;
mod dictionary;
mod digits;
mod error;
mod facts;
mod html;
mod join;
mod json;
pub mod judge;
mod literal;
mod log;
mod lookout;
mod names;
mod ours;
mod pairs;
mod percent;
mod plan;
mod quote;
mod read;
pub mod recover;
mod runs;
pub mod show;
mod table;
mod text;
mod tfevents;

pub use error::DiagnoseError;
pub use facts::FACT_KEYS;
pub use judge::{Diagnosis, Evidence, Finding, Kind, RunDiagnosis, Statistic, Untested, Verdict, Weight, judge};
pub use log::{
    Column, Fact, Format, Lack, Log, Note, NoteKind, Place, Point, Row, RunLog, Seam, Source, Split, Standing, Unread,
    UnreadLine, Value,
};
pub use lookout::Lookout;
pub use plan::read_plan;
pub use read::{MAX_BYTES, read, read_bytes, read_from};
pub use recover::{Bearing, Claim, Held, Recovered, hold, recover};
