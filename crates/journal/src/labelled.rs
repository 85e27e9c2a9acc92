//! What is peculiar to runs that learn from labelled examples: the figure that tells the best evaluation, its noise, and
//! what is counted.

use crate::event::Eval;
use crate::info::{ExamplesInfo, RunInfo};
use crate::metrics::{Figure, Scores, is_lower_better};

/// The split kept for the end.
pub(crate) const TEST: &str = "test";

/// Figures beside the one that tells the best, in the order in which there is room for them. What is not here is read off
/// the whole table.
const MAIN: [&str; 9] = [
    "accuracy",
    "subset-accuracy",
    "f1-macro",
    "f1-micro",
    "strict-f1-micro",
    "f1-samples",
    "mcc",
    "kl-divergence",
    "calibration-error",
];
/// So many of them stand beside it.
const BESIDE: usize = 4;

/// A figure of an evaluation, if it is there.
pub(crate) fn figure<'a>(eval: &'a Eval, name: &str) -> Option<&'a Figure> {
    eval.scores.as_ref()?.figure(name)
}

/// The best evaluation by a figure, the earlier of equals; one that lacks the figure is passed over.
pub(crate) fn best_by<'a>(name: &str, evals: &[&'a Eval]) -> Option<&'a Eval> {
    let better = |value: f64, than: f64| if is_lower_better(name) { value < than } else { value > than };
    let mut best: Option<(&Eval, f64)> = None;
    for eval in evals {
        let Some(figure) = figure(eval, name) else { continue };
        if best.is_none_or(|(_, value)| better(figure.value, value)) {
            best = Some((eval, figure.value));
        }
    }
    best.map(|(eval, _)| eval)
}

/// How many other evaluations lie no further from the best one's figure than its standard error; `None` where that is not
/// known.
pub(crate) fn within_noise(name: &str, best: &Eval, evals: &[&Eval]) -> Option<usize> {
    Some(evals.iter().filter(|eval| is_within_noise(name, best, eval)).count()).filter(|_| noise(name, best).is_some())
}

/// Whether another evaluation's figure lies within one standard error of the best one's.
pub(crate) fn is_within_noise(name: &str, best: &Eval, eval: &Eval) -> bool {
    let (Some(own), Some(error)) = (figure(best, name), noise(name, best)) else { return false };
    let is_near = |other: &Figure| (other.value - own.value).abs() <= error;
    !std::ptr::eq(best, eval) && figure(eval, name).is_some_and(is_near)
}

fn noise(name: &str, eval: &Eval) -> Option<f64> {
    figure(eval, name)?.error
}

/// What one scored decision is.
pub(crate) fn unit(examples: &ExamplesInfo) -> &'static str {
    match (examples.task.as_str(), examples.target.as_str()) {
        ("tag", _) => "token",
        (_, "multi") => "pair of example and label",
        _ => "example",
    }
}

/// What accuracy is a share of.
pub(crate) fn decided(examples: &ExamplesInfo) -> &'static str {
    match (examples.task.as_str(), examples.target.as_str()) {
        ("tag", _) => "words",
        (_, "multi") => "pairs of example and label",
        _ => "examples",
    }
}

/// The figure that tells the best, then up to four others that are not the same number.
pub(crate) fn main_figures(examples: &ExamplesInfo, evals: &[&Eval]) -> Vec<String> {
    let has = |name: &str| evals.iter().any(|eval| figure(eval, name).is_some());
    let mut names: Vec<String> = Some(examples.best_by.clone()).filter(|name| has(name)).into_iter().collect();
    for name in MAIN {
        let is_new = !names.iter().any(|known| known == name || is_one_number(known, name, evals));
        if names.len() <= BESIDE && has(name) && is_new {
            names.push(name.into());
        }
    }
    names
}

/// Micro F1 of single labels is the accuracy.
fn is_one_number(a: &str, b: &str, evals: &[&Eval]) -> bool {
    let value = |eval: &Eval, name: &str| figure(eval, name).map(|figure| figure.value);
    evals.iter().all(|eval| value(eval, a) == value(eval, b))
}

/// The figures that have a chart of their own beside loss and accuracy: the one that tells the best, and F1.
pub(crate) fn drawn_figures(info: &RunInfo, evals: &[&Eval]) -> Vec<String> {
    let Some(examples) = &info.data.examples else { return Vec::new() };
    let accuracy = "accuracy".to_string();
    let mut names = Vec::new();
    for name in [examples.best_by.as_str(), "f1-macro", "f1-micro"] {
        let has = evals.iter().any(|eval| figure(eval, name).is_some());
        // The loss chart shows the cross-entropy.
        let is_drawn = [accuracy.as_str(), "cross-entropy"].contains(&name) || names.iter().any(|known| known == name);
        if has && !is_drawn && !is_one_number(name, &accuracy, evals) {
            names.push(name.to_string());
        }
    }
    names
}

/// The scores of an evaluation; those of none where it has none.
pub(crate) fn scores(eval: &Eval) -> Scores {
    eval.scores.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::results::{VALID, evals};
    use crate::synthetic_labelled::{labelled_info, labelled_run, tagged_info, tagged_run};

    fn with(evals: &mut [Eval], at: usize, name: &str, value: f64, error: Option<f64>) {
        let scores = evals[at].scores.as_mut().unwrap();
        let figure = scores.figures.iter_mut().find(|figure| figure.name == name).unwrap();
        (figure.value, figure.error) = (value, error);
    }

    fn valid(events: &[Event]) -> Vec<Eval> {
        evals(events, VALID).into_iter().cloned().collect()
    }

    #[test]
    fn the_best_is_told_by_the_named_figure_and_of_equals_the_earlier() {
        let mut made = valid(&labelled_run());
        for at in 0..made.len() {
            with(&mut made, at, "accuracy", 0.5, Some(0.01));
            with(&mut made, at, "cross-entropy", 1.0 - 0.1 * at as f64, Some(0.01));
        }
        with(&mut made, 2, "accuracy", 0.8, Some(0.02));
        with(&mut made, 3, "accuracy", 0.8, Some(0.02));
        let evals: Vec<&Eval> = made.iter().collect();
        assert_eq!(best_by("accuracy", &evals).unwrap().step, evals[2].step);
        assert_eq!(best_by("cross-entropy", &evals).unwrap().step, evals[4].step);
        assert_eq!(best_by("f1-samples", &evals), None);
        assert_eq!(within_noise("accuracy", evals[2], &evals), Some(1));
    }

    #[test]
    fn an_evaluation_without_the_figure_is_passed_over_and_no_error_is_no_noise() {
        let mut made = valid(&labelled_run());
        let last = made.len() - 1;
        made[last].scores = None;
        with(&mut made, 1, "accuracy", 0.99, None);
        let evals: Vec<&Eval> = made.iter().collect();
        let best = best_by("accuracy", &evals).unwrap();
        assert_eq!((best.step, within_noise("accuracy", best, &evals)), (evals[1].step, None));
    }

    #[test]
    fn figures_that_are_one_number_stand_once() {
        let (labelled, tagged) = (labelled_run(), tagged_run());
        let info = labelled_info();
        let names = main_figures(info.data.examples.as_ref().unwrap(), &evals(&labelled, VALID));
        assert_eq!(names, ["accuracy", "f1-macro", "mcc", "calibration-error"]);
        assert_eq!(drawn_figures(&info, &evals(&labelled, VALID)), ["f1-macro"]);
        let info = tagged_info();
        let names = main_figures(info.data.examples.as_ref().unwrap(), &evals(&tagged, VALID));
        assert_eq!(names[0], "strict-f1-micro");
        assert_eq!(drawn_figures(&info, &evals(&tagged, VALID)), ["strict-f1-micro", "f1-macro", "f1-micro"]);
    }
}
