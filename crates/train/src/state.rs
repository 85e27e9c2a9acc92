//! All that a run remembers besides weights and moments.

use case::Precision;
use optim::LossScaler;
use serde::{Deserialize, Serialize};

use crate::tally::Tally;

/// Where the loop stands between two updates.
///
/// Everything random is a function of (seed, purpose, epoch, index), so there is no random state in it, and no position in
/// the data but the step. Seconds are the only numbers in it that two equal runs do not share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Updates done.
    pub step: u64,
    /// Real tokens read.
    pub tokens_seen: u64,
    /// Seconds in the loop, over all resumes, evaluation and checkpoints included.
    pub time_s: f64,
    /// What was gathered since the last log line.
    pub window: Window,
    /// What was gathered in this epoch.
    pub epoch: EpochTally,
    /// The step that was evaluated last.
    pub evaluated: Option<u64>,
    /// The best evaluation so far.
    pub best: Option<Best>,
    /// Evaluations in a row, up to the last, that found no more than word frequencies long after the warm-up.
    #[serde(default)]
    pub collapsed: u32,
    /// Evaluations in a row, up to the last, that were not better than the best.
    #[serde(default)]
    pub worse: u64,
    /// What the loss is multiplied by; none where it is not.
    #[serde(default)]
    pub scaler: Option<LossScaler>,
    /// Rows per pass, where the device had no memory for as many as the case asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_batch_size: Option<usize>,
}

/// The best evaluation so far, by validation loss or the metric that the case names; the earlier one of two equals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    /// Updates done then.
    pub step: u64,
    /// The loss in nats per scored token, or the metric.
    #[serde(alias = "loss")]
    pub value: f64,
}

/// What was gathered since the last log line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// Losses and accuracies.
    pub tally: Tally,
    /// The global norm of each step's gradient, before clipping.
    pub norms: Vec<f64>,
    /// Steps whose gradient was clipped.
    pub clipped: u64,
    /// Steps whose update was left out; they have no norm.
    #[serde(default)]
    pub skipped: u64,
    /// Real tokens.
    pub tokens: u64,
    /// Tokens with padding.
    pub padded: u64,
    /// Seconds of training steps alone.
    pub seconds: f64,
    /// Of them, seconds in which the loop waited for a batch.
    pub waited: f64,
}

impl Window {
    /// Nothing yet.
    pub(crate) fn new(corpora: usize) -> Self {
        Self {
            tally: Tally::new(corpora),
            norms: Vec::new(),
            clipped: 0,
            skipped: 0,
            tokens: 0,
            padded: 0,
            seconds: 0.0,
            waited: 0.0,
        }
    }
}

/// What was gathered in an epoch: proof of what was masked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct EpochTally {
    /// Rows read.
    pub rows: u64,
    /// Sum of the rows' mask hashes, wrapping: equal for equal masks in any order.
    pub mask_hash: u64,
    /// Scored positions that held `[MASK]`, a random word, the word itself.
    pub kinds: [u64; 3],
    /// Real tokens.
    pub tokens: u64,
    /// Tokens with padding.
    pub padded: u64,
}

impl State {
    /// Before the first update of a run with so many corpora.
    pub(crate) fn new(corpora: usize, precision: Precision) -> Self {
        Self {
            step: 0,
            tokens_seen: 0,
            time_s: 0.0,
            window: Window::new(corpora),
            epoch: EpochTally::default(),
            evaluated: None,
            best: None,
            collapsed: 0,
            worse: 0,
            scaler: LossScaler::new(precision),
            micro_batch_size: None,
        }
    }

    /// Updates made: steps without those whose update was left out.
    pub(crate) fn updates(&self) -> u64 {
        self.step - self.scaler.map_or(0, |scaler| scaler.skipped())
    }
}
