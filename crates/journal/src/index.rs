//! All runs below a folder, thousands at once.
//!
//! Summaries are kept in a file beside the runs, `.index.jsonl`, each with the size and the time of change of the files it
//! was made from. The file is a cache: one that is missing, damaged or of another version is made anew, and an entry whose
//! files have changed since is not used.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::error::JournalError;
use crate::info::FORMAT;
use crate::lines::{checked_line, for_each_line, with_checksum};
use crate::lock::run_is_held;
use crate::parallel::in_parallel;
use crate::summary::{RunState, RunSummary, summary};
use crate::write::write_atomically;

/// What the index is made from: a run's description, its journal, and its remarks.
const FILES: [&str; 3] = ["run.json", "journal.jsonl", "notes.jsonl"];
const INDEX: &str = ".index.jsonl";
/// Goes up whenever a summary is made otherwise: the program's own version, so that no release reads another's.
const MADE_BY: &str = env!("CARGO_PKG_VERSION");
/// case/variant/seed below the folder of all runs, and one more for those who sort their cases into folders.
const DEPTH: usize = 4;

/// The runs below a folder.
#[derive(Debug)]
pub struct Listing {
    /// By case, variant and seed.
    pub runs: Vec<RunSummary>,
    /// Runs whose files had changed since the index was written, or that were not in it.
    pub read_anew: usize,
    /// Why the index could not be written: the runs are listed all the same, only not faster the next time.
    pub index_error: Option<JournalError>,
}

/// Size and time of change of a file, in nanoseconds since 1970; `None` where there is none.
type Stamp = Option<(u64, u64)>;

/// The first line of an index: who wrote it.
#[derive(Serialize, Deserialize, PartialEq)]
struct Head {
    index: u32,
    made_by: String,
}

/// A line of an index.
#[derive(Serialize, Deserialize)]
struct Entry {
    stamps: [Stamp; 3],
    summary: RunSummary,
}

/// All runs below `root`, or the one in it.
///
/// A run whose journal holds no end is at work when its lock is held ([`run_is_held`]), and was killed otherwise.
///
/// # Errors
/// [`JournalError::Io`] where a folder cannot be listed. A run that cannot be read is no error but
/// [`RunState::Damaged`].
pub fn list_runs(root: &Path) -> Result<Listing, JournalError> {
    let mut folders = Vec::new();
    find_runs(root, "", DEPTH, &mut folders)?;
    let mut known = read_index(&root.join(INDEX)).unwrap_or_default();
    let before = known.len();
    let mut entries: Vec<(String, [Stamp; 3])> =
        folders.into_iter().map(|(folder, path)| (folder, stamps(&path))).collect();
    entries.sort();
    let stale: Vec<&(String, [Stamp; 3])> = entries
        .iter()
        .filter(|(folder, stamps)| known.get(folder).is_none_or(|entry| entry.stamps != *stamps))
        .collect();
    // The stamps are older than what is read here: a run that grows meanwhile is read once more the next time.
    let fresh =
        in_parallel(&stale, |(folder, stamps)| Entry { stamps: *stamps, summary: summary(&root.join(folder), folder) });
    let read_anew = fresh.len();
    known.extend(fresh.into_iter().map(|entry| (entry.summary.folder.clone(), entry)));
    known.retain(|folder, _| entries.binary_search_by(|(other, _)| other.cmp(folder)).is_ok());
    let mut all: Vec<Entry> = known.into_values().collect();
    all.sort_by(|a, b| order(&a.summary).cmp(&order(&b.summary)));
    let is_changed = read_anew > 0 || all.len() != before;
    let index_error = if is_changed { write_index(&root.join(INDEX), &all).err() } else { None };
    let mut runs: Vec<RunSummary> = all.into_iter().map(|entry| entry.summary).collect();
    for run in runs.iter_mut().filter(|run| run.state == RunState::Running) {
        if !run_is_held(&root.join(&run.folder)) {
            run.state = RunState::Killed;
        }
    }
    Ok(Listing { runs, read_anew, index_error })
}

/// The folders of the runs of a case, sorted: those below `root` whose description names it.
///
/// # Errors
/// As [`list_runs`].
pub fn runs_of_case(root: &Path, case: &str) -> Result<Vec<PathBuf>, JournalError> {
    let listing = list_runs(root)?;
    Ok(listing.runs.into_iter().filter(|run| run.case == case).map(|run| root.join(run.folder)).collect())
}

fn order(run: &RunSummary) -> (&str, &str, u64, &str) {
    (&run.case, &run.variant, run.seed, &run.folder)
}

/// Adds the run folders below `path`, each with its path relative to the root.
fn find_runs(path: &Path, folder: &str, depth: usize, found: &mut Vec<(String, PathBuf)>) -> Result<(), JournalError> {
    if path.join(FILES[0]).exists() {
        found.push((folder.to_string(), path.to_path_buf()));
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(JournalError::io("list", path))? {
        let entry = entry.map_err(JournalError::io("list", path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if !name.starts_with('.') && !is_file && entry.path().is_dir() {
            names.push(name);
        }
    }
    for name in names {
        let below = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        find_runs(&path.join(&name), &below, depth - 1, found)?;
    }
    Ok(())
}

fn stamps(run_dir: &Path) -> [Stamp; 3] {
    FILES.map(|name| {
        let data = fs::metadata(run_dir.join(name)).ok()?;
        let changed = data.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some((data.len(), changed.as_nanos() as u64))
    })
}

/// The entries of an index by folder; `None` for anything but a whole index of this version.
fn read_index(path: &Path) -> Option<HashMap<String, Entry>> {
    let mut entries = HashMap::new();
    let mut head = None;
    let read = for_each_line(path, |line, content| {
        let fault = |source| JournalError::UnknownEvent { path: path.to_path_buf(), line, source };
        if line == 1 {
            head = Some(serde_json::from_slice::<Head>(content).map_err(fault)?);
        } else {
            let entry: Entry = serde_json::from_slice(content).map_err(fault)?;
            entries.insert(entry.summary.folder.clone(), entry);
        }
        Ok(())
    });
    (read.is_ok() && head == Some(our_head())).then_some(entries)
}

fn our_head() -> Head {
    Head { index: FORMAT, made_by: MADE_BY.into() }
}

fn write_index(path: &Path, entries: &[Entry]) -> Result<(), JournalError> {
    let mut text = checked_line(&our_head(), || "the index".into())?;
    for entry in entries {
        let line = serde_json::to_vec(entry).expect("an entry holds strings, numbers and lists only");
        text.extend(with_checksum(line)); // not `checked_line`: what is not known is null here
    }
    write_atomically(path, &text)
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
