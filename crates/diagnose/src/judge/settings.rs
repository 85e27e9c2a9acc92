//! Learning rate, gradient and the plan.

use super::course::{Course, Sheet};
use super::robust::{binomial, count, median, noise, stretches};
use super::{Evidence, Kind, Weight};
use crate::digits::number;
use crate::log::Split;
use crate::recover::{Bearing, Held};

/// About the largest rate of the grid in which BERT was fine-tuned, 5e-5 (Devlin et al. 2018, appendix A.3), a tenth off
/// because a log that begins late shows less than the peak.
const FINE_TUNING_RATE: f64 = 4.5e-5;
/// Small encoders still learn from scratch at 1.5e-3 (`configs/pretrain-ko.toml`); beyond it is suspect.
const PRE_TRAINING_RATE: f64 = 2e-3;

/// A rate that a collapse, or a slow crawl, makes suspect.
pub(super) fn rate_size(course: &Course<'_>, sheet: &mut Sheet) {
    let seen = course.recovered.schedule.as_ref().map(|schedule| schedule.peak.max(schedule.highest_seen));
    let highest = course.rate.as_ref().map(|rate| rate.values().into_iter().fold(f64::NEG_INFINITY, f64::max));
    let Some(peak) =
        course.run.number("learning_rate").or(seen).or(highest).filter(|rate| rate.is_finite() && *rate > 0.0)
    else {
        return sheet.skip(&[Kind::RateTooHigh, Kind::RateTooLow], "no learning rate");
    };
    let bound = if course.is_language_model() { PRE_TRAINING_RATE } else { FINE_TUNING_RATE };
    let signs =
        [Kind::Diverged, Kind::ConstantPrediction, Kind::UnigramPlateau, Kind::NotLearning, Kind::SpikeNotRecovered];
    let sign = sheet.findings.iter().find(|finding| signs.contains(&finding.kind));
    let sign = sign.map(|finding| finding.kind.to_string().replace('-', " ")).or_else(|| fell_back(course));
    if let Some(sign) = sign
        && peak > bound
    {
        let what = format!("{sign} with a learning rate of up to {}", number(peak));
        let evidence = evidence_of_rate(course, peak);
        return sheet.find((Kind::RateTooHigh, Weight::Watch), what, ("peak learning rate", peak, bound), evidence);
    }
    crawling(course, peak, bound, sheet);
}

/// What is said of a model that was better than its commonest class and then no better again, two evaluations or more on end.
fn fell_back(course: &Course<'_>) -> Option<String> {
    let majority = course.run.number("majority_accuracy")?;
    let curve = course.metrics.iter().find(|curve| curve.metric == "accuracy")?;
    let error = course.evaluated().map_or(0.01, |examples| binomial(majority, examples)).max(0.005);
    let values = curve.values();
    let learned = values.iter().position(|value| *value > majority + 4.0 * error)?;
    let lost =
        values[learned..].windows(2).position(|pair| pair.iter().all(|value| *value <= majority + error))? + learned;
    Some(format!("accuracy of {:.3}, then the commonest class's {:.3} again,", values[learned], values[lost]))
}

/// A loss that falls evenly to the end at a small rate.
fn crawling(course: &Course<'_>, peak: f64, bound: f64, sheet: &mut Sheet) {
    let Some(train) = course.train.as_ref().filter(|train| train.len() >= 8) else { return };
    let values = train.values();
    let levels = stretches(&values, 10);
    let (start, end) = (levels[0], levels[levels.len() - 1]);
    let half = levels[levels.len() / 2];
    let (gain, late) = ((start - end) / start.abs().max(1e-12), (half - end) / (start - end).max(1e-12));
    let is_even = noise(&levels) < 0.2 * (start - end);
    if peak <= bound / 4.0 && gain > 0.01 && gain < 0.4 && late > 0.3 && is_even {
        let what = format!(
            "the training loss falls from {start:.4} to {end:.4} in all, {:.0} % of it in the second half, at a rate of up to {}",
            100.0 * late,
            number(peak)
        );
        let evidence = train.quotes(&[0, values.len() - 1]);
        sheet.find((Kind::RateTooLow, Weight::Watch), what, ("peak learning rate", peak, bound / 4.0), evidence);
    }
}

fn evidence_of_rate(course: &Course<'_>, peak: f64) -> Vec<Evidence> {
    if let Some(rate) = &course.rate
        && let Some(at) = rate.highest()
    {
        return rate.quotes(&[at]);
    }
    let facts = course.run.facts.iter().filter(|fact| fact.key == "learning_rate").take(1);
    facts.map(|fact| stated(fact.place, "lr", peak)).collect()
}

/// Gradients far above the usual ones, and gradients that are always cut.
pub(super) fn gradients(course: &Course<'_>, sheet: &mut Sheet) {
    let kinds = [Kind::GradientBursts, Kind::ClippedAlways];
    let Some(curve) = course.gradient.as_ref().filter(|curve| curve.len() >= 10) else {
        return sheet.skip(&kinds, "no gradient norm, or too few");
    };
    let values = curve.values();
    let from = values.len() / 20;
    let usual = median(&values[from..]);
    let bursts: Vec<usize> = (from..values.len()).filter(|&at| values[at] > 10.0 * usual).collect();
    if let Some(&worst) = bursts.iter().max_by(|a, b| values[**a].total_cmp(&values[**b])).filter(|_| usual > 0.0) {
        let what = format!(
            "the gradient norm is {:.3} and usually {usual:.3}; {} rows are ten times as large",
            values[worst],
            bursts.len()
        );
        let statistic = ("largest over median", values[worst] / usual, 10.0);
        sheet.find((Kind::GradientBursts, Weight::Note), what, statistic, curve.quotes(&[worst]));
    }
    let Some((clipped, how)) = clipped(course, &values) else {
        return sheet.skip(&[Kind::ClippedAlways], "the log does not tell at which norm gradients are clipped");
    };
    if clipped > 0.9 {
        let what = format!("{:.0} % of the gradients {how}; their median norm is {usual:.3}", 100.0 * clipped);
        let evidence = curve.quotes(&[values.len() / 2]);
        sheet.find((Kind::ClippedAlways, Weight::Note), what, ("share clipped", clipped, 0.9), evidence);
    }
}

/// Share of the gradients that are clipped: as counted, or by the bound that the log states.
fn clipped(course: &Course<'_>, norms: &[f64]) -> Option<(f64, String)> {
    let counted = course.run.series(&Split::Train, "clipped_share");
    if !counted.is_empty() {
        let shares: Vec<f64> = counted.iter().map(|point| point.value).collect();
        return Some((median(&shares), "were clipped".into()));
    }
    let bound = course.run.number("clip_norm").filter(|bound| *bound > 0.0)?;
    let above = norms.iter().filter(|norm| **norm > bound).count();
    Some((count(above) / count(norms.len()), format!("lie above the bound of {}", number(bound))))
}

/// Claims that the log rules out.
pub(super) fn plan(course: &Course<'_>, claims: &[Held], sheet: &mut Sheet) {
    if claims.is_empty() {
        return sheet.skip(&[Kind::RateOffPlan], "neither the log nor a claim says what was planned");
    }
    for held in claims.iter().filter(|held| held.verdict == Bearing::Contradicts) {
        let what = format!(
            "{} is said to be {}, but {}",
            held.claim.key.replace('_', " "),
            number(held.claim.value),
            held.why
        );
        let highest = course.rate.as_ref().filter(|_| held.claim.key == "learning_rate");
        let evidence = match highest.and_then(|rate| rate.highest().map(|at| rate.quotes(&[at]))) {
            Some(quoted) => quoted,
            None => held.places.iter().take(2).map(|&place| stated(place, &held.claim.key, held.claim.value)).collect(),
        };
        let statistic = (held.claim.key.as_str(), held.claim.value, held.claim.value);
        // How often was logged is no matter of the model.
        let weight = if held.claim.key.ends_with("_every") { Weight::Note } else { Weight::Watch };
        sheet.find((Kind::RateOffPlan, weight), what, statistic, evidence);
    }
}

/// Beyond half, what is left of a sentence tells little of what is hidden; below a twentieth, few words of a batch teach.
const MASK_RATES: [f64; 2] = [0.05, 0.5];

/// A share of hidden words far from any that is used.
pub(super) fn mask_rate(course: &Course<'_>, sheet: &mut Sheet) {
    let Some((fact, rate)) = course.run.fact("mask_rate").and_then(|fact| Some((fact, fact.number?))) else {
        if course.is_language_model() {
            sheet.skip(&[Kind::MaskRate], "the log does not tell the share of hidden words");
        }
        return;
    };
    let [least, most] = MASK_RATES;
    if (least..=most).contains(&rate) {
        return;
    }
    let what = format!("{} % of the words are hidden", number(100.0 * rate));
    let bound = if rate < least { least } else { most };
    let evidence = vec![stated(fact.place, &fact.key, rate)];
    sheet.find((Kind::MaskRate, Weight::Watch), what, ("share of hidden words", rate, bound), evidence);
}

/// A number that stands in the log once, as a setting.
fn stated(place: crate::log::Place, metric: &str, value: f64) -> Evidence {
    Evidence { place, step: None, epoch: None, split: Split::Train, metric: metric.into(), value }
}
