//! Values separated by commas, semicolons or tabs: Lightning, Keras, wide tables, and long ones with a metric a line.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use crate::collect::{Collector, Context};
use crate::log::{NoteKind, Place};
use crate::names::{Role, is_metric, plain, role, split_of};
use crate::table::cell_number;

/// Columns beyond this are not read.
const MAX_CELLS: usize = 4096;

/// What the header of a table says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    separator: char,
    names: Vec<String>,
}

/// The header, where the first line is one of a table of measurements.
pub(crate) fn header(text: &str) -> Option<Header> {
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    let first = lines.next()?;
    let second = lines.find(|line| !line.trim().is_empty())?;
    let separator = ['\t', ',', ';'].into_iter().max_by_key(|&separator| first.matches(separator).count())?;
    let names: Vec<String> = cells(first, separator).into_iter().map(String::from).collect();
    let is_named = names.len() >= 2 && names.iter().all(|name| cell_number(name).is_none() && name.len() < 200);
    let second = cells(second, separator);
    let is_table = second.len() == names.len() && second.iter().any(|cell| cell_number(cell).is_some());
    if !is_named || !is_table || first.contains(['{', '|', '=']) {
        return None;
    }
    let is_known = names.iter().any(|name| match role(name) {
        Role::Metric(_, metric) => is_metric(&metric),
        _ => true,
    });
    let has = |wanted: &[&str]| names.iter().any(|name| wanted.contains(&plain(name).as_str()));
    let is_known = is_known || (has(&["metric", "tag"]) && has(&["value", "y"]));
    is_known.then_some(Header { separator, names })
}

/// The cells of a line; quotes may hold the separator.
fn cells(line: &str, separator: char) -> Vec<&str> {
    let line = line.trim_end_matches('\r');
    let mut all = Vec::new();
    let mut start = 0;
    let mut is_quoted = false;
    for (at, letter) in line.char_indices() {
        if letter == '"' {
            is_quoted = !is_quoted;
        } else if letter == separator && !is_quoted && all.len() < MAX_CELLS {
            all.push(bare(line.get(start..at).unwrap_or_default()));
            start = at + letter.len_utf8();
        }
    }
    all.push(bare(line.get(start..).unwrap_or_default()));
    all
}

fn bare(cell: &str) -> &str {
    cell.trim().trim_matches('"')
}

/// Reads the table below its header.
pub(crate) fn read(collector: &mut Collector, source: u32, text: &str, header: &Header) {
    let text = text.trim_start_matches('\u{feff}');
    let find = |names: &[&str]| header.names.iter().position(|name| names.contains(&plain(name).as_str()));
    let metric = find(&["metric", "tag", "name"]);
    let value = find(&["value", "y"]);
    match (metric, value) {
        (Some(metric), Some(value)) => Long::new(header, metric, value, text).read(collector, source, text, header),
        _ => read_wide(collector, source, text, header),
    }
    collector.lines(source, u32::try_from(text.lines().count()).unwrap_or(u32::MAX));
}

/// Whether a column holds numbers that are not whole: epochs, whatever its name.
fn has_fractions(text: &str, separator: char, column: usize) -> bool {
    let number = |line: &str| cells(line, separator).get(column).and_then(|cell| cell_number(cell));
    text.lines().skip(1).take(100_000).filter_map(number).any(|number| number.is_finite() && number.fract() != 0.0)
}

fn read_wide(collector: &mut Collector, source: u32, text: &str, header: &Header) {
    let mut names: Vec<&str> = header.names.iter().map(String::as_str).collect();
    let step = names.iter().position(|name| role(name) == Role::Step);
    let step = step.filter(|&step| has_fractions(text, header.separator, step));
    if let Some(name) = step.and_then(|step| names.get_mut(step)) {
        let text = format!("the column {name} holds fractions: it is read as epochs");
        collector.note(Place { source, line: 1 }, NoteKind::Reinterpreted, text);
        *name = "epoch";
    }
    // Lightning and Keras count epochs from 0 in their tables: a row stands for the end of the epoch or within it.
    let split = names.iter().position(|name| matches!(plain(name).as_str(), "split" | "phase" | "subset"));
    let mut number = 1u32;
    for line in text.lines().skip(1) {
        number = number.saturating_add(1);
        if line.trim().is_empty() {
            continue;
        }
        let place = Place { source, line: number };
        let row = cells(line, header.separator);
        if row.len() != names.len() {
            collector.unread.add(place, "another number of cells than the header has", line);
            continue;
        }
        let context = Context {
            split: split.and_then(|split| row.get(split)).map(|split| split_of(split)),
            ..Context::default()
        };
        let pairs: Vec<(&str, f64)> =
            names.iter().zip(&row).filter_map(|(name, cell)| Some((*name, cell_number(cell)?))).collect();
        if !collector.row(place, &context, pairs.iter().copied()) && pairs.is_empty() {
            collector.unread.add(place, "no number in the row", line);
        }
    }
}

/// A table with one number a line.
struct Long {
    metric: usize,
    value: usize,
    split: Option<usize>,
    position: Option<usize>,
    is_epoch: bool,
    /// Columns whose texts name a run.
    run: Vec<usize>,
}

impl Long {
    fn new(header: &Header, metric: usize, value: usize, text: &str) -> Self {
        let at = |wanted: &[&str]| header.names.iter().position(|name| wanted.contains(&plain(name).as_str()));
        let split = at(&["split", "phase", "subset"]);
        let position = header
            .names
            .iter()
            .position(|name| role(name) == Role::Step)
            .or_else(|| at(&["x"]))
            .or_else(|| header.names.iter().position(|name| matches!(role(name), Role::Epoch | Role::WeakStep)));
        let is_epoch = position.is_some_and(|position| {
            header.names.get(position).is_some_and(|name| role(name) == Role::Epoch)
                || has_fractions(text, header.separator, position)
        });
        let known = [Some(metric), Some(value), split, position];
        let second = text.lines().nth(1).map(|line| cells(line, header.separator)).unwrap_or_default();
        let is_text = |column: &usize| second.get(*column).is_some_and(|cell| cell_number(cell).is_none());
        let run = (0..header.names.len()).filter(|column| !known.contains(&Some(*column))).filter(is_text).collect();
        Self { metric, value, split, position, is_epoch, run }
    }

    fn read(&self, collector: &mut Collector, source: u32, text: &str, header: &Header) {
        let mut number = 1u32;
        let mut present = String::new();
        if self.is_epoch {
            let text = "positions hold fractions, or are named so: they are read as epochs";
            collector.note(Place { source, line: 1 }, NoteKind::Reinterpreted, text);
        }
        // Runs may take turns: each is gathered first, in the order of appearance.
        let mut runs: Vec<(String, Vec<(u32, &str)>)> = Vec::new();
        for line in text.lines().skip(1) {
            number = number.saturating_add(1);
            if line.trim().is_empty() {
                continue;
            }
            let row = cells(line, header.separator);
            if row.len() != header.names.len() {
                let place = Place { source, line: number };
                collector.unread.add(place, "another number of cells than the header has", line);
                continue;
            }
            present.clear();
            for &column in &self.run {
                present.push_str(if present.is_empty() { "" } else { " " });
                present.push_str(row.get(column).copied().unwrap_or_default());
            }
            let has_room = runs.len() < 256;
            match runs.iter_mut().rfind(|(name, _)| *name == present) {
                Some((_, lines)) => lines.push((number, line)),
                None if has_room => runs.push((present.clone(), vec![(number, line)])),
                None => collector.unread.add(Place { source, line: number }, "more than 256 runs", line),
            }
        }
        for (nth, (name, lines)) in runs.iter().enumerate() {
            match nth {
                0 => collector.here().name.clone_from(name),
                _ => collector.part(name),
            }
            for &(number, line) in &self.by_position(lines, header) {
                self.one(collector, Place { source, line: number }, &cells(line, header.separator), line);
            }
        }
    }

    /// The lines by position, where each kind of number stands in order by itself: one after the other they would look
    /// like a run that goes back.
    fn by_position<'a>(&self, lines: &[(u32, &'a str)], header: &Header) -> Vec<(u32, &'a str)> {
        let mut last: Vec<(&str, &str, f64)> = Vec::new();
        let mut placed: Vec<(f64, (u32, &'a str))> = Vec::with_capacity(lines.len());
        for &(number, line) in lines {
            let row = cells(line, header.separator);
            let cell = |column: usize| row.get(column).copied().unwrap_or_default();
            let Some(position) = self.position.and_then(|position| cell_number(cell(position))) else {
                return lines.to_vec();
            };
            let (metric, split) = (cell(self.metric), self.split.map_or("", cell));
            let has_room = last.len() < MAX_CELLS;
            match last.iter_mut().find(|(known, of, _)| *known == metric && *of == split) {
                Some((_, _, before)) if position < *before => return lines.to_vec(),
                Some((_, _, before)) => *before = position,
                None if has_room => last.push((metric, split, position)),
                None => return lines.to_vec(),
            }
            placed.push((position, (number, line)));
        }
        placed.sort_by(|a, b| a.0.total_cmp(&b.0));
        placed.into_iter().map(|(_, line)| line).collect()
    }

    fn one(&self, collector: &mut Collector, place: Place, row: &[&str], line: &str) {
        let cell = |column: usize| row.get(column).copied().unwrap_or_default();
        let name = cell(self.metric);
        let Some(number) = cell_number(cell(self.value)) else {
            collector.unread.add(place, "no number in the column of values", line);
            return;
        };
        let position = self.position.and_then(|position| cell_number(cell(position)));
        let context = Context {
            epoch: position.filter(|_| self.is_epoch),
            split: self.split.map(|split| split_of(cell(split))),
            ..Context::default()
        };
        let step = position.filter(|_| !self.is_epoch).map(|step| ("step", step));
        let pairs = [Some((name, number)), step];
        collector.row(place, &context, pairs.iter().flatten().copied());
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
