//! The course of the figures on held-out data.

use super::collapse::gained;
use super::course::{Course, Curve, Sheet, position};
use super::robust::{binomial, count, median, noise, range, stretches};
use super::{Kind, Weight};

/// A loss that has risen by this share from its best has risen: evaluations of a thousand examples repeat to about 2 %.
const RISEN_SHARE: f64 = 0.03;
/// Scores at which a model is nearly perfect.
const NEARLY_PERFECT: f64 = 0.99;
/// A score that few tasks allow: people who label the same examples twice agree less often.
const PERFECT: f64 = 0.995;

/// The best evaluation behind, the loss risen.
pub(super) fn overfitting(course: &Course<'_>, sheet: &mut Sheet) {
    let Some(loss) = course.held_out.as_ref().filter(|loss| loss.len() >= 2) else {
        return sheet.skip(&[Kind::Overfitting, Kind::LossUpMetricHolds, Kind::BestFirst], "too few evaluations");
    };
    if sheet.is_broken() {
        return;
    }
    let values = loss.values();
    let best = loss.lowest().unwrap_or(0);
    let last = values.len() - 1;
    let after = &values[best + 1..];
    let level = if after.is_empty() { values[best] } else { median(after) };
    let risen = (values[last] - values[best]) / values[best].abs().max(1e-12);
    // One evaluation above the best is often noise; many, or one far above, are not.
    let wanted = match (after.len(), values.len()) {
        (0, _) => return,
        (1, _) => 0.3,
        // Of few evaluations the noise cannot be told from the course.
        (_, ..10) => 0.05,
        _ => RISEN_SHARE.max(2.0 * noise(&values) / values[best].abs().max(1e-12)).min(0.4),
    };
    let is_up = risen > wanted && level > values[best] * (1.0 + 0.5 * RISEN_SHARE);
    if !is_up || !train_fell_after(course, loss, best) {
        return;
    }
    let holds = metric_holds(course, loss, best);
    let what = format!(
        "the held-out loss was {:.4} at best and is {:.4} at the end, {:.0} % higher, {} evaluations later",
        values[best],
        values[last],
        100.0 * risen,
        last - best
    );
    sheet.find(
        (Kind::Overfitting, Weight::Watch),
        what,
        ("rise from the best, as a share", risen, wanted),
        loss.quotes(&[best, last]),
    );
    if let Some((curve, at_best, at_end)) = holds {
        let what = format!("{} is {at_end:.4} at the end and was {at_best:.4} where the loss was best", curve.metric);
        let statistic = ("fall of the metric", at_best - at_end, 0.01);
        sheet.find((Kind::LossUpMetricHolds, Weight::Watch), what, statistic, curve.quotes(&[curve.len() - 1]));
    }
    if best == 0 && values.len() >= 3 {
        let what = format!("of {} evaluations the first has the lowest loss, {:.4}", values.len(), values[0]);
        sheet.find((Kind::BestFirst, Weight::Watch), what, ("place of the best", 1.0, 1.0), loss.quotes(&[0, last]));
    }
}

/// Whether the training loss went down or stood while the held-out loss rose; true where it is not known.
fn train_fell_after(course: &Course<'_>, loss: &Curve, best: usize) -> bool {
    let (Some(train), Some(from)) = (&course.train, loss.points.get(best)) else { return true };
    let is_after = |step: Option<u64>, epoch: Option<f64>| match (step, from.step, epoch, from.epoch) {
        (Some(here), Some(there), _, _) => here >= there,
        (_, _, Some(here), Some(there)) => here >= there,
        _ => true,
    };
    let after: Vec<f64> =
        train.points.iter().filter(|point| is_after(point.step, point.epoch)).map(|point| point.value).collect();
    let (Some(&first), true) = (after.first(), after.len() >= 3) else { return true };
    let end = median(&after[after.len() - after.len().div_ceil(3)..]);
    end <= first + noise(&after)
}

/// The most telling metric, where it is at the end no worse than where the loss was best.
fn metric_holds<'a>(course: &'a Course<'_>, loss: &Curve, best: usize) -> Option<(&'a Curve, f64, f64)> {
    let curve = course.metrics.iter().find(|curve| curve.len() == loss.len())?;
    let values = curve.values();
    let (at_best, at_end) = (*values.get(best)?, *values.last()?);
    // The error of measuring, or how far neighbours differ, whichever is larger.
    let error = course.evaluated().map_or(0.01, |examples| binomial(at_best, examples));
    let error = error.max(noise(&values)).clamp(0.005, 0.05);
    (at_end >= at_best - 2.0 * error).then_some((curve, at_best, at_end))
}

/// Better until the end, or long since as good as it got.
pub(super) fn still_or_saturated(course: &Course<'_>, sheet: &mut Sheet) {
    let kinds = [Kind::StillImproving, Kind::SaturatedEarly, Kind::BestLast];
    let loss = course.held_out.as_ref().filter(|loss| loss.len() >= 3);
    let metric = course.metrics.first().filter(|curve| curve.len() >= 3);
    if loss.is_none() && metric.is_none() {
        return sheet.skip(&kinds, "too few evaluations");
    }
    if sheet.is_broken() || sheet.has(Kind::Overfitting) {
        return;
    }
    // Losses as they are; metrics turned over, so that both are better when lower.
    let of_loss = loss.map(|curve| (curve, curve.values()));
    let of_metric = metric.map(|curve| (curve, curve.values().iter().map(|value| 1.0 - value).collect()));
    let curves = of_loss.iter().chain(&of_metric).filter(|_| !sheet.has(Kind::TooGood));
    let still = curves.clone().find_map(|(curve, values)| improving(values).map(|late| (*curve, late)));
    if let Some((curve, late)) = still {
        let third = (curve.len() - 1) * 2 / 3;
        let (from, to) = (curve.points[third].value, curve.last().unwrap_or(f64::NAN));
        let what =
            format!("{} {} goes from {from:.4} to {to:.4} over the last third of the run", curve.split, curve.metric);
        let evidence = curve.quotes(&[curve.len() - 1, third]);
        sheet.find(
            (Kind::StillImproving, Weight::Note),
            what,
            ("share of the whole gain made in the last third", late, 0.04),
            evidence,
        );
    } else if let Some((curve, _)) = of_loss.iter().chain(&of_metric).find(|(_, values)| is_best_last(values)) {
        let what = format!("{} {} is best at the last evaluation", curve.split, curve.metric);
        let place = count(curve.len());
        sheet.find(
            (Kind::BestLast, Weight::Note),
            what,
            ("place of the best", place, place),
            curve.quotes(&[curve.len() - 1]),
        );
    }
    let early =
        of_loss.iter().chain(&of_metric).find_map(|(curve, values)| saturated(curve, values).map(|at| (*curve, at)));
    if let Some((curve, (at, share))) = early {
        let what = format!(
            "{} {} had 90 % of its gain by {:.0} % of the run ({:.4} there, {:.4} at the end)",
            curve.split,
            curve.metric,
            100.0 * share,
            curve.points[at].value,
            curve.last().unwrap_or(f64::NAN)
        );
        let evidence = curve.quotes(&[at, curve.len() - 1]);
        sheet.find((Kind::SaturatedEarly, Weight::Note), what, ("share of the run", share, 0.4), evidence);
    }
}

fn is_best_last(values: &[f64]) -> bool {
    let last = values[values.len() - 1];
    values[..values.len() - 1].iter().all(|value| last < *value)
}

/// Share of the whole gain that was made in the last third, where the last is the best and the gain more than noise.
fn improving(values: &[f64]) -> Option<f64> {
    // Of many evaluations the course, of few these themselves.
    let levels = stretches(values, 10);
    let last = levels.len() - 1;
    let before = levels[..last].iter().copied().fold(f64::INFINITY, f64::min);
    let gain = levels[0] - levels[last];
    let third = levels[last * 2 / 3];
    let late = (third - levels[last]) / gain.max(1e-12);
    let step = (third - levels[last]) / levels[last].abs().max(1e-12);
    (levels[last] < before && late > 0.04 && step > 0.01 && gain > 0.0).then_some(late)
}

/// Where 90 % of the gain was made, if that was within the first 40 % of the run: the row and the share.
fn saturated(curve: &Curve, values: &[f64]) -> Option<(usize, f64)> {
    if values.len() < 4 {
        return None;
    }
    let best = values.iter().copied().fold(f64::INFINITY, f64::min);
    let gain = values[0] - best;
    let at = values.iter().position(|value| *value <= best + 0.1 * gain)?;
    // From the start of the run, not from the first evaluation.
    let here = position(&curve.points[at], at + 1);
    let end = position(curve.points.last()?, curve.len());
    let share = here / end.max(1e-12);
    (share <= 0.4).then_some((at, share))
}

/// Nearly perfect almost at once.
pub(super) fn too_good(course: &Course<'_>, sheet: &mut Sheet) {
    if course.metrics.is_empty() {
        return sheet.skip(&[Kind::TooGood], "no metric beside the loss");
    }
    // Of a tagging task the share of right words says nothing: most words have no tag.
    let Some(curve) = course.metrics.iter().find(|curve| curve.len() > 0) else { return };
    if sheet.has(Kind::TooGood) {
        return;
    }
    let values = curve.values();
    let is_early = curve.points[0].epoch.is_none_or(|epoch| epoch <= 1.05) || values.len() >= 3;
    let is_loss_low = course.held_out.as_ref().and_then(Curve::first).is_none_or(|loss| loss < 0.05);
    let best = curve.highest().unwrap_or(0);
    let (at, bound, when) = match values[0] >= NEARLY_PERFECT && is_early && is_loss_low {
        true => (0, NEARLY_PERFECT, "at the first evaluation"),
        false => (best, PERFECT, "at best"),
    };
    if values[at] >= bound && values[at] <= 1.0 {
        let what = format!("{} is {:.4} {when}", curve.metric, values[at]);
        sheet.find((Kind::TooGood, Weight::Watch), what, (&curve.metric, values[at], bound), curve.quotes(&[at]));
    }
}

/// So many times the held-out loss may fall after the second pass over the same examples, at a score of [`WELL`].
const FOLLOWED: f64 = 4.0;
const WELL: f64 = 0.95;

/// The held-out loss when the training examples had been passed twice.
fn after_second_epoch(loss: &Curve) -> Option<f64> {
    loss.points.iter().find(|point| point.epoch.is_some_and(|epoch| epoch >= 2.0)).map(|point| point.value)
}

/// Held-out examples that are known by heart as those that were trained on are.
pub(super) fn leaked(course: &Course<'_>, sheet: &mut Sheet) {
    let (Some(train), Some(loss)) = (&course.train, &course.held_out) else { return };
    let (values, held_out) = (train.values(), loss.values());
    if values.len() < 8 || held_out.len() < 3 || held_out[0] < 0.2 {
        return;
    }
    let trained = median(&values[values.len() - 5..]);
    let last = held_out[held_out.len() - 1];
    let metric = course.metrics.first().and_then(Curve::last).unwrap_or(0.0);
    if let Some(second) = after_second_epoch(loss)
        && second >= FOLLOWED * last
        && last < 0.1
        && last < 1.2 * trained
        && metric >= WELL
    {
        let what = format!(
            "the held-out loss follows the training loss from {second:.4} after two epochs down to {last:.4}, pass after pass: \
             unseen examples gain nothing from being passed again"
        );
        let statistic = ("held-out loss after two epochs over the last", second / last.max(1e-9), FOLLOWED);
        return sheet.find((Kind::TooGood, Weight::Watch), what, statistic, loss.quotes(&[held_out.len() - 1, 0]));
    }
    if trained < 0.05 && last < 2.0 * trained.max(0.005) && metric >= NEARLY_PERFECT {
        let what = format!(
            "the training loss ends at {trained:.4}, by heart, and the held-out loss with it at {last:.4}: unseen examples are \
             never known so well"
        );
        let statistic = ("held-out over training loss", last / trained.max(1e-9), 2.0);
        sheet.find((Kind::TooGood, Weight::Watch), what, statistic, loss.quotes(&[held_out.len() - 1, 0]));
    }
}

/// A metric measured on so few examples that its best is chosen by chance.
pub(super) fn ties(course: &Course<'_>, sheet: &mut Sheet) {
    let Some(examples) = course.evaluated() else {
        return sheet.skip(&[Kind::TieInNoise], "the log does not tell how many examples were evaluated");
    };
    let Some(curve) = course.metrics.first().filter(|curve| curve.len() >= 3) else {
        return sheet.skip(&[Kind::TieInNoise], "too few evaluations of a metric");
    };
    let values = curve.values();
    let best = curve.highest().unwrap_or(0);
    let error = binomial(values[best], examples).max(0.5 / examples);
    let late = &values[values.len() / 2..];
    let differs = range(late);
    let is_said = sheet.has(Kind::ConstantPrediction) || sheet.has(Kind::TooGood);
    if examples > 2000.0 || differs > error || is_said {
        return;
    }
    let weight = if error > 0.04 && differs <= 1e-9 { Weight::Watch } else { Weight::Note };
    let what = format!(
        "{} of {examples:.0} examples has a standard error of {error:.3}; the later half of the evaluations differs by {differs:.3}",
        curve.metric
    );
    sheet.find(
        (Kind::TieInNoise, weight),
        what,
        ("range of the later half in standard errors", differs / error, 1.0),
        curve.quotes(&[best, curve.len() - 1]),
    );
}

/// Nothing learned for a good while, and then it was.
pub(super) fn late_start(course: &Course<'_>, sheet: &mut Sheet) {
    let Some(curve) = course.metrics.first().filter(|curve| curve.len() >= 4) else {
        return sheet.skip(&[Kind::LateStart], "too few evaluations of a metric");
    };
    let values = curve.values();
    let top = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let gain = top - values[0];
    let stood = values.iter().take_while(|value| **value - values[0] < 0.05 * gain).count();
    let share = curve.shares().get(stood.saturating_sub(1)).copied().unwrap_or(0.0);
    if stood < 2 || share < 0.2 || gain < 0.1 || is_perplexing(course, stood) {
        return;
    }
    let what =
        format!("{} stands at {:.3} for the first {stood} evaluations and is {top:.3} later", curve.metric, values[0]);
    sheet.find(
        (Kind::LateStart, Weight::Watch),
        what,
        ("share of the run without learning", share, 0.2),
        curve.quotes(&[0, stood - 1, stood]),
    );
}

/// Whether the loss fell while the metric stood: then something was learned that the metric does not see.
fn is_perplexing(course: &Course<'_>, stood: usize) -> bool {
    let Some(loss) = course.held_out.as_ref().filter(|loss| loss.len() >= stood) else { return false };
    gained(&loss.values()[..stood]) > 0.05
}

/// A held-out loss that goes up and down.
pub(super) fn oscillation(course: &Course<'_>, sheet: &mut Sheet) {
    let Some(loss) = course.held_out.as_ref().filter(|loss| loss.len() >= 6) else {
        return sheet.skip(&[Kind::Oscillation], "too few evaluations");
    };
    let values = loss.values();
    let steps: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let turns = steps.windows(2).filter(|pair| pair[0] * pair[1] < 0.0).count();
    let share = count(turns) / count(steps.len() - 1);
    let swing = median(&steps.iter().map(|step| step.abs()).collect::<Vec<_>>()) / median(&values).abs().max(1e-12);
    if share < 0.6 || swing < 0.1 || sheet.has(Kind::EpochSawtooth) {
        return;
    }
    let what = format!(
        "the held-out loss turns {turns} times in {} evaluations, by {:.0} % each time",
        values.len(),
        100.0 * swing
    );
    sheet.find(
        (Kind::Oscillation, Weight::Watch),
        what,
        ("usual swing as a share of the loss", swing, 0.1),
        loss.quotes(&[values.len() - 1, values.len() - 2, values.len() - 3]),
    );
}
