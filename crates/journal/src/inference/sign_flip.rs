//! The sign-flip test: how often chance alone would have made the differences point one way as clearly as they do.

use super::counter::bits;

/// Up to so many differences every pattern of signs is counted: 524,288 for twenty, halves being mirror images.
const MOST_COUNTED: usize = 20;
/// Patterns drawn of more. The standard error of a p of 0.05 is then 0.0007.
const DRAWN: u64 = 100_000;
/// Sums of the same numbers in another order differ by less than this share of the sum of their sizes.
const SAME: f64 = 1e-12;

/// The two-sided p of paired differences: the share of all patterns of signs whose sum is at least as far from 0.
///
/// It supposes only that, were there no difference, each sign could as well have been the other, which pairing by seed
/// gives: either variant could have been called the first. `None` without finite differences.
///
/// # Source
/// Fisher 1935, "The design of experiments", §21; Phipson and Smyth 2010 for counting what was seen among those drawn.
pub fn sign_flip_p(differences: &[f64]) -> Option<f64> {
    if differences.is_empty() || differences.iter().any(|difference| !difference.is_finite()) {
        return None;
    }
    let sizes: f64 = differences.iter().map(|difference| difference.abs()).sum();
    let least = differences.iter().sum::<f64>().abs() - SAME * sizes;
    if differences.len() <= MOST_COUNTED {
        let sums = sums_of_all_patterns(differences);
        Some(sums.iter().filter(|sum| sum.abs() >= least).count() as f64 / sums.len() as f64)
    } else {
        let reached = (0..DRAWN).filter(|pattern| drawn_sum(differences, *pattern).abs() >= least).count();
        Some((reached + 1) as f64 / (DRAWN + 1) as f64)
    }
}

/// The smallest p that so many differences can have: 2 / 2^n, two of all patterns being the clearest.
pub fn least_p(pairs: usize) -> f64 {
    0.5_f64.powi(pairs as i32 - 1).min(1.0)
}

/// With the first sign as it is; the other half of the patterns has these sums' negatives.
fn sums_of_all_patterns(differences: &[f64]) -> Vec<f64> {
    let mut sums = vec![differences[0]];
    for difference in &differences[1..] {
        sums = sums.iter().flat_map(|sum| [sum + difference, sum - difference]).collect();
    }
    sums
}

fn drawn_sum(differences: &[f64], pattern: u64) -> f64 {
    let words = differences.len().div_ceil(64) as u64;
    let signed = differences.chunks(64).zip(0..).map(|(chunk, word)| {
        let signs = bits(pattern * words + word);
        let sign = |at: usize| if signs >> at & 1 == 1 { 1.0 } else { -1.0 };
        chunk.iter().enumerate().map(|(at, difference)| sign(at) * difference).sum::<f64>()
    });
    signed.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Standard errors of a share from 100,000 patterns drawn, at the widest: 0.0016 each.
    const FOUR_ERRORS: f64 = 0.0064;

    #[test]
    fn six_of_one_sign_are_the_first_that_can_be_called() {
        assert_eq!(sign_flip_p(&[0.1, 0.3, 0.2, 0.5, 0.1, 0.4]), Some(0.03125));
        assert_eq!([1, 2, 5, 6].map(least_p), [1.0, 0.5, 0.0625, 0.03125]);
        assert_eq!(sign_flip_p(&[-0.1]), Some(1.0));
    }

    #[test]
    fn equal_variants_and_equal_sums_are_no_evidence() {
        assert_eq!(sign_flip_p(&[0.0; 6]), Some(1.0));
        // 0.1 + 0.2 − 0.3 is not 0 in binary; every pattern is as far from 0.
        assert_eq!(sign_flip_p(&[0.1, 0.2, -0.3]), Some(1.0));
        assert_eq!(sign_flip_p(&[]), None);
        assert_eq!(sign_flip_p(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn patterns_drawn_agree_with_patterns_counted() {
        let differences: Vec<f64> = (0..14).map(|at| ((at * 37 % 11) as f64 - 3.2) / 7.0).collect();
        let least = differences.iter().sum::<f64>().abs();
        let counted = sign_flip_p(&differences).unwrap();
        let reached = (0..DRAWN).filter(|pattern| drawn_sum(&differences, *pattern).abs() >= least).count();
        assert!((reached as f64 / DRAWN as f64 - counted).abs() < FOUR_ERRORS, "{reached} {counted}");
    }

    #[test]
    fn more_differences_than_a_word_has_bits_are_flipped_one_by_one() {
        // Of 100 equal differences the sum of flips is a random walk: 20 or more from 0 in 5.7 % (binomial, 60 or more).
        let mut differences = vec![1.0; 60];
        differences.extend([-1.0; 40]);
        assert!((sign_flip_p(&differences).unwrap() - 0.0569).abs() < FOUR_ERRORS);
        assert_eq!(sign_flip_p(&[1.0; 100]), Some(1.0 / (DRAWN + 1) as f64));
    }
}
