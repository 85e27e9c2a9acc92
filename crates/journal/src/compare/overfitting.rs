//! Whether a variant overfits: its validation loss rises while its training loss goes on falling.

use super::claims::{Held, sized};
use super::metric::Metric;
use super::runs::{Group, Run};
use super::words::signed;
use crate::conclusion::Standing;
use crate::event::{Event, Status};
use crate::inference::{Outcome, Study, Verdict, mean, study};

/// A finished run's losses at the validations that all seeds have.
struct Curve {
    /// Validation loss.
    valid: Vec<f64>,
    /// Training loss of the window that ends at the validation, or the last before it.
    train: Vec<Option<f64>>,
}

/// The claim that a variant overfits, held against its seeds.
///
/// The rise of a seed is its last validation loss less its loss where the *other* seeds' mean is lowest: the lowest of
/// the seed's own would lie below its last by chance alone.
pub(super) fn overfits(group: &Group) -> Result<Held, String> {
    let runs: Vec<&Run> = group.runs.iter().filter(|run| run.status() == Status::Finished).collect();
    let steps = common_steps(&runs);
    if runs.len() < 2 {
        return Err("With one finished seed, the place of the lowest loss would be chosen on the figures it is held \
                    against; two or more are needed."
            .into());
    }
    if steps.len() < 3 {
        return Err(format!("A rise needs three validations at least; the seeds share {}.", steps.len()));
    }
    let curves: Vec<Curve> = runs.iter().map(|run| curve(run, &steps)).collect();
    let lowest: Vec<usize> = (0..curves.len()).map(|seed| lowest_of_others(&curves, seed)).collect();
    let last = steps.len() - 1;
    Ok(if lowest.iter().all(|at| *at == last) {
        still_falling(&curves, &steps)
    } else {
        risen(&curves, &lowest, &steps)
    })
}

/// Where the loss is lowest at the end: whether it still falls.
fn still_falling(curves: &[Curve], steps: &[u64]) -> Held {
    let (half, last) = (steps.len() / 2, steps.len() - 1);
    let study = changed(curves.iter().map(|curve| (curve.valid[last], curve.valid[half])));
    let what = format!("the validation loss, which is lowest at the end, less that at step {}", steps[half]);
    let standing = |verdict| if verdict == Verdict::Better { Standing::Falls } else { Standing::CannotTell };
    let told = sized(&what, &study, Metric::Loss);
    Held { study, told, standing: Box::new(standing), besides: String::new() }
}

/// Where it is lowest before the end: how much it has risen since, and whether the training loss fell meanwhile.
fn risen(curves: &[Curve], lowest: &[usize], steps: &[u64]) -> Held {
    let last = steps.len() - 1;
    let study = changed(curves.iter().zip(lowest).map(|(curve, at)| (curve.valid[last], curve.valid[*at])));
    let changes = curves.iter().zip(lowest).filter_map(|(curve, at)| Some(curve.train[last]? - curve.train[*at]?));
    let learned = mean(&changes.collect::<Vec<f64>>());
    let standing = move |verdict| match (verdict, learned) {
        (Verdict::Worse, Some(change)) if change < 0.0 => Standing::Stands,
        (Verdict::Worse, Some(_)) | (Verdict::Better, _) => Standing::Falls,
        (Verdict::Worse, None) | (Verdict::CannotTell, _) => Standing::CannotTell,
    };
    let [from, to] = [lowest.iter().min(), lowest.iter().max()].map(|at| at.map_or(0, |at| steps[*at]));
    let place = if from == to { format!("step {from}") } else { format!("steps {from} to {to}") };
    let what = format!("the validation loss at the end less that at {place}, where the other seeds' is lowest,");
    let besides = match learned {
        Some(change) => format!(" The training loss changed by {} meanwhile.", signed(change, 4)),
        None => " The training loss was not logged.".into(),
    };
    let told = sized(&what, &study, Metric::Loss);
    Held { study, told, standing: Box::new(standing), besides }
}

fn changed(pairs: impl Iterator<Item = (f64, f64)>) -> Study {
    let outcomes: Vec<_> = pairs.map(|(last, before)| (Outcome::Value(last), Outcome::Value(before))).collect();
    study(&outcomes, true)
}

/// The steps at which every run was validated.
fn common_steps(runs: &[&Run]) -> Vec<u64> {
    let Some((first, others)) = runs.split_first() else { return Vec::new() };
    let has = |run: &Run, step| run.evals().iter().any(|eval| eval.step == step);
    let steps = first.evals().into_iter().map(|eval| eval.step);
    steps.filter(|step| others.iter().all(|run| has(run, *step))).collect()
}

fn curve(run: &Run, steps: &[u64]) -> Curve {
    let evals = run.evals();
    let logs: Vec<_> = run
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Log(log) => Some(log),
            _ => None,
        })
        .collect();
    let valid = evals.iter().filter(|eval| steps.contains(&eval.step)).map(|eval| eval.loss).collect();
    let train = |step: &u64| logs.iter().rfind(|log| log.step <= *step).map(|log| log.loss);
    Curve { valid, train: steps.iter().map(train).collect() }
}

/// The validation at which the mean of all other seeds is lowest.
fn lowest_of_others(curves: &[Curve], seed: usize) -> usize {
    let total = |at: usize| {
        let others = curves.iter().enumerate().filter(|(other, _)| *other != seed);
        others.map(|(_, curve)| curve.valid[at]).sum::<f64>()
    };
    (0..curves[seed].valid.len()).min_by(|a, b| total(*a).total_cmp(&total(*b))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::claims::verdicts;
    use crate::compare::synthetic::{Made, group};
    use crate::conclusion::ClaimVerdict;

    const SEEDS: [u64; 6] = [1, 2, 3, 4, 5, 6];

    fn held(group: Group) -> ClaimVerdict {
        verdicts(&[group], &["a overfits".parse().unwrap()]).remove(0)
    }

    #[test]
    fn a_rise_while_training_falls_is_overfitting() {
        let rising = Made { rises_after: Some(500), ..Made::default() };
        let found = held(group("a", &SEEDS, rising.clone()));
        assert_eq!(found.standing, Standing::Stands, "{}", found.reason);
        assert!(found.reason.contains("less that at step 500"), "{}", found.reason);
        let few = held(group("a", &SEEDS[..3], rising));
        assert_eq!(few.standing, Standing::CannotTell, "{}", few.reason);
    }

    #[test]
    fn a_rise_of_both_losses_is_not_overfitting() {
        let mut group = group("a", &SEEDS, Made { rises_after: Some(500), ..Made::default() });
        for run in &mut group.runs {
            for event in &mut run.events {
                if let Event::Log(log) = event {
                    log.loss += 0.02 * log.step.saturating_sub(500) as f64;
                }
            }
        }
        assert_eq!(held(group).standing, Standing::Falls);
    }

    #[test]
    fn a_loss_that_still_falls_contradicts_the_claim() {
        let found = held(group("a", &SEEDS, Made::default()));
        assert_eq!(found.standing, Standing::Falls, "{}", found.reason);
        assert!(found.reason.contains("lowest at the end"), "{}", found.reason);
    }

    #[test]
    fn one_seed_and_two_validations_say_nothing() {
        assert!(held(group("a", &[1], Made::default())).reason.contains("one finished seed"));
        let short = Made { steps: 250, ..Made::default() };
        assert!(held(group("a", &SEEDS, short)).reason.contains("three validations"));
    }
}
