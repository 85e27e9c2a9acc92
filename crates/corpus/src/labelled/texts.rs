//! Texts with a class, with several labels, or with a probability for each class.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use case::TextFormat;
use serde_json::Value;

use super::labels::{LabelSet, Place, labels_error};
use crate::CorpusError;
use crate::read::{Record, read_table, table_file};

/// Probabilities written to a few decimals still sum to 1 this nearly.
const SUM_TOLERANCE: f64 = 1e-3;

/// Which columns of a file hold what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextColumns {
    /// The text.
    pub text: String,
    /// A second text, for pairs.
    pub second: Option<String>,
    /// What is to be predicted; none where only texts are read, to predict.
    pub target: Option<TargetColumns>,
    /// What must not be parted between splits and folds: a document, an author.
    pub group: Option<String>,
    /// The format; by the file's ending when absent.
    pub format: Option<TextFormat>,
}

/// How a target is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetColumns {
    /// One label.
    Single(String),
    /// Any number of labels: a JSON list, or text parted by `separator`; empty text is no label.
    Many {
        /// The column.
        column: String,
        /// What parts labels in text.
        separator: String,
    },
    /// A JSON list of probabilities, one for each label in the order in which the labels are given.
    SoftList(String),
    /// A column of probabilities for each label, named like the label.
    SoftColumns(Vec<String>),
}

/// What is true of an example.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A class.
    Single(usize),
    /// Classes, ascending.
    Many(Vec<usize>),
    /// A probability for each class, summing to 1: `[C]`.
    Soft(Vec<f64>),
}

/// A target before its labels have numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum WrittenTarget {
    /// A label.
    Single(String),
    /// Labels.
    Many(Vec<String>),
    /// Probabilities.
    Soft(Vec<f64>),
}

/// A row as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenText {
    /// Where it stands.
    pub place: Place,
    /// The text.
    pub first: String,
    /// The second text of a pair.
    pub second: Option<String>,
    /// What is to be predicted.
    pub target: Option<WrittenTarget>,
    /// Its group.
    pub group: Option<String>,
}

/// A labelled text.
#[derive(Debug, Clone, PartialEq)]
pub struct TextRow {
    /// Where it stands.
    pub place: Place,
    /// The text.
    pub first: String,
    /// The second text of a pair.
    pub second: Option<String>,
    /// What is true of it.
    pub target: Target,
    /// Its group.
    pub group: Option<String>,
}

/// A labelled set and its splits.
#[derive(Debug, Clone, PartialEq)]
pub struct TextSet {
    /// The classes.
    pub labels: LabelSet,
    /// Each split's rows, in the order in which the splits were given.
    pub splits: Vec<Vec<TextRow>>,
}

/// Reads the texts of a file, with their targets where `columns` names them.
///
/// # Errors
/// If the file cannot be read, lacks a column or holds no row; at a row without a text or with a target that cannot be
/// read.
pub fn read_texts(path: &Path, columns: &TextColumns) -> Result<Vec<WrittenText>, CorpusError> {
    let file = table_file(path, columns.format)?;
    let shared = Arc::new(path.to_owned());
    let mut rows = Vec::new();
    let names = columns.names();
    read_table(&file, &names, &mut |record| {
        let place = Place { path: Arc::clone(&shared), row: record.row };
        rows.push(columns.row(place, record, &names)?);
        Ok(())
    })?;
    if rows.is_empty() { Err(CorpusError::NoRows { path: path.to_owned() }) } else { Ok(rows) }
}

/// Reads the splits of a labelled set, the first being the training rows. Classes are `labels`, or the labels of the
/// training rows, sorted.
///
/// # Errors
/// As [`read_texts`]; at a label of another split that training does not have; if fewer than two classes are there (one,
/// where an example may have several); if probabilities come without the labels' names, or in another number.
pub fn text_set(
    splits: &[Vec<PathBuf>],
    columns: &TextColumns,
    labels: Option<Vec<String>>,
) -> Result<TextSet, CorpusError> {
    let read = |paths: &Vec<PathBuf>| {
        let files: Result<Vec<_>, _> = paths.iter().map(|path| read_texts(path, columns)).collect();
        files.map(|files| files.into_iter().flatten().collect::<Vec<WrittenText>>())
    };
    let splits: Vec<Vec<WrittenText>> = splits.iter().map(read).collect::<Result<_, _>>()?;
    let labels = match (labels, &columns.target) {
        (Some(labels), _) => LabelSet::new(labels)?,
        (None, Some(TargetColumns::SoftColumns(columns))) => LabelSet::new(columns.clone())?,
        (None, Some(TargetColumns::SoftList(column))) => {
            return Err(labels_error(format!("the probabilities in `{column}` have no names; list the labels' names")));
        }
        (None, _) => LabelSet::found(splits.first().into_iter().flatten().flat_map(WrittenText::labels).collect())?,
    };
    let least = if matches!(columns.target, Some(TargetColumns::Many { .. })) { 1 } else { 2 };
    if labels.len() < least {
        let found = labels.names().join(", ");
        return Err(labels_error(format!("{least} or more are needed, found {} ({found})", labels.len())));
    }
    let number = |rows: Vec<WrittenText>| rows.into_iter().map(|row| row.numbered(&labels)).collect();
    let splits = splits.into_iter().map(number).collect::<Result<_, _>>()?;
    Ok(TextSet { labels, splits })
}

impl TextColumns {
    /// All columns to read, in order: text, second, group, target.
    fn names(&self) -> Vec<&str> {
        let mut names = vec![self.text.as_str()];
        names.extend(self.second.as_deref());
        names.extend(self.group.as_deref());
        match &self.target {
            None => {}
            Some(TargetColumns::Single(column) | TargetColumns::SoftList(column)) => names.push(column),
            Some(TargetColumns::Many { column, .. }) => names.push(column),
            Some(TargetColumns::SoftColumns(columns)) => names.extend(columns.iter().map(String::as_str)),
        }
        names
    }

    fn row(&self, place: Place, record: Record, names: &[&str]) -> Result<WrittenText, CorpusError> {
        let mut values = record.values.into_iter().zip(names.iter().copied());
        let mut text = || values.next().map_or(Ok(String::new()), |(value, column)| text_at(&place, value, column));
        let first = text()?;
        let second = self.second.is_some().then(&mut text).transpose()?;
        let group = self.group.is_some().then(&mut text).transpose()?;
        let rest: Vec<(Option<Value>, &str)> = values.collect();
        let target = self.target.as_ref().map(|target| target.read(&place, rest)).transpose()?;
        Ok(WrittenText { place, first, second, target, group })
    }
}

/// A cell as text that is there and not empty.
pub(super) fn text_at(place: &Place, value: Option<Value>, column: &str) -> Result<String, CorpusError> {
    let text = match value {
        Some(Value::String(text)) => text,
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        None => String::new(),
        Some(_) => return Err(place.refuse(format_args!("`{column}` is not one text"))),
    };
    if text.trim().is_empty() {
        return Err(place.refuse(format_args!("`{column}` is empty; fill it in or leave the row out")));
    }
    Ok(text)
}

impl TargetColumns {
    fn read(&self, place: &Place, cells: Vec<(Option<Value>, &str)>) -> Result<WrittenTarget, CorpusError> {
        if let Self::SoftColumns(_) = self {
            let probabilities = cells.into_iter().map(|(value, column)| {
                let text = text_at(place, value, column)?;
                text.trim().parse::<f64>().map_err(|_| place.refuse(format_args!("`{column}` is no number: {text}")))
            });
            return probabilities_at(place, probabilities.collect::<Result<_, _>>()?).map(WrittenTarget::Soft);
        }
        let (value, column) = cells.into_iter().next().unwrap_or((None, ""));
        match self {
            Self::Many { separator, .. } => many_at(place, value, column, separator).map(WrittenTarget::Many),
            Self::SoftList(_) => {
                let list = match value {
                    Some(Value::String(text)) => serde_json::from_str(&text).ok(),
                    value => value,
                };
                let numbers = list.and_then(|list| serde_json::from_value::<Vec<f64>>(list).ok());
                let numbers = numbers.ok_or_else(|| {
                    place.refuse(format_args!("`{column}` is no list of probabilities such as [0.2, 0.8]"))
                })?;
                probabilities_at(place, numbers).map(WrittenTarget::Soft)
            }
            _ => text_at(place, value, column).map(WrittenTarget::Single),
        }
    }
}

/// Labels of a JSON list, as a value or in text, or of text parted by `separator`.
fn many_at(place: &Place, value: Option<Value>, column: &str, separator: &str) -> Result<Vec<String>, CorpusError> {
    let value = match value {
        Some(Value::String(text)) if text.trim_start().starts_with('[') => serde_json::from_str(&text)
            .map_err(|error| place.refuse(format_args!("`{column}` begins like a JSON list and is none: {error}")))?,
        value => value.unwrap_or(Value::Null),
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => {
            let labels = text.split(separator).map(str::trim).filter(|label| !label.is_empty());
            Ok(labels.map(ToOwned::to_owned).collect())
        }
        Value::Array(items) => items.into_iter().map(|item| text_at(place, Some(item), column)).collect(),
        other => Ok(vec![text_at(place, Some(other), column)?]),
    }
}

fn probabilities_at(place: &Place, probabilities: Vec<f64>) -> Result<Vec<f64>, CorpusError> {
    let sum: f64 = probabilities.iter().sum();
    let is_right = probabilities.iter().all(|p| (0.0..=1.0).contains(p)) && (sum - 1.0).abs() <= SUM_TOLERANCE;
    if !is_right {
        return Err(place.refuse(format_args!(
            "probabilities lie in 0..=1 and sum to 1; these are {probabilities:?}, which sum to {sum}"
        )));
    }
    Ok(probabilities)
}

impl WrittenText {
    fn labels(&self) -> Vec<&str> {
        match &self.target {
            Some(WrittenTarget::Single(label)) => vec![label],
            Some(WrittenTarget::Many(labels)) => labels.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    fn numbered(self, labels: &LabelSet) -> Result<TextRow, CorpusError> {
        let Self { place, first, second, target, group } = self;
        let target = match target {
            None => return Err(place.refuse("it has no target; name the column of the labels")),
            Some(WrittenTarget::Single(label)) => Target::Single(labels.class_at(&label, &place)?),
            Some(WrittenTarget::Many(names)) => {
                let classes: Result<BTreeSet<usize>, _> =
                    names.iter().map(|name| labels.class_at(name, &place)).collect();
                Target::Many(classes?.into_iter().collect())
            }
            Some(WrittenTarget::Soft(probabilities)) if probabilities.len() == labels.len() => {
                Target::Soft(probabilities)
            }
            Some(WrittenTarget::Soft(probabilities)) => {
                let (found, wanted) = (probabilities.len(), labels.len());
                return Err(place.refuse(format_args!("{found} probabilities for {wanted} labels")));
            }
        };
        Ok(TextRow { place, first, second, target, group })
    }
}

#[cfg(test)]
mod tests;
