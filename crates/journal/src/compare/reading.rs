//! One run's figure at the common budget.

use serde::{Deserialize, Serialize};

use super::axis::Axis;
use super::metric::{Figure, Metric};
use super::runs::{Group, Run};
use crate::event::{Eval, Status};
use crate::inference::Outcome;
use crate::statistics::standard_error;

/// Two places on an axis are one where they differ by less than this share: floats summed on two paths.
const SAME_PLACE: f64 = 1e-9;

/// Which validation is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Take {
    /// The one at the budget.
    #[default]
    AtBudget,
    /// The one of the lowest loss up to the budget, or of labelled examples that of the best figure. It is chosen on the data it is measured on, and so a little too good;
    /// the more so, the more often a run was validated.
    BestUpToBudget,
}

/// What stands in a comparison for one seed of one variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The seed.
    pub seed: u64,
    /// The run's folder.
    pub run: String,
    /// What became of the run.
    pub status: Status,
    /// Its figure; `None` where it diverged or has not come so far.
    pub value: Option<f64>,
    /// Its accuracy beside it, 0..=1.
    pub accuracy: Option<f64>,
    /// One standard error of that accuracy, from the number of scored tokens as if they were independent.
    pub accuracy_error: Option<f64>,
    /// One standard error of its figure, of labelled examples: from the number of examples it was evaluated on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// Scored tokens.
    pub scored: Option<u64>,
    /// The step it was measured at, or the two steps it lies between.
    pub steps: Vec<u64>,
    /// Whether it diverged before the budget, and so counts as worse than any run that trained.
    pub failed: bool,
}

/// Where and what is read of every run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) axis: Axis,
    /// `None` where no run has a validation.
    pub(crate) budget: Option<f64>,
    pub(crate) take: Take,
    pub(crate) metric: Metric,
    pub(crate) corpus: Option<&'a str>,
}

/// The most that every run can be read at: the shortest of the finished ones, or of those under way where none finished.
pub(crate) fn common_budget(groups: &[Group], axis: Axis) -> Option<f64> {
    let runs = || groups.iter().flat_map(|group| &group.runs);
    let shortest = |is_counted: &dyn Fn(&Run) -> bool| {
        runs().filter(|run| is_counted(run)).filter_map(|run| axis.reach(run)).min_by(f64::total_cmp)
    };
    shortest(&|run| run.status() == Status::Finished)
        .or_else(|| shortest(&|run| !matches!(run.status(), Status::Diverged | Status::Failed)))
}

/// Whether a run was validated as far as this.
pub(crate) fn has_come_to(run: &Run, axis: Axis, budget: f64) -> bool {
    axis.reach(run).is_some_and(|reach| reach >= budget * (1.0 - SAME_PLACE))
}

/// What a run shows at the target.
pub(crate) fn reading(run: &Run, target: &Target<'_>) -> Reading {
    let status = run.status();
    let reached = target.budget.filter(|budget| has_come_to(run, target.axis, *budget));
    let found = reached.and_then(|budget| match target.take {
        Take::AtBudget => at(run, target, budget),
        Take::BestUpToBudget => best_up_to(run, target, budget),
    });
    let (figure, steps) = found.map_or((None, Vec::new()), |(figure, steps)| (Some(figure), steps));
    Reading {
        seed: run.info.seed,
        run: run.dir.display().to_string(),
        status,
        value: figure.map(|figure| figure.value),
        accuracy: figure.map(|figure| figure.accuracy),
        accuracy_error: figure.filter(|_| !run.is_labelled()).and_then(|it| standard_error(it.accuracy, it.scored)),
        error: figure.and_then(|figure| figure.error),
        scored: figure.map(|figure| figure.scored),
        steps,
        failed: status == Status::Diverged && reached.is_none(),
    }
}

/// As the statistics take it; `None` where there is nothing to take.
pub(crate) fn outcome(reading: &Reading) -> Option<Outcome> {
    if reading.failed { Some(Outcome::Failed) } else { reading.value.map(Outcome::Value) }
}

/// The validation at a place, or the line between the two around it.
fn at(run: &Run, target: &Target<'_>, budget: f64) -> Option<(Figure, Vec<u64>)> {
    let place = |eval: &Eval| target.axis.of(run, eval);
    let slack = budget * SAME_PLACE;
    let evals = run.evals();
    let after = evals.iter().position(|eval| place(eval) >= budget - slack)?;
    let later = target.metric.of(evals[after], target.corpus)?;
    if after == 0 || place(evals[after]) <= budget + slack {
        return Some((later, vec![evals[after].step]));
    }
    let earlier = target.metric.of(evals[after - 1], target.corpus)?;
    let (from, to) = (place(evals[after - 1]), place(evals[after]));
    let part = (budget - from) / (to - from);
    let between = |a: f64, b: f64| a + part * (b - a);
    let figure = Figure {
        value: between(earlier.value, later.value),
        accuracy: between(earlier.accuracy, later.accuracy),
        scored: later.scored,
        error: later.error,
    };
    Some((figure, vec![evals[after - 1].step, evals[after].step]))
}

fn best_up_to(run: &Run, target: &Target<'_>, budget: f64) -> Option<(Figure, Vec<u64>)> {
    let up_to = |eval: &&Eval| target.axis.of(run, eval) <= budget * (1.0 + SAME_PLACE);
    let evals: Vec<&Eval> = run.evals().into_iter().filter(up_to).collect();
    let best = crate::results::best(&run.info, &evals)?;
    Some((target.metric.of(best, target.corpus)?, vec![best.step]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::synthetic::{Made, run};

    fn target(budget: f64) -> Target<'static> {
        Target { axis: Axis::Steps, budget: Some(budget), take: Take::AtBudget, metric: Metric::Loss, corpus: None }
    }

    #[test]
    fn a_figure_at_a_validation_is_that_validation_and_carries_its_noise() {
        let run = run(&Made { loss: 4.0, ..Made::default() });
        let reading = reading(&run, &target(1_000.0));
        assert_eq!((reading.value, reading.steps), (Some(4.0), vec![1_000]));
        let (accuracy, scored) = (reading.accuracy.unwrap(), reading.scored.unwrap());
        assert_eq!(reading.accuracy_error, standard_error(accuracy, scored));
    }

    #[test]
    fn a_figure_between_two_validations_lies_on_their_line_and_says_so() {
        let run = run(&Made::default());
        let value = |budget| reading(&run, &target(budget)).value.unwrap();
        assert!((value(600.0) - (value(500.0) + 0.4 * (value(750.0) - value(500.0)))).abs() < 1e-12);
        assert_eq!(reading(&run, &target(600.0)).steps, [500, 750]);
    }

    #[test]
    fn a_corpus_is_read_by_its_name_and_one_that_is_missing_is_not() {
        let run = run(&Made::default());
        let of = |corpus| reading(&run, &Target { corpus: Some(corpus), ..target(1_000.0) }).value;
        assert!(of("ko").unwrap() > of("en").unwrap());
        assert_eq!(of("fr"), None);
    }

    #[test]
    fn the_best_is_searched_up_to_the_budget_alone() {
        let run = run(&Made { rises_after: Some(500), ..Made::default() });
        let best = |budget| reading(&run, &Target { take: Take::BestUpToBudget, ..target(budget) }).steps;
        assert_eq!((best(1_000.0), best(250.0)), (vec![500], vec![250]));
    }

    #[test]
    fn a_run_that_diverged_before_the_budget_has_failed_and_one_that_did_after_has_not() {
        let run = run(&Made { steps: 600, status: Status::Diverged, ..Made::default() });
        let late = reading(&run, &target(1_000.0));
        assert!(late.failed && late.value.is_none());
        let early = reading(&run, &target(500.0));
        assert!(!early.failed && early.value.is_some());
    }

    #[test]
    fn an_unfinished_run_is_missing_and_does_not_shorten_the_budget() {
        let group = |made| Group { name: "a".into(), runs: vec![run(&made)] };
        let stopped = Made { steps: 300, status: Status::Stopped, ..Made::default() };
        let groups = [group(Made::default()), group(stopped)];
        assert_eq!(common_budget(&groups, Axis::Steps), Some(1_000.0));
        let missing = reading(&groups[1].runs[0], &target(1_000.0));
        assert_eq!((outcome(&missing), missing.failed), (None, false));
        assert_eq!(common_budget(&groups[1..], Axis::Steps), Some(250.0));
    }
}
