//! Learning merges by byte-pair encoding.
//!
//! The library's own trainer counts in 32 bits, cannot be stopped, gives pieces that continue a word their ids in the
//! order of a randomly seeded hash map, and lets that order decide between two queue entries of one pair. The same
//! rule is written out here, so that the same text gives the same file.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, Ordering};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::CorpusError;

type Pair = (u32, u32);

/// What is learned.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Learned {
    /// Each id's token.
    pub(super) tokens: Vec<String>,
    /// The two tokens of each merge, in order.
    pub(super) merges: Vec<(String, String)>,
}

/// A word as the ids of its pieces, and how often it stands in the text.
struct Word {
    pieces: Vec<u32>,
    count: u64,
}

/// Merges the most frequent pair, again and again, until there are `vocab_size` tokens or no pair stands
/// `min_frequency` times; of equally frequent pairs the one of the smaller ids first.
///
/// `tokens` is the start: special tokens, then the alphabet. Pieces that continue a word are written with `continuing`.
/// `words` must be spelled in the alphabet; other characters become nothing and part what stands beside them.
///
/// # Source
/// Sennrich et al. 2016, §3.2.
pub(super) fn learn(
    tokens: Vec<String>,
    continuing: &str,
    words: &[(String, u64)],
    vocab_size: usize,
    min_frequency: u64,
    stop: &AtomicBool,
) -> Result<Learned, CorpusError> {
    let ids = tokens.iter().enumerate().map(|(id, token)| (token.clone(), id as u32)).collect();
    let mut learner = Learner { tokens, ids, continuing, ..Learner::default() };
    learner.spell(words);
    learner.count_pairs();
    let mut merges = Vec::new();
    while learner.tokens.len() < vocab_size {
        let Some(pair) = learner.most_frequent(min_frequency.max(1)) else { break };
        merges.push((learner.tokens[pair.0 as usize].clone(), learner.tokens[pair.1 as usize].clone()));
        learner.merge(pair);
        if merges.len() % 64 == 0 && stop.load(Ordering::Relaxed) {
            return Err(CorpusError::Interrupted);
        }
    }
    Ok(Learned { tokens: learner.tokens, merges })
}

#[derive(Default)]
struct Learner<'a> {
    tokens: Vec<String>,
    ids: FxHashMap<String, u32>,
    continuing: &'a str,
    words: Vec<Word>,
    counts: FxHashMap<Pair, u64>,
    /// In which words a pair stands, or once stood.
    places: FxHashMap<Pair, Vec<u32>>,
    /// Pairs by count; a count that is no longer true is put right when it comes up.
    queue: BinaryHeap<(u64, Reverse<Pair>)>,
}

impl Learner<'_> {
    fn spell(&mut self, words: &[(String, u64)]) {
        let mut token = String::new();
        for (word, count) in words {
            let mut pieces = Vec::new();
            for (place, letter) in word.char_indices() {
                token.clear();
                if place > 0 {
                    token.push_str(self.continuing);
                }
                token.push(letter);
                match self.ids.get(&token) {
                    Some(id) => pieces.push(*id),
                    None => self.add_word(&mut pieces, *count),
                }
            }
            self.add_word(&mut pieces, *count);
        }
    }

    fn add_word(&mut self, pieces: &mut Vec<u32>, count: u64) {
        if pieces.len() > 1 {
            self.words.push(Word { pieces: std::mem::take(pieces), count });
        }
        pieces.clear();
    }

    fn count_pairs(&mut self) {
        for (place, word) in self.words.iter().enumerate() {
            for pair in word.pieces.windows(2) {
                let pair = (pair[0], pair[1]);
                *self.counts.entry(pair).or_default() += word.count;
                let places = self.places.entry(pair).or_default();
                if places.last() != Some(&(place as u32)) {
                    places.push(place as u32);
                }
            }
        }
        self.queue = self.counts.iter().map(|(pair, count)| (*count, Reverse(*pair))).collect();
    }

    fn most_frequent(&mut self, min_frequency: u64) -> Option<Pair> {
        loop {
            let (count, Reverse(pair)) = self.queue.pop()?;
            let now = self.counts.get(&pair).copied().unwrap_or(0);
            if now == count {
                return (count >= min_frequency).then_some(pair);
            }
            // Only a count that fell is put back: where it rose, `merge` has put in the new one.
            if now < count && now >= min_frequency {
                self.queue.push((now, Reverse(pair)));
            }
        }
    }

    fn merge(&mut self, pair: Pair) {
        let merged = self.merged_id(pair);
        let mut risen = FxHashSet::default();
        for place in self.places.remove(&pair).unwrap_or_default() {
            let word = &mut self.words[place as usize];
            if !word.pieces.windows(2).any(|next| (next[0], next[1]) == pair) {
                continue;
            }
            for old in word.pieces.windows(2) {
                if let Some(count) = self.counts.get_mut(&(old[0], old[1])) {
                    *count -= word.count;
                }
            }
            replace(&mut word.pieces, pair, merged);
            for new in word.pieces.windows(2) {
                let new = (new[0], new[1]);
                *self.counts.entry(new).or_default() += word.count;
                if new.0 == merged || new.1 == merged {
                    let places = self.places.entry(new).or_default();
                    if places.last() != Some(&place) {
                        places.push(place);
                    }
                    risen.insert(new);
                }
            }
        }
        self.counts.remove(&pair);
        // The queue's order is total, so the order of this set leaves no trace.
        self.queue.extend(risen.iter().map(|new| (self.counts[new], Reverse(*new))));
    }

    fn merged_id(&mut self, (left, right): Pair) -> u32 {
        let right = &self.tokens[right as usize];
        let token = format!("{}{}", self.tokens[left as usize], right.strip_prefix(self.continuing).unwrap_or(right));
        // The same token can be reached by two merges: ab + c and a + bc.
        *self.ids.entry(token).or_insert_with_key(|token| {
            self.tokens.push(token.clone());
            (self.tokens.len() - 1) as u32
        })
    }
}

/// Replaces `pair` by `merged` from left to right.
fn replace(pieces: &mut Vec<u32>, pair: Pair, merged: u32) {
    let (mut from, mut to) = (0, 0);
    while from < pieces.len() {
        let is_pair = pieces[from] == pair.0 && pieces.get(from + 1) == Some(&pair.1);
        pieces[to] = if is_pair { merged } else { pieces[from] };
        from += if is_pair { 2 } else { 1 };
        to += 1;
    }
    pieces.truncate(to);
}
