//! Files of checked lines: one JSON object a line, its last key a checksum of the line.
//!
//! A line is `{...,"crc32":"89abcdef"}` and a newline. The checksum is CRC-32 (IEEE 802.3), eight lower-case hexadecimal
//! digits, over the line's bytes as they would be without that key: `{...}`. It finds any one flipped byte and any cut.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use disk::DiskFile;
use serde::Serialize;

use crate::error::{JournalError, LineFault};
use crate::write::first_non_finite;

const KEY: &[u8] = b",\"crc32\":\"";
const CLOSE: &[u8] = b"\"}";
const DIGITS: usize = 8;
/// No line comes near it; what is longer is no line, and is not held in memory.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// The cut-off end of a last line that was never wholly written: what a crash leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornTail {
    /// Where it began: the file's length now.
    pub offset: u64,
    /// Bytes cut off.
    pub bytes: u64,
}

/// An existing file, for appending, with its length in whole lines. A torn last line is cut off and reported; lines
/// before the last two are not looked at, so that a long file opens as fast as a short one.
///
/// # Errors
/// [`JournalError::Io`]; [`JournalError::DamagedLine`] when the line before a torn one is damaged too.
pub(crate) fn open_lines(path: &Path) -> Result<(DiskFile, u64, Option<TornTail>), JournalError> {
    let mut whole = DiskFile::append(path).map_err(JournalError::io("open", path))?;
    let file = whole.file();
    let length = file.metadata().map_err(JournalError::io("read", path))?.len();
    let start = line_start(file, length).map_err(JournalError::io("read", path))?;
    if start == length || is_whole(file, start, length).map_err(JournalError::io("read", path))? {
        return Ok((whole, length, None));
    }
    let before = line_start(file, start).map_err(JournalError::io("read", path))?;
    if before < start && !is_whole(file, before, start).map_err(JournalError::io("read", path))? {
        check_lines(path)?;
    }
    whole.set_len(start).and_then(|()| whole.sync()).map_err(JournalError::io("cut the torn end off", path))?;
    Ok((whole, start, Some(TornTail { offset: start, bytes: length - start })))
}

/// Fails at the first damaged line before the last.
fn check_lines(path: &Path) -> Result<(), JournalError> {
    for_each_line(path, |_, _| Ok(()))
}

/// Calls `visit` with the number and the checked content of every whole line. A torn last line is passed over.
///
/// # Errors
/// [`JournalError::DamagedLine`], [`JournalError::Io`], and whatever `visit` says.
pub(crate) fn for_each_line(
    path: &Path,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let mut reader = BufReader::new(File::open(path).map_err(JournalError::io("open", path))?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let mut limited = reader.by_ref().take(MAX_LINE_BYTES);
        if limited.read_until(b'\n', &mut line).map_err(JournalError::io("read", path))? == 0 {
            break;
        }
        let is_cut = line.len() as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n");
        if is_cut {
            reader.skip_until(b'\n').map_err(JournalError::io("read", path))?;
        }
        match if is_cut { Err(LineFault::TooLong { most: MAX_LINE_BYTES }) } else { whole_line(&line) } {
            Ok(length) => {
                line.truncate(length);
                line.push(b'}');
                visit(number, &line)?;
            }
            Err(fault) if !reader.fill_buf().map_err(JournalError::io("read", path))?.is_empty() => {
                return Err(JournalError::DamagedLine { path: path.to_path_buf(), line: number, fault });
            }
            Err(_) => break, // the last line, torn
        }
    }
    Ok(())
}

/// The value as a line, with checksum and newline; `what` names it where a number of it is not finite.
///
/// # Errors
/// [`JournalError::NonFinite`].
pub(crate) fn checked_line(value: &impl Serialize, what: impl FnOnce() -> String) -> Result<Vec<u8>, JournalError> {
    if let Some(field) = first_non_finite(value) {
        return Err(JournalError::NonFinite { field, what: what() });
    }
    Ok(with_checksum(serde_json::to_vec(value).expect("lines hold strings, numbers and lists only")))
}

/// A JSON object that has a key, as a line.
pub(crate) fn with_checksum(mut line: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&line);
    line.pop();
    line.extend_from_slice(KEY);
    line.extend_from_slice(format!("{checksum:08x}").as_bytes());
    line.extend_from_slice(CLOSE);
    line.push(b'\n');
    line
}

/// The length of a line's content but for its closing brace, if the line ends in a newline and has the checksum it states.
fn whole_line(line: &[u8]) -> Result<usize, LineFault> {
    let line = line.strip_suffix(b"\n").and_then(|line| line.strip_suffix(CLOSE)).ok_or(LineFault::NoChecksum)?;
    let digits_at = line.len().checked_sub(DIGITS).ok_or(LineFault::NoChecksum)?;
    let (line, digits) = line.split_at(digits_at);
    let content = line.strip_suffix(KEY).ok_or(LineFault::NoChecksum)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(content);
    hasher.update(b"}");
    let computed = format!("{:08x}", hasher.finalize());
    if computed.as_bytes() != digits {
        return Err(LineFault::Checksum { stated: String::from_utf8_lossy(digits).into_owned(), computed });
    }
    Ok(content.len())
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

/// Whether a line begins and ends there that was wholly written.
fn is_whole(file: &mut File, from: u64, to: u64) -> std::io::Result<bool> {
    Ok(to - from <= MAX_LINE_BYTES && whole_line(&bytes_between(file, from, to)?).is_ok())
}

fn bytes_between(file: &mut File, from: u64, to: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(to - from).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_line_without_end_is_damage_and_not_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let sound = with_checksum(b"{\"a\":1}".to_vec());
        let long = vec![b'x'; MAX_LINE_BYTES as usize + 1];
        let read = |parts: &[&[u8]]| {
            fs::write(&path, parts.concat()).unwrap();
            let mut lines = 0;
            for_each_line(&path, |_, _| {
                lines += 1;
                Ok(())
            })
            .map(|()| lines)
        };
        assert_eq!(read(&[&sound, &long]).unwrap(), 1, "the end of a torn line is passed over");
        let (_, length, torn) = open_lines(&path).unwrap();
        assert_eq!((length, torn.map(|tail| tail.bytes)), (sound.len() as u64, Some(long.len() as u64)));
        let error = read(&[&sound, &long, b"\n", &sound]).unwrap_err();
        let fault = LineFault::TooLong { most: MAX_LINE_BYTES };
        assert!(
            matches!(&error, JournalError::DamagedLine { line: 2, fault: found, .. } if *found == fault),
            "{error}"
        );
        assert!(error.to_string().contains("line 2") && fault.to_string().contains("16 MiB"), "{error}");
    }

    #[test]
    fn the_start_of_a_line_is_found_across_chunks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        let mut bytes = vec![b'a'; 200_000];
        bytes[70] = b'\n';
        bytes[199_999] = b'\n';
        fs::write(&path, &bytes).unwrap();
        let mut file = File::open(&path).unwrap();
        assert_eq!(line_start(&mut file, 200_000).unwrap(), 71);
        assert_eq!(line_start(&mut file, 71).unwrap(), 0);
        assert_eq!(line_start(&mut file, 0).unwrap(), 0);
    }
}
