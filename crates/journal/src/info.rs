//! `run.json`: what was run, on what, with what plan.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::JournalError;
use crate::write::{first_non_finite, write_atomically};

/// The format of `run.json` and `journal.jsonl` that this version writes. It reads every one from 1 on; a field that may be
/// missing needs no new one.
pub const FORMAT: u32 = 1;

const FILE_NAME: &str = "run.json";
/// A thousand times the longest there is.
const MAX_BYTES: u64 = 16 << 20;

/// What was run, written once when the run is planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// [`FORMAT`].
    pub format: u32,
    /// The run's name: case, variant and seed.
    pub run: String,
    /// The case's name.
    pub case: String,
    /// The variant's name.
    pub variant: String,
    /// The seed of everything random.
    pub seed: u64,
    /// What the case asks.
    pub question: String,
    /// Where the question comes from; may be empty.
    pub source: String,
    /// RFC 3339, UTC.
    pub created: String,
    /// Version of casebook.
    pub version: String,
    /// Commit of the source tree, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What it ran on.
    pub machine: Machine,
    /// Number format of weights and sums, such as `f32`.
    pub precision: String,
    /// The case's keys that a reader wants, in order: `batch_size`, `learning_rate`, ...
    pub parameters: Vec<(String, String)>,
    /// What it began from, where that was not fresh weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StartInfo>,
    /// The model's size.
    pub model: ModelInfo,
    /// The data's size.
    pub data: DataInfo,
    /// The steps planned.
    pub plan: PlanInfo,
    /// The losses of predicting without looking.
    pub baselines: Baselines,
}

/// The model that a run began from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartInfo {
    /// Its folder, as the case names it.
    pub folder: String,
    /// `run`, or `import` for a model of another library.
    pub kind: String,
    /// Updates behind its weights; 0 for an import.
    pub step: u64,
    /// blake3 of the file of its weights.
    pub weights: String,
    /// Weights that it did not have, which began fresh.
    pub fresh: Vec<String>,
}

/// What a run ran on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Operating system and its version.
    pub os: String,
    /// The processor's name.
    pub cpu: String,
    /// Logical cores.
    pub cores: usize,
    /// Main memory in bytes.
    pub memory_bytes: u64,
    /// The device trained on, by name.
    pub device: String,
    /// What drives the device: `flex`, `wgpu`, ...
    pub backend: String,
}

/// The model's size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Trained numbers; a tied table counts once.
    pub parameters: u64,
    /// The same by part, in order: `embeddings`, `layers`, ...
    pub parts: Vec<(String, u64)>,
}

/// The data's size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataInfo {
    /// Hash of the prepared data.
    pub prepared: String,
    /// Hash of the tokenizer.
    pub tokenizer: String,
    /// The tokenizer's algorithm.
    pub tokenizer_kind: String,
    /// Vocabulary V, special tokens included.
    pub vocab_size: u64,
    /// Padding's share of the training rows, 0..=1.
    pub padding_share: f64,
    /// Corpus by corpus; empty where the run learns from labelled examples.
    pub corpora: Vec<CorpusInfo>,
    /// The labelled examples, where the run learns from such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub examples: Option<ExamplesInfo>,
}

/// Labelled examples: what is told apart, and how many there are of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExamplesInfo {
    /// `classify` or `tag`.
    pub task: String,
    /// What a label is: `single`, `multi` or `soft`; `single` for tags.
    pub target: String,
    /// Classes, or BIO tags, in the order of their numbers.
    pub labels: Vec<String>,
    /// Each label's share of the training examples, for tags of the words, 0..=1.
    pub shares: Vec<f64>,
    /// The figure that tells the best checkpoint, as `metric` in a case file names it.
    pub best_by: String,
    /// `train`, `valid` and, where there is one, `test`.
    pub splits: Vec<SplitInfo>,
    /// Examples that stand in two splits.
    pub repeats: Vec<RepeatInfo>,
    /// What a reader should know of them.
    pub notes: Vec<String>,
}

/// One split's size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitInfo {
    /// `train`, `valid` or `test`.
    pub name: String,
    /// Texts, sentences or pages.
    pub examples: u64,
    /// What the encoder is given: one an example, or one a window.
    pub inputs: u64,
    /// Tokens of all inputs, special ones included.
    pub tokens: u64,
    /// Examples of which not all tokens fit.
    pub cut: u64,
    /// Words whose tag no token can say, because a token stands for several.
    pub lost: u64,
}

/// Examples of a later split that repeat an earlier one's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatInfo {
    /// The split that is repeated.
    pub earlier: String,
    /// The split that repeats.
    pub later: String,
    /// Examples equal but for case and white space.
    pub exact: u64,
    /// Examples nearly equal.
    pub near: u64,
}

/// One corpus's size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CorpusInfo {
    /// Its name.
    pub name: String,
    /// Documents kept, all splits together.
    pub documents: u64,
    /// Lines read.
    pub lines: u64,
    /// Exact duplicates removed.
    pub duplicates: u64,
    /// Lines passed over as empty, not UTF-8 or malformed.
    pub bad_lines: u64,
    /// Tokens for training.
    pub train_tokens: u64,
    /// Tokens for validation.
    pub valid_tokens: u64,
    /// Rows for training.
    pub train_rows: u64,
    /// Rows for validation.
    pub valid_rows: u64,
    /// Share of unknown tokens, 0..=1.
    pub unknown_share: f64,
    /// Tokens per character of text.
    pub tokens_per_char: f64,
}

/// The steps planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanInfo {
    /// Seconds of an update, where minutes of the case had to be turned into steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_per_step: Option<f64>,
    /// Rows per update.
    pub batch_size: u64,
    /// Rows per forward pass.
    pub micro_batch_size: u64,
    /// Updates in an epoch.
    pub steps_per_epoch: u64,
    /// Updates in all.
    pub total_steps: u64,
    /// Epochs in all.
    pub epochs: f64,
    /// Rows for training.
    pub train_rows: u64,
    /// Rows for validation.
    pub valid_rows: u64,
    /// Batches in an evaluation.
    pub valid_steps: u64,
    /// Updates until the learning rate is at its peak.
    pub warmup_steps: u64,
    /// The learning rate's course in words.
    pub schedule: String,
    /// The learning rate's course as a line: some updates, from the first on, and their rates. Empty where it was not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<(u64, f64)>,
    /// What a reader should know about the plan.
    pub notes: Vec<String>,
}

/// The losses of predicting without looking, in nats per token; of labelled examples `uniform` is every label alike and
/// `unigram` each by its share in training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baselines {
    /// Every token alike: ln V.
    pub uniform: f64,
    /// Every token by its frequency in training: the cross-entropy under those frequencies.
    pub unigram: f64,
    /// The same corpus by corpus, each under its own frequencies.
    pub corpora: Vec<(String, f64)>,
}

impl Baselines {
    /// The unigram loss of one corpus, in nats per token.
    pub fn corpus(&self, name: &str) -> Option<f64> {
        self.corpora.iter().find(|(corpus, _)| corpus == name).map(|(_, loss)| *loss)
    }
}

/// All that is read of a file whose format may be another.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl RunInfo {
    /// The description in a run's folder.
    ///
    /// # Errors
    /// [`JournalError::Io`], [`JournalError::InfoSyntax`], and [`JournalError::Format`] for a format that is not known,
    /// whatever else the file holds.
    pub fn read(run_dir: &Path) -> Result<Self, JournalError> {
        let path = run_dir.join(FILE_NAME);
        let text = disk::read_up_to(&path, MAX_BYTES).map_err(JournalError::io("read", &path))?;
        let syntax = |source| JournalError::InfoSyntax { path: path.clone(), source };
        let FormatOnly { format } = serde_json::from_slice(&text).map_err(syntax)?;
        check_format(&path, format, FORMAT)?;
        serde_json::from_slice(&text).map_err(syntax)
    }

    /// Writes the description into a run's folder, whole or not at all.
    ///
    /// # Errors
    /// [`JournalError::NonFinite`], [`JournalError::Format`], [`JournalError::Io`].
    pub fn write(&self, run_dir: &Path) -> Result<(), JournalError> {
        let path = run_dir.join(FILE_NAME);
        check_format(&path, self.format, FORMAT)?;
        if let Some(field) = first_non_finite(self) {
            return Err(JournalError::NonFinite { field, what: FILE_NAME.into() });
        }
        let mut text = serde_json::to_vec_pretty(self).expect("a description holds strings, numbers and lists only");
        text.push(b'\n');
        write_atomically(&path, &text)
    }
}

/// The format of what was written before files of its kind said it.
pub(crate) fn first_format() -> u32 {
    1
}

/// Refuses a format that this version does not know.
pub(crate) fn check_format(path: &Path, found: u32, known: u32) -> Result<(), JournalError> {
    if (first_format()..=known).contains(&found) {
        return Ok(());
    }
    Err(JournalError::Format { path: PathBuf::from(path), found, known })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::synthetic::run_info;

    #[test]
    fn a_description_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut info = run_info();
        info.seed = u64::MAX;
        info.baselines.unigram = 0.1 + 0.2;
        info.write(folder.path()).unwrap();
        assert_eq!(RunInfo::read(folder.path()).unwrap(), info);
        info.commit = None;
        info.write(folder.path()).unwrap();
        assert_eq!(RunInfo::read(folder.path()).unwrap(), info);
    }

    #[test]
    fn a_newer_format_is_refused_by_number_whatever_else_changed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("run.json"), r#"{"format": 7, "runs": []}"#).unwrap();
        let error = RunInfo::read(folder.path()).unwrap_err();
        assert!(matches!(error, JournalError::Format { found: 7, known: 1, .. }));
        assert!(error.to_string().contains("has format 7, and this program knows 1 at most"), "{error}");
        let info = RunInfo { format: 2, ..run_info() };
        assert!(matches!(info.write(folder.path()), Err(JournalError::Format { found: 2, .. })));
    }

    #[test]
    fn a_cut_file_and_a_missing_one_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(RunInfo::read(folder.path()), Err(JournalError::Io { action: "read", .. })));
        run_info().write(folder.path()).unwrap();
        let path = folder.path().join("run.json");
        let text = fs::read(&path).unwrap();
        fs::write(&path, &text[..text.len() / 2]).unwrap();
        let error = RunInfo::read(folder.path()).unwrap_err();
        assert!(matches!(error, JournalError::InfoSyntax { .. }), "{error}");
    }

    #[test]
    fn a_non_finite_baseline_is_refused_by_name_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut info = run_info();
        info.baselines.corpora[1].1 = f64::NAN;
        let error = info.write(folder.path()).unwrap_err();
        assert!(
            matches!(&error, JournalError::NonFinite { field, .. } if field == "baselines.corpora[1][1]"),
            "{error}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
