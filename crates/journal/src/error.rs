//! What can go wrong with a journal, a record or a chart.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a journal, a run description or a chart could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The operating system refused: missing file, no permission, full disk.
    #[error("cannot {action} {}{}", path.display(), remedy(action, source))]
    Io {
        /// What was attempted: `read`, `write`, `create`, ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A new journal was asked for where one is.
    #[error("{} exists already: a journal is only ever continued, so resume that run or choose another folder", path.display())]
    JournalExists {
        /// The existing journal.
        path: PathBuf,
    },
    /// A line before the last is not what was once written.
    #[error("{}, line {line}: {fault}; restore the file from a copy, or keep lines 1 to {} and resume from a checkpoint before the damage", path.display(), line - 1)]
    DamagedLine {
        /// The journal.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// A line is whole (its checksum is right) but is no event this version knows.
    #[error("{}, line {line}: the line is undamaged, but this version does not know such an event; read it with the version that wrote it, or a newer one", path.display())]
    UnknownEvent {
        /// The journal.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// The first thing that does not fit.
        source: serde_json::Error,
    },
    /// A number in an event or a description is NaN or infinite, which JSON cannot hold.
    #[error(
        "`{field}` of {what} is not a finite number, which JSON cannot hold: leave it out, or end the run as diverged"
    )]
    NonFinite {
        /// Path of the field, such as `corpora[1].loss`.
        field: String,
        /// The event and its step, or `run.json`.
        what: String,
    },
    /// `run.json` is not JSON, or lacks a field, or has one of another type.
    #[error("{} is not a run's description: it was changed or cut short after it was written", path.display())]
    InfoSyntax {
        /// The `run.json`.
        path: PathBuf,
        /// Line, column and reason.
        source: serde_json::Error,
    },
    /// A file of a run has a format of a later version.
    #[error("{} has format {found}, and this program knows {known} at most: use the version of casebook that wrote it, or a newer one", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// A run's `case.toml` is none that this version knows.
    #[error("{} cannot be read as a resolved case: compare it with the version of casebook that wrote it", path.display())]
    ResolvedCase {
        /// The `case.toml`.
        path: PathBuf,
        /// What is wrong with it.
        source: case::CaseError,
    },
    /// Fewer than two variants or runs to compare.
    #[error(
        "a comparison needs two variants or runs with figures, {found} found: name another run, or a case of which two variants have begun"
    )]
    NothingToCompare {
        /// How many there are.
        found: usize,
    },
    /// Runs are to be read where none of them has come to.
    #[error("no run was validated as far as {asked}: the longest ends at {longest}")]
    BeyondTheEnd {
        /// Where they are to be read.
        asked: String,
        /// Where the longest was last validated.
        longest: String,
    },
    /// The variant that all others are to be compared with is not among them.
    #[error("there is no variant `{name}` to compare with; there are {}", known.join(", "))]
    UnknownBaseline {
        /// As it was asked for.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// A metric that no evaluation has.
    #[error(
        "nothing is measured as `{word}`; there are loss, bits-per-char, accuracy and perplexity, and of labelled examples {}",
        crate::metrics::FIGURES.join(", ")
    )]
    UnknownMetric {
        /// As it was asked for.
        word: String,
    },
    /// A metric that none of the runs to be compared has.
    #[error("no run's validation has the figure `{name}`; these have {}", known.join(", "))]
    MissingFigure {
        /// As it was asked for.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// Two runs stand for one seed of one variant.
    #[error("{variant} has two runs of seed {seed}, {first} and {second}: leave one out")]
    SeedTwice {
        /// The variant.
        variant: String,
        /// The seed.
        seed: u64,
        /// A run's folder.
        first: String,
        /// The other's.
        second: String,
    },
    /// A folder holds no run.
    #[error("{} holds no run: there is no run.json in it; `casebook journal` lists the runs there are", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// A tag of another scheme than the one that entities are looked for in.
    #[error(
        "the tag `{tag}` of word {position}, counted from 0, begins with none of the letters {known}: write it as B-TYPE, I-TYPE or O"
    )]
    Tag {
        /// The tag.
        tag: String,
        /// Its place in its sequence, counted from 0.
        position: usize,
        /// The prefixes known.
        known: &'static str,
    },
    /// A remark without words.
    #[error("there is nothing in the remark: write what you saw in quotes behind the run")]
    EmptyNote,
    /// An SVG could not be understood.
    #[error("this is no SVG that can be drawn")]
    Svg(#[from] resvg::usvg::Error),
    /// A picture of no size, or too large for memory.
    #[error(
        "a picture of {width} by {height} pixels cannot be drawn: choose a scale above 0 that leaves both sides between 1 and {limit}"
    )]
    PictureSize {
        /// Pixels across.
        width: f64,
        /// Pixels down.
        height: f64,
        /// Largest side.
        limit: u32,
    },
    /// The PNG encoder failed.
    #[error("a chart could not be written as PNG")]
    Png(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What is wrong with a journal line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LineFault {
    /// The line does not end in a `crc32` key.
    #[error("the line does not end with its `crc32`")]
    NoChecksum,
    /// The line is longer than any that is written.
    #[error("the line is longer than {} MiB, which no line of a journal is", most >> 20)]
    TooLong {
        /// The longest, in bytes.
        most: u64,
    },
    /// The line does not have the checksum that it states.
    #[error("the line says crc32 {stated}, its content has {computed}")]
    Checksum {
        /// As written at its end.
        stated: String,
        /// Of its content.
        computed: String,
    },
}

/// What helps where something could not be written.
fn remedy(action: &str, cause: &io::Error) -> String {
    if matches!(action, "read" | "list") { String::new() } else { format!(" ({})", disk::remedy(cause)) }
}

impl JournalError {
    /// For `map_err`: the failed action and where.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}
