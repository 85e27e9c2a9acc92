//! The curves of a run that the rules look at, chosen once.

use super::{Evidence, Finding, Kind, Statistic, Untested, Weight};
use crate::log::{Point, RunLog, Split};
use crate::recover::Recovered;

/// A curve: one metric on one split, finite values only.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    pub(super) split: Split,
    pub(super) metric: String,
    pub(super) points: Vec<Point>,
    /// Rows whose value is no number, in the order of the log.
    pub(super) wild: Vec<Point>,
}

/// What the rules look at.
pub(super) struct Course<'a> {
    pub(super) run: &'a RunLog,
    pub(super) recovered: &'a Recovered,
    /// Loss of the training batches.
    pub(super) train: Option<Curve>,
    /// Loss on held-out data.
    pub(super) held_out: Option<Curve>,
    /// Figures on the same held-out data, the most telling first; all better when higher, error rates turned over.
    pub(super) metrics: Vec<Curve>,
    /// Norm of the gradient.
    pub(super) gradient: Option<Curve>,
    /// The learning rate.
    pub(super) rate: Option<Curve>,
}

/// Metrics that are better when higher, in the order in which they are believed.
const HIGHER_IS_BETTER: [&str; 17] = [
    "matthews", "f1", "accuracy", "acc", "auc", "rougel", "rouge", "bleu", "exact", "em", "spearman", "pearson",
    "kappa", "iou", "map", "jaccard", "fb1",
];

impl Curve {
    fn of(run: &RunLog, split: &Split, metric: &str) -> Option<Self> {
        let mut points = run.series(split, metric);
        let wild: Vec<Point> = points.iter().filter(|point| !point.value.is_finite()).copied().collect();
        points.retain(|point| point.value.is_finite());
        // A log may have a million rows, and several curves are held at once.
        points.shrink_to_fit();
        let is_there = !points.is_empty() || !wild.is_empty();
        is_there.then(|| Self { split: split.clone(), metric: metric.into(), points, wild })
    }

    /// The values in order.
    pub(super) fn values(&self) -> Vec<f64> {
        self.points.iter().map(|point| point.value).collect()
    }

    /// An error rate as a share of right answers: 1 less it.
    fn turn_over(&mut self) {
        self.metric = format!("1 - {}", self.metric);
        self.points.iter_mut().for_each(|point| point.value = 1.0 - point.value);
    }

    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    pub(super) fn first(&self) -> Option<f64> {
        self.points.first().map(|point| point.value)
    }

    pub(super) fn last(&self) -> Option<f64> {
        self.points.last().map(|point| point.value)
    }

    /// A point as evidence.
    pub(super) fn quote(&self, point: &Point) -> Evidence {
        Evidence {
            place: point.place,
            step: point.step,
            epoch: point.epoch,
            split: self.split.clone(),
            metric: self.metric.clone(),
            value: point.value,
        }
    }

    /// The points at those indices as evidence.
    pub(super) fn quotes(&self, at: &[usize]) -> Vec<Evidence> {
        let mut quoted: Vec<usize> = Vec::new();
        for &index in at {
            if !quoted.contains(&index) {
                quoted.push(index);
            }
        }
        quoted.iter().filter_map(|&at| self.points.get(at)).map(|point| self.quote(point)).collect()
    }

    /// Where each point lies between the first (0) and the last (1), by steps, epochs, or else its rank.
    pub(super) fn shares(&self) -> Vec<f64> {
        let places: Vec<f64> = self.points.iter().enumerate().map(|(rank, point)| position(point, rank)).collect();
        let (Some(&first), Some(&last)) = (places.first(), places.last()) else { return places };
        places.iter().map(|place| if last > first { (place - first) / (last - first) } else { 0.0 }).collect()
    }

    /// Index of the lowest value, the first of equals.
    pub(super) fn lowest(&self) -> Option<usize> {
        (0..self.len()).min_by(|&a, &b| self.points[a].value.total_cmp(&self.points[b].value))
    }

    /// Index of the highest value, the first of equals.
    pub(super) fn highest(&self) -> Option<usize> {
        (0..self.len()).rev().max_by(|&a, &b| self.points[a].value.total_cmp(&self.points[b].value))
    }
}

#[expect(clippy::cast_precision_loss, reason = "steps and rows are far below 2^53")]
pub(super) fn position(point: &Point, rank: usize) -> f64 {
    point.step.map(|step| step as f64).or(point.epoch).unwrap_or(rank as f64)
}

impl<'a> Course<'a> {
    pub(super) fn of(run: &'a RunLog, recovered: &'a Recovered) -> Self {
        let find = |split: &Split, names: &[&str]| {
            names.iter().filter_map(|name| Curve::of(run, split, name)).max_by_key(|curve| curve.len())
        };
        let split = held_out_split(run);
        Self {
            run,
            recovered,
            train: find(&Split::Train, &["nll_loss", "loss_epoch", "loss"]),
            held_out: split.as_ref().and_then(|split| find(split, &["nll_loss", "loss"])),
            metrics: split.map_or_else(Vec::new, |split| metrics(run, &split)),
            gradient: find(&Split::Train, &["grad_norm"]),
            rate: find(&Split::Train, &["lr"]),
        }
    }

    /// Whether the loss is one over a vocabulary: it is stated, or it began higher than any small set of labels puts it.
    pub(super) fn is_language_model(&self) -> bool {
        if self.run.number("majority_accuracy").is_some() {
            return false;
        }
        let has_perplexity = self.run.columns.iter().any(|column| column.metric == "perplexity");
        let high = |curve: &Option<Curve>| curve.as_ref().and_then(Curve::first).is_some_and(|loss| loss > 5.0);
        has_perplexity || self.run.number("vocab_size").is_some() || high(&self.train) || high(&self.held_out)
    }

    /// Evaluations of whatever there is.
    pub(super) fn evaluations(&self) -> usize {
        self.held_out.iter().chain(&self.metrics).map(Curve::len).max().unwrap_or(0)
    }

    /// Examples that were evaluated, where the log tells.
    pub(super) fn evaluated(&self) -> Option<f64> {
        let stated = self.run.number("eval_examples");
        stated.or(self.recovered.eval_examples.as_ref().map(|derived| derived.value)).filter(|&count| count >= 1.0)
    }
}

/// The split whose curve says most: that of validation, or the one with most rows.
fn held_out_split(run: &RunLog) -> Option<Split> {
    let mut splits: Vec<(usize, bool, &Split)> = Vec::new();
    for column in run.columns.iter().filter(|column| column.split != Split::Train) {
        let is_judged = column.metric.contains("loss") || higher_rank(&column.metric).is_some();
        if is_judged {
            let rows = run.series(&column.split, &column.metric).len();
            splits.push((rows, column.split == Split::Valid, &column.split));
        }
    }
    splits.into_iter().max_by_key(|(rows, is_valid, _)| (*is_valid, *rows)).map(|(_, _, split)| split.clone())
}

/// Error rates, better when lower.
fn is_error_rate(metric: &str) -> bool {
    metric.split('_').any(|word| matches!(word, "wer" | "cer"))
}

/// Place of a metric in the order of belief; none for those that are not better when higher.
fn higher_rank(metric: &str) -> Option<usize> {
    if metric.contains("loss") {
        return None;
    }
    let named = HIGHER_IS_BETTER.iter().position(|name| metric.split('_').any(|word| word == *name));
    named.or(is_error_rate(metric).then_some(HIGHER_IS_BETTER.len()))
}

fn metrics(run: &RunLog, split: &Split) -> Vec<Curve> {
    let mut found: Vec<(usize, Curve)> = Vec::new();
    for column in run.columns.iter().filter(|column| column.split == *split) {
        // A class's own figure says little of the whole; its name has the class in it.
        let Some(rank) = higher_rank(&column.metric) else { continue };
        if found.iter().any(|(_, curve)| curve.metric == column.metric) {
            continue;
        }
        if let Some(mut curve) = Curve::of(run, split, &column.metric).filter(|curve| curve.len() > 0) {
            if is_error_rate(&column.metric) {
                curve.turn_over();
            }
            let words = column.metric.split('_').count();
            found.push((rank + 100 * words.saturating_sub(1), curve));
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, curve)| curve).collect()
}

/// Where rules put what they see, and what they could not look at.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) findings: Vec<Finding>,
    pub(super) untested: Vec<Untested>,
}

impl Sheet {
    pub(super) fn find(
        &mut self,
        (kind, weight): (Kind, Weight),
        what: String,
        statistic: (&str, f64, f64),
        evidence: Vec<Evidence>,
    ) {
        let (name, value, threshold) = statistic;
        let statistic = Statistic { name: name.into(), value, threshold };
        self.findings.push(Finding { kind, weight, what, statistic, evidence });
    }

    pub(super) fn skip(&mut self, kinds: &[Kind], why: &str) {
        self.untested.extend(kinds.iter().map(|&kind| Untested { kind, why: why.into() }));
    }

    /// Whether something was found that breaks the run.
    pub(super) fn is_broken(&self) -> bool {
        self.findings.iter().any(|finding| finding.weight == Weight::Broken)
    }

    pub(super) fn has(&self, kind: Kind) -> bool {
        self.findings.iter().any(|finding| finding.kind == kind)
    }
}
