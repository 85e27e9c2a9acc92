//! A confidence interval for the mean of a few numbers, by the bootstrap.

use serde::{Deserialize, Serialize};

use super::counter::index;
use super::normal::{normal_cdf, normal_quantile};
use super::student::t_quantile;
use super::{deviation, mean};

/// What an interval promises to cover, 0..1.
pub(crate) const CONFIDENCE: f64 = 0.95;
/// Up to so many numbers every resample is counted instead of drawn: 6,435 different ones for eight.
const MOST_COUNTED: usize = 8;
/// Resamples drawn of more numbers. Efron and Tibshirani 1993, §14.3, ask for 2,000 for a 95 % BCa interval.
const DRAWN: usize = 20_000;
/// Two means of the same numbers summed in another order differ by less than this share of the largest.
const SAME: f64 = 1e-12;

/// Two ends, the lower first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether a number lies inside, ends included.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// The 95 % interval of the mean of at least two numbers that `compare` reports: [`bca_interval`], its ends moved away
/// from the mean by the factor t / z · sqrt(n / (n − 1)), with t and z the 97.5 % quantiles of Student's (n − 1 degrees)
/// and the normal distribution.
///
/// A bootstrap interval of few numbers is too narrow twice over: resamples spread by sqrt((n − 1) / n) too little, and a
/// spread known from n numbers calls for t where the bootstrap has z. Of six numbers BCa covers 86 % in place of 95 %
/// (`simulation_tests`).
///
/// # Source
/// Efron 1987 for BCa. Hesterberg 2015, "What teachers should know about the bootstrap", for the two
/// causes, which he calls narrowness bias and the lack of t quantiles. He widens the level (the "expanded percentile" interval); the ends are moved here instead,
/// because a quantile of resamples never leaves the range of the numbers, and the range of six covers the mean of a
/// symmetric distribution with 1 − 2 / 2^6 at most, that of three with 75 %.
pub fn mean_interval(values: &[f64]) -> Option<Interval> {
    let (mean, narrow) = (mean(values)?, bca_interval(values)?);
    let count = values.len() as f64;
    let tail = 0.5 + CONFIDENCE / 2.0;
    let factor = t_quantile(tail, values.len() as u32 - 1) / normal_quantile(tail) * (count / (count - 1.0)).sqrt();
    Some(Interval { low: mean + factor * (narrow.low - mean), high: mean + factor * (narrow.high - mean) })
}

/// The 95 % interval of the mean of at least two numbers from Student's t distribution, n − 1 degrees of freedom.
///
/// # Source
/// Student 1908, "The probable error of a mean".
pub fn t_interval(values: &[f64]) -> Option<Interval> {
    let (mean, spread) = (mean(values)?, deviation(values)?);
    let t = t_quantile(0.5 + CONFIDENCE / 2.0, values.len() as u32 - 1);
    let half = t * spread / (values.len() as f64).sqrt();
    Some(Interval { low: mean - half, high: mean + half })
}

/// The 95 % bias-corrected and accelerated bootstrap interval of the mean of at least two finite numbers, too narrow for
/// few of them: see [`mean_interval`].
///
/// # Source
/// Efron 1987, "Better bootstrap confidence intervals"; Efron and Tibshirani 1993, §14.3, the acceleration from the
/// jackknife. As `scipy.stats.bootstrap`, resamples equal to the mean count half below it.
pub fn bca_interval(values: &[f64]) -> Option<Interval> {
    let (mean, spread) = (mean(values)?, deviation(values)?);
    if !spread.is_finite() || spread == 0.0 {
        return (spread == 0.0).then_some(Interval { low: mean, high: mean });
    }
    let resamples = resampled_means(values);
    let same = SAME * values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let count =
        |limit: f64| -> f64 { resamples.iter().take_while(|(value, _)| *value <= limit).map(|(_, times)| times).sum() };
    let total = count(f64::INFINITY);
    let bias = normal_quantile((count(mean - same) + count(mean + same)) / 2.0 / total);
    let skew = acceleration(values, mean);
    let end = |z: f64| at_share(&resamples, total, normal_cdf(bias + (bias + z) / (1.0 - skew * (bias + z))));
    let z = normal_quantile(0.5 + CONFIDENCE / 2.0);
    Some(Interval { low: end(-z), high: end(z) })
}

/// A sixth of the skewness of the jackknife's means.
fn acceleration(values: &[f64], mean: f64) -> f64 {
    // Leaving one out moves the mean the other way, so the jackknife's deviations are these, up to one factor.
    let power = |exponent| values.iter().map(|value| (value - mean).powi(exponent)).sum::<f64>();
    power(3) / (6.0 * power(2).powf(1.5))
}

/// The value that the share `q` of the resamples lies below, interpolated as [`quantile`](crate::quantile) does it.
fn at_share(resamples: &[(f64, f64)], total: f64, q: f64) -> f64 {
    let position = q * (total - 1.0);
    let (below, above) = (at_place(resamples, position.floor()), at_place(resamples, position.ceil()));
    below + position.fract() * (above - below)
}

/// The value at a place, counted from 0, of a sorted list in which each value stands as often as its number says.
fn at_place(resamples: &[(f64, f64)], place: f64) -> f64 {
    let mut before = 0.0;
    for (mean, times) in resamples {
        before += times;
        if before > place {
            return *mean;
        }
    }
    resamples.last().map_or(f64::NAN, |(mean, _)| *mean)
}

/// Means of resamples, lowest first, each with how many resamples have it.
fn resampled_means(values: &[f64]) -> Vec<(f64, f64)> {
    let mut means = Vec::new();
    if values.len() <= MOST_COUNTED {
        count_resamples(values, values.len(), (0.0, 1.0), &mut means);
    } else {
        let drawn = |resample: usize, at: usize| values[index((resample * values.len() + at) as u64, values.len())];
        means.extend((0..DRAWN).map(|resample| ((0..values.len()).map(|at| drawn(resample, at)).sum(), 1.0)));
    }
    for (sum, _) in &mut means {
        *sum /= values.len() as f64;
    }
    means.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    means
}

/// Every way of filling `left` places with the numbers still to come; `so_far` holds the sum and the number of ways of
/// what is filled.
fn count_resamples(rest: &[f64], left: usize, so_far: (f64, f64), sums: &mut Vec<(f64, f64)>) {
    let (Some((value, later)), (sum, ways)) = (rest.split_first(), so_far) else { return };
    if later.is_empty() {
        sums.push((sum + value * left as f64, ways));
        return;
    }
    let mut choices = 1.0; // which of the places left hold this number: left over times
    for times in 0..=left {
        count_resamples(later, left - times, (sum + value * times as f64, ways * choices), sums);
        choices *= (left - times) as f64 / (times + 1) as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_t_interval_of_three_numbers_is_the_textbook_s() {
        // Mean 2, deviation 1, t of two degrees of freedom at 97.5 %: 4.302653.
        let ends = t_interval(&[1.0, 2.0, 3.0]).unwrap();
        assert!(
            (ends.high - 2.0 - 4.302_653 / 3_f64.sqrt()).abs() < 1e-6 && (ends.high + ends.low - 4.0).abs() < 1e-12
        );
        assert_eq!(t_interval(&[1.0]), None);
    }

    #[test]
    fn one_number_has_no_interval_and_equal_ones_a_point() {
        assert_eq!(mean_interval(&[1.0]), None);
        assert_eq!(mean_interval(&[]), None);
        assert_eq!(mean_interval(&[0.5; 6]), Some(Interval { low: 0.5, high: 0.5 }));
        assert_eq!(mean_interval(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn the_same_numbers_give_the_same_interval_whatever_their_order_and_scale() {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        let interval = mean_interval(&[0.03, -0.01, 0.04, 0.02, 0.05, 0.01]).unwrap();
        let turned = mean_interval(&[0.01, 0.05, 0.02, 0.04, -0.01, 0.03]).unwrap();
        assert!(close(interval.low, turned.low) && close(interval.high, turned.high));
        let mirrored = mean_interval(&[-0.3, 0.1, -0.4, -0.2, -0.5, -0.1]).unwrap();
        assert!(close(mirrored.low, -10.0 * interval.high) && close(mirrored.high, -10.0 * interval.low));
    }

    #[test]
    fn counted_resamples_are_all_there_are() {
        let means = resampled_means(&[1.0, 2.0, 4.0]);
        assert_eq!(means.len(), 10);
        assert_eq!(means.iter().map(|(_, times)| times).sum::<f64>(), 27.0);
        assert_eq!((means[0], means[9]), ((1.0, 1.0), (4.0, 1.0)));
        assert_eq!(resampled_means(&[0.0; 9]).len(), DRAWN);
    }
}
