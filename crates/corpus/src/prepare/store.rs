//! Encoded blocks to the files of a prepared folder.

use std::path::Path;

use super::manifest::{CorpusFacts, CountsFacts, ShardFacts};
use super::passes::{Encoded, EncodedSplit};
use super::prepared::named;
use crate::shard::{ShardWriter, token_width};
use crate::{CorpusError, Split};

/// Tokens after which a shard is closed: 128 or 256 MB, so that a damaged one is little and copies go in parallel.
const SHARD_TOKENS: u64 = 64 << 20;

/// Writes shards and counts of one corpus after the other.
pub(super) struct Store<'a> {
    folder: &'a Path,
    vocab_size: usize,
    unknown: u32,
    shard_tokens: u64,
    corpora: Vec<CorpusFacts>,
    current: usize,
    open: [Option<(String, ShardWriter)>; 3],
    tokens: [Vec<u64>; 3],
    shards: Vec<ShardFacts>,
    counts: Vec<CountsFacts>,
}

/// All that was written.
pub(super) struct Stored {
    pub(super) corpora: Vec<CorpusFacts>,
    pub(super) shards: Vec<ShardFacts>,
    pub(super) counts: Vec<CountsFacts>,
}

impl<'a> Store<'a> {
    /// `corpora` hold what is known before encoding.
    pub(super) fn new(folder: &'a Path, vocab_size: usize, unknown: u32, corpora: Vec<CorpusFacts>) -> Self {
        Self {
            folder,
            vocab_size,
            unknown,
            shard_tokens: SHARD_TOKENS,
            corpora,
            current: 0,
            open: [None, None, None],
            tokens: [(); 3].map(|()| vec![0; vocab_size]),
            shards: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// Adds a block; corpora come in order.
    pub(super) fn add(&mut self, corpus: usize, encoded: &Encoded) -> Result<(), CorpusError> {
        while self.current < corpus {
            self.finish_corpus()?;
        }
        let facts = &mut self.corpora[corpus];
        facts.unused_documents += encoded.unused;
        facts.duplicate_documents += encoded.duplicates;
        for (split, encoded) in Split::ALL.into_iter().zip(&encoded.splits) {
            self.add_split(split, encoded)?;
        }
        Ok(())
    }

    fn add_split(&mut self, split: Split, encoded: &EncodedSplit) -> Result<(), CorpusError> {
        let counts = &mut self.tokens[split as usize];
        for id in &encoded.tokens {
            counts[*id as usize] += 1;
        }
        let facts = self.corpora[self.current].split_mut(split);
        facts.documents += encoded.documents.len() as u64;
        facts.lines += encoded.lines.len() as u64;
        facts.tokens += encoded.tokens.len() as u64;
        facts.characters += encoded.characters;
        let (mut tokens, mut lines) = (encoded.tokens.as_slice(), encoded.lines.as_slice());
        for document in &encoded.documents {
            let own_lines = take(&mut lines, *document as usize);
            let length = own_lines.iter().map(|line| *line as usize).sum();
            self.document(split, take(&mut tokens, length), own_lines)?;
        }
        Ok(())
    }

    fn document(&mut self, split: Split, tokens: &[u32], lines: &[u32]) -> Result<(), CorpusError> {
        if self.open[split as usize].is_none() {
            let of_split = |shard: &&ShardFacts| shard.corpus == self.current && shard.split == split;
            let number = self.shards.iter().filter(of_split).count();
            let name = format!("corpus-{}-{}-{number:04}.shard", self.current, split.name());
            let writer = ShardWriter::create(&self.folder.join(&name), token_width(self.vocab_size))?;
            self.open[split as usize] = Some((name, writer));
        }
        let Some((_, writer)) = &mut self.open[split as usize] else { return Ok(()) };
        writer.document(tokens, lines)?;
        if writer.tokens() >= self.shard_tokens { self.close(split) } else { Ok(()) }
    }

    fn close(&mut self, split: Split) -> Result<(), CorpusError> {
        let Some((file, writer)) = self.open[split as usize].take() else { return Ok(()) };
        let written = writer.finish()?;
        self.shards.push(ShardFacts {
            file,
            corpus: self.current,
            split,
            tokens: written.tokens,
            lines: written.lines,
            documents: written.documents,
            bytes: written.bytes,
            hash: written.hash,
        });
        Ok(())
    }

    fn finish_corpus(&mut self) -> Result<(), CorpusError> {
        for split in Split::ALL {
            self.close(split)?;
            let counts = std::mem::replace(&mut self.tokens[split as usize], vec![0; self.vocab_size]);
            self.corpora[self.current].split_mut(split).unknown = counts[self.unknown as usize];
            let file = format!("corpus-{}-{}.counts", self.current, split.name());
            let bytes: Vec<u8> = counts.iter().flat_map(|count| count.to_le_bytes()).collect();
            let path = self.folder.join(&file);
            disk::write_synced(&path, &bytes).map_err(CorpusError::write(&path))?;
            let hash = blake3::hash(&bytes).to_hex().to_string();
            self.counts.push(CountsFacts { file, corpus: self.current, split, hash });
        }
        let facts = &mut self.corpora[self.current];
        let sum = |of: fn(&super::SplitFacts) -> u64| -> f64 {
            Split::ALL.into_iter().map(|split| of(facts.split(split))).sum::<u64>() as f64
        };
        let (tokens, unknown, characters) =
            (sum(|split| split.tokens), sum(|split| split.unknown), sum(|split| split.characters));
        facts.unknown_share = unknown / tokens.max(1.0);
        facts.tokens_per_character = tokens / characters.max(1.0);
        self.current += 1;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Stored, CorpusError> {
        while self.current < self.corpora.len() {
            self.finish_corpus()?;
        }
        Ok(Stored { corpora: self.corpora, shards: self.shards, counts: self.counts })
    }
}

/// Cuts `count` items off the front.
fn take<'t, T>(items: &mut &'t [T], count: usize) -> &'t [T] {
    let (front, back) = items.split_at(count);
    *items = back;
    front
}

/// Reads a file of counts and checks it.
pub(super) fn read_counts(folder: &Path, facts: &CountsFacts, vocab_size: usize) -> Result<Vec<u64>, CorpusError> {
    let path = named(folder, &facts.file)?;
    let bytes = disk::read_up_to(&path, vocab_size as u64 * 8).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => CorpusError::damaged(&path, "it is missing"),
        std::io::ErrorKind::FileTooLarge => CorpusError::damaged(&path, "it is longer than it was written"),
        _ => CorpusError::read(&path)(error),
    })?;
    if bytes.len() != vocab_size * 8 || blake3::hash(&bytes).to_hex().as_str() != facts.hash {
        return Err(CorpusError::damaged(&path, "its bytes are not those that were written"));
    }
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    Ok(bytes.chunks_exact(8).map(word).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_shard_is_closed_at_a_document_end() -> Result<(), CorpusError> {
        let folder = tempfile::tempdir().map_err(CorpusError::write(Path::new("tmp")))?;
        let mut store = Store::new(folder.path(), 10, 1, vec![CorpusFacts::default(), CorpusFacts::default()]);
        store.shard_tokens = 5;
        for corpus in 0..2 {
            let mut encoded = Encoded::default();
            let train = &mut encoded.splits[Split::Train as usize];
            *train = EncodedSplit {
                tokens: vec![1, 2, 3, 4, 5, 6, 7],
                lines: vec![1, 2, 3, 1],
                documents: vec![2, 1, 1],
                characters: 9,
            };
            store.add(corpus, &encoded)?;
        }
        let stored = store.finish()?;
        let shapes: Vec<_> = stored
            .shards
            .iter()
            .map(|shard| (shard.file.as_str(), shard.tokens, shard.lines, shard.documents))
            .collect();
        assert_eq!(
            shapes,
            [
                ("corpus-0-train-0000.shard", 6, 3, 2),
                ("corpus-0-train-0001.shard", 1, 1, 1),
                ("corpus-1-train-0000.shard", 6, 3, 2),
                ("corpus-1-train-0001.shard", 1, 1, 1),
            ]
        );
        assert_eq!(stored.counts.len(), 6);
        assert_eq!(stored.corpora[1].train.unknown, 1);
        Ok(())
    }

    /// A block whose splits hold these tokens, one document of one line each.
    fn block(splits: [&[u32]; 3]) -> Encoded {
        let split = |tokens: &[u32]| EncodedSplit {
            tokens: tokens.to_vec(),
            lines: if tokens.is_empty() { vec![] } else { vec![tokens.len() as u32] },
            documents: if tokens.is_empty() { vec![] } else { vec![1] },
            characters: 10 * tokens.len() as u64,
        };
        Encoded { splits: splits.map(split), unused: 2, duplicates: 3 }
    }

    #[test]
    fn what_is_said_of_a_corpus_is_the_sum_of_its_blocks() -> Result<(), CorpusError> {
        let folder = tempfile::tempdir().map_err(CorpusError::write(Path::new("tmp")))?;
        let mut store = Store::new(folder.path(), 4, 1, vec![CorpusFacts::default(); 3]);
        store.add(0, &block([&[1, 2, 3], &[2], &[1, 1]]))?;
        store.add(0, &block([&[3, 1], &[], &[]]))?;
        store.add(2, &block([&[2], &[], &[]]))?;
        let stored = store.finish()?;
        let [first, second, third] = &stored.corpora[..] else { panic!("three corpora") };
        let facts = |split: Split| {
            let of = first.split(split);
            (of.documents, of.lines, of.tokens, of.characters, of.unknown)
        };
        assert_eq!(Split::ALL.map(facts), [(2, 2, 5, 50, 2), (1, 1, 1, 10, 0), (1, 1, 2, 20, 2)]);
        assert_eq!((first.unused_documents, first.duplicate_documents), (4, 6));
        assert_eq!((first.unknown_share, first.tokens_per_character), (0.5, 0.1));
        assert_eq!((second.train.tokens, second.unknown_share, second.tokens_per_character), (0, 0.0, 0.0));
        assert_eq!((third.train.tokens, third.unused_documents), (1, 2));
        let shards: Vec<_> = stored.shards.iter().map(|shard| (shard.corpus, shard.split, shard.tokens)).collect();
        assert_eq!(shards, [(0, Split::Train, 5), (0, Split::Valid, 1), (0, Split::Test, 2), (2, Split::Train, 1)]);
        for shard in &stored.shards {
            let opened = crate::shard::Shard::open(&folder.path().join(&shard.file), &shard.hash, 4)?;
            assert_eq!(crate::TokenSource::token_count(&opened), shard.tokens);
        }
        let counts: Vec<Vec<u64>> =
            stored.counts.iter().map(|facts| read_counts(folder.path(), facts, 4)).collect::<Result<_, _>>()?;
        assert_eq!(counts[..4], [[0, 2, 1, 2], [0, 0, 1, 0], [0, 2, 0, 0], [0, 0, 0, 0]]);
        assert_eq!((counts.len(), &counts[6]), (9, &vec![0, 0, 1, 0]));
        Ok(())
    }

    #[test]
    fn counts_are_read_whole_or_refused() -> Result<(), CorpusError> {
        let folder = tempfile::tempdir().map_err(CorpusError::write(Path::new("tmp")))?;
        let words = [1_u64, 0x0102_0304_0506_0708, u64::MAX];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let path = folder.path().join("a.counts");
        let write = |bytes: &[u8]| std::fs::write(&path, bytes).map_err(CorpusError::write(&path));
        let facts = |bytes: &[u8]| CountsFacts {
            file: "a.counts".into(),
            corpus: 0,
            split: Split::Train,
            hash: blake3::hash(bytes).to_hex().to_string(),
        };
        let refused = |facts: &CountsFacts| match read_counts(folder.path(), facts, 3) {
            Err(CorpusError::Damaged { .. }) => true,
            other => panic!("{other:?}"),
        };
        assert!(refused(&facts(&bytes)), "it is missing");
        write(&bytes)?;
        assert_eq!(read_counts(folder.path(), &facts(&bytes), 3)?, words);
        // Of another vocabulary, and of another text.
        write(&bytes[..16])?;
        assert!(refused(&facts(&bytes[..16])));
        let mut other = bytes.clone();
        other[5] ^= 1;
        write(&other)?;
        assert!(refused(&facts(&bytes)));
        // What stands there and cannot be read is no damage.
        std::fs::create_dir(folder.path().join("folder")).map_err(CorpusError::write(&path))?;
        let unread = CountsFacts { file: "folder".into(), ..facts(&bytes) };
        assert!(matches!(read_counts(folder.path(), &unread, 3), Err(CorpusError::Read { .. })));
        Ok(())
    }
}
