//! The runs of a case, read together.

use std::path::{Path, PathBuf};

use crate::chart::PALETTE;
use crate::error::JournalError;
use crate::event::{Event, Status};
use crate::file::read;
use crate::info::RunInfo;
use crate::notes::{Note, read_notes};
use crate::parallel::in_parallel;
use crate::record::or_none;
use crate::report::status;

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
}

/// The runs of one case.
#[derive(Debug)]
pub struct Study {
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
        Ok(Self { folder: folder.to_path_buf(), info, events, notes })
    }

    /// What became of the run: the last word of its journal. Without an end, [`Status::Running`]: a journal cannot tell a
    /// run at work from a killed one.
    pub fn status(&self) -> Status {
        status(&self.events).0
    }
}

impl Study {
    /// The runs of a case from their folders, read at once. `order` names the variants as the case file has them; it may
    /// be empty. What cannot be read is listed as such.
    pub fn read(name: &str, folders: &[PathBuf], order: &[String]) -> Self {
        let mut study = Self { name: name.into(), variants: order.to_vec(), runs: Vec::new(), unreadable: Vec::new() };
        for (folder, run) in folders.iter().zip(in_parallel(folders, |folder| Run::read(folder))) {
            match run {
                Ok(run) => study.runs.push(run),
                Err(error) => study.unreadable.push((folder.clone(), error)),
            }
        }
        let mut others: Vec<String> = study.runs.iter().map(|run| run.info.variant.clone()).collect();
        others.sort_unstable();
        others.dedup();
        others.retain(|variant| !order.contains(variant));
        study.variants.extend(others);
        let place = |variant: &str| study.variants.iter().position(|other| other == variant);
        study.runs.sort_by_key(|run| (place(&run.info.variant), run.info.seed));
        study
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
    use crate::synthetic::{study, study_of};

    #[test]
    fn runs_stand_in_the_order_of_the_case_file_and_by_seed() {
        let study = study();
        let runs: Vec<String> =
            study.runs.iter().map(|run| format!("{} {}", run.info.variant, run.info.seed)).collect();
        assert_eq!(runs, ["layer-6 1", "layer-6 2", "layer-4 1", "layer-4 2", "layer-4 10"]);
    }

    #[test]
    fn a_colour_depends_on_the_place_in_the_case_file_alone() {
        let order = ["layer-6", "layer-4"].map(String::from);
        let few = study_of(&order, &[("layer-4", 1)]);
        let many = study_of(&order, &[("layer-2", 1), ("layer-4", 1), ("layer-6", 1)]);
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
        let study = Study::read("case1", &[root.path().join("gone")], &[]);
        assert_eq!((study.runs.len(), study.unreadable.len()), (0, 1));
        assert!(study.unreadable[0].0.ends_with("gone"));
        assert_eq!(study.question(), "");
    }
}
