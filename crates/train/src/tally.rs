//! Sums over scored positions, by what stood there and by corpus.

use corpus::{Batch, MaskKind};
use journal::{CorpusScore, Kinds, Score};
use serde::{Deserialize, Serialize};

use crate::{forward::Read, labels::Decision};

/// A sum over scored positions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sum {
    /// Scored positions.
    pub scored: u64,
    /// Of them, those whose likeliest word was the right one.
    pub correct: u64,
    /// Their negative log-likelihoods in nats.
    pub nats: f64,
    /// Characters that their labels stand for.
    pub chars: u64,
}

impl Sum {
    fn add(&mut self, nats: f64, correct: bool, chars: u32) {
        self.scored += 1;
        self.correct += u64::from(correct);
        self.nats += nats;
        self.chars += u64::from(chars);
    }

    /// Nats per scored position; 0 where there is none.
    pub(crate) fn loss(&self) -> f64 {
        self.nats / self.scored.max(1) as f64
    }

    /// Share of right guesses; 0 where there is no position.
    pub(crate) fn accuracy(&self) -> f64 {
        self.correct as f64 / self.scored.max(1) as f64
    }

    /// Bits per character of the scored labels; none where they stand for no character.
    pub(crate) fn bits_per_char(&self) -> Option<f64> {
        (self.chars > 0).then(|| self.nats / std::f64::consts::LN_2 / self.chars as f64)
    }

    fn score(&self) -> Option<Score> {
        (self.scored > 0).then(|| Score { loss: self.loss(), accuracy: self.accuracy(), scored: self.scored })
    }
}

/// Sums over a window of steps or a whole evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Everything.
    pub all: Sum,
    kinds: [Sum; 3],
    corpora: Vec<Sum>,
}

impl Tally {
    /// Nothing yet, for so many corpora.
    pub(crate) fn new(corpora: usize) -> Self {
        Self { all: Sum::default(), kinds: [Sum::default(); 3], corpora: vec![Sum::default(); corpora] }
    }

    /// Adds what the model made of a batch; `char_lengths` has an entry for each word of the vocabulary.
    pub(crate) fn add(&mut self, batch: &Batch, read: &Read, char_lengths: &[u32]) {
        for (at, label) in batch.labels.iter().enumerate() {
            let (nll, correct) = (f64::from(read.nll[at]), read.best[at] == *label);
            let chars = char_lengths[*label as usize];
            self.all.add(nll, correct, chars);
            self.kinds[kind_index(batch.kinds[at])].add(nll, correct, chars);
            self.corpora[usize::from(batch.corpora[at])].add(nll, correct, chars);
        }
    }

    /// Adds what the model made of labelled examples.
    pub(crate) fn add_decisions(&mut self, decisions: &[Decision]) {
        decisions.iter().for_each(|decision| self.all.add(decision.nats, decision.is_right, 0));
    }

    /// The sums by what stood at the position.
    pub(crate) fn kinds(&self) -> Kinds {
        let [mask, random, kept] = self.kinds.map(|sum| sum.score());
        Kinds { mask, random, kept }
    }

    /// The sums by corpus, those with no scored position left out.
    pub(crate) fn corpora(&self, names: &[String]) -> Vec<CorpusScore> {
        let scored = names.iter().zip(&self.corpora).filter(|(_, sum)| sum.scored > 0);
        let score = |(name, sum): (&String, &Sum)| CorpusScore {
            name: name.clone(),
            loss: sum.loss(),
            accuracy: sum.accuracy(),
            scored: sum.scored,
            bits_per_char: sum.bits_per_char(),
        };
        scored.map(score).collect()
    }
}

/// Where a kind stands in arrays of three.
pub(crate) fn kind_index(kind: MaskKind) -> usize {
    match kind {
        MaskKind::Mask => 0,
        MaskKind::Random => 1,
        MaskKind::Kept => 2,
    }
}
