//! Against `transformers` (fixture), against round numbers, on any input, and one test for each refusal.

use case::{Length, ScheduleConfig, ScheduleKind};
use proptest::prelude::*;

use super::{Schedule, ScheduleError, Spans};

// Both sides compute in f64 and order a handful of operations differently.
const RELATIVE: f64 = 1e-12;
// Where a rate is made of two nearly equal numbers, as a cosine near its end is: a part of the peak.
const OF_PEAK: f64 = 1e-15;

fn spans(total: u64, warmup: u64) -> Spans {
    Spans { total, warmup, decay_until: None, decay: None }
}

fn config(kind: ScheduleKind, peak: f64, end: f64) -> ScheduleConfig {
    ScheduleConfig {
        kind,
        learning_rate: peak,
        end_learning_rate: end,
        warmup: Length::Steps(0),
        ..ScheduleConfig::default()
    }
}

fn made(config: &ScheduleConfig, spans: Spans) -> Schedule {
    Schedule::new(config, spans).expect("a schedule that makes sense")
}

#[test]
fn rates_are_those_of_transformers() {
    let fixture: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/fixtures/schedules.json")).expect("a fixture");
    let cases = fixture["cases"].as_array().expect("a list of cases");
    assert_eq!(cases.len(), 18, "a case went missing");
    for case in cases {
        let name = &case["name"];
        let config: ScheduleConfig = serde_json::from_value(case["config"].clone()).expect("a schedule table");
        let length = |key: &str| case["spans"][key].as_u64();
        let spans = Spans {
            total: length("total").expect("a total"),
            warmup: length("warmup").expect("a warm-up"),
            decay_until: length("decay_until"),
            decay: length("decay"),
        };
        let schedule = made(&config, spans);
        for (step, theirs) in case["rates"].as_array().expect("rates").iter().enumerate() {
            let (ours, theirs) = (schedule.lr_at(step as u64), theirs.as_f64().expect("a rate"));
            let close = (ours - theirs).abs() <= RELATIVE * theirs + OF_PEAK * config.learning_rate;
            assert!(close, "{name}, step {step}: {ours:e}, transformers has {theirs:e}");
        }
    }
}

#[test]
fn linear_meets_its_anchors() {
    let schedule = made(&config(ScheduleKind::Linear, 10.0, 0.0), spans(13_000, 3000));
    let anchors = [
        (0, 0.0),
        (1500, 5.0),
        (3000, 10.0),
        (5500, 7.5),
        (8000, 5.0),
        (12_999, 0.001),
        (13_000, 0.0),
        (u64::MAX, 0.0),
    ];
    for (step, lr) in anchors {
        assert!((schedule.lr_at(step) - lr).abs() < 1e-12, "step {step}: {}", schedule.lr_at(step));
    }
    assert_eq!((schedule.lr_at(0), schedule.lr_at(3000), schedule.lr_at(13_000)), (0.0, 10.0, 0.0));
}

#[test]
fn every_family_meets_its_peak_and_its_end() {
    use ScheduleKind::{Constant, Cosine, Exponential, InverseSqrt, Linear, Polynomial, Wsd};
    for kind in [Constant, Linear, Cosine, Polynomial, Exponential, InverseSqrt, Wsd] {
        let endless = matches!(kind, Constant | InverseSqrt);
        let end = if endless { 0.0 } else { 0.625 };
        let decay = (kind == Wsd).then_some(200);
        let schedule = made(&config(kind, 10.0, end), Spans { decay, ..spans(1000, 100) });
        assert_eq!((schedule.lr_at(0), schedule.lr_at(50), schedule.lr_at(100)), (0.0, 5.0, 10.0), "{kind:?}");
        let at_the_end = match kind {
            Constant => 10.0,
            InverseSqrt => 10.0 * (0.1f64).sqrt(),
            _ => 0.625,
        };
        assert_eq!(schedule.lr_at(1000), at_the_end, "{kind:?}");
    }
}

#[test]
fn halfway_values_are_the_formulas() {
    let at = |kind, end, step| made(&config(kind, 16.0, end), spans(100, 20)).lr_at(step);
    assert!((at(ScheduleKind::Cosine, 0.0, 60) - 8.0).abs() < 1e-12);
    assert!((at(ScheduleKind::Cosine, 4.0, 60) - 10.0).abs() < 1e-12);
    assert!((at(ScheduleKind::Exponential, 1.0, 60) - 4.0).abs() < 1e-12, "the geometric mean of 16 and 1");
    assert!((at(ScheduleKind::InverseSqrt, 0.0, 80) - 8.0).abs() < 1e-12, "four times the warm-up, half the peak");
    let squared = ScheduleConfig { power: Some(2.0), ..config(ScheduleKind::Polynomial, 16.0, 0.0) };
    assert!((made(&squared, spans(100, 20)).lr_at(60) - 4.0).abs() < 1e-12);
}

#[test]
fn restarts_begin_at_their_own_peak() {
    let three = ScheduleConfig { cycles: Some(3), peak_decay: Some(0.5), ..config(ScheduleKind::Cosine, 8.0, 1.0) };
    let schedule = made(&three, spans(310, 10));
    assert_eq!([10, 110, 210, 310].map(|step| schedule.lr_at(step)), [8.0, 4.0, 2.0, 1.0]);
    assert!((schedule.lr_at(160) - 2.5).abs() < 1e-12, "halfway down the second cycle, from 4 to 1");
    assert!(schedule.lr_at(109) < 1.01 && schedule.lr_at(209) < 1.01);
    assert_eq!(schedule.lr_at(1_000_000), 1.0, "no cycle begins after the end");
}

#[test]
fn wsd_holds_the_peak_and_then_falls() {
    let schedule = made(&config(ScheduleKind::Wsd, 6.0, 0.0), Spans { decay: Some(100), ..spans(1000, 10) });
    assert_eq!([10, 500, 900].map(|step| schedule.lr_at(step)), [6.0; 3]);
    assert_eq!([950, 1000, 1001].map(|step| schedule.lr_at(step)), [3.0, 0.0, 0.0]);
}

#[test]
fn describes_itself_in_one_line() {
    let linear = config(ScheduleKind::Linear, 5e-4, 0.0);
    assert_eq!(
        made(&linear, spans(11_267, 676)).describe(),
        "linear: 0 → 5e-4 over 676 steps, then to 0 at step 11,267"
    );
    assert_eq!(made(&linear, spans(500, 0)).describe(), "linear: 5e-4, then to 0 at step 500");
    let constant = config(ScheduleKind::Constant, 0.05, 0.0);
    assert_eq!(made(&constant, spans(10, 0)).describe(), "constant: 0.05 throughout");
    assert_eq!(made(&constant, spans(10, 1)).describe(), "constant: 0 → 0.05 over 1 step, then 0.05 throughout");
    let root = config(ScheduleKind::InverseSqrt, 1e-3, 0.0);
    assert_eq!(
        made(&root, spans(10_000, 4000)).describe(),
        "inverse-sqrt: 0 → 1e-3 over 4,000 steps, then 1e-3 · sqrt(4,000 / step)"
    );
    let wsd = config(ScheduleKind::Wsd, 1e-3, 1e-5);
    assert_eq!(
        made(&wsd, Spans { decay: Some(1000), ..spans(10_000, 100) }).describe(),
        "wsd: 0 → 1e-3 over 100 steps, held until step 9,000, then to 1e-5 at step 10,000"
    );
    let cosine = ScheduleConfig { cycles: Some(3), ..config(ScheduleKind::Cosine, 1e-3, 0.0) };
    assert_eq!(made(&cosine, spans(1_234_567, 0)).describe(), "cosine: 1e-3, then in 3 cycles to 0 at step 1,234,567");
    let weaker = ScheduleConfig { peak_decay: Some(0.8), ..cosine };
    assert_eq!(
        made(&weaker, spans(300, 0)).describe(),
        "cosine: 1e-3, then in 3 cycles, each from 0.8 of the peak before, to 0 at step 300"
    );
    let power = ScheduleConfig { power: Some(2.0), ..config(ScheduleKind::Polynomial, 5e-5, 0.0) };
    assert_eq!(made(&power, spans(300, 0)).describe(), "polynomial: 5e-5, then as (1 − progress)^2 to 0 at step 300");
    assert_eq!(
        made(&config(ScheduleKind::Exponential, 1e-3, 1e-4), spans(300, 0)).describe(),
        "exponential: 1e-3, then by a constant factor to 1e-4 at step 300"
    );
}

#[test]
fn a_decay_that_misses_the_end_of_the_run_is_said() {
    let linear = config(ScheduleKind::Linear, 1e-3, 0.0);
    let notes = |config: &ScheduleConfig, until| made(config, Spans { decay_until: until, ..spans(10_000, 0) }).notes();
    assert!(notes(&linear, None).is_empty() && notes(&linear, Some(10_000)).is_empty());
    assert_eq!(
        notes(&linear, Some(8000)),
        ["the decay ends at step 8,000, before the run of 10,000 steps: the last 2,000 steps are taken at a learning \
             rate of 0, which changes no weight"]
    );
    assert_eq!(
        notes(&config(ScheduleKind::Linear, 1e-3, 1e-4), Some(9999)),
        [
            "the decay ends at step 9,999, before the run of 10,000 steps: the last 1 step is taken at a learning rate of 1e-4"
        ]
    );
    assert_eq!(
        notes(&linear, Some(20_000)),
        [
            "the decay ends at step 20,000, after the run of 10,000 steps: the learning rate of the last step, 9,999, is \
             5e-4, not 0"
        ]
    );
    assert!(made(&config(ScheduleKind::Constant, 1e-3, 0.0), spans(10, 0)).notes().is_empty());
}

fn refusal(config: &ScheduleConfig, spans: Spans) -> ScheduleError {
    Schedule::new(config, spans).expect_err("a schedule that makes no sense")
}

#[test]
fn refuses_rates_that_are_none() {
    let at = |peak, end| refusal(&config(ScheduleKind::Linear, peak, end), spans(10, 0));
    for bad in [0.0, -1e-3, f64::INFINITY] {
        assert_eq!(at(bad, 0.0), ScheduleError::Peak { rate: bad });
    }
    assert!(matches!(at(f64::NAN, 0.0), ScheduleError::Peak { .. }));
    assert_eq!(at(1.0, -0.5), ScheduleError::End { rate: -0.5 });
    assert!(matches!(at(1.0, f64::NAN), ScheduleError::End { .. }));
}

#[test]
fn refuses_a_rate_that_would_rise() {
    // A default end of 1e-4 behind a start of 5e-5: the trap that users of `PolynomialDecay` fall into.
    let rising = refusal(&config(ScheduleKind::Polynomial, 5e-5, 1e-4), spans(10, 0));
    assert_eq!(rising, ScheduleError::Rising { end: 1e-4, start: 5e-5 });
    let weak = ScheduleConfig { cycles: Some(3), peak_decay: Some(0.5), ..config(ScheduleKind::Cosine, 8.0, 3.0) };
    assert_eq!(refusal(&weak, spans(10, 0)), ScheduleError::Rising { end: 3.0, start: 2.0 });
}

#[test]
fn refuses_lengths_that_do_not_fit() {
    let linear = config(ScheduleKind::Linear, 1.0, 0.0);
    assert_eq!(refusal(&linear, spans(0, 0)), ScheduleError::NoSteps);
    assert_eq!(refusal(&linear, spans(10, 10)), ScheduleError::Warmup { warmup: 10, total: 10 });
    let early = Spans { decay_until: Some(4), ..spans(10, 4) };
    assert_eq!(refusal(&linear, early), ScheduleError::DecayUntil { until: 4, warmup: 4 });
    let wsd = config(ScheduleKind::Wsd, 1.0, 0.0);
    assert_eq!(refusal(&wsd, spans(10, 0)), ScheduleError::NoDecay);
    for decay in [0, 7] {
        let error = refusal(&wsd, Spans { decay: Some(decay), ..spans(10, 4) });
        assert_eq!(error, ScheduleError::Decay { decay, warmup: 4, until: 10 });
        assert!(error.to_string().ends_with("write 1 to 6 steps"), "{error}");
    }
    assert_eq!(refusal(&config(ScheduleKind::InverseSqrt, 1.0, 0.0), spans(10, 0)), ScheduleError::NoWarmup);
}

#[test]
fn refuses_shapes_that_are_not_defined() {
    assert_eq!(refusal(&config(ScheduleKind::Exponential, 1.0, 0.0), spans(10, 0)), ScheduleError::ExponentialToZero);
    for power in [0.0, -2.0, f64::INFINITY] {
        let bad = ScheduleConfig { power: Some(power), ..config(ScheduleKind::Polynomial, 1.0, 0.0) };
        assert_eq!(refusal(&bad, spans(10, 0)), ScheduleError::Power { power });
    }
    for cycles in [0, 11] {
        let bad = ScheduleConfig { cycles: Some(cycles), ..config(ScheduleKind::Cosine, 1.0, 0.0) };
        assert_eq!(refusal(&bad, spans(10, 0)), ScheduleError::Cycles { cycles, steps: 10 });
    }
    for factor in [0.0, 1.5] {
        let bad =
            ScheduleConfig { cycles: Some(2), peak_decay: Some(factor), ..config(ScheduleKind::Cosine, 1.0, 0.0) };
        assert_eq!(refusal(&bad, spans(10, 0)), ScheduleError::PeakDecay { factor });
    }
}

#[test]
fn refuses_keys_of_another_family() {
    let linear = config(ScheduleKind::Linear, 1.0, 0.0);
    let constant = config(ScheduleKind::Constant, 1.0, 0.0);
    let bad = [
        ("end_learning_rate", config(ScheduleKind::Constant, 1.0, 0.5)),
        ("decay_until", ScheduleConfig { decay_until: Some(Length::Steps(5)), ..constant }),
        ("power", ScheduleConfig { power: Some(2.0), ..linear.clone() }),
        ("cycles", ScheduleConfig { cycles: Some(2), ..linear.clone() }),
        ("peak_decay", ScheduleConfig { peak_decay: Some(0.5), ..config(ScheduleKind::Cosine, 1.0, 0.0) }),
        ("decay", ScheduleConfig { decay: Some(Length::Steps(5)), ..linear }),
    ];
    for (key, config) in bad {
        let error = refusal(&config, spans(10, 0));
        assert!(matches!(error, ScheduleError::Unused { key: found, .. } if found == key), "{key}: {error}");
    }
}

/// A schedule that is accepted, of any family, with lengths and rates over many orders of magnitude.
fn any_schedule() -> impl Strategy<Value = (Schedule, f64, u64)> {
    let rates = (-12i32..4, 1.0..10.0f64, 0.0..=1.0f64);
    let lengths = (2..u64::MAX / 2, 0.0..1.0f64, prop::option::of(0.1..2.0f64));
    let shape = (0usize..7, 0.01..8.0f64, 1u32..6, 0.5..=1.0f64, 0.01..=1.0f64);
    (rates, lengths, shape, 2..60u32).prop_filter_map("refused", |(rates, lengths, shape, bits)| {
        use ScheduleKind::{Constant, Cosine, Exponential, InverseSqrt, Linear, Polynomial, Wsd};
        let kind = [Constant, Linear, Cosine, Polynomial, Exponential, InverseSqrt, Wsd][shape.0];
        let endless = matches!(kind, Constant | InverseSqrt);
        let peak = rates.1 * 10f64.powi(rates.0);
        // Half of the peak at most, so that a decayed peak stays above it; equal rates have their own test.
        let end = if endless { 0.0 } else { peak * rates.2 * shape.3.powi(5) };
        let total = (lengths.0 >> bits).max(2); // from two steps to more than f64 counts exactly
        let warmup = ((total - 1) as f64 * lengths.1) as u64;
        let until = lengths.2.filter(|_| !endless).map(|share| (total as f64 * share) as u64);
        let left = until.unwrap_or(total).checked_sub(warmup).filter(|left| *left > 0)?;
        let decay = (kind == Wsd).then(|| ((left as f64 * shape.4) as u64).clamp(1, left));
        let config = ScheduleConfig {
            power: (kind == Polynomial).then_some(shape.1),
            cycles: (kind == Cosine).then_some(shape.2),
            peak_decay: (kind == Cosine && shape.2 > 1).then_some(shape.3),
            ..config(kind, peak, end)
        };
        let schedule = Schedule::new(&config, Spans { total, warmup, decay_until: until, decay }).ok()?;
        Some((schedule, peak, total))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rate_is_finite_never_negative_and_never_above_the_peak(
        (schedule, peak, total) in any_schedule(), step in any::<u64>(), share in 0.0..1.2f64,
    ) {
        let inside = (total as f64 * share) as u64;
        for at in [0, 1, step, inside, total - 1, total, total.saturating_add(1), u64::MAX] {
            let lr = schedule.lr_at(at);
            prop_assert!(lr.is_finite() && (0.0..=peak).contains(&lr), "{schedule:?} at {at}: {lr:e}");
        }
    }

    #[test]
    fn the_rate_never_rises_after_the_warm_up_but_at_a_restart(
        (schedule, _, total) in any_schedule(), share in 0.0..1.2f64,
    ) {
        let at = ((total as f64 * share) as u64).max(schedule.warmup);
        let restarts = schedule.describe().contains("cycles");
        let (now, next) = (schedule.lr_at(at), schedule.lr_at(at + 1));
        prop_assert!(restarts || next <= now * (1.0 + 1e-12), "{schedule:?} at {at}: {now:e}, then {next:e}");
    }
}
