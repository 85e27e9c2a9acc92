//! The journal's file: a run's events, one checked line each (`lines`).

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::io::Write;
use std::path::{Path, PathBuf};

use disk::DiskFile;
use serde::Deserialize;

use crate::error::JournalError;
use crate::event::{Event, Log};
use crate::info::{FORMAT, check_format, first_format};
use crate::lines::{TornTail, checked_line, for_each_line, open_lines};
use crate::supersede::drop_superseded;
use crate::write::sync_folder;

/// A journal open for appending. Only one process may hold a run's journal; who holds it is the caller's to know.
#[derive(Debug)]
pub struct Journal {
    file: DiskFile,
    path: PathBuf,
    /// Bytes of whole lines.
    length: u64,
    /// A failed write may have left part of a line behind `length`.
    torn: bool,
}

impl Journal {
    /// A new, empty journal.
    ///
    /// # Errors
    /// [`JournalError::JournalExists`] where a file is already; [`JournalError::Io`].
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let file = DiskFile::create_new(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => JournalError::JournalExists { path: path.to_path_buf() },
            _ => JournalError::io("create", path)(source),
        })?;
        sync_folder(path)?;
        Ok(Self { file, path: path.to_path_buf(), length: 0, torn: false })
    }

    /// An existing journal, for appending. A torn last line is cut off and reported; lines before the last two are not
    /// looked at ([`read`] does), so that a long journal opens as fast as a short one.
    ///
    /// # Errors
    /// [`JournalError::Io`]; [`JournalError::DamagedLine`] when the line before a torn one is damaged too, because then
    /// more was lost than a crash can explain.
    pub fn open(path: &Path) -> Result<(Self, Option<TornTail>), JournalError> {
        let (file, length, torn) = open_lines(path)?;
        Ok((Self { file, path: path.to_path_buf(), length, torn: false }, torn))
    }

    /// Writes one event and returns when the disk has it. After an error the journal is as it was before the call.
    ///
    /// # Errors
    /// [`JournalError::NonFinite`] names the field; [`JournalError::Io`] when the disk is full or gone.
    pub fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        let line = checked_line(event, || format!("the {} event at step {}", event.name(), event.step()))?;
        if self.torn {
            self.file.set_len(self.length).map_err(JournalError::io("repair", &self.path))?;
            self.torn = false;
        }
        let written = self.file.write_all(&line).and_then(|()| self.file.sync());
        if let Err(source) = written {
            self.torn = self.file.set_len(self.length).is_err();
            return Err(JournalError::io("write to", &self.path)(source));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// Where the journal is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The events that count, in order: [`read_all`] without what a resume has superseded ([`drop_superseded`]).
///
/// # Errors
/// As [`read_all`].
pub fn read(path: &Path) -> Result<Vec<Event>, JournalError> {
    Ok(drop_superseded(read_all(path)?))
}

/// Every event ever written, in order. A torn last line is passed over; it was never reported as written.
///
/// # Errors
/// [`JournalError::DamagedLine`] with the line's number for a damaged line before the last,
/// [`JournalError::Format`] where a start or a resume says that of a later version, [`JournalError::UnknownEvent`] for a
/// sound line that is not known, [`JournalError::Io`].
pub fn read_all(path: &Path) -> Result<Vec<Event>, JournalError> {
    let mut events = Vec::new();
    for_each_line(path, |number, content| {
        events.push(event_of(path, number, content)?);
        Ok(())
    })?;
    Ok(events)
}

/// As [`read`], but of log lines that follow one another the last alone, the others not even parsed: all that a list of
/// runs needs, in a fraction of the time. A resume is taken from a checkpoint, whose line parts the logs before it from
/// those after it, so what a resume takes back is taken back here too.
///
/// # Errors
/// As [`read_all`], but for log lines that are passed over.
pub(crate) fn read_outline(path: &Path) -> Result<Vec<Event>, JournalError> {
    let mut events = Vec::new();
    let mut log: Option<(u64, Vec<u8>)> = None;
    for_each_line(path, |number, content| {
        if content.starts_with(LOG) {
            log = Some((number, content.to_vec()));
            return Ok(());
        }
        if let Some((number, content)) = log.take() {
            events.push(event_of(path, number, &content)?);
        }
        events.push(event_of(path, number, content)?);
        Ok(())
    })?;
    if let Some((number, content)) = log {
        events.push(event_of(path, number, &content)?);
    }
    Ok(drop_superseded(events))
}

/// How a log line begins, as serde writes an [`Event::Log`].
const LOG: &[u8] = b"{\"event\":\"log\",";
/// How lines begin that say the format of those behind them.
const TELL_FORMAT: [&[u8]; 2] = [b"{\"event\":\"start\",", b"{\"event\":\"resume\","];

/// All that is read of a line whose format may be a later one.
#[derive(Deserialize)]
struct FormatOnly {
    #[serde(default = "first_format")]
    format: u32,
}

fn event_of(path: &Path, line: u64, content: &[u8]) -> Result<Event, JournalError> {
    let unknown = |source| JournalError::UnknownEvent { path: path.to_path_buf(), line, source };
    if TELL_FORMAT.iter().any(|begin| content.starts_with(begin)) {
        let FormatOnly { format } = serde_json::from_slice(content).map_err(unknown)?;
        check_format(path, format, FORMAT)?;
    }
    // Nearly all lines are logs, and telling kinds apart by a key costs serde a copy of every field.
    let parsed = match content.starts_with(LOG) {
        true => serde_json::from_slice::<Log>(content).map(Event::Log),
        false => serde_json::from_slice(content),
    };
    parsed.map_err(unknown)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
