//! Which tokens of a batch are the same word.

/// A batch's tokens sorted by word, cut so that no summation is long: a word that is a tenth of all text must not keep one
/// unit busy while all others wait.
#[derive(Debug)]
pub(crate) struct WordOrder {
    /// Tokens by word, those of a word in their order.
    pub(crate) tokens: Vec<i32>,
    /// First place in `tokens` and count of each piece, one behind the other.
    pub(crate) pieces: Vec<i32>,
    /// Word, first piece and count of pieces.
    pub(crate) words: Vec<i32>,
}

/// Tokens of a piece at most.
const PIECE: usize = 32;

impl WordOrder {
    /// The order of these tokens, counted by word.
    pub(crate) fn new(ids: &[i32]) -> Self {
        let words = ids.iter().max().map_or(0, |last| *last as usize + 1);
        let mut starts = vec![0usize; words + 1];
        ids.iter().for_each(|id| starts[*id as usize + 1] += 1);
        (0..words).for_each(|word| starts[word + 1] += starts[word]);
        let (mut next, mut tokens) = (starts.clone(), vec![0; ids.len()]);
        for (token, id) in ids.iter().enumerate() {
            let place = &mut next[*id as usize];
            tokens[*place] = token as i32;
            *place += 1;
        }
        let mut order = Self { tokens, pieces: Vec::new(), words: Vec::new() };
        for word in 0..words {
            order.cut(word, starts[word], starts[word + 1]);
        }
        order
    }

    /// Cuts a word's tokens into pieces.
    fn cut(&mut self, word: usize, first: usize, until: usize) {
        if first == until {
            return;
        }
        self.words.extend([word, self.pieces.len() / 2, (until - first).div_ceil(PIECE)].map(|number| number as i32));
        for first in (first..until).step_by(PIECE) {
            self.pieces.extend([first, PIECE.min(until - first)].map(|number| number as i32));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PIECE, WordOrder};

    #[test]
    fn every_token_stands_once_under_its_word_in_pieces_that_are_short() {
        let ids = (0..1000).map(|at| if at % 3 == 0 { 7 } else { at * 31 % 50 }).collect::<Vec<i32>>();
        let order = WordOrder::new(&ids);
        let mut seen = Vec::new();
        for word in order.words.chunks(3) {
            let pieces = &order.pieces[2 * word[1] as usize..2 * (word[1] + word[2]) as usize];
            for piece in pieces.chunks(2) {
                assert!((1..=PIECE as i32).contains(&piece[1]));
                let tokens = &order.tokens[piece[0] as usize..(piece[0] + piece[1]) as usize];
                assert!(tokens.iter().all(|token| ids[*token as usize] == word[0]));
                seen.extend_from_slice(tokens);
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..1000).collect::<Vec<i32>>());
    }

    #[test]
    fn no_tokens_have_no_words() {
        let order = WordOrder::new(&[]);
        assert!(order.tokens.is_empty() && order.pieces.is_empty() && order.words.is_empty());
    }
}
