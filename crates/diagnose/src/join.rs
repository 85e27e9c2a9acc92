//! Several files of one run in a folder, where it is certain that they are: the states that its checkpoints hold, the event
//! files that the same trainer wrote, and the results beside its state.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::log::{Column, Format, Log, Note, NoteKind, Place, Row, RunLog, Standing, Value};
use crate::names::is_metric;

/// Numbers that a state and an event file must both hold before they are compared.
const SHARED: usize = 3;

/// Leaves out states that are the beginning of another of the same run, and gives events and results to the run they belong
/// to.
pub(crate) fn join(log: &mut Log) {
    drop_beginnings(log);
    give_events(log);
    give_results(log);
}

/// The one file that a run was read from.
fn file(log: &Log, run: &RunLog) -> Option<(u32, PathBuf, Format)> {
    let places = run.rows.iter().map(|row| row.place).chain(run.facts.iter().map(|fact| fact.place));
    let mut sources = places.map(|place| place.source);
    let first = sources.next()?;
    let source = log.sources.get(first as usize)?;
    sources.all(|other| other == first).then(|| (first, PathBuf::from(&source.name), source.format))
}

/// The folder of a run: that of its state, or the one that holds the checkpoint that the state is in.
fn run_folder(path: &Path) -> &Path {
    let folder = path.parent().unwrap_or(path);
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_checkpoint = name.strip_prefix("checkpoint-").is_some_and(|step| step.parse::<u64>().is_ok());
    if is_checkpoint { folder.parent().unwrap_or(folder) } else { folder }
}

/// The trainer writes the whole history at every checkpoint, so of one run the longest holds all.
fn drop_beginnings(log: &mut Log) {
    let states: Vec<(usize, PathBuf)> = (0..log.runs.len())
        .filter_map(|at| file(log, &log.runs[at]).map(|(_, path, format)| (at, path, format)))
        .filter(|(_, path, format)| *format == Format::TrainerState && path.ends_with("trainer_state.json"))
        .map(|(at, path, _)| (at, path))
        .collect();
    // Of the first longest that holds it: how many are left out for it, and where the first of them stands.
    let mut outdone: Vec<(usize, usize)> = Vec::new();
    for (at, path) in &states {
        let holds = |(other, whole): &&(usize, PathBuf)| {
            let (a, b) = (&log.runs[*at], &log.runs[*other]);
            path != whole
                && run_folder(path) == run_folder(whole)
                && (a.rows.len() < b.rows.len() || (a.rows.len() == b.rows.len() && other < at))
                && is_beginning(a, b)
        };
        let longest =
            states.iter().filter(holds).max_by_key(|(other, _)| (log.runs[*other].rows.len(), usize::MAX - other));
        outdone.extend(longest.map(|(other, _)| (*at, *other)));
    }
    let mut wholes: Vec<usize> = outdone.iter().map(|(_, whole)| *whole).collect();
    wholes.sort_unstable();
    wholes.dedup();
    for whole in wholes {
        let parts = || outdone.iter().filter(|(_, other)| *other == whole);
        let first = parts().find_map(|(part, _)| log.runs[*part].rows.first()).map(|row| row.place);
        let Some((place, (_, path, _))) = first.zip(file(log, &log.runs[whole])) else { continue };
        let (count, path) = (parts().count(), path.display());
        let text = format!("{count} states are the beginning of the one in {path}, and are left out");
        log.notes.push(Note { place, kind: NoteKind::Joined, text });
    }
    let parts: Vec<usize> = outdone.iter().map(|(part, _)| *part).collect();
    leave_out(log, &parts);
}

/// Whether the rows of `a` are the first ones of `b`, number for number.
fn is_beginning(a: &RunLog, b: &RunLog) -> bool {
    let named = |run: &RunLog, value: &Value| {
        run.columns.get(usize::from(value.column)).map(|column| (column.split.clone(), column.metric.clone()))
    };
    let is_same = |(one, other): (&Row, &Row)| {
        let (ours, theirs) = (a.values_of(one), b.values_of(other));
        one.step == other.step
            && one.epoch.map(f64::to_bits) == other.epoch.map(f64::to_bits)
            && ours.len() == theirs.len()
            && ours
                .iter()
                .zip(theirs)
                .all(|(x, y)| x.number.to_bits() == y.number.to_bits() && named(a, x) == named(b, y))
    };
    !a.rows.is_empty() && a.rows.iter().zip(&b.rows).all(is_same)
}

/// An event file that holds the numbers of the one state above it: rows behind the state's last are added to its run.
fn give_events(log: &mut Log) {
    let files: Vec<Option<(u32, PathBuf, Format)>> = log.runs.iter().map(|run| file(log, run)).collect();
    let states: Vec<(usize, &Path)> = (files.iter().enumerate())
        .filter_map(|(at, file)| file.as_ref().map(|(_, path, format)| (at, path.as_path(), *format)))
        .filter(|(_, _, format)| *format == Format::TrainerState)
        .map(|(at, path, _)| (at, path))
        .collect();
    let mut given: Vec<usize> = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let Some((_, path, Format::TensorBoard)) = file else { continue };
        let is_same = |(state, above): &&(usize, &Path)| {
            path.starts_with(run_folder(above)) && has_same_numbers(&log.runs[at], &log.runs[*state])
        };
        let mut same = states.iter().filter(is_same);
        let (Some((to, state)), None) = (same.next(), same.next()) else { continue };
        let events = std::mem::take(&mut log.runs[at]);
        let run = &mut log.runs[*to];
        let end = run.rows.iter().filter_map(|row| row.step).max();
        let behind: Vec<&Row> = events.rows.iter().filter(|row| row.step > end).collect();
        for row in &behind {
            push(&events, row, run);
        }
        let place = events.rows.first().map_or(Place::default(), |row| row.place);
        let rows = match behind.len() {
            0 => "nothing stands behind its last row".to_string(),
            1 => "one row behind its last is added to it".to_string(),
            rows => format!("{rows} rows behind its last are added to it"),
        };
        let text = format!("these events are of the run in {}: {rows}", state.display());
        log.notes.push(Note { place, kind: NoteKind::Joined, text });
        given.push(at);
    }
    leave_out(log, &given);
}

/// Leaves out runs by their index.
fn leave_out(log: &mut Log, runs: &[usize]) {
    let mut at = 0;
    log.runs.retain(|_| {
        at += 1;
        !runs.contains(&(at - 1))
    });
}

/// Whether nine in ten of the numbers that both runs have for a step are equal, as far as 32 bits hold them.
fn has_same_numbers(events: &RunLog, state: &RunLog) -> bool {
    let (mut shared, mut same) = (0usize, 0usize);
    for column in &state.columns {
        let points = events.series(&column.split, &column.metric);
        let numbers: BTreeMap<u64, f64> = points.iter().filter_map(|point| Some((point.step?, point.value))).collect();
        for point in state.series(&column.split, &column.metric) {
            let Some(number) = point.step.and_then(|step| numbers.get(&step)) else { continue };
            shared += 1;
            let is_equal = (number - point.value).abs() <= 1e-6 * point.value.abs();
            same += usize::from(is_equal || (number.is_nan() && point.value.is_nan()));
        }
    }
    shared >= SHARED && 10 * same >= 9 * shared
}

/// `all_results.json`, `eval_results.json` and the like beside the state of the one run of their folder.
fn give_results(log: &mut Log) {
    let files: Vec<Option<(u32, PathBuf, Format)>> = log.runs.iter().map(|run| file(log, run)).collect();
    let mut given: Vec<usize> = Vec::new();
    for at in 0..log.runs.len() {
        let Some((_, path, Format::Results)) = &files[at] else { continue };
        let is_results =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with("_results.json"));
        let is_beside = |other: &Option<(u32, PathBuf, Format)>| matches!(other, Some((_, state, Format::TrainerState)) if Some(run_folder(state)) == path.parent());
        let mut beside = (0..files.len()).filter(|other| is_beside(&files[*other]));
        let (Some(to), None) = (beside.next().filter(|_| is_results), beside.next()) else { continue };
        if !is_same_end(&log.runs[at], &log.runs[to]) {
            continue;
        }
        let results = std::mem::take(&mut log.runs[at]);
        give(results, &mut log.runs[to], &mut log.notes);
        given.push(at);
    }
    leave_out(log, &given);
}

/// Results say at which epoch they were taken; those of an earlier run in the same folder do not fit.
fn is_same_end(results: &RunLog, run: &RunLog) -> bool {
    let last = |run: &RunLog| run.rows.iter().filter_map(|row| row.epoch).reduce(f64::max);
    let ends = last(results).or(results.number("end_epoch")).zip(run.number("end_epoch").or(last(run)));
    ends.is_none_or(|(there, here)| (there - here).abs() <= 0.01 + 0.005 * here.abs())
}

fn give(results: RunLog, run: &mut RunLog, notes: &mut Vec<Note>) {
    let first = results.rows.first().map(|row| row.place).or(results.facts.first().map(|fact| fact.place));
    let mut added = 0usize;
    for row in &results.rows {
        if !is_known(&results, row, run) {
            push(&results, row, run);
            added += 1;
        }
    }
    for fact in results.facts {
        if !run.facts.iter().any(|other| other.key == fact.key && other.text == fact.text) {
            run.facts.push(fact);
        }
    }
    let rows = match added {
        0 => "nothing in them is new to its rows".to_string(),
        1 => "one evaluation is added at its end".to_string(),
        _ => format!("{added} evaluations are added at its end"),
    };
    let place = first.unwrap_or(Place { source: 0, line: 0 });
    notes.push(Note {
        place,
        kind: NoteKind::Joined,
        text: format!("these results belong to the run beside them: {rows}"),
    });
}

/// Whether an evaluation of the run has the same figures: the last, or the best, which is loaded again at the end.
fn is_known(results: &RunLog, row: &Row, run: &RunLog) -> bool {
    let figures: Vec<(&Column, f64)> = results
        .values_of(row)
        .iter()
        .filter_map(|value| Some((results.columns.get(usize::from(value.column))?, value.number)))
        .filter(|(column, _)| is_metric(&column.metric))
        .collect();
    let is_it = |other: &Row| {
        let (mut shared, mut same) = (0, 0);
        for value in run.values_of(other) {
            let Some(column) = run.columns.get(usize::from(value.column)) else { continue };
            let ours = figures.iter().find(|(ours, _)| ours.split == column.split && ours.metric == column.metric);
            if let Some((_, number)) = ours {
                shared += 1;
                same += usize::from((number - value.number).abs() <= 1e-9 * number.abs());
            }
        }
        shared > 0 && shared == same
    };
    run.rows.iter().any(is_it)
}

/// Adds a row of results at the end of the run.
fn push(results: &RunLog, row: &Row, run: &mut RunLog) {
    let first = run.values.len();
    for value in results.values_of(row) {
        let Some(column) = results.columns.get(usize::from(value.column)) else { continue };
        let known = run.columns.iter().position(|other| other.split == column.split && other.metric == column.metric);
        let at = known.unwrap_or_else(|| {
            run.columns.push(column.clone());
            run.columns.len() - 1
        });
        let Ok(at) = u16::try_from(at) else { continue };
        run.values.push(Value { column: at, number: value.number });
    }
    let (Ok(start), Ok(len)) = (u32::try_from(first), u16::try_from(run.values.len() - first)) else { return };
    // Results do not say their step: they were taken at the end.
    let (step, epoch) = if row.step.is_some() {
        (row.step, row.epoch)
    } else {
        let last = run.rows.iter().filter_map(|row| row.epoch).reduce(f64::max);
        (run.rows.iter().filter_map(|row| row.step).max(), row.epoch.or(last))
    };
    run.rows.push(Row { step, epoch, place: row.place, first: start, len, standing: Standing::Counts });
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
