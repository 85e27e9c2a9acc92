//! The unigram language model, trained by the library in a way that gives the same file each time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rustc_hash::FxHashSet;
use serde_json::{Value, json};
use tokenizers::AddedToken;
use tokenizers::models::unigram::{Unigram, UnigramTrainer};

use super::layout::SPECIALS;
use super::train::training;
use crate::CorpusError;

/// The library's step between the scores it makes up for characters that no piece needs.
const MADE_UP_STEP: f64 = 0.0001;

/// Words longer than this add only time, squared.
const LONGEST_WORD: usize = 256;

/// Most frequent words that are learned from. The library holds a suffix array of all of them and goes over them some
/// twenty times on one thread: on 63 MB of Korean and English the limit saves a third of 150 s and of 1 GB.
const MOST_WORDS: usize = 1 << 19;

/// Learns a model of at most `vocab_size` tokens from `words`, spelled in `alphabet`.
///
/// # Source
/// Kudo 2018, §3.2, as the `tokenizers` crate has it.
pub(super) fn learn(
    alphabet: &[String],
    mut words: Vec<(String, u64)>,
    vocab_size: usize,
) -> Result<Value, CorpusError> {
    let known: FxHashSet<char> = alphabet.iter().filter_map(|letter| letter.chars().next()).collect();
    // Sorted by text so far, and the sort is stable: ties have an order.
    words.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    words.truncate(MOST_WORDS);
    let sentences = spell(&known, words)?;
    let specials: Vec<AddedToken> = SPECIALS.iter().map(|special| AddedToken::from(*special, true)).collect();
    let trainer = UnigramTrainer::builder()
        .show_progress(false)
        .vocab_size(u32::try_from(vocab_size).map_err(training)?)
        .special_tokens(specials)
        .unk_token(Some(SPECIALS[1].to_owned()))
        .build()
        .map_err(training)?;
    // One thread: the library's sums are of floats, in an order that follows the number of threads.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(training)?;
    let mut model = Unigram::default();
    let trained = catch_unwind(AssertUnwindSafe(|| pool.install(|| trainer.do_train(sentences, &mut model))));
    match trained {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(training(error)),
        Err(_) => {
            return Err(training("the unigram trainer gave up on this text; use `kind = \"bpe\"`, or give more text"));
        }
    }
    let mut pieces: Vec<(String, f64)> = model.iter().skip(SPECIALS.len()).cloned().collect();
    settle_order(&mut pieces);
    pieces.iter_mut().for_each(|(_, score)| *score = rounded(*score));
    let specials = SPECIALS.iter().map(|special| ((*special).to_owned(), 0.0));
    let vocab: Vec<(String, f64)> = specials.chain(pieces).collect();
    Ok(json!({ "type": "Unigram", "unk_id": 1, "byte_fallback": false, "vocab": vocab }))
}

/// A score to nine decimals, which every reader of JSON reads alike. Of seventeen digits some are read one unit off, which
/// decides otherwise between two ways of cutting a word that are equally good: other ids in another program.
fn rounded(score: f64) -> f64 {
    (score * 1e9).round() / 1e9
}

/// Cuts words at characters outside the alphabet.
fn spell(known: &FxHashSet<char>, words: Vec<(String, u64)>) -> Result<Vec<(String, u32)>, CorpusError> {
    let mut total: u64 = 0;
    let mut sentences = Vec::with_capacity(words.len());
    for (word, count) in words {
        total += count;
        let count = u32::try_from(count).map_err(training)?;
        for part in word.split(|letter| !known.contains(&letter)) {
            if !part.is_empty() && part.len() <= LONGEST_WORD {
                sentences.push((part.to_owned(), count));
            }
        }
    }
    if u32::try_from(total).is_err() {
        return Err(training("more than 4,294,967,295 words for a unigram model; lower tokenizer.train_bytes"));
    }
    Ok(sentences)
}

/// Undoes the one place where the library follows the order of a randomly seeded hash set: characters that the model
/// does not need get scores just above the least one, in any order. They get the same scores in the order of their
/// code points; then all pieces are sorted by score and text.
fn settle_order(pieces: &mut [(String, f64)]) {
    let least = pieces.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
    let mut penalty = 0.0;
    let mut made_up: Vec<u64> = Vec::new();
    for _ in 0..pieces.len() {
        made_up.push((least + penalty).to_bits());
        penalty += MADE_UP_STEP; // summed as the library does, for the same bits
    }
    let rank: rustc_hash::FxHashMap<u64, usize> =
        made_up.iter().enumerate().map(|(rank, bits)| (*bits, rank)).collect();
    let mut letters: Vec<(char, usize)> = Vec::new();
    for (place, (piece, score)) in pieces.iter().enumerate() {
        let mut chars = piece.chars();
        if let (Some(letter), None, true) = (chars.next(), chars.next(), rank.contains_key(&score.to_bits())) {
            letters.push((letter, place));
        }
    }
    letters.sort_unstable();
    let mut scores: Vec<f64> = letters.iter().map(|(_, place)| pieces[*place].1).collect();
    scores.sort_by(f64::total_cmp);
    for ((_, place), score) in letters.into_iter().zip(scores.into_iter().rev()) {
        pieces[place].1 = score;
    }
    pieces.sort_by(|(left, a), (right, b)| b.total_cmp(a).then_with(|| left.cmp(right)));
}
