//! The one error of this crate.

use std::io;
use std::path::{Path, PathBuf};

/// Why text did not become batches.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A file could not be read, or ends early.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system or the decoder said.
        #[source]
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path} (nothing half-written is left: {})", disk::remedy(source))]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A path or glob stands for no file.
    #[error("corpus `{corpus}`: no file matches `{pattern}` under {base}")]
    NoMatch {
        /// The corpus.
        corpus: String,
        /// The path or glob as written.
        pattern: String,
        /// Where relative paths start.
        base: PathBuf,
    },
    /// A glob cannot be parsed.
    #[error("corpus `{corpus}`: `{pattern}` is not a path or glob")]
    BadPattern {
        /// The corpus.
        corpus: String,
        /// The glob as written.
        pattern: String,
        /// Where it breaks.
        #[source]
        source: glob::PatternError,
    },
    /// The file's ending names no format and the case file does not either.
    #[error("cannot tell the format of {path} by its ending; set `format` to txt, jsonl, csv, tsv or parquet")]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// A csv, tsv or parquet file lacks the text column.
    #[error("{path} has no text column `{column}`; it has {found}; set `field` to one of them")]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// The columns there are.
        found: String,
    },
    /// A parquet file is broken, or uses what is not built in.
    #[error("cannot read {path} as parquet: {why}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        why: String,
    },
    /// One document would fill the memory.
    #[error(
        "{path}:{line}: a document longer than {limit_mib} MiB; set `documents` to \"line\" or part it with empty lines"
    )]
    DocumentTooLarge {
        /// The file.
        path: PathBuf,
        /// Where the limit was passed.
        line: u64,
        /// The limit in MiB.
        limit_mib: usize,
    },
    /// More unreadable lines than `max_bad_share` allows.
    #[error(
        "corpus `{corpus}`: {bad} of {lines} lines are unreadable, more than max_bad_share = {allowed} allows; the first are {examples}"
    )]
    TooManyBadLines {
        /// The corpus.
        corpus: String,
        /// Unreadable lines.
        bad: u64,
        /// Lines in all.
        lines: u64,
        /// `max_bad_share`.
        allowed: f64,
        /// The first of them, as `file:line: why`.
        examples: String,
    },
    /// A corpus without a single document.
    #[error("corpus `{corpus}` holds no text: {lines} lines read, none with text to use")]
    NoText {
        /// The corpus.
        corpus: String,
        /// Lines read.
        lines: u64,
    },
    /// No document fell into the training split.
    #[error("no document is left for training; lower `valid` and `test`, or add text")]
    NoTrainingText,
    /// The case file names no corpus.
    #[error("no corpus is given; add one to `data.corpora`")]
    NoCorpora,
    /// An input file changed while it was being prepared.
    #[error("{path} changed while it was being read; run again once it is complete")]
    InputChanged {
        /// The file.
        path: PathBuf,
    },
    /// A tokenizer file is broken or cannot be used here.
    #[error("{path} is not a tokenizer that can be used: {why}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A tokenizer without one of the five special tokens.
    #[error(
        "{path} has no token for {role}; needed are [PAD], [UNK], [CLS], [SEP], [MASK], or <pad>, <unk>, <s>, </s>, <mask>"
    )]
    MissingSpecial {
        /// The file.
        path: PathBuf,
        /// The missing token, in both spellings.
        role: String,
    },
    /// `kind = "file"` without a path.
    #[error("tokenizer.kind is \"file\" but tokenizer.path is not set")]
    NoTokenizerPath,
    /// `vocab_size` has no room for the special tokens and the alphabet.
    #[error(
        "tokenizer.vocab_size = {wanted} is too small: {specials} special tokens and an alphabet of {alphabet} need {needed}"
    )]
    VocabularyTooSmall {
        /// `vocab_size`.
        wanted: usize,
        /// Special tokens.
        specials: usize,
        /// Characters or bytes that the text needs.
        alphabet: usize,
        /// The least that works.
        needed: usize,
    },
    /// The tokenizer could not be trained.
    #[error("cannot train the tokenizer: {why}")]
    Training {
        /// What the trainer said.
        why: String,
    },
    /// The tokenizer failed on a text.
    #[error("the tokenizer failed on {text:?}: {why}")]
    Encode {
        /// The start of the text.
        text: String,
        /// What it said.
        why: String,
    },
    /// A labelled set in a format without columns.
    #[error("{path} is a txt file, which has no columns: labelled rows are read from tsv, csv, jsonl and parquet")]
    NotATable {
        /// The file.
        path: PathBuf,
    },
    /// A labelled file lacks a column.
    #[error(
        "{path} has no column `{column}`; {}",
        if found.is_empty() { "it is empty".to_string() } else { format!("it has {found}: name one of them in [examples]") }
    )]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// The columns there are.
        found: String,
    },
    /// A row of a labelled file cannot be used.
    #[error("{path}:{row}: {why}")]
    Row {
        /// The file.
        path: PathBuf,
        /// Its line, or its number in parquet, from 1.
        row: u64,
        /// What is wrong with it and what to do.
        why: String,
    },
    /// A label that the training rows do not have, or the list of labels does not.
    #[error("{path}:{row}: the label `{label}` is none of {known}: correct it, or name all labels in [examples]")]
    UnknownLabel {
        /// The file.
        path: PathBuf,
        /// Its line, or its number in parquet, from 1.
        row: u64,
        /// As it stands there.
        label: String,
        /// The labels known, the first few where there are many.
        known: String,
    },
    /// A box that is not on its page.
    #[error("{path}:{row}: word {word} (`{text}`): {why}")]
    Box {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        row: u64,
        /// The word, from 1.
        word: usize,
        /// The word itself.
        text: String,
        /// What is wrong with its box and what to do.
        why: String,
    },
    /// Labels that cannot be told apart, or fewer than a decision needs.
    #[error("the labels cannot be used: {why}")]
    Labels {
        /// What is wrong with them and what to do.
        why: String,
    },
    /// A labelled file without a row.
    #[error("{path} has no labelled row: name another file, or leave the split out")]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// Examples that cannot be parted into folds.
    #[error(
        "{groups} groups cannot be parted into {folds} folds: at least 2 folds, and as many groups as folds, are needed"
    )]
    Folds {
        /// Documents, or groups of them that stay together.
        groups: usize,
        /// Folds asked for.
        folds: usize,
    },
    /// Stopped because the caller asked for it.
    #[error("interrupted; nothing half-written is left")]
    Interrupted,
    /// A manifest that cannot be read.
    #[error("{path} is not a manifest of prepared text; delete its folder to prepare again")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A prepared folder of another version.
    #[error(
        "{path} has format {found}, this program reads {expected}; use the version of casebook that wrote it, or delete its folder to prepare again"
    )]
    FormatVersion {
        /// The manifest.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// A file of a prepared folder is missing, cut short or changed.
    #[error("{path} is damaged: {why}; delete its folder to prepare again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl CorpusError {
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Write { path: path.to_owned(), source }
    }

    pub(crate) fn damaged(path: &Path, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), why: why.into() }
    }

    pub(crate) fn tokenizer(path: &Path, why: impl Into<String>) -> Self {
        Self::Tokenizer { path: path.to_owned(), why: why.into() }
    }
}
