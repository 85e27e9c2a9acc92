//! A shard: tokens with the ends of lines and documents, in one memory-mapped file.
//!
//! Little-endian throughout: `CBSHARD1`, the token width in bytes (u32), zero (u32); the tokens; zeros up to a multiple
//! of 8; the end of each line and then of each document, in tokens (u64); the counts of tokens, lines and documents
//! (u64). The counts come last, so that a shard is written and hashed in one go.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use disk::DiskFile;
use memmap2::Mmap;
use rayon::prelude::*;

use crate::{CorpusError, TokenSource};

const MAGIC: &[u8; 8] = b"CBSHARD1";
const HEADER_BYTES: usize = 16;
const FOOTER_BYTES: usize = 24;

/// Bytes per token of a vocabulary.
pub(crate) fn token_width(vocab_size: usize) -> usize {
    if vocab_size <= 1 << 16 { 2 } else { 4 }
}

/// What a shard was when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) tokens: u64,
    pub(crate) lines: u64,
    pub(crate) documents: u64,
    pub(crate) bytes: u64,
    pub(crate) hash: String,
}

/// Writes one shard.
pub(crate) struct ShardWriter {
    path: PathBuf,
    file: BufWriter<DiskFile>,
    hasher: blake3::Hasher,
    width: usize,
    bytes: u64,
    tokens: u64,
    line_ends: Vec<u64>,
    document_ends: Vec<u64>,
    scratch: Vec<u8>,
}

impl ShardWriter {
    pub(crate) fn create(path: &Path, width: usize) -> Result<Self, CorpusError> {
        let file = DiskFile::create_new(path).map_err(CorpusError::write(path))?;
        let mut writer = Self {
            path: path.to_owned(),
            file: BufWriter::with_capacity(1 << 20, file),
            hasher: blake3::Hasher::new(),
            width,
            bytes: 0,
            tokens: 0,
            line_ends: Vec::new(),
            document_ends: Vec::new(),
            scratch: Vec::new(),
        };
        writer.put(MAGIC)?;
        writer.put(&(width as u32).to_le_bytes())?;
        writer.put(&0_u32.to_le_bytes())?;
        Ok(writer)
    }

    /// Adds one document: its tokens, and the length of each of its lines.
    pub(crate) fn document(&mut self, tokens: &[u32], lines: &[u32]) -> Result<(), CorpusError> {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        if self.width == 2 {
            bytes.extend(tokens.iter().flat_map(|id| (*id as u16).to_le_bytes()));
        } else {
            bytes.extend(tokens.iter().flat_map(|id| id.to_le_bytes()));
        }
        self.put(&bytes)?;
        self.scratch = bytes;
        for line in lines {
            self.tokens += u64::from(*line);
            self.line_ends.push(self.tokens);
        }
        self.document_ends.push(self.tokens);
        Ok(())
    }

    pub(crate) fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Writes the ends and sees the file to disk.
    pub(crate) fn finish(mut self) -> Result<Written, CorpusError> {
        let padding = self.bytes.next_multiple_of(8) - self.bytes;
        self.put(&[0; 8][..padding as usize])?;
        let (lines, documents) = (std::mem::take(&mut self.line_ends), std::mem::take(&mut self.document_ends));
        let counts = [self.tokens, lines.len() as u64, documents.len() as u64];
        for ends in [lines.as_slice(), &documents, &counts] {
            for chunk in ends.chunks(1 << 16) {
                let bytes: Vec<u8> = chunk.iter().flat_map(|end| end.to_le_bytes()).collect();
                self.put(&bytes)?;
            }
        }
        self.file.flush().map_err(CorpusError::write(&self.path))?;
        self.file.get_mut().sync().map_err(CorpusError::write(&self.path))?;
        let [tokens, lines, documents] = counts;
        Ok(Written { tokens, lines, documents, bytes: self.bytes, hash: self.hasher.finalize().to_hex().to_string() })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), CorpusError> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(CorpusError::write(&self.path))
    }
}

/// An open shard.
#[derive(Debug)]
pub(crate) struct Shard {
    bytes: Mmap,
    width: usize,
    tokens: u64,
    lines: u64,
    documents: u64,
}

impl Shard {
    /// Maps the shard at `path` and checks it: its size, its blake3 `hash`, and that every end and token is in range.
    pub(crate) fn open(path: &Path, hash: &str, vocab_size: usize) -> Result<Self, CorpusError> {
        let file = File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => CorpusError::damaged(path, "it is missing"),
            _ => CorpusError::read(path)(error),
        })?;
        let shard = Self::from_bytes(map(&file).map_err(CorpusError::read(path))?)
            .map_err(|why| CorpusError::damaged(path, why))?;
        if blake3::hash(shard.all()).to_hex().as_str() != hash {
            return Err(CorpusError::damaged(path, "its bytes are not those that were written"));
        }
        shard.check(vocab_size).map_err(|why| CorpusError::damaged(path, why))?;
        Ok(shard)
    }

    fn from_bytes(bytes: Mmap) -> Result<Self, String> {
        let shard = Self { bytes, width: 0, tokens: 0, lines: 0, documents: 0 };
        let all = shard.all();
        let size = all.len();
        if size < HEADER_BYTES + FOOTER_BYTES || all[..7] != MAGIC[..7] {
            return Err(format!("it is no shard, or only {size} bytes are left of it"));
        }
        if all[7] != MAGIC[7] {
            let [found, known] = [all[7], MAGIC[7]].map(|digit| char::from(digit).escape_default());
            return Err(format!("it is a shard of format {found}, and this program reads {known}"));
        }
        let width = all[8] as usize;
        let count = |place: usize| read_u64(&all[size - FOOTER_BYTES..], place);
        let (tokens, lines, documents) = (count(0), count(1), count(2));
        if ![2, 4].contains(&width) || expected_bytes(width, tokens, lines, documents) != Some(size as u64) {
            return Err(format!("its {size} bytes are not what its counts need: it was cut short or changed"));
        }
        Ok(Self { width, tokens, lines, documents, ..shard })
    }

    /// Ends rise up to the number of tokens, documents end where lines do, ids are in the vocabulary.
    fn check(&self, vocab_size: usize) -> Result<(), String> {
        let ends = |start: usize, count: u64| -> Result<(), String> {
            let mut last = 0;
            for index in 0..count as usize {
                let end = read_u64(&self.all()[start..], index);
                if end < last || end > self.tokens {
                    return Err("the ends of its lines or documents are out of order".into());
                }
                last = end;
            }
            let reaches = last == self.tokens;
            if reaches { Ok(()) } else { Err("its last line or document does not reach its last token".into()) }
        };
        ends(self.line_ends_start(), self.lines)?;
        ends(self.line_ends_start() + 8 * self.lines as usize, self.documents)?;
        let bytes = &self.all()[HEADER_BYTES..HEADER_BYTES + self.tokens as usize * self.width];
        let in_range = bytes
            .par_chunks(1 << 20)
            .all(|chunk| chunk.chunks_exact(self.width).all(|token| (read_token(token) as usize) < vocab_size));
        if in_range { Ok(()) } else { Err(format!("it holds ids outside the vocabulary of {vocab_size}")) }
    }

    fn all(&self) -> &[u8] {
        &self.bytes
    }

    fn line_ends_start(&self) -> usize {
        (HEADER_BYTES + self.tokens as usize * self.width).next_multiple_of(8)
    }

    /// The range between ends `index - 1` and `index` of those stored from `start`.
    fn between(&self, start: usize, index: u64) -> Range<u64> {
        let ends = &self.all()[start..];
        let from = if index == 0 { 0 } else { read_u64(ends, index as usize - 1) };
        from..read_u64(ends, index as usize)
    }
}

impl TokenSource for Shard {
    fn token_count(&self) -> u64 {
        self.tokens
    }

    fn copy_tokens(&self, range: Range<u64>, into: &mut Vec<u32>) {
        assert!(range.end <= self.tokens, "tokens {range:?} of {}", self.tokens);
        let (start, end) = (range.start as usize * self.width, range.end as usize * self.width);
        let bytes = &self.all()[HEADER_BYTES..][start..end];
        // Each width with its own loop: rows are copied all the time.
        if self.width == 2 {
            into.extend(bytes.chunks_exact(2).map(|id| u32::from(u16::from_le_bytes([id[0], id[1]]))));
        } else {
            into.extend(bytes.chunks_exact(4).map(read_token));
        }
    }

    fn line_count(&self) -> u64 {
        self.lines
    }

    fn line(&self, index: u64) -> Range<u64> {
        assert!(index < self.lines, "line {index} of {}", self.lines);
        self.between(self.line_ends_start(), index)
    }

    fn document_count(&self) -> u64 {
        self.documents
    }

    fn document(&self, index: u64) -> Range<u64> {
        assert!(index < self.documents, "document {index} of {}", self.documents);
        self.between(self.line_ends_start() + 8 * self.lines as usize, index)
    }
}

/// Bytes of a shard with these counts, if they are counts of anything that fits into memory.
fn expected_bytes(width: usize, tokens: u64, lines: u64, documents: u64) -> Option<u64> {
    let ids = tokens.checked_mul(width as u64)?.checked_add(HEADER_BYTES as u64)?.checked_next_multiple_of(8)?;
    let ends = lines.checked_add(documents)?.checked_mul(8)?;
    ids.checked_add(ends)?.checked_add(FOOTER_BYTES as u64)
}

fn read_u64(bytes: &[u8], index: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[index * 8..index * 8 + 8]);
    u64::from_le_bytes(word)
}

fn read_token(bytes: &[u8]) -> u32 {
    match *bytes {
        [a, b] => u32::from(u16::from_le_bytes([a, b])),
        [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
        _ => unreachable!("tokens are 2 or 4 bytes wide"),
    }
}

/// Maps a file into memory.
#[allow(unsafe_code)]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: a map is sound as long as nobody changes or cuts the file under it. Shards are written under another
    // name, renamed when complete, and never opened for writing again by this program; their folder is private to it.
    // All reads are of plain bytes, bounds-checked, so that even a file changed from outside gives wrong ids, or ends
    // the process with SIGBUS where it was cut, but no invalid value of any type.
    unsafe { Mmap::map(file) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Text = Vec<Vec<Vec<u32>>>;

    fn write(path: &Path, width: usize, text: &Text) -> Result<Written, CorpusError> {
        let mut writer = ShardWriter::create(path, width)?;
        for document in text {
            let lines: Vec<u32> = document.iter().map(|line| line.len() as u32).collect();
            writer.document(&document.concat(), &lines)?;
        }
        writer.finish()
    }

    fn read_back(width: usize, text: &Text) -> Result<Text, CorpusError> {
        let folder = tempfile::tempdir().map_err(CorpusError::write(Path::new("tmp")))?;
        let path = folder.path().join("s.shard");
        let written = write(&path, width, text)?;
        let shard = Shard::open(&path, &written.hash, 60_000)?;
        assert_eq!((shard.tokens, shard.lines, shard.documents), (written.tokens, written.lines, written.documents));
        let mut line = 0;
        let mut back = Vec::new();
        for document in 0..shard.document_count() {
            let range = shard.document(document);
            let mut lines = Vec::new();
            while line < shard.line_count() && shard.line(line).end <= range.end && !range.is_empty() {
                let mut ids = Vec::new();
                shard.copy_tokens(shard.line(line), &mut ids);
                lines.push(ids);
                line += 1;
            }
            back.push(lines);
        }
        Ok(back)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn what_is_written_is_read_back(
            text in prop::collection::vec(prop::collection::vec(prop::collection::vec(0_u32..60_000, 1..9), 1..5), 0..9),
            width in prop_oneof![Just(2_usize), Just(4)],
        ) {
            let back = read_back(width, &text).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(back, text);
        }
    }

    #[test]
    fn ids_outside_the_vocabulary_and_crafted_counts_are_refused() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("s.shard");
        let written = write(&path, 2, &vec![vec![vec![7, 8, 9]]])?;
        assert!(Shard::open(&path, &written.hash, 10).is_ok());
        let why = Shard::open(&path, &written.hash, 9).err().ok_or("opened")?.to_string();
        assert!(why.contains("outside the vocabulary of 9"), "{why}");
        // Counts and ends that a hash made for them would vouch for.
        let bytes = std::fs::read(&path)?;
        let footer = bytes.len() - FOOTER_BYTES;
        for place in [8, footer, footer + 7, footer + 8, footer + 15, footer + 16, footer + 23, footer - 8, footer - 1]
        {
            let mut crafted = bytes.clone();
            crafted[place] ^= 0x81;
            std::fs::write(&path, &crafted)?;
            let hash = blake3::hash(&crafted).to_hex().to_string();
            assert!(matches!(Shard::open(&path, &hash, 10), Err(CorpusError::Damaged { .. })), "byte {place}");
        }
        Ok(())
    }

    /// The bytes of a sound shard of two documents: lines of 2, 0 and 3 tokens, and one of 1.
    fn sound(width: usize) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("s.shard");
        let mut writer = ShardWriter::create(&path, width)?;
        writer.document(&[1, 2, 3, 4, 5], &[2, 0, 3])?;
        assert_eq!(writer.tokens(), 5);
        writer.document(&[6], &[1])?;
        let written = writer.finish()?;
        let bytes = std::fs::read(&path)?;
        assert_eq!((written.tokens, written.lines, written.documents, written.bytes), (6, 4, 2, bytes.len() as u64));
        assert_eq!(written.hash, blake3::hash(&bytes).to_hex().to_string());
        Ok(bytes)
    }

    /// Opens bytes under the hash that is theirs, so that only what stands in them can be refused.
    fn opened(bytes: &[u8]) -> Result<Shard, CorpusError> {
        let folder = tempfile::tempdir().map_err(CorpusError::write(Path::new("tmp")))?;
        let path = folder.path().join("s.shard");
        std::fs::write(&path, bytes).map_err(CorpusError::write(&path))?;
        Shard::open(&path, blake3::hash(bytes).to_hex().as_str(), 10)
    }

    #[test]
    fn the_bytes_of_a_shard_are_those_of_its_description() -> Result<(), Box<dyn std::error::Error>> {
        let words = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let ends = words(&[2, 2, 5, 6, 5, 6, 6, 4, 2]);
        let narrow = [&b"CBSHARD1\x02\0\0\0\0\0\0\0\x01\0\x02\0\x03\0\x04\0\x05\0\x06\0\0\0\0\0"[..], &ends].concat();
        assert_eq!(sound(2)?, narrow);
        let ids: Vec<u8> = (1_u32..=6).flat_map(u32::to_le_bytes).collect();
        assert_eq!(sound(4)?, [&b"CBSHARD1\x04\0\0\0\0\0\0\0"[..], &ids, &ends].concat());
        Ok(())
    }

    #[test]
    fn lines_documents_and_tokens_are_where_they_were_put() -> Result<(), Box<dyn std::error::Error>> {
        for width in [2, 4] {
            let shard = opened(&sound(width)?)?;
            assert_eq!((shard.token_count(), shard.line_count(), shard.document_count()), (6, 4, 2));
            assert_eq!([0, 1, 2, 3].map(|line| shard.line(line)), [0..2, 2..2, 2..5, 5..6]);
            assert_eq!([0, 1].map(|document| shard.document(document)), [0..5, 5..6]);
            let mut ids = vec![9];
            shard.copy_tokens(1..4, &mut ids);
            shard.copy_tokens(5..6, &mut ids);
            shard.copy_tokens(6..6, &mut ids);
            assert_eq!(ids, [9, 2, 3, 4, 6]);
        }
        Ok(())
    }

    #[test]
    fn what_lies_past_the_end_is_a_fault() -> Result<(), Box<dyn std::error::Error>> {
        let shard = opened(&sound(2)?)?;
        let faults: [&dyn Fn(); 3] = [
            &|| assert!(shard.line(4).is_empty()),
            &|| assert!(shard.document(2).is_empty()),
            // Two bytes more are there, of the padding: they are no token.
            &|| shard.copy_tokens(6..7, &mut Vec::new()),
        ];
        for (nth, fault) in faults.into_iter().enumerate() {
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(fault)).expect_err("it is a fault");
            let said = panic.downcast_ref::<String>().ok_or("no message")?;
            assert!(["line 4 of 4", "document 2 of 2", "tokens 6..7 of 6"][nth] == said, "{said}");
        }
        Ok(())
    }

    #[test]
    fn a_shard_cut_at_any_byte_is_refused_whatever_hash_it_has() -> Result<(), Box<dyn std::error::Error>> {
        for width in [2, 4] {
            let bytes = sound(width)?;
            for length in 1..bytes.len() {
                let refused = opened(&bytes[..length]);
                assert!(matches!(refused, Err(CorpusError::Damaged { .. })), "{length} bytes of width {width}");
            }
            let longer = [&bytes[..], &[0; 8]].concat();
            assert!(matches!(opened(&longer), Err(CorpusError::Damaged { .. })));
        }
        Ok(())
    }

    #[test]
    fn an_empty_shard_is_one_too() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("s.shard");
        let written = ShardWriter::create(&path, 2)?.finish()?;
        let shard = Shard::open(&path, &written.hash, 10)?;
        assert_eq!((shard.token_count(), shard.line_count(), shard.document_count()), (0, 0, 0));
        Ok(())
    }

    #[test]
    fn ends_out_of_order_are_refused_whatever_hash_they_have() -> Result<(), Box<dyn std::error::Error>> {
        let bytes = sound(2)?;
        let first_end = bytes.len() - FOOTER_BYTES - 6 * 8;
        // Line ends 2, 2, 5, 6 and document ends 5, 6, of six tokens.
        for (place, end, why) in [
            (0, 3, "out of order"),
            (1, 1, "out of order"),
            (2, 7, "out of order"),
            (3, 5, "does not reach"),
            (4, 7, "out of order"),
            (5, 5, "does not reach"),
            (5, 4, "out of order"),
        ] {
            let mut crafted = bytes.clone();
            crafted[first_end + place * 8] = end;
            let refused = opened(&crafted).err().ok_or("opened")?.to_string();
            assert!(refused.contains(why), "end {place} as {end}: {refused}");
        }
        Ok(())
    }

    #[test]
    fn counts_too_large_for_any_memory_are_refused() -> Result<(), Box<dyn std::error::Error>> {
        assert_eq!(expected_bytes(2, 6, 4, 2), Some(sound(2)?.len() as u64));
        for counts in [[u64::MAX; 3], [u64::MAX / 2, 0, 0], [0, u64::MAX, 1], [0, u64::MAX / 8, 0]] {
            assert_eq!(expected_bytes(4, counts[0], counts[1], counts[2]), None, "{counts:?}");
        }
        Ok(())
    }

    #[test]
    fn tokens_take_two_bytes_up_to_65536() {
        assert_eq!((token_width(1 << 16), token_width((1 << 16) + 1)), (2, 4));
    }
}
