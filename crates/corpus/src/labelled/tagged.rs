//! Words with BIO tags, with boxes where they stand on a page.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use case::TextFormat;
use serde_json::Value;

use super::boxes::{PageBox, normalised};
use super::conll;
use super::labels::{Place, TagSet};
use super::texts::text_at;
use crate::CorpusError;
use crate::read::{Record, read_table, table_file};

/// How tagged words are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagFormat {
    /// A table, jsonl or parquet (by the file's ending when absent), with lists of words and of tags.
    Lists(Option<TextFormat>),
    /// A word a line in columns, an empty line after each sentence (CoNLL-2003).
    Conll,
}

/// Which fields of a file hold what. In CoNLL columns, `words` and `tags` are numbers from 1 and may be empty for the first
/// and the last column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagColumns {
    /// How the words are written.
    pub format: TagFormat,
    /// The list of words.
    pub words: String,
    /// The list of tags; none where only words are read, to predict.
    pub tags: Option<String>,
    /// The list of boxes `[x0, y0, x1, y1]`, one a word, with the fields of the page's width and height.
    pub boxes: Option<BoxColumns>,
    /// What must not be parted between splits and folds: a document.
    pub group: Option<String>,
}

/// Which fields hold the boxes and the page's size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoxColumns {
    /// The list of boxes.
    pub boxes: String,
    /// The page's width, in the boxes' units.
    pub width: String,
    /// The page's height.
    pub height: String,
}

/// A sequence of words as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenRow {
    /// Where it stands, or where its first word does.
    pub place: Place,
    /// Its words; never empty.
    pub words: Vec<String>,
    /// One BIO tag a word, where tags are read.
    pub tags: Option<Vec<String>>,
    /// One box a word, where boxes are read.
    pub boxes: Option<Vec<PageBox>>,
    /// The page's width and height in the units in which its boxes are written, where boxes are read.
    pub page: Option<(f64, f64)>,
    /// Its group.
    pub group: Option<String>,
}

/// A sequence of tagged words.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedRow {
    /// Where it stands, or where its first word does.
    pub place: Place,
    /// Its words; never empty.
    pub words: Vec<String>,
    /// One tag a word, as classes of the set's [`TagSet`].
    pub tags: Vec<usize>,
    /// One box a word, where there are boxes.
    pub boxes: Option<Vec<PageBox>>,
    /// Its group.
    pub group: Option<String>,
}

/// A tagged set and its splits.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedSet {
    /// The tags.
    pub tags: TagSet,
    /// Each split's rows, in the order in which the splits were given.
    pub splits: Vec<Vec<TaggedRow>>,
    /// `I-` tags that go on with no entity of their type, over all splits: wrong in IOB2, tolerated.
    pub stray: u64,
}

/// Reads the sequences of a file, with their tags and boxes where `columns` names them.
///
/// # Errors
/// If the file cannot be read, lacks a field or holds no row; at a row without words, with lists of unequal length, with a
/// tag that is none of BIO, or with a box outside of its page.
pub fn read_tagged(path: &Path, columns: &TagColumns) -> Result<Vec<WrittenRow>, CorpusError> {
    let shared = Arc::new(path.to_owned());
    let mut rows = Vec::new();
    match columns.format {
        TagFormat::Conll => rows = conll::read(path, &shared, columns)?,
        TagFormat::Lists(format) => {
            let file = table_file(path, format)?;
            read_table(&file, &columns.names(), &mut |record| {
                let place = Place { path: Arc::clone(&shared), row: record.row };
                rows.push(columns.row(place, record)?);
                Ok(())
            })?;
        }
    }
    rows.iter().try_for_each(check_tags)?;
    if rows.is_empty() { Err(CorpusError::NoRows { path: path.to_owned() }) } else { Ok(rows) }
}

/// Reads the splits of a tagged set, the first being the training rows. Entity types are `kinds`, or those of the training
/// rows, sorted.
///
/// # Errors
/// As [`read_tagged`]; at a type of another split that training does not have; if there is no type at all.
pub fn tagged_set(
    splits: &[Vec<PathBuf>],
    columns: &TagColumns,
    kinds: Option<Vec<String>>,
) -> Result<TaggedSet, CorpusError> {
    let read = |paths: &Vec<PathBuf>| {
        let files: Result<Vec<_>, _> = paths.iter().map(|path| read_tagged(path, columns)).collect();
        files.map(|files| files.into_iter().flatten().collect::<Vec<WrittenRow>>())
    };
    let splits: Vec<Vec<WrittenRow>> = splits.iter().map(read).collect::<Result<_, _>>()?;
    let found = || {
        let tags = splits.first().into_iter().flatten().flat_map(|row| row.tags.iter().flatten());
        let kinds: BTreeSet<&str> = tags.filter_map(|tag| TagSet::kind_of(tag).ok().flatten()).collect();
        kinds.into_iter().map(ToOwned::to_owned).collect()
    };
    let tags = TagSet::new(kinds.unwrap_or_else(found))?;
    let mut stray = 0;
    let mut numbered = Vec::new();
    for rows in splits {
        let rows: Result<Vec<TaggedRow>, _> = rows.into_iter().map(|row| row.numbered(&tags)).collect();
        let rows = rows?;
        stray += rows.iter().map(|row| strays(&row.tags, &tags)).sum::<u64>();
        numbered.push(rows);
    }
    Ok(TaggedSet { tags, splits: numbered, stray })
}

fn strays(tags: &[usize], set: &TagSet) -> u64 {
    let is_inside = |tag: usize| tag > 0 && tag.is_multiple_of(2);
    let before = std::iter::once(&0).chain(tags);
    before.zip(tags).filter(|(before, tag)| is_inside(**tag) && set.inside(**before) != **tag).count() as u64
}

fn check_tags(row: &WrittenRow) -> Result<(), CorpusError> {
    for (at, tag) in row.tags.iter().flatten().enumerate() {
        TagSet::kind_of(tag).map_err(|why| row.place.refuse(format_args!("word {}: {why}", at + 1)))?;
    }
    Ok(())
}

impl TagColumns {
    /// All fields to read, in order: words, tags, boxes, width, height, group.
    fn names(&self) -> Vec<&str> {
        let mut names = vec![self.words.as_str()];
        names.extend(self.tags.as_deref());
        names.extend(self.boxes.iter().flat_map(|boxes| [boxes.boxes.as_str(), &boxes.width, &boxes.height]));
        names.extend(self.group.as_deref());
        names
    }

    fn row(&self, place: Place, record: Record) -> Result<WrittenRow, CorpusError> {
        let mut values = record.values.into_iter();
        let mut next = || values.next().flatten();
        let words = texts_at(&place, next(), &self.words)?;
        if words.is_empty() {
            return Err(place.refuse(format_args!("`{}` holds no word; leave the row out", self.words)));
        }
        let tags = self.tags.as_ref().map(|column| texts_at(&place, next(), column)).transpose()?;
        if let (Some(tags), Some(column)) = (&tags, &self.tags) {
            same_length(&place, column, tags.len(), words.len())?;
        }
        let boxes = self.boxes.as_ref().map(|columns| columns.read(&place, [next(), next(), next()], &words));
        let (boxes, page) = boxes.transpose()?.unzip();
        let group = self.group.as_ref().map(|column| text_at(&place, next(), column)).transpose()?;
        Ok(WrittenRow { place, words, tags, boxes, page, group })
    }
}

fn same_length(place: &Place, column: &str, found: usize, words: usize) -> Result<(), CorpusError> {
    if found == words {
        return Ok(());
    }
    Err(place.refuse(format_args!("`{column}` has {found} entries for {words} words; each word needs one")))
}

/// A list of texts, any of which may be a space, as in a list of characters.
fn texts_at(place: &Place, value: Option<Value>, column: &str) -> Result<Vec<String>, CorpusError> {
    let texts = value.and_then(|value| serde_json::from_value::<Vec<String>>(value).ok());
    texts
        .ok_or_else(|| place.refuse(format_args!("`{column}` is not there or no list of texts such as [\"a\", \"b\"]")))
}

impl BoxColumns {
    fn read(
        &self,
        place: &Place,
        [boxes, width, height]: [Option<Value>; 3],
        words: &[String],
    ) -> Result<(Vec<PageBox>, (f64, f64)), CorpusError> {
        let size = |value: Option<Value>, column: &str| {
            let number = value.as_ref().and_then(Value::as_f64);
            number.ok_or_else(|| place.refuse(format_args!("`{column}` is not there or no number")))
        };
        let page = (size(width, &self.width)?, size(height, &self.height)?);
        let boxes = boxes.and_then(|value| serde_json::from_value::<Vec<[f64; 4]>>(value).ok());
        let boxes = boxes.ok_or_else(|| {
            place.refuse(format_args!("`{}` is not there or no list of boxes such as [[0, 0, 10, 5]]", self.boxes))
        })?;
        same_length(place, &self.boxes, boxes.len(), words.len())?;
        let each = boxes.into_iter().zip(words).enumerate();
        let boxes = each.map(|(at, (corners, word))| normalised(corners, page, place, (at, word)));
        Ok((boxes.collect::<Result<_, _>>()?, page))
    }
}

impl WrittenRow {
    fn numbered(self, set: &TagSet) -> Result<TaggedRow, CorpusError> {
        let Self { place, words, tags, boxes, group, .. } = self;
        let Some(tags) = tags else { return Err(place.refuse("it has no tags; name the field of the tags")) };
        let tags = tags.iter().map(|tag| set.tags().class_at(tag, &place)).collect::<Result<_, _>>()?;
        Ok(TaggedRow { place, words, tags, boxes, group })
    }
}

#[cfg(test)]
mod tests;
