//! What an evaluation found, as it stands in the journal: figures by name, classes, confusion.

use serde::{Deserialize, Serialize};

use super::tally::{Shares, Tally};

/// All figures of one evaluation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Texts, pages or sentences evaluated.
    pub examples: u64,
    /// Decisions among them that were scored: examples, pairs of example and label, or words.
    pub scored: u64,
    /// Each figure once, in a fixed order. One that is not finite is left out and named in the notes: JSON has no infinity.
    pub figures: Vec<Figure>,
    /// Each class, label or entity type.
    pub classes: Vec<ClassScore>,
    /// How often each class (row) was taken for each (column), in the order of `classes`; of single labels only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<Vec<u64>>,
    /// What has to be said beside the figures, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One figure, its noise and what could be had without looking at a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its name, as `metric` in a case file names it: `accuracy`, `f1-macro`, `cross-entropy`, ...
    pub name: String,
    /// A share in 0..=1, a correlation in −1..=1, or nats per scored decision.
    pub value: f64,
    /// One standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// The figure of always saying what is most frequent in training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub majority: Option<f64>,
    /// The figure of giving the shares in training as probabilities; for accuracy, of drawing by these shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<f64>,
}

/// How well one class, label or entity type was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// The class.
    pub name: String,
    /// How often it was meant.
    pub support: u64,
    /// How often it was said.
    pub predicted: u64,
    /// Precision, recall and F1.
    pub shares: Shares,
    /// One standard error of F1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub f1_error: Option<f64>,
    /// Of entities, precision, recall and F1 in strict mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<Shares>,
}

/// How often each class, label or tag occurs in training: what is known before any text is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    /// Share of training examples (of words, for tags) with each class, in the classes' order, 0..=1.
    pub shares: Vec<f64>,
}

impl Prior {
    /// Of `counts` among `examples`; all 0 where there is no example.
    pub fn of_counts(counts: &[u64], examples: u64) -> Self {
        let share = |count: &u64| if examples == 0 { 0.0 } else { *count as f64 / examples as f64 };
        Self { shares: counts.iter().map(share).collect() }
    }

    /// The most frequent class, the first of equals; 0 for none.
    pub fn majority(&self) -> usize {
        let larger = |best: usize, class: usize| if self.shares[class] > self.shares[best] { class } else { best };
        (0..self.shares.len()).fold(0, larger)
    }

    /// The natural logarithms of the shares.
    pub(super) fn logs(&self) -> Vec<f64> {
        self.shares.iter().map(|share| share.ln()).collect()
    }
}

impl Scores {
    /// The figure named `name`, if it is there.
    pub fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    /// The value named `name`, if it is there.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.figure(name).map(|figure| figure.value)
    }

    /// Takes in a figure, or a note that it is not finite.
    pub(super) fn add(&mut self, figure: Figure) {
        if figure.value.is_finite() {
            let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
            let (error, majority, prior) = (finite(figure.error), finite(figure.majority), finite(figure.prior));
            self.figures.push(Figure { error, majority, prior, ..figure });
        } else {
            self.notes.push(format!("{} is not finite: a probability of 0 was given to what is true.", figure.name));
        }
    }

    /// Takes in figures of the same order: values, errors and the majority's.
    pub(super) fn add_all(&mut self, names: &[&str], values: &[f64], errors: &[Option<f64>], majority: &[f64]) {
        for (at, name) in names.iter().enumerate() {
            let error = errors.get(at).copied().flatten();
            let majority = majority.get(at).copied();
            self.add(Figure { name: (*name).into(), value: values[at], error, majority, prior: None });
        }
    }

    /// Puts the prior's value beside a figure.
    pub(super) fn set_prior(&mut self, name: &str, prior: Option<f64>) {
        if let Some(figure) = self.figures.iter_mut().find(|figure| figure.name == name) {
            figure.prior = prior.filter(|value| value.is_finite());
        }
    }
}

impl ClassScore {
    pub(super) fn new(name: &str, tally: &Tally, f1_error: Option<f64>) -> Self {
        let Tally { predicted, actual, .. } = *tally;
        Self { name: name.into(), support: actual, predicted, shares: tally.shares(), f1_error, strict: None }
    }
}

/// Mean of some numbers and its standard error, s / sqrt(n); `None` for no number.
pub(super) fn mean_with_error(values: &[f64]) -> Option<(f64, Option<f64>)> {
    let mean = crate::inference::mean(values)?;
    let error = crate::inference::deviation(values).map(|deviation| deviation / (values.len() as f64).sqrt());
    Some((mean, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_majority_is_the_first_of_the_most_frequent() {
        assert_eq!(Prior::of_counts(&[2, 5, 5, 0], 12).majority(), 1);
        assert_eq!(Prior::of_counts(&[0, 0], 0), Prior { shares: vec![0.0, 0.0] });
        assert_eq!(Prior { shares: vec![] }.majority(), 0);
    }

    #[test]
    fn what_is_not_finite_is_said_and_not_written() {
        let mut scores = Scores::default();
        let figure = |value, prior| Figure { name: "loss".into(), value, error: None, majority: None, prior };
        scores.add(figure(f64::INFINITY, None));
        assert!(scores.figures.is_empty() && scores.notes[0].starts_with("loss is not finite"));
        scores.add(figure(1.0, Some(f64::INFINITY)));
        assert_eq!(scores.value("loss"), Some(1.0));
        assert_eq!(scores.figures[0].prior, None);
        let text = serde_json::to_string(&scores).unwrap();
        assert_eq!(serde_json::from_str::<Scores>(&text).unwrap(), scores);
    }
}
