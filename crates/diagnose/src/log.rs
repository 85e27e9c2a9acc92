//! What was read from a log: runs of rows of numbers, each with the line it came from.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::fmt;

use crate::quote::Texts;

/// Everything that was read from a file, a folder or standard input.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// Where lines came from; a [`Place`] points here.
    pub sources: Vec<Source>,
    /// The runs, in order of appearance. One file may hold several; one run spans two files only where results stand beside
    /// the state of the trainer that wrote them.
    pub runs: Vec<RunLog>,
    /// Lines that look like measurements and could not be read.
    pub unread: Unread,
    /// What was done with rows that appear twice, restarts, and the like.
    pub notes: Vec<Note>,
    /// What lines are quoted from.
    pub(crate) texts: Texts,
}

/// A file, or a part of one that counts its own lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The path as it was given; of a notebook also the cell and the output.
    pub name: String,
    /// How it was read.
    pub format: Format,
    /// Lines, or records of a binary file.
    pub lines: u32,
}

/// A reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Casebook's `journal.jsonl`.
    Journal,
    /// `trainer_state.json` of the Hugging Face Trainer.
    TrainerState,
    /// One JSON object of results: `all_results.json`, `eval_results.json`.
    Results,
    /// A JSON object on each line.
    JsonLines,
    /// An `.ipynb` notebook's outputs.
    Notebook,
    /// Values separated by commas, semicolons or tabs, with a header.
    Csv,
    /// A TensorBoard event file.
    TensorBoard,
    /// Anything else: console output, Markdown, pasted text.
    Text,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Journal => "journal",
            Self::TrainerState => "trainer_state",
            Self::Results => "results",
            Self::JsonLines => "jsonl",
            Self::Notebook => "notebook",
            Self::Csv => "csv",
            Self::TensorBoard => "tensorboard",
            Self::Text => "text",
        })
    }
}

/// Where something stands, for quoting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// Index into [`Log::sources`].
    pub source: u32,
    /// Line, counted from 1; of an event file the record.
    pub line: u32,
}

/// Which data a number was measured on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    /// Batches that were trained on.
    Train,
    /// Held out, looked at during training.
    Valid,
    /// Held out, looked at in the end.
    Test,
    /// Another, by its name.
    Named(String),
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
            Self::Named(name) => name,
        })
    }
}

/// A kind of number: `(train, loss)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Measured on.
    pub split: Split,
    /// In the words of this crate: `loss`, `lr`, `grad_norm`, `accuracy`, `perplexity`, ...; others as written.
    pub metric: String,
    /// The name in the log.
    pub written: String,
}

/// The numbers of one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Updates done, where the log says so.
    pub step: Option<u64>,
    /// Epochs done, with a part of the present one, where the log says so.
    pub epoch: Option<f64>,
    /// Where it stands.
    pub place: Place,
    /// First of its values in [`RunLog::values`].
    pub(crate) first: u32,
    /// How many values it has.
    pub(crate) len: u16,
    /// Whether it counts.
    pub standing: Standing,
}

/// Whether a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// It counts.
    #[default]
    Counts,
    /// The same numbers stand at the same place before it.
    Repeat,
    /// The run went back behind it and measured anew.
    Superseded,
}

/// One number of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value {
    /// Index into [`RunLog::columns`].
    pub column: u16,
    /// As written; not a number and infinities stay what they are.
    pub number: f64,
}

/// Something the log states about the run once: a setting, a size, a final figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// In the words of this crate: `learning_rate`, `max_steps`, ...; see [`FACT_KEYS`](crate::FACT_KEYS).
    pub key: String,
    /// As written.
    pub text: String,
    /// The number in it, where it is one.
    pub number: Option<f64>,
    /// Where it stands.
    pub place: Place,
}

/// The run went back to an earlier position and on from there.
#[derive(Debug, Clone, PartialEq)]
pub struct Seam {
    /// Index of the first row after it in [`RunLog::rows`].
    pub row: usize,
    /// Position before it, in steps, or epochs where steps are not known.
    pub from: f64,
    /// Position after it.
    pub to: f64,
}

/// One run.
#[derive(Debug, Clone, Default)]
pub struct RunLog {
    /// The run's name where the log has one, and otherwise empty.
    pub name: String,
    /// What its numbers are.
    pub columns: Vec<Column>,
    /// Its rows in the order of the log.
    pub rows: Vec<Row>,
    /// The rows' numbers, one row after the other.
    pub values: Vec<Value>,
    /// What is stated once.
    pub facts: Vec<Fact>,
    /// Where it went back.
    pub seams: Vec<Seam>,
}

/// One number of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Updates done.
    pub step: Option<u64>,
    /// Epochs done.
    pub epoch: Option<f64>,
    /// The number; may be non-finite.
    pub value: f64,
    /// Where it stands.
    pub place: Place,
}

/// What a log does not hold, so that a judgement can say what it could not test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// No row at all.
    Rows,
    /// No loss of the training batches.
    TrainLoss,
    /// Nothing held out was measured.
    Evaluation,
    /// Measured once: no course of it.
    SecondEvaluation,
    /// No metric beside the loss.
    Metric,
    /// No learning rate.
    Rate,
    /// No gradient norm.
    GradNorm,
    /// Positions in epochs only.
    Steps,
    /// Positions in steps only.
    Epochs,
    /// No positions: only the order.
    Positions,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rows => "no measurement",
            Self::TrainLoss => "no training loss",
            Self::Evaluation => "no evaluation",
            Self::SecondEvaluation => "one evaluation only",
            Self::Metric => "no metric beside the loss",
            Self::Rate => "no learning rate",
            Self::GradNorm => "no gradient norm",
            Self::Steps => "epochs only, no steps",
            Self::Epochs => "steps only, no epochs",
            Self::Positions => "neither steps nor epochs",
        })
    }
}

/// Lines that look like measurements and could not be read: all counted, the first few kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unread {
    /// How many.
    pub count: u64,
    /// The first [`Unread::KEPT`].
    pub first: Vec<UnreadLine>,
}

impl Unread {
    /// Lines that are kept.
    pub const KEPT: usize = 20;

    pub(crate) fn add(&mut self, place: Place, reason: &str, text: &str) {
        self.count += 1;
        if self.first.len() < Self::KEPT {
            self.first.push(UnreadLine { place, reason: reason.into(), text: text.chars().take(120).collect() });
        }
    }
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct UnreadLine {
    /// Where it stands.
    pub place: Place,
    /// Why not.
    pub reason: String,
    /// How it begins.
    pub text: String,
}

/// Something a reader of the numbers should know about how they were read.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// Where it was seen.
    pub place: Place,
    /// What kind of thing.
    pub kind: NoteKind,
    /// In words.
    pub text: String,
}

/// What a [`Note`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    /// The run went back and on from there.
    Restart,
    /// A second run begins in the same file.
    SeveralRuns,
    /// The same rows appear twice.
    Repeats,
    /// A column was taken for something else than its name says.
    Reinterpreted,
    /// Several files of a folder were taken for one run.
    Joined,
    /// A checksum did not match, a file was cut, a bound was met.
    Damage,
}

impl RunLog {
    /// The numbers of one kind in order, rows that do not count left out.
    pub fn series(&self, split: &Split, metric: &str) -> Vec<Point> {
        let wanted: Vec<u16> = self.columns_of(split, metric);
        if wanted.is_empty() {
            return Vec::new();
        }
        let counting = self.rows.iter().filter(|row| row.standing == Standing::Counts);
        let found = counting.filter_map(|row| {
            let value = self.values_of(row).iter().find(|value| wanted.contains(&value.column))?;
            Some(Point { step: row.step, epoch: row.epoch, value: value.number, place: row.place })
        });
        found.collect()
    }

    /// The numbers of a row.
    pub fn values_of(&self, row: &Row) -> &[Value] {
        let first = row.first as usize;
        self.values.get(first..first + usize::from(row.len)).unwrap_or_default()
    }

    /// The first fact of that key.
    pub fn fact(&self, key: &str) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.key == key)
    }

    /// The first fact of that key that is a number.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.facts.iter().filter(|fact| fact.key == key).find_map(|fact| fact.number)
    }

    /// What the run does not hold.
    pub fn lacks(&self) -> Vec<Lack> {
        if self.rows.is_empty() {
            return vec![Lack::Rows];
        }
        let has = |split: Option<&Split>, metric: Option<&str>| {
            self.columns.iter().any(|column| {
                split.is_none_or(|split| column.split == *split) && metric.is_none_or(|metric| column.metric == metric)
            })
        };
        let evaluations = self.evaluations();
        let mut lacks = Vec::new();
        let mut lack = |is: bool, what| {
            if is {
                lacks.push(what)
            }
        };
        lack(!has(Some(&Split::Train), Some("loss")), Lack::TrainLoss);
        lack(evaluations == 0, Lack::Evaluation);
        lack(evaluations == 1, Lack::SecondEvaluation);
        lack(evaluations > 0 && !self.columns.iter().any(is_held_out_metric), Lack::Metric);
        lack(!has(None, Some("lr")), Lack::Rate);
        lack(!has(None, Some("grad_norm")), Lack::GradNorm);
        let (steps, epochs) =
            (self.rows.iter().any(|row| row.step.is_some()), self.rows.iter().any(|row| row.epoch.is_some()));
        lack(!steps && epochs, Lack::Steps);
        lack(steps && !epochs, Lack::Epochs);
        lack(!steps && !epochs, Lack::Positions);
        lacks
    }

    /// Rows that count and hold a number measured on held-out data.
    pub fn evaluations(&self) -> usize {
        let held_out: Vec<bool> = self.columns.iter().map(|column| column.split != Split::Train).collect();
        let is_evaluation = |row: &&Row| {
            row.standing == Standing::Counts
                && self.values_of(row).iter().any(|value| held_out.get(usize::from(value.column)) == Some(&true))
        };
        self.rows.iter().filter(is_evaluation).count()
    }

    fn columns_of(&self, split: &Split, metric: &str) -> Vec<u16> {
        let is_it = |column: &Column| column.split == *split && column.metric == metric;
        (0u16..).zip(&self.columns).filter(|(_, column)| is_it(column)).map(|(at, _)| at).collect()
    }
}

/// Whether a column is a figure of held-out data that is neither a loss nor a time.
fn is_held_out_metric(column: &Column) -> bool {
    let name = column.metric.as_str();
    column.split != Split::Train && crate::names::is_metric(name) && !name.contains("loss") && name != "perplexity"
}
