//! What a case file may choose the best checkpoint by is a figure that the task's scores have.

use case::{BestBy, TargetKind, Task};

use super::*;

#[test]
fn every_figure_of_a_case_file_is_in_the_scores_of_its_task() {
    let labels = ["a", "b"].map(String::from);
    let prior = Prior { shares: vec![0.5, 0.5] };
    let logs = [0.5_f64.ln(); 4];
    let tags = ["O", "B-a"].map(String::from);
    let words = vec![vec!["O".to_string(), "B-a".to_string()]; 2];
    let loss = TagLoss { nats: &[1.0, 2.0], scored: &[2, 2] };
    let truth = [true, false, true, true];
    let multi = MultiLabel { labels: &labels, truth: &truth, log_probs: &[(-0.5, -0.9); 4] };
    let scores = [
        (Task::Classify, TargetKind::Single, classification_scores(&labels, &logs, Targets::Hard(&[0, 1]), &prior)),
        (Task::Classify, TargetKind::Soft, classification_scores(&labels, &logs, Targets::Soft(&[0.5; 4]), &prior)),
        (Task::Classify, TargetKind::Multi, multi_label_scores(multi, &prior)),
        (
            Task::Tag,
            TargetKind::Single,
            tag_scores(Tagged { truth: &words, predicted: &words, loss: Some(loss) }, &tags, &prior).unwrap(),
        ),
    ];
    for (task, target, scores) in scores {
        for figure in BestBy::of(task, target) {
            assert!(scores.value(figure.name()).is_some(), "{task:?} {target:?}: {}", figure.name());
            assert_eq!(is_lower_better(figure.name()), figure.is_lower_better(), "{}", figure.name());
        }
        for figure in &scores.figures {
            assert!(FIGURES.contains(&figure.name.as_str()), "{} is not in the list of names", figure.name);
        }
    }
}
