//! What variants say together that differ in their examples alone: folds of one cross-validation, shares of one learning
//! curve.

use serde::{Deserialize, Serialize};

use super::changes::WORDS;
use super::comparison::{MetricResult, VariantResult, figures};
use super::metric::Metric;
use super::reading::{Take, Target, common_budget};
use super::runs::{Group, Run, are_labelled, grouped};
use super::words::{digits, signed_off};
use crate::axis::Axis;
use crate::case_runs::CaseRuns;
use crate::inference::{Interval, deviation, mean, t_interval};
use crate::labelled::main_figures;
use crate::markdown::{Table, count, escaped};

/// One metric over the folds of a cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AcrossFolds {
    /// What the variants' names have beside the fold; empty where that is all.
    pub name: String,
    /// The metric.
    pub metric: Metric,
    /// Folds that the examples were dealt into.
    pub dealt: usize,
    /// Each fold that has a figure, by its number.
    pub folds: Vec<FoldValue>,
    /// Mean over the folds.
    pub mean: Option<f64>,
    /// Standard deviation over the folds, divided by k − 1.
    pub deviation: Option<f64>,
    /// The 95 % t interval of the mean over folds. Folds share training examples, so it is too narrow, and no estimate of
    /// the variance over folds is free of bias (Bengio and Grandvalet 2004, "No unbiased estimator of the variance of k-fold
    /// cross-validation").
    pub interval: Option<Interval>,
}

/// One fold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FoldValue {
    /// Its number, from 0.
    pub fold: usize,
    /// Seeds that have a figure.
    pub seeds: usize,
    /// Mean over these seeds.
    pub value: f64,
}

/// One metric by the share of the training examples that was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LearningCurve {
    /// What the variants' names have beside the share; empty where that is all.
    pub name: String,
    /// The metric.
    pub metric: Metric,
    /// By share.
    pub points: Vec<SharePoint>,
}

/// One share of the training examples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SharePoint {
    /// Share of the training groups, 0..=1.
    pub share: f64,
    /// Training examples of it.
    pub examples: u64,
    /// Seeds that have a figure.
    pub seeds: usize,
    /// Mean over these seeds.
    pub mean: Option<f64>,
    /// Standard deviation over them, divided by n − 1.
    pub deviation: Option<f64>,
}

const FOLD: &str = "examples.fold";
const SHARE: &str = "examples.share";

/// Each cross-validation among the variants, in each metric.
pub(crate) fn across_folds(groups: &[Group], results: &[MetricResult]) -> Vec<AcrossFolds> {
    let sets = sets(groups, FOLD, |run| run.config.examples.fold.is_some());
    let of = |result: &MetricResult| sets.iter().filter_map(|set| across(groups, set, result)).collect::<Vec<_>>();
    results.iter().flat_map(of).collect()
}

/// Each learning curve among the variants, in each metric.
pub(crate) fn learning_curves(groups: &[Group], results: &[MetricResult]) -> Vec<LearningCurve> {
    let sets = sets(groups, SHARE, Run::is_labelled);
    results.iter().flat_map(|result| sets.iter().map(|set| curve(groups, set, result)).collect::<Vec<_>>()).collect()
}

/// Places of variants that differ from one another in this key, and in no other.
fn sets(groups: &[Group], key: &str, is_one: impl Fn(&Run) -> bool) -> Vec<Vec<usize>> {
    let mut sets: Vec<Vec<usize>> = Vec::new();
    for (at, group) in groups.iter().enumerate().filter(|(_, group)| group.runs.iter().all(&is_one)) {
        let differs_so = |set: &&mut Vec<usize>| {
            let keys = |other: &usize| case::differences(&groups[*other].runs[0].config, &group.runs[0].config);
            let is_meant = |other: &usize| {
                let keys: Vec<String> = keys(other).into_iter().map(|it| it.key).collect();
                let others = keys.iter().filter(|found| *found != key && !WORDS.contains(&found.as_str())).count();
                keys.iter().any(|found| found == key) && others == 0
            };
            set.iter().all(is_meant)
        };
        match sets.iter_mut().find(differs_so) {
            Some(set) => set.push(at),
            None => sets.push(vec![at]),
        }
    }
    sets.retain(|set| set.len() > 1);
    sets
}

/// The parts of a swept variant's name that are not of this key: `pretrained` of `pretrained--fold-3`.
fn name_without(group: &Group, part: &str) -> String {
    let is_other = |name: &&str| !name.starts_with(part);
    group.name.split("--").filter(is_other).collect::<Vec<_>>().join("--")
}

fn across(groups: &[Group], set: &[usize], result: &MetricResult) -> Option<AcrossFolds> {
    let fold = |at: &usize| {
        let fold = groups[*at].runs[0].config.examples.fold?;
        let values = seeds(&result.variants[*at]);
        Some(FoldValue { fold, seeds: values.len(), value: mean(&values)? })
    };
    let mut folds: Vec<FoldValue> = set.iter().filter_map(fold).collect();
    folds.sort_by_key(|fold| fold.fold);
    let values: Vec<f64> = folds.iter().map(|fold| fold.value).collect();
    let first = &groups[set[0]];
    Some(AcrossFolds {
        name: name_without(first, "fold-"),
        metric: result.metric,
        dealt: first.runs[0].config.examples.folds?,
        mean: mean(&values),
        deviation: deviation(&values),
        interval: t_interval(&values),
        folds,
    })
}

fn curve(groups: &[Group], set: &[usize], result: &MetricResult) -> LearningCurve {
    let point = |at: &usize| {
        let (run, values) = (&groups[*at].runs[0], seeds(&result.variants[*at]));
        let splits = run.info.data.examples.iter().flat_map(|examples| &examples.splits);
        SharePoint {
            share: run.config.examples.share,
            examples: splits.filter(|split| split.name == "train").map(|split| split.examples).sum(),
            seeds: values.len(),
            mean: mean(&values),
            deviation: deviation(&values),
        }
    };
    let mut points: Vec<SharePoint> = set.iter().map(point).collect();
    points.sort_by(|a, b| a.share.total_cmp(&b.share));
    LearningCurve { name: name_without(&groups[set[0]], "share-"), metric: result.metric, points }
}

fn seeds(variant: &VariantResult) -> Vec<f64> {
    variant.seeds.iter().filter_map(|reading| reading.value).collect()
}

/// What the examples of a case's runs say together: its cross-validations and learning curves in its main figures, read at
/// the place at which `compare` reads them. Nothing where a run's case cannot be read.
pub(crate) fn of_case(case: &CaseRuns) -> (Vec<AcrossFolds>, Vec<LearningCurve>) {
    let begun = case.runs.iter().filter(|run| !run.events.is_empty());
    let runs: Vec<Run> = begun.filter_map(|run| Run::of(run).ok()).collect();
    let Some(examples) = case.examples().filter(|_| !runs.is_empty()) else { return (Vec::new(), Vec::new()) };
    let evals: Vec<&crate::event::Eval> = runs.iter().flat_map(Run::evals).collect();
    let metrics: Vec<Metric> =
        main_figures(examples, &evals).iter().filter_map(|name| Metric::of_figure(name)).collect();
    let groups = grouped(runs.clone());
    let axis = super::axis::natural_axis(&runs.iter().collect::<Vec<_>>());
    of_groups(&groups, axis, &metrics)
}

fn of_groups(groups: &[Group], axis: Axis, metrics: &[Metric]) -> (Vec<AcrossFolds>, Vec<LearningCurve>) {
    if !are_labelled(groups) {
        return (Vec::new(), Vec::new());
    }
    let budget = common_budget(groups, axis);
    let target = |metric| Target { axis, budget, take: Take::AtBudget, metric, corpus: None };
    let results: Vec<MetricResult> = metrics.iter().map(|metric| figures(groups, &target(*metric))).collect();
    (across_folds(groups, &results), learning_curves(groups, &results))
}

impl AcrossFolds {
    /// `accuracy over 5 folds: 0.8123 ± 0.0123 (95 % 0.79 to 0.83); ...`.
    pub(crate) fn text(&self) -> String {
        let digits = digits(self.metric, self.deviation);
        let whose = if self.name.is_empty() { String::new() } else { format!("{}, ", self.name) };
        let folds = match self.folds.len() == self.dealt {
            true => format!("{} folds", self.dealt),
            false => format!("{} of {} folds", self.folds.len(), self.dealt),
        };
        let Some(mean) = self.mean else { return format!("{whose}{} over {folds}: no figure yet", self.metric) };
        let deviation = self.deviation.map_or(String::new(), |deviation| format!(" ± {deviation:.digits$}"));
        let interval = self.interval.map_or(String::new(), |ends| {
            let [low, high] = [ends.low, ends.high].map(|end| signed_off(end, digits));
            format!(", interval {low} to {high}")
        });
        format!("{whose}{} over {folds}: {mean:.digits$}{deviation}{interval}. {FOLDS_LEGEND}", self.metric)
    }
}

const FOLDS_LEGEND: &str = "Mean ± deviation over folds, each fold one value, the mean over its seeds; the interval is the 95 % t \
    interval over folds. Folds share training examples, so it is too narrow (Bengio and Grandvalet 2004)";

impl LearningCurve {
    /// `pretrained: accuracy by share of the training examples`.
    pub(crate) fn title(&self) -> String {
        let whose = if self.name.is_empty() { String::new() } else { format!("{}: ", self.name) };
        format!("{whose}{} by share of the training examples, ± deviation over seeds", self.metric)
    }

    const HEADER: [&'static str; 4] = ["share", "training examples", "seeds", "figure ± deviation"];

    /// The table with its titles.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let row = |point: &SharePoint| {
            let digits = digits(self.metric, point.deviation);
            let deviation = point.deviation.map_or(String::new(), |deviation| format!(" ± {deviation:.digits$}"));
            let figure = point.mean.map_or("–".into(), |mean| format!("{mean:.digits$}{deviation}"));
            vec![point.share.to_string(), count(point.examples), point.seeds.to_string(), figure]
        };
        std::iter::once(Self::HEADER.map(String::from).to_vec()).chain(self.points.iter().map(row)).collect()
    }

    /// The table, for any page.
    pub(crate) fn table(&self) -> Table {
        let titles = Self::HEADER.map(|title| format!(">{title}"));
        let mut table = Table::new(&titles.each_ref().map(String::as_str));
        self.rows().into_iter().skip(1).for_each(|row| table.row(row));
        table
    }
}

/// Folds and learning curves as sections of a page; empty where there are none.
pub(crate) fn examples_markdown(folds: &[AcrossFolds], curves: &[LearningCurve]) -> String {
    let mut page = String::new();
    if !folds.is_empty() {
        page += "\n## Over folds\n\n";
        page += &folds.iter().map(|folds| format!("- {}.\n", escaped(&folds.text()))).collect::<String>();
    }
    for curve in curves {
        page += &format!("\n## Learning curve\n\n{}:\n\n{}", escaped(&curve.title()), curve.table().text());
    }
    page
}

#[cfg(test)]
#[path = "folds_tests.rs"]
mod tests;
