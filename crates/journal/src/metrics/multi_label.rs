//! All figures of a classification in which an example has any number of labels.

use super::calibration::error_of;
use super::resample::resampled_errors;
use super::scores::{ClassScore, Figure, Prior, Scores, mean_with_error};
use super::tally::{Tally, macro_average, micro_average, weighted_average};
use crate::standard_error;

/// What is true and what was said of each example and label.
#[derive(Debug, Clone, Copy)]
pub struct MultiLabel<'a> {
    /// Names of the labels: `[C]`.
    pub labels: &'a [String],
    /// Whether an example has a label: `[n * C]`.
    pub truth: &'a [bool],
    /// Natural logarithms of the probability that it has, and that it has not: `[n * C]`. A label is said where the first
    /// is the larger.
    pub log_probs: &'a [(f64, f64)],
}

/// Figures of labels said, in this order.
const NAMES: [&str; 7] =
    ["subset-accuracy", "f1-micro", "f1-macro", "f1-weighted", "f1-samples", "precision-macro", "recall-macro"];

/// Subset accuracy, F1 (micro, macro, weighted, and over examples), macro precision and recall, cross-entropy per pair of
/// example and label, calibration error over those pairs; each label's precision, recall and F1.
///
/// Averages are over all labels. Standard errors: subset accuracy binomial, all others by [`resampled_errors`] over
/// examples, cross-entropy s / sqrt(n) over examples.
///
/// # Panics
/// If labels, truth, log-probabilities and `prior` (shares of examples that have each label) do not fit together.
pub fn multi_label_scores(given: MultiLabel<'_>, prior: &Prior) -> Scores {
    let labels = given.labels.len();
    assert!(labels > 0 && given.truth.len().is_multiple_of(labels), "{} of {labels} labels", given.truth.len());
    assert_eq!((given.log_probs.len(), prior.shares.len()), (given.truth.len(), labels), "one value a label");
    let examples = given.truth.len() / labels;
    let mut scores = Scores { examples: examples as u64, scored: given.truth.len() as u64, ..Scores::default() };
    if examples == 0 {
        scores.notes.push("There was no example to evaluate.".into());
        return scores;
    }
    let said: Vec<bool> = given.log_probs.iter().map(|(yes, no)| yes > no).collect();
    let sure: Vec<(f64, bool)> = given
        .log_probs
        .iter()
        .zip(given.truth.iter().zip(&said))
        .map(|((yes, no), (truth, said))| (yes.max(*no).exp(), truth == said))
        .collect();
    let every: Vec<usize> = (0..examples).collect();
    let mut errors = resampled_errors(examples, &mut |drawn| {
        let (mut figures, tallies) = figures_of(labels, given.truth, &said, drawn);
        figures.extend(tallies.iter().map(|tally| tally.shares().f1));
        let pairs = drawn.iter().flat_map(|at| &sure[at * labels..(at + 1) * labels]).copied();
        figures.push(error_of(pairs).unwrap_or(0.0));
        figures
    });
    let (values, tallies) = figures_of(labels, given.truth, &said, &every);
    errors[0] = standard_error(values[0], scores.examples);
    let always: Vec<bool> = prior.shares.iter().map(|share| *share > 0.5).collect();
    let (majority, _) = figures_of(labels, given.truth, &always.repeat(examples), &every);
    scores.add_all(&NAMES, &values, &errors, &majority);
    from_probabilities(&mut scores, given, prior);
    scores.add(calibration(given, prior, &sure, errors[NAMES.len() + labels]));
    for (at, (name, tally)) in given.labels.iter().zip(&tallies).enumerate() {
        scores.classes.push(ClassScore::new(name, tally, errors[NAMES.len() + at]));
    }
    scores
}

fn calibration(given: MultiLabel<'_>, prior: &Prior, sure: &[(f64, bool)], error: Option<f64>) -> Figure {
    let of_prior = |(truth, share): (&bool, &f64)| (share.max(1.0 - share), *truth == (*share > 0.5));
    Figure {
        name: "calibration-error".into(),
        value: error_of(sure.iter().copied()).unwrap_or(0.0),
        error,
        majority: None,
        prior: error_of(given.truth.iter().zip(prior.shares.iter().cycle()).map(of_prior)),
    }
}

/// Values of [`NAMES`] over the examples `drawn`, and each label's counts.
fn figures_of(labels: usize, truth: &[bool], said: &[bool], drawn: &[usize]) -> (Vec<f64>, Vec<Tally>) {
    let mut tallies = vec![Tally::default(); labels];
    let (mut exact, mut samples) = (0_u64, 0.0);
    for at in drawn {
        let pairs = at * labels..(at + 1) * labels;
        let mut of_example = Tally::default();
        for (tally, (truth, said)) in tallies.iter_mut().zip(truth[pairs.clone()].iter().zip(&said[pairs.clone()])) {
            let one = Tally { hits: (*truth && *said).into(), predicted: (*said).into(), actual: (*truth).into() };
            tally.add(&one);
            of_example.add(&one);
        }
        exact += u64::from(truth[pairs.clone()] == said[pairs]);
        samples += of_example.shares().f1;
    }
    let count = drawn.len().max(1) as f64;
    let means = macro_average(&tallies);
    let figures = vec![
        exact as f64 / count,
        micro_average(&tallies).f1,
        means.f1,
        weighted_average(&tallies).f1,
        samples / count,
        means.precision,
        means.recall,
    ];
    (figures, tallies)
}

/// Cross-entropy: −ln p of what is true, the mean over pairs; an example's pairs are one value for the standard error.
fn from_probabilities(scores: &mut Scores, given: MultiLabel<'_>, prior: &Prior) {
    let labels = prior.shares.len();
    let of_rows = |log_probs: &mut dyn Iterator<Item = (f64, f64)>| {
        let pairs: Vec<f64> =
            log_probs.zip(given.truth).map(|((yes, no), truth)| if *truth { -yes } else { -no }).collect();
        pairs.chunks_exact(labels).map(|row| row.iter().sum::<f64>() / labels as f64).collect::<Vec<f64>>()
    };
    let of_prior: Vec<(f64, f64)> = prior.shares.iter().map(|share| (share.ln(), (1.0 - share).ln())).collect();
    let prior = mean_with_error(&of_rows(&mut of_prior.iter().copied().cycle())).map(|(mean, _)| mean);
    if let Some((value, error)) = mean_with_error(&of_rows(&mut given.log_probs.iter().copied())) {
        scores.add(Figure { name: "cross-entropy".into(), value, error, majority: None, prior });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_computed_figures_are_found() {
        let labels: Vec<String> = ["a", "b"].map(String::from).to_vec();
        let truth = [true, false, true, true, false, false];
        let yes = |p: f64| (p.ln(), (1.0 - p).ln());
        let log_probs = [0.9, 0.2, 0.8, 0.3, 0.1, 0.5].map(yes);
        let prior = Prior { shares: vec![0.6, 0.5] };
        let scores = multi_label_scores(MultiLabel { labels: &labels, truth: &truth, log_probs: &log_probs }, &prior);
        assert_eq!(scores.value("subset-accuracy"), Some(2.0 / 3.0));
        assert_eq!(scores.value("f1-micro"), Some(4.0 / 5.0));
        assert_eq!(scores.value("f1-macro"), Some(0.5));
        // Examples: {a} for {a}: 1; {a} for {a, b}: 2/3; nothing for nothing: 0, as scikit-learn counts it.
        assert!((scores.value("f1-samples").unwrap() - 5.0 / 9.0).abs() < 1e-15);
        let entropy = -(0.9_f64.ln() + 2.0 * 0.8_f64.ln() + 0.3_f64.ln() + 0.9_f64.ln() + 0.5_f64.ln()) / 6.0;
        assert!((scores.value("cross-entropy").unwrap() - entropy).abs() < 1e-15);
        // Always saying a, never b: hits 2 of 3 said, 3 true.
        assert_eq!(scores.figure("f1-micro").unwrap().majority, Some(2.0 / 3.0));
        assert_eq!((scores.scored, scores.classes[1].support), (6, 1));
    }
}
