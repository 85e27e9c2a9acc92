//! A learning-rate sweep: from the same first weights through a short warm-up at each of several rates.

use journal::{Chart, HorizontalLine, Series, Style, VerticalMark};
use serde::Serialize;

use super::{
    bench::{Bench, Learner, mean_and_error},
    checked::{Advice, Checked},
};
use crate::{TrainError, batch::Lesson};

pub(super) const NAME: &str = "learning rate";

/// The lowest and the highest rate, and how many lie between them at equal ratios.
const LOWEST: f64 = 1e-5;
const HIGHEST: f64 = 1e-1;
const RATES: usize = 9;
/// Updates at each rate: as many as there is time for.
const UPDATES: [u64; 2] = [15, 200];
/// Share of the time left by which it is to be done: what else runs on the machine may slow it down.
const TIME: f64 = 0.7;
/// Rates that must have been tried to say something.
const LEAST_RATES: usize = 5;
/// Share of the updates that the warm-up takes, where the case has one.
const WARMUP: f64 = 0.25;
/// Share of the updates, the last ones, whose mean loss is a rate's result.
const LAST: f64 = 0.25;
/// Share of the first loss by which the loss at the end must lie above it to count as diverged, besides three standard errors.
const ABOVE: f64 = 0.02;
/// How many times the first loss a few updates on end must lose on the way to count as diverged, whatever comes after: a
/// clipped gradient brings almost every loss back to what frequencies lose.
const SHOT_UP: f64 = 1.5;
/// Updates that are averaged for that.
const FEW: usize = 5;
/// Share of the best rate's gain that a rate must have to count as one that learns.
const LEARNS: f64 = 0.8;
/// Share of what frequencies lose that a loss must be below to show that something else was learned.
const BEYOND: f64 = 0.98;
/// A case's rate that gains less than this share of the best's, where a rate so many times higher gains most, is called low.
const LOW: (f64, f64) = (0.2, 5.0);

const ADVICE: Advice = Advice {
    meaning: "at the case's own rate the loss shoots up, ends above where it began or is no number: a run would diverge, or \
              recover late and badly",
    next: "set learning_rate in [schedule] into the range in which it learns, well below the point of divergence, or lengthen \
           warmup",
};

/// What became of each rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sweep {
    /// By rate, ascending; the case's own among them.
    pub rates: Vec<SweptRate>,
    /// The peak rate of the case.
    pub own: f64,
    /// Updates at each rate.
    pub updates: u64,
    /// Of them, updates of a linear warm-up.
    pub warmup: u64,
    /// Updates of warm-up that the case asks for.
    pub planned_warmup: u64,
    /// Loss before the first update, nats per decision.
    pub first_loss: f64,
    /// What is lost by knowing nothing but frequencies.
    pub unigram: f64,
    /// The lowest rate from which on every rate diverged; none where the highest did not.
    pub diverges_from: Option<f64>,
    /// The lowest and the highest rate with at least four fifths of the best one's gain; none where no rate gained anything.
    pub learns: Option<[f64; 2]>,
}

/// One rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweptRate {
    /// The rate after the warm-up.
    pub rate: f64,
    /// Mean training loss of the last updates, nats per decision; none where an update had no finite loss or gradient.
    pub loss: Option<f64>,
    /// One standard error of it, over updates.
    pub error: f64,
    /// The highest mean loss of five updates on end, from the first update on; none where one was no number.
    pub highest: Option<f64>,
    /// Whether it shot up on the way, ended above its start, or as no number.
    pub diverged: bool,
}

/// Trains briefly at each rate.
///
/// # Source
/// Smith 2017, "Cyclical learning rates for training neural networks", §3.3, with every rate from the same first weights in
/// place of one run whose rate grows: what a rate does then is not what the rates before it did.
pub(super) fn sweep(bench: &Bench) -> Result<(Checked, Option<Sweep>), TrainError> {
    let own = bench.setup.config.schedule.learning_rate;
    let rates = rates(own);
    let cost = bench.pace.whole * rates.len() as f64;
    let updates = ((TIME * bench.clock.left() / cost) as u64).min(UPDATES[1]);
    if updates < UPDATES[0] {
        return Ok((no_time(bench, rates.len(), cost), None));
    }
    let lessons = (0..updates).map(|step| Lesson::at(bench.setup, step)).collect::<Vec<_>>();
    let planned_warmup = bench.setup.plan.warmup_steps;
    let steps = Steps { updates, warmup: planned_warmup.min((WARMUP * updates as f64) as u64), planned_warmup };
    let last = lessons.len() - (LAST * lessons.len() as f64).ceil() as usize;
    // What the first weights lose on the batches at the end, dropout and all: the same batches, so their noise cancels.
    let first = train_at(bench, &lessons[last..], 0.0, 0)?.unwrap_or_default();
    let first = first.into_iter().map(|loss| loss.unwrap_or(f64::NAN)).collect::<Vec<_>>();
    let (mut swept, mut untried) = (Vec::new(), Vec::new());
    // The case's own first: should time run short, that one must not be missing.
    for rate in std::iter::once(own).chain(rates.iter().copied().filter(|rate| *rate != own)) {
        match train_at(bench, &lessons, rate, steps.warmup)? {
            Some(losses) => swept.push(result(rate, &losses, &first)),
            None => untried.push(format!("{rate:e}")),
        }
    }
    if swept.len() < LEAST_RATES {
        let why = bench.clock.over().unwrap_or("the time was over");
        return Ok((Checked::not_done(NAME, format!("after {} of {} rates {why}", swept.len(), rates.len())), None));
    }
    swept.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let sweep = Sweep::of(swept, own, steps, (mean_and_error(&first).0, bench.setup.baselines.unigram));
    let untried = (!untried.is_empty()).then(|| format!("no time was left for {}", untried.join(", ")));
    Ok((sweep.judge().with(untried), Some(sweep)))
}

fn no_time(bench: &Bench, rates: usize, cost: f64) -> Checked {
    let needed = ((bench.clock.gone() + cost * UPDATES[0] as f64 / TIME) / 60.0).ceil();
    Checked::not_done(
        NAME,
        match bench.clock.over() {
            Some(why) => why.into(),
            None => format!("{rates} rates of {} updates would want --minutes {needed:.0} or more", UPDATES[0]),
        },
    )
}

/// The rates, ascending: at equal ratios, and the case's own.
fn rates(own: f64) -> Vec<f64> {
    let at = |index: usize| LOWEST * (HIGHEST / LOWEST).powf(index as f64 / (RATES - 1) as f64);
    // Two figures are enough, and read better.
    let rounded = |rate: f64| format!("{rate:.1e}").parse().unwrap_or(rate);
    let mut rates = (0..RATES).map(|index| rounded(at(index))).collect::<Vec<f64>>();
    // One that is all but the case's own would be the same again.
    rates.retain(|rate| (rate / own).ln().abs() > 0.05);
    rates.push(own);
    rates.sort_by(f64::total_cmp);
    rates
}

/// The loss of each update; none from the first that was no number on. Nothing where time ran out.
fn train_at(bench: &Bench, lessons: &[Lesson], rate: f64, warmup: u64) -> Result<Option<Vec<Option<f64>>>, TrainError> {
    let mut learner = Learner::new(bench.setup, &bench.model);
    let mut losses = Vec::new();
    for (update, lesson) in lessons.iter().enumerate() {
        if bench.clock.over().is_some() {
            return Ok(None);
        }
        // As a schedule has it, but for the first update, whose rate would be 0.
        let share = if warmup > 0 { ((update + 1) as f64 / (warmup + 1) as f64).min(1.0) } else { 1.0 };
        let Some((next, loss)) = learner.learn(lesson, rate * share)? else {
            losses.push(None);
            break;
        };
        learner = next;
        losses.push(Some(loss));
    }
    losses.resize(lessons.len(), None);
    Ok(Some(losses))
}

/// What became of a rate with these losses, where the first weights lose `first` on the last batches.
fn result(rate: f64, losses: &[Option<f64>], first: &[f64]) -> SweptRate {
    let finite = losses.iter().flatten().copied().filter(|loss| loss.is_finite()).collect::<Vec<_>>();
    if finite.len() < losses.len() {
        return SweptRate { rate, loss: None, error: 0.0, highest: None, diverged: true };
    }
    let last = &finite[finite.len() - first.len().min(finite.len())..];
    let (mean, error) = mean_and_error(last);
    let risen = last.iter().zip(first).map(|(loss, first)| loss - first).collect::<Vec<_>>();
    let (risen, noise) = mean_and_error(&risen);
    let first = mean_and_error(first).0;
    let highest = finite.windows(FEW.min(finite.len())).map(|few| mean_and_error(few).0).fold(f64::MIN, f64::max);
    let diverged = risen > (3.0 * noise).max(ABOVE * first) || highest > SHOT_UP * first;
    SweptRate { rate, loss: Some(mean), error, highest: Some(highest), diverged }
}

impl SweptRate {
    /// Nats by which it came down from the first loss; 0 where it diverged.
    fn gain(&self, first_loss: f64) -> f64 {
        self.loss.filter(|_| !self.diverged).map_or(0.0, |loss| first_loss - loss)
    }
}

/// How many updates a rate had.
#[derive(Debug, Clone, Copy)]
struct Steps {
    updates: u64,
    warmup: u64,
    planned_warmup: u64,
}

impl Sweep {
    fn of(rates: Vec<SweptRate>, own: f64, steps: Steps, (first_loss, unigram): (f64, f64)) -> Self {
        let Steps { updates, warmup, planned_warmup } = steps;
        let calm = rates.iter().rposition(|rate| !rate.diverged).map_or(0, |last| last + 1);
        let diverges_from = rates.get(calm).map(|rate| rate.rate);
        let gain = |rate: &SweptRate| rate.gain(first_loss);
        // A gain that is not told from noise is none.
        let best = rates.iter().filter(|rate| gain(rate) > 3.0 * rate.error).map(gain).fold(0.0, f64::max);
        let learning = rates.iter().filter(|rate| best > 0.0 && gain(rate) >= LEARNS * best).map(|rate| rate.rate);
        let learning = learning.collect::<Vec<_>>();
        let learns = learning.first().zip(learning.last()).map(|(low, high)| [*low, *high]);
        Self { rates, own, updates, warmup, planned_warmup, first_loss, unigram, diverges_from, learns }
    }

    /// Whether the case's own rate lies below the point of divergence, and what else the sweep says of it.
    pub(super) fn judge(&self) -> Checked {
        let own = self.rates.iter().find(|rate| rate.rate == self.own);
        let is_past = own.is_none_or(|rate| rate.diverged) || self.diverges_from.is_some_and(|from| self.own >= from);
        let range = match self.learns {
            Some([low, high]) if low == high => format!("it learns at {low:e}"),
            Some([low, high]) => format!("it learns from {low:e} to {high:e}"),
            None => "so few updates show learning at no rate".into(),
        };
        let point = self
            .diverges_from
            .map_or_else(|| format!("does not diverge up to {HIGHEST:e}"), |from| format!("diverges from {from:e} on"));
        let measured = format!("{range} and {point}");
        let threshold = format!("the case's own, {:e}, does not diverge", self.own);
        Checked::judged(NAME, !is_past, measured, threshold, ADVICE).with(self.remarks())
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = vec![format!(
            "{} updates a rate, {} of them warm-up (the case asks for {}): what a rate does in a whole run is not known",
            self.updates, self.warmup, self.planned_warmup
        )];
        let least = self.rates.iter().filter_map(|rate| rate.loss).fold(f64::INFINITY, f64::min);
        if least > BEYOND * self.unigram {
            remarks.push(
                "no rate came below what frequencies lose: so early these alone are learned, by rates that would learn no more too"
                    .into(),
            );
        }
        let gain = |rate: &SweptRate| rate.gain(self.first_loss);
        let best = self.rates.iter().max_by(|a, b| gain(a).total_cmp(&gain(b)));
        let own = self.rates.iter().find(|rate| rate.rate == self.own);
        if let (Some(best), Some(own)) = (best, own)
            && self.learns.is_some()
            && gain(own) < LOW.0 * gain(best)
            && best.rate >= LOW.1 * self.own
        {
            remarks.push(format!(
                "the case's rate is far below what learns fastest here, {:e}: it gained {:.3} nats of {:.3}",
                best.rate,
                gain(own).max(0.0),
                gain(best)
            ));
        }
        remarks
    }

    /// The loss at the end by rate, with the case's own rate and the point of divergence.
    pub fn chart(&self, of: &str) -> Chart {
        let highest = 1.5 * self.first_loss;
        // Far above its start nothing is to be read, and the rest would be flat: the line ends there.
        let point =
            |rate: &SweptRate| (rate.rate.log10(), rate.loss.filter(|loss| *loss <= highest).unwrap_or(f64::NAN));
        let band = |rate: &SweptRate| {
            let loss = rate.loss.filter(|loss| *loss <= highest)?;
            Some((rate.rate.log10(), loss - rate.error, loss + rate.error))
        };
        let series = Series {
            name: "loss at the end".into(),
            points: self.rates.iter().map(point).collect(),
            band: self.rates.iter().filter_map(band).collect(),
            style: Style::LineWithPoints,
            color: 0,
        };
        let line = |label: &str, y: f64| HorizontalLine { label: label.into(), y, always: true, color: None };
        let mut marks = vec![VerticalMark { label: format!("the case: {:e}", self.own), x: self.own.log10() }];
        marks.extend(
            self.diverges_from.map(|from| VerticalMark { label: format!("diverges: {from:e}"), x: from.log10() }),
        );
        Chart {
            title: "Loss after a few updates at each learning rate".into(),
            subtitle: format!(
                "{of}; {} updates each, {} of them warm-up; band: one standard error",
                self.updates, self.warmup
            ),
            x_label: "learning rate, decimal logarithm".into(),
            y_label: "training loss, nats".into(),
            series: vec![series],
            lines: vec![line("before the first update", self.first_loss), line("by frequencies alone", self.unigram)],
            marks,
            ..Chart::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Steps, Sweep, SweptRate, rates, result};

    fn sweep(own: f64, losses: &[(f64, Option<f64>)]) -> Sweep {
        let rate = |(rate, loss): &(f64, Option<f64>)| result(*rate, &[*loss; 8], &[8.0; 8]);
        let rates = losses.iter().map(rate).collect::<Vec<SweptRate>>();
        Sweep::of(rates, own, Steps { updates: 8, warmup: 2, planned_warmup: 100 }, (8.0, 7.0))
    }

    #[test]
    fn rates_are_geometric_and_hold_the_cases_own() {
        let all = rates(5e-4);
        assert_eq!((all.len(), all[0], all[9]), (10, 1e-5, 1e-1));
        assert!(all.contains(&5e-4) && all.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(rates(1e-3).len(), 9, "the same rate is not tried twice");
    }

    #[test]
    fn the_range_that_learns_and_the_point_of_divergence_are_found() {
        let losses = [(1e-5, Some(7.9)), (1e-4, Some(6.7)), (1e-3, Some(6.5)), (1e-2, Some(9.0)), (1e-1, None)];
        let fine = sweep(1e-3, &losses);
        assert_eq!((fine.learns, fine.diverges_from), (Some([1e-4, 1e-3]), Some(1e-2)));
        assert!(fine.judge().passed(), "{:?}", fine.judge());
        assert!(fine.judge().measured.contains("from 1e-4 to 1e-3 and diverges from 1e-2 on"));
        let past = sweep(1e-2, &losses).judge();
        assert!(past.failed() && past.next.is_some(), "{past:?}");
        let low = sweep(1e-5, &losses).judge();
        assert!(low.passed() && low.remarks.iter().any(|remark| remark.contains("far below")), "{low:?}");
    }

    #[test]
    fn a_loss_within_its_noise_of_the_start_has_not_diverged() {
        let first = [0.69, 0.71, 0.67, 0.69];
        assert!(!result(1e-5, &[Some(0.70); 4], &first).diverged);
        assert!(result(1e-1, &[Some(0.80); 4], &first).diverged);
        assert!(!result(1e-1, &[0.5, 1.1, 0.6, 0.9].map(Some), &first).diverged);
        assert!(result(1e-1, &[Some(0.5), Some(0.5), Some(0.5), None], &first).diverged);
        let spike = [[0.9; 4], [1.6; 4], [0.7; 4], [0.6; 4]].concat().into_iter().map(Some).collect::<Vec<_>>();
        assert!(result(1e-1, &spike, &first).diverged, "it shot up and came back");
    }

    #[test]
    fn a_chart_marks_the_cases_rate_and_leaves_out_what_is_far_above() {
        let chart = sweep(1e-3, &[(1e-3, Some(6.5)), (1e-2, Some(90.0))]).chart("a case");
        assert!(chart.series[0].points[1].1.is_nan() && chart.series[0].points[0].1 == 6.5);
        assert_eq!(chart.marks.len(), 2);
        assert!(journal::svg(&chart).contains("the case: 1e-3"));
    }
}
