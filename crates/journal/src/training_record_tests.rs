//! The training record: the form of one kept by hand, from journals alone.

use std::fs;

use case::Claim;

use super::*;
use crate::conclusion::{ClaimVerdict, Standing};
use crate::event::Status;
use crate::notes::Note;
use crate::synthetic::{case_runs, case_runs_of, ended, log, start};
use crate::synthetic_labelled::{labelled_case, swept_case};

fn falls(case: &CaseRuns, claims: &[Claim]) -> Vec<ClaimVerdict> {
    let one = |claim: &Claim| ClaimVerdict {
        standing: Standing::Falls,
        reason: format!("{} of {} runs say the opposite.", claim.variants()[0], case.runs.len()),
    };
    claims.iter().map(one).collect()
}

fn record(runs: &CaseRuns, conclusion: &Conclusion) -> String {
    training_record(&[RecordCase { runs, conclusion }], &falls, "0.1.0")
}

#[test]
fn a_case_stands_in_the_form_of_the_record() {
    let claims = vec!["layer-4 < layer-6 on valid.loss".parse().unwrap()];
    let text = record(
        &case_runs(),
        &Conclusion { text: "Four layers are better.".into(), claims, caveats: vec!["the batches differ".into()] },
    );
    for line in [
        "# Training record\n",
        "### case1\n- description: Do six layers beat four on the unified Korean and English corpus?\n",
        "- date: 2026-11-21 09:00 ~ 2026-11-21 11:30 (UTC), 53 min 20 s of training\n",
        "  > batch_size: 256  \n  > learning_rate: 0.0005  \n",
        "  > n_layers: 6 (layer-6) and 4 (layer-4)  \n",
        "trains: 64,000, steps per epoch: 250, valids: 7,110, steps per evaluation: 28\n",
        "- runs: 5 runs: 5 finished; commit `3e4272b`\n",
        "  - conclusion: Four layers are better.\n",
        "  - claim `layer-4 < layer-6 on valid.loss`: **FALLS**. layer-4 of 5 runs say the opposite.\n",
        "  - blue with circles is layer-6, vermilion with squares is layer-4 in the images below",
        "| layer-6 |        2 of 2 |",
        "<img src=\"images/case1/loss-by-step.png\" width=\"800\" alt=\"case1: loss by step\"/>",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn the_record_is_written_with_every_chart_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let (runs, conclusion) = (case_runs(), Conclusion::default());
    write_training_record(folder.path(), &[RecordCase { runs: &runs, conclusion: &conclusion }], &falls, "0.1.0")
        .unwrap();
    let text = fs::read_to_string(folder.path().join(TRAINING_RECORD)).unwrap();
    let mut shown = 0;
    for image in text.split('"').filter(|part| part.starts_with("images/")) {
        assert!(folder.path().join(image).is_file(), "{image}");
        shown += 1;
    }
    assert_eq!(shown, 5, "loss, accuracy, two corpora and the rate");
}

#[test]
fn failed_unreadable_and_missing_runs_are_told() {
    let mut runs = case_runs();
    runs.runs[0].events = vec![start(), log(50), ended(50, Status::Diverged, "the loss is NaN")];
    runs.runs[0].notes = vec![Note { time: "2026-11-22T08:00:00Z".into(), text: "too hot".into() }];
    runs.unreadable = vec![("runs/case1/layer-4/s3".into(), JournalError::EmptyNote)];
    let text = record(&runs, &Conclusion::default());
    assert!(text.contains("conclusion: none is written") && text.contains("the loss is NaN"), "{text}");
    assert!(text.contains("- remark on layer-6 s1, 2026-11-22 08:00 (UTC): too hot"));
    assert!(text.contains("`runs/case1/layer-4/s3` cannot be read"));
    let none = record(&case_runs_of(&[], &[]), &Conclusion::default());
    assert!(none.ends_with("- result: nothing has been run\n\n"), "{none}");
}

#[test]
fn other_data_and_other_batches_are_not_taken_for_the_same() {
    let mut runs = case_runs();
    for run in runs.runs.iter_mut().filter(|run| run.info.variant == "layer-4") {
        run.info.data.vocab_size = 30_000;
        run.info.plan.batch_size = 128;
    }
    let text = record(&runs, &Conclusion::default());
    assert!(
        text.contains("  - layer-6: ko (32,100 training rows) & en (31,900 training rows); bpe vocabulary of 8,192;")
    );
    assert!(text.contains("  - layer-4: ko") && text.contains("loss-by-examples.png"), "{text}");
}

#[test]
fn text_of_users_cannot_break_the_record() {
    let evil = "a\n### b <script>\"`|";
    let mut runs = case_runs();
    runs.name = evil.into();
    for run in &mut runs.runs {
        run.info.question = evil.into();
        run.info.variant = evil.into();
        run.info.parameters = vec![(evil.into(), evil.into())];
    }
    runs.variants = vec![evil.into()];
    let text = record(&runs, &Conclusion { text: evil.into(), claims: Vec::new(), caveats: vec![evil.into()] });
    assert!(!text.contains("<script>"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 3);
}

#[test]
fn a_case_of_labelled_examples_has_its_figures_and_no_word_of_running_text() {
    let text = record(&labelled_case(), &Conclusion::default());
    for part in [
        "  - classify, one class for each example: 4 classes; the best checkpoint is told by accuracy; train 4,000 examples",
        " best accuracy |",
        "A best accuracy is chosen on the examples that it is of",
        "images/reviews/f1-macro-by-step.png",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    for word in ["unigram", "bits/char", "corpus", "over folds"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

#[test]
fn folds_stand_in_one_line_a_figure_and_shares_in_a_table() {
    let (_root, folds) = swept_case("folds = 3\n", "\"examples.fold\" = [0, 1, 2]\n");
    let text = record(&folds, &Conclusion::default());
    let lines: Vec<&str> = text.lines().filter(|line| line.contains(" over 3 folds: ")).collect();
    assert!(lines.len() >= 3 && lines[0].starts_with("  - accuracy over 3 folds: 0."), "{text}");
    assert!(
        lines.iter().all(|line| line.contains(", interval ") && line.contains("Bengio and Grandvalet")),
        "{lines:?}"
    );
    let page = crate::html_page(&folds, &Conclusion::default(), &falls, "0.1.0");
    assert!(page.contains("<h2>Over folds</h2>") && page.contains("accuracy over 3 folds"));
    let (_root, shares) = swept_case("", "\"examples.share\" = [0.25, 1.0]\n");
    let text = record(&shares, &Conclusion::default());
    assert!(text.contains("accuracy by share of the training examples, ± deviation over seeds:\n\n"), "{text}");
    let row = text.lines().find(|line| line.starts_with("|  0.25 |")).unwrap_or_else(|| panic!("{text}"));
    assert!(row.contains(" 1,000 |") && row.contains(" 2 |") && row.contains(" ± "), "{row}");
    let page = crate::html_page(&shares, &Conclusion::default(), &falls, "0.1.0");
    assert!(page.contains("<h2>Learning curve</h2>"));
}
