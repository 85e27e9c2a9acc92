//! What the figures of a comparison cannot bear.

use super::caveats::Scene;
use super::metric::{Metric, OneNumber, one_number};
use super::reading::Reading;
use super::runs::{Group, Run, are_labelled};
use crate::event::{Event, Status};
use crate::markdown::count;
use crate::results::best;

/// More runs than this are counted, not named.
const NAMED: usize = 6;

/// A list that stays readable.
fn listed(items: &[String]) -> Option<String> {
    let hidden = items.len().saturating_sub(NAMED);
    let shown = items[..items.len() - hidden].join("; ");
    match (items.len(), hidden) {
        (0, _) => None,
        (_, 0) => Some(shown),
        _ => Some(format!("{shown}; and {hidden} more")),
    }
}

/// Every run with its reading, and how it is called.
fn runs<'a>(scene: &'a Scene<'_>) -> impl Iterator<Item = (String, &'a Run, &'a Reading)> {
    let pairs = scene.groups.iter().zip(scene.readings);
    pairs.flat_map(|(group, readings)| {
        let name = |run: &Run| format!("{} s{}", group.name, run.info.seed);
        group.runs.iter().zip(readings).map(move |(run, reading)| (name(run), run, reading))
    })
}

pub(super) fn failed(scene: &Scene<'_>) -> Option<String> {
    let last = |run: &Run| run.events.iter().map(Event::step).max().unwrap_or(0);
    let said: Vec<String> = runs(scene)
        .filter(|(_, run, _)| run.status() == Status::Diverged)
        .map(|(name, run, reading)| {
            let but = if reading.failed { "" } else { ", behind the budget: its figure before is used" };
            format!("{name} at step {}{but}", count(last(run)))
        })
        .collect();
    listed(&said).map(|said| {
        format!(
            "diverged: {said}. Such a run counts as worse than every run that trained: in the test and in the share of \
             better seeds; means, deviations and intervals are of the others alone and flatter the variant"
        )
    })
}

pub(super) fn missing(scene: &Scene<'_>) -> Option<String> {
    let said: Vec<String> = runs(scene)
        .filter(|(_, _, reading)| reading.value.is_none() && !reading.failed)
        .map(|(name, run, _)| {
            let reach = scene.axis.reach(run).map_or("nothing".into(), |reach| scene.axis.amount(reach));
            format!("{name} ({}, {reach})", run.status())
        })
        .collect();
    listed(&said).map(|said| format!("left out, because they have no figure at the budget: {said}"))
}

pub(super) fn unpaired(scene: &Scene<'_>) -> Option<String> {
    let first = &scene.groups[0];
    let seeds = |group: &Group| group.runs.iter().map(|run| run.info.seed).collect::<Vec<u64>>();
    let lacks = |of: &Group, other: &Group| -> Vec<String> {
        let others = seeds(other);
        seeds(of).into_iter().filter(|seed| !others.contains(seed)).map(|seed| seed.to_string()).collect()
    };
    let said = |group: &Group| {
        let (here, there) = (lacks(group, first), lacks(first, group));
        let part = |name: &str, seeds: Vec<String>| format!("{name} has seeds {} alone", seeds.join(", "));
        let mut parts = Vec::new();
        if !here.is_empty() {
            parts.push(part(&group.name, here));
        }
        if !there.is_empty() {
            parts.push(format!("{} against {}", part(&first.name, there), group.name));
        }
        parts
    };
    let said: Vec<String> = scene.groups[1..].iter().flat_map(said).collect();
    listed(&said).map(|said| format!("{said}: they are in the means and in no difference, for differences are by seed"))
}

pub(super) fn one_seed(scene: &Scene<'_>) -> Option<String> {
    let single = scene.groups.iter().filter(|group| group.runs.len() == 1);
    let names: Vec<String> = single.map(|group| group.name.clone()).collect();
    listed(&names).map(|names| {
        format!("one seed: {names}; one run is an anecdote, and no difference from it can be told from chance")
    })
}

/// Validations of one batch, whose figures jump with it.
pub(super) fn one_batch(scene: &Scene<'_>) -> Option<String> {
    // Labelled examples are often few enough for one batch, and their figures state their noise.
    let is_one = |run: &Run| run.info.plan.valid_steps <= 1 && run.last_eval().is_some() && !run.is_labelled();
    let said: Vec<String> = runs(scene)
        .filter(|(_, run, _)| is_one(run))
        .map(|(name, run, reading)| {
            let noise = reading.accuracy_error.map_or(String::new(), |error| format!(", accuracy ± {error:.4}"));
            format!("{name} ({} rows{noise})", count(run.info.plan.valid_rows))
        })
        .collect();
    listed(&said).map(|said| format!("the validation is one batch: {said}; raise `eval_rows` or `valid`"))
}

/// Metrics that were asked for and say the same twice.
pub(super) fn one_number_twice(scene: &Scene<'_>) -> Option<String> {
    let evals: Vec<_> = scene.groups.iter().flat_map(|group| &group.runs).map(Run::evals).collect();
    let series = |metric: Metric, run: &[&crate::event::Eval]| -> Vec<f64> {
        run.iter().filter_map(|eval| metric.of(eval, None)).map(|figure| figure.value).collect()
    };
    let relation = |a: Metric, b: Metric| {
        let relations: Vec<Option<OneNumber>> =
            evals.iter().map(|run| one_number(&series(a, run), &series(b, run))).collect();
        relations.first().copied().flatten().filter(|first| relations.iter().all(|other| *other == Some(*first)))
    };
    let mut said = Vec::new();
    for (at, a) in scene.metrics.iter().enumerate() {
        for b in &scene.metrics[at + 1..] {
            if let Some(relation) = relation(*a, *b) {
                let how = match relation {
                    OneNumber::Equal => "equal to seven digits",
                    OneNumber::Proportional => "one is the other times a constant",
                    OneNumber::Exponential => "one is e to the other",
                };
                said.push(format!("`{}` and `{}` are one number ({how})", a.name(), b.name()));
            }
        }
    }
    listed(&said).map(|said| format!("{said}: agreement between them confirms nothing"))
}

pub(super) fn between_validations(scene: &Scene<'_>) -> Option<String> {
    let said: Vec<String> = runs(scene)
        .filter(|(_, _, reading)| reading.steps.len() == 2)
        .map(|(name, _, reading)| format!("{name} ({} and {})", count(reading.steps[0]), count(reading.steps[1])))
        .collect();
    let but = if are_labelled(scene.groups) { "" } else { ", where a falling loss lies below it" };
    listed(&said).map(|said| format!("read on the straight line between two validations{but}; at steps: {said}"))
}

/// The model of the lowest loss is not on disk.
pub(super) fn between_checkpoints(scene: &Scene<'_>) -> Option<String> {
    let said: Vec<String> =
        runs(scene).filter_map(|(name, run, _)| Some(format!("{name} {}", lost_best(run)?))).collect();
    let what = if are_labelled(scene.groups) { "the best evaluation" } else { "the lowest loss" };
    listed(&said).map(|said| {
        format!("{what} lies where no checkpoint was saved: {said}; let `checkpoint_every` divide `eval_every`")
    })
}

/// `at step 300, saved were 250 and 500`; `None` where the best was saved, and where nothing was at all.
fn lost_best(run: &Run) -> Option<String> {
    let saved: Vec<u64> = run
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Checkpoint(saved) => Some(saved.step),
            _ => None,
        })
        .collect();
    let best = best(&run.info, &run.evals())?.step;
    // The untrained model is no one's choice.
    if best == 0 || saved.is_empty() || saved.contains(&best) {
        return None;
    }
    let before = saved.iter().filter(|step| **step < best).max();
    let after = saved.iter().filter(|step| **step > best).min();
    let around: Vec<String> = before.into_iter().chain(after).map(|step| count(*step)).collect();
    Some(format!("at step {}, saved: {}", count(best), around.join(" and ")))
}

/// Runs that ended no better than word frequencies: those that never learned, and those that learned their text by heart.
pub(super) fn not_learned(scene: &Scene<'_>) -> Option<String> {
    let unigram = |run: &Run| run.info.baselines.unigram;
    let is_above = |run: &Run| run.last_eval().is_some_and(|eval| eval.loss >= unigram(run));
    let has_trained = |run: &Run| last_training_loss(run).is_some_and(|loss| loss < BY_HEART * unigram(run));
    let named = |is_one: &dyn Fn(&Run) -> bool| -> Option<String> {
        let those = runs(scene).filter(|(_, run, _)| is_above(run) && is_one(run));
        listed(&those.map(|(name, ..)| name).collect::<Vec<_>>())
    };
    let (words, loss) = match are_labelled(scene.groups) {
        true => ("class frequencies", "by their loss"),
        false => ("word frequencies", "the unigram loss"),
    };
    let nothing = named(&|run| !has_trained(run)).map(|said| {
        format!(
            "ended no better than {words} alone, {loss}: {said}; a difference from a run that learned \
             nothing is one of failure, not of degree"
        )
    });
    let by_heart = named(&has_trained).map(|said| {
        format!(
            "validate no better than {words} alone while their training loss is far below: {said}; they have \
             learned their training text by heart"
        )
    });
    let said: Vec<String> = [nothing, by_heart].into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// A training loss below this share of the unigram loss is not that of a model that knows frequencies alone.
const BY_HEART: f64 = 0.8;

fn last_training_loss(run: &Run) -> Option<f64> {
    run.events.iter().rev().find_map(|event| match event {
        Event::Log(log) => Some(log.loss),
        _ => None,
    })
}
