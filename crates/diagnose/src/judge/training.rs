//! The course of the training loss: divergence, spikes, two levels, learning by heart.

use super::collapse::{begins_late, ends};
use super::course::{Course, Curve, Sheet, position};
use super::robust::{count, median, noise, quantile, spread, stretches, surroundings};
use super::{Kind, Weight};

/// Rows on either side that a spike is held against.
const REACH: usize = 6;
/// Deviations from its surroundings that make a row a spike: among 100,000 rows of a normal noise none is so far.
const SPIKE_DEVIATIONS: f64 = 8.0;

/// A training loss that ended above where it was.
pub(super) fn diverged(course: &Course<'_>, sheet: &mut Sheet) {
    let Some(train) = course.train.as_ref().filter(|train| train.len() >= 4) else {
        return sheet.skip(&[Kind::Diverged, Kind::SpikeNotRecovered], "too few rows of training loss");
    };
    let values = train.values();
    let levels = stretches(&values, 20);
    let start = values[..values.len().min(2)].iter().copied().fold(f64::INFINITY, f64::min);
    let best = levels.iter().copied().fold(f64::INFINITY, f64::min);
    let end = median(&levels[levels.len() - levels.len().div_ceil(10)..]);
    let slack = 4.0 * noise(&values);
    let lowest = train.lowest().unwrap_or(0);
    if end > 1.1 * start + slack.min(0.5 * start) && end > 1.1 * best && !begins_late(train) {
        let what = format!("the training loss began at {start:.4}, was {best:.4} at best and ended at {end:.4}");
        let evidence = train.quotes(&[values.len() - 1, lowest, 0]);
        return sheet.find(
            (Kind::Diverged, Weight::Broken),
            what,
            ("last loss over first", end / start, 1.1),
            evidence,
        );
    }
    let lost = (end - best) / (start - best).max(1e-12);
    let is_up = end > best + slack && end > 1.15 * best && start > best;
    if is_up && lost > 0.25 && !sheet.has(Kind::EpochSawtooth) {
        let weight = if lost > 0.5 { Weight::Broken } else { Weight::Watch };
        let what = format!("the training loss had fallen from {start:.4} to {best:.4} and ended at {end:.4}");
        let statistic = ("share of the gain that was lost again", lost, 0.25);
        let evidence = train.quotes(&[values.len() - 1, lowest, 0]);
        sheet.find((Kind::SpikeNotRecovered, weight), what, statistic, evidence);
    }
}

/// Rows far above their surroundings.
pub(super) fn spikes(course: &Course<'_>, sheet: &mut Sheet) {
    let Some(train) = course.train.as_ref().filter(|train| train.len() >= 3 * REACH) else {
        return sheet.skip(&[Kind::SpikeRecovered], "too few rows of training loss");
    };
    let values = train.values();
    let around = surroundings(&values, REACH);
    let over: Vec<f64> = values.iter().zip(&around).map(|(value, level)| value - level).collect();
    // The beginning falls by itself; it does not rise over the rows before.
    let from = 3.max(values.len() / 50);
    let usual = spread(&over[from..]);
    let rises = |at: usize| values[at] > 1.5 * median(&values[at - 3..at]);
    let far: Vec<usize> = (from..values.len() - 2)
        .filter(|&at| over[at] > SPIKE_DEVIATIONS * usual.max(1e-3 * around[at].abs()) && values[at] > 1.5 * around[at])
        .filter(|&at| rises(at))
        // What is small beside the loss it began with is no event.
        .filter(|&at| over[at] > 0.02 * values[0])
        .collect();
    let Some(&worst) = far.iter().max_by(|a, b| over[**a].total_cmp(&over[**b])) else { return };
    // Heavy tails are no spikes: what comes in every twentieth window is the noise of this run.
    let as_far = far.iter().filter(|at| over[**at] > 0.1 * over[worst]).count();
    if as_far > (values.len() / 20).max(2) {
        return;
    }
    let after = median(&values[worst + 1..(worst + 1 + REACH).min(values.len())]);
    if after > around[worst] + 0.5 * over[worst] {
        return;
    }
    let many = if as_far == 1 { String::new() } else { format!(", the largest of {as_far}") };
    let what = format!(
        "the training loss jumps from about {:.4} to {:.4}{many}, and is back at {after:.4} in the rows after it",
        around[worst], values[worst]
    );
    let deviations = over[worst] / usual.max(1e-3 * around[worst].abs());
    let statistic = ("deviations above its surroundings", deviations, SPIKE_DEVIATIONS);
    sheet.find((Kind::SpikeRecovered, Weight::Note), what, statistic, train.quotes(&[worst, worst - 1, worst + 1]));
}

/// A loss that keeps to one of two levels for a while, again and again.
pub(super) fn bistable(course: &Course<'_>, sheet: &mut Sheet) {
    let Some(train) = course.train.as_ref().filter(|train| train.len() >= 40) else {
        return sheet.skip(&[Kind::Bistable], "too few rows of training loss");
    };
    let values = train.values();
    let late = &values[values.len() / 3..];
    let (low, high) = (quantile(late, 0.1), quantile(late, 0.9));
    let middle = f64::midpoint(low, high);
    let (below, above): (Vec<f64>, Vec<f64>) = late.iter().partition(|value| **value < middle);
    let within = spread(&below).max(spread(&above)).max(noise(late));
    let apart = (median(&above) - median(&below)) / within.max(1e-12);
    let mut stays = vec![1usize];
    for pair in late.windows(2) {
        if (pair[0] < middle) == (pair[1] < middle) {
            *stays.last_mut().expect("begins with one") += 1;
        } else {
            stays.push(1);
        }
    }
    let usual_stay = median(&stays.iter().map(|&stay| count(stay)).collect::<Vec<_>>());
    let is_two = stays.len() >= 5 && usual_stay >= 3.0 && apart > 6.0 && high > 1.1 * low;
    if !is_two || sheet.has(Kind::EpochSawtooth) {
        return;
    }
    let what = format!(
        "the training loss changes {} times between about {:.4} and {:.4} and keeps to each for {usual_stay:.0} rows",
        stays.len() - 1,
        median(&below),
        median(&above)
    );
    let statistic = ("distance of the levels in deviations", apart, 6.0);
    let evidence = train.quotes(&[values.len() - late.len() + stays[0], values.len() - late.len()]);
    sheet.find((Kind::Bistable, Weight::Watch), what, statistic, evidence);
}

/// A training loss near nothing for most of the run.
pub(super) fn memorised(course: &Course<'_>, sheet: &mut Sheet) {
    let Some(train) = course.train.as_ref().filter(|train| train.len() >= 5) else {
        return sheet.skip(&[Kind::Memorised], "too few rows of training loss");
    };
    let values = train.values();
    let bound = (0.02 * values[0]).clamp(0.01, 0.05);
    let levels = stretches(&values, 20);
    let Some(from) = (0..levels.len()).find(|&at| median(&levels[at..]) < bound && levels[at] < bound) else { return };
    let row = (from * values.len()).div_euclid(levels.len());
    let at = train.shares().get(row).copied().unwrap_or(1.0);
    // Without evaluations nothing else can be said of a loss so low.
    if at > if course.evaluations() > 0 { 0.5 } else { 0.9 } {
        return;
    }
    let from_where = if at < 0.005 { "throughout".into() } else { format!("from {:.0} % of the run on", 100.0 * at) };
    let end = median(&levels[from..]);
    let what = format!("the training loss is below {bound:.3} {from_where} ({end:.4} in the end)");
    let weight = Weight::Note;
    sheet.find(
        (Kind::Memorised, weight),
        what,
        ("share of the run before it", at, 0.5),
        train.quotes(&[row, values.len() - 1]),
    );
}

/// A training loss alone: whether it still falls, or has long stopped.
pub(super) fn course_of_training(course: &Course<'_>, sheet: &mut Sheet) {
    let Some(train) = course.train.as_ref().filter(|train| train.len() >= 5) else { return };
    if course.held_out.as_ref().is_some_and(|loss| loss.len() > 1) || sheet.is_broken() {
        return;
    }
    let values = train.values();
    let levels = stretches(&values, 10);
    let (start, end) = (values[0], levels[levels.len() - 1]);
    let third = levels[(levels.len() - 1) * 2 / 3];
    let late = (third - end) / (start - end).max(1e-12);
    if sheet.has(Kind::Memorised) {
        return;
    }
    if (late > 0.05 || third - end > 0.03 * end) && end < start {
        let what = format!("the training loss falls from {third:.4} to {end:.4} over the last third of the run");
        let statistic = ("share of the whole gain made in the last third", late, 0.05);
        sheet.find(
            (Kind::StillImproving, Weight::Note),
            what,
            statistic,
            train.quotes(&[values.len() - 1, values.len() * 2 / 3]),
        );
    } else if let Some(at) = saturation(train, &levels, start, end).filter(|_| values.len() >= 20) {
        let what = format!("95 % of what the training loss fell, it had fallen by {:.0} % of the run", 100.0 * at);
        sheet.find((Kind::SaturatedEarly, Weight::Note), what, ("share of the run", at, 0.25), ends(train));
    }
}

/// Share of the run by which 95 % of the fall was made, where that is within its first quarter.
fn saturation(train: &Curve, levels: &[f64], start: f64, end: f64) -> Option<f64> {
    let reached = levels.iter().position(|level| (start - level) >= 0.95 * (start - end))?;
    let row = reached * train.len() / levels.len();
    let last = train.points.last()?;
    let at = position(&train.points[row], row) / position(last, train.len() - 1).max(1e-12);
    (at <= 0.25 && start > end).then_some(at)
}
