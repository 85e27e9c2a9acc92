//! Runs on labelled examples, compared and held against claims.

use super::claims::verdicts;
use super::synthetic::{group_of, labelled_group};
use super::*;
use crate::conclusion::{ClaimVerdict, Standing};
use crate::error::JournalError;
use crate::event::{Event, Status};
use crate::inference::Verdict;
use crate::synthetic::ended;
use crate::synthetic_labelled::swept_case;

const HIGH: [f64; 6] = [0.80, 0.82, 0.81, 0.79, 0.83, 0.80];
const LOW: [f64; 6] = [0.70, 0.73, 0.70, 0.69, 0.74, 0.71];

fn pair() -> [Group; 2] {
    [labelled_group("scratch", &LOW), labelled_group("pretrained", &HIGH)]
}

fn with(metrics: &[Metric]) -> Options {
    Options { metrics: metrics.to_vec(), ..Options::default() }
}

fn said(groups: &[Group], claim: &str) -> ClaimVerdict {
    verdicts(groups, &[claim.parse().unwrap()]).remove(0)
}

#[test]
fn the_metric_is_the_figure_that_tells_the_best_checkpoint_read_at_the_same_moment_of_all() {
    let mut groups = pair();
    let comparison = compare(&groups, &Options::default()).unwrap();
    let result = &comparison.results[0];
    assert_eq!((result.metric, result.labelled, comparison.results.len()), (Metric::Figure("accuracy"), true, 1));
    let first = &result.variants[1].seeds[0];
    assert_eq!((first.value, first.error, first.accuracy_error), (Some(0.80), Some(0.02), None));
    assert_eq!(first.steps, [500], "the last validation and not the best");
    assert_eq!(result.differences[0].study.verdict, Verdict::Better);
    for run in groups.iter_mut().flat_map(|group| &mut group.runs) {
        run.info.data.examples.as_mut().unwrap().best_by = "cross-entropy".into();
    }
    let comparison = compare(&groups, &Options::default()).unwrap();
    assert_eq!(comparison.results[0].metric, Metric::Figure("cross-entropy"));
    assert_eq!(comparison.results[0].differences[0].study.verdict, Verdict::Better, "less is better");
    let accuracy = compare(&groups, &with(&[Metric::Accuracy])).unwrap();
    assert_eq!(accuracy.results[0].variants[0].error, Some(0.02), "the figure with its own noise");
}

#[test]
fn the_noise_stands_beside_the_mean_and_nothing_of_running_text_does() {
    let comparison = compare(&pair(), &with(&[Metric::Figure("f1-macro")])).unwrap();
    for page in [comparison.text(100), comparison.markdown()] {
        assert!(page.contains("noise of one seed") && page.contains("± 0.0200"), "{page}");
        assert!(page.contains("f1-macro (more is better)") && !page.contains("unigram"), "{page}");
        assert!(!page.contains("scored tokens"), "{page}");
    }
    let json: Comparison = serde_json::from_str(&comparison.json()).unwrap();
    assert_eq!(json, comparison);
    let text = compare(&[group_of("a", &[4.5]), group_of("b", &[4.4])], &Options::default()).unwrap();
    for new in ["labelled", "folds", "learning_curves", "\"error\""] {
        assert!(!text.json().contains(new), "the JSON of running text is as it was: {new}");
    }
}

#[test]
fn a_figure_that_no_run_has_is_refused_with_those_there_are() {
    let refused = |groups: &[Group], metric| match compare(groups, &with(&[metric])) {
        Err(JournalError::MissingFigure { name, known }) => (name, known),
        other => panic!("{other:?}"),
    };
    let (name, known) = refused(&pair(), Metric::Figure("strict-f1-micro"));
    assert!(name == "strict-f1-micro" && known.contains(&"mcc".into()) && known.contains(&"loss".into()), "{known:?}");
    assert_eq!(refused(&pair(), Metric::Perplexity).0, "perplexity");
    let text = [group_of("a", &[4.5]), group_of("b", &[4.4])];
    let (_, known) = refused(&text, Metric::Figure("f1-macro"));
    assert_eq!(known, ["loss", "bits-per-char", "accuracy", "perplexity"]);
}

#[test]
fn other_vocabularies_have_the_same_examples() {
    let mut groups = pair();
    groups[1].runs.iter_mut().for_each(|run| run.info.data.tokenizer = "other".into());
    let comparison = compare(&groups, &Options::default()).unwrap();
    assert_eq!(comparison.results[0].metric, Metric::Figure("accuracy"));
    assert!(comparison.caveats.iter().all(|caveat| caveat.kind != CaveatKind::Vocabulary), "{:?}", comparison.caveats);
    for run in groups.iter_mut().flat_map(|group| &mut group.runs) {
        run.info.data.examples.as_mut().unwrap().task = "tag".into();
    }
    let comparison = compare(&groups, &with(&[Metric::Figure("cross-entropy")])).unwrap();
    assert!(comparison.caveats.iter().any(|caveat| caveat.kind == CaveatKind::Vocabulary));
}

#[test]
fn other_examples_are_named() {
    let mut groups = pair();
    assert_eq!(compare(&groups, &Options::default()).unwrap().caveats, []);
    groups[1].runs.iter_mut().for_each(|run| run.info.data.examples.as_mut().unwrap().splits[1].examples = 399);
    let caveats = compare(&groups, &Options::default()).unwrap().caveats;
    assert!(
        caveats[0].text.contains("the validation examples differ in number: scratch 400; pretrained 399"),
        "{caveats:?}"
    );
    groups[1].runs.iter_mut().for_each(|run| run.info.data.examples.as_mut().unwrap().labels.truncate(3));
    let caveats = compare(&groups, &Options::default()).unwrap().caveats;
    assert!(caveats[0].text.starts_with("the labels differ"), "{caveats:?}");
}

#[test]
fn claims_of_figures_stand_and_fall_in_their_own_direction() {
    for (claim, standing) in [
        ("pretrained > scratch on valid.accuracy", Standing::Stands),
        ("pretrained > scratch on valid.f1-macro", Standing::Stands),
        ("pretrained < scratch on valid.mcc", Standing::Falls),
        ("pretrained < scratch on valid.cross-entropy", Standing::Stands),
        ("pretrained > scratch on valid.cross-entropy", Standing::Falls),
        ("pretrained > scratch on test.f1-macro", Standing::Stands),
        ("scratch > pretrained on test.accuracy", Standing::Falls),
        ("pretrained < scratch on test.cross-entropy", Standing::Stands),
    ] {
        let held = said(&pair(), claim);
        assert_eq!(held.standing, standing, "{claim}: {}", held.reason);
    }
    let held = said(&pair(), "pretrained > scratch on valid.f1-macro");
    assert!(
        held.reason.contains("Each run is read at its validation at 500 steps, not at its best one"),
        "{}",
        held.reason
    );
    let held = said(&pair(), "pretrained > scratch on test.f1-macro");
    assert!(held.reason.contains("at the checkpoint of its best validation accuracy; the test examples chose nothing"));
}

#[test]
fn a_claim_on_the_test_needs_tests_and_a_diverged_run_counts_as_the_worst() {
    let mut groups = pair();
    let is_test = |event: &Event| matches!(event, Event::Eval(eval) if eval.split == "test");
    for run in &mut groups[0].runs[..1] {
        run.events.retain(|event| !is_test(event));
        *run.events.last_mut().unwrap() = ended(400, Status::Diverged, "the loss is NaN");
    }
    let held = said(&groups, "pretrained > scratch on test.accuracy");
    assert_eq!(held.standing, Standing::Stands, "{}", held.reason);
    for run in groups.iter_mut().flat_map(|group| &mut group.runs) {
        run.events.retain(|event| !is_test(event));
        *run.events.last_mut().unwrap() = ended(500, Status::Finished, "all steps are done");
    }
    let held = said(&groups, "pretrained > scratch on test.accuracy");
    assert_eq!(held.standing, Standing::CannotTell);
    assert!(
        held.reason.starts_with("No seed of both pretrained and scratch has accuracy on the test"),
        "{}",
        held.reason
    );
    assert!(said(&groups, "pretrained > scratch on valid.subset-accuracy").reason.contains("no run's validation has"));
}

#[test]
fn claims_are_held_against_the_runs_in_their_folders() {
    let (_root, case) = swept_case("test = \"test.tsv\"\n", "\"examples.share\" = [0.25, 1.0]\n");
    let (few, all) = (&case.variants[0], &case.variants[1]);
    let claims = [format!("{all} > {few} on test.accuracy"), format!("{all} > {few} on valid.f1-macro")];
    let verdicts = claim_verdicts(&case, &claims.map(|claim| claim.parse().unwrap()));
    for verdict in &verdicts {
        assert_eq!(verdict.standing, Standing::CannotTell, "two seeds: {}", verdict.reason);
        assert!(
            verdict.reason.contains(&format!("{all} less {few}")) && verdict.reason.contains("2 seeds"),
            "{verdict:?}"
        );
    }
    assert!(verdicts[0].reason.contains("on the test examples, is +0."), "{:?}", verdicts[0]);
}
