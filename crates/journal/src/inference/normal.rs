//! The normal distribution.

/// Beyond this many deviations the tail is below 1e-15, which a double near 1 does not hold.
const FURTHEST: f64 = 8.0;

/// Share of a standard normal distribution below `x`, within 1e-15.
///
/// # Source
/// Marsaglia 2004, "Evaluating the normal distribution", §2: the Taylor series about 0.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    if x.abs() > FURTHEST {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut sum, mut term, mut odd) = (x, x, 1.0);
    loop {
        odd += 2.0;
        term *= x * x / odd;
        if sum + term == sum {
            break;
        }
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

/// The number that the share `p` of a standard normal distribution lies below; at most [`FURTHEST`] from 0.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    bisected(-FURTHEST, FURTHEST, |x| normal_cdf(x) < p)
}

/// Where `is_below` turns false between `low` and `high`: halved until the two are neighbours.
pub(super) fn bisected(mut low: f64, mut high: f64, is_below: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = low.midpoint(high);
        if middle <= low || middle >= high {
            return middle;
        }
        if is_below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
}
