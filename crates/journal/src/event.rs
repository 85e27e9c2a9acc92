//! The events of a run, one JSON line each. Field names are pinned by `tests/formats`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::info::first_format;
use crate::metrics::Scores;

/// Something that happened in a run. In JSON the key `event` names the kind: `log`, `eval`, ...
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run began.
    Start(Start),
    /// The training batches since the last such line.
    Log(Log),
    /// One pass over a held-out split.
    Eval(Eval),
    /// An epoch ended.
    Epoch(EpochEnd),
    /// A checkpoint was written.
    Checkpoint(CheckpointSaved),
    /// Something a person should look at.
    Alert(Alert),
    /// The run went on after an interruption.
    Resume(Resume),
    /// The run ended, for now or for good.
    End(End),
}

/// The run began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The format of the lines from here on: [`FORMAT`](crate::FORMAT).
    #[serde(default = "first_format")]
    pub format: u32,
    /// RFC 3339, UTC.
    pub time: String,
    /// The run's name: case, variant and seed.
    pub run: String,
    /// Version of casebook.
    pub version: String,
}

/// How well some scored positions were predicted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Nats per scored token: their sum over their number.
    pub loss: f64,
    /// Share of scored tokens whose likeliest prediction is right, 0..=1.
    pub accuracy: f64,
    /// Scored tokens.
    pub scored: u64,
}

/// How well one corpus's scored positions were predicted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CorpusScore {
    /// The corpus.
    pub name: String,
    /// Nats per scored token.
    pub loss: f64,
    /// Share of scored tokens predicted right, 0..=1.
    pub accuracy: f64,
    /// Scored tokens.
    pub scored: u64,
    /// Bits per character of text: comparable across vocabularies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits_per_char: Option<f64>,
}

/// Scores by what stood in the input at the scored position. A kind that did not occur is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Kinds {
    /// `[MASK]` stood there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<Score>,
    /// A random token stood there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random: Option<Score>,
    /// The token itself stood there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Score>,
}

/// The gradient's global norm before clipping, over the steps of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GradNorm {
    /// Largest.
    pub max: f64,
    /// Median.
    pub median: f64,
    /// 95th percentile, as [`quantile`](crate::quantile) has it.
    pub p95: f64,
    /// Share of steps that were clipped, 0..=1.
    pub clipped_share: f64,
}

/// The training batches since the last such line: the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// Updates done.
    pub step: u64,
    /// Epochs done, with the part of the present one.
    pub epoch: f64,
    /// Seconds of training so far, over all resumes.
    pub time_s: f64,
    /// Learning rate of the window's last update.
    pub lr: f64,
    /// Nats per scored token over the window.
    pub loss: f64,
    /// Share of the window's scored tokens predicted right, 0..=1.
    pub accuracy: f64,
    /// Scored tokens in the window.
    pub scored: u64,
    /// The window's scores by what stood at the position.
    pub kinds: Kinds,
    /// The window's scores by corpus.
    pub corpora: Vec<CorpusScore>,
    /// Norm of the gradient in the window.
    pub grad_norm: GradNorm,
    /// Real tokens per second, padding not counted.
    pub tokens_per_s: f64,
    /// Tokens per second, padding counted.
    pub padded_tokens_per_s: f64,
    /// Share of the window's time spent waiting for data, 0..=1.
    pub wait_share: f64,
    /// Real tokens seen since the run began.
    pub tokens_seen: u64,
    /// Steps in the window.
    pub window_steps: u64,
    /// How the loss was scaled, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scaling: Option<LossScaling>,
}

/// What the loss is multiplied by so that no gradient vanishes in 16 bits, and what that cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LossScaling {
    /// The factor after the window's last step, a power of two.
    pub scale: f64,
    /// Steps of the window whose update was left out because a scaled gradient was not finite.
    pub skipped: u64,
}

/// One pass over a held-out split.
///
/// Of labelled examples, what is scored is an example, a pair of example and label, or a word; `perplexity` and
/// `bits_per_char` say nothing then, and `kinds` and `corpora` are empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Eval {
    /// Updates done.
    pub step: u64,
    /// Epochs done, with the part of the present one.
    pub epoch: f64,
    /// Seconds of training so far, over all resumes.
    pub time_s: f64,
    /// `valid`, `test`, or another split's name.
    pub split: String,
    /// Nats per scored token.
    pub loss: f64,
    /// Share of scored tokens predicted right, 0..=1.
    pub accuracy: f64,
    /// e to the loss.
    pub perplexity: f64,
    /// Bits per character of text.
    pub bits_per_char: f64,
    /// Scored tokens.
    pub scored: u64,
    /// Scores by what stood at the position.
    pub kinds: Kinds,
    /// Scores by corpus.
    pub corpora: Vec<CorpusScore>,
    /// Seconds the evaluation took.
    pub duration_s: f64,
    /// Whether the loss, or the named metric of labelled examples, is the best of this split so far.
    pub best: bool,
    /// All figures, of labelled examples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scores>,
}

/// An epoch ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochEnd {
    /// The epoch that ended, counted from 0.
    pub epoch: u64,
    /// Updates done.
    pub step: u64,
    /// Rows read in the epoch.
    pub rows: u64,
    /// Hash of all masks of the epoch, hexadecimal: equal in two epochs if and only if the masks were.
    pub mask_hash: String,
    /// Scored share of the real tokens, 0..=1.
    pub scored_share: f64,
    /// Share of the scored replaced by `[MASK]`, 0..=1.
    pub mask_share: f64,
    /// Share of the scored replaced by a random token, 0..=1.
    pub random_share: f64,
    /// Share of the scored kept as they were, 0..=1.
    pub kept_share: f64,
    /// Padding's share of all tokens, 0..=1.
    pub padding_share: f64,
}

/// A checkpoint was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckpointSaved {
    /// Updates done.
    pub step: u64,
    /// Its folder, relative to the run's.
    pub folder: String,
    /// Whether the best evaluation was there.
    pub best: bool,
    /// Size in bytes.
    pub bytes: u64,
    /// Seconds that writing took.
    pub duration_s: f64,
}

/// Something a person should look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Updates done.
    pub step: u64,
    /// What kind of thing, one word: `diverged`, `slow-data`, ...
    pub kind: String,
    /// What happened and what to do.
    pub text: String,
}

/// The run went on after an interruption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resume {
    /// The format of the lines from here on: [`FORMAT`](crate::FORMAT).
    #[serde(default = "first_format")]
    pub format: u32,
    /// RFC 3339, UTC.
    pub time: String,
    /// Training goes on from here; lines before this one with a later step are superseded.
    pub step: u64,
    /// The checkpoint's folder, relative to the run's.
    pub checkpoint: String,
    /// What differs from the configuration before, one line a key.
    pub changes: Vec<String>,
    /// Version of the program that goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The commit it runs at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The device it goes on with: word and name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// The run ended, for now or for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// RFC 3339, UTC.
    pub time: String,
    /// Updates done.
    pub step: u64,
    /// What became of the run.
    pub status: Status,
    /// Why, in words.
    pub reason: String,
    /// Seconds of training so far, over all resumes.
    pub time_s: f64,
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Described, not begun.
    Planned,
    /// Begun, and no end is written: at work, or killed without warning.
    Running,
    /// Asked to stop; can be resumed.
    Stopped,
    /// Did all its steps.
    Finished,
    /// A loss or gradient was not finite.
    Diverged,
    /// An error ended it.
    Failed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
        })
    }
}

impl Event {
    /// The event's name in the journal.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Log(_) => "log",
            Self::Eval(_) => "eval",
            Self::Epoch(_) => "epoch",
            Self::Checkpoint(_) => "checkpoint",
            Self::Alert(_) => "alert",
            Self::Resume(_) => "resume",
            Self::End(_) => "end",
        }
    }

    /// Updates done when it happened; 0 for the start.
    pub fn step(&self) -> u64 {
        match self {
            Self::Start(_) => 0,
            Self::Log(log) => log.step,
            Self::Eval(eval) => eval.step,
            Self::Epoch(epoch) => epoch.step,
            Self::Checkpoint(saved) => saved.step,
            Self::Alert(alert) => alert.step,
            Self::Resume(resume) => resume.step,
            Self::End(end) => end.step,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_as_it_is_written() {
        use Status::*;
        for status in [Planned, Running, Stopped, Finished, Diverged, Failed] {
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{status}\""));
        }
        assert_eq!(format!("{Failed:>8}|"), "  failed|");
    }
}
