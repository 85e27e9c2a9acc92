//! Casebook's own runs: `journal.jsonl`, whose checksums the journal's reader holds, and `run.json` beside it.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::path::Path;

use journal::{Eval, Event, JournalError};

use crate::collect::{Collector, Context};
use crate::literal::{Literal, Node, parse};
use crate::log::{NoteKind, Place};
use crate::names::split_of;

/// Whether a text is a journal: its first line is a start, with a checksum.
pub(crate) fn is_journal(text: &str) -> bool {
    text.starts_with("{\"event\":\"") && text.lines().next().is_some_and(|line| line.contains("\"crc32\":\""))
}

/// Reads a journal. False, with a note, where a line is damaged: then its lines are read as JSON without checksums.
pub(crate) fn read(collector: &mut Collector, source: u32, path: &Path) -> bool {
    let events = match journal::read_all(path) {
        Ok(events) => events,
        Err(error) => {
            let what = match error {
                JournalError::Format { .. } => "the journal is of a later version",
                _ => "the journal is damaged",
            };
            let text = format!("{what} and read line by line, as far as lines are known: {error}");
            collector.note(Place { source, line: 1 }, NoteKind::Damage, text);
            return false;
        }
    };
    let mut line = 0u32;
    for event in &events {
        line = line.saturating_add(1);
        one(collector, Place { source, line }, event);
    }
    collector.lines(source, line);
    if let Some(folder) = path.parent() {
        settings(collector, &folder.join("run.json"));
    }
    true
}

pub(crate) fn one(collector: &mut Collector, place: Place, event: &Event) {
    match event {
        Event::Start(start) => collector.here().name.clone_from(&start.run),
        Event::Log(log) => {
            let context = Context { step: Some(log.step), ..Context::default() };
            let row = [
                ("epoch", log.epoch),
                ("train_loss", log.loss),
                ("train_accuracy", log.accuracy),
                ("lr", log.lr),
                ("grad_norm", log.grad_norm.max),
                ("train_grad_norm_median", log.grad_norm.median),
                ("train_clipped_share", log.grad_norm.clipped_share),
                ("train_time_s", log.time_s),
                ("train_wait_share", log.wait_share),
            ];
            let corpora = log.corpora.iter().map(|corpus| (format!("{}/loss", corpus.name), corpus.loss));
            let corpora: Vec<(String, f64)> = corpora.collect();
            let names = corpora.iter().map(|(name, loss)| (name.as_str(), *loss));
            collector.row(place, &context, row.into_iter().chain(names));
        }
        Event::Eval(eval) => evaluation(collector, place, eval),
        Event::Resume(resume) => {
            let row = collector.rows();
            collector.here().resumes.push((row, resume.step));
            let text = format!("the run goes on from step {}", resume.step);
            collector.note(place, NoteKind::Restart, text);
        }
        Event::End(end) => collector.fact("end_step", &end.step.to_string(), place, true),
        Event::Epoch(_) | Event::Checkpoint(_) | Event::Alert(_) => {}
    }
}

fn evaluation(collector: &mut Collector, place: Place, eval: &Eval) {
    let context = Context { step: Some(eval.step), split: Some(split_of(&eval.split)), ..Context::default() };
    let mut row = vec![
        ("epoch".to_string(), eval.epoch),
        ("loss".to_string(), eval.loss),
        ("accuracy".to_string(), eval.accuracy),
        ("duration_s".to_string(), eval.duration_s),
    ];
    #[expect(clippy::cast_precision_loss, reason = "scored positions are far below 2^53")]
    row.push(("scored".to_string(), eval.scored as f64));
    if eval.scores.is_none() {
        row.push(("perplexity".to_string(), eval.perplexity));
    }
    if let Some(scores) = &eval.scores {
        collector.fact("eval_examples", &scores.scored.to_string(), place, true);
        let figures = scores.figures.iter().filter(|figure| figure.name != "accuracy");
        row.extend(figures.map(|figure| (figure.name.clone(), figure.value)));
        let accuracy = scores.figures.iter().find(|figure| figure.name == "accuracy");
        if let Some(majority) = accuracy.and_then(|figure| figure.majority) {
            collector.fact("majority_accuracy", &majority.to_string(), place, true);
        }
    }
    row.extend(eval.corpora.iter().map(|corpus| (format!("{}/loss", corpus.name), corpus.loss)));
    collector.row(place, &context, row.iter().map(|(name, number)| (name.as_str(), *number)));
}

/// The plan in `run.json`: numbers whose names are known facts, wherever they stand in it.
fn settings(collector: &mut Collector, path: &Path) {
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let Ok((node, _)) = parse(&text, 0) else { return };
    let source = collector.another_source(&path.display().to_string(), crate::log::Format::Results);
    visit(collector, source, &node, &text, 0);
    // `["masking", "per-epoch, 0.15 by token"]`: the number is the rate.
    for pair in node.get("parameters").map(Node::list).unwrap_or_default() {
        let [name, value] = pair.list() else { continue };
        let words = value.text().unwrap_or_default().split([' ', ',']);
        let rate = words.filter_map(|word| word.parse::<f64>().ok()).next();
        if let Some(rate) = rate.filter(|_| name.text() == Some("masking")) {
            collector.fact("mask_rate", &rate.to_string(), Place { source, line: 1 }, false);
        }
    }
}

fn visit(collector: &mut Collector, source: u32, node: &Node<'_>, text: &str, depth: usize) {
    for (name, inner) in node.entries() {
        let before = text.as_bytes().get(..inner.at).unwrap_or_default();
        let newlines = before.iter().filter(|&&byte| byte == b'\n').count();
        let place = Place { source, line: u32::try_from(newlines + 1).unwrap_or(u32::MAX) };
        match &inner.value {
            Literal::Map(_) if depth < 6 => visit(collector, source, inner, text, depth + 1),
            Literal::Number(number) => collector.fact(name, &number.to_string(), place, false),
            _ => {}
        }
    }
}
