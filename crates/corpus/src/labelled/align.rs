//! Words and tokens: a tag belongs to a word, a prediction to a token.
//!
//! A word may be several tokens, and where the words are single characters, as in KLUE's entities, a token may be several
//! words. Words are encoded as running text, so that each tokenizer sees them as it did in pre-training.

use std::ops::Range;

use case::{Labelling, WordJoin};

use super::labels::TagSet;
use crate::{CorpusError, TextTokenizer};

/// The tokens of a sequence of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alignment {
    /// Ids, without special tokens: `[P]`.
    pub ids: Vec<u32>,
    /// The words that each token stands for, in order; empty for a token that is white space alone.
    pub covers: Vec<Range<usize>>,
    words: usize,
}

impl Alignment {
    /// Encodes `words` as one text.
    ///
    /// A word of which the tokenizer leaves nothing becomes one unknown token, so that every word that is not white space
    /// has a token; between characters, white space has none.
    ///
    /// # Errors
    /// If the tokenizer fails on this text.
    pub fn of(tokenizer: &TextTokenizer, words: &[String], join: WordJoin) -> Result<Self, CorpusError> {
        let mut text = String::new();
        let mut ranges = Vec::with_capacity(words.len());
        for (at, word) in words.iter().enumerate() {
            if at > 0 && join == WordJoin::Spaces {
                text.push(' ');
            }
            let start = text.len();
            text.push_str(word);
            ranges.push(start..text.len());
        }
        let mut alignment = Self { ids: Vec::new(), covers: Vec::new(), words: words.len() };
        let has_token = |at: usize| join == WordJoin::Spaces || !words[at].trim().is_empty();
        let mut next = 0; // the first word that no token stands for yet
        for piece in tokenizer.encode_pieces(&text)? {
            let is_blank = tokenizer.token(piece.id).trim().is_empty();
            let covered = if is_blank { 0..0 } else { covered(&ranges, &piece.bytes, words) };
            if !covered.is_empty() {
                (next..covered.start).filter(|at| has_token(*at)).for_each(|at| alignment.push_unknown(tokenizer, at));
                next = next.max(covered.end);
            }
            alignment.ids.push(piece.id);
            alignment.covers.push(covered);
        }
        (next..words.len()).filter(|at| has_token(*at)).for_each(|at| alignment.push_unknown(tokenizer, at));
        Ok(alignment)
    }

    fn push_unknown(&mut self, tokenizer: &TextTokenizer, word: usize) {
        self.ids.push(tokenizer.special().unk);
        self.covers.push(word..word + 1);
    }

    /// Tokens P.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// For each word, the token that decides its tag: the first that stands for it. None for white space among characters.
    pub fn deciding(&self) -> Vec<Option<usize>> {
        let mut deciding = vec![None; self.words];
        for (at, covered) in self.covers.iter().enumerate().rev() {
            deciding[covered.clone()].fill(Some(at));
        }
        deciding
    }

    /// The class each token is trained on: `[P]`, none where it is not scored.
    ///
    /// # Panics
    /// If there is not one tag a word.
    pub fn labels(&self, tags: &[usize], set: &TagSet, labelling: Labelling) -> Vec<Option<usize>> {
        assert_eq!(tags.len(), self.words, "one tag a word");
        let deciding = self.deciding();
        let label = |(at, covered): (usize, &Range<usize>)| {
            let word = covered.clone().next()?;
            match labelling {
                _ if deciding[word] == Some(at) => Some(tags[word]),
                Labelling::All => Some(set.inside(tags[word])),
                Labelling::First => None,
            }
        };
        self.covers.iter().enumerate().map(label).collect()
    }

    /// Each word's tag from the tokens' tags `[P]`: that of its deciding token, or the inside of it where the token began
    /// with an earlier word. White space among characters is inside where the entity before goes on after it.
    ///
    /// # Panics
    /// If there is not one tag a token.
    pub fn tags(&self, of_tokens: &[usize], set: &TagSet) -> Vec<usize> {
        assert_eq!(of_tokens.len(), self.len(), "one tag a token");
        let decided = self.deciding().into_iter().enumerate().map(|(word, token)| {
            let token = token?;
            let tag = of_tokens[token];
            Some(if self.covers[token].start == word { tag } else { set.inside(tag) })
        });
        let decided: Vec<Option<usize>> = decided.collect();
        let mut tags = Vec::with_capacity(self.words);
        for (word, tag) in decided.iter().enumerate() {
            let before = tags.last().copied().unwrap_or(0);
            let after = decided[word..].iter().flatten().next().copied();
            let goes_on = before > 0 && after == Some(set.inside(before));
            tags.push(tag.unwrap_or(if goes_on { set.inside(before) } else { 0 }));
        }
        tags
    }

    /// Words whose tag would be another even if every token were tagged right: the tokenizer's own errors, a ceiling of
    /// what can be reached.
    ///
    /// # Panics
    /// If there is not one tag a word.
    pub fn lost(&self, tags: &[usize], set: &TagSet) -> usize {
        let labels: Vec<usize> =
            self.labels(tags, set, Labelling::All).into_iter().map(Option::unwrap_or_default).collect();
        self.tags(&labels, set).iter().zip(tags).filter(|(ours, theirs)| ours != theirs).count()
    }
}

/// The words that the bytes of a token touch; white space is no word here.
fn covered(ranges: &[Range<usize>], bytes: &Range<usize>, words: &[String]) -> Range<usize> {
    let first = ranges.partition_point(|range| range.end <= bytes.start);
    let end = ranges.partition_point(|range| range.start < bytes.end);
    let is_word = |at: &usize| !words[*at].trim().is_empty();
    let Some(first) = (first..end).find(is_word) else { return 0..0 };
    let last = (first..end).rev().find(is_word).unwrap_or(first);
    first..last + 1
}

#[cfg(test)]
mod tests;
