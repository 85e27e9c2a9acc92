//! Several seeds as one line with a band.

use crate::axis::between;

/// A line for each seed, drawn as one.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Bundle {
    /// The mean, where all the seeds are.
    pub(crate) mean: Vec<(f64, f64)>,
    /// The least and the largest, where all the seeds are; empty for fewer than two.
    pub(crate) band: Vec<(f64, f64, f64)>,
    /// What is left of the seeds that go further than the shortest: a mean of those that are left would jump where one
    /// ends.
    pub(crate) rests: Vec<Vec<(f64, f64)>>,
}

/// Seeds as one line, at the places of the first of them; the others are taken between their points. Points lie from left
/// to right.
pub(crate) fn bundle(seeds: &[Vec<(f64, f64)>]) -> Bundle {
    let seeds: Vec<&Vec<(f64, f64)>> = seeds.iter().filter(|seed| !seed.is_empty()).collect();
    let [first, others @ ..] = seeds.as_slice() else { return Bundle::default() };
    if others.is_empty() {
        return Bundle { mean: (*first).clone(), ..Bundle::default() };
    }
    let mut bundle = Bundle::default();
    for (x, y) in *first {
        let values: Option<Vec<f64>> = others.iter().map(|seed| between(seed, *x)).collect();
        let Some(values) = values else { continue };
        let all = || values.iter().chain([y]);
        bundle.mean.push((*x, all().sum::<f64>() / seeds.len() as f64));
        bundle.band.push((*x, all().copied().fold(*y, f64::min), all().copied().fold(*y, f64::max)));
    }
    let end = bundle.mean.last().map_or(f64::NEG_INFINITY, |point| point.0);
    bundle.rests = seeds.iter().map(|seed| rest(seed, end)).filter(|rest| rest.len() > 1).collect();
    bundle
}

/// The points from `end` on, beginning where the line is at `end`.
fn rest(seed: &[(f64, f64)], end: f64) -> Vec<(f64, f64)> {
    let from = seed.partition_point(|point| point.0 <= end);
    let start = between(seed, end).map(|y| (end, y));
    start.into_iter().chain(seed[from..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(points: &[(i32, f64)]) -> Vec<(f64, f64)> {
        points.iter().map(|(x, y)| (f64::from(*x), *y)).collect()
    }

    #[test]
    fn seeds_are_averaged_and_their_ends_kept() {
        let found = bundle(&[seed(&[(0, 4.0), (1, 2.0)]), seed(&[(0, 6.0), (1, 3.0)]), seed(&[(0, 5.0), (1, 1.0)])]);
        assert_eq!(found.mean, seed(&[(0, 5.0), (1, 2.0)]));
        assert_eq!(found.band, [(0.0, 4.0, 6.0), (1.0, 1.0, 3.0)]);
        assert!(found.rests.is_empty());
    }

    #[test]
    fn a_longer_seed_goes_on_alone() {
        let found = bundle(&[seed(&[(0, 4.0), (1, 2.0), (2, 1.0), (3, 0.5)]), seed(&[(0, 6.0), (1, 4.0)])]);
        assert_eq!(found.mean, seed(&[(0, 5.0), (1, 3.0)]));
        assert_eq!(found.rests, [seed(&[(1, 2.0), (2, 1.0), (3, 0.5)])]);
    }

    #[test]
    fn seeds_logged_at_other_places_are_taken_between_their_points() {
        let found = bundle(&[seed(&[(1, 1.0), (2, 1.0)]), seed(&[(0, 0.0), (4, 8.0)])]);
        assert_eq!(found.mean, seed(&[(1, 1.5), (2, 2.5)]));
    }

    #[test]
    fn one_seed_has_no_band_and_seeds_that_never_meet_stay_alone() {
        assert_eq!(bundle(&[seed(&[(0, 1.0)]), Vec::new()]), Bundle { mean: seed(&[(0, 1.0)]), ..Bundle::default() });
        let apart = bundle(&[seed(&[(0, 1.0), (1, 1.0)]), seed(&[(5, 1.0), (6, 1.0)])]);
        assert!(apart.mean.is_empty() && apart.rests.len() == 2);
        assert_eq!(bundle(&[]), Bundle::default());
    }
}
