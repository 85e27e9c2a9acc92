//! A source as one stream: each document's tokens, then one `[SEP]`.
//!
//! No separator is stored. Positions of the stream are found by binary search over the documents, whose ends in the
//! stream are their ends in the tokens plus the separators so far.

use std::ops::Range;

use crate::TokenSource;

/// Length of the stream: tokens and separators.
pub(crate) fn stream_len(source: &dyn TokenSource) -> u64 {
    source.token_count() + source.document_count()
}

/// The document that holds `position` of the stream, its separator included; the number of documents past the end.
fn document_at(source: &dyn TokenSource, position: u64) -> u64 {
    let (mut low, mut high) = (0, source.document_count());
    while low < high {
        let middle = low + (high - low) / 2;
        if source.document(middle).end + middle < position {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Tokens, separators not counted, before `position` of the stream.
pub(crate) fn tokens_before(source: &dyn TokenSource, position: u64) -> u64 {
    position - document_at(source, position)
}

/// Appends `range` of the stream to `into`.
pub(crate) fn copy_stream(source: &dyn TokenSource, range: Range<u64>, separator: u32, into: &mut Vec<u32>) {
    let mut document = document_at(source, range.start);
    let mut position = range.start;
    while position < range.end {
        let separator_at = source.document(document).end + document;
        let end = separator_at.min(range.end);
        source.copy_tokens(position - document..end - document, into);
        if separator_at < range.end {
            into.push(separator);
        }
        position = separator_at + 1;
        document += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::MemorySource;

    const SEP: u32 = 3;

    proptest! {
        #[test]
        fn any_range_is_that_part_of_the_stream(
            lengths in prop::collection::vec(0_usize..9, 0..12),
            bounds in (0.0..=1.0, 0.0..=1.0),
        ) {
            let documents: Vec<Vec<Vec<u32>>> =
                lengths.iter().enumerate().map(|(at, length)| vec![vec![10 + at as u32; *length]]).collect();
            let source = MemorySource::new(&documents);
            let mut whole = Vec::new();
            for document in &documents {
                whole.extend(&document[0]);
                whole.push(SEP);
            }
            prop_assert_eq!(stream_len(&source), whole.len() as u64);
            let [a, b] = [bounds.0, bounds.1].map(|part| (part * whole.len() as f64) as usize);
            let range = a.min(b)..a.max(b);
            let mut part = Vec::new();
            copy_stream(&source, range.start as u64..range.end as u64, SEP, &mut part);
            prop_assert_eq!(&part, &whole[range.clone()]);
            let before = whole[..range.end].iter().filter(|id| **id != SEP).count() as u64;
            prop_assert_eq!(tokens_before(&source, range.end as u64), before);
        }
    }
}
