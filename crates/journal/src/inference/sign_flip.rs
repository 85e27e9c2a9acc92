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
