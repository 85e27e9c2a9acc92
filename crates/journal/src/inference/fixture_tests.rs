//! The same numbers given to SciPy: `tests/fixtures/inference.py` makes the file read here.

use serde_json::Value;

use super::normal::{normal_cdf, normal_quantile};
use super::student::t_quantile;
use super::*;

/// Sums of a few doubles in another order, and SciPy's own error in its quantiles.
const ROUNDING: f64 = 1e-9;
/// SciPy drew 200,000 resamples and this crate 20,000: at the 2.5 % point of a normal, the second alone has a standard
/// error of sqrt(0.025 · 0.975 / 20,000) / 0.058 = 0.019 deviations of the mean. This is four of those.
const DRAWING: f64 = 0.08;

fn fixtures() -> Value {
    serde_json::from_str(include_str!("../../tests/fixtures/inference.json")).unwrap()
}

fn entries(name: &str) -> Vec<Value> {
    let entries = fixtures()[name].as_array().unwrap().clone();
    assert!(!entries.is_empty());
    entries
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

#[track_caller]
fn assert_close(ours: f64, theirs: f64, tolerance: f64, of: &Value) {
    assert!((ours - theirs).abs() <= tolerance * theirs.abs().max(1.0), "{ours} against {theirs} of {of}");
}

#[test]
fn normal_and_student_agree_with_scipy() {
    for entry in entries("normal_cdf") {
        assert_close(normal_cdf(number(&entry["x"])), number(&entry["p"]), ROUNDING, &entry);
    }
    for entry in entries("normal_quantile") {
        assert_close(normal_quantile(number(&entry["p"])), number(&entry["x"]), ROUNDING, &entry);
    }
    for entry in entries("t_quantile") {
        let freedom = number(&entry["freedom"]) as u32;
        assert_close(t_quantile(number(&entry["p"]), freedom), number(&entry["t"]), ROUNDING, &entry);
    }
}

#[test]
fn mean_and_deviation_agree_with_numpy() {
    for entry in entries("deviation") {
        let values = numbers(&entry["values"]);
        assert_close(mean(&values).unwrap(), number(&entry["mean"]), ROUNDING, &entry);
        assert_close(deviation(&values).unwrap(), number(&entry["deviation"]), ROUNDING, &entry);
    }
    assert_eq!((mean(&[]), deviation(&[1.0])), (None, None));
}

#[test]
fn bca_intervals_agree_with_scipy_where_every_resample_is_counted() {
    for entry in entries("bca") {
        let (ours, theirs) = (bca_interval(&numbers(&entry["values"])).unwrap(), numbers(&entry["interval"]));
        assert_close(ours.low, theirs[0], ROUNDING, &entry);
        assert_close(ours.high, theirs[1], ROUNDING, &entry);
    }
}

#[test]
fn bca_intervals_agree_with_scipy_as_far_as_drawing_allows() {
    for entry in entries("drawn_bca") {
        let values = numbers(&entry["values"]);
        assert!(values.len() > 8, "fewer are counted, not drawn");
        let (ours, theirs) = (bca_interval(&values).unwrap(), numbers(&entry["interval"]));
        let of_the_mean = deviation(&values).unwrap() / (values.len() as f64).sqrt();
        assert!((ours.low - theirs[0]).abs() < DRAWING * of_the_mean, "{ours:?} against {theirs:?}");
        assert!((ours.high - theirs[1]).abs() < DRAWING * of_the_mean, "{ours:?} against {theirs:?}");
    }
}

#[test]
fn sign_flip_tests_agree_with_scipy() {
    for entry in entries("sign_flip") {
        assert_close(sign_flip_p(&numbers(&entry["values"])).unwrap(), number(&entry["p"]), ROUNDING, &entry);
    }
}

#[test]
fn corrected_ps_agree_with_holms_steps() {
    for entry in entries("holm") {
        for (ours, theirs) in holm(&numbers(&entry["ps"])).into_iter().zip(numbers(&entry["adjusted"])) {
            assert_close(ours, theirs, ROUNDING, &entry);
        }
    }
    assert_eq!(holm(&[]), [0.0; 0]);
}
