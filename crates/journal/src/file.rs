//! The journal's file: one JSON object a line, its last key a checksum of the line.
//!
//! A line is `{...,"crc32":"89abcdef"}` and a newline. The checksum is CRC-32 (IEEE 802.3), eight lower-case hexadecimal
//! digits, over the line's bytes as they would be without that key: `{...}`. It finds any one flipped byte and any cut.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{JournalError, LineFault};
use crate::event::Event;
use crate::supersede::drop_superseded;
use crate::write::{first_non_finite, sync_folder};

const KEY: &[u8] = b",\"crc32\":\"";
const CLOSE: &[u8] = b"\"}";
const DIGITS: usize = 8;

/// A journal open for appending. Only one process may hold a run's journal; who holds it is the caller's to know.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Bytes of whole lines.
    length: u64,
    /// A failed write may have left part of a line behind `length`.
    torn: bool,
}

/// The cut-off end of a last line that was never wholly written: what a crash leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornTail {
    /// Where it began: the journal's length now.
    pub offset: u64,
    /// Bytes cut off.
    pub bytes: u64,
}

impl Journal {
    /// A new, empty journal.
    ///
    /// # Errors
    /// [`JournalError::JournalExists`] where a file is already; [`JournalError::Io`].
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let opened = OpenOptions::new().append(true).create_new(true).open(path);
        let file = opened.map_err(|source| match source.kind() {
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
        let opened = OpenOptions::new().read(true).append(true).open(path);
        let mut file = opened.map_err(JournalError::io("open", path))?;
        let length = file.metadata().map_err(JournalError::io("read", path))?.len();
        let start = line_start(&mut file, length).map_err(JournalError::io("read", path))?;
        let last = bytes_between(&mut file, start, length).map_err(JournalError::io("read", path))?;
        if last.is_empty() || whole_line(&last).is_ok() {
            return Ok((Self { file, path: path.to_path_buf(), length, torn: false }, None));
        }
        let before = line_start(&mut file, start).map_err(JournalError::io("read", path))?;
        let previous = bytes_between(&mut file, before, start).map_err(JournalError::io("read", path))?;
        if !previous.is_empty() && whole_line(&previous).is_err() {
            check_lines(path)?;
        }
        file.set_len(start).and_then(|()| file.sync_all()).map_err(JournalError::io("cut the torn end off", path))?;
        let tail = TornTail { offset: start, bytes: length - start };
        Ok((Self { file, path: path.to_path_buf(), length: start, torn: false }, Some(tail)))
    }

    /// Writes one event and returns when the disk has it. After an error the journal is as it was before the call.
    ///
    /// # Errors
    /// [`JournalError::NonFinite`] names the field; [`JournalError::Io`] when the disk is full or gone.
    pub fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        let line = line_of(event)?;
        if self.torn {
            self.file.set_len(self.length).map_err(JournalError::io("repair", &self.path))?;
            self.torn = false;
        }
        let written = self.file.write_all(&line).and_then(|()| self.file.flush()).and_then(|()| self.file.sync_data());
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
/// [`JournalError::UnknownEvent`] for a sound line of another version, [`JournalError::Io`].
pub fn read_all(path: &Path) -> Result<Vec<Event>, JournalError> {
    let mut events = Vec::new();
    for_each_line(path, |number, content| {
        let event = serde_json::from_slice(content).map_err(|source| JournalError::UnknownEvent {
            path: path.to_path_buf(),
            line: number,
            source,
        })?;
        events.push(event);
        Ok(())
    })?;
    Ok(events)
}

/// Fails at the first damaged line before the last.
fn check_lines(path: &Path) -> Result<(), JournalError> {
    for_each_line(path, |_, _| Ok(()))
}

/// Calls `visit` with the number and the checked content of every whole line.
fn for_each_line(
    path: &Path,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let mut reader = BufReader::new(File::open(path).map_err(JournalError::io("open", path))?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(JournalError::io("read", path))? == 0 {
            break;
        }
        match whole_line(&line) {
            Ok(content) => visit(number, &content)?,
            Err(fault) if !reader.fill_buf().map_err(JournalError::io("read", path))?.is_empty() => {
                return Err(JournalError::DamagedLine { path: path.to_path_buf(), line: number, fault });
            }
            Err(_) => break, // the last line, torn
        }
    }
    Ok(())
}

/// The event's line, with checksum and newline.
fn line_of(event: &Event) -> Result<Vec<u8>, JournalError> {
    let non_finite =
        |field| JournalError::NonFinite { field, what: format!("the {} event at step {}", event.name(), event.step()) };
    if let Some(field) = first_non_finite(event) {
        return Err(non_finite(field));
    }
    let mut line = serde_json::to_vec(event).expect("events hold strings, numbers and lists only");
    let checksum = crc32fast::hash(&line);
    line.pop();
    line.extend_from_slice(KEY);
    line.extend_from_slice(format!("{checksum:08x}").as_bytes());
    line.extend_from_slice(CLOSE);
    line.push(b'\n');
    Ok(line)
}

/// The content of a line that ends in a newline and has the checksum it states: the JSON object without its last key.
fn whole_line(line: &[u8]) -> Result<Vec<u8>, LineFault> {
    let line = line.strip_suffix(b"\n").and_then(|line| line.strip_suffix(CLOSE)).ok_or(LineFault::NoChecksum)?;
    let digits_at = line.len().checked_sub(DIGITS).ok_or(LineFault::NoChecksum)?;
    let (line, digits) = line.split_at(digits_at);
    let content = line.strip_suffix(KEY).ok_or(LineFault::NoChecksum)?;
    let content = [content, b"}"].concat();
    let computed = format!("{:08x}", crc32fast::hash(&content));
    if computed.as_bytes() != digits {
        return Err(LineFault::Checksum { stated: String::from_utf8_lossy(digits).into_owned(), computed });
    }
    Ok(content)
}

/// Where the line that ends at `end` begins; its own newline, just before `end`, is not taken for the one before it.
fn line_start(file: &mut File, end: u64) -> std::io::Result<u64> {
    const CHUNK: u64 = 1 << 16;
    let mut searched_from = end.saturating_sub(1);
    while searched_from > 0 {
        let from = searched_from.saturating_sub(CHUNK);
        let chunk = bytes_between(file, from, searched_from)?;
        if let Some(at) = chunk.iter().rposition(|&byte| byte == b'\n') {
            return Ok(from + at as u64 + 1);
        }
        searched_from = from;
    }
    Ok(0)
}

fn bytes_between(file: &mut File, from: u64, to: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(to - from).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
