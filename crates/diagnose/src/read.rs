//! Files, folders and standard input: what each holds is told from its content first, from its ending second.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::collect::Collector;
use crate::error::DiagnoseError;
use crate::json::{self, Json};
use crate::log::{Format, Log};
use crate::{csv, ours, text, tfevents};

/// A file larger than this is not read: it is held in memory whole.
pub const MAX_BYTES: u64 = 1 << 30;
/// Entries of a folder that are looked at.
const MAX_ENTRIES: usize = 20_000;
/// How deep folders are searched.
const MAX_FOLDERS: usize = 3;
/// What is read in a folder, for messages.
const LOOKED_FOR: &str = "journal.jsonl, trainer_state.json, *_results.json, events.out.tfevents*, \
                          *.csv, *.tsv, *.jsonl, *.log, *.txt, *.out, *.md, *.ipynb";

/// Reads a file or a folder.
///
/// # Errors
/// [`DiagnoseError::Io`], [`DiagnoseError::TooLarge`]; [`DiagnoseError::NoLog`] for a folder without any.
pub fn read(path: &Path) -> Result<Log, DiagnoseError> {
    let mut collector = Collector::default();
    if path.is_dir() {
        let files = files_of(path)?;
        if files.is_empty() {
            return Err(DiagnoseError::NoLog { path: path.into(), looked_for: LOOKED_FOR });
        }
        for file in &files {
            read_file(&mut collector, file)?;
        }
        let mut log = collector.finish();
        crate::join::join(&mut log);
        return Ok(log);
    }
    read_file(&mut collector, path)?;
    Ok(collector.finish())
}

/// Reads what a reader gives, to its end, such as standard input; `name` is what its lines are quoted as.
///
/// # Errors
/// [`DiagnoseError::Io`], [`DiagnoseError::TooLarge`].
pub fn read_from(name: &str, reader: impl Read) -> Result<Log, DiagnoseError> {
    let bytes = bytes_of(name, Path::new(name), reader)?;
    Ok(read_bytes(name, bytes))
}

/// Reads bytes; every sequence of bytes is a log, if one without rows.
pub fn read_bytes(name: &str, bytes: Vec<u8>) -> Log {
    let mut collector = Collector::default();
    take_in(&mut collector, name, bytes);
    collector.finish()
}

fn read_file(collector: &mut Collector, path: &Path) -> Result<(), DiagnoseError> {
    let io = |source| DiagnoseError::Io { attempt: "open", path: path.into(), source };
    let name = path.display().to_string();
    let bytes = bytes_of(&name, path, File::open(path).map_err(io)?)?;
    if bytes.get(..1024.min(bytes.len())).is_some_and(|head| ours::is_journal(&String::from_utf8_lossy(head))) {
        let source = collector.source(&name, Format::Journal);
        if ours::read(collector, source, path) {
            collector.texts.keep(source, text_of(bytes));
            return Ok(());
        }
    }
    take_in(collector, &name, bytes);
    Ok(())
}

pub(crate) fn bytes_of(name: &str, path: &Path, reader: impl Read) -> Result<Vec<u8>, DiagnoseError> {
    let mut bytes = Vec::new();
    let read = reader.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|source| DiagnoseError::Io { attempt: "read", path: path.into(), source })?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(DiagnoseError::TooLarge { name: name.into(), bytes: bytes.len() as u64, limit: MAX_BYTES });
    }
    Ok(bytes)
}

/// Tells what the bytes are and reads them as that.
fn take_in(collector: &mut Collector, name: &str, bytes: Vec<u8>) {
    if tfevents::is_events(&bytes) {
        let source = collector.source(name, Format::TensorBoard);
        return tfevents::read(collector, source, &bytes);
    }
    let text = text_of(bytes);
    if let Some(source) = take_in_text(collector, name, &text) {
        collector.texts.keep(source, text);
    }
}

/// The source that its lines belong to; those of a notebook belong to its outputs.
fn take_in_text(collector: &mut Collector, name: &str, text: &str) -> Option<u32> {
    if text.starts_with("{\"") && json::is_lines(text) && text.trim_end().contains('\n') {
        let source = collector.source(name, Format::JsonLines);
        json::read_lines(collector, source, text);
        return Some(source);
    }
    let source = match json::recognise(text) {
        Some(Json::TrainerState(node)) => {
            let source = collector.source(name, Format::TrainerState);
            json::read_trainer_state(collector, source, text, &node);
            source
        }
        Some(Json::Notebook(node)) => {
            collector.source(name, Format::Notebook);
            json::read_notebook(collector, name, &node);
            return None;
        }
        Some(Json::Results(node)) => {
            let source = collector.source(name, Format::Results);
            json::read_results(collector, source, text, &node);
            source
        }
        None => match csv::header(text) {
            Some(header) => {
                let source = collector.source(name, Format::Csv);
                csv::read(collector, source, text, &header);
                source
            }
            None => {
                let source = collector.source(name, Format::Text);
                text::read_text(collector, source, text);
                source
            }
        },
    };
    Some(source)
}

/// The bytes as text; what is no UTF-8 becomes the replacement character. UTF-16 of a Windows shell is recognised.
fn text_of(bytes: Vec<u8>) -> String {
    let wide = match bytes.get(..2) {
        Some([0xff, 0xfe]) => Some(u16::from_le_bytes as fn([u8; 2]) -> u16),
        Some([0xfe, 0xff]) => Some(u16::from_be_bytes as fn([u8; 2]) -> u16),
        _ => None,
    };
    if let Some(unit) = wide {
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().skip(1).map(|pair| unit(*pair)).collect();
        return String::from_utf16_lossy(&units);
    }
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

/// The logs of a folder, by name.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, DiagnoseError> {
    let mut files = Vec::new();
    let mut seen = 0;
    search(folder, 0, &mut seen, &mut files)?;
    files.sort();
    Ok(files)
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn search(folder: &Path, depth: usize, seen: &mut usize, files: &mut Vec<PathBuf>) -> Result<(), DiagnoseError> {
    let io = |source| DiagnoseError::Io { attempt: "list", path: folder.into(), source };
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        *seen += 1;
        if *seen > MAX_ENTRIES {
            return Ok(());
        }
        let name = file_name(&path);
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if depth < MAX_FOLDERS {
                search(&path, depth + 1, seen, files)?;
            }
        } else if is_log_name(name) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_log_name(name: &str) -> bool {
    let is_known = matches!(name, "journal.jsonl" | "trainer_state.json") || name.ends_with("_results.json");
    let endings = [".csv", ".tsv", ".jsonl", ".log", ".txt", ".out", ".md", ".ipynb"];
    let is_made_by_us = matches!(name, "record.md" | "notes.jsonl");
    is_known
        || name.starts_with("events.out.tfevents")
        || (endings.iter().any(|ending| name.ends_with(ending)) && !is_made_by_us)
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
