//! Run folders, read for comparing, and the variants they belong to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use case::CaseConfig;

use crate::case_runs;
use crate::error::JournalError;
use crate::event::{Eval, Event, Status};
use crate::file::read;
use crate::info::RunInfo;
use crate::labelled::TEST;
use crate::record::or_none;
use crate::report::status;
use crate::results::{VALID, evals};

/// A run as its folder tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The folder.
    pub dir: PathBuf,
    /// `run.json`.
    pub info: RunInfo,
    /// `case.toml`, complete.
    pub config: CaseConfig,
    /// Where each value of `config` came from, by dotted key.
    pub origins: BTreeMap<String, String>,
    /// The events of `journal.jsonl` that count, in order; none where the run never began.
    pub events: Vec<Event>,
}

impl Run {
    /// The run in a folder.
    ///
    /// # Errors
    /// Those of [`RunInfo::read`] and [`read`](crate::read), and [`JournalError::ResolvedCase`] with what is wrong with
    /// the `case.toml`.
    pub fn read(dir: &Path) -> Result<Self, JournalError> {
        Self::with(dir, RunInfo::read(dir)?, or_none(read(&dir.join("journal.jsonl")))?)
    }

    /// The same of a run whose facts and events have been read already: its case is read beside them.
    pub(crate) fn of(run: &case_runs::Run) -> Result<Self, JournalError> {
        Self::with(&run.folder, run.info.clone(), run.events.clone())
    }

    fn with(dir: &Path, info: RunInfo, events: Vec<Event>) -> Result<Self, JournalError> {
        let path = dir.join("case.toml");
        let text = fs::read_to_string(&path).map_err(JournalError::io("read", &path))?;
        let config = case::read_resolved(&text).map_err(|source| JournalError::ResolvedCase { path, source })?;
        Ok(Self { dir: dir.to_path_buf(), info, config, origins: case::resolved_origins(&text), events })
    }

    /// What became of it.
    pub fn status(&self) -> Status {
        status(&self.events).0
    }

    /// Its validations, in order.
    pub(crate) fn evals(&self) -> Vec<&Eval> {
        evals(&self.events, VALID)
    }

    /// Whether it learns from labelled examples.
    pub(crate) fn is_labelled(&self) -> bool {
        self.info.data.examples.is_some()
    }

    /// The last evaluation of the examples kept for the end: that of the best checkpoint.
    pub(crate) fn test_eval(&self) -> Option<&Eval> {
        evals(&self.events, TEST).last().copied()
    }

    /// The last validation.
    pub(crate) fn last_eval(&self) -> Option<&Eval> {
        self.evals().last().copied()
    }
}

/// The folders at and below this one that hold a `run.json`, sorted by name with numbers in their order (`s2` before
/// `s10`).
///
/// # Errors
/// [`JournalError::Io`] with the folder that cannot be read.
pub fn find_runs(dir: &Path) -> Result<Vec<PathBuf>, JournalError> {
    if dir.join("run.json").is_file() {
        return Ok(vec![dir.to_path_buf()]);
    }
    let mut inside = Vec::new();
    for entry in fs::read_dir(dir).map_err(JournalError::io("read", dir))? {
        let path = entry.map_err(JournalError::io("read", dir))?.path();
        if path.is_dir() {
            inside.push(path);
        }
    }
    inside.sort_by_key(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let letters = name.trim_end_matches(|letter: char| letter.is_ascii_digit()).to_string();
        (letters.clone(), name[letters.len()..].parse::<u64>().unwrap_or(0), name)
    });
    let mut found = Vec::new();
    for path in inside {
        found.extend(find_runs(&path)?);
    }
    Ok(found)
}

/// The runs of one variant: one configuration, several seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// What the reader knows it by.
    pub name: String,
    /// One for each seed.
    pub runs: Vec<Run>,
}

/// Whether all runs learn from labelled examples.
pub(crate) fn are_labelled(groups: &[Group]) -> bool {
    groups.iter().flat_map(|group| &group.runs).all(Run::is_labelled)
}

/// Runs gathered by case and variant, in the order in which each variant is first met, with the seeds in order. Where two
/// runs have one seed, as when a run and its restart are compared, each run of that variant stands for itself.
///
/// Groups go by the variant's name, with the case's before it where there are several cases, and by the run's folder, less
/// what all folders begin with, where runs stand for themselves.
pub fn grouped(runs: Vec<Run>) -> Vec<Group> {
    let has_several_cases = runs.iter().any(|run| run.info.case != runs[0].info.case);
    let mut gathered: Vec<Vec<Run>> = Vec::new();
    let is_same = |a: &Run, b: &Run| (&a.info.case, &a.info.variant) == (&b.info.case, &b.info.variant);
    for run in runs {
        match gathered.iter_mut().find(|group| is_same(&group[0], &run)) {
            Some(group) => group.push(run),
            None => gathered.push(vec![run]),
        }
    }
    let mut groups = Vec::new();
    for mut runs in gathered {
        runs.sort_by_key(|run| run.info.seed);
        if runs.windows(2).any(|pair| pair[0].info.seed == pair[1].info.seed) {
            let shared = shared_start(&runs);
            let name = |run: &Run| run.dir.iter().skip(shared).collect::<PathBuf>().display().to_string();
            groups.extend(runs.into_iter().map(|run| Group { name: name(&run), runs: vec![run] }));
        } else {
            let (case, variant) = (&runs[0].info.case, &runs[0].info.variant);
            let name = if has_several_cases { format!("{case}/{variant}") } else { variant.clone() };
            groups.push(Group { name, runs });
        }
    }
    groups
}

/// With how many folders all runs' paths begin alike.
fn shared_start(runs: &[Run]) -> usize {
    let parts = |run: &Run| run.dir.iter().map(|part| part.to_os_string()).collect::<Vec<_>>();
    let first = parts(&runs[0]);
    let alike = |run: &Run| first.iter().zip(parts(run)).take_while(|(a, b)| *a == b).count();
    runs.iter().map(alike).min().unwrap_or(0).min(first.len() - 1)
}
