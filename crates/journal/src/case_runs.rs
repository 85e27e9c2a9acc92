//! The runs of a case, read together.

use std::path::{Path, PathBuf};

use crate::chart::PALETTE;
use crate::error::JournalError;
use crate::event::{Event, Status};
use crate::file::read;
use crate::info::{ExamplesInfo, RunInfo};
use crate::lock::run_is_held;
use crate::notes::{Note, read_notes};
use crate::parallel::in_parallel;
use crate::record::or_none;
use crate::report::status;
use crate::results::{VALID, evals};
use crate::summary::{RunState, RunSummary, of_events};

/// A run as its folder tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its folder.
    pub folder: PathBuf,
    /// What was run.
    pub info: RunInfo,
    /// The events that count, in order; none where it has not begun.
    pub events: Vec<Event>,
    /// The remarks on it.
    pub notes: Vec<Note>,
    /// What had become of it when it was read.
    pub state: RunState,
}

/// The runs of one case.
#[derive(Debug)]
pub struct CaseRuns {
    /// The case's name.
    pub name: String,
    /// The variants in the order of the case file; others follow by name.
    pub variants: Vec<String>,
    /// By variant, in that order, and seed.
    pub runs: Vec<Run>,
    /// Runs that could not be read, and why.
    pub unreadable: Vec<(PathBuf, JournalError)>,
}

// Without yellow, which is faint on white; the lightest of the others late.
const VARIANTS: [usize; 7] = [0, 1, 2, 3, 5, 4, 6];

impl Run {
    /// What a run's folder holds.
    ///
    /// # Errors
    /// Those of [`RunInfo::read`], [`read`] and [`read_notes`].
    pub fn read(folder: &Path) -> Result<Self, JournalError> {
        let events = or_none(read(&folder.join("journal.jsonl")))?;
        let (info, notes) = (RunInfo::read(folder)?, read_notes(folder)?);
        let state = match status(&events).0 {
            Status::Running if !run_is_held(folder) => RunState::Killed,
            status => status.into(),
        };
        Ok(Self { folder: folder.to_path_buf(), info, events, notes, state })
    }

    /// The run in one line.
    pub fn summary(&self) -> RunSummary {
        let notes = self.notes.len() as u64;
        let folder = self.folder.display().to_string();
        RunSummary { state: self.state, notes, ..of_events(self.info.clone(), &self.events, &folder) }
    }

    /// Accuracy of the last validation, and of how many scored tokens.
    pub(crate) fn last_scored(&self) -> Option<(f64, u64)> {
        evals(&self.events, VALID).last().map(|eval| (eval.accuracy, eval.scored))
    }

    /// What became of the run: the last word of its journal. Without an end, [`Status::Running`]: a journal cannot tell a
    /// run at work from a killed one.
    pub fn status(&self) -> Status {
        status(&self.events).0
    }
}

impl CaseRuns {
    /// The runs of a case from their folders, read at once. `order` names the variants as the case file has them; it may
    /// be empty. What cannot be read is listed as such.
    pub fn read(name: &str, folders: &[PathBuf], order: &[String]) -> Self {
        let mut case = Self { name: name.into(), variants: order.to_vec(), runs: Vec::new(), unreadable: Vec::new() };
        for (folder, run) in folders.iter().zip(in_parallel(folders, |folder| Run::read(folder))) {
            match run {
                Ok(run) => case.runs.push(run),
                Err(error) => case.unreadable.push((folder.clone(), error)),
            }
        }
        let mut others: Vec<String> = case.runs.iter().map(|run| run.info.variant.clone()).collect();
        others.sort_unstable();
        others.dedup();
        others.retain(|variant| !order.contains(variant));
        case.variants.extend(others);
        let place = |variant: &str| case.variants.iter().position(|other| other == variant);
        case.runs.sort_by_key(|run| (place(&run.info.variant), run.info.seed));
        case
    }

    /// A variant's runs, by seed.
    pub fn of_variant(&self, variant: &str) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.info.variant == variant)
    }

    /// A variant's colour in every chart, table and page of the case: an index in [`PALETTE`], counted round. It depends
    /// on the variant's place in the case file alone, so that it stays when runs are added.
    pub fn color(&self, variant: &str) -> usize {
        let place = self.variants.iter().position(|other| other == variant).unwrap_or(self.variants.len());
        VARIANTS[place % VARIANTS.len()] + PALETTE.len() * (place / VARIANTS.len())
    }

    /// What the case asks, as its latest run was told.
    pub fn question(&self) -> &str {
        self.runs.iter().max_by_key(|run| &run.info.created).map_or("", |run| &run.info.question)
    }

    /// The labelled examples of its latest run, where all its runs learn from such.
    pub(crate) fn examples(&self) -> Option<&ExamplesInfo> {
        let latest = self.runs.iter().max_by_key(|run| &run.info.created)?;
        let is_labelled = self.runs.iter().all(|run| run.info.data.examples.is_some());
        latest.info.data.examples.as_ref().filter(|_| is_labelled)
    }

    /// `20 runs: 18 finished, 2 diverged`.
    pub(crate) fn states(&self) -> String {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for run in &self.runs {
            let word = run.state.word();
            match counts.iter_mut().find(|(known, _)| *known == word) {
                Some((_, count)) => *count += 1,
                None => counts.push((word, 1)),
            }
        }
        if !self.unreadable.is_empty() {
            counts.push(("unreadable", self.unreadable.len()));
        }
        let parts: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
        let all = self.runs.len() + self.unreadable.len();
        format!("{all} run{}: {}", if all == 1 { "" } else { "s" }, parts.join(", "))
    }

    /// The corpora that were validated on apart, in the runs' order; none where no run has several.
    pub(crate) fn corpora(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for run in self.runs.iter().filter(|run| run.info.data.corpora.len() > 1) {
            for corpus in &run.info.data.corpora {
                if !names.contains(&corpus.name.as_str()) {
                    names.push(corpus.name.as_str());
                }
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{case_runs, case_runs_of};

    #[test]
    fn runs_stand_in_the_order_of_the_case_file_and_by_seed() {
        let case = case_runs();
        let runs: Vec<String> = case.runs.iter().map(|run| format!("{} {}", run.info.variant, run.info.seed)).collect();
        assert_eq!(runs, ["layer-6 1", "layer-6 2", "layer-4 1", "layer-4 2", "layer-4 10"]);
    }

    #[test]
    fn a_colour_depends_on_the_place_in_the_case_file_alone() {
        let order = ["layer-6", "layer-4"].map(String::from);
        let few = case_runs_of(&order, &[("layer-4", 1)]);
        let many = case_runs_of(&order, &[("layer-2", 1), ("layer-4", 1), ("layer-6", 1)]);
        for variant in ["layer-4", "layer-6"] {
            assert_eq!(few.color(variant), many.color(variant));
        }
        let colors: std::collections::BTreeSet<usize> =
            (0..14).map(|at| VARIANTS[at % VARIANTS.len()] + PALETTE.len() * (at / VARIANTS.len())).collect();
        assert_eq!(colors.len(), 14);
        assert!(!VARIANTS.contains(&7), "yellow on white");
    }

    #[test]
    fn a_run_that_cannot_be_read_is_named_and_the_others_are_there() {
        let root = tempfile::tempdir().unwrap();
        let case = CaseRuns::read("case1", &[root.path().join("gone")], &[]);
        assert_eq!((case.runs.len(), case.unreadable.len()), (0, 1));
        assert!(case.unreadable[0].0.ends_with("gone"));
        assert_eq!(case.question(), "");
    }
}
