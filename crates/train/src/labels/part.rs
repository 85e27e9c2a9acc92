//! One split's inputs and what is true of them.

use std::ops::Range;

use case::{CaseConfig, TargetKind};
use corpus::{
    TextTokenizer,
    labelled::{Alignment, ModelInput, TagSet, TaggedRow, Target as Truths, TextRow, tag_window, text_input, windows},
};

use crate::TrainError;

/// One split's inputs and what is true of them.
pub(crate) struct Part {
    /// `train`, `valid` or `test`.
    pub(crate) name: &'static str,
    pub(crate) inputs: Vec<ModelInput>,
    pub(crate) truth: Truth,
}

/// What is true of a split's examples.
pub(crate) enum Truth {
    /// Of texts, one input each.
    Texts(Vec<Truths>),
    /// Of sequences of words, one input a window.
    Tags(Vec<Sequence>),
}

/// A sequence of words, cut into windows.
pub(crate) struct Sequence {
    /// The number of its first window's input.
    pub(crate) first: usize,
    /// Its tokens in each window.
    pub(crate) windows: Vec<Range<usize>>,
    pub(crate) alignment: Alignment,
    /// One a word.
    pub(crate) tags: Vec<usize>,
}

impl Part {
    /// Examples: texts, sentences or pages.
    pub(crate) fn examples(&self) -> usize {
        match &self.truth {
            Truth::Texts(truths) => truths.len(),
            Truth::Tags(sequences) => sequences.len(),
        }
    }

    /// Tokens of all inputs, special ones included.
    pub(crate) fn tokens(&self) -> u64 {
        self.inputs.iter().map(|input| input.ids.len() as u64).sum()
    }

    /// Positions of each input that a model is asked about: the first of a text, every token of a window of words.
    pub(crate) fn asked(&self) -> Vec<usize> {
        let asked = |input: &ModelInput| match self.truth {
            Truth::Texts(_) => 1,
            Truth::Tags(_) => input.ids.len() - 2,
        };
        self.inputs.iter().map(asked).collect()
    }
}

/// Texts as inputs, scored at their first token.
///
/// # Errors
/// [`TrainError::Corpus`] where the tokenizer fails on one.
pub(crate) fn text_part(
    name: &'static str,
    rows: &[TextRow],
    tokenizer: &TextTokenizer,
    config: &CaseConfig,
) -> Result<Part, TrainError> {
    let one = |row: &TextRow| {
        let mut input = text_input(tokenizer, row, config.max_tokens())?;
        let class = match &row.target {
            Truths::Single(class) => *class,
            Truths::Many(_) | Truths::Soft(_) => 0, // the target says more than a number
        };
        input.labels = vec![None; input.ids.len()];
        input.labels[0] = Some(class);
        Ok(input)
    };
    Ok(Part {
        name,
        inputs: rows.iter().map(one).collect::<Result<_, TrainError>>()?,
        truth: Truth::Texts(rows.iter().map(|row| row.target.clone()).collect()),
    })
}

/// Sequences of words as windows of tokens, scored where the case says.
///
/// # Errors
/// [`TrainError::Corpus`] where the tokenizer fails on one.
pub(crate) fn tag_part(
    name: &'static str,
    rows: &[TaggedRow],
    tokenizer: &TextTokenizer,
    set: &TagSet,
    config: &CaseConfig,
) -> Result<Part, TrainError> {
    let (examples, capacity) = (&config.examples, config.max_tokens() - 2);
    let mut inputs = Vec::new();
    let mut sequences = Vec::with_capacity(rows.len());
    for row in rows {
        let alignment = Alignment::of(tokenizer, &row.words, examples.join)?;
        let labels = alignment.labels(&row.tags, set, examples.scored);
        let windows = windows(alignment.len(), capacity, config.overlap());
        let first = inputs.len();
        let boxes = row.boxes.as_deref().filter(|_| config.model.boxes);
        inputs.extend(
            windows.iter().map(|window| tag_window(tokenizer.special(), &alignment, window.clone(), &labels, boxes)),
        );
        sequences.push(Sequence { first, windows, alignment, tags: row.tags.clone() });
    }
    Ok(Part { name, inputs, truth: Truth::Tags(sequences) })
}

impl super::Target {
    /// What a case's labels are.
    pub(crate) fn of(config: &CaseConfig) -> Self {
        match (config.task, config.examples.target) {
            (case::Task::Tag, _) => Self::Tags,
            (_, TargetKind::Single) => Self::One,
            (_, TargetKind::Multi) => Self::Many,
            (_, TargetKind::Soft) => Self::Soft,
        }
    }
}
