//! The random cases that `scripts/metric_fixtures.py` gives to scikit-learn and seqeval, made here once more: the same
//! numbers in the same order, so that the fixture holds only what those libraries said.

use super::{MultiLabel, Prior, Scores, Tagged, Targets, classification_scores, multi_label_scores, tag_scores};
use crate::inference::bits;

/// Random numbers of one case.
struct Draw(u64);

impl Draw {
    fn new(kind: u64, case: u64) -> Self {
        Self((kind * 1_000_000 + case) * 4_096)
    }

    fn next(&mut self) -> u64 {
        self.0 += 1;
        bits(self.0 - 1)
    }

    fn below(&mut self, bound: u64) -> usize {
        (self.next() % bound) as usize
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Values in the fixture's order: two groups.
pub(super) type Values = [Vec<f64>; 2];

fn named(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("c{at}")).collect()
}

fn normalised(row: &mut [f64]) {
    let sum: f64 = row.iter().fold(0.0, |sum, value| sum + value);
    row.iter_mut().for_each(|value| *value /= sum);
}

fn values(scores: &Scores, names: &[&str]) -> Vec<f64> {
    names.iter().map(|name| scores.value(name).unwrap_or_else(|| panic!("{name} is not there"))).collect()
}

fn with_classes(mut values: Vec<f64>, scores: &Scores) -> Vec<f64> {
    for class in &scores.classes {
        values.extend([class.shares.precision, class.shares.recall, class.shares.f1]);
    }
    values
}

/// Single labels. One case in eight says one class only, one lacks a class, one is right throughout; every 500th is empty;
/// every second has soft targets.
pub(super) fn single(case: u64) -> Values {
    let mut draw = Draw::new(1, case);
    let style = draw.below(8);
    let classes = 2 + draw.below(5);
    let examples = if case % 500 == 499 { 0 } else { 5 + draw.below(36) };
    let is_soft = case % 2 == 1;
    let (mut log_probs, mut hard, mut soft) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..examples {
        let mut row: Vec<f64> = (0..classes).map(|_| 0.05 + draw.unit()).collect();
        let mut target: Vec<f64> = (0..classes).map(|_| 0.05 + draw.unit()).collect();
        let mut truth = draw.below(classes as u64);
        let is_helped = draw.below(2) == 1;
        if style == 1 {
            truth = draw.below(classes as u64 - 1);
            row[classes - 1] = 0.001;
        }
        target[truth] += 1.5;
        if is_helped || style == 2 {
            row[truth] += 1.5;
        }
        if style == 0 {
            row[0] += 5.0;
        }
        normalised(&mut row);
        normalised(&mut target);
        log_probs.extend(row.iter().map(|p| p.ln()));
        soft.extend(target);
        hard.push(truth);
    }
    let prior = Prior { shares: vec![1.0 / classes as f64; classes] };
    let targets = if is_soft { Targets::Soft(&soft) } else { Targets::Hard(&hard) };
    let scores = classification_scores(&named(classes), &log_probs, targets, &prior);
    if examples == 0 {
        return [Vec::new(), Vec::new()];
    }
    let of_labels = ["accuracy", "f1-macro", "f1-micro", "f1-weighted", "precision-macro", "recall-macro", "mcc"];
    let mut of_probabilities = values(&scores, &["cross-entropy", "calibration-error"]);
    if is_soft {
        of_probabilities.extend(values(&scores, &["kl-divergence"]));
    }
    [with_classes(values(&scores, &of_labels), &scores), of_probabilities]
}

/// Several labels. Each label has its own rate, in one case of four 0 for the first.
pub(super) fn multi(case: u64) -> Values {
    let mut draw = Draw::new(2, case);
    let style = draw.below(4);
    let labels = 2 + draw.below(5);
    let examples = if case % 500 == 499 { 0 } else { 5 + draw.below(36) };
    let mut rates: Vec<f64> = (0..labels).map(|_| draw.unit()).collect();
    if style == 0 {
        rates[0] = 0.0;
    }
    let (mut truth, mut log_probs) = (Vec::new(), Vec::new());
    for _ in 0..examples {
        for rate in &rates {
            let is_true = draw.unit() < *rate;
            let mut p = 0.02 + 0.96 * draw.unit();
            if style == 1 {
                p *= 0.5; // nothing is said
            }
            truth.push(is_true);
            log_probs.push((p.ln(), (1.0 - p).ln()));
        }
    }
    let names = named(labels);
    let prior = Prior { shares: vec![0.5; labels] };
    let scores = multi_label_scores(MultiLabel { labels: &names, truth: &truth, log_probs: &log_probs }, &prior);
    if examples == 0 {
        return [Vec::new(), Vec::new()];
    }
    let of_labels =
        ["subset-accuracy", "f1-micro", "f1-macro", "f1-weighted", "f1-samples", "precision-macro", "recall-macro"];
    [with_classes(values(&scores, &of_labels), &scores), values(&scores, &["cross-entropy", "calibration-error"])]
}

/// A tag by two draws: O in two of five, else a prefix and a type.
fn tag(draw: &mut Draw, kinds: usize) -> String {
    let prefix = ["O", "O", "B", "I", "I"][draw.below(5)];
    let kind = draw.below(kinds as u64);
    if prefix == "O" { "O".into() } else { format!("{prefix}-{}", ["LOC", "ORG", "a-b", "날짜"][kind]) }
}

/// Tagged sequences of 0 to 12 words. Predictions keep a tag with a chance of three in four; in one case of eight they are
/// all O, in one the truth is.
pub(super) fn tags(case: u64) -> Values {
    let mut draw = Draw::new(3, case);
    let style = draw.below(8);
    let kinds = 1 + draw.below(4);
    let sequences = if case % 500 == 499 { 0 } else { 1 + draw.below(6) };
    let (mut truth, mut predicted) = (Vec::new(), Vec::new());
    for _ in 0..sequences {
        let words = draw.below(13);
        let (mut meant, mut said) = (Vec::new(), Vec::new());
        for _ in 0..words {
            let (mut of_truth, other) = (tag(&mut draw, kinds), tag(&mut draw, kinds));
            let mut of_model = if draw.below(4) > 0 { of_truth.clone() } else { other };
            if style == 0 {
                of_model = "O".into();
            }
            if style == 1 {
                of_truth = "O".into();
            }
            meant.push(of_truth);
            said.push(of_model);
        }
        truth.push(meant);
        predicted.push(said);
    }
    let (tags, prior) = (["O".to_string()], Prior { shares: vec![1.0] });
    let scores = tag_scores(Tagged { truth: &truth, predicted: &predicted, loss: None }, &tags, &prior).unwrap();
    if scores.scored == 0 {
        return [Vec::new(), Vec::new()];
    }
    let conll = ["f1-micro", "f1-macro", "f1-weighted", "precision-micro", "recall-micro", "accuracy"];
    let strict =
        ["strict-f1-micro", "strict-f1-macro", "strict-f1-weighted", "strict-precision-micro", "strict-recall-micro"];
    let mut of_strict = values(&scores, &strict);
    for class in &scores.classes {
        let shares = class.strict.unwrap();
        of_strict.extend([shares.precision, shares.recall, shares.f1]);
    }
    [with_classes(values(&scores, &conll), &scores), of_strict]
}

/// Mixed schemes, which only the default mode reads: every prefix of IOBES, and bare ones.
pub(super) fn mixed_tags(case: u64) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let mut draw = Draw::new(4, case);
    let mut sequence = |words: usize| -> Vec<String> {
        let mut tags = Vec::new();
        for _ in 0..words {
            let prefix = ["O", "B", "I", "E", "S", "I"][draw.below(6)];
            let kind = ["-LOC", "-ORG", ""][draw.below(3)];
            tags.push(if prefix == "O" { "O".into() } else { format!("{prefix}{kind}") });
        }
        tags
    };
    let lengths = [3 + case as usize % 9, 1 + case as usize % 5];
    let truth = lengths.map(&mut sequence).to_vec();
    let predicted = lengths.map(&mut sequence).to_vec();
    (truth, predicted)
}
