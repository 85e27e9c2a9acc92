//! How text is normalised and cut into words for each kind of tokenizer trained here, as `tokenizer.json` says it.

use case::{Normalization, TokenizerConfig, TokenizerKind};
use serde_json::{Value, json};
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

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

/// Whether `tokenizer` gives the ids of a line as those of its [`independent_words`] one after the other.
///
/// Known of the layouts here and asked of no other. Not of NFKC over bytes: it turns some letters into a space and a
/// mark, and two spaces are two bytes.
pub(super) fn words_are_independent(tokenizer: &Tokenizer) -> bool {
    let kinds = [TokenizerKind::Bpe, TokenizerKind::ByteBpe, TokenizerKind::Wordpiece];
    let normalizations = [Normalization::None, Normalization::Nfc, Normalization::Nfkc];
    kinds.into_iter().any(|kind| {
        normalizations.into_iter().any(|normalization| {
            [false, true].into_iter().any(|lowercase| {
                let config = TokenizerConfig { kind, normalization, lowercase, ..TokenizerConfig::default() };
                let over_bytes = kind == TokenizerKind::ByteBpe && normalization == Normalization::Nfkc;
                !over_bytes && has_layout(tokenizer, &Layout::of(&config))
            })
        })
    }) && tokenizer.get_added_tokens_decoder().values().all(|token| token.special)
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

/// Where the first space stands that has no white space on either side.
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
        Some(_) => text[start..].chars().next().is_some_and(|first| !first.is_whitespace()),
    }
}
