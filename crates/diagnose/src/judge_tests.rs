//! Each rule speaks where it should, and is silent on the same run without the fault.

use super::*;
use crate::log::Log;
use crate::read::read_bytes;

/// A run of fine-tuning in numbers, before it is written as a log.
struct Numbers {
    train: Vec<f64>,
    rate: Vec<f64>,
    gradient: Vec<f64>,
    loss: Vec<f64>,
    accuracy: Vec<f64>,
    /// Rows of training between two evaluations.
    every: usize,
}

/// Noise that is the same every time.
fn wobble(at: usize) -> f64 {
    let mut bits = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits ^= bits >> 29;
    bits = bits.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((bits >> 40) as f64) / f64::from(1u32 << 24) - 0.5
}

/// A run that learns: 120 rows, ten evaluations, loss 0.7 to 0.2.
fn healthy() -> Numbers {
    let fall = |at: usize| 0.2 + 0.5 * (-(at as f64) / 50.0).exp();
    let loss: Vec<f64> = (1..=10).map(|nth| fall(nth * 12) + 0.02 + 0.002 * wobble(nth)).collect();
    Numbers {
        train: (0..120).map(|at| fall(at) + 0.03 * wobble(at)).collect(),
        rate: (0..120).map(|at| 2e-5 * (1.0 - at as f64 / 120.0)).collect(),
        gradient: (0..120).map(|at| 1.0 + 0.2 * wobble(at + 500)).collect(),
        accuracy: loss.iter().map(|loss| 1.05 - loss).collect(),
        loss,
        every: 12,
    }
}

impl Numbers {
    fn log(&self) -> Log {
        let mut text = String::from("step,epoch,train_loss,learning_rate,grad_norm,eval_loss,eval_accuracy\n");
        for (at, train) in self.train.iter().enumerate() {
            let (step, epoch) = ((at + 1) * 10, (at + 1) as f64 / 40.0);
            text += &format!("{step},{epoch:.4},{train},{},{},,\n", self.rate[at], self.gradient[at]);
            let nth = (at + 1) / self.every;
            if (at + 1) % self.every == 0 && nth <= self.loss.len() {
                text += &format!("{step},{epoch:.4},,,,{},{}\n", self.loss[nth - 1], self.accuracy[nth - 1]);
            }
        }
        read_bytes("run.csv", text.into())
    }

    fn judged(&self) -> RunDiagnosis {
        let mut all = judge(&self.log(), &[]);
        assert_eq!(all.runs.len(), 1);
        all.runs.remove(0)
    }
}

impl RunDiagnosis {
    fn weight(&self, kind: Kind) -> Option<Weight> {
        self.findings.iter().find(|finding| finding.kind == kind).map(|finding| finding.weight)
    }
}

#[test]
fn a_run_that_learns_is_fine() {
    let judged = healthy().judged();
    assert_eq!(judged.verdict, Verdict::Fine, "{judged:#?}");
    let kinds: Vec<Kind> = judged.findings.iter().map(|finding| finding.kind).collect();
    assert!(kinds.iter().all(|kind| matches!(kind, Kind::StillImproving | Kind::BestLast)), "{kinds:?}");
}

#[test]
fn every_finding_quotes_a_line_of_the_log() {
    let mut numbers = healthy();
    numbers.train[60] = 9.0;
    numbers.gradient[60] = 90.0;
    let judged = numbers.judged();
    assert_eq!(judged.weight(Kind::SpikeRecovered), Some(Weight::Note));
    assert_eq!(judged.weight(Kind::GradientBursts), Some(Weight::Note));
    for finding in &judged.findings {
        assert!(finding.evidence.iter().all(|evidence| evidence.place.line > 1), "{finding:?}");
        assert!(!finding.evidence.is_empty(), "{finding:?}");
    }
    let spike = judged.findings.iter().find(|finding| finding.kind == Kind::SpikeRecovered).unwrap();
    assert_eq!((spike.evidence[0].value, spike.evidence[0].step), (9.0, Some(610)));
}

#[test]
fn a_loss_that_is_no_number_breaks_a_run_unless_it_was_one_row() {
    let mut numbers = healthy();
    numbers.train[60] = f64::NAN;
    assert_eq!(numbers.judged().weight(Kind::NonFinite), Some(Weight::Watch));
    numbers.train[60..].fill(f64::NAN);
    assert_eq!(numbers.judged().verdict, Verdict::Broken);
    numbers.train[60..].fill(0.0);
    assert_eq!(numbers.judged().weight(Kind::NonFinite), Some(Weight::Broken), "a NaN written as 0");
}

#[test]
fn gradients_may_overflow_at_the_start_only() {
    let mut numbers = healthy();
    numbers.gradient[0] = f64::INFINITY;
    assert_eq!(numbers.judged().weight(Kind::NonFinite), Some(Weight::Note));
    numbers.gradient.fill(f64::NAN);
    assert_eq!(numbers.judged().weight(Kind::NonFinite), Some(Weight::Broken));
}

#[test]
fn a_loss_that_climbs_above_its_start_has_diverged() {
    let mut numbers = healthy();
    (40..120).for_each(|at| numbers.train[at] = 0.5 + 0.02 * (at - 40) as f64);
    assert_eq!(numbers.judged().weight(Kind::Diverged), Some(Weight::Broken));
}

#[test]
fn a_jump_that_stays_is_a_spike_that_did_not_recover() {
    let mut numbers = healthy();
    (70..120).for_each(|at| numbers.train[at] = 0.6 + 0.03 * wobble(at));
    assert_eq!(numbers.judged().weight(Kind::SpikeNotRecovered), Some(Weight::Broken));
}

#[test]
fn one_answer_to_everything_is_seen_with_and_without_a_metric() {
    let mut numbers = healthy();
    (0..120).for_each(|at| numbers.train[at] = 0.693 + 0.01 * wobble(at));
    (0..10).for_each(|nth| numbers.loss[nth] = 0.693 + 0.004 * wobble(nth));
    numbers.accuracy.fill(0.5);
    let judged = numbers.judged();
    assert_eq!(judged.weight(Kind::ConstantPrediction), Some(Weight::Broken));
    assert_eq!(judged.weight(Kind::RateTooHigh), None, "the rate is usual");
    numbers.accuracy = (0..10).map(|nth| 0.5 + 0.03 * wobble(nth)).collect();
    assert_eq!(numbers.judged().weight(Kind::ConstantPrediction), Some(Weight::Broken), "by ln 2");
    numbers.rate.iter_mut().for_each(|rate| *rate *= 50.0);
    assert_eq!(numbers.judged().weight(Kind::RateTooHigh), Some(Weight::Watch));
}

#[test]
fn figures_that_never_change_are_those_of_a_frozen_model() {
    let mut numbers = healthy();
    numbers.loss.fill(0.523_456);
    assert_eq!(numbers.judged().weight(Kind::FrozenModel), Some(Weight::Broken));
}

#[test]
fn a_high_flat_loss_is_the_unigram_plateau() {
    let mut numbers = healthy();
    (0..120).for_each(|at| numbers.train[at] = 7.9 + 2.0 * (-(at as f64) / 5.0).exp() + 0.02 * wobble(at));
    numbers.loss.fill(7.91);
    numbers.loss[0] = 7.93;
    assert_eq!(numbers.judged().weight(Kind::UnigramPlateau), Some(Weight::Broken));
}

#[test]
fn a_held_out_loss_that_rises_is_overfitting_and_a_metric_that_holds_is_said() {
    let mut numbers = healthy();
    (4..10).for_each(|nth| numbers.loss[nth] = numbers.loss[3] * (1.0 + 0.05 * (nth - 3) as f64));
    let judged = numbers.judged();
    assert_eq!((judged.verdict, judged.weight(Kind::Overfitting)), (Verdict::Watch, Some(Weight::Watch)));
    assert_eq!(judged.weight(Kind::LossUpMetricHolds), Some(Weight::Watch));
    (4..10).for_each(|nth| numbers.accuracy[nth] = numbers.accuracy[3] - 0.03 * (nth - 3) as f64);
    assert_eq!(numbers.judged().weight(Kind::LossUpMetricHolds), None);
}

#[test]
fn one_evaluation_above_the_best_is_no_overfitting() {
    let mut numbers = healthy();
    numbers.loss[9] = numbers.loss[8] * 1.1;
    assert_eq!(numbers.judged().weight(Kind::Overfitting), None);
}

#[test]
fn the_first_evaluation_as_the_best_is_said() {
    let mut numbers = healthy();
    (0..10).for_each(|nth| numbers.loss[nth] = 0.4 + 0.03 * nth as f64);
    assert_eq!(numbers.judged().weight(Kind::BestFirst), Some(Weight::Watch));
}

#[test]
fn a_run_without_evaluations_cannot_be_told() {
    let mut numbers = healthy();
    numbers.every = 1000;
    let judged = numbers.judged();
    assert_eq!(judged.verdict, Verdict::CannotTell);
    assert!(judged.untested.iter().any(|untested| untested.kind == Kind::Overfitting));
}

#[test]
fn a_metric_that_stands_and_then_rises_started_late() {
    let mut numbers = healthy();
    (0..4).for_each(|nth| (numbers.loss[nth], numbers.accuracy[nth]) = (0.693 + 0.001 * nth as f64, 0.5));
    assert_eq!(numbers.judged().weight(Kind::LateStart), Some(Weight::Watch));
}

#[test]
fn perfect_at_once_is_too_good() {
    let mut numbers = healthy();
    numbers.accuracy.fill(1.0);
    (0..10).for_each(|nth| numbers.loss[nth] = 0.002 - 0.0001 * nth as f64);
    assert_eq!(numbers.judged().weight(Kind::TooGood), Some(Weight::Watch));
}

#[test]
fn held_out_examples_known_by_heart_are_too_good() {
    let mut numbers = healthy();
    (0..120).for_each(|at| numbers.train[at] = (0.7 * (-(at as f64) / 15.0).exp()).max(0.01));
    (0..10).for_each(|nth| numbers.loss[nth] = numbers.train[(nth + 1) * 12 - 1] * 1.2);
    numbers.accuracy = (0..10).map(|nth| (0.6 + 0.08 * nth as f64).min(0.993)).collect();
    assert_eq!(numbers.judged().weight(Kind::TooGood), Some(Weight::Watch));
    (0..10).for_each(|nth| numbers.loss[nth] += 0.1);
    assert_eq!(numbers.judged().weight(Kind::TooGood), None);
}

#[test]
fn fewer_right_than_the_commonest_class_would_be_is_broken() {
    let mut numbers = healthy();
    (0..10).for_each(|nth| numbers.accuracy[nth] = 0.4 - 0.02 * nth as f64);
    let mut log = numbers.log();
    let place = crate::log::Place { source: 0, line: 1 };
    let fact = |key: &str, number: f64| crate::log::Fact {
        key: key.into(),
        text: number.to_string(),
        number: Some(number),
        place,
    };
    log.runs[0].facts.push(fact("eval_examples", 1000.0));
    assert_eq!(judge(&log, &[]).runs[0].weight(Kind::BelowBaseline), None, "the share is not known");
    log.runs[0].facts.push(fact("majority_accuracy", 0.5));
    assert_eq!(judge(&log, &[]).runs[0].weight(Kind::BelowBaseline), Some(Weight::Broken));
}

/// A judgement where the log also states the share of the commonest class, of a thousand examples.
fn with_majority(numbers: &Numbers, majority: f64) -> RunDiagnosis {
    let mut log = numbers.log();
    let place = crate::log::Place { source: 0, line: 1 };
    for (key, number) in [("eval_examples", 1000.0), ("majority_accuracy", majority)] {
        let fact = crate::log::Fact { key: key.into(), text: number.to_string(), number: Some(number), place };
        log.runs[0].facts.push(fact);
    }
    judge(&log, &[]).runs.remove(0)
}

#[test]
fn an_accuracy_that_is_never_above_the_commonest_class_says_nothing() {
    let judged = |majority: f64| {
        let mut numbers = healthy();
        (0..10).for_each(|nth| numbers.accuracy[nth] = 0.945 + 0.001 * (nth % 3) as f64);
        with_majority(&numbers, majority).weight(Kind::BelowBaseline)
    };
    assert_eq!([0.95, 0.8].map(judged), [Some(Weight::Watch), None]);
}

#[test]
fn what_was_learned_and_lost_again_makes_a_high_rate_suspect() {
    let judged = |lost: f64, rate: f64| {
        let mut numbers = healthy();
        numbers.rate.iter_mut().for_each(|here| *here *= rate);
        numbers.accuracy = vec![0.5, 0.6, 0.65, lost, lost, lost, 0.6, 0.65, 0.7, 0.7];
        with_majority(&numbers, 0.5).weight(Kind::RateTooHigh)
    };
    assert_eq!(judged(0.5, 100.0), Some(Weight::Watch));
    assert_eq!([judged(0.6, 100.0), judged(0.5, 1.0)], [None, None], "nothing was lost; the rate is usual");
}

#[test]
fn a_language_model_whose_losses_part_learns_its_text_alone() {
    let judged = |rise: f64, fall: f64| {
        let mut numbers = healthy();
        // Both fall to 6 until the middle; then the held-out loss rises by `rise` in all, the training loss falls by `fall`.
        let course = |at: f64, late: f64| if at < 60.0 { 8.0 - at / 30.0 } else { 6.0 + late * (at - 60.0) / 60.0 };
        (0..120).for_each(|at| numbers.train[at] = course(at as f64, -fall) + 0.03 * wobble(at));
        (0..10).for_each(|nth| numbers.loss[nth] = course(12.0 * (nth + 1) as f64, rise));
        numbers.accuracy.fill(0.1);
        let judged = numbers.judged();
        (judged.weight(Kind::GeneralisationGap), judged.weight(Kind::Overfitting))
    };
    assert_eq!(judged(0.1, 1.0), (Some(Weight::Watch), None), "too little a rise to be overfitting");
    assert_eq!(judged(-0.5, 1.0), (None, None), "the held-out loss falls too");
    assert_eq!(judged(0.1, 0.1), (None, None), "both stand");
    assert_eq!(judged(0.6, 1.0), (None, Some(Weight::Watch)), "said once");
}

#[test]
fn a_held_out_loss_that_follows_the_training_loss_pass_after_pass_is_a_leak() {
    let judged = |last: f64| {
        let mut numbers = healthy();
        // Three epochs of forty rows: the losses fall together to `last`.
        let fall = |at: f64| 0.7 * (last / 0.7f64).powf(at / 120.0);
        (0..120).for_each(|at| numbers.train[at] = fall(at as f64) * (1.0 + 0.1 * wobble(at)));
        (0..10).for_each(|nth| numbers.loss[nth] = fall(12.0 * (nth + 1) as f64));
        (0..10).for_each(|nth| numbers.accuracy[nth] = 1.0 - 0.3 * numbers.loss[nth]);
        numbers.judged().weight(Kind::TooGood)
    };
    assert_eq!([0.005, 0.15].map(judged), [Some(Weight::Watch), None]);
}

#[test]
fn a_wave_with_the_period_of_the_epoch_is_the_order_of_the_data() {
    let mut numbers = healthy();
    // 40 rows are an epoch.
    (0..120).for_each(|at| numbers.train[at] += if at % 40 < 20 { 0.6 } else { 0.0 });
    let kinds: Vec<Kind> = numbers.judged().findings.iter().map(|finding| finding.kind).collect();
    assert!(kinds.contains(&Kind::EpochSawtooth), "{kinds:?}");
    assert!(!kinds.contains(&Kind::SpikeNotRecovered), "the wave explains it");
}

#[test]
fn two_levels_without_a_calendar_are_bistable() {
    let mut numbers = healthy();
    let high = [(0, 20), (27, 35), (47, 61), (66, 70), (85, 102)];
    for at in 0..120 {
        let is_high = high.iter().any(|(from, until)| (*from..*until).contains(&at));
        numbers.train[at] = if is_high { 0.9 } else { 0.3 } + 0.02 * wobble(at);
    }
    let judged = numbers.judged();
    assert_eq!(judged.weight(Kind::Bistable), Some(Weight::Watch), "{:?}", judged.findings);
}

#[test]
fn a_held_out_loss_that_goes_up_and_down_oscillates() {
    let mut numbers = healthy();
    (0..10).for_each(|nth| numbers.loss[nth] = if nth % 2 == 0 { 0.4 } else { 0.55 });
    assert_eq!(numbers.judged().weight(Kind::Oscillation), Some(Weight::Watch));
}

#[test]
fn a_slow_even_fall_at_a_small_rate_is_a_rate_too_low() {
    let mut numbers = healthy();
    (0..120).for_each(|at| numbers.train[at] = 0.7 - 0.001 * at as f64 + 0.002 * wobble(at));
    (0..10).for_each(|nth| numbers.loss[nth] = 0.69 - 0.01 * nth as f64);
    numbers.rate.iter_mut().for_each(|rate| *rate /= 10.0);
    assert_eq!(numbers.judged().weight(Kind::RateTooLow), Some(Weight::Watch));
}

#[test]
fn a_share_of_hidden_words_that_nobody_uses_is_said() {
    let judged = |rate: &str| {
        let text = format!("mlm_probability={rate}\n{{'loss': 6.5, 'step': 1}}\n{{'eval_loss': 6.4, 'step': 1}}\n");
        judge(&read_bytes("train.log", text.into()), &[]).runs.remove(0).weight(Kind::MaskRate)
    };
    assert_eq!(["0.15", "0.4", "0.9", "0.01"].map(judged), [None, None, Some(Weight::Watch), Some(Weight::Watch)]);
}

#[test]
fn a_plan_that_the_log_rules_out_is_said() {
    let log = healthy().log();
    let claim = |text: &str| judge(&log, &[Claim::parse(text).unwrap()]).runs.remove(0);
    assert_eq!(claim("learning rate 1e-3").weight(Kind::RateOffPlan), Some(Weight::Watch));
    assert_eq!(claim("learning rate 2e-5").weight(Kind::RateOffPlan), None);
}

#[test]
fn a_training_loss_near_nothing_for_long_was_memorised() {
    let mut numbers = healthy();
    (30..120).for_each(|at| numbers.train[at] = 0.003);
    assert_eq!(numbers.judged().weight(Kind::Memorised), Some(Weight::Note));
}

#[test]
fn few_examples_make_a_tie() {
    let mut numbers = healthy();
    numbers.accuracy = (0..10).map(|nth| if nth < 3 { 0.5 } else { 0.857 }).collect();
    let mut log = numbers.log();
    let place = crate::log::Place { source: 0, line: 1 };
    let fact = crate::log::Fact { key: "eval_examples".into(), text: "14".into(), number: Some(14.0), place };
    log.runs[0].facts.push(fact);
    let judged = judge(&log, &[]).runs.remove(0);
    assert_eq!(judged.weight(Kind::TieInNoise), Some(Weight::Watch));
}

#[test]
fn a_perplexity_that_is_not_that_of_the_loss_is_said() {
    let rows = |wrong: f64| {
        let mut text = String::from("step,eval_loss,eval_perplexity\n");
        for step in 1..6 {
            let loss = 4.0 - 0.1 * f64::from(step);
            text += &format!("{step},{loss},{}\n", (loss * wrong).exp());
        }
        judge(&read_bytes("run.csv", text.into()), &[]).runs.remove(0)
    };
    assert_eq!(rows(1.0).weight(Kind::PerplexityMismatch), None);
    assert_eq!(rows(1.05).weight(Kind::PerplexityMismatch), Some(Weight::Watch));
}

#[test]
fn two_names_for_one_figure_are_seen() {
    let text = "step,eval_loss,eval_accuracy,eval_f1\n1,0.6,0.7,0.7\n2,0.5,0.8,0.8\n3,0.4,0.85,0.85\n";
    let judged = judge(&read_bytes("run.csv", text.into()), &[]).runs.remove(0);
    assert_eq!(judged.weight(Kind::DuplicateMetrics), Some(Weight::Note));
}

#[test]
fn an_empty_log_cannot_be_told() {
    let judged = judge(&Log::default(), &[]);
    assert_eq!((judged.verdict, judged.runs.len()), (Verdict::CannotTell, 0));
}

proptest::proptest! {
    #[test]
    fn no_numbers_make_a_judge_panic(values in proptest::collection::vec(proptest::num::f64::ANY, 0..90), width in 1usize..4) {
        let mut text = String::from("step,epoch,train_loss,eval_loss,eval_f1,learning_rate,grad_norm\n");
        for (at, row) in values.chunks(width + 3).enumerate() {
            let cells: Vec<String> = row.iter().map(f64::to_string).collect();
            text += &format!("{at},{},{}\n", at as f64 / 7.0, cells.join(","));
        }
        judge(&read_bytes("run.csv", text.into()), &[]);
    }
}
