//! The results and the parameters of a case as tables: by variant, by run, and what differs between variants.

use crate::case_runs::{CaseRuns, Run};
use crate::event::Status;
use crate::labelled_tables;
use crate::markdown::{Table, count, duration, minute};
use crate::results::with_error;
use crate::summary::{Evaluated, RunSummary};

/// A line for each variant: means over its finished seeds, with the least and the largest. A variant without a finished
/// run has its line too: failures count.
pub(crate) fn variants_table(case: &CaseRuns) -> Table {
    if let Some(examples) = case.examples() {
        return labelled_tables::variants_table(case, examples);
    }
    let mut table = Table::new(&[
        "variant",
        ">finished runs",
        ">steps",
        ">best loss",
        ">at step",
        ">last loss",
        ">last accuracy",
        ">last bits/char",
    ]);
    for variant in &case.variants {
        let all: Vec<&Run> = case.of_variant(variant).collect();
        let finished: Vec<RunSummary> =
            all.iter().filter(|run| run.status() == Status::Finished).map(|run| run.summary()).collect();
        let last = |value: fn(&Evaluated) -> f64| -> Vec<f64> {
            finished.iter().filter_map(|run| run.last.as_ref().map(value)).collect()
        };
        let best = |value: fn(&Evaluated) -> f64| -> Vec<f64> {
            finished.iter().filter_map(|run| run.best.as_ref().map(value)).collect()
        };
        let whole = |value: f64| count(value.round() as u64);
        table.row(vec![
            variant.clone(),
            format!("{} of {}", finished.len(), all.len()),
            spread(&finished.iter().map(|run| run.step as f64).collect::<Vec<_>>(), whole),
            spread(&best(|eval| eval.loss), |loss| format!("{loss:.4}")),
            spread(&best(|eval| eval.step as f64), whole),
            spread(&last(|eval| eval.loss), |loss| format!("{loss:.4}")),
            spread(&last(|eval| eval.accuracy), |share| format!("{share:.4}")),
            spread(&last(|eval| eval.bits_per_char), |bits| format!("{bits:.3}")),
        ]);
    }
    table
}

/// `4.73`, or `4.74 (4.73 to 4.75)`: the mean, with the least and the largest where they differ.
pub(crate) fn spread(values: &[f64], show: impl Fn(f64) -> String) -> String {
    let (Some(least), Some(largest)) =
        (values.iter().copied().reduce(f64::min), values.iter().copied().reduce(f64::max))
    else {
        return "–".into();
    };
    let mean = show(values.iter().sum::<f64>() / values.len() as f64);
    let (least, largest) = (show(least), show(largest));
    if least == largest { mean } else { format!("{mean} ({least} to {largest})") }
}

/// The columns of [`runs_table`].
const OF_RUNS: [&str; 14] = [
    "variant",
    ">seed",
    "state",
    ">step",
    ">best loss",
    ">at step",
    ">last loss",
    ">last accuracy",
    ">bits/char",
    ">training loss",
    "began (UTC)",
    "took",
    "commit",
    "why it ended",
];

/// What every table of runs begins a line with: which run, and how far it came.
pub(crate) fn identity(summary: &RunSummary) -> [String; 4] {
    [
        summary.variant.clone(),
        summary.seed.to_string(),
        summary.state.to_string(),
        format!("{} of {}", count(summary.step), count(summary.total_steps)),
    ]
}

/// What every table of runs ends a line with: training loss, when it began, how long it took, its commit, why it ended.
pub(crate) fn circumstances(summary: RunSummary) -> [String; 5] {
    let known = |value: Option<String>| value.unwrap_or_else(|| "–".into());
    [
        known(summary.training_loss.map(|loss| format!("{loss:.4}"))),
        known(summary.began.as_deref().map(minute)),
        if summary.began.is_some() { duration(summary.time_s) } else { "–".into() },
        known(summary.commit.map(|commit| commit.chars().take(9).collect())),
        summary.reason,
    ]
}

/// A line for each run, whatever became of it.
pub(crate) fn runs_table(case: &CaseRuns) -> Table {
    if let Some(examples) = case.examples() {
        return labelled_tables::runs_table(case, examples);
    }
    let mut table = Table::new(&OF_RUNS);
    for run in &case.runs {
        let summary = run.summary();
        let (best, last) = (summary.best.as_ref(), summary.last.as_ref());
        let known = |value: Option<String>| value.unwrap_or_else(|| "–".into());
        let figures = [
            known(best.map(|eval| format!("{:.4}", eval.loss))),
            known(best.map(|eval| count(eval.step))),
            known(last.map(|eval| format!("{:.4}", eval.loss))),
            known(run.last_scored().map(|(accuracy, scored)| with_error(accuracy, scored))),
            known(last.map(|eval| format!("{:.3}", eval.bits_per_char))),
        ];
        table.row(identity(&summary).into_iter().chain(figures).chain(circumstances(summary)).collect());
    }
    table
}

/// A parameter and its values, each with the variants that have it.
pub(crate) struct Parameter {
    pub(crate) key: String,
    pub(crate) values: Vec<(String, Vec<String>)>,
}

/// The parameters of the runs, in their order; one whose runs all agree has one value.
pub(crate) fn parameters(case: &CaseRuns) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for run in &case.runs {
        for (key, value) in &run.info.parameters {
            let at = parameters.iter().position(|known| known.key == *key).unwrap_or_else(|| {
                parameters.push(Parameter { key: key.clone(), values: Vec::new() });
                parameters.len() - 1
            });
            let values = &mut parameters[at].values;
            let variant = &run.info.variant;
            match values.iter_mut().find(|(known, _)| known == value) {
                Some((_, variants)) if variants.contains(variant) => {}
                Some((_, variants)) => variants.push(variant.clone()),
                None => values.push((value.clone(), vec![variant.clone()])),
            }
        }
    }
    parameters
}

impl Parameter {
    /// `4 (layer-4) and 6 (layer-6)`, `256` where all agree, and `0.1 (a) and 0.01 (the others)` where most do.
    pub(crate) fn text(&self) -> String {
        let [(value, _)] = self.values.as_slice() else {
            let most = self.values.iter().map(|(_, variants)| variants.len()).max().unwrap_or(0);
            let is_rest = |variants: &Vec<String>| variants.len() == most && most > FEW;
            let rest = self.values.iter().position(|(_, variants)| is_rest(variants));
            let named = self.values.iter().enumerate().filter(|(at, _)| Some(*at) != rest);
            let mut parts: Vec<String> =
                named.map(|(_, (value, variants))| format!("{value} ({})", variants.join(", "))).collect();
            parts.extend(rest.map(|at| format!("{} (the others)", self.values[at].0)));
            let last = parts.pop().unwrap_or_default();
            return format!("{} and {last}", parts.join(", "));
        };
        value.clone()
    }
}

/// More variants than these that share a value are "the others".
const FEW: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{case_runs, ended, log, start};

    #[test]
    fn a_variant_s_line_is_the_mean_of_its_finished_seeds() {
        let text = variants_table(&case_runs()).plain();
        let line = text.lines().nth(2).unwrap();
        // 4.7290 and 0.01 for each number of the seeds 1, 2 and 10
        assert!(line.starts_with("layer-4") && line.contains("3 of 3"), "{text}");
        assert!(line.contains("4.7724 (4.7390 to 4.8290)"), "{text}");
    }

    #[test]
    fn unfinished_runs_are_counted_and_listed() {
        let mut case = case_runs();
        case.runs[0].events = vec![start(), log(50), ended(50, Status::Diverged, "the loss is NaN")];
        case.runs[1].events.clear();
        let text = variants_table(&case).plain();
        assert!(text.lines().nth(1).unwrap().contains("0 of 2"), "{text}");
        let text = runs_table(&case).plain();
        assert_eq!(text.lines().count(), 6);
        assert!(text.lines().nth(1).unwrap().ends_with("the loss is NaN"), "{text}");
    }

    #[test]
    fn parameters_that_differ_say_for_whom() {
        let parameters = parameters(&case_runs());
        let text = |key: &str| parameters.iter().find(|parameter| parameter.key == key).unwrap().text();
        assert_eq!(text("n_layers"), "6 (layer-6) and 4 (layer-4)");
        assert_eq!(text("d_model"), "512");
        let values = [("0.1", vec!["a"]), ("0.01", vec!["b", "c", "d"]), ("0", vec!["e"])];
        let values = values.map(|(value, variants)| (value.into(), variants.into_iter().map(String::from).collect()));
        let parameter = Parameter { key: "weight_decay".into(), values: values.to_vec() };
        assert_eq!(parameter.text(), "0.1 (a), 0 (e) and 0.01 (the others)");
    }
}
