//! Numbers and verdicts as they are said, in a terminal and on a page.

use super::comparison::{Comparison, MetricResult, VariantResult};
use super::metric::Metric;
use super::reading::{Reading, Take};
use crate::inference::{LEVEL, Study, Verdict, smallest_shown};

/// Why a verdict is what it is.
pub(crate) fn reason(study: &Study) -> String {
    let (Some(p), Some(corrected)) = (study.p, study.p_corrected) else {
        return "no seed was run to this budget in both".into();
    };
    let of_several =
        if study.tests > 1 { format!(", {corrected:.3} corrected for {}", study.tests) } else { String::new() };
    let agrees = if study.failed_pairs == 0 { "the interval excludes 0" } else { "diverged runs counted as the worst" };
    match study.verdict {
        Verdict::Better | Verdict::Worse => format!("sign-flip test p = {p:.3}{of_several}; {agrees}"),
        Verdict::CannotTell if study.pairs == 1 => "one seed: two figures, and no more".into(),
        Verdict::CannotTell if study.least_p * study.tests as f64 > LEVEL => too_few(study),
        Verdict::CannotTell if corrected <= LEVEL => {
            format!("the sign-flip test says p = {p:.3}{of_several}, but the interval holds 0")
        }
        Verdict::CannotTell => {
            format!("sign-flip test p = {p:.3}{of_several}: chance alone differs as much that often")
        }
    }
}

/// No result of so few seeds could be told from chance.
fn too_few(study: &Study) -> String {
    let enough = (study.pairs + 1..).take(60).find(|pairs| smallest_shown(*pairs, 1.0, study.tests).is_some());
    let enough = enough.map_or(String::new(), |pairs| format!("; {pairs} seeds could"));
    let needed = match study.tests {
        1 => "5 % is asked for".to_string(),
        tests => format!("{tests} comparisons at once ask the clearest for {:.4}", LEVEL / tests as f64),
    };
    let pairs = study.pairs;
    format!("no sign-flip test of {pairs} seeds has a p below 2/2^{pairs} = {:.4}, and {needed}{enough}", study.least_p)
}

/// What the seeds could have shown and how many would be needed, in sentences; empty where nothing is known.
pub(crate) fn limits(study: &Study, metric: Metric) -> Vec<String> {
    let digits = digits(metric, study.deviation);
    let mut said = Vec::new();
    match study.smallest_shown {
        Some(least) => said.push(format!(
            "{} seeds would have shown a difference of {least:.digits$} in four studies of five",
            study.pairs
        )),
        None if study.pairs > 1 => {
            said.push(format!("{} seeds could have shown no difference, however large", study.pairs))
        }
        None => {}
    }
    if study.verdict == Verdict::CannotTell && study.deviation.is_some() {
        said.push(match study.seeds_needed {
            Some(1) => "A true difference of the mean's size would need about one more seed".into(),
            Some(more) => format!("A true difference of the mean's size would need about {more} more seeds"),
            None => "A true difference of the mean's size would need more than 200 seeds".into(),
        });
    }
    said
}

/// `better`, `worse` or `cannot tell`.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::CannotTell => "cannot tell",
    }
}

/// `better with 5 of 6 seeds (83 %)`; equals count half. One seed is no share.
pub(crate) fn chance(study: &Study) -> Option<String> {
    let share = study.better_share.filter(|_| study.pairs > 1)?;
    let better = share * study.pairs as f64;
    let better = if better.fract() == 0.0 { format!("{better:.0}") } else { format!("{better:.1}") };
    Some(format!("better with {better} of {} seeds ({:.0} %)", study.pairs, share * 100.0))
}

/// Decimals that show two digits of a deviation: four at least, eight at most, two for perplexities.
pub(crate) fn digits(metric: Metric, deviation: Option<f64>) -> usize {
    let least = if metric == Metric::Perplexity { 2 } else { 4 };
    match deviation {
        Some(deviation) if deviation > 0.0 => (1.0 - deviation.log10().floor()).clamp(least as f64, 8.0) as usize,
        _ => least,
    }
}

/// `+0.0123`, `−0.0123`.
pub(crate) fn signed(value: f64, digits: usize) -> String {
    let sign = if value < 0.0 { "−" } else { "+" };
    format!("{sign}{:.digits$}", value.abs())
}

/// `0.0123`, `−0.0123`.
pub(crate) fn signed_off(value: f64, digits: usize) -> String {
    if value < 0.0 { signed(value, digits) } else { format!("{value:.digits$}") }
}

/// `−0.0551 to −0.0073`.
pub(crate) fn interval(study: &Study, digits: usize) -> Option<String> {
    study.interval.map(|ends| format!("{} to {}", signed(ends.low, digits), signed(ends.high, digits)))
}

/// `5.3012`, or why there is none.
pub(crate) fn seed(reading: &Reading, digits: usize) -> String {
    match reading.value {
        Some(value) => format!("{value:.digits$}"),
        None if reading.failed => "diverged".into(),
        None => reading.status.to_string(),
    }
}

/// `0.3256 ± 0.0013`.
pub(crate) fn accuracy(value: Option<f64>, error: Option<f64>) -> String {
    let error = error.map_or(String::new(), |error| format!(" ± {error:.4}"));
    value.map_or("–".into(), |value| format!("{value:.4}{error}"))
}

/// `loss, nats per scored token, in ko`.
pub(crate) fn title(result: &MetricResult) -> String {
    let corpus = result.corpus.as_ref().map_or(String::new(), |corpus| format!(", in {corpus}"));
    if result.labelled && result.metric == Metric::Loss {
        return "loss, nats per scored example, label or token".into();
    }
    format!("{}{corpus}", result.metric.name())
}

/// `less is better`.
pub(crate) fn sense(metric: Metric) -> &'static str {
    if metric.lower_is_better() { "less is better" } else { "more is better" }
}

/// Where the figures were read.
pub(crate) fn place(comparison: &Comparison) -> String {
    let Some(budget) = comparison.budget else { return "No run has a validation: there are no figures.".into() };
    let budget = comparison.axis.amount(budget);
    let is_labelled = comparison.results.iter().any(|result| result.labelled);
    match comparison.take {
        Take::BestUpToBudget if is_labelled => format!(
            "All figures are of the best validation up to {budget}, by the figure that tells the best checkpoint; it is chosen \
             on the data it is measured on and so a little too good."
        ),
        Take::AtBudget => format!("All figures are of the validation at {budget}."),
        Take::BestUpToBudget => format!(
            "All figures are of the validation of the lowest loss up to {budget}, which is chosen on the data it is \
             measured on and so a little too good."
        ),
    }
}

/// The noise beside a variant's mean, with its title: of running text that of its accuracy.
pub(crate) fn noise(variant: &VariantResult, result: &MetricResult) -> String {
    if !result.labelled {
        return accuracy(variant.accuracy, variant.accuracy_error);
    }
    variant.error.map_or("–".into(), |error| format!("± {error:.*}", digits(result.metric, variant.deviation)))
}

/// The title of [`noise`].
pub(crate) fn noise_title(result: &MetricResult) -> &'static str {
    if result.labelled { "noise of one seed" } else { "accuracy" }
}

/// What the table and the differences mean, for the foot of a report.
pub(crate) fn legend(comparison: &Comparison) -> [&'static str; 3] {
    let [intervals, test, diverged] = LEGEND;
    let is_labelled = comparison.results.iter().any(|result| result.labelled);
    [if is_labelled { OF_LABELLED } else { intervals }, test, diverged]
}

const OF_LABELLED: &str = "Intervals: 95 % for the mean difference over seeds, BCa bootstrap widened for few numbers; they \
    speak of other seeds on the same examples, not of other examples. Noise of one seed: one standard error of its figure from \
    the number of examples, the largest of the seeds: the validation examples' share of chance, which more seeds do not \
    lessen.";

const LEGEND: [&str; 3] = [
    "Intervals: 95 % for the mean difference over seeds, BCa bootstrap widened for few numbers; they speak of other seeds on \
     the same text, not of other text. Accuracy ± one standard error of one seed, sqrt(p (1 − p) / n) from the number n of \
     scored tokens: the validation text's share of chance, which more seeds do not lessen.",
    "Test: two-sided sign flips of the differences by seed, corrected by Holm for all comparisons made together; the \
     corpora are a family of their own. A difference is called at p ≤ 0.05 and an interval without 0.",
    "A diverged run counts as worse than every run that trained. It has no figure, so means, deviations and intervals are \
     of the runs that trained.",
];
