//! CoNLL columns: a word a line, its tag in a column, an empty line after each sentence.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::path::{Path, PathBuf};
use std::sync::Arc;

use case::TextFormat;

use super::labels::Place;
use super::tagged::{TagColumns, WrittenRow};
use crate::CorpusError;
use crate::read::{read_lines, table_file};

/// Begins a document; it is no sentence.
const DOCUMENT: &str = "-DOCSTART-";

/// Reads the sentences of a file. Columns are parted by tabs where a line holds one, so that a word may be a space, else
/// by white space. `-DOCSTART-` lines begin documents, which are the sentences' groups where a group is asked for.
pub(super) fn read(path: &Path, shared: &Arc<PathBuf>, columns: &TagColumns) -> Result<Vec<WrittenRow>, CorpusError> {
    let file = table_file(path, Some(TextFormat::Txt))?;
    let places = (Column::named(&columns.words, Column::First)?, columns.tags.as_deref());
    let tags = places.1.map(|tags| Column::named(tags, Column::Last)).transpose()?;
    let mut rows: Vec<WrittenRow> = Vec::new();
    let (mut open, mut documents) = (false, 0);
    read_lines(&file, &mut |row, line| {
        if line.trim().is_empty() && !line.contains('\t') {
            open = false;
            return Ok(());
        }
        if line.starts_with(DOCUMENT) {
            (open, documents) = (false, documents + 1);
            return Ok(());
        }
        let place = Place { path: Arc::clone(shared), row };
        let cells = cells(line);
        let word = places.0.cell(&cells, &place)?;
        let tag = tags.map(|tags| tags.cell(&cells, &place)).transpose()?;
        if !open {
            let group = columns.group.as_ref().map(|_| format!("{documents}"));
            let tags = tags.map(|_| Vec::new());
            rows.push(WrittenRow { place, words: Vec::new(), tags, boxes: None, page: None, group });
            open = true;
        }
        if let Some(sentence) = rows.last_mut() {
            sentence.words.push(word.into());
            if let (Some(tags), Some(tag)) = (&mut sentence.tags, tag) {
                tags.push(tag.into());
            }
        }
        Ok(())
    })?;
    Ok(rows)
}

fn cells(line: &str) -> Vec<&str> {
    if line.contains('\t') { line.split('\t').collect() } else { line.split_whitespace().collect() }
}

/// Which column of a line.
#[derive(Debug, Clone, Copy)]
enum Column {
    First,
    Last,
    At(usize),
}

impl Column {
    fn named(name: &str, or: Self) -> Result<Self, CorpusError> {
        match name.parse::<usize>() {
            _ if name.is_empty() => Ok(or),
            Ok(number) if number > 0 => Ok(Self::At(number - 1)),
            _ => Err(super::labels::labels_error(format!(
                "CoNLL columns have no names; write the column's number from 1, such as \"1\", not {name:?}"
            ))),
        }
    }

    fn cell<'a>(self, cells: &[&'a str], place: &Place) -> Result<&'a str, CorpusError> {
        let found = match self {
            Self::First => cells.first(),
            Self::Last => cells.last().filter(|_| cells.len() > 1),
            Self::At(at) => cells.get(at),
        };
        let found = found.filter(|cell| !cell.is_empty());
        found.copied().ok_or_else(|| {
            let count = cells.len();
            place.refuse(format_args!("{count} columns, too few for a word and its tag; part them by tabs or spaces"))
        })
    }
}
