//! Statistics that a few wild values do not move.

/// The median; `NaN` of nothing.
pub(super) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which that share of them lies; `NaN` of nothing.
pub(super) fn quantile(values: &[f64], share: f64) -> f64 {
    journal::quantile(values, share).unwrap_or(f64::NAN)
}

/// Deviation of values from their median, in standard deviations of a normal distribution (Rousseeuw & Croux 1993).
pub(super) fn spread(values: &[f64]) -> f64 {
    let centre = median(values);
    1.4826 * median(&values.iter().map(|value| (value - centre).abs()).collect::<Vec<_>>())
}

/// Noise of a series around its course: from second differences, which a slow course hardly moves (Gasser et al. 1986).
pub(super) fn noise(values: &[f64]) -> f64 {
    let bends: Vec<f64> = values.windows(3).map(|three| (three[2] - 2.0 * three[1] + three[0]).abs()).collect();
    // A bend holds 1 + 4 + 1 times the variance of a value.
    if bends.is_empty() { 0.0 } else { 1.4826 * median(&bends) / 6f64.sqrt() }
}

/// Medians of at most `bins` stretches of equal length; of few values the values themselves.
pub(super) fn stretches(values: &[f64], bins: usize) -> Vec<f64> {
    if values.len() <= bins {
        return values.to_vec();
    }
    (0..bins).map(|bin| median(&values[bin * values.len() / bins..(bin + 1) * values.len() / bins])).collect()
}

/// Median of the `reach` values on either side of each, itself left out.
pub(super) fn surroundings(values: &[f64], reach: usize) -> Vec<f64> {
    let around = |at: usize| {
        let from = at.saturating_sub(reach);
        let until = (at + reach + 1).min(values.len());
        let others: Vec<f64> = values[from..at].iter().chain(&values[at + 1..until]).copied().collect();
        median(&others)
    };
    (0..values.len()).map(around).collect()
}

/// From the lowest to the highest.
pub(super) fn range(values: &[f64]) -> f64 {
    most(values) - values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The highest.
pub(super) fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// Standard error of a share of so many examples, of one at least.
pub(super) fn binomial(share: f64, examples: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least one, and far below 2^53")]
    let examples = examples.max(1.0) as u64;
    journal::standard_error(share.clamp(0.0, 1.0), examples).unwrap_or(0.0)
}

/// A number of rows as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "rows are far below 2^53")]
pub(super) fn count(rows: usize) -> f64 {
    rows as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_quantiles_are_those_of_numpy() {
        assert!(median(&[]).is_nan());
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.9), 4.6);
    }

    #[test]
    fn noise_does_not_see_a_slope() {
        let line: Vec<f64> = (0..50).map(f64::from).collect();
        assert_eq!(noise(&line), 0.0);
        let zigzag: Vec<f64> = (0..50).map(|at| f64::from(at % 2)).collect();
        assert!(noise(&zigzag) > 0.5);
    }

    #[test]
    fn a_spike_is_no_part_of_its_surroundings() {
        assert_eq!(surroundings(&[1.0, 1.0, 9.0, 1.0, 1.0], 2)[2], 1.0);
        assert_eq!(stretches(&[1.0, 1.0, 1.0, 2.0, 2.0, 2.0], 2), [1.0, 2.0]);
    }
}
