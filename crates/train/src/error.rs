//! The one error of this crate.

use std::{io, path::PathBuf};

/// Why a run did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The case file.
    #[error(transparent)]
    Case(#[from] case::CaseError),
    /// The text.
    #[error(transparent)]
    Corpus(#[from] corpus::CorpusError),
    /// The rows.
    #[error(transparent)]
    Rows(#[from] corpus::RowError),
    /// The record.
    #[error(transparent)]
    Journal(#[from] journal::JournalError),
    /// The schedule.
    #[error(transparent)]
    Schedule(#[from] optim::ScheduleError),
    /// Models of other libraries.
    #[error(transparent)]
    Exchange(#[from] exchange::ExchangeError),
    /// Weights of another program.
    #[error(transparent)]
    Weight(#[from] encoder::WeightError),
    /// Weights or moments that are not to be kept.
    #[error("`{name}` holds a value that is no number: no checkpoint is written")]
    NotFinite {
        /// The weight, or its moment.
        name: String,
    },
    /// A device word that means nothing.
    #[error("device `{word}` is unknown; write cpu, gpu, gpu:N, integrated-gpu or software-gpu")]
    DeviceWord {
        /// What was written.
        word: String,
    },
    /// A device that is not there.
    #[error(
        "this machine has no device `{word}`; found: {}; train on `cpu`, or install the card's Vulkan driver and look again with `casebook doctor`",
        if found.is_empty() { "no adapter at all".to_string() } else { found.join(", ") }
    )]
    DeviceMissing {
        /// What was asked for.
        word: String,
        /// The adapters of this machine.
        found: Vec<String>,
    },
    /// A number format that a device does not have.
    #[error(
        "device `{word}` ({description}) cannot compute in {precision:?}; set precision = \"fp32\" in [train]{}",
        if word == "cpu" { ", or kernels = \"composed\"" } else { "" }
    )]
    Precision {
        /// What was asked for.
        precision: case::Precision,
        /// The device's word.
        word: String,
        /// Its name.
        description: String,
    },
    /// A device that computes wrongly.
    #[error(
        "device `{word}` ({description}) computes wrongly: {finding}; nothing was trained. Ways out: {ways}. `casebook doctor --device {word}` shows all; `--force-device` trains all the same"
    )]
    DeviceWrong {
        /// What was asked for.
        word: String,
        /// Its name.
        description: String,
        /// The first difference.
        finding: String,
        /// What to try.
        ways: String,
    },
    /// A device that failed while computing.
    #[error("the device failed: {cause}; try a smaller `micro_batch_size`, or another device")]
    Device {
        /// The framework's words.
        cause: String,
    },
    /// A device without memory for a step.
    #[error("the device has no memory for passes of {rows} rows ({cause}); {}", crate::memory::remedy(*rows, *fits))]
    OutOfMemory {
        /// Rows of a pass.
        rows: usize,
        /// Rows of a pass that fit; none where none do.
        fits: Option<usize>,
        /// The framework's words.
        cause: String,
    },
    /// A file that could not be written.
    #[error("cannot write {} (nothing half-written is left: {})", path.display(), disk::remedy(cause))]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        #[source]
        cause: io::Error,
    },
    /// A disk that is full, or a quota that is used up.
    #[error(
        "the disk is full: {need}. {kept} Make room, and the same command goes on from there; disk_full in [train] can be \"pause\", which waits for room, or \"thin\", which removes older checkpoints"
    )]
    DiskFull {
        /// The file, the bytes that were wanted and those that are free.
        need: String,
        /// The checkpoints there are.
        kept: String,
        /// The system's words.
        #[source]
        cause: io::Error,
    },
    /// Asked to stop while it waited for room.
    #[error("asked to stop while waiting for room to write {}", path.display())]
    StoppedWaiting {
        /// The file or folder.
        path: PathBuf,
    },
    /// A disk on which not even one checkpoint fits.
    #[error(
        "{} has no room for a single checkpoint: {} bytes are wanted and {} are free; nothing was begun: make room, or give another folder with `--runs`",
        run.display(), crate::grouped(*one), crate::grouped(*free)
    )]
    NoRoom {
        /// The run's folder.
        run: PathBuf,
        /// Bytes of a checkpoint.
        one: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A file that could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        cause: io::Error,
    },
    /// A checkpoint that cannot be trusted.
    #[error("checkpoint {}: {why}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A checkpoint of a later program.
    #[error("checkpoint {} has format {found}, and this program knows {known} at most: use the program that wrote it, or a newer one", path.display())]
    NewerCheckpoint {
        /// Its folder.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format this program reads.
        known: u32,
    },
    /// Checkpoints without the journal that tells of them.
    #[error("{} holds checkpoints but no journal.jsonl: a new run there would be mixed with an old one; move the folder away", run.display())]
    Orphans {
        /// The run's folder.
        run: PathBuf,
    },
    /// A run without a checkpoint that can be read.
    #[error("{} has no checkpoint that can be read: {}", run.display(), if *damaged > 0 { format!("{damaged} are damaged; restore a copy of one, or train anew in another folder") } else { "its weights are not here; train it, or copy its folder `checkpoints` from where it was trained".to_string() })]
    NoCheckpoint {
        /// The run's folder.
        run: PathBuf,
        /// How many were found and refused.
        damaged: usize,
    },
    /// A checkpoint that is not there.
    #[error("{} has no checkpoint of step {step}; it has {}", run.display(), if kept.is_empty() { "none".to_string() } else { kept.iter().map(u64::to_string).collect::<Vec<_>>().join(", ") })]
    NoSuchStep {
        /// The run's folder.
        run: PathBuf,
        /// What was asked for.
        step: u64,
        /// The steps of those that are there.
        kept: Vec<u64>,
    },
    /// An imported model without a masked-language head.
    #[error(
        "this model was imported without a masked-language head (its origin.json says why), so it cannot guess words; pre-train it with `start` in a case first"
    )]
    NoHead,
    /// Tagged words without a tokenizer.
    #[error(
        "task = \"tag\" reads words, of which no tokenizer is trained: name a model in `start`, or set kind = \"file\" and `path` in [tokenizer]"
    )]
    NoTokenizer {
        /// The case's task.
        task: &'static str,
    },
    /// A run of another task than what is asked of it.
    #[error("{} is a run of task = \"{found}\": {advice}", run.display())]
    Task {
        /// The run's folder.
        run: PathBuf,
        /// Its task.
        found: &'static str,
        /// What can be asked of it.
        advice: String,
    },
    /// A head that is to be kept and does not fit.
    #[error("fresh_head = false, but {start} {why}; leave the line out to draw a new head")]
    Head {
        /// The model to start from.
        start: String,
        /// What does not fit.
        why: String,
    },
    /// Ids that are no words of the model, or rows that do not fit it.
    #[error("row {row}: {why}")]
    Ids {
        /// The row, counted from 0.
        row: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The loop's state cannot be written as JSON.
    #[error("the state of the loop cannot be written")]
    State {
        /// The serializer's words.
        #[source]
        cause: serde_json::Error,
    },
    /// A folder that is no run.
    #[error("{} is not a run: it has no {missing}", folder.display())]
    NotARun {
        /// The folder.
        folder: PathBuf,
        /// What a run has and this has not.
        missing: &'static str,
    },
    /// Another process has the run.
    #[error("{} is being trained by another process ({who}); wait for it, or stop it", run.display())]
    Locked {
        /// The run's folder.
        run: PathBuf,
        /// What that process wrote of itself.
        who: String,
    },
    /// A run that was made of something else.
    #[error("{} was begun with other settings, and going on would mix two runs:\n{}\nto train anew, give another folder with `--runs`, or remove this one", run.display(), differences.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))]
    Changed {
        /// The run's folder.
        run: PathBuf,
        /// What differs, one line each.
        differences: Vec<String>,
    },
    /// A length that comes to nothing.
    #[error("{what}: {why}")]
    Length {
        /// The keys of the case file.
        what: &'static str,
        /// What it comes to.
        why: String,
    },
    /// No text to validate on.
    #[error(
        "the validation split has no row of {seq_len} tokens: give more text, a larger `valid` in [data] or a smaller `seq_len` in [model]"
    )]
    NoValidation {
        /// Tokens a row needs.
        seq_len: usize,
    },
    /// A file of weights or batches that does not hold what was asked for.
    #[error("{}: {why}", path.display())]
    Replay {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A replay whose gradient is not finite.
    #[error("the gradient of replayed step {step} is not finite: the weights, the batches or the rate are wrong")]
    ReplayDiverged {
        /// The update, from 0.
        step: usize,
    },
    /// A text to fill in without a hidden word.
    #[error(
        "the text has no [MASK]: write one where a word is to be guessed, such as \"Paris is the [MASK] of France.\""
    )]
    NoMask,
    /// A text longer than a row.
    #[error("the text is {tokens} tokens long and a row holds {seq_len}")]
    TooLong {
        /// Tokens of the text, special ones included.
        tokens: usize,
        /// Tokens of a row.
        seq_len: usize,
    },
}

impl TrainError {
    /// Whether it is no failure, but what follows from being asked to stop.
    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Corpus(corpus::CorpusError::Interrupted) | Self::StoppedWaiting { .. })
    }
}
