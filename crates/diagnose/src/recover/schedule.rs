//! The course of the learning rate: its family, warm-up, peak and end, from the column of rates alone.
//!
//! # Source
//! The families are those of `transformers.get_scheduler` and of Vaswani et al. 2017, §5.3 (inverse square root); a rate
//! is a straight line in the step after its family's inverse, so each is fitted by least squares.

use std::f64::consts::PI;
use std::fmt;

use crate::log::{Place, Point};
use crate::recover::fit::{Line, best_between, largest_error, line};

/// Points that are fitted; of longer columns evenly spread ones.
const MAX_POINTS: usize = 600;
/// A family is believed if no rate is farther from it than this, as a share of the peak.
const GOOD: f64 = 0.01;
/// Warm-ups that people choose, as shares of all steps.
const FRACS: [f64; 9] = [0.0, 0.1, 0.06, 0.05, 0.03, 0.02, 0.01, 0.2, 0.15];
/// Warm-ups that people choose, in steps. One step: none at all, the rate logged before its update.
const STEPS: [f64; 10] = [1.0, 100.0, 500.0, 1000.0, 2000.0, 50.0, 200.0, 10_000.0, 4000.0, 10.0];

/// A family of schedules after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// One rate.
    Constant,
    /// A straight line to zero.
    Linear,
    /// Half a cosine, to zero or to a floor.
    Cosine,
    /// Proportional to one over the root of the step.
    InverseSqrt,
    /// By the same factor every step.
    Exponential,
    /// A power of the share of steps left.
    Polynomial,
    /// The log ends within the warm-up.
    WarmupOnly,
    /// It rises again: restarts, cycles, or two runs.
    Rising,
    /// None of these.
    Unknown,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Constant => "constant",
            Self::Linear => "linear",
            Self::Cosine => "cosine",
            Self::InverseSqrt => "inverse-sqrt",
            Self::Exponential => "exponential",
            Self::Polynomial => "polynomial",
            Self::WarmupOnly => "warm-up only",
            Self::Rising => "rising again",
            Self::Unknown => "unknown",
        })
    }
}

/// How the peak is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeakIs {
    /// The log covers it.
    Seen,
    /// The line before the log was prolonged to a usual warm-up that gives a round peak.
    Inferred,
    /// The log begins later, and no usual warm-up gives a round peak: the highest rate seen.
    AtLeast,
}

/// A fitted schedule. Positions are steps, or epochs where steps are not known.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its family.
    pub family: Family,
    /// Whether positions are steps.
    pub is_in_steps: bool,
    /// The highest rate of the plan.
    pub peak: f64,
    /// How that is known.
    pub peak_is: PeakIs,
    /// The highest peak that the line allows: that of no warm-up. Infinite where the family sets none.
    pub peak_at_most: f64,
    /// The highest rate in the log.
    pub highest_seen: f64,
    /// Position of the end of the warm-up, where it is seen or inferred.
    pub warmup: Option<f64>,
    /// Position of the first rate.
    pub first: f64,
    /// Where the rate reaches its end.
    pub end: Option<f64>,
    /// The rate at the end.
    pub floor: f64,
    /// The power of a polynomial.
    pub power: Option<f64>,
    /// The largest distance of a rate from the fit, over the peak.
    pub error: f64,
    /// Rates that were fitted.
    pub points: usize,
    /// The first and the last of them.
    pub places: Vec<Place>,
}

/// A family's fit to the decay.
struct Decay {
    family: Family,
    error: f64,
    peak: f64,
    start: Option<f64>,
    end: Option<f64>,
    floor: f64,
    power: Option<f64>,
    line: Line,
}

/// The schedule that rates follow; none for fewer than three of them.
pub(super) fn fit(rates: &[Point], stated_total: Option<f64>) -> Option<Schedule> {
    let is_in_steps = rates.iter().all(|point| point.step.is_some());
    #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
    let position = |point: &Point| if is_in_steps { point.step.map(|step| step as f64) } else { point.epoch };
    let usable = rates.iter().filter(|point| point.value.is_finite() && point.value >= 0.0);
    let all: Vec<(f64, f64, Place)> =
        usable.filter_map(|point| Some((position(point)?, point.value, point.place))).collect();
    let every = all.len().div_ceil(MAX_POINTS).max(1);
    let last = all.len().checked_sub(1)?;
    let points: Vec<(f64, f64)> = all
        .iter()
        .enumerate()
        .filter(|(at, _)| at % every == 0 || *at == last)
        .map(|(_, &(at, rate, _))| (at, rate))
        .collect();
    let highest = points.iter().map(|point| point.1).fold(0.0, f64::max);
    if points.len() < 3 || highest <= 0.0 {
        return None;
    }
    let blank = Schedule {
        family: Family::Unknown,
        is_in_steps,
        peak: highest,
        peak_is: PeakIs::AtLeast,
        peak_at_most: f64::INFINITY,
        highest_seen: highest,
        warmup: None,
        first: points[0].0,
        end: None,
        floor: 0.0,
        power: None,
        error: 1.0,
        points: all.len(),
        places: vec![all.first()?.2, all.last()?.2],
    };
    Some(of_points(&points, blank, stated_total))
}

fn of_points(points: &[(f64, f64)], blank: Schedule, stated_total: Option<f64>) -> Schedule {
    let highest = blank.highest_seen;
    // The last of several equal highest rates begins the decay, the first of them ends the warm-up.
    let near = |rate: f64| rate >= highest * (1.0 - 1e-9);
    let top = points.iter().position(|point| near(point.1)).unwrap_or(0);
    let plateau = points.iter().rposition(|point| near(point.1)).unwrap_or(top);
    let rising = &points[..top];
    let falling = &points[plateau..];
    let wobble = 1e-6 * highest;
    if rising.windows(2).any(|pair| pair[1].1 < pair[0].1 - wobble)
        || falling.windows(2).any(|pair| pair[1].1 > pair[0].1 + wobble)
    {
        return Schedule { family: Family::Rising, ..blank };
    }
    let warm = warmup(rising, points[top]);
    if plateau + 1 == points.len() {
        return level(points, blank, top, warm);
    }
    // The highest rate may still stand on the warm-up's line: it is then no point of the decay.
    let on_warmup =
        warm.is_some_and(|warm| (warm.at(points[top].0) - highest).abs() < 1e-3 * highest) && falling.len() > 3;
    let decay_points = if on_warmup { &falling[1..] } else { falling };
    let Some(decay) = best_decay(decay_points, warm, highest) else { return blank };
    if decay.error > GOOD * highest {
        return Schedule { family: Family::Unknown, error: decay.error / highest, ..blank };
    }
    let fitted = Schedule {
        family: decay.family,
        end: decay.end,
        floor: decay.floor,
        power: decay.power,
        error: decay.error / decay.peak.max(highest),
        ..blank
    };
    with_peak(fitted, &decay, warm, points[0].0, stated_total)
}

/// Nothing falls: constant, or still warming up.
fn level(points: &[(f64, f64)], blank: Schedule, top: usize, warm: Option<Line>) -> Schedule {
    if top + 1 == points.len() {
        let error = warm.map_or(1.0, |warm| largest_error(points, |at| warm.at(at)) / blank.peak);
        return Schedule { family: Family::WarmupOnly, error, ..blank };
    }
    let warmup = warm.map(|warm| warm.reaches(blank.peak));
    Schedule {
        family: Family::Constant,
        peak_is: PeakIs::Seen,
        peak_at_most: blank.peak,
        floor: blank.peak,
        error: 0.0,
        warmup,
        ..blank
    }
}

/// The straight line of the warm-up. From one rate alone it goes through zero, where every trainer's begins.
fn warmup(rising: &[(f64, f64)], top: (f64, f64)) -> Option<Line> {
    match rising {
        [] => None,
        [only] => {
            let through_zero = Line { slope: only.1 / only.0.max(1e-9), intercept: 0.0 };
            (only.0 > 0.0 && only.1 > 0.0 && only.0 < top.0).then_some(through_zero)
        }
        many => line(many.iter().copied()).filter(|line| line.slope > 0.0),
    }
}

/// The simplest family that is as near as the rates are written, or else the nearest.
fn best_decay(points: &[(f64, f64)], warm: Option<Line>, highest: f64) -> Option<Decay> {
    if points.len() < 3 {
        return None;
    }
    let (first, last) = (points.first()?, points.last()?);
    let drop = first.1 - last.1;
    let written = half_digit(points);
    // Rates that fall by little more than their last digit fit anything.
    if written > 0.0 && drop < 50.0 * written {
        return None;
    }
    // A rate stands where its position, rounded, says: off by that times the slope.
    let blur = half_digit_of(points.iter().map(|point| point.0)) * drop / (last.0 - first.0).max(1e-9);
    let tolerance = (written + blur).max(1e-6 * highest);
    let floors = [0.0, 0.1 * highest, points.last()?.1];
    let mut fits: Vec<Decay> = Vec::new();
    fits.extend(transformed(points, Family::Linear, |rate| rate, |line, at| line.at(at).max(0.0)));
    if points.len() >= 5 {
        fits.extend(floors.iter().filter_map(|&floor| cosine(points, floor, warm, highest)));
        fits.extend(transformed(points, Family::InverseSqrt, |rate| rate.powi(-2), |line, at| line.at(at).powf(-0.5)));
        fits.extend(transformed(points, Family::Exponential, f64::ln, |line, at| line.at(at).exp()));
        fits.extend(polynomial(points));
    }
    let nearest = fits.iter().map(|fit| fit.error).reduce(f64::min)?;
    // Updates that were skipped shift a line by a step or two: a free power would follow them.
    let chosen = fits.iter().position(|fit| fit.error <= (2.0 * tolerance).max(3.0 * nearest))?;
    Some(fits.swap_remove(chosen))
}

/// Half of the last digit that the rates are written with, at least of the coarse ones.
fn half_digit(points: &[(f64, f64)]) -> f64 {
    let mut scale = 1e4;
    while scale < 1e13 && points.iter().any(|(_, rate)| (rate * scale - (rate * scale).round()).abs() > 1e-6) {
        scale *= 10.0;
    }
    if scale >= 1e13 { 0.0 } else { 0.5 / scale }
}

/// Half of the last digit of positions: zero for steps, which are whole.
fn half_digit_of(positions: impl Iterator<Item = f64> + Clone) -> f64 {
    let is_written = |scale: f64| {
        positions.clone().all(|at| (at * scale - (at * scale).round()).abs() < 1e-6 * scale.max(1.0) * 0.1)
    };
    match [1.0, 10.0, 100.0, 1e3, 1e4].into_iter().find(|&scale| is_written(scale)) {
        Some(1.0) | None => 0.0,
        Some(scale) => 0.5 / f64::max(scale, 100.0),
    }
}

fn transformed(
    points: &[(f64, f64)],
    family: Family,
    forth: impl Fn(f64) -> f64 + Copy,
    back: impl Fn(Line, f64) -> f64,
) -> Option<Decay> {
    let positive = points.iter().filter(|(_, rate)| *rate > 0.0 || family == Family::Linear);
    // A rate clamped to zero after the end of the plan is no point of the line; the first zero is.
    let zero = points.iter().position(|(_, rate)| *rate <= 0.0).unwrap_or(points.len());
    let upto = points.get(zero).map_or(f64::INFINITY, |point| point.0);
    let line = line(positive.filter(|(at, _)| *at <= upto).map(|&(at, rate)| (at, forth(rate))))?;
    let error = largest_error(points, |at| back(line, at));
    let end = (family == Family::Linear && line.slope < 0.0).then(|| line.reaches(0.0));
    Some(Decay { family, error, peak: points[0].1, start: None, end, floor: 0.0, power: None, line })
}

fn polynomial(points: &[(f64, f64)]) -> Option<Decay> {
    let fit = |power: f64| {
        transformed(
            points,
            Family::Polynomial,
            |rate| rate.powf(1.0 / power),
            |line, at| line.at(at).max(0.0).powf(power),
        )
    };
    let power = best_between(0.2, 6.0, |power| fit(power).map_or(f64::INFINITY, |fit| fit.error));
    let fitted = fit(power)?;
    let end = (fitted.line.slope < 0.0).then(|| fitted.line.reaches(0.0));
    Some(Decay { power: Some(power), end, ..fitted })
}

/// Half a cosine between a peak that is searched for and a floor.
fn cosine(points: &[(f64, f64)], floor: f64, warm: Option<Line>, highest: f64) -> Option<Decay> {
    let angle = |peak: f64| move |rate: f64| (2.0 * (rate - floor) / (peak - floor) - 1.0).clamp(-1.0, 1.0).acos();
    let fit = |peak: f64| {
        let inside = points.iter().filter(|(_, rate)| *rate > floor && *rate < peak);
        let line = line(inside.map(|&(at, rate)| (at, angle(peak)(rate))))?;
        let curve = |at: f64| floor + (peak - floor) * 0.5 * (1.0 + line.at(at).clamp(0.0, PI).cos());
        let error = largest_error(points, curve);
        (line.slope > 0.0).then_some((line, error))
    };
    // Where the warm-up is seen the peak is near; a log that begins late may have lost most of it.
    let most = if warm.is_some() { 1.5 } else { 8.0 };
    if highest <= floor {
        return None;
    }
    let peak = best_between(highest, highest * most, |peak| fit(peak).map_or(f64::INFINITY, |(_, error)| error));
    let (line, error) = fit(peak)?;
    Some(Decay {
        family: Family::Cosine,
        error,
        peak,
        start: Some(line.reaches(0.0)),
        end: Some(line.reaches(PI)),
        floor,
        power: None,
        line,
    })
}

/// Peak and warm-up: where the two lines meet, or what a usual warm-up makes of the decay.
fn with_peak(fitted: Schedule, decay: &Decay, warm: Option<Line>, first: f64, stated_total: Option<f64>) -> Schedule {
    if decay.family == Family::Cosine {
        let is_seen = warm.is_some() || decay.peak < fitted.highest_seen * 1.02;
        let peak_is = if is_seen { PeakIs::Seen } else { PeakIs::AtLeast };
        let warmup = decay.start.filter(|start| *start > 0.0 || is_seen).map(|start| start.max(0.0));
        return Schedule { peak: decay.peak, peak_is, peak_at_most: decay.peak * 1.02, warmup, ..fitted };
    }
    if decay.family != Family::Linear {
        let warmup = warm.map(|warm| warm.reaches(fitted.highest_seen));
        let peak_is = if warm.is_some() { PeakIs::Seen } else { PeakIs::AtLeast };
        return Schedule { peak_is, warmup, ..fitted };
    }
    let line = decay.line;
    if let Some(warm) = warm {
        let meets = (line.intercept - warm.intercept) / (warm.slope - line.slope);
        let peak = line.at(meets).max(fitted.highest_seen);
        return Schedule { peak, peak_is: PeakIs::Seen, peak_at_most: peak * 1.001, warmup: Some(meets), ..fitted };
    }
    let at_most = line.intercept;
    let total = stated_total.or(decay.end).unwrap_or(0.0);
    let steps = STEPS.iter().copied().filter(|_| fitted.is_in_steps);
    let candidates = FRACS.iter().map(|frac| frac * total).chain(steps).filter(|&warmup| warmup <= first);
    let round = |digits: i32| candidates.clone().find(|&warmup| is_round(line.at(warmup), digits));
    match round(1).or_else(|| round(2)) {
        Some(warmup) => {
            let peak = to_digits(line.at(warmup), 2);
            let warmup = Some(if warmup > 1.0 { warmup } else { 0.0 });
            Schedule { peak, peak_is: PeakIs::Inferred, peak_at_most: at_most, warmup, ..fitted }
        }
        None => Schedule { peak_at_most: at_most, ..fitted },
    }
}

/// The number with so many significant digits.
fn to_digits(number: f64, digits: i32) -> f64 {
    format!("{number:.*e}", usize::try_from(digits - 1).unwrap_or(0)).parse().unwrap_or(number)
}

/// Whether a number is written with so many digits, up to a thousandth.
fn is_round(number: f64, digits: i32) -> bool {
    number > 0.0 && (to_digits(number, digits) / number - 1.0).abs() < 1e-3
}
