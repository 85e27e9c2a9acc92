//! Data in which there is nothing to learn: targets dealt to other examples, tokens in any order.

use std::sync::Arc;

use corpus::{MemorySource, Prepared, Purpose, RowCorpus, RowSet, Split, TokenSource, labelled::Splits, stream};
use rand_chacha::{ChaCha8Rng, rand_core::Rng};

use crate::{
    TrainError,
    material::Rows,
    setup::{Setup, Work},
    words::{Parts, Source, Words},
};

/// Tokens of text to learn from and to be tested on, at most.
const TOKENS: [usize; 2] = [400_000, 40_000];
/// Examples to learn from and to be tested on, at most.
const EXAMPLES: [usize; 2] = [10_000, 1_000];

/// Random numbers of this check alone: an epoch of initial weights that no run has.
pub(super) fn dealer(seed: u64, index: u64) -> ChaCha8Rng {
    stream(seed, Purpose::Init, u64::MAX, index)
}

/// Puts values in any order, each equally likely (Fisher and Yates).
fn shuffle<T>(values: &mut [T], rng: &mut ChaCha8Rng) {
    for at in (1..values.len()).rev() {
        values.swap(at, (rng.next_u64() % (at as u64 + 1)) as usize);
    }
}

/// Deals the targets of each split's examples anew; of many examples some are kept, drawn at random, as a file may be sorted.
/// At most `tested` validation examples are kept.
pub(super) fn deal(rows: &mut Rows, tested: usize, rng: &mut ChaCha8Rng) {
    match rows {
        Rows::Texts(_, splits) => {
            for rows in kept(splits, tested, rng) {
                let mut targets = rows.iter().map(|row| row.target.clone()).collect::<Vec<_>>();
                shuffle(&mut targets, rng);
                rows.iter_mut().zip(targets).for_each(|(row, target)| row.target = target);
            }
        }
        Rows::Tagged(_, splits, _) => {
            for rows in kept(splits, tested, rng) {
                let mut tags = rows.iter().flat_map(|row| row.tags.iter().copied()).collect::<Vec<_>>();
                shuffle(&mut tags, rng);
                rows.iter_mut().flat_map(|row| &mut row.tags).zip(tags).for_each(|(tag, dealt)| *tag = dealt);
            }
        }
    }
}

/// Training and validation rows, as many as are wanted; the test split is dropped.
fn kept<'a, Row>(splits: &'a mut Splits<Row>, tested: usize, rng: &mut ChaCha8Rng) -> [&'a mut Vec<Row>; 2] {
    splits.test.clear();
    let [train, valid] = EXAMPLES;
    for (rows, most) in [(&mut splits.train, train), (&mut splits.valid, valid.min(tested.max(1)))] {
        shuffle(rows, rng);
        rows.truncate(most);
    }
    [&mut splits.train, &mut splits.valid]
}

/// How often each token was there to be learned from.
pub(super) struct Frequencies {
    counts: Vec<f64>,
    all: f64,
}

impl Frequencies {
    /// Of `ids`; special tokens, which are never hidden, are not counted.
    fn of<'a>(ids: impl Iterator<Item = &'a u32>, is_special: &[bool]) -> Self {
        let mut counts = vec![0.0; is_special.len()];
        ids.filter(|id| !is_special[**id as usize]).for_each(|id| counts[*id as usize] += 1.0);
        let ordinary = is_special.iter().filter(|is_special| !**is_special).count();
        let all = counts.iter().sum::<f64>() + ordinary as f64;
        Self { counts, all }
    }

    /// Nats that a token costs who knows these frequencies alone, each count plus one.
    pub(super) fn nats(&self, id: i32) -> f64 {
        -((self.counts[id as usize] + 1.0) / self.all).ln()
    }
}

/// The case with tokens in any order, and their frequencies; nothing where there is no row to test on.
pub(super) fn deal_words(setup: &Setup, words: &Words) -> Result<Option<(Setup, Frequencies)>, TrainError> {
    if setup.config.masking.mask == 0.0 {
        return Ok(None);
    }
    let is_special = setup.tokenizer.is_special();
    match &words.source {
        Source::Text(text) => {
            let mut lines = [Split::Train, Split::Valid].map(|split| sample(&text.prepared, split));
            lines
                .iter_mut()
                .enumerate()
                .for_each(|(at, lines)| shuffle_lines(lines, &mut dealer(setup.seed, at as u64)));
            let known = Frequencies::of(lines[0].iter().flatten(), &is_special);
            let [train, valid] = lines.map(|lines| rows(setup, lines));
            let (Ok(train), Ok(valid)) = (train, valid) else { return Ok(None) };
            let parts = Parts { train, valid, test: None };
            let names = vec![SHUFFLED.to_string()];
            let words = Words::of_rows(&setup.config, setup.seed, text.prepared.clone(), names, parts);
            Ok(Some((setup.with_work(Work::Words(Box::new(words)))?, known)))
        }
        Source::Pages(pages) => {
            if pages.valid.is_empty() {
                return Ok(None);
            }
            let mut at = 0;
            let pages = pages.dealt(&setup.config, setup.seed, &mut |ids| {
                shuffle(ids, &mut dealer(setup.seed, at));
                at += 1;
            });
            let text = pages.train.iter().flat_map(|input| &input.ids[1..input.ids.len() - 1]);
            let known = Frequencies::of(text, &is_special);
            let (names, char_lengths) = (vec![SHUFFLED.to_string()], words.char_lengths.clone());
            let words = Words { names, char_lengths, source: Source::Pages(Box::new(pages)) };
            Ok(Some((setup.with_work(Work::Words(Box::new(words)))?, known)))
        }
    }
}

/// What the text is called whose words stand in any order.
const SHUFFLED: &str = "shuffled";

/// The first lines of each corpus's split, up to its part of [`TOKENS`].
fn sample(prepared: &Prepared, split: Split) -> Vec<Vec<u32>> {
    let corpora = prepared.manifest().corpora.len();
    let most = TOKENS[usize::from(split != Split::Train)] / corpora.max(1);
    let mut lines = Vec::new();
    for corpus in 0..corpora {
        let mut taken = 0;
        for source in prepared.sources(split, corpus) {
            for line in 0..source.line_count() {
                if taken >= most {
                    break;
                }
                let mut ids = Vec::new();
                source.copy_tokens(source.line(line), &mut ids);
                taken += ids.len();
                lines.push(ids);
            }
        }
    }
    lines
}

/// Tokens of all lines in any order, the lines as long as they were.
fn shuffle_lines(lines: &mut [Vec<u32>], rng: &mut ChaCha8Rng) {
    let mut all = lines.concat();
    shuffle(&mut all, rng);
    lines.iter_mut().flatten().zip(all).for_each(|(id, dealt)| *id = dealt);
}

/// Rows of lines, each a document of its own.
fn rows(setup: &Setup, lines: Vec<Vec<u32>>) -> Result<RowSet, TrainError> {
    let documents = lines.into_iter().map(|line| vec![line]).collect::<Vec<_>>();
    let source = Arc::new(MemorySource::new(&documents)) as Arc<dyn TokenSource>;
    let corpus = RowCorpus { name: SHUFFLED.into(), weight: 1.0, sources: vec![source] };
    let (kind, special) = (setup.config.data.rows, setup.tokenizer.special());
    Ok(RowSet::new(vec![corpus], kind, setup.config.model.seq_len, special)?)
}
