//! Labels in batches are those of the data, and words' tags stand on the right tokens.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use case::Labelling;
use corpus::labelled::{LabelledBatch, ModelInput, Target as Truths};

use super::{
    bench::Clock,
    checked::{Advice, Checked, percent},
};
use crate::{
    batch::{Lesson, Rows},
    labels::{Labels, Part, Sequence, Target, Truth},
    setup::Setup,
};

pub(super) const NAME: &str = "labels";

/// Deviations by which a label's share in the batches may be away from its share in the data.
const DEVIATIONS: f64 = 4.0;
/// Share of words whose tag may be lost to the tokenizer: it is a ceiling of what can be reached.
const LOST: f64 = 0.05;
/// Share of all time that may be spent.
const TIME: f64 = 0.1;
/// Labels named where something is wrong with more.
const NAMED: usize = 4;

const ADVICE: Advice = Advice {
    meaning: "what the model is trained to say is not what the data say: labels belong to other examples or tokens, some are read \
              more often than they are there, or the tokenizer joins words of different tags",
    next: "for words that are lost choose a tokenizer that does not join them, or `join` in [examples] as the words are \
           written; the rest would be a defect of the program: please report it",
};

/// What batches say.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counted {
    /// How often each label is trained on.
    pub(super) in_batches: BTreeMap<usize, u64>,
    /// How often it is there to be trained on.
    pub(super) in_data: BTreeMap<usize, u64>,
    /// Scored positions whose label is not that of the example or word.
    pub(super) wrong: u64,
    /// Words whose tag no token can say, and words.
    pub(super) lost: (u64, u64),
    /// Batches looked at, and those of an epoch.
    pub(super) batches: (u64, u64),
}

/// Counts the labels of an epoch's batches.
pub(super) fn targets(setup: &Setup, labels: &Labels, clock: &Clock) -> Checked {
    let deadline = clock.deadline(TIME);
    let steps = labels.plan.steps_per_epoch();
    let mut counted = Counted { lost: lost(labels), ..Counted::default() };
    let meant = meant(&labels.train, setup.config.examples.scored);
    meant.iter().flatten().flatten().for_each(|label| *counted.in_data.entry(*label).or_default() += 1);
    for step in 0..steps {
        if deadline.is_over() && step > 0 {
            break;
        }
        let Rows::Labels(batch) = Lesson::at(setup, step).sheet else { continue };
        counted.add(&batch, &meant);
        counted.batches = (step + 1, steps);
    }
    let whole = matches!(labels.speech.target, Target::Many | Target::Soft).then(
        || "several labels or probabilities: whether every example is read as often was compared, not what it says",
    );
    counted.judge(&labels.speech.names).with(whole.map(str::to_string))
}

impl Counted {
    /// Adds a batch, where these labels are meant at each token of each input.
    pub(super) fn add(&mut self, batch: &LabelledBatch, meant: &[Vec<Option<usize>>]) {
        for (position, label) in batch.positions.iter().zip(&batch.labels) {
            let (row, at) = (*position as usize / batch.width, *position as usize % batch.width);
            let is_right = meant[batch.inputs[row]].get(at) == Some(&Some(*label as usize));
            self.wrong += u64::from(!is_right);
            *self.in_batches.entry(*label as usize).or_default() += 1;
        }
        let scored = batch.inputs.iter().map(|input| meant[*input].iter().flatten().count()).sum::<usize>();
        self.wrong += (scored as u64).saturating_sub(batch.labels.len() as u64); // meant, and not scored
    }

    /// Whether labels are those that are meant, as often as they are there.
    pub(super) fn judge(&self, names: &[String]) -> Checked {
        let sum = |counts: &BTreeMap<usize, u64>| counts.values().sum::<u64>().max(1) as f64;
        let (batches, data) = (sum(&self.in_batches), sum(&self.in_data));
        let of = |counts: &BTreeMap<usize, u64>, label: &usize| counts.get(label).copied().unwrap_or(0) as f64;
        let apart = |label: &usize| {
            let share = of(&self.in_data, label) / data;
            let deviation = (share * (1.0 - share) / batches).sqrt();
            // One example more or less is within any error.
            let apart = ((of(&self.in_batches, label) / batches - share).abs() - 1.0 / batches).max(0.0);
            if apart == 0.0 { 0.0 } else { apart / deviation.max(f64::MIN_POSITIVE) }
        };
        let labels = self.in_data.keys().chain(self.in_batches.keys()).collect::<BTreeSet<_>>();
        let worst = labels.iter().map(|label| apart(label)).fold(0.0, f64::max);
        let lost = self.lost.0 as f64 / self.lost.1.max(1) as f64;
        let holds = self.wrong == 0 && worst <= DEVIATIONS && lost <= LOST && !self.in_batches.is_empty();
        let mut measured = format!("{} wrong of {batches}; shares {worst:.1} deviations from the data's", self.wrong);
        let mut threshold = format!("0; at most {DEVIATIONS:.0}");
        if self.lost.1 > 0 {
            measured += &format!("; {} of words have no token to say their tag", percent(lost));
            threshold += &format!("; at most {}", percent(LOST));
        }
        let wrong = labels.into_iter().filter(|label| apart(label) > DEVIATIONS).take(NAMED);
        let wrong = wrong.map(|label| {
            let shares = [of(&self.in_batches, label) / batches, of(&self.in_data, label) / data].map(percent);
            let name = names.get(*label).map_or("another", String::as_str);
            format!("{name}: {} in batches, {} in the data", shares[0], shares[1])
        });
        let (done, steps) = self.batches;
        let part = (done < steps).then(|| format!("{done} of an epoch's {steps} batches were looked at"));
        Checked::judged(NAME, holds, measured, threshold, ADVICE).with(wrong.collect::<Vec<_>>()).with(part)
    }
}

/// What each token of each input should be trained to say, from the examples themselves.
///
/// Of texts with several labels or probabilities, which a number cannot say, 0 stands for the whole. Where all of a word's
/// tokens are trained on, those after the first are taken as they are: only the first can be held against the data.
pub(super) fn meant(part: &Part, scored: Labelling) -> Vec<Vec<Option<usize>>> {
    match &part.truth {
        Truth::Texts(truths) => {
            let class = |truth: &Truths| if let Truths::Single(class) = truth { *class } else { 0 };
            truths.iter().map(|truth| vec![Some(class(truth))]).collect()
        }
        Truth::Tags(sequences) => sequences.iter().flat_map(|sequence| meant_windows(part, sequence, scored)).collect(),
    }
}

/// The same of one sequence's windows.
fn meant_windows(part: &Part, sequence: &Sequence, scored: Labelling) -> Vec<Vec<Option<usize>>> {
    let mut of_tokens = vec![None; sequence.alignment.len()];
    for (word, (token, tag)) in sequence.alignment.deciding().into_iter().zip(&sequence.tags).enumerate() {
        // A token that began with an earlier word cannot say this one's tag: that word is lost, and counted as such.
        if let Some(token) = token.filter(|token| sequence.alignment.covers[*token].start == word) {
            of_tokens[token] = Some(*tag);
        }
    }
    let of_window = |(input, window): (&ModelInput, &Range<usize>)| {
        let mut tokens = vec![None];
        tokens.extend_from_slice(&of_tokens[window.clone()]);
        if scored == Labelling::All {
            tokens.iter_mut().zip(&input.labels).for_each(|(meant, label)| *meant = meant.or(*label));
        }
        tokens
    };
    part.inputs[sequence.first..].iter().zip(&sequence.windows).map(of_window).collect()
}

/// Words whose tag no token can say, and words, of the training examples.
fn lost(labels: &Labels) -> (u64, u64) {
    let (Truth::Tags(sequences), Some(set)) = (&labels.train.truth, &labels.speech.tags) else { return (0, 0) };
    let of = |sequence: &Sequence| (sequence.alignment.lost(&sequence.tags, set) as u64, sequence.tags.len() as u64);
    sequences.iter().map(of).fold((0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1))
}
