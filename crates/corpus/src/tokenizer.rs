//! Words to ids: a `tokenizer.json` behind checks, so that no file and no text can do more than fail.

mod bpe;
mod check;
mod layout;
mod spans;
mod train;
mod unigram;
mod vocabulary;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use tokenizers::{Model, Tokenizer};

pub use spans::Piece;
pub(crate) use train::{TrainingText, train};

use self::layout::Words;
use self::vocabulary::Vocabulary;
use crate::{CorpusError, SpecialIds};

/// A tokenizer ready for use: ids, special tokens and what each token stands for.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct TextTokenizer(Arc<Inner>);

struct Inner {
    /// Takes special tokens in the text for plain characters.
    plain: Tokenizer,
    /// Takes the mask token in the text for itself.
    marked: Tokenizer,
    special: SpecialIds,
    vocabulary: Vocabulary,
    /// How words are cut, where those parted by single spaces can be encoded one by one.
    words: Option<Words>,
    hash: String,
    kind: String,
}

impl std::fmt::Debug for TextTokenizer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TextTokenizer")
            .field("kind", &self.0.kind)
            .field("vocab_size", &self.vocab_size())
            .field("hash", &self.0.hash)
            .finish()
    }
}

impl TextTokenizer {
    /// Reads a Hugging Face `tokenizer.json`.
    ///
    /// Its truncation, padding and template are ignored: rows are made elsewhere.
    ///
    /// # Errors
    /// If the file is too large, broken, not contiguous in its ids, random in what it gives, or lacks one of the five
    /// special tokens.
    pub fn load(path: &Path) -> Result<Self, CorpusError> {
        let checked = check::read(path)?;
        let hash = blake3::hash(&checked.bytes).to_hex().to_string();
        let built = catch_unwind(AssertUnwindSafe(|| Self::build(checked, hash, path)));
        built.unwrap_or_else(|_| Err(CorpusError::tokenizer(path, "its parts do not fit together")))
    }

    fn build(checked: check::Checked, hash: String, path: &Path) -> Result<Self, CorpusError> {
        let parse = |json: &serde_json::Value| -> Result<Tokenizer, CorpusError> {
            let bytes = serde_json::to_vec(json).map_err(|error| CorpusError::tokenizer(path, error.to_string()))?;
            Tokenizer::from_bytes(bytes).map_err(|error| CorpusError::tokenizer(path, error.to_string()))
        };
        let mut plain = parse(&checked.json)?;
        plain.set_encode_special_tokens(true);
        let marked = parse(&check::only_mask(&checked))?;
        let size = checked.tokens.len();
        if plain.get_vocab_size(true) != size {
            return Err(CorpusError::tokenizer(path, "its added tokens and its vocabulary contradict each other"));
        }
        let words = Words::of_tokenizer(&plain);
        let vocabulary = Vocabulary::new(&checked);
        let (special, kind) = (checked.special, checked.kind);
        Ok(Self(Arc::new(Inner { plain, marked, special, vocabulary, words, hash, kind })))
    }

    /// Tokens in the vocabulary, special ones included: V.
    pub fn vocab_size(&self) -> usize {
        self.0.vocabulary.tokens.len()
    }

    /// The five special ids.
    pub fn special(&self) -> SpecialIds {
        self.0.special
    }

    /// The ids of `text`, without special tokens: `[MASK]` in the text is seven characters like any others.
    ///
    /// # Errors
    /// If the tokenizer fails on this text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, CorpusError> {
        let mut ids = Vec::new();
        encode_with(&self.0.plain, text, &mut ids)?;
        self.refuse_special(&mut ids, None);
        Ok(ids)
    }

    /// As [`TextTokenizer::encode`], but the mask token in the text becomes the mask id.
    ///
    /// # Errors
    /// If the tokenizer fails on this text.
    pub fn encode_marked(&self, text: &str) -> Result<Vec<u32>, CorpusError> {
        let mut ids = Vec::new();
        encode_with(&self.0.marked, text, &mut ids)?;
        self.refuse_special(&mut ids, Some(self.0.special.mask));
        Ok(ids)
    }

    /// A model of whole words may hold `[SEP]` as a word; text must not be able to say it.
    fn refuse_special(&self, ids: &mut [u32], allowed: Option<u32>) {
        let SpecialIds { pad, unk, cls, sep, mask } = self.0.special;
        for id in ids {
            if [pad, cls, sep, mask].contains(id) && Some(*id) != allowed {
                *id = unk;
            }
        }
    }

    /// The text of `ids`, special tokens included, as near to the original as the tokenizer keeps it.
    pub fn decode(&self, ids: &[u32]) -> String {
        let decoded = catch_unwind(AssertUnwindSafe(|| self.0.plain.decode(ids, false)));
        match decoded {
            Ok(Ok(text)) => text,
            _ => ids.iter().map(|id| self.token(*id)).collect(),
        }
    }

    /// One token for people: bytes decoded, a leading space shown as a space, `##` kept. Empty for an id outside the
    /// vocabulary.
    pub fn token(&self, id: u32) -> String {
        self.0.vocabulary.readable(id)
    }

    /// For each id, whether it begins a word; special tokens do.
    ///
    /// All are true where the file marks the ends of words or nothing.
    pub fn starts_word(&self) -> Arc<[bool]> {
        self.0.vocabulary.starts_word.clone()
    }

    /// For each id, whether it is a special token.
    pub fn is_special(&self) -> Arc<[bool]> {
        self.0.vocabulary.is_special.clone()
    }

    /// For each id, the characters of text it stands for; a mark of a word's start counts as one, the space or line end
    /// before it; special tokens count 0.
    pub fn char_lengths(&self) -> Arc<[u32]> {
        self.0.vocabulary.char_lengths.clone()
    }

    /// blake3 of the file.
    pub fn hash(&self) -> String {
        self.0.hash.clone()
    }

    /// The model's kind: `bpe`, `byte-bpe`, `wordpiece`, `unigram` or `wordlevel`.
    pub fn kind(&self) -> String {
        self.0.kind.clone()
    }
}

fn encode_with(tokenizer: &Tokenizer, text: &str, into: &mut Vec<u32>) -> Result<(), CorpusError> {
    // A file that passed all checks may still hold what makes the library panic.
    let encoded = catch_unwind(AssertUnwindSafe(|| tokenizer.encode_fast(text, false)));
    match encoded {
        Ok(Ok(encoding)) => {
            into.extend_from_slice(encoding.get_ids());
            Ok(())
        }
        Ok(Err(error)) => Err(failed(text, &error)),
        Err(_) => Err(failed(text, &"its parts do not fit together")),
    }
}

fn failed(text: &str, why: &dyn std::fmt::Display) -> CorpusError {
    CorpusError::Encode { text: text.chars().take(40).collect(), why: why.to_string() }
}

/// Words kept by an [`Encoder`], about 20 MB of them.
const CACHED_WORDS: usize = 1 << 17;
/// Longer words are not worth keeping.
const LONGEST_CACHED_WORD: usize = 64;

/// Encodes much text on one thread: words seen before are not encoded again.
pub(crate) struct Encoder {
    shared: TextTokenizer,
    /// An own copy: the library's own cache sits behind a lock.
    tokenizer: Tokenizer,
    cache: FxHashMap<Box<str>, Box<[u32]>>,
    letters: String,
}

impl Encoder {
    pub(crate) fn new(shared: &TextTokenizer) -> Self {
        let tokenizer = shared.0.plain.clone();
        Self { shared: shared.clone(), tokenizer, cache: FxHashMap::default(), letters: String::new() }
    }

    /// Appends the ids of one line; the same as [`TextTokenizer::encode`].
    pub(crate) fn encode(&mut self, line: &str, into: &mut Vec<u32>) -> Result<(), CorpusError> {
        let start = into.len();
        match self.shared.0.words {
            Some(words) => {
                for word in layout::independent_words(line) {
                    self.encode_word(words, word, into)?;
                }
            }
            None => encode_with(&self.tokenizer, line, into)?,
        }
        self.shared.refuse_special(&mut into[start..], None);
        Ok(())
    }

    fn encode_word(&mut self, words: Words, word: &str, into: &mut Vec<u32>) -> Result<(), CorpusError> {
        if let Some(ids) = self.cache.get(word) {
            into.extend_from_slice(ids);
            return Ok(());
        }
        let start = into.len();
        match words.cut_plain(word, &mut self.letters) {
            Some(sign) => {
                for piece in std::iter::once(self.letters.as_str()).chain(sign) {
                    self.tokenize(piece, into)?;
                }
            }
            None => encode_with(&self.tokenizer, word, into)?,
        }
        if word.len() <= LONGEST_CACHED_WORD {
            if self.cache.len() >= CACHED_WORDS {
                self.cache.clear(); // frequent words are back at once
            }
            self.cache.insert(word.into(), into[start..].into());
        }
        Ok(())
    }

    /// A file may have a layout of ours and a model that makes the library panic.
    fn tokenize(&self, piece: &str, into: &mut Vec<u32>) -> Result<(), CorpusError> {
        let model = self.tokenizer.get_model();
        match catch_unwind(AssertUnwindSafe(|| model.tokenize(piece))) {
            Ok(Ok(tokens)) => {
                into.extend(tokens.iter().map(|token| token.id));
                Ok(())
            }
            Ok(Err(error)) => Err(failed(piece, &error)),
            Err(_) => Err(failed(piece, &"its parts do not fit together")),
        }
    }
}

#[cfg(test)]
mod tests;
