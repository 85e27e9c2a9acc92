//! Lines of a text file, and what they mean in txt.

use std::io::{self, BufRead, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use case::DocumentKind;

use super::files::{InputFile, open_counted};
use super::{Documents, MAX_LINE_BYTES, Watch};
use crate::CorpusError;

/// What [`Lines::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A line without its line feed.
    Text(&'a [u8]),
    /// A line longer than [`MAX_LINE_BYTES`], skipped.
    TooLong,
}

/// Lines with their numbers from 1, none longer than [`MAX_LINE_BYTES`] in memory; a byte order mark is dropped.
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), number: 0 }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        self.buffer.clear();
        let mut limited = self.reader.by_ref().take(MAX_LINE_BYTES as u64 + 1);
        if limited.read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let line = match self.buffer.strip_suffix(b"\n") {
            Some(line) => line,
            None if self.buffer.len() > MAX_LINE_BYTES => {
                self.reader.skip_until(b'\n')?;
                return Ok(Some((self.number, Line::TooLong)));
            }
            None => &self.buffer,
        };
        let bare = if self.number == 1 { line.strip_prefix(b"\xef\xbb\xbf") } else { None };
        Ok(Some((self.number, Line::Text(bare.unwrap_or(line)))))
    }
}

pub(super) const TOO_LONG: &str = "longer than 16 MiB";

/// Reads a txt file whose kind of documents is settled.
pub(super) fn read_txt(file: &InputFile, watch: &Watch, into: &mut Documents<'_>) -> Result<(), CorpusError> {
    let mut lines = Lines::new(open_counted(file, watch)?);
    while let Some((number, line)) = lines.next().map_err(CorpusError::read(&file.path))? {
        let has_text = match line {
            Line::Text(bytes) => into.line(bytes, number)?,
            Line::TooLong => {
                into.bad(number, TOO_LONG);
                true
            }
        };
        let ends = match file.documents {
            DocumentKind::Line => true,
            DocumentKind::File => false,
            DocumentKind::BlankLine | DocumentKind::Auto => !has_text,
        };
        if ends {
            into.end_document()?;
        }
    }
    Ok(())
}

/// Whether an empty line stands between two lines of text; those at the end of a file part nothing.
pub(super) fn has_empty_line(file: &InputFile, stop: &AtomicBool) -> Result<bool, CorpusError> {
    let watch = Watch::default();
    let mut lines = Lines::new(open_counted(file, &watch)?);
    let (mut text_before, mut empty_before) = (false, false);
    while let Some((number, line)) = lines.next().map_err(CorpusError::read(&file.path))? {
        let is_empty = match line {
            Line::Text(bytes) => is_blank(bytes),
            Line::TooLong => false,
        };
        if !is_empty && empty_before {
            return Ok(true);
        }
        text_before |= !is_empty;
        empty_before = is_empty && text_before;
        if number % 65_536 == 0 && stop.load(Ordering::Relaxed) {
            return Err(CorpusError::Interrupted);
        }
    }
    Ok(false)
}

/// White space only, in the sense in which lines are trimmed.
fn is_blank(bytes: &[u8]) -> bool {
    match bytes.first() {
        None => true,
        // Most lines start with a letter: no need to decode them.
        Some(first) if first.is_ascii_graphic() => false,
        Some(_) => std::str::from_utf8(bytes).is_ok_and(|line| line.trim().is_empty()),
    }
}
