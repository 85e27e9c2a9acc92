//! What is compared.

use serde::{Deserialize, Serialize};

use crate::event::Eval;

/// A figure of a validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Nats per scored token; means something within one vocabulary only.
    Loss,
    /// Bits per character of the scored text: for different vocabularies.
    BitsPerChar,
    /// Share of scored tokens predicted right, 0..=1; within one vocabulary only.
    Accuracy,
    /// e to the loss: the same number as the loss, said differently.
    Perplexity,
}

/// One corpus's part of a validation, or all of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) accuracy: f64,
    pub(crate) scored: u64,
}

impl Metric {
    /// For headings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss, nats per scored token",
            Self::BitsPerChar => "bits per character",
            Self::Accuracy => "accuracy, share of scored tokens",
            Self::Perplexity => "perplexity",
        }
    }

    /// Whether less is better.
    pub fn lower_is_better(self) -> bool {
        self != Self::Accuracy
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
        let value = match self {
            Self::Loss => loss,
            // 0 stands in the record where the scored tokens stand for no character.
            Self::BitsPerChar => bits.filter(|bits| *bits > 0.0)?,
            Self::Accuracy => accuracy,
            Self::Perplexity => loss.exp(),
        };
        Some(Figure { value, accuracy, scored })
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
