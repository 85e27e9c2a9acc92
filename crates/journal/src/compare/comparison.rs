//! The comparison itself: everything that is known before it is written down as JSON, text or Markdown.

use serde::{Deserialize, Serialize};

use super::axis::{Axis, natural_axis};
use super::caveats::{Caveat, Scene, caveats};
use super::changes::{WholeDifference, whole_difference};
use super::folds::{AcrossFolds, LearningCurve, across_folds, learning_curves};
use super::metric::Metric;
use super::reading::{Reading, Take, Target, common_budget, has_come_to, outcome, reading};
use super::runs::{Group, Run, are_labelled};
use super::unlike::has_several_vocabularies;
use super::words::reason;
use crate::error::JournalError;
use crate::inference::{Outcome, Study, deviation, judge, mean, study};

/// The format of [`Comparison`] as JSON; it changes when a field is taken away or changes its meaning.
pub const COMPARISON_FORMAT: u32 = 1;

/// How variants are to be compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// What runs are aligned by; `None`: steps where a step is as many tokens in every run, else tokens.
    pub axis: Option<Axis>,
    /// Where on that axis they are read; `None`: at the end of the shortest finished run.
    pub budget: Option<f64>,
    /// Which validation is read.
    pub take: Take,
    /// What is compared, the first above all; empty: the loss, or of labelled examples the figure that tells the best
    /// checkpoint. With different vocabularies it is bits per character, whatever was asked for; figures of labelled examples
    /// are of the same examples under any vocabulary.
    pub metrics: Vec<Metric>,
    /// The variant that the others are compared with; `None`: the first.
    pub baseline: Option<String>,
}

/// Variants compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// [`COMPARISON_FORMAT`].
    pub format: u32,
    /// What the case asks; several cases, several questions.
    pub questions: Vec<String>,
    /// What runs are aligned by.
    pub axis: Axis,
    /// Where on that axis they are read; `None` where no run has a validation.
    pub budget: Option<f64>,
    /// Which validation is read.
    pub take: Take,
    /// The variant that the others are compared with.
    pub baseline: String,
    /// What a reader must know before any number.
    pub caveats: Vec<Caveat>,
    /// The whole difference of each other variant from the baseline.
    pub changes: Vec<WholeDifference>,
    /// The figures: each metric over all corpora, then corpus by corpus.
    pub results: Vec<MetricResult>,
    /// Where variants differ in the fold of their examples alone: what all folds together say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<AcrossFolds>,
    /// Where variants differ in the share of their examples alone: what more examples bring.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learning_curves: Vec<LearningCurve>,
}

/// One metric, over all corpora or in one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricResult {
    /// The metric.
    pub metric: Metric,
    /// The corpus; `None` for all together.
    pub corpus: Option<String>,
    /// Whether all runs learn from labelled examples.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub labelled: bool,
    /// The variants, the baseline first.
    pub variants: Vec<VariantResult>,
    /// Every other variant against the baseline, in the same order.
    pub differences: Vec<Difference>,
}

/// One variant's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantResult {
    /// The variant.
    pub variant: String,
    /// Every seed.
    pub seeds: Vec<Reading>,
    /// Mean over the seeds that have a figure.
    pub mean: Option<f64>,
    /// Standard deviation over those, divided by n − 1.
    pub deviation: Option<f64>,
    /// Seeds that diverged, and are in neither.
    pub failed: usize,
    /// Mean accuracy over those seeds, 0..=1.
    pub accuracy: Option<f64>,
    /// The largest standard error of one seed's accuracy, from the number of scored tokens. All seeds read the same
    /// validation text, so this does not shrink with more of them.
    pub accuracy_error: Option<f64>,
    /// Of labelled examples, the largest standard error of one seed's figure, from the number of examples. All seeds read the
    /// same ones, so this does not shrink with more of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
}

/// One variant against the baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The variant.
    pub variant: String,
    /// What it is compared with.
    pub baseline: String,
    /// The numbers and the verdict.
    pub study: Study,
    /// Why the verdict is what it is, in a sentence.
    pub reason: String,
}

/// Compares variants with one of them.
///
/// All comparisons over all corpora, of every metric asked for, are corrected together; those corpus by corpus, of the first
/// metric, are a second family, corrected together too.
///
/// # Errors
/// [`JournalError::NothingToCompare`], [`JournalError::UnknownBaseline`], [`JournalError::SeedTwice`],
/// [`JournalError::BeyondTheEnd`], [`JournalError::MissingFigure`].
pub fn compare(groups: &[Group], options: &Options) -> Result<Comparison, JournalError> {
    let groups = ordered(groups, options.baseline.as_deref())?;
    let runs: Vec<&Run> = groups.iter().flat_map(|group| &group.runs).collect();
    let axis = options.axis.unwrap_or_else(|| natural_axis(&runs));
    if let Some(asked) = options.budget
        && let Some(longest) = runs.iter().filter_map(|run| axis.reach(run)).max_by(f64::total_cmp)
        && !runs.iter().any(|run| has_come_to(run, axis, asked))
    {
        return Err(JournalError::BeyondTheEnd { asked: axis.amount(asked), longest: axis.amount(longest) });
    }
    let budget = options.budget.or_else(|| common_budget(&groups, axis));
    let metrics = metrics(&groups, options)?;
    let target = Target { axis, budget, take: options.take, metric: metrics[0], corpus: None };
    let whole: Vec<MetricResult> =
        metrics.iter().map(|metric| figures(&groups, &Target { metric: *metric, ..target })).collect();
    let corpora = corpora(&runs);
    let parts: Vec<MetricResult> =
        corpora.iter().map(|corpus| figures(&groups, &Target { corpus: Some(corpus), ..target })).collect();
    let changes: Vec<WholeDifference> = groups[1..].iter().map(|group| whole_difference(&groups[0], group)).collect();
    let readings: Vec<Vec<Reading>> = whole[0].variants.iter().map(|variant| variant.seeds.clone()).collect();
    let (folds, learning_curves) = (across_folds(&groups, &whole), learning_curves(&groups, &whole));
    let scene = Scene { groups: &groups, axis, budget, metrics: &metrics, changes: &changes, readings: &readings };
    Ok(Comparison {
        format: COMPARISON_FORMAT,
        questions: questions(&runs),
        axis,
        budget,
        take: options.take,
        baseline: groups[0].name.clone(),
        caveats: caveats(&scene),
        changes,
        results: [judged(whole), judged(parts)].concat(),
        folds,
        learning_curves,
    })
}

impl Comparison {
    /// JSON of the fields above, indented, ending in a newline. What is unknown is `null`.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("a comparison holds strings, numbers and lists only");
        format!("{text}\n")
    }
}

/// The groups with the baseline first, checked.
fn ordered(groups: &[Group], baseline: Option<&str>) -> Result<Vec<Group>, JournalError> {
    let mut groups: Vec<Group> = groups.iter().filter(|group| !group.runs.is_empty()).cloned().collect();
    if groups.len() < 2 {
        return Err(JournalError::NothingToCompare { found: groups.len() });
    }
    for group in &groups {
        for (at, run) in group.runs.iter().enumerate() {
            if let Some(other) = group.runs[..at].iter().find(|other| other.info.seed == run.info.seed) {
                let (first, second) = (other.dir.display().to_string(), run.dir.display().to_string());
                return Err(JournalError::SeedTwice {
                    variant: group.name.clone(),
                    seed: run.info.seed,
                    first,
                    second,
                });
            }
        }
    }
    if let Some(name) = baseline {
        let at = groups.iter().position(|group| group.name == name).ok_or_else(|| JournalError::UnknownBaseline {
            name: name.into(),
            known: groups.iter().map(|group| group.name.clone()).collect(),
        })?;
        groups[..=at].rotate_right(1);
    }
    Ok(groups)
}

fn metrics(groups: &[Group], options: &Options) -> Result<Vec<Metric>, JournalError> {
    let asked = match &options.metrics[..] {
        asked if are_labelled(groups) => of_labelled(groups, asked),
        _ if has_several_vocabularies(groups) => vec![Metric::BitsPerChar],
        [] => vec![Metric::Loss],
        asked => asked.to_vec(),
    };
    let known = known_metrics(groups);
    match asked.iter().find(|metric| !known.is_empty() && !known.contains(metric)) {
        None => Ok(asked),
        Some(metric) => Err(JournalError::MissingFigure {
            name: metric.word().into(),
            known: known.into_iter().map(|metric| metric.word().into()).collect(),
        }),
    }
}

/// The metrics asked for; where none was, the figure that tells the best checkpoint of the first run.
fn of_labelled(groups: &[Group], asked: &[Metric]) -> Vec<Metric> {
    if !asked.is_empty() {
        return asked.iter().map(|metric| metric.of_labelled()).collect();
    }
    let examples = groups.iter().flat_map(|group| &group.runs).find_map(|run| run.info.data.examples.as_ref());
    vec![examples.and_then(|examples| Metric::of_figure(&examples.best_by)).unwrap_or(Metric::Loss)]
}

/// What some run's last validation has; nothing where no run has any.
fn known_metrics(groups: &[Group]) -> Vec<Metric> {
    let runs = || groups.iter().flat_map(|group| &group.runs);
    let text = [Metric::Loss, Metric::BitsPerChar, Metric::Accuracy, Metric::Perplexity];
    let mut known = if are_labelled(groups) { vec![Metric::Loss] } else { text.to_vec() };
    let scores = runs().filter_map(|run| run.last_eval()?.scores.as_ref());
    for metric in scores.flat_map(|scores| &scores.figures).filter_map(|figure| Metric::of_figure(&figure.name)) {
        if !known.contains(&metric) {
            known.push(metric);
        }
    }
    if runs().all(|run| run.last_eval().is_none()) { Vec::new() } else { known }
}

fn questions(runs: &[&Run]) -> Vec<String> {
    let mut questions: Vec<String> = Vec::new();
    for run in runs {
        if !questions.contains(&run.info.question) {
            questions.push(run.info.question.clone());
        }
    }
    questions
}

/// Corpora by which every run was validated; none where there is only one, which is the whole.
fn corpora(runs: &[&Run]) -> Vec<String> {
    let of = |run: &Run| -> Vec<String> {
        run.last_eval().map_or_else(Vec::new, |eval| eval.corpora.iter().map(|score| score.name.clone()).collect())
    };
    let validated: Vec<Vec<String>> = runs.iter().map(|run| of(run)).filter(|names| !names.is_empty()).collect();
    let Some((first, others)) = validated.split_first() else { return Vec::new() };
    let common: Vec<String> =
        first.iter().filter(|name| others.iter().all(|names| names.contains(name))).cloned().collect();
    if common.len() > 1 { common } else { Vec::new() }
}

/// One metric of every variant, and every variant's difference from the first, not yet judged.
pub(super) fn figures(groups: &[Group], target: &Target<'_>) -> MetricResult {
    let variants: Vec<VariantResult> = groups.iter().map(|group| variant(group, target)).collect();
    let difference = |variant: &VariantResult| Difference {
        variant: variant.variant.clone(),
        baseline: variants[0].variant.clone(),
        study: study(&pairs(variant, &variants[0]), target.metric.lower_is_better()),
        reason: String::new(),
    };
    let differences = variants[1..].iter().map(difference).collect();
    let (labelled, corpus) = (are_labelled(groups), target.corpus.map(String::from));
    MetricResult { metric: target.metric, corpus, labelled, variants, differences }
}

fn variant(group: &Group, target: &Target<'_>) -> VariantResult {
    let seeds: Vec<Reading> = group.runs.iter().map(|run| reading(run, target)).collect();
    let known = |of: fn(&Reading) -> Option<f64>| seeds.iter().filter_map(of).collect::<Vec<f64>>();
    let values = known(|reading| reading.value);
    VariantResult {
        variant: group.name.clone(),
        mean: mean(&values),
        deviation: deviation(&values),
        failed: seeds.iter().filter(|reading| reading.failed).count(),
        accuracy: mean(&known(|reading| reading.accuracy)),
        accuracy_error: known(|reading| reading.accuracy_error).into_iter().max_by(f64::total_cmp),
        error: known(|reading| reading.error).into_iter().max_by(f64::total_cmp),
        seeds,
    }
}

/// Seed by seed, where both have an outcome.
pub(super) fn pairs(variant: &VariantResult, baseline: &VariantResult) -> Vec<(Outcome, Outcome)> {
    let partner = |seed: u64| baseline.seeds.iter().find(|reading| reading.seed == seed).and_then(outcome);
    variant.seeds.iter().filter_map(|reading| Some((outcome(reading)?, partner(reading.seed)?))).collect()
}

/// Corrects all comparisons of some results together and says why each verdict is what it is.
fn judged(mut results: Vec<MetricResult>) -> Vec<MetricResult> {
    let differences = || results.iter().flat_map(|result| &result.differences);
    let mut studies: Vec<Study> = differences().map(|difference| difference.study.clone()).collect();
    judge(&mut studies);
    let mut studies = studies.into_iter();
    for difference in results.iter_mut().flat_map(|result| &mut result.differences) {
        difference.study = studies.next().expect("one study was taken of each difference");
        difference.reason = reason(&difference.study);
    }
    results
}

#[cfg(test)]
#[path = "comparison_tests.rs"]
mod tests;
