//! What each token stands for.

use std::sync::Arc;

use serde_json::Value;

use super::check::{Checked, names_type};
use super::layout::WORD_MARK;

/// Facts about each id.
pub(super) struct Vocabulary {
    /// As they stand in the file.
    pub(super) tokens: Vec<String>,
    marks: Marks,
    pub(super) starts_word: Arc<[bool]>,
    pub(super) is_special: Arc<[bool]>,
    pub(super) char_lengths: Arc<[u32]>,
}

/// How the file marks where words begin.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Marks {
    /// Bytes as letters (GPT-2): a space is `Ġ`.
    Bytes,
    /// A mark before each word, `▁`.
    Start(String),
    /// A mark before each piece that continues a word, `##`.
    Continuation(String),
    /// None, or at the words' ends.
    None,
}

impl Vocabulary {
    pub(super) fn new(checked: &Checked) -> Self {
        let marks = Marks::of(checked);
        let facts = |of: &dyn Fn(&str) -> u32, special: u32| -> Vec<u32> {
            let ids = checked.tokens.iter().zip(&checked.is_special);
            ids.map(|(token, is_special)| if *is_special { special } else { of(token) }).collect()
        };
        let starts = facts(&|token| u32::from(marks.starts_word(token)), 1);
        Self {
            starts_word: starts.into_iter().map(|starts| starts == 1).collect(),
            char_lengths: facts(&|token| marks.chars(token), 0).into(),
            is_special: checked.is_special.clone().into(),
            tokens: checked.tokens.clone(),
            marks,
        }
    }

    /// The token for people.
    pub(super) fn readable(&self, id: u32) -> String {
        let place = id as usize;
        let Some((token, is_special)) = self.tokens.get(place).zip(self.is_special.get(place)) else {
            return String::new();
        };
        if *is_special { token.clone() } else { self.marks.readable(token) }
    }
}

impl Marks {
    fn of(checked: &Checked) -> Self {
        let (json, model) = (&checked.json, &checked.json["model"]);
        let has = |kind| {
            let mut parts = ["normalizer", "pre_tokenizer", "decoder"].iter();
            parts.any(|part| names_type(json.get(*part), kind))
        };
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        if has("ByteLevel") {
            Self::Bytes
        } else if has("Metaspace") || checked.kind == "unigram" {
            Self::Start(WORD_MARK.into())
        } else if let Some(prefix) = text(&model["continuing_subword_prefix"]) {
            Self::Continuation(prefix)
        } else if checked.tokens.iter().any(|token| token.starts_with(WORD_MARK)) {
            Self::Start(WORD_MARK.into()) // a Replace or Prepend of `▁`, as some published files have it
        } else {
            Self::None
        }
    }

    fn starts_word(&self, token: &str) -> bool {
        match self {
            Self::Bytes => letter_bytes(token).is_none_or(|bytes| bytes.first().is_some_and(u8::is_ascii_whitespace)),
            Self::Start(mark) => token.starts_with(mark.as_str()),
            Self::Continuation(mark) => !token.starts_with(mark.as_str()),
            Self::None => true,
        }
    }

    /// Characters of text; in bytes, those that begin one, so that a character cut in two counts once.
    fn chars(&self, token: &str) -> u32 {
        let begins = |byte: u8| byte & 0b1100_0000 != 0b1000_0000;
        let count = match self {
            Self::Bytes => match letter_bytes(token) {
                Some(bytes) => bytes.into_iter().filter(|byte| begins(*byte)).count(),
                None => token.chars().count(),
            },
            _ if fallback_byte(token).is_some() => fallback_byte(token).map_or(0, |byte| begins(byte).into()),
            Self::Continuation(mark) => token.strip_prefix(mark.as_str()).unwrap_or(token).chars().count(),
            Self::Start(_) | Self::None => token.trim_end_matches("</w>").chars().count(),
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn readable(&self, token: &str) -> String {
        match self {
            Self::Bytes => match letter_bytes(token).map(String::from_utf8) {
                Some(Ok(text)) => text,
                Some(Err(part)) => {
                    let bytes: Vec<String> = part.as_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
                    format!("<{}>", bytes.join(" ")) // a part of a character
                }
                None => token.to_owned(),
            },
            Self::Start(mark) => token.replace(mark.as_str(), " "),
            Self::Continuation(_) | Self::None => token.to_owned(),
        }
    }
}

/// The byte of a token such as `<0xEA>`, by which some files spell what they have no token for.
fn fallback_byte(token: &str) -> Option<u8> {
    let hex = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if hex.len() == 2 { u8::from_str_radix(hex, 16).ok() } else { None }
}

/// The bytes behind letters: printable Latin-1 stands for itself, the other 68 bytes for `Ā` and the letters after it.
///
/// # Source
/// Radford et al. 2019, the published encoder's `bytes_to_unicode`.
fn letter_bytes(token: &str) -> Option<Vec<u8>> {
    token.chars().map(letter_byte).collect()
}

fn letter_byte(letter: char) -> Option<u8> {
    match u32::from(letter) {
        code @ (0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) => u8::try_from(code).ok(),
        code @ 0x100..=0x143 => {
            let nth = (code - 0x100) as u8;
            Some(match nth {
                0..=0x20 => nth,                  // 00..=20
                0x21..=0x42 => 0x7F + nth - 0x21, // 7F..=A0
                _ => 0xAD,
            })
        }
        _ => None,
    }
}

/// The letter that stands for a byte.
pub(super) fn byte_letter(byte: u8) -> char {
    let code = match byte {
        0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => u32::from(byte),
        0..=0x20 => 0x100 + u32::from(byte),
        0x7F..=0xA0 => 0x121 + u32::from(byte) - 0x7F,
        0xAD => 0x143,
    };
    char::from_u32(code).expect("codes up to 0x143 are letters")
}
