//! Lines come in, blocks of documents go out, and what was skipped is counted and named.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::files::InputFile;
use crate::CorpusError;

/// A block is closed at the first document end past this: large enough that handing it over costs nothing beside the
/// work on it, small enough that every core has some.
const BLOCK_BYTES: usize = 1 << 20;
/// The longest document; a few of them are in memory at once.
const MAX_DOCUMENT_BYTES: usize = 64 << 20;
/// How many unreadable lines are named.
const MAX_EXAMPLES: usize = 10;

/// What was read of a corpus, before anything was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Files.
    pub files: u64,
    /// Lines, the empty and the unreadable included.
    pub lines: u64,
    /// Lines without text.
    pub empty_lines: u64,
    /// Lines that are not UTF-8, too long or malformed.
    pub bad_lines: u64,
    /// The first of these, as `file:line: why`.
    pub bad_examples: Vec<String>,
    /// Documents with text.
    pub documents: u64,
    /// Bytes of text: trimmed lines and one byte between them.
    pub text_bytes: u64,
}

/// Some documents in order. A document is its lines, trimmed and not empty, parted by line feeds.
#[derive(Debug, Default)]
pub(crate) struct Block {
    first_document: u64,
    text: String,
    ends: Vec<usize>,
}

impl Block {
    /// Each document's number over all corpora, and its text.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (u64, &str)> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let texts = starts
            .zip(&self.ends)
            .map(|(start, end)| self.text.get(start..*end).expect("documents end at the ends of lines"));
        (self.first_document..).zip(texts)
    }
}

/// Gathers lines into documents and documents into blocks.
pub(crate) struct Documents<'a> {
    block: Block,
    tally: Tally,
    file: String,
    sink: &'a mut dyn FnMut(Block) -> Result<(), CorpusError>,
}

impl<'a> Documents<'a> {
    pub(super) fn new(first_document: u64, sink: &'a mut dyn FnMut(Block) -> Result<(), CorpusError>) -> Self {
        let block = Block { first_document, ..Block::default() };
        Self { block, tally: Tally::default(), file: String::new(), sink }
    }

    pub(super) fn start_file(&mut self, file: &InputFile) {
        self.tally.files += 1;
        self.file.clone_from(&file.name);
    }

    /// Adds one line to the open document; whether it had text.
    pub(super) fn line(&mut self, bytes: &[u8], number: u64) -> Result<bool, CorpusError> {
        self.tally.lines += 1;
        let line = match std::str::from_utf8(bytes) {
            Ok(line) => line.trim_end(),
            Err(error) => {
                let at = error.valid_up_to();
                self.name_bad(number, format_args!("byte {at} is not UTF-8"));
                return Ok(true);
            }
        };
        self.text_line(line, number)
    }

    /// As [`Documents::line`], for text known to be UTF-8 and already counted as a line.
    fn text_line(&mut self, line: &str, number: u64) -> Result<bool, CorpusError> {
        if line.trim_start().is_empty() {
            self.tally.empty_lines += 1;
            return Ok(false);
        }
        if line.contains('\0') {
            self.name_bad(number, "holds a NUL byte, so it is not UTF-8 text");
            return Ok(true);
        }
        let start = self.document_start();
        if self.block.text.len() > start {
            self.block.text.push('\n');
        }
        self.block.text.push_str(line);
        if self.block.text.len() - start > MAX_DOCUMENT_BYTES {
            return Err(CorpusError::DocumentTooLarge {
                path: self.file.clone().into(),
                line: number,
                limit_mib: MAX_DOCUMENT_BYTES >> 20,
            });
        }
        Ok(true)
    }

    /// Adds a record's text as one document; its lines count as lines.
    pub(super) fn record(&mut self, text: &str, number: u64) -> Result<(), CorpusError> {
        for line in text.split('\n') {
            self.tally.lines += 1;
            self.text_line(line.trim_end(), number)?;
        }
        self.end_document()
    }

    /// Counts a line that gives no text, and says why.
    pub(super) fn bad(&mut self, number: u64, why: impl Display) {
        self.tally.lines += 1;
        self.name_bad(number, why);
    }

    fn name_bad(&mut self, number: u64, why: impl Display) {
        self.tally.bad_lines += 1;
        if self.tally.bad_examples.len() < MAX_EXAMPLES {
            self.tally.bad_examples.push(format!("{}:{number}: {why}", self.file));
        }
    }

    /// Closes the open document, if it has text.
    pub(super) fn end_document(&mut self) -> Result<(), CorpusError> {
        let end = self.block.text.len();
        if end == self.document_start() {
            return Ok(());
        }
        self.block.ends.push(end);
        self.tally.documents += 1;
        if end >= BLOCK_BYTES { self.hand_over() } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> Result<Tally, CorpusError> {
        self.hand_over()?;
        Ok(self.tally)
    }

    fn hand_over(&mut self) -> Result<(), CorpusError> {
        let next = self.block.first_document + self.block.ends.len() as u64;
        let block = std::mem::replace(&mut self.block, Block { first_document: next, ..Block::default() });
        self.tally.text_bytes += block.text.len() as u64;
        if block.ends.is_empty() { Ok(()) } else { (self.sink)(block) }
    }

    fn document_start(&self) -> usize {
        self.block.ends.last().copied().unwrap_or(0)
    }
}
