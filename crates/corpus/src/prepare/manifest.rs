//! What a prepared folder says of itself.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::leak::LeakCount;
use crate::{CorpusError, Split, Tally};

/// The format of the folder; a change of anything that prepared text depends on counts it up.
pub const FORMAT: u32 = 2;

/// The name of the manifest in its folder; it is written last.
pub(super) const MANIFEST: &str = "manifest.json";

/// A million input files' names and hashes.
const MAX_BYTES: u64 = 256 << 20;

/// What a prepared folder holds, and how it came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the folder's format.
    pub format: u32,
    /// Names all that the folder was made from; also the folder's name.
    pub key: String,
    /// The tokenizer.
    pub tokenizer: TokenizerFacts,
    /// Each corpus, in the order of the case file.
    pub corpora: Vec<CorpusFacts>,
    /// Validation lines that also stand in training documents.
    pub leak: LeakCount,
    /// Every shard.
    pub shards: Vec<ShardFacts>,
    /// Every file of token counts.
    pub counts: Vec<CountsFacts>,
    /// How long it took; not part of [`crate::Prepared::hash`].
    pub timing: Timing,
}

/// The tokenizer of a prepared folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerFacts {
    /// `bpe`, `byte-bpe`, `wordpiece`, `unigram` or `wordlevel`.
    pub kind: String,
    /// Tokens there are, special ones included.
    pub vocab_size: usize,
    /// Tokens asked for; what was trained may stay below.
    pub wanted_vocab_size: usize,
    /// blake3 of `tokenizer.json`.
    pub hash: String,
    /// Documents it was trained on; 0 for a given file.
    pub trained_on_documents: u64,
    /// Bytes it was trained on; 0 for a given file.
    pub trained_on_bytes: u64,
}

/// One corpus of a prepared folder.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusFacts {
    /// Its name.
    pub name: String,
    /// Its files.
    pub files: Vec<FileFacts>,
    /// What was read.
    pub read: Tally,
    /// Documents left out because `fraction` is below 1.
    pub unused_documents: u64,
    /// Documents left out because the same text stood before, here or in a corpus above.
    pub duplicate_documents: u64,
    /// Training text.
    pub train: SplitFacts,
    /// Validation text.
    pub valid: SplitFacts,
    /// Test text.
    pub test: SplitFacts,
    /// Share of tokens that are `[UNK]`, over all splits.
    pub unknown_share: f64,
    /// Tokens per character, over all splits.
    pub tokens_per_character: f64,
}

impl CorpusFacts {
    /// The facts of one split.
    pub fn split(&self, split: Split) -> &SplitFacts {
        match split {
            Split::Train => &self.train,
            Split::Valid => &self.valid,
            Split::Test => &self.test,
        }
    }

    pub(super) fn split_mut(&mut self, split: Split) -> &mut SplitFacts {
        match split {
            Split::Train => &mut self.train,
            Split::Valid => &mut self.valid,
            Split::Test => &mut self.test,
        }
    }
}

/// One input file as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFacts {
    /// Its path, relative to where the command ran if it is below.
    pub name: String,
    /// Its size as it lies on disk.
    pub bytes: u64,
    /// blake3 of its bytes as they lie on disk.
    pub hash: String,
}

/// One split of one corpus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitFacts {
    /// Documents.
    pub documents: u64,
    /// Lines with tokens.
    pub lines: u64,
    /// Tokens; no special token is stored but `[UNK]`.
    pub tokens: u64,
    /// Characters of the lines, before normalisation, line ends not counted.
    pub characters: u64,
    /// Tokens that are `[UNK]`.
    pub unknown: u64,
}

/// One shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardFacts {
    /// Its name in the folder.
    pub file: String,
    /// The index of its corpus.
    pub corpus: usize,
    /// Its split.
    pub split: Split,
    /// Tokens.
    pub tokens: u64,
    /// Lines.
    pub lines: u64,
    /// Documents.
    pub documents: u64,
    /// Size.
    pub bytes: u64,
    /// blake3.
    pub hash: String,
}

/// How often each token of the vocabulary stands in one split of one corpus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountsFacts {
    /// Its name in the folder.
    pub file: String,
    /// The index of its corpus.
    pub corpus: usize,
    /// Its split.
    pub split: Split,
    /// blake3.
    pub hash: String,
}

/// How long preparing took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// From the start to the end, in seconds.
    pub seconds: f64,
    /// Of these, training the tokenizer.
    pub tokenizer_seconds: f64,
    /// Text prepared in a second, in MB (10^6 bytes, decompressed).
    pub mb_per_s: f64,
}

impl Manifest {
    /// Reads the manifest of `folder`.
    pub(super) fn read(folder: &Path) -> Result<Self, CorpusError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let path = folder.join(MANIFEST);
        let bytes = disk::read_up_to(&path, MAX_BYTES).map_err(CorpusError::read(&path))?;
        let broken = |source| CorpusError::Manifest { path: path.clone(), source };
        let Format { format } = serde_json::from_slice(&bytes).map_err(broken)?;
        if format != FORMAT {
            return Err(CorpusError::FormatVersion { path, found: format, expected: FORMAT });
        }
        let text = disk::unsealed(&bytes).map_err(|why| CorpusError::damaged(&path, why))?;
        serde_json::from_slice(&text).map_err(broken)
    }

    /// blake3 of all but the timing: the same text prepared again has the same hash.
    pub(super) fn hash(&self) -> String {
        let timeless = Self { timing: Timing::default(), ..self.clone() };
        let json = serde_json::to_vec(&timeless).expect("numbers, strings and lists have a JSON form");
        blake3::hash(&json).to_hex().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let mut corpus = CorpusFacts { name: "ko".into(), ..CorpusFacts::default() };
        for (tokens, split) in (1..).zip(Split::ALL) {
            corpus.split_mut(split).tokens = tokens;
        }
        Manifest {
            format: FORMAT,
            key: "k".into(),
            tokenizer: TokenizerFacts {
                kind: "bpe".into(),
                vocab_size: 10,
                wanted_vocab_size: 12,
                hash: "h".into(),
                trained_on_documents: 1,
                trained_on_bytes: 2,
            },
            corpora: vec![corpus],
            leak: LeakCount::default(),
            shards: vec![],
            counts: vec![],
            timing: Timing { seconds: 1.5, tokenizer_seconds: 0.5, mb_per_s: 2.0 },
        }
    }

    #[test]
    fn each_split_has_its_own_facts() {
        let corpus = &manifest().corpora[0];
        assert_eq!((corpus.train.tokens, corpus.valid.tokens, corpus.test.tokens), (1, 2, 3));
        assert_eq!(Split::ALL.map(|split| corpus.split(split).tokens), [1, 2, 3]);
    }

    #[test]
    fn its_hash_leaves_out_the_time_and_nothing_else() {
        let (manifest, mut other) = (manifest(), self::manifest());
        assert_eq!(manifest.hash().len(), 64);
        other.timing.seconds = 9.0;
        assert_eq!(other.hash(), manifest.hash());
        other.corpora[0].train.tokens += 1;
        assert_ne!(other.hash(), manifest.hash());
    }

    #[test]
    fn it_is_read_as_written_and_another_format_refused_by_its_number() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let write = |manifest: &Manifest, sealed: bool| {
            let text = serde_json::to_vec_pretty(manifest)?;
            std::fs::write(folder.path().join(MANIFEST), if sealed { disk::sealed(text) } else { text })?;
            Ok::<(), Box<dyn std::error::Error>>(())
        };
        for sealed in [true, false] {
            write(&manifest(), sealed)?;
            assert_eq!(Manifest::read(folder.path())?, manifest());
        }
        write(&Manifest { format: FORMAT + 1, ..manifest() }, true)?;
        let refused = Manifest::read(folder.path());
        assert!(
            matches!(refused, Err(CorpusError::FormatVersion { found, expected: FORMAT, .. }) if found == FORMAT + 1)
        );
        Ok(())
    }
}
