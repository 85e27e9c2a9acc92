//! In what the runs of a comparison are not alike.

use super::axis::Axis;
use super::caveats::{Scene, disagreement};
use super::changes::{WholeDifference, corpora, differing_keys};
use super::metric::Metric;
use super::reading::has_come_to;
use super::runs::{Group, Run, are_labelled};
use crate::event::Status;
use crate::markdown::count;
use crate::results::VALID;

/// Lengths that differ by less than this share are one: the last batch of an epoch is shorter, tokens are counted by rows.
const SAME_LENGTH: f64 = 0.01;

/// Runs of unequal length, and where they are read.
pub(super) fn budgets(scene: &Scene<'_>) -> Option<String> {
    let budget = scene.budget?;
    let is_over = |run: &Run| !matches!(run.status(), Status::Diverged | Status::Failed);
    let reaches = |group: &Group| -> Vec<f64> {
        group.runs.iter().filter(|run| is_over(run)).filter_map(|run| scene.axis.reach(run)).collect()
    };
    let ends = |group: &Group| {
        let reaches = reaches(group);
        let shortest = reaches.iter().copied().min_by(f64::total_cmp)?;
        let longest = reaches.iter().copied().max_by(f64::total_cmp)?;
        Some((shortest, longest))
    };
    let all = || scene.groups.iter().filter_map(ends);
    let shortest = all().map(|(shortest, _)| shortest).min_by(f64::total_cmp)?;
    let longest = all().map(|(_, longest)| longest).max_by(f64::total_cmp)?;
    let is_unequal = longest - shortest > SAME_LENGTH * longest;
    let said = scene.groups.iter().filter_map(|group| {
        let (shortest, longest) = ends(group)?;
        let (from, to) = (scene.axis.amount(shortest), scene.axis.amount(longest));
        Some(if from == to { format!("{} {to}", group.name) } else { format!("{} {from} to {to}", group.name) })
    });
    is_unequal.then(|| {
        let budget = scene.axis.amount(budget);
        format!("the runs are of unequal length: {}; all are read at {budget}", said.collect::<Vec<_>>().join("; "))
    })
}

/// Runs read at a part of their length, before the schedule had done what it was to do.
pub(super) fn schedule(scene: &Scene<'_>) -> Option<String> {
    let budget = scene.budget?;
    let falls =
        |run: &Run| !matches!(run.config.schedule.kind, case::ScheduleKind::Constant | case::ScheduleKind::InverseSqrt);
    let step_at_budget = |run: &Run| {
        let (eval, reach) = (run.last_eval()?, scene.axis.reach(run)?);
        // A run that has not come so far is not read at all.
        has_come_to(run, scene.axis, budget).then(|| eval.step as f64 * budget / reach)
    };
    let is_cut = |run: &Run| {
        let end = run.info.plan.total_steps as f64 * (1.0 - SAME_LENGTH);
        falls(run) && step_at_budget(run).is_some_and(|step| step < end)
    };
    let named = groups_with(scene.groups, is_cut);
    named.map(|names| {
        format!(
            "{names}: the learning rate had not come down to its end at {}, where a run planned for that length would have \
             been; such a run shows less than it could",
            scene.axis.amount(budget)
        )
    })
}

/// Different numbers of rows per update.
pub(super) fn batches(scene: &Scene<'_>) -> Option<String> {
    let said = disagreement(scene.groups, |run| count(run.info.plan.batch_size))?;
    let by = match scene.axis {
        Axis::Steps => "at equal steps they have not read equally much; align them by tokens or examples",
        _ => "at an equal budget they have not made equally many updates",
    };
    Some(format!("rows per update differ: {said}; {by}"))
}

/// The trap of a changed batch: what is laid to the learning rate may be the batch's doing, or the other way round.
pub(super) fn batch_and_learning_rate(scene: &Scene<'_>) -> Option<String> {
    let has_both =
        |change: &&WholeDifference| change.has_key("train.batch_size") && change.has_key("schedule.learning_rate");
    let names: Vec<String> =
        scene.changes.iter().filter(has_both).map(|change| format!("{} and {}", change.before, change.after)).collect();
    (!names.is_empty()).then(|| {
        format!(
            "between {} the batch and the learning rate changed together: a difference cannot be laid to either; run the \
             two changes apart",
            names.join(", ")
        )
    })
}

/// Whether the runs' tokens are not the same tokens.
pub(crate) fn has_several_vocabularies(groups: &[Group]) -> bool {
    disagreement(groups, |run| format!("{} {}", run.info.data.tokenizer, run.info.data.vocab_size)).is_some()
}

pub(super) fn vocabulary(scene: &Scene<'_>) -> Option<String> {
    if !has_several_vocabularies(scene.groups) {
        return None;
    }
    if are_labelled(scene.groups) {
        let per_token = |metric: &Metric| matches!(metric.word(), "loss" | "cross-entropy");
        let is_tagged = |run: &Run| run.info.data.examples.as_ref().is_some_and(|examples| examples.task == "tag");
        let is_unlike = scene.metrics.iter().any(per_token) && is_tagged(&scene.groups[0].runs[0]);
        return is_unlike.then(|| {
            "the vocabularies differ, so a loss per token is of different tokens; figures of words and entities are of the same"
                .into()
        });
    }
    let said = disagreement(scene.groups, |run| count(run.info.data.vocab_size))
        .unwrap_or_else(|| format!("of one size, {}", count(scene.groups[0].runs[0].info.data.vocab_size)));
    let instead = if scene.metrics == [Metric::BitsPerChar] { "" } else { "; other metrics are of no use here" };
    Some(format!(
        "the vocabularies differ: {said}; a loss or an accuracy per token is of different tokens, so bits per character \
         are compared{instead}. Masks hide whole tokens, so a larger vocabulary hides longer pieces of text"
    ))
}

pub(super) fn data(scene: &Scene<'_>) -> Option<String> {
    if are_labelled(scene.groups) {
        return labelled_data(scene.groups);
    }
    if let Some(said) = disagreement(scene.groups, corpora) {
        return Some(format!("the data differ, in lines: {said}"));
    }
    let text = |run: &Run| {
        let data = &run.config.data;
        let corpus = |corpus: &case::CorpusConfig| {
            format!("{:?} {:?} {} {}", corpus.path, corpus.documents, corpus.fraction, corpus.weight)
        };
        format!("{} {:?}", data.corpora.iter().map(corpus).collect::<Vec<_>>().join(" "), data.order)
    };
    if disagreement(scene.groups, text).is_some() {
        return Some("the runs do not read the same text in the same way: see what changed under `data`".into());
    }
    let is_one_tokenizer = !has_several_vocabularies(scene.groups);
    let prepared = disagreement(scene.groups, |run| run.info.data.prepared.chars().take(12).collect());
    prepared.filter(|_| is_one_tokenizer).map(|said| format!("the prepared data differ, by their hashes: {said}"))
}

fn split_of(run: &Run, name: &str) -> String {
    let splits = run.info.data.examples.iter().flat_map(|examples| &examples.splits);
    let examples: Vec<String> = splits.filter(|split| split.name == name).map(|split| count(split.examples)).collect();
    if examples.is_empty() { "none".into() } else { examples.concat() }
}

/// Other training examples or labels.
fn labelled_data(groups: &[Group]) -> Option<String> {
    let labels =
        |run: &Run| run.info.data.examples.as_ref().map_or(String::new(), |examples| examples.labels.join(", "));
    if let Some(said) = disagreement(groups, labels) {
        return Some(format!("the labels differ, so that one task is not the other: {said}"));
    }
    if let Some(said) = disagreement(groups, |run| split_of(run, "train")) {
        return Some(format!("the training examples differ in number: {said}"));
    }
    let chosen = |run: &Run| {
        let examples = &run.config.examples;
        let fold = examples.fold.map_or("none".into(), |fold| fold.to_string());
        format!("fold {fold} of {:?}, drawn by {}", examples.train, examples.split_seed)
    };
    disagreement(groups, chosen).map(|_| "the training examples are others: see what changed under `examples`".into())
}

/// Other examples validated on.
fn labelled_validation(groups: &[Group]) -> Option<String> {
    if let Some(said) = disagreement(groups, |run| split_of(run, VALID)) {
        return Some(format!("the validation examples differ in number: {said}"));
    }
    let chosen = |run: &Run| {
        let examples = &run.config.examples;
        let held = if examples.valid.is_some() { String::new() } else { format!(" {}", examples.split_seed) };
        format!("{:?} {:?}{held}", examples.valid, examples.fold)
    };
    disagreement(groups, chosen).map(|_| {
        "the runs are validated on other examples, some of which may be harder: a difference may be the examples' and not the \
         variants'"
            .into()
    })
}

/// Different validation rows, or other positions scored in them.
pub(super) fn validation(scene: &Scene<'_>) -> Option<String> {
    if are_labelled(scene.groups) {
        return labelled_validation(scene.groups);
    }
    let rows = |run: &Run| {
        let (data, model) = (&run.config.data, &run.config.model);
        format!(
            "{} rows of {} ({} of the text, {})",
            count(run.info.plan.valid_rows),
            model.seq_len,
            data.valid,
            format!("{:?}", data.rows).to_lowercase()
        )
    };
    let masks = |run: &Run| {
        let masking = &run.config.masking;
        let shares = format!("{} / {} / {}", masking.mask, masking.random, masking.keep);
        format!("{} by {:?}, {shares}", masking.rate, masking.unit).to_lowercase()
    };
    let rows = disagreement(scene.groups, rows).map(|said| format!("the validation rows differ: {said}"));
    let masks = disagreement(scene.groups, masks).map(|said| {
        format!("other positions are scored in validation, so that one task is easier than the other: {said}")
    });
    let said: Vec<String> = [rows, masks].into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// Groups whose runs are not one configuration.
pub(super) fn mixed(scene: &Scene<'_>) -> Option<String> {
    let said = scene.groups.iter().filter_map(|group| {
        let keys = differing_keys(group);
        (!keys.is_empty()).then(|| format!("{} in {}", group.name, keys.join(", ")))
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| {
        format!("seeds of one variant differ in more than the seed, and their scatter with it: {}", said.join("; "))
    })
}

pub(super) fn code(scene: &Scene<'_>) -> Option<String> {
    let code = |run: &Run| {
        let commit = run.info.commit.as_deref().unwrap_or("of an unknown commit");
        format!("{} {}", run.info.version, commit.chars().take(18).collect::<String>())
    };
    disagreement(scene.groups, code).map(|said| format!("the program's versions differ: {said}"))
}

pub(super) fn machine(scene: &Scene<'_>) -> Option<String> {
    let machine =
        |run: &Run| format!("{} ({}), {}", run.info.machine.device, run.info.machine.backend, run.info.precision);
    let by_hours = if scene.axis == Axis::Hours { "; their hours are not the same hours" } else { "" };
    disagreement(scene.groups, machine).map(|said| format!("the machines differ: {said}{by_hours}"))
}

/// Names of the groups with such a run.
fn groups_with(groups: &[Group], is_one: impl Fn(&Run) -> bool) -> Option<String> {
    let has = |group: &&Group| group.runs.iter().any(&is_one);
    let names: Vec<&str> = groups.iter().filter(has).map(|group| group.name.as_str()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
