//! The results of made-up runs on labelled examples, in words and tables.

use super::*;
use crate::report::page;
use crate::synthetic::run_info;
use crate::synthetic_labelled::{Taught, classify_run, labelled_info, labelled_run, tagged_info, tagged_run};

fn examples(info: &RunInfo) -> &ExamplesInfo {
    info.data.examples.as_ref().unwrap()
}

fn findings_of(info: &RunInfo, events: &[Event]) -> String {
    findings(info, examples(info), events)
}

fn row<'a>(text: &'a str, begin: &str) -> &'a str {
    text.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("no row {begin:?} in {text}"))
}

#[test]
fn every_figure_has_its_error_and_each_split_its_baselines() {
    let (info, events) = (labelled_info(), labelled_run());
    let text = figures(&info, examples(&info), &events);
    let titles = text.lines().next().unwrap();
    for title in
        ["last, step 500 ±", "majority, valid", "prior, valid", "test, step 375 ±", "majority, test", "prior, test"]
    {
        assert!(titles.contains(title), "{title} in {titles}");
    }
    let valid = evals(&events, VALID);
    let last = figure(valid.last().unwrap(), "f1-macro").unwrap();
    assert!(row(&text, "| f1-macro").contains(&with_error(last)), "{text}");
    let prior = |eval: &Eval| format!(" {:.4} |", figure(eval, "cross-entropy").unwrap().prior.unwrap());
    let losses = row(&text, "| loss, nats per example");
    assert!(losses.contains(&prior(valid.last().unwrap())), "{text}");
    assert!(losses.ends_with(&prior(evals(&events, TEST).last().unwrap())), "of the test's own examples: {text}");
    assert!(text.contains("Validation: 400 examples, 400 scored decisions. Test: 300 examples"), "{text}");
    assert!(text.contains("the cross-entropy, the same number."), "what all evaluations say stands once: {text}");
}

#[test]
fn no_word_of_running_text_stands_in_the_page_of_labelled_examples() {
    for (info, events) in [(labelled_info(), labelled_run()), (tagged_info(), tagged_run())] {
        let page = page(&info, &events, &[]);
        for word in ["perplexity", "bits/char", "unigram", "[MASK]", "corpus", "Masks", "word frequencies"] {
            assert!(!page.contains(word), "{word} in {page}");
        }
    }
    assert!(page(&run_info(), &crate::synthetic::finished_run(), &[]).contains("unigram"));
}

#[test]
fn the_best_evaluation_is_named_with_its_noise_and_its_neighbours() {
    let (info, mut events) = (labelled_info(), labelled_run());
    for event in &mut events {
        if let Event::Eval(eval) = event
            && let Some(accuracy) =
                eval.scores.as_mut().and_then(|it| it.figures.iter_mut().find(|it| it.name == "accuracy"))
        {
            (accuracy.value, accuracy.error) = (if eval.step < 250 { 0.5 } else { 0.8 }, Some(0.02));
        }
    }
    let text = findings_of(&info, &events);
    let wanted = "- The best evaluation, by accuracy, is that at step 250: 0.8000 ± 0.0200; 2 of the 4 other evaluations lie \
                  within its standard error, 0.0200, and are as good as far as these examples can tell. Of equal ones the \
                  earlier is kept.\n";
    assert!(text.starts_with(wanted), "{text}");
    let table = by_evaluation(&info, examples(&info), &events).unwrap();
    assert!(
        row(&table, "| best ").contains("|  250 |") && row(&table, "| within, last").contains("|  500 |"),
        "{table}"
    );
    assert!(row(&table, "| untrained").contains("|    0 |"), "{table}");
}

#[test]
fn without_a_test_split_the_figure_is_said_to_be_optimistic() {
    let mut info = labelled_info();
    let untested = classify_run(Taught { has_test: false, ..Taught::default() });
    let text = findings_of(&info, &untested);
    assert!(text.contains("The test examples are not evaluated yet"), "{text}");
    info.data.examples.as_mut().unwrap().splits.pop();
    let text = findings_of(&info, &untested);
    assert!(text.contains("There is no test split"), "{text}");
    assert!(text.contains("chosen on the examples that its figure is of, so the figure is optimistic"), "{text}");
    let text = findings_of(&info, &labelled_run());
    assert!(
        text.contains("On the test examples, which had no part in choosing it") && !text.contains("optimistic"),
        "{text}"
    );
    assert!(text.contains("Of the 400 valid examples 3 repeat training examples and 2 nearly do"), "{text}");
}

#[test]
fn a_run_that_learned_nothing_is_told_from_one_that_did() {
    let info = labelled_info();
    let text = findings_of(&info, &labelled_run());
    assert!(text.contains("is better than that of always saying what is most frequent in training, 0.3767."), "{text}");
    assert!(text.contains("is below that of class frequencies"), "{text}");
    let text = findings_of(&info, &classify_run(Taught { skill: 0.0, ..Taught::default() }));
    assert!(
        text.contains("**is no better** than that of always saying") || text.contains("**is hardly better**"),
        "{text}"
    );
    assert!(text.contains("**The last validation loss is not below that of class frequencies**"), "{text}");
}

#[test]
fn classes_and_confusions_are_of_the_best_validation_and_of_the_test() {
    let (info, events) = (labelled_info(), labelled_run());
    for text in [by_class(&info, &events).unwrap(), confusions(&info, &events).unwrap()] {
        assert_eq!(text.matches("### ").count(), 2, "{text}");
        assert!(text.contains("### validation, best") && text.contains("### test, step 375"), "{text}");
        assert!(text.contains("price \\| value"), "{text}");
    }
    assert_eq!(confusions(&tagged_info(), &tagged_run()), None);
    assert!(by_class(&tagged_info(), &tagged_run()).unwrap().contains("strict F1"));
}

#[test]
fn nothing_evaluated_is_said() {
    let info = labelled_info();
    assert!(findings_of(&info, &[]).contains("Without a validation"));
    assert_eq!(figures(&info, examples(&info), &[]), "No evaluation was recorded.\n");
    assert_eq!(by_evaluation(&info, examples(&info), &[]), None);
}

#[test]
fn of_many_evaluations_the_first_the_last_and_the_best_are_shown() {
    let (info, events) = (labelled_info(), labelled_run());
    let Event::Eval(one) = &events[1] else { panic!("the first validation") };
    let mut many: Vec<Event> = Vec::new();
    for step in 0..200 {
        let mut eval = one.clone();
        eval.step = step * 10;
        if let Some(accuracy) = eval.scores.as_mut().map(|scores| &mut scores.figures[0]) {
            accuracy.value = if step == 90 { 0.9 } else { 0.4 };
        }
        many.push(Event::Eval(eval));
    }
    let text = by_evaluation(&info, examples(&info), &many).unwrap();
    assert!(row(&text, "| best").contains("|   900 |"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with('|')).count(), 2 + 61, "{text}");
    assert!(text.contains("Of 200 evaluations some in the middle are left out"), "{text}");
}

/// The run of [`labelled_info`] with other targets, each evaluation with these scores.
fn of_target(target: &str, best_by: &str, scores: &crate::metrics::Scores) -> String {
    let (mut info, mut events) = (labelled_info(), labelled_run());
    if let Some(examples) = &mut info.data.examples {
        (examples.target, examples.best_by) = (target.into(), best_by.into());
    }
    for event in &mut events {
        if let Event::Eval(eval) = event {
            eval.scores = Some(scores.clone());
        }
    }
    page(&info, &events, &[])
}

#[test]
fn several_labels_and_soft_targets_have_pages_too() {
    let labels = ["a", "b"].map(String::from);
    let prior = crate::metrics::Prior { shares: vec![0.5, 0.25] };
    let log_probs = [(-0.1, -2.4), (-2.0, -0.15), (-1.0, -0.5), (-0.2, -1.7)];
    let truth = [true, false, false, true];
    let several = crate::metrics::MultiLabel { labels: &labels, truth: &truth, log_probs: &log_probs };
    let text = of_target("multi", "f1-micro", &crate::metrics::multi_label_scores(several, &prior));
    assert!(text.contains("any number of labels for each example") && text.contains("| subset-accuracy"), "{text}");
    assert!(text.contains("nats per pair of example and label") && !text.contains("## Confusions"), "{text}");
    let logs = [0.8, 0.2, 0.4, 0.6].map(f64::ln);
    let soft = crate::metrics::Targets::Soft(&[0.7, 0.3, 0.5, 0.5]);
    let prior = crate::metrics::Prior { shares: vec![0.6, 0.4] };
    let scores = crate::metrics::classification_scores(&labels, &logs, soft, &prior);
    let text = of_target("soft", "kl-divergence", &scores);
    assert!(text.contains("probabilities of the classes for each example"), "{text}");
    assert!(
        text.contains("- The best evaluation, by kl-divergence, is that at step 125: "),
        "of equals the earlier, but not what no update has touched: {text}"
    );
    assert!(text.contains("giving the shares in training as probabilities"), "{text}");
}
