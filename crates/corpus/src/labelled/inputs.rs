//! What the encoder is given: ids with special tokens, segments, boxes, labels.

use std::ops::Range;

use super::align::Alignment;
use super::boxes::{BOX_SCALE, PageBox};
use super::texts::TextRow;
use crate::{CorpusError, SpecialIds, TextTokenizer};

/// One input of the encoder, special tokens included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelInput {
    /// Ids: `[T]`.
    pub ids: Vec<u32>,
    /// 0 up to the first `[SEP]`, 1 after it: `[T]`.
    pub token_types: Vec<u8>,
    /// Boxes of the tokens' words, where there are boxes: `[T]`, or empty.
    pub boxes: Vec<PageBox>,
    /// Class of each scored token, none where it is not scored: `[T]`, or empty where no token is.
    pub labels: Vec<Option<usize>>,
    /// Tokens of text that did not fit.
    pub cut: usize,
}

/// `[CLS] first [SEP]`, or `[CLS] first [SEP] second [SEP]`, of at most `longest` tokens: what does not fit is cut from the
/// end of the longer text; where both are longer than half the room each keeps half, and the longer (of equals the second)
/// the odd token, as `tokenizers` does ("longest_first").
///
/// # Errors
/// If the tokenizer fails on the text.
///
/// # Panics
/// If `longest` has no room for the special tokens.
///
/// # Source
/// Devlin et al. 2018, §3 and figure 4.
pub fn text_input(tokenizer: &TextTokenizer, row: &TextRow, longest: usize) -> Result<ModelInput, CorpusError> {
    let mut first = tokenizer.encode(&row.first)?;
    let mut second = row.second.as_ref().map(|text| tokenizer.encode(text)).transpose()?;
    let specials = if second.is_some() { 3 } else { 2 };
    assert!(longest >= specials, "{longest} tokens have no room for {specials} special ones");
    let room = longest - specials;
    let whole = first.len() + second.as_ref().map_or(0, Vec::len);
    if let Some(second) = &mut second {
        // Each is cut to what the other leaves of the room, but never below its half.
        let half = if first.len() > second.len() { room / 2 } else { room.div_ceil(2) };
        let kept = half.max(room.saturating_sub(first.len()));
        second.truncate(kept);
    }
    first.truncate(room - second.as_ref().map_or(0, Vec::len));
    let SpecialIds { cls, sep, .. } = tokenizer.special();
    let mut input = ModelInput::default();
    input.push(cls, 0);
    first.iter().for_each(|id| input.push(*id, 0));
    input.push(sep, 0);
    if let Some(second) = &second {
        second.iter().for_each(|id| input.push(*id, 1));
        input.push(sep, 1);
    }
    input.cut = whole - (input.ids.len() - specials);
    Ok(input)
}

/// `[CLS] tokens [SEP]` of one window of an aligned sequence, with its labels and the boxes of its words.
///
/// `[CLS]` has the box `[0, 0, 0, 0]` and `[SEP]` `[1000, 1000, 1000, 1000]`, as in LayoutLM's code; a token that is white
/// space alone has the box of the token before it, or `[CLS]`'s.
///
/// # Panics
/// If labels or boxes are not of the alignment's tokens and words, or the window ends past its tokens.
pub fn tag_window(
    special: SpecialIds,
    alignment: &Alignment,
    window: Range<usize>,
    labels: &[Option<usize>],
    boxes: Option<&[PageBox]>,
) -> ModelInput {
    let mut input = ModelInput::default();
    input.push(special.cls, 0);
    alignment.ids[window.clone()].iter().for_each(|id| input.push(*id, 0));
    input.push(special.sep, 0);
    input.labels.push(None);
    input.labels.extend_from_slice(&labels[window.clone()]);
    input.labels.push(None);
    if let Some(boxes) = boxes {
        let mut before: PageBox = [0; 4];
        input.boxes.push(before);
        for covered in &alignment.covers[window] {
            before = covered.clone().next().map_or(before, |word| boxes[word]);
            input.boxes.push(before);
        }
        input.boxes.push([BOX_SCALE; 4]);
    }
    input
}

impl ModelInput {
    fn push(&mut self, id: u32, token_type: u8) {
        self.ids.push(id);
        self.token_types.push(token_type);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::labels::Place;
    use super::super::testing::tokenizer;
    use super::super::texts::Target;
    use super::*;

    fn row(first: &str, second: Option<&str>) -> TextRow {
        let place = Place { path: Arc::new("a.tsv".into()), row: 2 };
        let (first, second) = (first.into(), second.map(Into::into));
        TextRow { place, first, second, target: Target::Single(0), group: None }
    }

    #[test]
    fn one_text_and_pairs_stand_between_special_tokens() {
        let tokenizer = tokenizer();
        let SpecialIds { cls, sep, .. } = tokenizer.special();
        let one = text_input(&tokenizer, &row("the dog", None), 64).unwrap();
        assert_eq!((one.ids[0], one.ids.last(), one.cut), (cls, Some(&sep), 0));
        assert!(one.token_types.iter().all(|kind| *kind == 0));
        let pair = text_input(&tokenizer, &row("the dog", Some("a fox")), 64).unwrap();
        assert_eq!(pair.ids[..one.ids.len()], one.ids);
        let second = &pair.token_types[one.ids.len()..];
        assert!(!second.is_empty() && second.iter().all(|kind| *kind == 1));
    }

    proptest! {
        #[test]
        fn inputs_fit_and_the_longer_text_is_cut(first in 0_usize..40, second in 0_usize..40, longest in 3_usize..50) {
            let tokenizer = tokenizer();
            let words = |count: usize| vec!["dog"; count].join(" ");
            let tokens = |count: usize| tokenizer.encode(&words(count)).unwrap().len();
            let (whole_first, whole_second) = (tokens(first), tokens(second));
            let input = text_input(&tokenizer, &row(&words(first), Some(&words(second))), longest).unwrap();
            prop_assert!(input.ids.len() <= longest);
            prop_assert_eq!(input.cut + input.ids.len() - 3, whole_first + whole_second);
            prop_assert!(input.cut == 0 || input.ids.len() == longest);
            let kept_second = input.token_types.iter().filter(|kind| **kind == 1).count() - 1;
            let kept_first = input.ids.len() - 3 - kept_second;
            // As `tokenizers` 0.23 cuts pairs (utils/truncation.rs, LongestFirst): the shorter, then the longer.
            let room = longest - 3;
            let (short, long) = (whole_first.min(whole_second), whole_first.max(whole_second));
            let mut kept = (short, if short > room { short } else { long.min(short.max(room - short)) });
            if kept.0 + kept.1 > room {
                kept = (room / 2, room - room / 2);
            }
            let wanted = if whole_first > whole_second { (kept.1, kept.0) } else { kept };
            prop_assert_eq!((kept_first, kept_second), wanted);
        }
    }
}
