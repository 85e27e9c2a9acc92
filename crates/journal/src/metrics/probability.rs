//! Probabilities: from scores of a head to log-probabilities, and how far they are from the truth, in nats.

/// Natural logarithms of the probabilities that the scores `logits` stand for: rows of `classes`, `[n * C]`.
///
/// Computed in 64 bits with the largest score taken out, so that finite scores give finite logarithms.
///
/// # Panics
/// If `classes` is 0 or does not divide the number of scores.
pub fn log_softmax(logits: &[f32], classes: usize) -> Vec<f64> {
    assert!(classes > 0 && logits.len().is_multiple_of(classes), "{} scores of {classes} classes", logits.len());
    let mut logs = Vec::with_capacity(logits.len());
    for row in logits.chunks_exact(classes) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = row.iter().map(|score| f64::from(score - largest).exp()).sum();
        logs.extend(row.iter().map(|score| f64::from(*score) - f64::from(largest) - sum.ln()));
    }
    logs
}

/// Natural logarithms of sigmoid(`logit`) and of 1 − sigmoid(`logit`).
pub fn log_sigmoid(logit: f32) -> (f64, f64) {
    let logit = f64::from(logit);
    let tail = (-logit.abs()).exp().ln_1p();
    (logit.min(0.0) - tail, (-logit).min(0.0) - tail)
}

/// The likeliest class of each row of log-probabilities `[n * C]`; the first of equals.
pub fn likeliest(log_probs: &[f64], classes: usize) -> Vec<usize> {
    let first_largest = |row: &[f64]| {
        let larger = |best: usize, class: usize| if row[class] > row[best] { class } else { best };
        (1..row.len()).fold(0, larger)
    };
    log_probs.chunks_exact(classes.max(1)).map(first_largest).collect()
}

/// Nats per example that the true class was given: the mean of −ln p(truth), from log-probabilities `[n * C]`.
///
/// Where targets are hard this is also the Kullback-Leibler divergence, a certain truth having no entropy of its own.
/// `None` for no example.
///
/// # Panics
/// If there is not one row an example.
pub fn cross_entropy(log_probs: &[f64], classes: usize, truth: &[usize]) -> Option<f64> {
    assert_eq!(log_probs.len(), classes * truth.len(), "one row of {classes} an example");
    mean(&of_truth(log_probs, classes, truth))
}

/// −ln p(truth) of each example.
pub(super) fn of_truth(log_probs: &[f64], classes: usize, truth: &[usize]) -> Vec<f64> {
    log_probs.chunks_exact(classes.max(1)).zip(truth).map(|(row, truth)| -row[*truth]).collect()
}

/// Nats per example under soft targets `[n * C]`: the mean of −Σ t ln p. `None` for no example.
///
/// # Panics
/// If targets and log-probabilities differ in number.
pub fn soft_cross_entropy(log_probs: &[f64], classes: usize, targets: &[f64]) -> Option<f64> {
    assert_eq!(log_probs.len(), targets.len(), "one target a probability");
    mean(&per_soft_row(log_probs, classes, targets, |_| 0.0))
}

/// Nats per example by which the probabilities miss soft targets `[n * C]`: the mean of Σ t (ln t − ln p), 0 where a
/// target is 0. `None` for no example.
///
/// # Panics
/// If targets and log-probabilities differ in number.
///
/// # Source
/// Kullback and Leibler 1951, "On information and sufficiency", eq. 2.4.
pub fn kl_divergence(log_probs: &[f64], classes: usize, targets: &[f64]) -> Option<f64> {
    assert_eq!(log_probs.len(), targets.len(), "one target a probability");
    mean(&per_soft_row(log_probs, classes, targets, f64::ln))
}

/// Σ t (own(t) − ln p) of each row; classes whose target is 0 say nothing.
pub(super) fn per_soft_row(log_probs: &[f64], classes: usize, targets: &[f64], own: impl Fn(f64) -> f64) -> Vec<f64> {
    let rows = log_probs.chunks_exact(classes.max(1)).zip(targets.chunks_exact(classes.max(1)));
    let term = |(log_prob, target): (&f64, &f64)| if *target > 0.0 { target * (own(*target) - log_prob) } else { 0.0 };
    rows.map(|(row, targets)| row.iter().zip(targets).map(term).sum()).collect()
}

fn mean(values: &[f64]) -> Option<f64> {
    crate::inference::mean(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_softmax_sums_to_one_and_survives_large_scores() {
        let logs = log_softmax(&[1.0, 2.0, 3.0, 3e38, -3e38, 0.0], 3);
        for row in logs.chunks_exact(3) {
            let sum: f64 = row.iter().map(|log| log.exp()).sum();
            assert!((sum - 1.0).abs() < 1e-12 && row.iter().all(|log| log.is_finite()), "{row:?}");
        }
        assert!((logs[2] + 0.407_605_964_444_380_1).abs() < 1e-12); // −ln(1 + e^−1 + e^−2)
    }

    #[test]
    fn log_sigmoid_gives_both_sides() {
        let (yes, no) = log_sigmoid(0.0);
        assert!((yes + 2.0_f64.ln()).abs() < 1e-15 && (no + 2.0_f64.ln()).abs() < 1e-15);
        let (yes, no) = log_sigmoid(-1000.0);
        assert_eq!((yes, no), (-1000.0, 0.0));
    }

    #[test]
    fn hard_targets_make_cross_entropy_and_divergence_one_number() {
        let logs = log_softmax(&[0.3, -1.0, 2.0, 0.0, 0.5, 0.25], 3);
        let soft = [0.0, 0.0, 1.0, 0.0, 1.0, 0.0];
        let hard = cross_entropy(&logs, 3, &[2, 1]);
        assert_eq!(hard, kl_divergence(&logs, 3, &soft));
        assert_eq!(hard, soft_cross_entropy(&logs, 3, &soft));
        assert_eq!(cross_entropy(&[], 3, &[]), None);
    }

    #[test]
    fn a_target_met_exactly_has_no_divergence() {
        let targets = [0.25, 0.75, 0.0];
        let logs: Vec<f64> = targets.iter().map(|t: &f64| t.ln()).collect();
        assert_eq!(kl_divergence(&logs, 3, &targets), Some(0.0));
    }

    #[test]
    fn the_first_of_equals_is_likeliest() {
        assert_eq!(likeliest(&[0.0, 0.0, -1.0, -2.0, -1.0, -1.0], 3), [0, 1]);
    }
}
