//! Waves with a period: the order of the data showing through the training loss.

use super::course::{Course, Curve, Sheet, position};
use super::robust::{count, noise, quantile};
use super::{Kind, Weight};

/// Places within a period that are told apart.
const PHASES: usize = 12;
/// Points the loss is brought to before a period is looked for.
const GRID: usize = 600;
/// Periods that must be seen.
const LEAST_CYCLES: f64 = 2.5;

/// A wave found in a series.
struct Wave {
    /// In the unit of the positions.
    period: f64,
    /// Share of the variance around the trend that the place within the period explains.
    explained: f64,
    /// From the lowest to the highest place within the period.
    height: f64,
    /// How much the trend falls within one period.
    fall: f64,
    /// Whether the period is the epoch, as the log tells.
    is_epoch: bool,
    /// Whether the log tells the epoch and it is another length.
    is_other: bool,
}

pub(super) fn epoch_waves(course: &Course<'_>, sheet: &mut Sheet) {
    let kinds = [Kind::EpochSawtooth, Kind::EpochWave];
    let Some(train) = course.train.as_ref().filter(|train| train.len() >= 40) else {
        return sheet.skip(&kinds, "too few rows of training loss");
    };
    let places: Vec<f64> = train.points.iter().enumerate().map(|(rank, point)| position(point, rank)).collect();
    let Some(grid) = even(&places, &train.values()) else { return };
    let span = places[places.len() - 1] - places[0];
    let epoch = epoch_length(course, train);
    let found = match epoch {
        Some(epoch) if span / epoch >= LEAST_CYCLES && epoch / span * count(train.len()) >= 6.0 => {
            fold(&grid, span, epoch, true)
        }
        Some(_) => {
            sheet.skip(&kinds, "too few epochs, or too few rows in each");
            // Positions in epochs may be of any unit; beside steps they are what they say.
            let is_other = train.points[0].step.is_some();
            search(&grid, span).map(|wave| Wave { is_other, ..wave })
        }
        None => search(&grid, span),
    };
    let Some(wave) = found else { return };
    let level = quantile(&grid, 0.5).abs().max(1e-12);
    let large = wave.height > 0.1 * level && wave.height > 1.5 * wave.fall && wave.explained > 0.5;
    let unit = if train.points[0].step.is_some() { "steps" } else { "epochs" };
    let period = match (wave.is_epoch, wave.is_other) {
        (true, _) => "the epoch".to_string(),
        (_, true) => format!("about {:.0} {unit}, which is not the epoch", wave.period),
        _ => format!("about {:.0} {unit}", wave.period),
    };
    let what = format!(
        "the training loss goes up and down by {:.3} with the period of {period}; the place within it explains {:.0} % of the variance",
        wave.height,
        100.0 * wave.explained
    );
    let evidence = train.quotes(&[train.highest().unwrap_or(0), train.lowest().unwrap_or(0)]);
    if large && !wave.is_other {
        let gain = grid[0] - grid[grid.len() - 1];
        let weight = if wave.height > 0.5 * gain { Weight::Broken } else { Weight::Watch };
        sheet.find(
            (Kind::EpochSawtooth, weight),
            what,
            ("share of the variance explained", wave.explained, 0.5),
            evidence,
        );
    } else if (wave.is_epoch || large)
        && wave.explained > 0.4
        && wave.height > 0.02 * level
        && wave.height > 1.5 * wave.fall
    {
        sheet.find(
            (Kind::EpochWave, Weight::Note),
            what,
            ("share of the variance explained", wave.explained, 0.4),
            evidence,
        );
    }
}

/// The length of an epoch in the unit of the positions.
fn epoch_length(course: &Course<'_>, train: &Curve) -> Option<f64> {
    match train.points.first()?.step {
        Some(_) => course.recovered.steps_per_epoch.as_ref().map(|derived| derived.value),
        None => train.points.first()?.epoch.map(|_| 1.0),
    }
}

/// The series at evenly spaced positions.
fn even(places: &[f64], values: &[f64]) -> Option<Vec<f64>> {
    let (first, last) = (*places.first()?, *places.last()?);
    if last <= first || last.is_nan() || places.windows(2).any(|pair| pair[1] < pair[0]) {
        return None;
    }
    let points = GRID.min(4 * values.len());
    let mut at = 0usize;
    let value = |nth: usize| {
        let here = first + (last - first) * count(nth) / count(points - 1);
        while at + 2 < places.len() && places[at + 1] < here {
            at += 1;
        }
        let width = (places[at + 1] - places[at]).max(1e-12);
        let share = ((here - places[at]) / width).clamp(0.0, 1.0);
        values[at] + share * (values[at + 1] - values[at])
    };
    Some((0..points).map(value).collect())
}

/// What a period explains of the series.
fn fold(grid: &[f64], span: f64, period: f64, is_epoch: bool) -> Option<Wave> {
    let per_period = period / span * count(grid.len() - 1);
    if per_period < 4.0 || count(grid.len()) / per_period < LEAST_CYCLES {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 2 and the grid's length")]
    let half = (per_period / 2.0).round() as usize;
    let trend: Vec<f64> = (half..grid.len() - half).map(|at| mean(&grid[at - half..=at + half])).collect();
    let rest: Vec<f64> = trend.iter().enumerate().map(|(at, level)| grid[at + half] - level).collect();
    let phases: Vec<usize> = (0..rest.len()).map(|at| phase(at + half, per_period)).collect();
    let (explained, means) = explained_by_others(&rest, &phases, per_period);
    let height =
        means.iter().copied().fold(f64::NEG_INFINITY, f64::max) - means.iter().copied().fold(f64::INFINITY, f64::min);
    let cycles = count(grid.len()) / per_period;
    let fall = (trend[0] - trend[trend.len() - 1]).abs() / cycles;
    let is_noise = height < 2.0 * noise(grid);
    (!is_noise).then_some(Wave { period, explained, height, fall, is_epoch, is_other: false })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a phase is below 12")]
fn phase(at: usize, per_period: f64) -> usize {
    (((count(at) / per_period).fract() * count(PHASES)) as usize).min(PHASES - 1)
}

/// Share of the variance that the same place in the other periods explains, and the mean of each place.
///
/// A period's own values would explain themselves where there are few periods.
fn explained_by_others(rest: &[f64], phases: &[usize], per_period: f64) -> (f64, [f64; PHASES]) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "there are few periods")]
    let cycle = |at: usize| (count(at) / per_period) as usize;
    let cycles = cycle(rest.len()) + 1;
    let mut cells = vec![[(0.0, 0.0); PHASES]; cycles];
    let mut all = [(0.0, 0.0); PHASES];
    for (at, value) in rest.iter().enumerate() {
        for (sum, weight) in [&mut cells[cycle(at)][phases[at]], &mut all[phases[at]]] {
            *sum += value;
            *weight += 1.0;
        }
    }
    let centre = mean(rest);
    let (mut left, mut whole) = (0.0, 0.0);
    for (at, value) in rest.iter().enumerate() {
        let ((sum, weight), (own_sum, own_weight)) = (all[phases[at]], cells[cycle(at)][phases[at]]);
        let others = weight - own_weight;
        let expected = if others > 0.0 { (sum - own_sum) / others } else { centre };
        left += (value - expected).powi(2);
        whole += (value - centre).powi(2);
    }
    let means = all.map(|(sum, weight)| if weight > 0.0 { sum / weight } else { 0.0 });
    (1.0 - left / whole.max(1e-12), means)
}

/// The period that explains most, where the log does not tell the epoch.
fn search(grid: &[f64], span: f64) -> Option<Wave> {
    let periods = (0..120).map(|nth| span / LEAST_CYCLES * 0.97f64.powi(nth));
    let waves = periods.filter(|period| *period > span / 25.0).filter_map(|period| fold(grid, span, period, false));
    waves.filter(|wave| wave.explained > 0.5).max_by(|a, b| a.explained.total_cmp(&b.explained))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values.len())
}
