//! What is compared.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::JournalError;
use crate::event::Eval;
use crate::metrics::{FIGURES, is_lower_better};

/// A figure of a validation; in JSON and on the command line one word, such as `loss` or `f1-macro`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Nats per scored token; means something within one vocabulary only.
    Loss,
    /// Bits per character of the scored text: for different vocabularies.
    BitsPerChar,
    /// Share of scored tokens predicted right, 0..=1; within one vocabulary only.
    Accuracy,
    /// e to the loss: the same number as the loss, said differently.
    Perplexity,
    /// A figure of labelled examples, one of [`FIGURES`](crate::metrics::FIGURES).
    Figure(&'static str),
}

/// The metrics of running text.
const OF_TEXT: [Metric; 4] = [Metric::Loss, Metric::BitsPerChar, Metric::Accuracy, Metric::Perplexity];

/// One corpus's part of a validation, or all of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) accuracy: f64,
    pub(crate) scored: u64,
    /// One standard error of the value, where the evaluation states it: of labelled examples.
    pub(crate) error: Option<f64>,
}

impl Metric {
    /// As it is written in JSON and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::BitsPerChar => "bits-per-char",
            Self::Accuracy => "accuracy",
            Self::Perplexity => "perplexity",
            Self::Figure(name) => name,
        }
    }

    /// The figure of this name, one of [`FIGURES`](crate::metrics::FIGURES).
    pub fn of_figure(name: &str) -> Option<Self> {
        FIGURES.into_iter().find(|known| *known == name).map(Self::Figure)
    }

    /// What is meant where all runs learn from labelled examples: their accuracy is a figure with a noise of its own.
    pub(crate) fn of_labelled(self) -> Self {
        if self == Self::Accuracy { Self::Figure("accuracy") } else { self }
    }

    /// For headings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss, nats per scored token",
            Self::BitsPerChar => "bits per character",
            Self::Accuracy => "accuracy, share of scored tokens",
            Self::Perplexity => "perplexity",
            Self::Figure(name) => name,
        }
    }

    /// Whether less is better.
    pub fn lower_is_better(self) -> bool {
        match self {
            Self::Loss | Self::BitsPerChar | Self::Perplexity => true,
            Self::Accuracy => false,
            Self::Figure(name) => is_lower_better(name),
        }
    }

    /// The figure of a validation, of one corpus where one is named; `None` where it was not recorded.
    pub(crate) fn of(self, eval: &Eval, corpus: Option<&str>) -> Option<Figure> {
        let (loss, accuracy, scored, bits) = match corpus {
            None => (eval.loss, eval.accuracy, eval.scored, Some(eval.bits_per_char)),
            Some(name) => {
                let score = eval.corpora.iter().find(|score| score.name == name)?;
                (score.loss, score.accuracy, score.scored, score.bits_per_char)
            }
        };
        let of_figure = |name: &str| {
            let figure = eval.scores.as_ref().filter(|_| corpus.is_none())?.figure(name)?;
            Some((figure.value, figure.error))
        };
        let (value, error) = match self {
            Self::Loss => (loss, None),
            // 0 stands in the record where the scored tokens stand for no character.
            Self::BitsPerChar => (bits.filter(|bits| *bits > 0.0)?, None),
            Self::Accuracy => (accuracy, None),
            Self::Perplexity => (loss.exp(), None),
            Self::Figure(name) => of_figure(name)?,
        };
        Some(Figure { value, accuracy, scored, error })
    }
}

impl FromStr for Metric {
    type Err = JournalError;

    fn from_str(word: &str) -> Result<Self, JournalError> {
        let figures = FIGURES.into_iter().map(Self::Figure);
        let mut known = OF_TEXT.into_iter().chain(figures);
        known.find(|metric| metric.word() == word).ok_or_else(|| JournalError::UnknownMetric { word: word.into() })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Two numbers agree to so much: two metrics computed on two paths from single-precision logits agree to seven digits.
const SEVEN_DIGITS: f64 = 1e-6;

/// How two metrics are one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OneNumber {
    /// The same values: cross-entropy and KL divergence of one-hot labels.
    Equal,
    /// One is the other times a constant: nats and bits.
    Proportional,
    /// One is e to the other: loss and perplexity.
    Exponential,
}

/// Whether two metrics, measured at the same moments, are one number to seven digits; `None` where they are two, for
/// fewer than three moments, and where either never changes, from which nothing follows.
pub fn one_number(first: &[f64], second: &[f64]) -> Option<OneNumber> {
    let changes = |values: &[f64]| values.iter().any(|value| !is_same(*value, values[0]));
    if first.len() < 3 || first.len() != second.len() || !changes(first) || !changes(second) {
        return None;
    }
    let holds = |map: &dyn Fn(f64) -> f64| first.iter().zip(second).all(|(a, b)| is_same(map(*a), *b));
    let factor = second[0] / first[0];
    if holds(&|value| value) {
        Some(OneNumber::Equal)
    } else if factor.is_finite() && holds(&|value| value * factor) {
        Some(OneNumber::Proportional)
    } else if holds(&f64::exp) || holds(&f64::ln) {
        Some(OneNumber::Exponential)
    } else {
        None
    }
}

fn is_same(a: f64, b: f64) -> bool {
    (a - b).abs() <= SEVEN_DIGITS * a.abs().max(b.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_one_word_and_knows_its_direction() {
        for word in ["loss", "bits-per-char", "accuracy", "perplexity", "f1-macro", "strict-f1-micro", "kl-divergence"]
        {
            let metric: Metric = word.parse().unwrap();
            assert_eq!(metric.to_string(), word);
            assert_eq!(serde_json::from_str::<Metric>(&serde_json::to_string(&metric).unwrap()).unwrap(), metric);
        }
        let lower = |word: &str| word.parse::<Metric>().unwrap().lower_is_better();
        assert!(["loss", "perplexity", "cross-entropy", "kl-divergence", "calibration-error"].into_iter().all(lower));
        assert!(!["accuracy", "f1-micro", "mcc", "recall-macro"].into_iter().any(lower));
        let said = "f1".parse::<Metric>().unwrap_err().to_string();
        assert!(said.contains("`f1`") && said.contains("f1-macro"), "{said}");
        assert_eq!("accuracy".parse::<Metric>().unwrap().of_labelled(), Metric::Figure("accuracy"));
    }

    #[test]
    fn cross_entropy_and_divergence_of_one_hot_labels_are_one_number() {
        let cross_entropy = [0.613_504_2, 0.571_228_9, 0.560_113_7];
        let divergence = [0.613_504_3, 0.571_228_9, 0.560_113_6];
        assert_eq!(one_number(&cross_entropy, &divergence), Some(OneNumber::Equal));
    }

    #[test]
    fn bits_and_perplexity_are_the_loss_again_and_accuracy_is_not() {
        let loss = [6.1, 5.2, 4.9, 4.8];
        let bits = loss.map(|loss| loss * 0.57);
        assert_eq!(one_number(&loss, &bits), Some(OneNumber::Proportional));
        assert_eq!(one_number(&loss, &loss.map(f64::exp)), Some(OneNumber::Exponential));
        assert_eq!(one_number(&loss.map(f64::exp), &loss), Some(OneNumber::Exponential));
        assert_eq!(one_number(&loss, &[0.1, 0.2, 0.24, 0.25]), None);
    }

    #[test]
    fn from_too_little_nothing_follows() {
        assert_eq!(one_number(&[1.0, 2.0], &[1.0, 2.0]), None);
        assert_eq!(one_number(&[1.0, 1.0, 1.0], &[1.0, 1.0, 1.0]), None);
        assert_eq!(one_number(&[1.0, 2.0, 3.0], &[1.0, 2.0]), None);
        assert_eq!(one_number(&[0.0, 2.0, 3.0], &[1.0, 4.0, 5.0]), None);
    }
}
