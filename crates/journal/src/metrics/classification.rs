//! All figures of a single-label classification.

use super::calibration::error_of;
use super::confusion::Confusion;
use super::probability::{likeliest, of_truth, per_soft_row};
use super::resample::resampled_errors;
use super::scores::{ClassScore, Figure, Prior, Scores, mean_with_error};
use super::tally::{Tally, macro_average, micro_average, weighted_average};
use crate::standard_error;

/// What is true of each example.
#[derive(Debug, Clone, Copy)]
pub enum Targets<'a> {
    /// One class an example: `[n]`.
    Hard(&'a [usize]),
    /// A probability for each class: `[n * C]`, each row summing to 1. The likeliest class, the first of equals, counts as
    /// the true one where a class is needed.
    Soft(&'a [f64]),
}

/// Figures read off a confusion matrix, in this order.
const NAMES: [&str; 7] = ["accuracy", "f1-macro", "f1-micro", "f1-weighted", "precision-macro", "recall-macro", "mcc"];

/// The figures of `log_probs`, `[n * C]` natural logarithms, against `targets`: accuracy, F1 (macro, micro, weighted),
/// macro precision and recall, MCC, cross-entropy, Kullback-Leibler divergence where targets are soft, calibration error;
/// each class's precision, recall and F1; the confusion matrix.
///
/// Macro averages are over classes that occur in truth or prediction. Standard errors: accuracy (and micro F1, the same
/// number) binomial, cross-entropy and divergence s / sqrt(n), all others by [`resampled_errors`].
///
/// # Panics
/// If `labels`, `prior`, `log_probs` and `targets` are not of the same number of classes and examples.
pub fn classification_scores(labels: &[String], log_probs: &[f64], targets: Targets<'_>, prior: &Prior) -> Scores {
    let classes = labels.len();
    let truth = match targets {
        Targets::Hard(truth) => truth.to_vec(),
        Targets::Soft(targets) => likeliest(targets, classes),
    };
    assert_eq!(log_probs.len(), truth.len() * classes, "one row of {classes} an example");
    assert_eq!(prior.shares.len(), classes, "one share a class");
    let examples = truth.len() as u64;
    let mut scores = Scores { examples, scored: examples, ..Scores::default() };
    if truth.is_empty() {
        scores.notes.push("There was no example to evaluate.".into());
        return scores;
    }
    let predicted = likeliest(log_probs, classes);
    let confusion = Confusion::of(classes, &truth, &predicted);
    let sure = confidences(log_probs, &truth, &predicted);
    let errors = resampled(classes, &truth, &predicted, &sure);
    from_labels(&mut scores, &confusion, &truth, prior, &errors);
    from_probabilities(&mut scores, log_probs, targets, prior);
    let is_majority = |truth: &usize| (prior.shares[prior.majority()], *truth == prior.majority());
    scores.add(Figure {
        name: "calibration-error".into(),
        value: error_of(sure.iter().copied()).unwrap_or(0.0),
        error: errors[NAMES.len() + classes],
        majority: None,
        prior: error_of(truth.iter().map(is_majority)),
    });
    for (at, (name, tally)) in labels.iter().zip(confusion.tallies()).enumerate() {
        scores.classes.push(ClassScore::new(name, &tally, errors[NAMES.len() + at]));
    }
    scores.confusion = confusion.rows();
    scores
}

/// The probability of each prediction and whether it is right.
fn confidences(log_probs: &[f64], truth: &[usize], predicted: &[usize]) -> Vec<(f64, bool)> {
    let rows = log_probs.chunks_exact(log_probs.len() / truth.len().max(1));
    rows.zip(truth.iter().zip(predicted))
        .map(|(row, (truth, predicted))| (row[*predicted].exp(), truth == predicted))
        .collect()
}

/// Values of [`NAMES`].
fn figures_of(confusion: &Confusion) -> Vec<f64> {
    let occurring = confusion.occurring();
    let means = macro_average(&occurring);
    vec![
        confusion.accuracy().unwrap_or(0.0),
        means.f1,
        micro_average(&occurring).f1,
        weighted_average(&occurring).f1,
        means.precision,
        means.recall,
        confusion.mcc(),
    ]
}

/// Errors of [`NAMES`], then of each class's F1, then of the calibration error.
fn resampled(classes: usize, truth: &[usize], predicted: &[usize], sure: &[(f64, bool)]) -> Vec<Option<f64>> {
    resampled_errors(truth.len(), &mut |drawn| {
        let mut confusion = Confusion::of(classes, &[], &[]);
        drawn.iter().for_each(|at| confusion.count(truth[*at], predicted[*at]));
        let mut figures = figures_of(&confusion);
        figures.extend(confusion.tallies().iter().map(|tally: &Tally| tally.shares().f1));
        figures.push(error_of(drawn.iter().map(|at| sure[*at])).unwrap_or(0.0));
        figures
    })
}

fn from_labels(scores: &mut Scores, confusion: &Confusion, truth: &[usize], prior: &Prior, errors: &[Option<f64>]) {
    let values = figures_of(confusion);
    let mut errors = errors.to_vec();
    errors[0] = standard_error(values[0], scores.examples);
    errors[2] = errors[0];
    let always = vec![prior.majority(); truth.len()];
    let majority = figures_of(&Confusion::of(prior.shares.len(), truth, &always));
    scores.add_all(&NAMES, &values, &errors, &majority);
    let drawn = truth.iter().map(|truth| prior.shares[*truth]).sum::<f64>() / truth.len() as f64;
    scores.set_prior("accuracy", Some(drawn));
    scores.set_prior("f1-micro", Some(drawn));
}

fn from_probabilities(scores: &mut Scores, log_probs: &[f64], targets: Targets<'_>, prior: &Prior) {
    let classes = prior.shares.len();
    let of_prior = prior.logs().repeat(scores.examples as usize);
    let mut add = |name: &str, ours: Vec<f64>, prior: Vec<f64>| {
        let Some((value, error)) = mean_with_error(&ours) else { return };
        let prior = mean_with_error(&prior).map(|(mean, _)| mean);
        scores.add(Figure { name: name.into(), value, error, majority: None, prior });
    };
    match targets {
        Targets::Hard(truth) => {
            add("cross-entropy", of_truth(log_probs, classes, truth), of_truth(&of_prior, classes, truth));
            scores.notes.push(
                "The targets are hard: the Kullback-Leibler divergence is the cross-entropy, the same number.".into(),
            );
        }
        Targets::Soft(targets) => {
            let soft = |logs: &[f64], own: fn(f64) -> f64| per_soft_row(logs, classes, targets, own);
            add("cross-entropy", soft(log_probs, |_| 0.0), soft(&of_prior, |_| 0.0));
            add("kl-divergence", soft(log_probs, f64::ln), soft(&of_prior, f64::ln));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn logs(rows: &[&[f64]]) -> Vec<f64> {
        rows.iter().flat_map(|row| row.iter().map(|p| p.ln())).collect()
    }

    #[test]
    fn every_figure_stands_beside_its_error_and_baselines() {
        let probs = logs(&[&[0.8, 0.2], &[0.6, 0.4], &[0.3, 0.7], &[0.9, 0.1]]);
        let prior = Prior { shares: vec![0.75, 0.25] };
        let scores = classification_scores(&labels(&["no", "yes"]), &probs, Targets::Hard(&[0, 1, 1, 0]), &prior);
        let accuracy = scores.figure("accuracy").unwrap();
        assert_eq!((accuracy.value, accuracy.majority, accuracy.prior), (0.75, Some(0.5), Some(0.5)));
        assert!((accuracy.error.unwrap() - (0.75_f64 * 0.25 / 4.0).sqrt()).abs() < 1e-15);
        let entropy = scores.figure("cross-entropy").unwrap();
        assert!((entropy.prior.unwrap() + (0.75_f64.ln() + 0.25_f64.ln()) / 2.0).abs() < 1e-15);
        assert_eq!(scores.figure("mcc").unwrap().majority, Some(0.0));
        assert!(scores.figure("kl-divergence").is_none() && scores.notes[0].contains("same number"));
        assert_eq!(scores.confusion, [[2, 0], [1, 1]]);
        assert_eq!((scores.classes[1].support, scores.classes[1].shares.recall), (2, 0.5));
        assert!(scores.figures.iter().all(|figure| figure.error.is_some()), "{:?}", scores.figures);
    }

    #[test]
    fn soft_targets_have_a_divergence_of_their_own() {
        let probs = logs(&[&[0.8, 0.2], &[0.6, 0.4]]);
        let prior = Prior { shares: vec![0.5, 0.5] };
        let soft = [0.7, 0.3, 0.5, 0.5];
        let scores = classification_scores(&labels(&["a", "b"]), &probs, Targets::Soft(&soft), &prior);
        let entropy = scores.value("cross-entropy").unwrap();
        let divergence = scores.value("kl-divergence").unwrap();
        let own: f64 = -soft.iter().map(|t: &f64| t * t.ln()).sum::<f64>() / 2.0;
        assert!((entropy - divergence - own).abs() < 1e-15 && divergence > 0.0);
        assert!(scores.notes.is_empty());
    }

    #[test]
    fn nothing_evaluated_is_said() {
        let prior = Prior { shares: vec![0.0, 0.0] };
        let scores = classification_scores(&labels(&["a", "b"]), &[], Targets::Hard(&[]), &prior);
        assert!(scores.figures.is_empty() && scores.notes[0].contains("no example"));
    }
}
