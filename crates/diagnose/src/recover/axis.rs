//! Steps and epochs: how many of one make the other, and how often was logged.

use crate::log::{Lack, Point, Row, RunLog, Split, Standing};
use crate::recover::Derived;

/// Logging intervals that people choose, the commonest first: 500 is the default of the Hugging Face Trainer.
const INTERVALS: [f64; 12] = [500.0, 100.0, 50.0, 10.0, 200.0, 1000.0, 20.0, 25.0, 250.0, 5.0, 2000.0, 1.0];

/// How steps and epochs hang together.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) steps_per_epoch: Derived,
    /// Steps between two lines, where they follow from the epochs alone.
    interval: Option<f64>,
}

/// Rows that count and have a training loss or rate.
fn training(run: &RunLog) -> Vec<Row> {
    let is_training = |column: u16| {
        run.columns
            .get(usize::from(column))
            .is_some_and(|column| column.split == Split::Train && matches!(column.metric.as_str(), "loss" | "lr"))
    };
    let counts = |row: &&Row| {
        row.standing == Standing::Counts && run.values_of(row).iter().any(|value| is_training(value.column))
    };
    run.rows.iter().filter(counts).copied().collect()
}

/// Half of the last digit that the epochs are written with.
fn half_digit(epochs: impl Iterator<Item = f64>) -> f64 {
    let mut digits = 0u8;
    for epoch in epochs.take(2000) {
        let mut scale = 10f64.powi(i32::from(digits));
        while digits < 7 && (epoch * scale - (epoch * scale).round()).abs() > 1e-6 * scale.max(1.0) * 1e-3 {
            digits += 1;
            scale *= 10.0;
        }
    }
    match digits {
        7.. => 1e-9,
        // Round epochs by chance: no trainer rounds to fewer than two digits, only to none.
        1 => 0.005,
        _ => 0.5 * 10f64.powi(-i32::from(digits)),
    }
}

pub(super) fn axis(run: &RunLog) -> Option<Axis> {
    let counting = || run.rows.iter().filter(|row| row.standing == Standing::Counts);
    #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
    let both: Vec<(f64, f64, &Row)> = counting()
        .filter_map(|row| Some((row.step? as f64, row.epoch?, row)))
        .filter(|(step, _, _)| *step > 0.0)
        .collect();
    if both.is_empty() {
        return from_epochs(run).or_else(|| from_batches(run));
    }
    let half = half_digit(both.iter().map(|(_, epoch, _)| *epoch));
    from_both(&both, half).or_else(|| from_counter(&both))
}

/// Each row bounds the ratio, because its epoch is rounded.
fn from_both(both: &[(f64, f64, &Row)], half: f64) -> Option<Axis> {
    // Steps that are logged before their update, or counted from 0, are off by one; with accumulation the batches of an
    // epoch are no multiple of those of a step, and its steps vary by one.
    for (offset, slack) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)] {
        let (mut low, mut high) = (0f64, f64::INFINITY);
        for (step, epoch, _) in both.iter().filter(|(_, epoch, _)| *epoch > half) {
            // A whole epoch is exact where an evaluation at its end was logged, but rounded all the same.
            let half = if half >= 0.5 { 1e-9 } else { half * 1.000_001 };
            low = low.max((step + offset - slack) / (epoch + half));
            high = high.min((step + offset + slack) / (epoch - half));
        }
        let wobble = 1e-6 * high;
        if high.is_finite() && low <= high + wobble && high > 0.0 {
            let (low, high) = (low.min(high), high.max(low));
            return Some(ratio(low, high, both, "steps over epochs"));
        }
    }
    None
}

/// Epochs that only count, from 0: a row of epoch e lies between e and e + 1 epochs.
fn from_counter(both: &[(f64, f64, &Row)]) -> Option<Axis> {
    if both.iter().any(|(_, epoch, _)| epoch.fract() != 0.0) {
        return None;
    }
    for first in [0.0, 1.0] {
        let (mut low, mut high) = (0f64, f64::INFINITY);
        for (step, epoch, _) in both {
            let epoch = epoch - first;
            low = low.max(step / (epoch + 1.0));
            if epoch > 0.0 {
                high = high.min((step + 1.0) / epoch);
            }
        }
        if high.is_finite() && low <= high {
            return Some(ratio(low, high, both, "where the count of epochs goes up"));
        }
    }
    None
}

fn ratio(low: f64, high: f64, both: &[(f64, f64, &Row)], how: &str) -> Axis {
    let places = [both.first(), both.last()].into_iter().flatten().map(|(_, _, row)| row.place).collect();
    let (least, most) = ((low - 1e-6 * low).ceil(), (high + 1e-6 * high).floor());
    let steps_per_epoch = if least == most {
        Derived::exactly(least, how, places)
    } else {
        Derived { value: f64::midpoint(low, high), low, high, how: how.into(), places }
    };
    Axis { steps_per_epoch, interval: None }
}

/// The batches of an epoch as the log counts them, over the accumulation it states.
fn from_batches(run: &RunLog) -> Option<Axis> {
    let fact = run.facts.iter().find(|fact| fact.key == "batches_per_epoch")?;
    let steps = fact.number? / run.number("accumulation").unwrap_or(1.0).max(1.0);
    let how = "batches of an epoch as counted, over the accumulation as stated";
    (steps >= 1.0).then(|| Axis { steps_per_epoch: Derived::exactly(steps, how, vec![fact.place]), interval: None })
}

/// Only epochs: equal distances, and an interval people choose that makes a whole number of steps an epoch.
fn from_epochs(run: &RunLog) -> Option<Axis> {
    let rows = training(run);
    let epochs: Vec<f64> = rows.iter().filter_map(|row| row.epoch).collect();
    let half = half_digit(epochs.iter().copied());
    let (first, last) = (*epochs.first()?, *epochs.last()?);
    // A figure printed once at the end may stand without its epoch.
    if epochs.len() < 4 || epochs.len() + 2 < rows.len() || half >= 0.5 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "rows of a log")]
    let distance = (last - first) / (epochs.len() - 1) as f64;
    if distance <= 4.0 * half {
        return None; // steps closer than the epochs are written
    }
    let (mut low, mut high) = (0f64, f64::INFINITY);
    let start = (first / distance).round();
    for (count, epoch) in (0u32..).zip(&epochs) {
        let count = start + f64::from(count);
        if count > 0.0 {
            low = low.max((epoch - half) / count);
            high = high.min((epoch + half) / count);
        }
    }
    if low > high || low <= 0.0 {
        return None;
    }
    // A stated plan says what an epoch is; the interval must then come out whole.
    if let (Some(total), Some(planned)) =
        (run.number("max_steps"), run.number("num_epochs").or(run.number("end_epoch")))
    {
        let steps = total / planned;
        let (least, most) = ((steps * low).ceil(), (steps * high).floor());
        if steps.fract() == 0.0 && steps >= 1.0 && least == most && least >= 1.0 {
            let places = run.fact("max_steps").map(|fact| fact.place).into_iter().collect();
            let how = "total steps over epochs, as stated";
            return Some(Axis { steps_per_epoch: Derived::exactly(steps, how, places), interval: Some(least) });
        }
    }
    let mut undecided = false;
    for interval in INTERVALS {
        let (least, most) = ((interval / high).ceil(), (interval / low).floor());
        // Where a whole number would be found by chance, none is claimed; nor for a part of such an interval, because
        // 250 steps of 337 are 500 of 674.
        let window = interval / low - interval / high;
        undecided |= window >= 0.5;
        if undecided && 500.0 % interval == 0.0 {
            continue;
        }
        if least == most && window < 0.5 && least > 0.0 {
            let how = format!("epochs at equal distances, if a line stands for {interval} steps");
            let places = [rows.first(), rows.last()].into_iter().flatten().map(|row| row.place).collect();
            return Some(Axis { steps_per_epoch: Derived::exactly(least, how, places), interval: Some(interval) });
        }
    }
    None
}

impl Axis {
    /// Steps for points that only have epochs.
    pub(super) fn fill_steps(&self, points: &mut [Point]) {
        let Some(interval) = self.interval else { return };
        for point in points.iter_mut().filter(|point| point.step.is_none()) {
            if let Some(epoch) = point.epoch {
                let step = (epoch * self.steps_per_epoch.value / interval).round() * interval;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "not negative, and saturating"
                )]
                let step = step as u64;
                point.step = Some(step);
            }
        }
    }

    pub(super) fn interval(&self) -> Option<Derived> {
        let places = self.steps_per_epoch.places.clone();
        self.interval
            .map(|interval| Derived::exactly(interval, "a usual interval that makes whole steps of the epochs", places))
    }
}

/// The distance that most neighbours have, where at least half have it.
fn usual_distance(at: &[(f64, crate::log::Place)], how: &str) -> Option<Derived> {
    let mut distances: Vec<f64> =
        at.windows(2).map(|pair| pair[1].0 - pair[0].0).filter(|distance| *distance > 0.0).collect();
    distances.sort_by(f64::total_cmp);
    let same = |a: f64, b: f64| (a - b).abs() <= 0.011 * a.max(b).min(1.0);
    let groups = distances.chunk_by(|a, b| same(*a, *b));
    let usual = groups.max_by_key(|group| group.len())?;
    if usual.len() * 2 < distances.len() || distances.is_empty() {
        return None;
    }
    let value = usual.get(usual.len() / 2).copied()?;
    let places = [at.first(), at.last()].into_iter().flatten().map(|(_, place)| *place).collect();
    Some(Derived { value, low: *usual.first()?, high: *usual.last()?, how: how.into(), places })
}

pub(super) fn log_every(run: &RunLog) -> Option<Derived> {
    // A table with evaluations in every row, as notebooks and model cards have, shows their interval alone.
    let is_held_out =
        |column: u16| run.columns.get(usize::from(column)).is_some_and(|column| column.split != Split::Train);
    let rows = training(run);
    let alone = rows.iter().filter(|row| !run.values_of(row).iter().any(|value| is_held_out(value.column)));
    #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
    let at: Vec<_> = alone.filter_map(|row| Some((row.step? as f64, row.place))).collect();
    usual_distance(&at, "the usual distance of two lines of training")
}

pub(super) fn eval_every(run: &RunLog) -> Option<Derived> {
    let losses = run.series(&Split::Valid, "loss");
    let has_steps = !run.lacks().contains(&Lack::Steps);
    #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
    let position = |point: &Point| if has_steps { point.step.map(|step| step as f64) } else { point.epoch };
    let at: Vec<_> = losses.iter().filter_map(|point| Some((position(point)?, point.place))).collect();
    let unit = if has_steps { "steps" } else { "epochs" };
    usual_distance(&at, &format!("the usual distance of two evaluations, in {unit}"))
}

pub(super) fn last_step(run: &RunLog, axis: Option<&Axis>) -> Option<Derived> {
    let counting = || run.rows.iter().filter(|row| row.standing == Standing::Counts);
    if let Some(row) = counting().filter(|row| row.step.is_some()).max_by_key(|row| row.step) {
        #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
        return Some(Derived::exactly(row.step? as f64, "the last step logged", vec![row.place]));
    }
    let axis = axis?;
    let row = counting()
        .filter(|row| row.epoch.is_some())
        .max_by(|a, b| a.epoch.unwrap_or(0.0).total_cmp(&b.epoch.unwrap_or(0.0)))?;
    let steps = (row.epoch? * axis.steps_per_epoch.value).round();
    Some(Derived::exactly(steps, "the last epoch logged, in steps", vec![row.place]))
}
