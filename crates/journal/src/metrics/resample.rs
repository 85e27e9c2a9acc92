//! Standard errors of figures that have no formula: what they scatter by when the examples are drawn again.

use crate::inference::{bits, deviation};

/// Resamples drawn. The standard error so found is itself off by 1 in sqrt(2 · 200) = 5 %, which is enough for a ±.
pub const RESAMPLES: u64 = 200;

/// Where the sequence of random numbers begins: one and the same for every evaluation, so that the same predictions have
/// the same standard errors and two checkpoints are judged on the same resamples.
const SEED: u64 = 0x6361_7365_626f_6f6b;

/// The standard error of each figure that `figures` makes of some examples, given by their numbers below `examples`, with
/// repeats: its deviation over [`RESAMPLES`] samples of `examples` drawn with replacement.
///
/// Examples must be what was sampled as a whole: a page or a sentence, not its tokens. Errors are `None` for fewer than
/// two examples and for a figure that is not finite in some resample.
///
/// # Source
/// Efron and Tibshirani 1993, "An introduction to the bootstrap", algorithm 6.1 and §6.4 for their number.
pub fn resampled_errors(examples: usize, figures: &mut dyn FnMut(&[usize]) -> Vec<f64>) -> Vec<Option<f64>> {
    let mut drawn = vec![0; examples];
    let mut found: Vec<Vec<f64>> = Vec::new();
    for resample in 0..RESAMPLES {
        for (at, example) in drawn.iter_mut().enumerate() {
            let place = SEED.wrapping_add(resample * examples as u64 + at as u64);
            *example = ((u128::from(bits(place)) * examples as u128) >> 64) as usize;
        }
        for (at, value) in figures(&drawn).into_iter().enumerate() {
            if found.len() == at {
                found.push(Vec::with_capacity(RESAMPLES as usize));
            }
            found[at].push(value);
        }
    }
    let error = |values: &Vec<f64>| deviation(values).filter(|error| examples > 1 && error.is_finite());
    found.iter().map(error).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Confusion;
    use super::super::tally::macro_average;
    use super::*;
    use crate::standard_error;

    #[test]
    fn the_resampled_error_of_an_accuracy_is_the_binomial_one() {
        let right: Vec<bool> = (0..500).map(|at| at % 5 != 0).collect();
        let mut share = |drawn: &[usize]| vec![drawn.iter().filter(|at| right[**at]).count() as f64 / 500.0];
        let found = resampled_errors(500, &mut share)[0].unwrap();
        let known = standard_error(0.8, 500).unwrap();
        assert!((found / known - 1.0).abs() < 0.15, "{found} against {known}"); // three times the 5 % of 200 resamples
        assert_eq!(resampled_errors(500, &mut share), resampled_errors(500, &mut share));
    }

    #[test]
    fn the_error_of_macro_f1_is_what_it_scatters_by_over_new_samples() {
        let draw = |study: u64, at: u64| {
            let place = 1 + study * 1_000 + at;
            let truth = (bits(place) % 3) as usize;
            let is_right = bits(place ^ 1 << 40) % 10 < 7;
            (truth, if is_right { truth } else { (truth + 1) % 3 })
        };
        let macro_f1 = |pairs: &[(usize, usize)]| {
            let (truth, said): (Vec<usize>, Vec<usize>) = pairs.iter().copied().unzip();
            macro_average(&Confusion::of(3, &truth, &said).occurring()).f1
        };
        let studies: Vec<Vec<(usize, usize)>> =
            (0..400).map(|study| (0..200).map(|at| draw(study, at)).collect()).collect();
        let scatter = deviation(&studies.iter().map(|pairs| macro_f1(pairs)).collect::<Vec<_>>()).unwrap();
        let errors = studies[..40].iter().map(|pairs| {
            let mut figure = |drawn: &[usize]| vec![macro_f1(&drawn.iter().map(|at| pairs[*at]).collect::<Vec<_>>())];
            resampled_errors(200, &mut figure)[0].unwrap()
        });
        let mean = errors.sum::<f64>() / 40.0;
        assert!((mean / scatter - 1.0).abs() < 0.12, "{mean} against {scatter}"); // 400 studies know theirs to 3.5 %
    }

    #[test]
    fn too_few_examples_have_no_error() {
        assert_eq!(resampled_errors(1, &mut |_| vec![0.5]), [None]);
        assert_eq!(resampled_errors(0, &mut |drawn| vec![drawn.len() as f64]), [None]);
        assert_eq!(resampled_errors(5, &mut |_| vec![f64::INFINITY]), [None]);
    }
}
