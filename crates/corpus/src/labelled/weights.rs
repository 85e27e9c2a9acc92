//! How often classes occur, and weights against their imbalance.

use super::tagged::TaggedRow;
use super::texts::{Target, TextRow};

/// Each class's share of the rows, 0..=1, `[C]`: of single labels and probabilities they sum to 1, of several labels each is
/// the share of rows that have it. All 0 for no row.
pub fn target_shares(rows: &[TextRow], classes: usize) -> Vec<f64> {
    let mut sums = vec![0.0; classes];
    for row in rows {
        match &row.target {
            Target::Single(class) => sums[*class] += 1.0,
            Target::Many(held) => held.iter().for_each(|class| sums[*class] += 1.0),
            Target::Soft(shares) => sums.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share),
        }
    }
    let count = rows.len().max(1) as f64;
    sums.into_iter().map(|sum| sum / count).collect()
}

/// How often each tag occurs: `[tags]`.
pub fn tag_counts(rows: &[TaggedRow], tags: usize) -> Vec<u64> {
    let mut counts = vec![0; tags];
    rows.iter().flat_map(|row| &row.tags).for_each(|tag| counts[*tag] += 1);
    counts
}

/// A weight for each class that makes all classes that occur equally heavy: 1 / (occurring classes · share), so that the
/// mean weight of an example is 1; 0 for a class that does not occur.
///
/// # Source
/// King and Zeng 2001, "Logistic regression in rare events data", as scikit-learn's `class_weight="balanced"` has it (which
/// refuses classes without an example).
pub fn balanced_weights(shares: &[f64]) -> Vec<f64> {
    let total: f64 = shares.iter().sum();
    let occurring = shares.iter().filter(|share| **share > 0.0).count() as f64;
    shares.iter().map(|share| if *share > 0.0 { total / (occurring * share) } else { 0.0 }).collect()
}

/// For several labels, how much heavier than its absence each label's presence weighs so that both weigh alike: rows
/// without it over rows with it; 1 for a label that every row or no row has.
pub fn positive_weights(shares: &[f64]) -> Vec<f64> {
    let is_mixed = |share: f64| share > 0.0 && share < 1.0;
    shares.iter().map(|share| if is_mixed(*share) { (1.0 - share) / share } else { 1.0 }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::labels::Place;
    use super::*;

    fn row(target: Target) -> TextRow {
        let place = Place { path: Arc::new("a".into()), row: 1 };
        TextRow { place, first: "a".into(), second: None, target, group: None }
    }

    #[test]
    fn shares_count_each_kind_of_target() {
        let single = [0, 0, 2, 0].map(|class| row(Target::Single(class)));
        assert_eq!(target_shares(&single, 3), [0.75, 0.0, 0.25]);
        let many = [vec![0, 1], vec![], vec![1], vec![1]].map(|held| row(Target::Many(held)));
        assert_eq!(target_shares(&many, 2), [0.25, 0.75]);
        let soft = [vec![0.5, 0.5], vec![1.0, 0.0]].map(|shares| row(Target::Soft(shares)));
        assert_eq!(target_shares(&soft, 2), [0.75, 0.25]);
        assert_eq!(target_shares(&[], 2), [0.0, 0.0]);
    }

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        // compute_class_weight("balanced", classes=[0, 1, 2], y=[0, 0, 0, 1, 2, 2]): n / (C · n_c).
        let found = balanced_weights(&[0.5, 1.0 / 6.0, 1.0 / 3.0]);
        for (found, wanted) in found.iter().zip([2.0 / 3.0, 2.0, 1.0]) {
            assert!((found - wanted).abs() < 1e-15);
        }
        assert_eq!(balanced_weights(&[0.5, 0.5, 0.0]), [1.0, 1.0, 0.0]);
        assert_eq!(positive_weights(&[0.25, 0.0, 1.0]), [3.0, 1.0, 1.0]);
    }
}
