//! Small sets: folds by document, and parts of the training rows for a learning curve.

use std::collections::BTreeMap;

use crate::CorpusError;

/// The fold, below `count`, of each example; examples of one group are in one fold.
///
/// Groups are dealt largest first to the fold with the fewest examples, those of one size in an order drawn from `seed`, so
/// that folds differ by at most the largest group. What is tested in fold k is what has the number k.
///
/// # Errors
/// For fewer than two folds, or fewer groups than folds.
pub fn folds(groups: &[&str], count: usize, seed: u64) -> Result<Vec<usize>, CorpusError> {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    groups.iter().for_each(|group| *sizes.entry(group).or_default() += 1);
    if count < 2 || sizes.len() < count {
        return Err(CorpusError::Folds { groups: sizes.len(), folds: count });
    }
    let mut order: Vec<(&str, usize)> = sizes.into_iter().collect();
    order.sort_by_cached_key(|(group, size)| (std::cmp::Reverse(*size), hash(seed, group)));
    let mut filled = vec![0; count];
    let mut fold_of: BTreeMap<&str, usize> = BTreeMap::new();
    for (group, size) in order {
        let emptiest = (0..count).min_by_key(|fold| filled[*fold]).unwrap_or(0);
        filled[emptiest] += size;
        fold_of.insert(group, emptiest);
    }
    Ok(groups.iter().map(|group| fold_of[group]).collect())
}

/// The examples of a share of the groups, 0..=1, at least one group where there is one: ascending. Larger shares under one
/// seed hold all that smaller ones hold.
pub fn subset(groups: &[&str], share: f64, seed: u64) -> Vec<usize> {
    let mut order: Vec<&str> = groups.to_vec();
    order.sort_unstable();
    order.dedup();
    order.sort_by_cached_key(|group| hash(seed, group));
    let kept = ((share * order.len() as f64).round() as usize).clamp(order.len().min(1), order.len());
    let mut kept = order[..kept].to_vec();
    kept.sort_unstable();
    (0..groups.len()).filter(|at| kept.binary_search(&groups[*at]).is_ok()).collect()
}

/// 256 bits of a seed and a group.
fn hash(seed: u64, group: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(group.as_bytes());
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn folds_partition_examples_and_keep_groups_together(
            numbers in prop::collection::vec(0_u8..40, 1..200), count in 2_usize..8, seed: u64,
        ) {
            let names: Vec<String> = numbers.iter().map(|number| format!("g{number}")).collect();
            let groups: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut sizes = BTreeMap::<&str, usize>::new();
            groups.iter().for_each(|group| *sizes.entry(group).or_default() += 1);
            let Ok(found) = folds(&groups, count, seed) else {
                prop_assert!(sizes.len() < count);
                return Ok(());
            };
            prop_assert_eq!(found.len(), groups.len());
            prop_assert!(found.iter().all(|fold| *fold < count));
            for (a, b) in groups.iter().zip(&found) {
                prop_assert!(groups.iter().zip(&found).all(|(other, fold)| other != a || fold == b));
            }
            let filled: Vec<usize> = (0..count).map(|fold| found.iter().filter(|at| **at == fold).count()).collect();
            let spread = filled.iter().max().unwrap() - filled.iter().min().unwrap();
            prop_assert!(spread <= *sizes.values().max().unwrap(), "{:?}", filled);
        }

        #[test]
        fn larger_shares_hold_smaller_ones(count in 1_usize..100, a in 0.0..=1.0, b in 0.0..=1.0, seed: u64) {
            let names: Vec<String> = (0..count).map(|at| format!("g{}", at / 2)).collect();
            let groups: Vec<&str> = names.iter().map(String::as_str).collect();
            let (small, large) = (subset(&groups, f64::min(a, b), seed), subset(&groups, f64::max(a, b), seed));
            prop_assert!(!small.is_empty() && small.iter().all(|at| large.contains(at)));
            prop_assert_eq!(subset(&groups, 1.0, seed).len(), count);
        }
    }

    #[test]
    fn folds_of_single_documents_differ_by_one_and_by_seed() {
        let names: Vec<String> = (0..122).map(|at| format!("{at}")).collect();
        let groups: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = folds(&groups, 5, 1).unwrap();
        let filled: Vec<usize> = (0..5).map(|fold| found.iter().filter(|at| **at == fold).count()).collect();
        assert_eq!(filled.iter().sum::<usize>(), 122);
        assert!(filled.iter().all(|count| (24..=25).contains(count)), "{filled:?}");
        assert_eq!(found, folds(&groups, 5, 1).unwrap());
        assert_ne!(found, folds(&groups, 5, 2).unwrap());
        assert_eq!(subset(&groups, 0.25, 1).len(), 31);
    }

    #[test]
    fn too_few_groups_are_refused() {
        assert!(
            folds(&["a", "a"], 2, 1).unwrap_err().to_string().starts_with("1 groups cannot be parted into 2 folds")
        );
        assert!(folds(&["a", "b"], 1, 1).is_err());
        assert_eq!(subset(&[], 0.5, 1), [0; 0]);
    }
}
