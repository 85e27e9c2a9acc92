//! What a run says while it goes; how it looks is the binary's matter.

use corpus::PrepareEvent;
use journal::{Baselines, Event};

use crate::Checked;

/// Something worth showing.
pub enum Notice<'a> {
    /// Preparing text.
    Prepare(&'a PrepareEvent),
    /// A fact about the run, one line.
    Fact(String),
    /// Something the user should know before trusting the result.
    Warning(String),
    /// A line of the journal, with the losses of a model that knows only frequencies.
    Event {
        /// The line.
        event: &'a Event,
        /// What stands beside every loss.
        baselines: &'a Baselines,
    },
    /// An update was made.
    Step {
        /// Updates done.
        step: u64,
        /// Updates planned.
        total: u64,
        /// Seconds this one took.
        seconds: f64,
    },
    /// A check of an examination was made.
    Checked(&'a Checked),
    /// An evaluation goes on.
    Evaluating {
        /// Rows done.
        done: u64,
        /// Rows in all.
        total: u64,
    },
}

/// Who shows notices.
pub trait Report {
    /// Shows one.
    fn say(&mut self, notice: Notice<'_>);
}
