//! Each trap that the practitioners fell into, set up, and said aloud.

use super::*;
use crate::compare::comparison::{Comparison, Options, compare};
use crate::compare::synthetic::{Made, group, group_of, run};
use crate::event::Status;

const SEEDS: [u64; 6] = [1, 2, 3, 4, 5, 6];
const LOSSES: [f64; 6] = [4.50, 4.52, 4.48, 4.51, 4.49, 4.53];

fn base() -> Group {
    group_of("base", &LOSSES)
}

/// Against the base, another variant changed by this.
fn against(change: impl Fn(&mut Run)) -> Comparison {
    let mut other = group_of("other", &LOSSES);
    other.runs.iter_mut().for_each(change);
    compare(&[base(), other], &Options::default()).unwrap()
}

#[track_caller]
fn said(comparison: &Comparison, kind: CaveatKind) -> &str {
    let found = comparison.caveats.iter().find(|caveat| caveat.kind == kind);
    &found.unwrap_or_else(|| panic!("{kind:?} is not among {:?}", comparison.caveats)).text
}

#[test]
fn unequal_budgets_are_named_and_aligned() {
    let short = group("other", &SEEDS, Made { steps: 500, ..Made::default() });
    let comparison = compare(&[base(), short], &Options::default()).unwrap();
    let text = said(&comparison, CaveatKind::UnequalBudgets);
    assert!(text.contains("base 1,000 steps; other 500 steps; all are read at 500 steps"), "{text}");
    assert!(comparison.results[0].variants.iter().all(|variant| variant.seeds.iter().all(|seed| seed.steps == [500])));
    let text = said(&comparison, CaveatKind::ScheduleCutShort);
    assert!(text.starts_with("base, other: the learning rate had not come down"), "{text}");
}

#[test]
fn a_batch_changed_along_with_the_learning_rate_is_named() {
    let comparison = against(|run| {
        run.info.plan.batch_size = 128;
        run.config.train.batch_size = 128;
        run.config.schedule.learning_rate = 1e-4;
    });
    assert!(said(&comparison, CaveatKind::UnequalBatches).contains("base 256; other 128"));
    assert!(said(&comparison, CaveatKind::BatchAndLearningRate).contains("cannot be laid to either"));
    assert_eq!(comparison.axis, Axis::Tokens);
    let alone = against(|run| run.config.schedule.learning_rate = 1e-4);
    assert!(alone.caveats.is_empty(), "{:?}", alone.caveats);
}

#[test]
fn a_vocabulary_changed_under_a_loss_is_named() {
    let comparison = against(|run| run.info.data.vocab_size = 30_000);
    let text = said(&comparison, CaveatKind::Vocabulary);
    assert!(text.contains("base 8,192; other 30,000") && text.contains("bits per character"), "{text}");
    let same_size = against(|run| run.info.data.tokenizer = "another".into());
    assert!(said(&same_size, CaveatKind::Vocabulary).contains("of one size, 8,192"));
}

#[test]
fn other_data_and_other_validation_are_named() {
    let lines = against(|run| run.info.data.corpora[0].lines = 1);
    assert!(said(&lines, CaveatKind::Data).contains("base ko 60,000, en 60,000; other ko 1, en 60,000"));
    let order = against(|run| run.config.data.order = case::OrderKind::InOrder);
    assert!(said(&order, CaveatKind::Data).contains("in the same way"));
    let hash = against(|run| run.info.data.prepared = "ffff".into());
    assert!(said(&hash, CaveatKind::Data).contains("by their hashes"));
    let rows = against(|run| run.info.plan.valid_rows = 99);
    assert!(said(&rows, CaveatKind::Validation).contains("validation rows differ"));
    let masks = against(|run| run.config.masking.rate = 0.4);
    assert!(said(&masks, CaveatKind::Validation).contains("0.15 by token, 0.8 / 0.1 / 0.1; other 0.4 by token"));
}

#[test]
fn seeds_that_differ_in_more_than_the_seed_are_named() {
    let comparison = against(|run| {
        if run.info.seed == 2 {
            run.config.optimizer.beta2 = 0.98;
        }
    });
    assert!(said(&comparison, CaveatKind::MixedVariant).ends_with("other in optimizer.beta2"));
}

#[test]
fn other_code_and_another_machine_are_named() {
    let code = against(|run| run.info.commit = Some("feed".into()));
    assert!(said(&code, CaveatKind::Code).contains("base 0.1.0 3e4272b; other 0.1.0 feed"));
    let machine = against(|run| run.info.precision = "bf16".into());
    assert!(said(&machine, CaveatKind::Machine).contains("other cpu (flex), bf16"));
}

#[test]
fn failed_and_missing_runs_and_lonely_seeds_are_named() {
    let mut other = group_of("other", &LOSSES);
    let made = |seed, steps, status| Made { seed, steps, status, ..Made::default() };
    other.runs[0] = run(&made(1, 300, Status::Diverged));
    other.runs[1] = run(&made(2, 400, Status::Stopped));
    other.runs[5] = run(&made(9, 1_000, Status::Finished));
    let comparison = compare(&[base(), other], &Options::default()).unwrap();
    assert!(said(&comparison, CaveatKind::Failed).contains("other s1 at step 300"));
    assert!(said(&comparison, CaveatKind::Missing).contains("other s2 (stopped, 250 steps)"));
    assert!(comparison.caveats.iter().all(|caveat| caveat.kind != CaveatKind::ScheduleCutShort));
    let text = said(&comparison, CaveatKind::Unpaired);
    assert!(text.contains("other has seeds 9 alone; base has seeds 6 alone against other"), "{text}");
}

#[test]
fn a_single_seed_is_named() {
    let comparison = compare(&[base(), group_of("other", &[4.4])], &Options::default()).unwrap();
    assert!(said(&comparison, CaveatKind::OneSeed).starts_with("one seed: other;"));
}

#[test]
fn a_metric_of_one_batch_is_named_with_its_noise() {
    let comparison = against(|run| (run.info.plan.valid_steps, run.info.plan.valid_rows) = (1, 32));
    let text = said(&comparison, CaveatKind::OneBatch);
    assert!(text.contains("other s1 (32 rows, accuracy ± 0.00") && text.contains("raise `eval_rows`"), "{text}");
}

#[test]
fn two_metrics_that_are_one_number_are_named() {
    let options = Options { metrics: vec![Metric::Loss, Metric::Perplexity], ..Options::default() };
    let comparison = compare(&[base(), group_of("other", &LOSSES)], &options).unwrap();
    assert!(said(&comparison, CaveatKind::OneNumber).contains("one is e to the other"));
    let options = Options { metrics: vec![Metric::Loss, Metric::Accuracy], ..Options::default() };
    let comparison = compare(&[base(), group_of("other", &LOSSES)], &options).unwrap();
    assert!(comparison.caveats.is_empty(), "{:?}", comparison.caveats);
}

#[test]
fn a_best_point_between_two_saved_ones_is_named() {
    let risen = group("other", &SEEDS, Made { rises_after: Some(750), ..Made::default() });
    let comparison = compare(&[base(), risen], &Options::default()).unwrap();
    let text = said(&comparison, CaveatKind::BestBetweenCheckpoints);
    assert!(text.contains("other s1 at step 750, saved: 500 and 1,000"), "{text}");
}

#[test]
fn figures_between_two_validations_are_named() {
    let options = Options { budget: Some(600.0), ..Options::default() };
    let comparison = compare(&[base(), group_of("other", &LOSSES)], &options).unwrap();
    assert!(said(&comparison, CaveatKind::BetweenValidations).contains("base s1 (500 and 750)"));
    assert!(said(&comparison, CaveatKind::BetweenValidations).contains("and 6 more"));
}

#[test]
fn a_run_that_learned_nothing_is_named() {
    let collapsed = group("other", &SEEDS, Made { loss: 6.6, ..Made::default() });
    let comparison = compare(&[base(), collapsed], &Options::default()).unwrap();
    assert!(said(&comparison, CaveatKind::NotLearned).contains("other s1"));
}

#[test]
fn every_kind_stands_before_the_figures_in_text_and_markdown() {
    let comparison = against(|run| run.info.data.vocab_size = 30_000);
    for page in [comparison.text(90), comparison.markdown()] {
        let caveat = page.find("vocabularies differ").unwrap();
        assert!(caveat < page.find("bits per character (").unwrap(), "{page}");
    }
}
