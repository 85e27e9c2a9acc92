//! How text is normalised and cut into words for each kind of tokenizer trained here, as `tokenizer.json` says it.

use case::{Normalization, TokenizerConfig, TokenizerKind};
use serde_json::{Value, json};
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

use super::vocabulary::byte_letter;

/// The special tokens of every tokenizer trained here, at ids 0 to 4.
pub(super) const SPECIALS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// Stands for the space before a word.
pub(super) const WORD_MARK: &str = "▁";

/// Normaliser, pre-tokenizer and decoder of a kind.
///
/// Punctuation is always cut from letters, so no word is ever `[MASK]` as a whole: text cannot say a special token, nor
/// can training learn one.
pub(super) struct Layout {
    pub(super) normalizer: Value,
    pub(super) pre_tokenizer: Value,
    pub(super) decoder: Value,
}

impl Layout {
    /// # Panics
    /// For [`TokenizerKind::File`], which brings its own.
    pub(super) fn of(config: &TokenizerConfig) -> Self {
        let kind = config.kind;
        let (pre_tokenizer, decoder) = match kind {
            TokenizerKind::Bpe | TokenizerKind::Unigram => (marked_words(), metaspace()),
            TokenizerKind::ByteBpe => (byte_words(), byte_level()),
            TokenizerKind::Wordpiece => (
                json!({ "type": "BertPreTokenizer" }),
                json!({ "type": "WordPiece", "prefix": "##", "cleanup": false }),
            ),
            TokenizerKind::File => unreachable!("a given tokenizer is never trained"),
        };
        Self { normalizer: normalizer(config), pre_tokenizer, decoder }
    }
}

fn normalizer(config: &TokenizerConfig) -> Value {
    let mut steps = Vec::new();
    match config.normalization {
        Normalization::None => {}
        Normalization::Nfc => steps.push(json!({ "type": "NFC" })),
        Normalization::Nfkc => steps.push(json!({ "type": "NFKC" })),
    }
    if config.lowercase {
        steps.push(json!({ "type": "Lowercase" }));
    }
    if matches!(config.kind, TokenizerKind::Bpe | TokenizerKind::Unigram) {
        // Tabs, no-break and doubled spaces part words as a space does; only byte-level BPE keeps them apart.
        steps.push(json!({ "type": "Replace", "pattern": { "Regex": "\\s+" }, "content": " " }));
    }
    json!({ "type": "Sequence", "normalizers": steps })
}

/// `▁` before each word, words cut before and after each sign of punctuation or symbol.
fn marked_words() -> Value {
    json!({ "type": "Sequence", "pretokenizers": [
        { "type": "Metaspace", "replacement": WORD_MARK, "prepend_scheme": "first", "split": true },
        { "type": "Split",
          "pattern": { "Regex": "▁?(?:[^▁\\p{P}\\p{S}]+|[^▁])|▁" },
          "behavior": "Isolated", "invert": false },
    ] })
}

/// GPT-2's words over bytes, with a space before the first word, so that it is the same word at a line's start.
fn byte_words() -> Value {
    json!({ "type": "Sequence", "pretokenizers": [
        // Only the first piece of a text gets the space; ByteLevel's own option gives it to what follows [MASK] too.
        { "type": "Metaspace", "replacement": " ", "prepend_scheme": "first", "split": false },
        { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
    ] })
}

fn metaspace() -> Value {
    json!({ "type": "Metaspace", "replacement": WORD_MARK, "prepend_scheme": "first", "split": true })
}

fn byte_level() -> Value {
    json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true })
}

/// How words of plain letters are cut under one of the layouts here, without asking the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    kind: TokenizerKind,
    lowercase: bool,
}

impl Words {
    pub(super) fn of(config: &TokenizerConfig) -> Self {
        Self { kind: config.kind, lowercase: config.lowercase }
    }

    /// The layout of `tokenizer`, if it is one under which a line's ids are those of its [`independent_words`] one
    /// after the other. That is known of the layouts here and asked of no other.
    ///
    /// It does not hold for NFKC over bytes: some letters become a space and a mark, and two spaces are two bytes.
    pub(super) fn of_tokenizer(tokenizer: &Tokenizer) -> Option<Self> {
        if !tokenizer.get_added_tokens_decoder().values().all(|token| token.special) {
            return None;
        }
        for kind in [TokenizerKind::Bpe, TokenizerKind::ByteBpe, TokenizerKind::Wordpiece] {
            for normalization in [Normalization::None, Normalization::Nfc, Normalization::Nfkc] {
                for lowercase in [false, true] {
                    let config = TokenizerConfig { kind, normalization, lowercase, ..TokenizerConfig::default() };
                    let over_bytes = kind == TokenizerKind::ByteBpe && normalization == Normalization::Nfkc;
                    if !over_bytes && has_layout(tokenizer, &Layout::of(&config)) {
                        return Some(Self::of(&config));
                    }
                }
            }
        }
        None
    }

    /// Cuts `word` as the library would, if it is made of ASCII letters and Hangul syllables with at most one sign
    /// after them; most words are. What the model gets to see of the letters is put into `letters`.
    ///
    /// The library builds tables of offsets for each word, which nobody reads here: most of the time went there.
    pub(super) fn cut_plain(self, word: &str, letters: &mut String) -> Option<Option<&'static str>> {
        let (stem, sign) = match word.as_bytes().last()? {
            b'.' => (&word[..word.len() - 1], Some(".")),
            b',' => (&word[..word.len() - 1], Some(",")),
            _ => (word, None),
        };
        let is_plain = |letter: char| letter.is_ascii_alphabetic() || ('가'..='힣').contains(&letter);
        if stem.is_empty() || !stem.chars().all(is_plain) {
            return None;
        }
        letters.clear();
        match self.kind {
            TokenizerKind::ByteBpe => {
                letters.push(byte_letter(b' '));
                letters.extend(stem.bytes().map(byte_letter));
            }
            TokenizerKind::Wordpiece => letters.push_str(stem),
            _ => {
                letters.push_str(WORD_MARK);
                letters.push_str(stem);
            }
        }
        if self.lowercase {
            letters.make_ascii_lowercase(); // Hangul has no case, and neither have letters that stand for its bytes
        }
        Some(sign)
    }
}

fn has_layout(tokenizer: &Tokenizer, layout: &Layout) -> bool {
    let normalizer = serde_json::from_value::<NormalizerWrapper>(layout.normalizer.clone());
    let pre_tokenizer = serde_json::from_value::<PreTokenizerWrapper>(layout.pre_tokenizer.clone());
    normalizer.is_ok_and(|ours| as_json(&ours) == tokenizer.get_normalizer().and_then(as_json))
        && pre_tokenizer.is_ok_and(|ours| as_json(&ours) == tokenizer.get_pre_tokenizer().and_then(as_json))
}

fn as_json(part: &impl serde::Serialize) -> Option<Value> {
    serde_json::to_value(part).ok()
}

/// Cuts a line at each space that alone parts two words; other white space stays inside the piece.
pub(super) fn independent_words(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        match lone_space(text) {
            Some(at) => {
                rest = Some(&text[at + 1..]);
                Some(&text[..at])
            }
            None => rest.take(),
        }
    })
}

/// Where the first space stands that has a word on either side.
fn lone_space(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut from = 1; // a space at the start parts nothing
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == b' ').map(|at| at + from) {
        if is_word_before(text, at) && is_word_after(text, at + 1) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

fn is_word_before(text: &str, end: usize) -> bool {
    match text.as_bytes()[end - 1] {
        byte if byte.is_ascii() => !(byte as char).is_whitespace(),
        _ => text[..end].chars().next_back().is_some_and(|last| !last.is_whitespace()),
    }
}

fn is_word_after(text: &str, start: usize) -> bool {
    match text.as_bytes().get(start) {
        None => false,
        Some(byte) if byte.is_ascii() => !(*byte as char).is_whitespace(),
        // A word that begins with the mark itself gets none when it stands alone.
        Some(_) => text[start..].chars().next().is_some_and(|first| !first.is_whitespace() && first != '▁'),
    }
}
