//! What rows are cut from: tokens with the ends of lines and documents.

use std::ops::Range;

/// A run of tokens, parted into lines and documents. A document is one or more whole lines.
///
/// Ranges count tokens from the start of the source; no special token is stored.
pub trait TokenSource: Send + Sync {
    /// Tokens in all.
    fn token_count(&self) -> u64;
    /// Appends the ids of `range` to `into`.
    ///
    /// # Panics
    /// If `range` reaches past [`TokenSource::token_count`].
    fn copy_tokens(&self, range: Range<u64>, into: &mut Vec<u32>);
    /// Lines in all.
    fn line_count(&self) -> u64;
    /// The tokens of line `index`.
    fn line(&self, index: u64) -> Range<u64>;
    /// Documents in all.
    fn document_count(&self) -> u64;
    /// The tokens of document `index`.
    fn document(&self, index: u64) -> Range<u64>;
}

/// Ids of the special tokens every tokenizer here must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SpecialIds {
    /// `[PAD]`: fills rows to the batch's length.
    pub pad: u32,
    /// `[UNK]`: what the vocabulary cannot spell.
    pub unk: u32,
    /// `[CLS]`: starts every row.
    pub cls: u32,
    /// `[SEP]`: ends every document and every row.
    pub sep: u32,
    /// `[MASK]`: stands where a token was hidden.
    pub mask: u32,
}
