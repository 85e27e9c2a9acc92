//! Inputs longer than the encoder reads: overlapping windows, and what they say together.

use std::ops::Range;

use case::Vote;

/// Windows of at most `capacity` tokens over `tokens`, neighbours sharing at least `overlap`: every token is in one. The
/// last window ends with the last token and is as long as the others, so that its tokens see as much before them.
///
/// One window, perhaps empty, where all tokens fit.
///
/// # Panics
/// If `overlap` is not below `capacity`.
pub fn windows(tokens: usize, capacity: usize, overlap: usize) -> Vec<Range<usize>> {
    assert!(overlap < capacity, "windows of {capacity} that share {overlap} never end");
    if tokens <= capacity {
        return std::iter::once(0..tokens).collect();
    }
    let last = tokens - capacity;
    let starts = (0..last).step_by(capacity - overlap).chain(std::iter::once(last));
    starts.map(|start| start..start + capacity).collect()
}

/// One row of log-probabilities a token, `[P * C]`, from those of the windows that saw it; each row is a distribution.
///
/// `log_probs[w]` has a row of `classes` for each token of `windows[w]`.
///
/// # Panics
/// If windows and rows do not fit together, or a token is in no window.
pub fn voted(windows: &[Range<usize>], log_probs: &[Vec<f64>], classes: usize, vote: Vote) -> Vec<f64> {
    assert_eq!(windows.len(), log_probs.len(), "one list of rows a window");
    let tokens = windows.iter().map(|window| window.end).max().unwrap_or(0);
    let mut heard = vec![0.0; tokens * classes];
    let mut best: Vec<Option<usize>> = vec![None; tokens];
    for (window, log_probs) in windows.iter().zip(log_probs) {
        assert_eq!(log_probs.len(), window.len() * classes, "one row a token");
        for (token, row) in window.clone().zip(log_probs.chunks_exact(classes.max(1))) {
            let context = (token - window.start).min(window.end - 1 - token);
            let sum = &mut heard[token * classes..(token + 1) * classes];
            match vote {
                Vote::SumLogProbs => sum.iter_mut().zip(row).for_each(|(sum, row)| *sum += row),
                Vote::LargestContext if best[token].is_none_or(|best| context > best) => sum.copy_from_slice(row),
                Vote::LargestContext => {}
            }
            best[token] = best[token].max(Some(context));
        }
    }
    assert!(best.iter().all(Option::is_some), "a token is in no window");
    heard.chunks_exact_mut(classes.max(1)).for_each(normalise);
    heard
}

/// Takes the logarithm of the row's sum out of it.
fn normalise(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum = row.iter().map(|log| (log - largest).exp()).sum::<f64>().ln() + largest;
    if sum.is_finite() {
        row.iter_mut().for_each(|log| *log -= sum);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn windows_cover_every_token_and_share_what_they_should(
            tokens in 0_usize..2_000, capacity in 1_usize..130, part in 0.0..1.0,
        ) {
            let overlap = (part * capacity as f64) as usize;
            let found = windows(tokens, capacity, overlap);
            prop_assert_eq!(found[0].start, 0);
            prop_assert_eq!(found.last().map(|window| window.end), Some(tokens));
            prop_assert!(found.iter().all(|window| window.len() == capacity.min(tokens)));
            for pair in found.windows(2) {
                prop_assert!(pair[1].start > pair[0].start && pair[1].start + overlap <= pair[0].end);
            }
        }

        #[test]
        fn windows_that_agree_are_voted_to_what_they_say(tokens in 1_usize..60, sums: bool) {
            let found = windows(tokens, 10, 4);
            let row = |token: usize| {
                let p = (token % 9 + 1) as f64 / 10.0;
                [p.ln(), (1.0 - p).ln()]
            };
            let said: Vec<Vec<f64>> = found.iter().map(|window| window.clone().flat_map(row).collect()).collect();
            let vote = if sums { Vote::SumLogProbs } else { Vote::LargestContext };
            let heard = voted(&found, &said, 2, vote);
            for (token, heard) in heard.chunks_exact(2).enumerate() {
                prop_assert!((heard[0].exp() + heard[1].exp() - 1.0).abs() < 1e-12);
                prop_assert_eq!(heard[0] > heard[1], row(token)[0] > row(token)[1]);
                if !sums {
                    prop_assert!((heard[0] - row(token)[0]).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn the_window_with_more_context_is_heard() {
        let found = windows(6, 4, 2);
        assert_eq!(found, [0..4, 2..6]);
        let sure = |p: f64| [p.ln(), (1.0 - p).ln()];
        let said = [[sure(0.9); 4].concat(), [sure(0.2); 4].concat()];
        let first: Vec<f64> = voted(&found, &said, 2, Vote::LargestContext).chunks(2).map(|row| row[0].exp()).collect();
        // Tokens 2 and 3 have contexts 1 and 0 in the first window, 0 and 1 in the second.
        for (found, wanted) in first.iter().zip([0.9, 0.9, 0.9, 0.2, 0.2, 0.2]) {
            assert!((found - wanted).abs() < 1e-12, "{first:?}");
        }
        let summed = voted(&found, &said, 2, Vote::SumLogProbs)[4].exp();
        assert!((summed - 0.18 / (0.18 + 0.08)).abs() < 1e-12, "{summed}");
    }

    #[test]
    #[should_panic(expected = "never end")]
    fn windows_that_share_all_are_a_fault() {
        windows(10, 4, 4);
    }
}
