//! An open prepared folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::manifest::{MANIFEST, Manifest, ShardFacts};
use super::store::read_counts;
use crate::shard::Shard;
use crate::{CorpusError, Split, TextTokenizer, TokenSource};

/// The name of the tokenizer in a prepared folder.
pub(super) const TOKENIZER: &str = "tokenizer.json";

/// Prepared text: shards, their tokenizer and what is known of them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prepared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    manifest: Manifest,
    tokenizer: TextTokenizer,
    shards: Vec<(ShardFacts, Arc<Shard>)>,
    counts: Vec<(Split, usize, Vec<u64>)>,
}

impl Prepared {
    /// Opens a prepared folder and checks every file of it: size, hash, ranges.
    ///
    /// # Errors
    /// If a file is missing, cut short or changed; the error names it.
    pub fn open(folder: &Path) -> Result<Self, CorpusError> {
        let manifest = Manifest::read(folder)?;
        let path = folder.join(TOKENIZER);
        let tokenizer = TextTokenizer::load(&path)?;
        if tokenizer.hash() != manifest.tokenizer.hash {
            return Err(CorpusError::damaged(&path, "its bytes are not those that were written"));
        }
        let vocab_size = tokenizer.vocab_size();
        let shards = manifest
            .shards
            .par_iter()
            .map(|facts| open_shard(folder, facts, vocab_size).map(|shard| (facts.clone(), Arc::new(shard))))
            .collect::<Result<Vec<_>, _>>()?;
        let counts = manifest
            .counts
            .iter()
            .map(|facts| Ok((facts.split, facts.corpus, read_counts(folder, facts, vocab_size)?)))
            .collect::<Result<Vec<_>, CorpusError>>()?;
        Ok(Self(Arc::new(Inner { folder: folder.to_owned(), manifest, tokenizer, shards, counts })))
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// blake3 of the manifest without its timing: the same for the same text, settings and tokenizer.
    pub fn hash(&self) -> String {
        self.0.manifest.hash()
    }

    /// What encoded the text.
    pub fn tokenizer(&self) -> &TextTokenizer {
        &self.0.tokenizer
    }

    /// What is in it.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// The shards of one split of one corpus, in order; none where the split is empty.
    pub fn sources(&self, split: Split, corpus: usize) -> Vec<Arc<dyn TokenSource>> {
        let of = |facts: &ShardFacts| facts.split == split && facts.corpus == corpus;
        let shards = self.0.shards.iter().filter(|(facts, _)| of(facts));
        shards.map(|(_, shard)| Arc::clone(shard) as Arc<dyn TokenSource>).collect()
    }

    /// How often each id stands in one split of one corpus.
    pub fn token_counts(&self, split: Split, corpus: usize) -> Vec<u64> {
        let mut counts = self.0.counts.iter();
        let found = counts.find(|(of_split, of_corpus, _)| *of_split == split && *of_corpus == corpus);
        found.map_or_else(|| vec![0; self.0.tokenizer.vocab_size()], |(_, _, counts)| counts.clone())
    }
}

/// The file of a name that the manifest gives; one that leads out of the folder is none.
pub(super) fn named(folder: &Path, name: &str) -> Result<PathBuf, CorpusError> {
    if disk::is_file_name(name) {
        return Ok(folder.join(name));
    }
    Err(CorpusError::damaged(&folder.join(MANIFEST), format!("it names {name:?}, which is no file of its folder")))
}

pub(super) fn open_shard(folder: &Path, facts: &ShardFacts, vocab_size: usize) -> Result<Shard, CorpusError> {
    let path = named(folder, &facts.file)?;
    let shard = Shard::open(&path, &facts.hash, vocab_size)?;
    let counts = (shard.token_count(), shard.line_count(), shard.document_count());
    if counts != (facts.tokens, facts.lines, facts.documents) {
        return Err(CorpusError::damaged(&path, "its counts are not those of the manifest"));
    }
    Ok(shard)
}
