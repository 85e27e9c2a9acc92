//! JSON files: `trainer_state.json`, result files, lines of JSON, and notebooks.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use crate::collect::{Collector, Context};
use crate::dictionary::{Dictionary, take_in};
use crate::html::read_html;
use crate::literal::{Fault, Literal, Node, parse};
use crate::log::{Format, NoteKind, Place};
use crate::text::read_text;

/// What a whole JSON text is.
pub(crate) enum Json<'a> {
    /// `trainer_state.json`.
    TrainerState(Node<'a>),
    /// A notebook.
    Notebook(Node<'a>),
    /// Results, or a list of rows.
    Results(Node<'a>),
}

/// The JSON value that a text is, if it is one of ours. A text that is cut off is no JSON.
pub(crate) fn recognise(text: &str) -> Option<Json<'_>> {
    let begin = text.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']);
    // A dictionary as Python prints it is console output, whatever else it is.
    let inside = begin.trim_start_matches(|letter: char| matches!(letter, '{' | '[') || letter.is_whitespace());
    if !begin.starts_with(['{', '[']) || inside.starts_with('\'') {
        return None;
    }
    let (node, end) = parse(text, text.len() - begin.len()).ok()?;
    if !text.get(end..)?.trim().is_empty() {
        return None;
    }
    if node.get("log_history").is_some() {
        return Some(Json::TrainerState(node));
    }
    if node.get("cells").is_some() || node.get("worksheets").is_some() {
        return Some(Json::Notebook(node));
    }
    Some(Json::Results(node))
}

/// Lines of offsets that only grow.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u32,
}

impl Lines<'_> {
    fn of(&mut self, offset: usize) -> u32 {
        if offset > self.at {
            let passed = self.text.as_bytes().get(self.at..offset).unwrap_or_default();
            let newlines = passed.iter().filter(|&&byte| byte == b'\n').count();
            self.line = self.line.saturating_add(u32::try_from(newlines).unwrap_or(u32::MAX));
            self.at = offset;
        }
        self.line
    }
}

/// `trainer_state.json`: the rows of `log_history`, and the plan that stands beside them.
pub(crate) fn read_trainer_state(collector: &mut Collector, source: u32, text: &str, state: &Node<'_>) {
    // Offsets of the facts lie before and behind the history: two walks over the text.
    let mut lines = Lines { text, at: 0, line: 1 };
    for (name, node) in state.entries() {
        let place = Place { source, line: lines.of(node.at) };
        // `eval_steps` and `logging_steps` are left out: 500 stands there also where an epoch was the interval.
        let name = match name.as_ref() {
            "global_step" => "end_step",
            "epoch" => "end_epoch",
            "max_steps" | "num_train_epochs" | "train_batch_size" | "total_flos" => name,
            _ => continue,
        };
        if let Some(number) = node.number().filter(|number| *number > 0.0) {
            collector.fact(name, &number.to_string(), place, false);
        }
    }
    let mut lines = Lines { text, at: 0, line: 1 };
    if let Some(history) = state.get("log_history") {
        read_rows(collector, source, &mut lines, history.list(), text);
    }
    count_lines(collector, source, text);
}

fn read_rows(collector: &mut Collector, source: u32, lines: &mut Lines<'_>, rows: &[Node<'_>], text: &str) {
    for row in rows {
        let place = Place { source, line: lines.of(row.at) };
        let is_read = take_in(collector, place, &Context::default(), &Dictionary::of(row));
        if !is_read {
            let begin = text.get(row.at..).unwrap_or_default();
            collector.unread.add(place, "a row of the history without a measurement", begin);
        }
    }
}

fn count_lines(collector: &mut Collector, source: u32, text: &str) {
    collector.lines(source, u32::try_from(text.lines().count()).unwrap_or(u32::MAX));
}

/// `all_results.json`, `eval_results.json`, a list of rows, or a history `{"loss": [..], "val_loss": [..]}`.
pub(crate) fn read_results(collector: &mut Collector, source: u32, text: &str, node: &Node<'_>) {
    let mut lines = Lines { text, at: 0, line: 1 };
    count_lines(collector, source, text);
    match &node.value {
        Literal::List(rows) => read_rows(collector, source, &mut lines, rows, text),
        Literal::Map(entries) => {
            let columns: Vec<(&str, &[Node<'_>])> = entries
                .iter()
                .filter(|(name, node)| node.list().len() > 1 && collector.is_measured(name))
                .map(|(name, node)| (name.as_ref(), node.list()))
                .collect();
            let longest = columns.iter().map(|(_, list)| list.len()).max().unwrap_or(0);
            if longest > 1 {
                return read_history(collector, source, &columns, longest);
            }
            let place = Place { source, line: lines.of(node.at) };
            let dictionary = Dictionary::of(node);
            if take_in(collector, place, &Context::default(), &dictionary) {
                for (name, node) in entries {
                    let place = Place { source, line: lines.of(node.at) };
                    if let Some(number) = node.number().filter(|_| name.ends_with("samples")) {
                        collector.fact(name, &number.to_string(), place, true);
                    }
                }
            } else {
                collector.unread.add(place, "a JSON object without a measurement", text.trim_start());
            }
        }
        _ => {}
    }
}

/// Lists of figures, one entry an epoch, as Keras keeps them.
fn read_history(collector: &mut Collector, source: u32, columns: &[(&str, &[Node<'_>])], longest: usize) {
    let mut epoch = 0.0;
    for at in 0..longest {
        epoch += 1.0;
        let line = 1;
        let row: Vec<(&str, f64)> =
            columns.iter().filter_map(|(name, list)| Some((*name, list.get(at)?.number()?))).collect();
        let context = Context { epoch: Some(epoch), ..Context::default() };
        collector.row(Place { source, line }, &context, row.iter().copied());
    }
    let place = Place { source, line: 1 };
    collector.note(
        place,
        NoteKind::Reinterpreted,
        "lists of figures are taken for one figure an epoch, from epoch 1 on",
    );
}

/// Whether the first lines of a text are JSON objects, one each, and some of them measure something.
pub(crate) fn is_lines(text: &str) -> bool {
    let begins = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(5);
    let mut count = 0;
    for line in begins {
        match parse(line, 0) {
            Ok((node, end)) if end == line.len() && line.starts_with("{\"") && !node.entries().is_empty() => count += 1,
            _ => return false,
        }
    }
    count > 0
}

/// A JSON object a line.
pub(crate) fn read_lines(collector: &mut Collector, source: u32, text: &str) {
    let mut number = 0u32;
    for line in text.lines() {
        number = number.saturating_add(1);
        let place = Place { source, line: number };
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        match parse(line, 0) {
            Ok((node, _)) => {
                // Figures may stand one level down: `{"step": 1, "metrics": {...}}`.
                take_in(collector, place, &Context::default(), &Dictionary::of(&node));
            }
            Err(Fault::Ended) => collector.unread.add(place, "the object does not end", line),
            Err(_) => collector.unread.add(place, "not a JSON object", line),
        }
    }
    collector.lines(source, number);
}

/// A notebook: its outputs in order, each a source of its own.
pub(crate) fn read_notebook(collector: &mut Collector, name: &str, notebook: &Node<'_>) {
    let sheets = notebook.get("worksheets").and_then(|sheets| sheets.list().first());
    let cells = sheets.unwrap_or(notebook).get("cells").map(Node::list).unwrap_or_default();
    for (cell_at, cell) in cells.iter().enumerate() {
        let code = cell.get("source").map(Node::joined).unwrap_or_default();
        let is_code = cell.get("cell_type").and_then(Node::text) == Some("code");
        let at = |what: &str| format!("{name}, cell {}, {what}", cell_at + 1);
        if is_code && code.len() < 100_000 {
            settings_of_code(collector, &at("code"), &code);
        }
        // Streams of one cell are one text: a dictionary may be broken over two of them.
        let mut stream = String::new();
        for (output_at, output) in cell.get("outputs").map(Node::list).unwrap_or_default().iter().enumerate() {
            if let Some(text) = output.get("text") {
                stream.push_str(&text.joined());
                continue;
            }
            let data = output.get("data");
            let html = data.and_then(|data| data.get("text/html")).map(Node::joined).unwrap_or_default();
            let plain = data.and_then(|data| data.get("text/plain")).map(Node::joined).unwrap_or_default();
            flush(collector, &at("output"), &mut stream);
            if html.contains("<table") {
                let source = collector.another_source(&at(&format!("output {}", output_at + 1)), Format::Notebook);
                let lines = u32::try_from(html.lines().count()).unwrap_or(u32::MAX);
                collector.lines(source, lines);
                read_html(collector, Place { source, line: 1 }, &html, &Context::default());
                collector.texts.keep(source, html);
            } else if plain.contains("loss") || plain.contains("acc") {
                let mut plain = plain;
                flush(collector, &at(&format!("output {}", output_at + 1)), &mut plain);
            }
        }
        flush(collector, &at("output"), &mut stream);
    }
}

fn flush(collector: &mut Collector, name: &str, text: &mut String) {
    if text.is_empty() {
        return;
    }
    let source = collector.another_source(name, Format::Notebook);
    read_text(collector, source, text);
    collector.texts.keep(source, std::mem::take(text));
}

/// Settings in a cell's code: `learning_rate=5e-5,`. Variables are not followed.
fn settings_of_code(collector: &mut Collector, name: &str, code: &str) {
    let mut source = None;
    let mut number = 0u32;
    for line in code.lines() {
        number = number.saturating_add(1);
        if line.trim_start().starts_with('#') {
            continue;
        }
        let mut found = Vec::new();
        crate::facts::in_line(line, |key, text| found.push((key.to_string(), text.to_string())));
        for (key, text) in found {
            let source = *source.get_or_insert_with(|| collector.another_source(name, Format::Notebook));
            collector.fact(&key, &text, Place { source, line: number }, false);
        }
    }
    if let Some(source) = source {
        collector.lines(source, number);
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
