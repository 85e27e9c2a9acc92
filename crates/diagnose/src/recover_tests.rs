use super::*;
use crate::read_bytes;

/// A log of `(step, rate)` with a rising epoch of 77 steps.
fn with_rates(rates: impl Iterator<Item = (u32, f64)>) -> RunLog {
    let rows: String = rates
        .map(|(step, rate)| format!("{{\"step\": {step}, \"loss\": 1.0, \"learning_rate\": {rate:e}}}\n"))
        .collect();
    read_bytes("a.jsonl", rows.into_bytes()).runs.swap_remove(0)
}

fn schedule(rate: impl Fn(f64) -> f64, steps: std::ops::RangeInclusive<u32>) -> Schedule {
    let run = with_rates(steps.filter(|step| step % 50 == 0).map(|step| (step, rate(f64::from(step)))));
    recover(&run).schedule.unwrap()
}

fn warm(step: f64, peak: f64, decay: impl Fn(f64) -> f64) -> f64 {
    if step < 1000.0 { peak * step / 1000.0 } else { peak * decay(step) }
}

#[test]
fn each_family_is_told_from_its_rates() {
    let share = |step: f64| (10_000.0 - step) / 9000.0;
    let linear = schedule(|step| warm(step, 2e-4, share), 50..=10_000);
    assert_eq!((linear.family, linear.peak_is), (Family::Linear, PeakIs::Seen));
    assert!((linear.peak / 2e-4 - 1.0).abs() < 1e-9 && (linear.end.unwrap() - 10_000.0).abs() < 1e-3);
    assert!((linear.warmup.unwrap() - 1000.0).abs() < 1e-3);
    let cosine = schedule(
        |step| warm(step, 2e-4, |step| 0.5 * (1.0 + (std::f64::consts::PI * (1.0 - share(step))).cos())),
        50..=9000,
    );
    assert_eq!(cosine.family, Family::Cosine);
    assert!((cosine.end.unwrap() - 10_000.0).abs() < 20.0 && (cosine.peak / 2e-4 - 1.0).abs() < 1e-3, "{cosine:?}");
    let power = schedule(|step| warm(step, 2e-4, |step| share(step).powi(2)), 50..=9000);
    assert_eq!(power.family, Family::Polynomial);
    assert!((power.power.unwrap() - 2.0).abs() < 0.01, "{power:?}");
    assert_eq!(schedule(|step| warm(step, 2e-4, |step| (1000.0 / step).sqrt()), 50..=9000).family, Family::InverseSqrt);
    assert_eq!(
        schedule(|step| warm(step, 2e-4, |step| (-(step - 1000.0) / 3000.0).exp()), 50..=9000).family,
        Family::Exponential
    );
    assert_eq!(schedule(|step| warm(step, 2e-4, |_| 1.0), 50..=9000).family, Family::Constant);
    assert_eq!(schedule(|step| warm(step, 2e-4, share), 50..=900).family, Family::WarmupOnly);
    assert_eq!(schedule(|step| 1e-4 * (1.5 + (step / 500.0).sin()), 50..=9000).family, Family::Rising);
}

#[test]
fn a_log_of_epochs_alone_gives_steps_an_epoch_and_the_whole_plan() {
    // 77 steps an epoch, a line every 500, linear to zero at 24,000 after 2,400: the numbers of a real log.
    let row = |step: f64| {
        format!(
            "{{'loss': 0.01, 'learning_rate': {}, 'epoch': {:.2}}}\n",
            5e-5 * (24_000.0 - step) / 21_600.0,
            step / 77.0
        )
    };
    let text: String = (19..=48).map(|line| row(500.0 * f64::from(line))).collect();
    let log = read_bytes("a.log", text.into_bytes());
    let found = recover(&log.runs[0]);
    assert_eq!(found.steps_per_epoch.as_ref().unwrap().value, 77.0);
    assert_eq!(found.log_every.as_ref().unwrap().value, 500.0);
    assert_eq!(found.total_steps.as_ref().unwrap().value, 24_000.0);
    let schedule = found.schedule.as_ref().unwrap();
    assert_eq!((schedule.family, schedule.peak_is, schedule.peak), (Family::Linear, PeakIs::Inferred, 5e-5));
    assert!(schedule.error < 1e-9);
    let held = |text: &str| hold(&Claim::parse(text).unwrap(), &found).verdict;
    assert_eq!(held("learning rate 6.25e-6"), Bearing::Contradicts);
    assert_eq!(held("learning_rate=5e-5"), Bearing::Agrees);
    assert_eq!(held("learning_rate=4e-5"), Bearing::CannotTell);
    assert_eq!(held("lr=1e-3"), Bearing::Contradicts);
    assert_eq!(held("max_steps=24000"), Bearing::Agrees);
    assert_eq!(held("warmup_ratio=0.1"), Bearing::CannotTell);
    // At step 9,500 the rate falls already; an earlier end of the warm-up is not shown.
    assert_eq!(held("warmup_steps=10000"), Bearing::Contradicts);
    assert_eq!(held("batch_size=4"), Bearing::CannotTell);
    assert!(matches!(Claim::parse("beauty=1"), Err(crate::DiagnoseError::Claim { .. })));
}

#[test]
fn sizes_follow_from_speeds() {
    // 1,000 examples, batches of 16: 63 steps an epoch, 3 epochs.
    let log = read_bytes("a.log", b"{'loss': 1.0, 'learning_rate': 1e-5, 'epoch': 1.0, 'step': 63}\n{'loss': 0.9, 'learning_rate': 5e-6, 'epoch': 2.0, 'step': 126}\n\
        {'eval_loss': 0.5, 'eval_runtime': 2.0, 'eval_samples_per_second': 250.0, 'epoch': 3.0, 'step': 189}\n\
        {'train_runtime': 100.0, 'train_samples_per_second': 30.0, 'train_steps_per_second': 1.89, 'train_loss': 1.0, 'epoch': 3.0}\n".to_vec());
    let found = recover(&log.runs[0]);
    assert_eq!(found.steps_per_epoch.unwrap().value, 63.0);
    assert_eq!(found.batch_size.unwrap().value, 16.0);
    assert_eq!(found.eval_examples.unwrap().value, 500.0);
}

#[test]
fn settings_beside_a_log_are_claims() {
    let claims = Claim::of_settings(
        "# learning_rate = 1\n[schedule]\npeak_lr = 5e-5\nwarmup_steps = 2_400\n\"num_train_epochs\": 3,\n",
    );
    let found: Vec<(&str, f64)> = claims.iter().map(|claim| (claim.key.as_str(), claim.value)).collect();
    assert_eq!(found, [("learning_rate", 5e-5), ("warmup_steps", 2400.0), ("num_epochs", 3.0)]);
}

#[test]
fn noise_between_the_lines_changes_nothing() {
    let rows: Vec<String> = (1..40)
        .map(|at| {
            format!(
                "{{'loss': {}, 'learning_rate': {}, 'epoch': {at}.0}}",
                1.0 / f64::from(at),
                1e-6 * f64::from(50 - at)
            )
        })
        .collect();
    let noise = [
        "",
        "Saving model checkpoint to x/checkpoint-5",
        "  1%|▏  | 20/30 [14:40<13:43, 40.75s/it]",
        "WARNING: loss of precision",
        "100%|██| 5/5 [00:00<00:00]",
        "/usr/lib/x.py:12: UserWarning: 3 things",
        "[2024-01-01 10:00:00,123] [INFO] [logging.py:96]",
    ];
    let between = |at: usize| (noise[at % 7], noise[(at + 3) % 7]);
    let noisy: String =
        rows.iter().enumerate().map(|(at, row)| format!("{}\n{row}\n{}\n", between(at).0, between(at).1)).collect();
    let of = |text: String| {
        let log = read_bytes("a", text.into_bytes());
        assert_eq!(log.runs.len(), 1);
        let losses = log.runs[0].series(&Split::Train, "loss");
        let losses: Vec<_> = losses.iter().map(|point| (point.epoch, point.value)).collect();
        (losses, recover(&log.runs[0]).schedule.map(|schedule| (schedule.family, schedule.end, schedule.peak)))
    };
    assert_eq!(of(noisy), of(rows.join("\n")));
}

#[test]
fn a_table_of_evaluations_does_not_show_how_often_was_logged() {
    let text = "| Step | Training Loss | Validation Loss |\n|---|---|---|\n| 500 | 0.5 | 0.6 |\n| 1000 | 0.4 | 0.5 |\n| 1500 | 0.3 | 0.5 |\n";
    let found = recover(&read_bytes("a.md", text.as_bytes().to_vec()).runs[0]);
    assert_eq!((found.log_every, found.eval_every.map(|every| every.value)), (None, Some(500.0)));
}

#[test]
fn a_counter_of_epochs_bounds_their_length() {
    let text: String = std::iter::once("epoch,step,train_loss\n".to_string())
        .chain((0..40).map(|row| format!("{},{},1.5\n", (row * 50 + 49) / 500, row * 50 + 49)))
        .collect();
    let found = recover(&read_bytes("a.csv", text.into_bytes()).runs[0]);
    let steps = found.steps_per_epoch.unwrap();
    assert!(steps.low <= 500.0 && steps.high >= 500.0 && steps.high - steps.low < 40.0, "{steps:?}");
    assert_eq!(found.log_every.unwrap().value, 50.0);
}

#[test]
fn rates_that_hardly_fall_prove_no_family() {
    let run = with_rates([(98_132, 0.000_116_817), (98_133, 0.000_116_813), (98_134, 0.000_116_809)].into_iter());
    assert_eq!(recover(&run).schedule.unwrap().family, Family::Unknown);
}

proptest::proptest! {
    #[test]
    fn no_numbers_make_it_panic(rows in proptest::collection::vec((0u64..50, proptest::num::f64::ANY, proptest::num::f64::ANY, 0u8..8), 0..40)) {
        let line = |(step, epoch, rate, kind): &(u64, f64, f64, u8)| match kind {
            0 => format!("{{'loss': {rate}, 'step': {step}}}\n"),
            1 => format!("{{'loss': 1.0, 'learning_rate': {rate}, 'epoch': {epoch}}}\n"),
            2 => format!("{{'eval_loss': {rate}, 'eval_runtime': {epoch}, 'eval_samples_per_second': {rate}, 'step': {step}}}\n"),
            3 => format!("{{'train_runtime': {rate}, 'train_samples_per_second': {epoch}, 'train_steps_per_second': {rate}, 'epoch': {epoch}}}\n"),
            4 => format!("max_steps = {step}, num_epochs = {epoch}, accumulation = {rate}\n"),
            5 => format!("{{'loss': 1.0, 'learning_rate': {}, 'epoch': {:.2}}}\n", 1e-5 * (50 - step) as f64, *step as f64 * 0.13),
            6 => format!("iter {step}: loss {rate}, lr {epoch}\n"),
            _ => format!("[Epoch {step} Batch {step}/{kind}] loss={rate}, lr={rate}\n"),
        };
        let text: String = rows.iter().map(line).collect();
        for run in read_bytes("a", text.into_bytes()).runs {
            let found = recover(&run);
            for key in crate::FACT_KEYS {
                hold(&Claim { key: (*key).into(), value: 1e-5, place: None }, &found);
            }
        }
    }
}
