//! The case file as types: one struct a table, every default written here and nowhere else.
//!
//! Keys follow the users' words (`d_model`, `h`, `ff`, `n_layers`); where models are exchanged the `encoder` crate maps
//! them to published names.

use serde::{Deserialize, Serialize};

use crate::{Claim, EncoderConfig, ExamplesConfig, FinetuneConfig, Length, Task};

/// A case: one question, put to one file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseConfig {
    /// What the case asks. Required.
    pub question: String,
    /// Where the question comes from.
    #[serde(default)]
    pub source: String,
    /// What its author concludes of the runs, in words.
    #[serde(default)]
    pub conclusion: String,
    /// What the conclusion claims, such as "layer-6 < layer-4 on valid.loss", to be held against the runs.
    #[serde(default)]
    pub claims: Vec<Claim>,
    /// One run of every variant for each seed. At least one, no repeats.
    #[serde(default = "default_seeds")]
    pub seeds: Vec<u64>,
    /// What is learned: masked language modelling on text or on pages, classes of texts, or tags of words.
    #[serde(default)]
    pub task: Task,
    /// Where to start from instead of fresh weights: a run (its best checkpoint), one of its checkpoints, or the folder that
    /// `casebook import` made. The tokenizer and `[model]` are taken from there; what `[model]` says all the same must agree, but
    /// for dropout and a smaller `seq_len`. Relative to the folder the command runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// The encoder.
    #[serde(default)]
    pub model: EncoderConfig,
    /// The text. Required for `mlm`, read by it alone.
    #[serde(default)]
    pub data: DataConfig,
    /// Labelled examples. Required for `classify` and `tag`, read by them alone.
    #[serde(default)]
    pub examples: ExamplesConfig,
    /// Words to ids.
    #[serde(default)]
    pub tokenizer: TokenizerConfig,
    /// What is hidden from the model and scored; read by `mlm` alone.
    #[serde(default)]
    pub masking: MaskingConfig,
    /// How an encoder is tuned on labelled examples; read by `classify` and `tag` alone.
    #[serde(default)]
    pub finetune: FinetuneConfig,
    /// How weights are updated.
    #[serde(default)]
    pub optimizer: OptimizerConfig,
    /// The learning rate of each step.
    #[serde(default)]
    pub schedule: ScheduleConfig,
    /// Batch, length, device, and what is logged, evaluated and kept.
    #[serde(default)]
    pub train: TrainConfig,
}

fn default_seeds() -> Vec<u64> {
    vec![1]
}

/// The text and how it becomes rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Named corpora; at least one. Required.
    pub corpora: Vec<CorpusConfig>,
    /// Share of documents for validation, 0..1, chosen by a hash of each document.
    #[serde(default = "default_valid")]
    pub valid: f64,
    /// Share of documents for the test split, 0..1.
    #[serde(default)]
    pub test: f64,
    /// Rows filled to the brim, or one line a row.
    #[serde(default)]
    pub rows: RowKind,
    /// The order in which training rows are read.
    #[serde(default)]
    pub order: OrderKind,
    /// Largest share of a corpus's lines that may be unreadable (not UTF-8, malformed), 0..=1.
    #[serde(default = "default_max_bad_share")]
    pub max_bad_share: f64,
}

fn default_valid() -> f64 {
    0.1
}

fn default_max_bad_share() -> f64 {
    0.001
}

/// One named corpus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusConfig {
    /// Its name in every record (`ko`, `en`): letters, digits, `-`, `_`.
    pub name: String,
    /// A file or a glob, or several; relative to the folder the command runs in.
    pub path: Paths,
    /// The format; by the file's ending when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TextFormat>,
    /// Column of csv, tsv and parquet, or field of jsonl, that holds the text.
    #[serde(default = "default_field")]
    pub field: String,
    /// What a document is in a txt file.
    #[serde(default)]
    pub documents: DocumentKind,
    /// Share of the corpus's documents to use, 0..=1, chosen by hash.
    #[serde(default = "one")]
    pub fraction: f64,
    /// How many times an epoch reads this corpus: 2 reads it twice, 0.5 half of it, above 0.
    #[serde(default = "one")]
    pub weight: f64,
}

fn default_field() -> String {
    "text".into()
}

fn one() -> f64 {
    1.0
}

/// One path or several; each may be a glob.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "wants a path in quotes or a list of such")]
pub enum Paths {
    /// One path or glob.
    One(String),
    /// Several, read in this order.
    Many(Vec<String>),
}

/// Format of a text file; compression (`.gz`, `.zst`) is read off the file's ending beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextFormat {
    /// Plain lines.
    Txt,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated with a header.
    Csv,
    /// Tab-separated with a header, no quoting.
    Tsv,
    /// Apache Parquet.
    Parquet,
}

/// What a document is in a txt file. In jsonl, csv, tsv and parquet each record is a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentKind {
    /// Lines up to an empty line; a file without empty lines is cut as [`DocumentKind::Line`].
    #[default]
    Auto,
    /// Each line.
    Line,
    /// Lines up to an empty line.
    BlankLine,
    /// Each file.
    File,
}

/// How tokens become rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowKind {
    /// Full rows, no padding; documents follow one another, parted by `[SEP]`.
    #[default]
    Packed,
    /// One line a row, cut at `seq_len`; batches hold rows of like length.
    Line,
}

/// The order in which training rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderKind {
    /// A new permutation of all corpora's rows each epoch.
    #[default]
    Mixed,
    /// Corpus after corpus, as listed, the same each epoch. Only to show what that does.
    InOrder,
}

/// Words to ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenizerConfig {
    /// The algorithm, or a file brought along.
    pub kind: TokenizerKind,
    /// Wanted vocabulary V, special tokens included; the real size is reported.
    pub vocab_size: usize,
    /// Unicode normalisation before anything else.
    pub normalization: Normalization,
    /// Lower-case the text.
    pub lowercase: bool,
    /// Pairs rarer than this are not merged.
    pub min_frequency: u64,
    /// At most this many bytes of training text are used, a fixed sample of documents.
    pub train_bytes: u64,
    /// The `tokenizer.json` of `kind = "file"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl Default for TokenizerConfig {
    fn default() -> Self {
        Self {
            kind: TokenizerKind::Bpe,
            vocab_size: 30_000,
            normalization: Normalization::Nfc,
            lowercase: false,
            min_frequency: 2,
            train_bytes: 1_000_000_000,
            path: None,
        }
    }
}

/// The tokenizer's algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenizerKind {
    /// Byte-pair encoding over characters, words split at white space and punctuation (Sennrich et al. 2016).
    Bpe,
    /// Byte-pair encoding over bytes: no unknown token (Radford et al. 2019).
    ByteBpe,
    /// WordPiece (Devlin et al. 2018).
    Wordpiece,
    /// Unigram language model (Kudo 2018).
    Unigram,
    /// A given Hugging Face `tokenizer.json`.
    File,
}

/// Unicode normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalization {
    /// As the text is.
    None,
    /// Canonical composition.
    Nfc,
    /// Compatibility composition.
    Nfkc,
}

/// What is hidden from the model and scored.
///
/// # Source
/// Devlin et al. 2018, §3.1 (rate and shares); Joshi et al. 2020, §3.1 (spans).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaskingConfig {
    /// New masks each epoch, or the same for ever.
    pub policy: MaskPolicy,
    /// Share of a row's ordinary tokens selected, above 0, below 1. All selected are scored.
    pub rate: f64,
    /// Share of the selected replaced by `[MASK]`.
    pub mask: f64,
    /// Share of the selected replaced by a random ordinary token.
    pub random: f64,
    /// Share of the selected kept as they are. The three sum to 1.
    pub keep: f64,
    /// What is selected as a whole.
    pub unit: MaskUnit,
    /// Mean length of a span in words, for `unit = "span"`, at least 1.
    pub span_length: f64,
}

impl Default for MaskingConfig {
    fn default() -> Self {
        Self {
            policy: MaskPolicy::PerEpoch,
            rate: 0.15,
            mask: 0.8,
            random: 0.1,
            keep: 0.1,
            unit: MaskUnit::Token,
            span_length: 3.8,
        }
    }
}

/// Whether masks change between epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskPolicy {
    /// Drawn anew each epoch.
    PerEpoch,
    /// Drawn once.
    Fixed,
}

/// What is selected as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskUnit {
    /// Single tokens.
    Token,
    /// All tokens of a word.
    Word,
    /// Runs of words.
    Span,
}

/// How weights are updated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    /// The rule.
    pub kind: OptimizerKind,
    /// Weight decay, at least 0: apart from the gradient with `adamw`, added to it with `adam`.
    pub weight_decay: f64,
    /// Decay of the first moment, 0..1.
    pub beta1: f64,
    /// Decay of the second moment, 0..1.
    pub beta2: f64,
    /// Added to the root of the second moment, above 0.
    pub epsilon: f64,
    /// Whether the moments' bias is corrected (Kingma and Ba 2015, §3; the 2018 BERT code does not).
    pub bias_correction: bool,
    /// Largest global norm of the gradient; 0 turns clipping off.
    pub clip_norm: f64,
    /// Whether embeddings are decayed too.
    pub decay_embeddings: bool,
    /// Whether biases and LayerNorm weights are decayed too, as PyTorch's optimizers do unless told otherwise.
    pub decay_all: bool,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            kind: OptimizerKind::Adamw,
            weight_decay: 0.01,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-6,
            bias_correction: true,
            clip_norm: 1.0,
            decay_embeddings: true,
            decay_all: false,
        }
    }
}

/// The update rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Decay apart from the gradient (Loshchilov and Hutter 2019, algorithm 2).
    Adamw,
    /// Kingma and Ba 2015, with `weight_decay` added to the gradient as L2: the adaptive step then undoes its
    /// proportions.
    Adam,
}

/// The learning rate of each step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// The family.
    pub kind: ScheduleKind,
    /// The peak rate, above 0.
    pub learning_rate: f64,
    /// Linear warm-up from 0.
    pub warmup: Length,
    /// The rate at the end, at least 0, at most the peak: linear, cosine, polynomial, exponential, wsd.
    pub end_learning_rate: f64,
    /// Where the decay ends; the run's end when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decay_until: Option<Length>,
    /// Exponent of `polynomial`; 1 is linear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power: Option<f64>,
    /// Number of `cosine` cycles, at least 1; more than one restarts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycles: Option<u32>,
    /// What each restart's peak is multiplied by, above 0, at most 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_decay: Option<f64>,
    /// Length of the decay at the end of `wsd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decay: Option<Length>,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            kind: ScheduleKind::Linear,
            learning_rate: 5e-4,
            warmup: Length::Share(0.06),
            end_learning_rate: 0.0,
            decay_until: None,
            power: None,
            cycles: None,
            peak_decay: None,
            decay: None,
        }
    }
}

/// The family of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// The peak for ever.
    Constant,
    /// A straight line to the end rate.
    Linear,
    /// Half a cosine to the end rate, in one or more cycles (Loshchilov and Hutter 2017).
    Cosine,
    /// (1 − progress)^power to the end rate.
    Polynomial,
    /// A geometric path to the end rate, which must be above 0.
    Exponential,
    /// Peak · sqrt(warm-up / step) (Vaswani et al. 2017, §5.3).
    InverseSqrt,
    /// Warm-up, stable, then a linear decay (Hu et al. 2024).
    Wsd,
}

/// Who computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kernels {
    /// Kernels of our own.
    Own,
    /// The framework's operations, one after the other.
    Composed,
}

/// Number format of matrix products. Weights, sums, norms, softmax and loss are 32-bit floats in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit floats.
    Fp32,
    /// 16-bit floats of 11 bits' precision, largest 65,504: gradients are scaled (Micikevicius et al. 2018).
    F16,
    /// 16-bit floats of 8 bits' precision and the range of 32-bit ones (Kalamkar et al. 2019).
    Bf16,
}

/// What a run does where the device has no memory for a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutOfMemory {
    /// It ends, and names the `micro_batch_size` that fits.
    Stop,
    /// It goes back to its newest checkpoint, and on with what fits.
    Split,
}

/// What a run does where there is no room for what it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskFull {
    /// It ends; the same command goes on from the newest checkpoint.
    Stop,
    /// It waits until there is room.
    Pause,
    /// It removes its older checkpoints, and stops where that is not enough.
    Thin,
}

/// Batch, length, device, and what is logged, evaluated and kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Rows per update.
    pub batch_size: usize,
    /// Rows per forward pass; divides the batch into pieces whose gradients are summed. `batch_size` when absent. The
    /// result is that of the whole batch, but for dropout, which draws other elements when the batch is cut otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batch_size: Option<usize>,
    /// Where the device has no memory for a pass: `stop` and name the `micro_batch_size` that fits, or `split`, going back to
    /// the newest checkpoint and on with it. Samples and their order stay the same; see `micro_batch_size` for dropout.
    pub out_of_memory: OutOfMemory,
    /// Length of the run in passes over the data. Exactly one of epochs, steps, tokens and minutes is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<f64>,
    /// Length of the run in updates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Length of the run in real tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Length of the run in minutes, turned into steps by timing some before the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<f64>,
    /// Where to compute: `cpu`, `gpu`, `gpu:1`, `integrated-gpu`, `software-gpu`.
    pub device: String,
    /// Who computes on it: `own` kernels (on a GPU all but matrix products and embeddings), or operations `composed` of the
    /// framework's, for debugging and for devices on which a kernel is not right.
    pub kernels: Kernels,
    /// Number format of matrix products: `fp32`; `f16` (gradients are scaled, an update that overflows is left out) or
    /// `bf16` where the device has it. All else is `fp32` in each. The CPU's own kernels know `fp32` only.
    pub precision: Precision,
    /// A `log` event every so often.
    pub log_every: Length,
    /// Validation every so often, besides before the first step and after the last.
    pub eval_every: Length,
    /// At most this many rows of each corpus are validated on; all when 0.
    pub eval_rows: usize,
    /// A checkpoint every so often, besides at the end.
    pub checkpoint_every: Length,
    /// Checkpoints kept besides the best and the last.
    pub keep_checkpoints: usize,
    /// Where the disk is full, or a quota used up: `stop` and say so, `pause` until there is room, or `thin` this run's
    /// checkpoints down to the best and the newest, oldest first, and stop where that is not enough.
    pub disk_full: DiskFull,
    /// End a run that has collapsed: three validations in a row, after the warm-up and a fifth of the run, within 2 % of
    /// the unigram loss.
    pub stop_collapsed: bool,
    /// Threads that prepare batches.
    pub workers: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            batch_size: 32,
            micro_batch_size: None,
            out_of_memory: OutOfMemory::Stop, // another way of cutting draws other dropout: whoever asks should know
            epochs: None,
            steps: None,
            tokens: None,
            minutes: None,
            device: "cpu".into(),
            kernels: Kernels::Own,
            precision: Precision::Fp32,
            log_every: Length::Steps(50),
            eval_every: Length::Epochs(1.0),
            eval_rows: 0,
            checkpoint_every: Length::Epochs(1.0),
            keep_checkpoints: 1,
            disk_full: DiskFull::Stop, // a paused run holds its device, a thinned one removes what it was asked to keep
            stop_collapsed: false,
            workers: 1,
        }
    }
}
