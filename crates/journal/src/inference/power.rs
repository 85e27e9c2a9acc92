//! What a number of seeds can show at all, and how many it would take.

use super::normal::normal_quantile;
use super::student::t_quantile;
use super::{LEVEL, least_p};

/// How often a difference of that size is to be called when it is there.
pub(crate) const POWER: f64 = 0.8;
/// More pairs than this are not asked for.
const MOST_PAIRS: usize = 200;

/// The smallest true difference that the sign-flip test of `pairs` differences with this standard deviation would call in
/// four studies of five, with `tests` made at once; `None` where it could call none, however large.
///
/// Simulated with normal differences it is called in 76 to 80 % of studies (`simulation_tests`).
///
/// # Source
/// Bloom 1995, "Minimum detectable effects": (t at the level + t at the power) standard errors. Two changes for so few
/// pairs: the level is the largest that the test can have, a multiple of 2 / 2^n; and where only the two patterns of one
/// sign are that rare, all differences must have one sign, which has the chance Φ(difference / deviation)^n.
pub fn smallest_shown(pairs: usize, deviation: f64, tests: usize) -> Option<f64> {
    let level = LEVEL / tests.max(1) as f64;
    let patterns = (level / least_p(pairs) + 1e-9).floor(); // with their mirror images
    if pairs < 2 || patterns < 1.0 {
        return None;
    }
    if patterns < 2.0 {
        return Some(deviation * normal_quantile(POWER.powf(1.0 / pairs as f64)));
    }
    let reachable = if pairs < 50 { patterns * least_p(pairs) } else { level };
    let freedom = pairs as u32 - 1;
    let errors = t_quantile(1.0 - reachable / 2.0, freedom) + t_quantile(POWER, freedom);
    Some(errors * deviation / (pairs as f64).sqrt())
}

/// How many pairs it takes until a difference of this size would be called in four studies of five: more than `at_least`;
/// `None` for more than 200. A plan, not a promise: the size and the deviation put in are themselves uncertain.
pub fn pairs_needed(difference: f64, deviation: f64, tests: usize, at_least: usize) -> Option<usize> {
    let shows = |pairs: usize| smallest_shown(pairs, deviation, tests).is_some_and(|least| least <= difference.abs());
    // Halving the range finds the first, because what is smallest shown only falls with more pairs.
    let larger: Vec<usize> = (at_least + 1..=MOST_PAIRS).collect();
    let first = larger.partition_point(|pairs| !shows(*pairs));
    larger.get(first).copied().filter(|_| difference != 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_difference_shown_falls_with_every_pair() {
        for tests in [1, 2, 3, 5, 10, 100] {
            let shown: Vec<f64> = (1..=MOST_PAIRS).filter_map(|pairs| smallest_shown(pairs, 1.0, tests)).collect();
            assert!(shown.len() > 150 && shown.windows(2).all(|pair| pair[1] < pair[0]), "{tests}: {shown:?}");
        }
    }

    #[test]
    fn five_pairs_can_show_nothing_and_two_tests_need_seven() {
        assert_eq!(smallest_shown(5, 1.0, 1), None);
        assert_eq!(smallest_shown(6, 1.0, 2), None);
        // All six of one sign in four studies of five: each with the chance 0.8^(1/6) = 0.9635, which is Φ(1.793).
        assert!((smallest_shown(6, 1.0, 1).unwrap() - 1.793).abs() < 1e-3);
        assert!(smallest_shown(7, 1.0, 2).is_some());
    }

    #[test]
    fn a_smaller_difference_needs_more_pairs_and_none_needs_more_than_there_are() {
        assert_eq!(pairs_needed(100.0, 1.0, 1, 2), Some(6));
        assert_eq!(pairs_needed(-100.0, 1.0, 1, 6), Some(7));
        // 7.85 / 100 · 100 pairs: (1.96 + 0.84)² = 7.85 deviations squared over the difference squared, plus two for t.
        assert_eq!(pairs_needed(0.5, 1.0, 1, 6), Some(34));
        assert_eq!(pairs_needed(0.01, 1.0, 1, 6), None);
        assert_eq!(pairs_needed(0.0, 1.0, 1, 6), None);
    }
}
