//! Quantiles, gradient norms in a line, and the noise of an accuracy.

use crate::event::GradNorm;

/// Gradient norms between two log lines, `clipped` of them clipped; all 0 where no update was made.
pub fn grad_norm(norms: &[f64], clipped: u64) -> GradNorm {
    let at = |q| quantile(norms, q).unwrap_or(0.0);
    let clipped_share = clipped as f64 / norms.len().max(1) as f64;
    GradNorm { max: at(1.0), median: at(0.5), p95: at(0.95), clipped_share }
}

/// The value below which the share `q` of the values lies; `None` for no values or a `q` outside 0..=1.
///
/// Between two values it interpolates, so that the median of 1 and 2 is 1.5. NaN counts as larger than any number: it is
/// seen at the top and never hides in the middle.
///
/// # Source
/// Hyndman and Fan 1996, "Sample quantiles in statistical packages", definition 7; the default of R and NumPy.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    if values.is_empty() || !(0.0..=1.0).contains(&q) {
        return None;
    }
    // |NaN|: a negative NaN would otherwise be the smallest of all.
    let mut apart: Vec<f64> = values.iter().map(|&value| if value.is_nan() { f64::NAN } else { value }).collect();
    let position = q * (apart.len() - 1) as f64;
    // Two values of a million are wanted: no order of all.
    let (_, &mut below, rest) = apart.select_nth_unstable_by(position.floor() as usize, f64::total_cmp);
    let next = rest.iter().copied().min_by(f64::total_cmp);
    let above = next.filter(|_| position.fract() > 0.0).unwrap_or(below);
    // Equal neighbours first: the difference of two infinities is no number.
    Some(if below == above { below } else { below + position.fract() * (above - below) })
}

/// Standard error of an accuracy `p` measured on `n` scored tokens: sqrt(p (1 − p) / n), as if they were independent.
/// Tokens of one text are not quite, so the true error is somewhat larger. `None` when `n` is 0 or `p` is no share.
pub fn standard_error(p: f64, n: u64) -> Option<f64> {
    ((0.0..=1.0).contains(&p) && n > 0).then(|| (p * (1.0 - p) / n as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-12)
    }

    #[test]
    fn quantiles_agree_with_hand_computed_ones() {
        // Definition 7 on 1..=10: position 9q, so 0.25 lies at 2.25, the value 3 + 0.25.
        let values: Vec<f64> = [7, 1, 10, 3, 5, 2, 8, 4, 9, 6].map(f64::from).to_vec();
        assert!(close(quantile(&values, 0.0), 1.0));
        assert!(close(quantile(&values, 0.25), 3.25));
        assert!(close(quantile(&values, 0.5), 5.5));
        assert!(close(quantile(&values, 0.95), 9.55));
        assert!(close(quantile(&values, 1.0), 10.0));
        assert!(close(quantile(&[4.0], 0.95), 4.0));
        assert!(close(quantile(&[1.0, 2.0], 0.5), 1.5));
    }

    #[test]
    fn quantiles_of_nothing_or_outside_the_unit_range_are_none() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[1.0], -0.1), None);
        assert_eq!(quantile(&[1.0], 1.1), None);
        assert_eq!(quantile(&[1.0], f64::NAN), None);
    }

    #[test]
    fn infinities_and_nan_rise_to_the_top_and_do_not_spread() {
        let infinite = [1.0, f64::INFINITY, f64::INFINITY];
        assert_eq!(quantile(&infinite, 1.0), Some(f64::INFINITY));
        assert_eq!(quantile(&infinite, 0.9), Some(f64::INFINITY));
        assert_eq!(quantile(&[1.0, 2.0, 3.0, -f64::NAN], 0.0), Some(1.0));
        assert!(quantile(&[1.0, 2.0, -f64::NAN], 1.0).unwrap().is_nan());
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, f64::INFINITY], 0.5), Some(3.0));
    }

    #[test]
    fn gradient_norms_are_summed_up_for_a_log_line() {
        let summary = grad_norm(&[0.5, 1.5, 1.0, 3.0], 2);
        assert_eq!((summary.max, summary.median, summary.clipped_share), (3.0, 1.25, 0.5));
        // Position 0.95 · 3 = 2.85 of [0.5, 1, 1.5, 3]: 1.5 + 0.85 · 1.5.
        assert!(close(Some(summary.p95), 2.775));
        assert_eq!(grad_norm(&[], 0), GradNorm { max: 0.0, median: 0.0, p95: 0.0, clipped_share: 0.0 });
    }

    #[test]
    fn the_standard_error_is_the_one_of_the_project_journal() {
        // 2,398 examples at 78.4 % correct: about 0.84 points; at the widest, one half: 1.02.
        assert!((standard_error(0.5, 2_398).unwrap() - 0.010_210_5).abs() < 1e-6);
        assert_eq!(standard_error(1.0, 100), Some(0.0));
        assert_eq!(standard_error(0.5, 0), None);
        assert_eq!(standard_error(1.5, 10), None);
    }
}
