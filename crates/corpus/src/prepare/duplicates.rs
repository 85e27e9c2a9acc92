//! Which documents stood before, in bounded memory.
//!
//! Each document costs 16 bytes here: in memory for the first 8 million, then on disk, in parts that are sorted one at a
//! time, and one bit in the end. 100 GB of text in documents of 2 KB are 50 million: 0.8 GB of temporary disk; in lines
//! of 100 bytes they are 10^9: 16 GB of disk and 125 MB of memory.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::CorpusError;

/// Entries held in memory: 128 MB.
const HELD: usize = 8 << 20;
/// Parts on disk: each must fit into memory, which it does up to 10^9 documents with 250 MB.
const PARTS: usize = 64;

type Entry = (u64, u64);

/// Collects the identity of each document.
pub(super) struct DuplicateFinder {
    folder: PathBuf,
    held_at_most: usize,
    held: Vec<Entry>,
    parts: Vec<BufWriter<File>>,
}

/// The numbers of documents that stood before.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    bits: Vec<u64>,
}

impl DuplicateFinder {
    /// Puts what does not fit into memory under `folder`, in files that have no name.
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), held_at_most: HELD, held: Vec::new(), parts: Vec::new() }
    }

    pub(super) fn add(&mut self, identity: u64, document: u64) -> Result<(), CorpusError> {
        self.held.push((identity, document));
        if self.held.len() >= self.held_at_most { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), CorpusError> {
        if self.parts.is_empty() {
            for _ in 0..PARTS {
                let file = tempfile::tempfile_in(&self.folder).map_err(CorpusError::write(&self.folder))?;
                self.parts.push(BufWriter::new(file));
            }
        }
        for (identity, document) in self.held.drain(..) {
            let part = &mut self.parts[(identity % PARTS as u64) as usize];
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&identity.to_le_bytes());
            bytes[8..].copy_from_slice(&document.to_le_bytes());
            part.write_all(&bytes).map_err(CorpusError::write(&self.folder))?;
        }
        Ok(())
    }

    /// All but the first of each identity.
    pub(super) fn finish(mut self) -> Result<Duplicates, CorpusError> {
        let mut found = Duplicates::default();
        if self.parts.is_empty() {
            found.mark(&mut self.held);
            return Ok(found);
        }
        self.spill()?;
        for part in std::mem::take(&mut self.parts) {
            let failed = CorpusError::write(&self.folder);
            let mut entries = read_part(part).map_err(failed)?;
            found.mark(&mut entries);
        }
        Ok(found)
    }
}

fn read_part(part: BufWriter<File>) -> std::io::Result<Vec<Entry>> {
    let mut file = part.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    Ok(bytes.chunks_exact(16).map(|entry| (word(&entry[..8]), word(&entry[8..]))).collect())
}

impl Duplicates {
    fn mark(&mut self, entries: &mut [Entry]) {
        entries.sort_unstable();
        for pair in entries.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            let (word, bit) = place(pair[1].1);
            if self.bits.len() <= word {
                self.bits.resize(word + 1, 0);
            }
            self.bits[word] |= bit;
        }
    }

    pub(super) fn contains(&self, document: u64) -> bool {
        let (word, bit) = place(document);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }
}

fn place(document: u64) -> (usize, u64) {
    ((document / 64) as usize, 1 << (document % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duplicates(held_at_most: usize) -> Result<Vec<u64>, CorpusError> {
        let mut finder = DuplicateFinder { held_at_most, ..DuplicateFinder::new(&std::env::temp_dir()) };
        for document in 0..1000 {
            // Every third document repeats one of seven.
            let identity = if document % 3 == 0 { document % 7 } else { 1_000_000 + document * 0x9E37_79B9 };
            finder.add(identity, document)?;
        }
        let found = finder.finish()?;
        Ok((0..1000).filter(|document| found.contains(*document)).collect())
    }

    #[test]
    fn all_but_the_first_are_found() -> Result<(), CorpusError> {
        let found = duplicates(HELD)?;
        assert_eq!(found.len(), 334 - 7);
        assert!(found.iter().all(|document| document % 3 == 0 && *document >= 21));
        Ok(())
    }

    #[test]
    fn what_is_found_does_not_depend_on_the_memory() -> Result<(), CorpusError> {
        assert_eq!(duplicates(10)?, duplicates(HELD)?);
        Ok(())
    }
}
