//! What the intervals and the test do when the truth is known: thousands of studies made up, the shares counted.
//! The shares measured are printed: `cargo test --release -p casebook-journal simulated -- --nocapture`.

#![allow(clippy::print_stdout)] // the figures that these tests are for

use super::counter::bits;
use super::normal::normal_quantile;
use super::*;

/// Studies simulated. The standard error of a share of 95 % is then 0.2 points.
const STUDIES: usize = 10_000;

/// How the seeds of one variant scatter about its mean.
#[derive(Debug, Clone, Copy)]
enum Noise {
    Normal,
    Uniform,
    /// Heavy tails: the logarithm of a uniform number, mirrored.
    Laplace,
    /// Skewed, with one wild seed now and then. The difference of two such is symmetric with heavy tails.
    LogNormal,
}

const NOISES: [Noise; 4] = [Noise::Normal, Noise::Uniform, Noise::Laplace, Noise::LogNormal];

/// The number at a place of a sequence of independent ones.
fn draw(noise: Noise, place: u64) -> f64 {
    let share = (bits(place) >> 11) as f64 / (1_u64 << 53) as f64 + f64::EPSILON / 4.0; // inside 0..1
    match noise {
        Noise::Normal => normal_quantile(share),
        Noise::Uniform => share,
        Noise::Laplace if share < 0.5 => (2.0 * share).ln(),
        Noise::Laplace => -(2.0 - 2.0 * share).ln(),
        Noise::LogNormal => normal_quantile(share).exp(),
    }
}

/// A study of `variants` variants against a first, all of them `shift` apart from it, judged as `compare` judges.
fn judged(noise: Noise, number: usize, seeds: usize, variants: usize, shift: f64) -> Vec<Study> {
    let place = |variant: usize, seed: usize| ((number * (variants + 1) + variant) * seeds + seed) as u64;
    let figure =
        |variant, seed| Outcome::Value(draw(noise, place(variant, seed)) + if variant > 0 { shift } else { 0.0 });
    let pairs = |variant| (0..seeds).map(|seed| (figure(variant, seed), figure(0, seed))).collect::<Vec<_>>();
    let mut studies: Vec<Study> = (1..=variants).map(|variant| study(&pairs(variant), true)).collect();
    judge(&mut studies);
    studies
}

fn share(count: usize) -> f64 {
    count as f64 / STUDIES as f64
}

#[test]
fn simulated_six_seed_studies_of_nothing_are_called_at_most_one_in_twenty_and_covered_as_promised() {
    for noise in NOISES {
        let (mut called, mut covered, mut covered_by_bca) = (0, 0, 0);
        for number in 0..STUDIES {
            let studies = judged(noise, number, 6, 1, 0.0);
            called += usize::from(studies[0].verdict != Verdict::CannotTell);
            covered += usize::from(studies[0].interval.unwrap().contains(0.0));
            if matches!(noise, Noise::Normal) {
                let place = |variant: usize, seed: usize| ((number * 2 + variant) * 6 + seed) as u64;
                let difference = |seed| draw(noise, place(1, seed)) - draw(noise, place(0, seed));
                let differences: Vec<f64> = (0..6).map(difference).collect();
                covered_by_bca += usize::from(bca_interval(&differences).unwrap().contains(0.0));
            }
        }
        println!("{noise:?}, 6 seeds, no difference: called {:.4}, covered {:.4}", share(called), share(covered));
        assert!(share(called) <= 0.05, "{noise:?}: {called}");
        assert!((0.94..=0.96).contains(&share(covered)), "{noise:?}: {covered}");
        if matches!(noise, Noise::Normal) {
            println!("{noise:?}, 6 seeds, the interval of BCa as it is: covered {:.4}", share(covered_by_bca));
            assert!(share(covered_by_bca) < 0.90, "then the factor is not needed: {covered_by_bca}");
        }
    }
}

#[test]
fn simulated_intervals_of_other_numbers_of_seeds_stay_near_their_promise() {
    // Two numbers have three different resamples, three have ten: too few for the 2.5 % point to be met.
    for (seeds, least) in [(2, 0.92), (3, 0.92), (4, 0.935), (5, 0.935), (8, 0.94), (10, 0.94)] {
        let covers = |number: &usize| judged(Noise::Normal, *number, seeds, 1, 0.0)[0].interval.unwrap().contains(0.0);
        let studies = if seeds > 6 { STUDIES / 5 } else { STUDIES };
        let covered = (0..studies).filter(covers).count() as f64 / studies as f64;
        println!("Normal, {seeds} seeds, no difference: covered {covered:.4}");
        assert!((least..=0.965).contains(&covered), "{seeds} seeds: {covered}");
    }
}

#[test]
fn simulated_studies_of_several_variants_are_falsely_called_at_most_one_in_twenty() {
    for (seeds, variants) in [(7, 2), (8, 3)] {
        let is_called = |number: &usize| {
            judged(Noise::Normal, *number, seeds, variants, 0.0)
                .iter()
                .any(|study| study.verdict != Verdict::CannotTell)
        };
        let called = (0..STUDIES / 2).filter(is_called).count() as f64 / (STUDIES / 2) as f64;
        println!("Normal, {seeds} seeds, {variants} variants without a difference: any called {called:.4}");
        assert!(called <= 0.05, "{called}");
    }
}

#[test]
fn simulated_studies_show_the_smallest_difference_they_are_said_to_show() {
    for (seeds, variants) in [(6, 1), (7, 1), (8, 1), (10, 1), (7, 2), (9, 3)] {
        // The difference of two normal seeds has the deviation sqrt 2. Of several variants the others differ by much, so
        // that Holm's step for this one is not the last: what is promised is the first.
        let shift = -smallest_shown(seeds, 2.0_f64.sqrt(), variants).unwrap();
        let studies = STUDIES / 5;
        let is_shown = |number: &usize| {
            let mut pairs = Vec::new();
            for seed in 0..seeds {
                let place = |variant: usize| ((number * 2 + variant) * seeds + seed) as u64;
                let figure = |variant: usize| draw(Noise::Normal, place(variant));
                pairs.push((Outcome::Value(figure(1) + shift), Outcome::Value(figure(0))));
            }
            let p = sign_flip_p(&pairs.iter().map(difference).collect::<Vec<f64>>()).unwrap();
            p * variants as f64 <= LEVEL
        };
        let shown = (0..studies).filter(is_shown).count() as f64 / studies as f64;
        println!("Normal, {seeds} seeds, {variants} tests, a difference said to show in 0.8: shown {shown:.4}");
        assert!((0.72..=0.86).contains(&shown), "{seeds} seeds, {variants} tests: {shown}");
    }
}

fn difference(pair: &(Outcome, Outcome)) -> f64 {
    match pair {
        (Outcome::Value(variant), Outcome::Value(other)) => variant - other,
        _ => f64::NAN,
    }
}
