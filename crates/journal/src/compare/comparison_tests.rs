//! From run folders to verdicts.

use std::fs;

use super::*;
use crate::compare::caveats::CaveatKind;
use crate::compare::synthetic::{Made, group, group_of, run};
use crate::compare::{find_runs, grouped};
use crate::event::Status;
use crate::file::Journal;
use crate::inference::Verdict;

const BASE: [f64; 6] = [4.50, 4.52, 4.48, 4.51, 4.49, 4.53];

fn shifted(by: f64) -> Vec<f64> {
    // Each seed a little otherwise, so that the differences have a spread.
    BASE.iter().enumerate().map(|(seed, loss)| loss + by + 0.002 * seed as f64).collect()
}

fn compared(groups: &[Group]) -> Comparison {
    compare(groups, &Options::default()).unwrap()
}

fn has(comparison: &Comparison, kind: CaveatKind) -> bool {
    comparison.caveats.iter().any(|caveat| caveat.kind == kind)
}

fn first(comparison: &Comparison) -> &Difference {
    &comparison.results[0].differences[0]
}

#[test]
fn six_seeds_of_one_sign_are_called_and_like_runs_carry_no_caveat() {
    let comparison = compared(&[group_of("layer-4", &BASE), group_of("layer-6", &shifted(-0.1))]);
    let study = &first(&comparison).study;
    assert_eq!(
        (study.verdict, study.pairs, study.p, study.better_share),
        (Verdict::Better, 6, Some(0.03125), Some(1.0))
    );
    assert!((study.mean.unwrap() + 0.095).abs() < 1e-9 && study.interval.unwrap().high < 0.0);
    assert_eq!(comparison.caveats, []);
    assert!(comparison.changes[0].is_empty());
    let corpora: Vec<_> = comparison.results.iter().map(|result| result.corpus.as_deref()).collect();
    assert_eq!(corpora, [None, Some("ko"), Some("en")]);
}

#[test]
fn for_accuracy_more_is_better() {
    let options = Options { metrics: vec![Metric::Accuracy], ..Options::default() };
    let (base, mut other) = (group_of("a", &BASE), group_of("b", &BASE));
    for (seed, run) in other.runs.iter_mut().enumerate() {
        for event in &mut run.events {
            if let crate::event::Event::Eval(eval) = event {
                eval.accuracy += 0.01 + 0.001 * seed as f64;
            }
        }
    }
    let comparison = compare(&[base, other], &options).unwrap();
    assert_eq!(first(&comparison).study.verdict, Verdict::Better);
}

#[test]
fn one_seed_gives_figures_and_no_verdict() {
    let comparison = compared(&[group_of("a", &[4.5]), group_of("b", &[2.0])]);
    let difference = first(&comparison);
    assert_eq!((difference.study.verdict, difference.study.mean), (Verdict::CannotTell, Some(-2.5)));
    assert_eq!(difference.study.interval, None);
    assert!(difference.reason.contains("one seed"), "{}", difference.reason);
    assert!(has(&comparison, CaveatKind::OneSeed));
}

#[test]
fn two_to_five_seeds_give_an_interval_and_say_why_no_test_can_call() {
    for seeds in 2..=5 {
        let comparison = compared(&[group_of("a", &BASE[..seeds]), group_of("b", &shifted(-2.0)[..seeds])]);
        let difference = first(&comparison);
        assert_eq!(difference.study.verdict, Verdict::CannotTell);
        assert!(difference.study.interval.unwrap().high < 0.0);
        assert!(difference.reason.contains(&format!("2/2^{seeds}")), "{}", difference.reason);
        assert!(difference.reason.ends_with("6 seeds could"), "{}", difference.reason);
        assert_eq!(difference.study.seeds_needed, Some(6 - seeds));
    }
}

#[test]
fn two_comparisons_at_once_ask_six_seeds_for_more_than_they_have() {
    let groups = [group_of("a", &BASE), group_of("b", &shifted(-0.1)), group_of("c", &shifted(0.1))];
    let comparison = compared(&groups);
    let study = &first(&comparison).study;
    assert_eq!((study.verdict, study.p_corrected, study.tests), (Verdict::CannotTell, Some(0.0625), 2));
    assert!(first(&comparison).reason.ends_with("7 seeds could"), "{}", first(&comparison).reason);
}

#[test]
fn diverged_runs_count_against_their_variant() {
    let mut other = group_of("b", &shifted(-0.1));
    for at in [1, 4] {
        let made = Made { seed: at as u64 + 1, steps: 300, status: Status::Diverged, ..Made::default() };
        other.runs[at] = run(&made);
    }
    let comparison = compared(&[group_of("a", &BASE), other]);
    let study = &first(&comparison).study;
    assert_eq!((study.failed_pairs, study.pairs, study.verdict), (2, 6, Verdict::CannotTell));
    assert_eq!(study.better_share, Some(4.0 / 6.0));
    assert_eq!(comparison.results[0].variants[1].failed, 2);
    assert!(has(&comparison, CaveatKind::Failed) && !has(&comparison, CaveatKind::UnequalBudgets));
    let all = group("b", &[1, 2, 3, 4, 5, 6], Made { steps: 300, status: Status::Diverged, ..Made::default() });
    let comparison = compared(&[group_of("a", &BASE), all]);
    assert_eq!((first(&comparison).study.verdict, first(&comparison).study.mean), (Verdict::Worse, None));
}

#[test]
fn differences_are_by_seed_whatever_the_order_of_runs() {
    let mut other = group_of("b", &shifted(-0.1));
    let straight = compared(&[group_of("a", &BASE), other.clone()]);
    other.runs.reverse();
    assert_eq!(first(&compared(&[group_of("a", &BASE), other])).study, first(&straight).study);
}

#[test]
fn another_baseline_turns_the_difference_round() {
    let groups = [group_of("a", &BASE), group_of("b", &shifted(-0.1))];
    let options = Options { baseline: Some("b".into()), ..Options::default() };
    let turned = compare(&groups, &options).unwrap();
    assert_eq!((turned.baseline.as_str(), first(&turned).study.verdict), ("b", Verdict::Worse));
}

#[test]
fn unlike_vocabularies_are_compared_in_bits_per_character_alone() {
    let mut other = group_of("b", &shifted(-0.1));
    for run in &mut other.runs {
        run.info.data.vocab_size = 32_000;
        run.info.data.tokenizer = "another".into();
    }
    let options = Options { metrics: vec![Metric::Loss, Metric::Accuracy], ..Options::default() };
    let comparison = compare(&[group_of("a", &BASE), other], &options).unwrap();
    assert!(comparison.results.iter().all(|result| result.metric == Metric::BitsPerChar));
    assert!(has(&comparison, CaveatKind::Vocabulary));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let a = group_of("a", &BASE);
    let error = |groups: &[Group], baseline: Option<&str>| {
        compare(groups, &Options { baseline: baseline.map(String::from), ..Options::default() })
            .unwrap_err()
            .to_string()
    };
    assert!(error(std::slice::from_ref(&a), None).contains("needs two variants or runs with figures, 1 found"));
    let both = [a.clone(), group_of("b", &BASE)];
    assert_eq!(error(&both, Some("c")), "there is no variant `c` to compare with; there are a, b");
    let mut twice = a.clone();
    twice.runs.push(a.runs[2].clone());
    assert!(error(&[twice, a], None).contains("a has two runs of seed 3"));
}

#[test]
fn variants_without_any_validation_are_compared_without_figures() {
    let planned = |name| {
        let mut group = group(name, &[1, 2], Made::default());
        group.runs.iter_mut().for_each(|run| run.events.clear());
        group
    };
    let comparison = compared(&[planned("a"), planned("b")]);
    assert_eq!((comparison.budget, first(&comparison).study.p), (None, None));
    assert!(has(&comparison, CaveatKind::Missing) && !comparison.text(80).is_empty());
}

#[test]
fn json_survives_a_round_trip_and_its_fields_are_pinned() {
    let comparison = compared(&[group_of("a", &BASE), group_of("b", &shifted(-0.1))]);
    let json = comparison.json();
    assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap(), comparison);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&value), "axis baseline budget caveats changes format questions results take");
    let result = &value["results"][0];
    assert_eq!(keys(result), "corpus differences metric variants");
    assert_eq!(keys(&result["variants"][0]), "accuracy accuracy_error deviation failed mean seeds variant");
    assert_eq!(
        keys(&result["variants"][0]["seeds"][0]),
        "accuracy accuracy_error failed run scored seed status steps value"
    );
    assert_eq!(keys(&result["differences"][0]), "baseline reason study variant");
    assert_eq!(
        keys(&result["differences"][0]["study"]),
        "better_share deviation failed_pairs interval least_p mean p p_corrected pairs seeds_needed smallest_shown tests \
         verdict"
    );
}

/// A run's folder with its three files.
fn written(dir: &std::path::Path, made: &Made, variant: &str) {
    fs::create_dir_all(dir).unwrap();
    let mut run = run(made);
    run.info.variant = variant.into();
    run.info.write(dir).unwrap();
    let mut journal = Journal::create(&dir.join("journal.jsonl")).unwrap();
    run.events.iter().for_each(|event| journal.append(event).unwrap());
    let layers = if variant == "deep" { "6  # variant deep, case1.toml:9" } else { "4  # case1.toml:3" };
    let case = format!(
        "question = \"?\"\n[model]\nn_layers = {layers}\n[data]\n[[data.corpora]]\nname = \"ko\"\npath = \"x\"\n[train]\nsteps = 1000\n"
    );
    fs::write(dir.join("case.toml"), case).unwrap();
}

#[test]
fn folders_become_variants_with_their_seeds_in_order() {
    let folder = tempfile::tempdir().unwrap();
    for variant in ["base", "deep"] {
        for seed in [1, 2, 10] {
            let dir = folder.path().join(format!("case1/{variant}/s{seed}"));
            written(&dir, &Made { seed, ..Made::default() }, variant);
        }
    }
    let found = find_runs(folder.path()).unwrap();
    assert!(found[2].ends_with("base/s10") && found.len() == 6);
    let groups = grouped(found.iter().map(|dir| Run::read(dir).unwrap()).collect());
    assert_eq!(
        groups.iter().map(|group| (group.name.as_str(), group.runs.len())).collect::<Vec<_>>(),
        [("base", 3), ("deep", 3)]
    );
    let comparison = compared(&groups);
    assert_eq!(comparison.changes[0].meant[0].key, "model.n_layers");
    assert_eq!(comparison.changes[0].also, []);
}

#[test]
fn a_run_and_its_restart_stand_for_themselves() {
    let (mut a, mut b) = (run(&Made::default()), run(&Made::default()));
    (a.dir, b.dir) = ("runs/a/s1".into(), "runs/a-again/s1".into());
    let names: Vec<String> = grouped(vec![a, b]).into_iter().map(|group| group.name).collect();
    assert_eq!(names, ["a/s1", "a-again/s1"]);
    let (a, mut b) = (run(&Made::default()), run(&Made::default()));
    b.info.case = "case2".into();
    let names: Vec<String> = grouped(vec![a, b]).into_iter().map(|group| group.name).collect();
    assert_eq!(names, ["case1/layer-4", "case2/layer-4"]);
}

#[test]
fn a_case_file_of_another_version_is_named() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &Made::default(), "base");
    fs::write(folder.path().join("case.toml"), "question = \"?\"\nwings = 2\n").unwrap();
    let error = Run::read(folder.path()).unwrap_err();
    assert!(matches!(&error, JournalError::ResolvedCase { path, .. } if path.ends_with("case.toml")), "{error}");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("wings"));
}
