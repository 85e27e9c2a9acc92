//! The results of a case of labelled examples as tables: by variant and by run.

use crate::case_runs::{CaseRuns, Run};
use crate::case_tables::{circumstances, identity, spread};
use crate::event::Status;
use crate::info::ExamplesInfo;
use crate::labelled::unit;
use crate::markdown::{Table, count};
use crate::summary::{Evaluated, RunSummary};

/// What stands below the tables.
pub(crate) fn legend(examples: &ExamplesInfo) -> String {
    format!(
        "Means over finished seeds, with the least and the largest; of one run ± one standard error of its figure, from the \
         number of examples; loss in nats per {}. A best {} is chosen on the examples that it is of and so a little too \
         good; those of the last validation and of the test are not chosen so.",
        unit(examples),
        examples.best_by
    )
}

fn titled(examples: &ExamplesInfo, titles: &[&str]) -> Table {
    let titles: Vec<String> = titles.iter().map(|title| title.replace("FIGURE", &examples.best_by)).collect();
    Table::new(&titles.iter().map(String::as_str).collect::<Vec<&str>>())
}

fn value(eval: &Evaluated) -> Option<f64> {
    eval.figure.as_ref().map(|figure| figure.value)
}

/// A line for each variant: means over its finished seeds, with the least and the largest.
pub(crate) fn variants_table(case: &CaseRuns, examples: &ExamplesInfo) -> Table {
    let titles = [
        "variant",
        ">finished runs",
        ">steps",
        ">best FIGURE",
        ">at step",
        ">last FIGURE",
        ">test FIGURE",
        ">last loss",
    ];
    let mut table = titled(examples, &titles);
    for variant in &case.variants {
        let all: Vec<&Run> = case.of_variant(variant).collect();
        let finished = all.iter().filter(|run| run.status() == Status::Finished);
        let finished: Vec<RunSummary> = finished.map(|run| run.summary()).collect();
        let values = |of: fn(&RunSummary) -> Option<f64>| finished.iter().filter_map(of).collect::<Vec<f64>>();
        let whole = |value: f64| count(value.round() as u64);
        let four = |value: f64| format!("{value:.4}");
        table.row(vec![
            variant.clone(),
            format!("{} of {}", finished.len(), all.len()),
            spread(&values(|run| Some(run.step as f64)), whole),
            spread(&values(|run| value(run.best.as_ref()?)), four),
            spread(&values(|run| Some(run.best.as_ref()?.step as f64)), whole),
            spread(&values(|run| value(run.last.as_ref()?)), four),
            spread(&values(|run| value(run.test.as_ref()?)), four),
            spread(&values(|run| Some(run.last.as_ref()?.loss)), four),
        ]);
    }
    table
}

/// The columns of [`runs_table`].
const OF_RUNS: [&str; 14] = [
    "variant",
    ">seed",
    "state",
    ">step",
    ">best FIGURE",
    ">at step",
    ">last FIGURE",
    ">test FIGURE",
    ">last loss",
    ">training loss",
    "began (UTC)",
    "took",
    "commit",
    "why it ended",
];

/// A line for each run, whatever became of it.
pub(crate) fn runs_table(case: &CaseRuns, examples: &ExamplesInfo) -> Table {
    let mut table = titled(examples, &OF_RUNS);
    for run in &case.runs {
        let summary = run.summary();
        let known = |value: Option<String>| value.unwrap_or_else(|| "–".into());
        let figure = |eval: &Option<Evaluated>| known(eval.as_ref().and_then(with_error));
        let figures = [
            figure(&summary.best),
            known(summary.best.as_ref().map(|eval| count(eval.step))),
            figure(&summary.last),
            figure(&summary.test),
            known(summary.last.as_ref().map(|eval| format!("{:.4}", eval.loss))),
        ];
        table.row(identity(&summary).into_iter().chain(figures).chain(circumstances(summary)).collect());
    }
    table
}

fn with_error(eval: &Evaluated) -> Option<String> {
    let figure = eval.figure.as_ref()?;
    let error = figure.error.map_or(String::new(), |error| format!(" ± {error:.4}"));
    Some(format!("{:.4}{error}", figure.value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Status};
    use crate::synthetic::{ended, start};
    use crate::synthetic_labelled::labelled_case;

    #[test]
    fn variants_and_runs_have_the_named_figure_and_the_test() {
        let mut case = labelled_case();
        case.runs[5].events = vec![start(), ended(0, Status::Failed, "no such device")];
        let examples = case.examples().unwrap();
        let text = variants_table(&case, examples).plain();
        let titles = text.lines().next().unwrap();
        assert!(titles.contains("best accuracy") && titles.contains("test accuracy"), "{text}");
        assert!(!titles.contains("bits") && text.lines().nth(2).unwrap().contains("2 of 3"), "{text}");
        let text = runs_table(&case, examples).plain();
        let test = case.runs[0].events.iter().rev().find_map(|event| match event {
            Event::Eval(eval) => Some(eval.scores.as_ref().unwrap().figure("accuracy").unwrap().clone()),
            _ => None,
        });
        let test = test.map(|figure| format!("{:.4} ± {:.4}", figure.value, figure.error.unwrap())).unwrap();
        assert!(text.lines().nth(1).unwrap().contains(&test), "{test} in {text}");
        assert!(text.lines().nth(6).unwrap().ends_with("no such device"), "{text}");
    }
}
