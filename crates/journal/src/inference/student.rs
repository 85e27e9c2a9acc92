//! Student's t distribution with a whole number of degrees of freedom.

use super::normal::bisected;

/// Share of the distribution with `freedom` ≥ 1 degrees of freedom below `t`.
///
/// # Source
/// Abramowitz and Stegun 1964, 26.7.3 and 26.7.4: finite sums, exact for a whole number of degrees.
fn t_cdf(t: f64, freedom: u32) -> f64 {
    let angle = (t / f64::from(freedom).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let is_odd = freedom % 2 == 1;
    // The sum of cos^k, k = 0 or 1 upwards by two to freedom − 2, each with the product of (k − 1) / k so far.
    let mut term = if is_odd { cosine } else { 1.0 };
    let mut sum = if freedom == 1 { 0.0 } else { term };
    let mut power = if is_odd { 3 } else { 2 };
    while power + 2 <= freedom {
        term *= cosine * cosine * f64::from(power - 1) / f64::from(power);
        sum += term;
        power += 2;
    }
    let both = if is_odd { (angle + sine * sum) * std::f64::consts::FRAC_2_PI } else { sine * sum };
    0.5 + both / 2.0
}

/// The number that the share `p`, at least 1/2 and below 1, of the distribution lies below.
pub(crate) fn t_quantile(p: f64, freedom: u32) -> f64 {
    let mut high = 1.0;
    while t_cdf(high, freedom) < p && high < 1e9 {
        high *= 2.0;
    }
    bisected(0.0, high, |t| t_cdf(t, freedom) < p)
}
