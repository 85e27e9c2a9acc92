//! Tokens held in memory, for tests and examples.

use std::ops::Range;

use crate::TokenSource;

/// A [`TokenSource`] in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemorySource {
    tokens: Vec<u32>,
    lines: Vec<Range<u64>>,
    documents: Vec<Range<u64>>,
}

impl MemorySource {
    /// The tokens of each line of each document.
    pub fn new(documents: &[Vec<Vec<u32>>]) -> Self {
        let mut source = Self::default();
        for document in documents {
            let start = source.tokens.len() as u64;
            for line in document {
                let line_start = source.tokens.len() as u64;
                source.tokens.extend(line);
                source.lines.push(line_start..source.tokens.len() as u64);
            }
            source.documents.push(start..source.tokens.len() as u64);
        }
        source
    }
}

impl TokenSource for MemorySource {
    fn token_count(&self) -> u64 {
        self.tokens.len() as u64
    }

    fn copy_tokens(&self, range: Range<u64>, into: &mut Vec<u32>) {
        into.extend_from_slice(&self.tokens[range.start as usize..range.end as usize]);
    }

    fn line_count(&self) -> u64 {
        self.lines.len() as u64
    }

    fn line(&self, index: u64) -> Range<u64> {
        self.lines[index as usize].clone()
    }

    fn document_count(&self) -> u64 {
        self.documents.len() as u64
    }

    fn document(&self, index: u64) -> Range<u64> {
        self.documents[index as usize].clone()
    }
}
