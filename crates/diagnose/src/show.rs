//! How a diagnosis is shown: text for a terminal, Markdown, a page of HTML, JSON, and a chart with the findings in it.
//!
//! All are functions of what was read and what is said of it; nothing here reads a file or a clock.

mod blocks;
mod chart;
mod html;
mod json;
mod markdown;
mod parts;
mod terminal;
mod words;

pub use chart::chart;
pub use html::html;
pub use json::{SCHEMA, json};
pub use markdown::markdown;
pub use terminal::text;
pub use words::number;

use crate::judge::{Diagnosis, RunDiagnosis, Verdict};
use crate::log::Log;

/// A comment that every report begins with, so that it can be told from files that are not ours to overwrite.
pub const MARK: &str = "<!-- casebook diagnose -->";

/// A log and what is said of it.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The path as it was given, or `standard input`.
    pub name: &'a str,
    /// What was read.
    pub log: &'a Log,
    /// What is said of it.
    pub diagnosis: &'a Diagnosis,
}

/// How much of a diagnosis is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The verdict, and a line for each finding.
    Brief,
    /// All of it: evidence, thresholds, meaning, what could not be tested, what the log proves.
    Full,
}

/// The worst verdict of several logs; CANNOT TELL of none.
pub fn worst(logs: &[Judged<'_>]) -> Verdict {
    logs.iter().map(|judged| judged.diagnosis.verdict).max().unwrap_or(Verdict::CannotTell)
}

/// Runs of a log that are shown one by one; of more than this, those that are not fine, the worst first.
const RUNS_SHOWN: usize = 8;

/// The runs that are shown one by one, in the order of the log, and how many are not.
fn shown_runs(diagnosis: &Diagnosis) -> (Vec<&RunDiagnosis>, usize) {
    let mut runs: Vec<&RunDiagnosis> = diagnosis.runs.iter().collect();
    if runs.len() > RUNS_SHOWN {
        runs.retain(|run| run.verdict != Verdict::Fine);
        runs.sort_by_key(|run| std::cmp::Reverse(run.verdict));
        runs.truncate(RUNS_SHOWN);
        runs.sort_by_key(|run| run.run);
    }
    let left_out = diagnosis.runs.len() - runs.len();
    (runs, left_out)
}

#[cfg(test)]
#[path = "show/example.rs"]
mod example;
#[cfg(test)]
#[path = "show/show_tests.rs"]
mod tests;
