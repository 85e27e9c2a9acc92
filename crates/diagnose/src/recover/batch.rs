//! Sizes of data and batches, from speeds and totals.

use crate::log::{RunLog, Split};
use crate::recover::{Derived, Recovered};

/// Adds what follows about batches and data.
pub(super) fn sizes(run: &RunLog, all: &mut Recovered) {
    all.train_examples = train_examples(run, all);
    all.eval_examples = eval_examples(run);
    all.batch_size = batch_size(run, all);
}

fn stated(run: &RunLog, key: &str) -> Option<Derived> {
    let fact = run.facts.iter().find(|fact| fact.key == key && fact.number.is_some())?;
    Some(Derived::exactly(fact.number?, "as the log states", vec![fact.place]))
}

fn place_of(run: &RunLog, key: &str) -> Vec<crate::log::Place> {
    run.fact(key).map(|fact| fact.place).into_iter().collect()
}

/// Stated, or speed × time / epochs: speeds are printed with three digits behind the point.
fn train_examples(run: &RunLog, all: &Recovered) -> Option<Derived> {
    // With a number of steps for a plan the speed counts batches, not examples.
    if let Some(stated) = stated(run, "train_examples") {
        return Some(stated);
    }
    let speed = run.number("train_samples_per_second")?;
    let seconds = run.number("train_runtime")?;
    let planned = all.total_steps.as_ref().zip(all.steps_per_epoch.as_ref());
    let epochs = run.number("num_epochs").or_else(|| planned.map(|(total, epoch)| total.value / epoch.value));
    let epochs = epochs.or(run.number("end_epoch"))?;
    let examples = |speed: f64| speed * seconds / epochs;
    let finite = examples(speed).is_finite() && epochs > 0.0;
    finite.then(|| Derived {
        value: examples(speed).round(),
        low: examples(speed - 0.0005).floor(),
        high: examples(speed + 0.0005).ceil(),
        how: "samples per second × runtime / epochs of the plan".into(),
        places: place_of(run, "train_samples_per_second"),
    })
}

/// The evaluation row with the longest runtime says it most exactly.
fn eval_examples(run: &RunLog) -> Option<Derived> {
    if let Some(stated) = stated(run, "eval_examples") {
        return Some(stated);
    }
    let speeds = run.series(&Split::Valid, "samples_per_second");
    let times = run.series(&Split::Valid, "runtime");
    let mut bounds: Option<(f64, f64, Vec<crate::log::Place>)> = None;
    for (speed, time) in speeds.iter().zip(&times).filter(|(speed, time)| speed.place == time.place) {
        let low = (speed.value - 0.0005) * (time.value - 0.00005);
        let high = (speed.value + 0.0005) * (time.value + 0.00005);
        bounds = match bounds {
            // All evaluations are of the same data, or the bounds do not meet.
            Some((least, most, mut places)) => {
                places.truncate(1);
                places.push(speed.place);
                Some((least.max(low), most.min(high), places))
            }
            None => Some((low, high, vec![speed.place])),
        };
    }
    let (low, high, places) = bounds?;
    let (low, high) = (low.ceil(), high.floor());
    let value = f64::midpoint(low, high).round();
    let how = "samples per second × runtime of the evaluations";
    (low <= high && value > 0.0).then(|| Derived { value, low, high, how: how.into(), places })
}

fn batch_size(run: &RunLog, all: &Recovered) -> Option<Derived> {
    if let Some(stated) = stated(run, "total_batch_size") {
        return Some(stated);
    }
    // The trainer's speed counts the examples of the whole plan, whatever the runtime was.
    let steps = all.total_steps.as_ref().or(all.last_step.as_ref()).map(|steps| steps.value);
    let (samples, runtime) = (run.number("train_samples_per_second"), run.number("train_runtime"));
    if let (Some(steps), Some(samples), Some(runtime)) = (steps, samples, runtime)
        && steps >= 1.0
        && samples > 0.0
    {
        let (least, most) = ((samples - 0.0005) * runtime / steps, (samples + 0.0005) * runtime / steps);
        let each = all.steps_per_epoch.as_ref().map_or(2.0, |each| each.value).max(2.0);
        // The last batch of an epoch is short: n / S <= batch < n / (S - 1).
        let (low, high) = ((least - 1e-6).ceil(), (most * each / (each - 1.0)).floor().max((least - 1e-6).ceil()));
        let power = (0..12).map(|power| f64::from(1u32 << power)).find(|power| (low..=high).contains(power));
        let how = "samples per second × runtime / steps".to_string();
        let places = place_of(run, "train_samples_per_second");
        return Some(Derived { value: power.unwrap_or(low), low, high, how, places });
    }
    let each = all.steps_per_epoch.as_ref().filter(|steps| steps.is_exact() && steps.value > 1.0);
    if let (Some(examples), Some(steps)) = (all.train_examples.as_ref().filter(|examples| examples.is_exact()), each) {
        let (low, high) = ((examples.value / steps.value).ceil(), (examples.value / (steps.value - 1.0)).floor());
        let power = (0..12).map(|power| f64::from(1u32 << power)).find(|power| (low..=high).contains(power));
        let places = examples.places.iter().chain(&steps.places).copied().collect();
        let how = "examples over steps per epoch".to_string();
        return Some(Derived { value: power.unwrap_or(low), low, high: high.max(low), how, places });
    }
    let steps = run.number("train_steps_per_second").filter(|steps| *steps > 0.0);
    if let (Some(samples), Some(steps)) = (samples.filter(|samples| *samples > 0.0), steps) {
        let (low, high) = ((samples - 0.0005) / (steps + 0.0005), (samples + 0.0005) / (steps - 0.0005).max(1e-9));
        let how = "samples per second over steps per second".to_string();
        let value = (samples / steps).round().max(1.0);
        return Some(Derived { value, low, high, how, places: place_of(run, "train_steps_per_second") });
    }
    let is_batch = |key: &str| run.facts.iter().find(|fact| fact.key == key && fact.number.is_some());
    let stated = is_batch("batch_size").or_else(|| is_batch("micro_batch_size"))?;
    let accumulation = run.number("accumulation").unwrap_or(1.0);
    let how = "as the log states, times the accumulation and the devices it states".to_string();
    let value = stated.number? * accumulation * run.number("devices").unwrap_or(1.0).max(1.0);
    Some(Derived::exactly(value, how, vec![stated.place]))
}
