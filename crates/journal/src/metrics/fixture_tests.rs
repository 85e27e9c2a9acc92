//! The same 10,000 random cases given to scikit-learn and seqeval by `scripts/metric_fixtures.py`.
//!
//! Of every case and group of values the fixture holds one fingerprint, the sum of the values under fixed irregular
//! weights between 1 and 2; of the first cases of each kind it holds every value. A value off by 1e-12 moves its
//! fingerprint by more than that, and two wrong values cancel in no weight that is not made for it.

use serde_json::Value;

use super::fixture_cases::{Values, mixed_tags, multi, single, tags};
use super::{EntityMode, Tally, entity_tallies, macro_average, micro_average, weighted_average};
use crate::inference::bits;

/// What the project promises of every figure; sums of a few dozen doubles in another order differ by 1e-14.
const AGREEMENT: f64 = 1e-12;

/// Cases of each kind.
const SINGLE: u64 = 5_000;
const MULTI: u64 = 2_500;
const TAGS: u64 = 2_000;
const MIXED: u64 = 500;

fn values_in_full() -> Value {
    serde_json::from_str(include_str!("../../tests/fixtures/metrics.json")).unwrap()
}

/// Fingerprints: two a case, kind after kind, little-endian doubles.
fn fingerprints() -> Vec<f64> {
    let bytes = include_bytes!("../../tests/fixtures/metrics.f64");
    let double = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().unwrap());
    bytes.chunks_exact(8).map(double).collect()
}

fn fingerprint(values: &[f64]) -> f64 {
    let weight = |at: usize| 1.0 + (bits(at as u64) >> 11) as f64 / (1_u64 << 53) as f64;
    values.iter().enumerate().map(|(at, value)| weight(at) * value).sum()
}

#[track_caller]
fn assert_kind(name: &str, first: u64, cases: u64, made: fn(u64) -> Values) {
    let (full, fingerprints) = (values_in_full(), fingerprints());
    let full = full[name].as_array().unwrap();
    assert!(full.len() >= 20 && fingerprints.len() == 2 * (SINGLE + MULTI + TAGS + MIXED) as usize);
    for case in 0..cases {
        let ours = made(case);
        for (group, values) in ours.iter().enumerate() {
            if let Some(theirs) = full.get(case as usize) {
                let theirs: Vec<f64> =
                    theirs[group].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
                assert_eq!(values.len(), theirs.len(), "{name} {case}");
                for (at, (ours, theirs)) in values.iter().zip(&theirs).enumerate() {
                    assert!((ours - theirs).abs() <= AGREEMENT, "{name} {case}, {group}.{at}: {ours} against {theirs}");
                }
            }
            let theirs = fingerprints[(2 * (first + case)) as usize + group];
            let ours = fingerprint(values);
            assert!((ours - theirs).abs() <= AGREEMENT, "{name} {case}, {group}: {ours} against {theirs}");
        }
    }
}

#[test]
fn single_labels_agree_with_scikit_learn() {
    assert_kind("single", 0, SINGLE, single);
}

#[test]
fn several_labels_agree_with_scikit_learn() {
    assert_kind("multi", SINGLE, MULTI, multi);
}

#[test]
fn entities_agree_with_seqeval() {
    assert_kind("tags", SINGLE + MULTI, TAGS, tags);
}

#[test]
fn entities_of_mixed_schemes_agree_with_seqevals_default() {
    assert_kind("mixed", SINGLE + MULTI + TAGS, MIXED, |case| {
        let (truth, predicted) = mixed_tags(case);
        let mut tallies = std::collections::BTreeMap::<String, Tally>::new();
        for (truth, predicted) in truth.iter().zip(&predicted) {
            for (kind, tally) in entity_tallies(truth, predicted, EntityMode::Conll).unwrap() {
                tallies.entry(kind).or_default().add(&tally);
            }
        }
        let tallies: Vec<Tally> = tallies.into_values().collect();
        let all = [micro_average(&tallies), macro_average(&tallies), weighted_average(&tallies)];
        let of = |shares: super::Shares| [shares.precision, shares.recall, shares.f1];
        let classes = tallies.iter().flat_map(|tally| of(tally.shares())).collect();
        [all.into_iter().flat_map(of).collect(), classes]
    });
}
