//! Dated remarks on a run: what a person saw in it, kept beside its journal.
//!
//! They have a file of their own, `notes.jsonl`, in the journal's line format. A journal belongs to the one process that
//! trains, which cuts off what it did not write itself when a write fails, and a remark may be made while it trains; and a
//! journal of events that only newer versions know could not be read by older ones.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use disk::DiskFile;
use serde::{Deserialize, Serialize};

use crate::error::JournalError;
use crate::info::{check_format, first_format};
use crate::lines::{checked_line, for_each_line, open_lines};
use crate::write::sync_folder;

/// A remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// RFC 3339, UTC.
    pub time: String,
    /// What was remarked, in any number of lines.
    pub text: String,
}

/// The format of a line that this version writes; it reads every one from 1 on, which said no format at first.
pub const NOTES_FORMAT: u32 = 1;

/// A remark as it stands in the file.
#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    time: &'a str,
    text: &'a str,
}

/// All that is read of a line whose format may be a later one.
#[derive(Deserialize)]
struct FormatOnly {
    #[serde(default = "first_format")]
    format: u32,
}

/// The file of a run's remarks.
pub(crate) fn notes_path(run_dir: &Path) -> PathBuf {
    run_dir.join("notes.jsonl")
}

/// Adds a remark to a run's and returns when the disk has it. Earlier remarks are never changed.
///
/// # Errors
/// [`JournalError::NoRun`] for a folder without a run, [`JournalError::EmptyNote`], [`JournalError::DamagedLine`] where the
/// file was damaged before, [`JournalError::Io`].
pub fn add_note(run_dir: &Path, note: &Note) -> Result<(), JournalError> {
    if !run_dir.join("run.json").exists() {
        return Err(JournalError::NoRun { path: run_dir.to_path_buf() });
    }
    if note.text.trim().is_empty() {
        return Err(JournalError::EmptyNote);
    }
    let path = notes_path(run_dir);
    let line = Written { format: NOTES_FORMAT, time: &note.time, text: &note.text };
    let line = checked_line(&line, || "the remark".into())?;
    match DiskFile::create_new(&path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(JournalError::io("create", &path)(error)),
        _ => {}
    }
    let (mut file, _, _) = open_lines(&path)?;
    file.write_all(&line).and_then(|()| file.sync()).map_err(JournalError::io("write to", &path))?;
    sync_folder(&path)
}

/// The remarks on a run, in the order they were made; none where there is no file of them.
///
/// # Errors
/// [`JournalError::DamagedLine`], [`JournalError::Format`] for a remark of a later version, [`JournalError::UnknownEvent`]
/// for a sound line that is no remark, [`JournalError::Io`].
pub fn read_notes(run_dir: &Path) -> Result<Vec<Note>, JournalError> {
    let path = notes_path(run_dir);
    let mut notes = Vec::new();
    let read = for_each_line(&path, |line, content| {
        let unknown = |source| JournalError::UnknownEvent { path: path.clone(), line, source };
        let FormatOnly { format } = serde_json::from_slice(content).map_err(unknown)?;
        check_format(&path, format, NOTES_FORMAT)?;
        notes.push(serde_json::from_slice(content).map_err(unknown)?);
        Ok(())
    });
    match read {
        Err(JournalError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map(|()| notes),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::synthetic::run_info;

    fn note(text: &str) -> Note {
        Note { time: "2026-11-21T12:00:00Z".into(), text: text.into() }
    }

    fn run() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        run_info().write(folder.path()).unwrap();
        folder
    }

    #[test]
    fn remarks_come_back_in_order_and_to_the_letter() {
        let folder = run();
        assert_eq!(read_notes(folder.path()).unwrap(), []);
        let notes = [note("the loss jumps at 11,267:\n한국어 \"begins\" there"), note("again")];
        notes.iter().for_each(|note| add_note(folder.path(), note).unwrap());
        assert_eq!(read_notes(folder.path()).unwrap(), notes);
    }

    #[test]
    fn a_remark_after_a_torn_one_stands_on_a_line_of_its_own() {
        let folder = run();
        ["one", "two"].iter().for_each(|text| add_note(folder.path(), &note(text)).unwrap());
        let path = notes_path(folder.path());
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        assert_eq!(read_notes(folder.path()).unwrap(), [note("one")]);
        add_note(folder.path(), &note("three")).unwrap();
        assert_eq!(read_notes(folder.path()).unwrap(), [note("one"), note("three")]);
    }

    #[test]
    fn a_changed_remark_is_found() {
        let folder = run();
        ["one", "two"].iter().for_each(|text| add_note(folder.path(), &note(text)).unwrap());
        let path = notes_path(folder.path());
        fs::write(&path, fs::read_to_string(&path).unwrap().replacen("one", "0ne", 1)).unwrap();
        assert!(matches!(read_notes(folder.path()), Err(JournalError::DamagedLine { line: 1, .. })));
    }

    #[test]
    fn a_remark_needs_a_run_and_words() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(add_note(folder.path(), &note("x")), Err(JournalError::NoRun { .. })));
        assert!(matches!(add_note(run().path(), &note(" \n")), Err(JournalError::EmptyNote)));
    }
}
