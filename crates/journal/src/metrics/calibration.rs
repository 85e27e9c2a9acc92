//! Whether a probability of 0.8 is right four times in five.

/// Bins of [`calibration_error`], of equal width: (0, 1/15], (1/15, 2/15], ... The number of Guo et al. 2017.
pub const BINS: usize = 15;

/// Expected calibration error, 0..=1: the mean distance, over [`BINS`] bins of confidence weighted by their examples,
/// between a bin's mean confidence and its share of right predictions. `None` for no example.
///
/// `sure` holds, for each prediction, its probability and whether it is right.
///
/// # Source
/// Guo et al. 2017, "On calibration of modern neural networks", §2, eq. 3, after Naeini et al. 2015. It is biased
/// upwards in small samples, since chance alone moves every bin.
pub fn calibration_error(sure: &[(f64, bool)]) -> Option<f64> {
    error_of(sure.iter().copied())
}

/// As [`calibration_error`].
pub(super) fn error_of(sure: impl Iterator<Item = (f64, bool)>) -> Option<f64> {
    let mut bins = [(0.0, 0.0); BINS];
    let mut count = 0_u64;
    for (confidence, is_right) in sure {
        let bin = &mut bins[bin_of(confidence)];
        bin.0 += confidence;
        bin.1 += f64::from(u8::from(is_right));
        count += 1;
    }
    // |mean confidence − share right| · examples of the bin is the distance of the sums.
    let distance: f64 = bins.iter().map(|(confidence, right)| (confidence - right).abs()).sum();
    (count > 0).then(|| distance / count as f64)
}

fn bin_of(confidence: f64) -> usize {
    ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1 // a float cast saturates: NaN and below 0 are 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_open_below_and_closed_above() {
        assert_eq!([0.0, 1e-9, 1.0 / 15.0, 0.067, 0.2, 0.99, 1.0].map(bin_of), [0, 0, 0, 1, 2, 14, 14]);
        assert_eq!(bin_of(f64::NAN), 0);
    }

    #[test]
    fn the_error_is_the_weighted_distance_of_confidence_and_truth() {
        // One bin of two at 0.9 with one right, one of one at 0.5 that is right: (2 · 0.4 + 1 · 0.5) / 3.
        let sure = [(0.9, true), (0.9, false), (0.5, true)];
        assert!((calibration_error(&sure).unwrap() - 1.3 / 3.0).abs() < 1e-15);
        assert_eq!(calibration_error(&[]), None);
        assert_eq!(calibration_error(&[(1.0, true); 9]), Some(0.0));
    }
}
