//! From a case file's `examples` to the rows to train on, to validate on and to keep for the end.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use case::{CorpusConfig, DocumentKind, ExampleFormat, ExamplesConfig, Paths, TargetKind, TextFormat};

use super::folds::{folds, subset};
use super::labels::{LabelSet, TagSet, labels_error};
use super::tagged::{BoxColumns, TagColumns, TagFormat, TaggedRow, WrittenRow, read_tagged, tagged_set};
use super::texts::{TargetColumns, TextColumns, TextRow, text_set};
use crate::CorpusError;
use crate::read::resolve;

/// Rows by what they are for.
#[derive(Debug, Clone, PartialEq)]
pub struct Splits<Row> {
    /// What weights are updated on.
    pub train: Vec<Row>,
    /// What is evaluated during training and chooses the best checkpoint.
    pub valid: Vec<Row>,
    /// What is kept for the end; empty where the case names none.
    pub test: Vec<Row>,
}

/// The classes and rows of a `classify` case, relative paths being taken from `base`.
///
/// Where the case says so, validation rows are a fold or a share of the training rows, and only a share of what is left is
/// trained on. Rows of one group are never parted; rows without a group are parted by their text, so that equal texts stay
/// together. Classes are those of all training files, also of the rows held out.
///
/// # Errors
/// As [`text_set`]; where a path is no file; where a split would be empty.
pub fn load_texts(examples: &ExamplesConfig, base: &Path) -> Result<(LabelSet, Splits<TextRow>), CorpusError> {
    let files = files(examples, base)?;
    let set = text_set(&files, &TextColumns::of(examples), examples.labels.clone())?;
    let key = |row: &TextRow| {
        let text = || format!("{}\u{1f}{}", row.first, row.second.as_deref().unwrap_or_default());
        row.group.clone().unwrap_or_else(text)
    };
    Ok((set.labels, parted(set.splits, examples, key)?))
}

/// The tags and rows of a `tag` case, and how many `I-` tags go on with nothing; as [`load_texts`].
///
/// # Errors
/// As [`tagged_set`]; where a path is no file; where a split would be empty.
pub fn load_tagged(examples: &ExamplesConfig, base: &Path) -> Result<(TagSet, Splits<TaggedRow>, u64), CorpusError> {
    let files = files(examples, base)?;
    let set = tagged_set(&files, &TagColumns::of(examples), examples.labels.clone())?;
    let key = |row: &TaggedRow| row.group.clone().unwrap_or_else(|| row.words.join("\u{1f}"));
    Ok((set.tags, parted(set.splits, examples, key)?, set.stray))
}

/// The words, and boxes where the case names them, of a `page-mlm` case; as [`load_texts`], without labels.
///
/// # Errors
/// As [`read_tagged`]; where a path is no file; where a split would be empty.
pub fn load_pages(examples: &ExamplesConfig, base: &Path) -> Result<Splits<WrittenRow>, CorpusError> {
    let columns = TagColumns { tags: None, ..TagColumns::of(examples) };
    let read = |paths: Vec<PathBuf>| {
        let files: Result<Vec<_>, _> = paths.iter().map(|path| read_tagged(path, &columns)).collect();
        files.map(|files| files.into_iter().flatten().collect::<Vec<WrittenRow>>())
    };
    let splits = files(examples, base)?.into_iter().map(read).collect::<Result<_, _>>()?;
    parted(splits, examples, |row: &WrittenRow| row.group.clone().unwrap_or_else(|| row.words.join("\u{1f}")))
}

/// Files of train, valid and test; a split that the case does not name has none.
fn files(examples: &ExamplesConfig, base: &Path) -> Result<Vec<Vec<PathBuf>>, CorpusError> {
    let of_split = |(name, paths): (&str, &Option<Paths>)| {
        let Some(path) = paths else { return Ok(Vec::new()) };
        let corpus = CorpusConfig {
            name: format!("examples.{name}"),
            path: path.clone(),
            format: Some(TextFormat::Txt), // any: only the paths are asked for
            field: String::new(),
            documents: DocumentKind::Auto,
            fraction: 1.0,
            weight: 1.0,
        };
        Ok(resolve(&corpus, base)?.into_iter().map(|file| file.path).collect())
    };
    [("train", &examples.train), ("valid", &examples.valid), ("test", &examples.test)]
        .into_iter()
        .map(of_split)
        .collect()
}

fn parted<Row>(
    splits: Vec<Vec<Row>>,
    examples: &ExamplesConfig,
    key: impl Fn(&Row) -> String,
) -> Result<Splits<Row>, CorpusError> {
    let mut splits = splits.into_iter();
    let mut next = || splits.next().unwrap_or_default();
    let (mut train, mut valid, test) = (next(), next(), next());
    let keys: Vec<String> = train.iter().map(&key).collect();
    let groups: Vec<&str> = keys.iter().map(String::as_str).collect();
    let held: BTreeSet<usize> = match (examples.folds, examples.fold) {
        (Some(count), Some(fold)) => {
            let folds = folds(&groups, count, examples.split_seed)?;
            (0..groups.len()).filter(|at| folds[*at] == fold).collect()
        }
        _ if examples.valid.is_some() => BTreeSet::new(),
        _ => subset(&groups, examples.valid_share, examples.split_seed).into_iter().collect(),
    };
    let (held, kept): (Vec<_>, Vec<_>) = train.into_iter().enumerate().partition(|(at, _)| held.contains(at));
    valid.extend(held.into_iter().map(|(_, row)| row));
    train = kept.into_iter().map(|(_, row)| row).collect();
    if examples.share < 1.0 {
        let keys: Vec<String> = train.iter().map(&key).collect();
        let groups: Vec<&str> = keys.iter().map(String::as_str).collect();
        let chosen = subset(&groups, examples.share, examples.split_seed);
        train = train
            .into_iter()
            .enumerate()
            .filter(|(at, _)| chosen.binary_search(at).is_ok())
            .map(|(_, row)| row)
            .collect();
    }
    for (split, is_empty) in [("train", train.is_empty()), ("validate", valid.is_empty())] {
        if is_empty {
            return Err(labels_error(format!("no row is left to {split} on; name more files, or fewer groups as one")));
        }
    }
    Ok(Splits { train, valid, test })
}

impl TextColumns {
    /// The columns that a case names.
    pub fn of(examples: &ExamplesConfig) -> Self {
        let label = examples.label.clone();
        let target = match (examples.target, &examples.probabilities) {
            (TargetKind::Single, _) => TargetColumns::Single(label),
            (TargetKind::Multi, _) => TargetColumns::Many { column: label, separator: examples.separator.clone() },
            (TargetKind::Soft, Some(columns)) => TargetColumns::SoftColumns(columns.clone()),
            (TargetKind::Soft, None) => TargetColumns::SoftList(label),
        };
        Self {
            text: examples.text.clone(),
            second: examples.second.clone(),
            target: Some(target),
            group: examples.group.clone(),
            format: examples.format.and_then(table_format),
        }
    }
}

impl TagColumns {
    /// The fields that a case names. Without a format, files are tables by their ending.
    pub fn of(examples: &ExamplesConfig) -> Self {
        let format = match examples.format {
            Some(ExampleFormat::Conll) => TagFormat::Conll,
            format => TagFormat::Lists(format.and_then(table_format)),
        };
        let boxes = |boxes: &String| BoxColumns {
            boxes: boxes.clone(),
            width: examples.width.clone(),
            height: examples.height.clone(),
        };
        // The names of lists are no numbers of columns: the first and the last are what CoNLL files mean.
        let defaults = ExamplesConfig::default();
        let column = |name: &String, default: &String| {
            if format == TagFormat::Conll && name == default { String::new() } else { name.clone() }
        };
        Self {
            format,
            words: column(&examples.words, &defaults.words),
            tags: Some(column(&examples.tags, &defaults.tags)),
            boxes: examples.boxes.as_ref().map(boxes),
            group: examples.group.clone(),
        }
    }
}

fn table_format(format: ExampleFormat) -> Option<TextFormat> {
    match format {
        ExampleFormat::Tsv => Some(TextFormat::Tsv),
        ExampleFormat::Csv => Some(TextFormat::Csv),
        ExampleFormat::Jsonl => Some(TextFormat::Jsonl),
        ExampleFormat::Parquet => Some(TextFormat::Parquet),
        ExampleFormat::Conll => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::file;
    use super::*;

    fn examples(train: &str) -> ExamplesConfig {
        ExamplesConfig { train: Some(Paths::One(train.into())), ..ExamplesConfig::default() }
    }

    /// Forty rows of twenty groups; the texts of a group differ.
    fn rows() -> String {
        let row = |at: usize| format!("text {at}\t{}\tg{}\n", ["no", "yes"][at % 3 % 2], at % 20);
        format!("text\tlabel\tpage\n{}", (0..40).map(row).collect::<String>())
    }

    fn groups(rows: &[TextRow]) -> BTreeSet<String> {
        rows.iter().filter_map(|row| row.group.clone()).collect()
    }

    #[test]
    fn folds_cover_all_rows_once_and_part_no_group() {
        let (folder, _) = file("train.tsv", rows().as_bytes());
        let mut seen = BTreeSet::new();
        for fold in 0..4 {
            let mut config = examples("train.tsv");
            (config.folds, config.fold, config.group) = (Some(4), Some(fold), Some("page".into()));
            let (labels, splits) = load_texts(&config, folder.path()).unwrap();
            assert_eq!((labels.len(), splits.train.len(), splits.valid.len(), splits.test.len()), (2, 30, 10, 0));
            assert!(groups(&splits.train).is_disjoint(&groups(&splits.valid)));
            seen.extend(splits.valid.into_iter().map(|row| row.first));
        }
        assert_eq!(seen.len(), 40);
    }

    #[test]
    fn shares_are_held_out_and_trained_on() {
        let (folder, _) = file("train.tsv", rows().as_bytes());
        let mut config = examples("*.tsv");
        let whole = load_texts(&config, folder.path()).unwrap().1;
        assert_eq!((whole.train.len(), whole.valid.len()), (36, 4));
        config.share = 0.25;
        let part = load_texts(&config, folder.path()).unwrap().1;
        assert_eq!((part.train.len(), &part.valid), (9, &whole.valid));
        assert!(part.train.iter().all(|row| whole.train.contains(row)));
        (config.valid, config.test) = (config.train.clone(), config.train.clone());
        let named = load_texts(&config, folder.path()).unwrap().1;
        assert_eq!((named.train.len(), named.valid.len(), named.test.len()), (10, 40, 40));
    }

    #[test]
    fn equal_texts_without_a_group_stay_together() {
        let text = format!("text\tlabel\n{}", "same\tyes\nother\tno\n".repeat(20));
        let (folder, _) = file("train.tsv", text.as_bytes());
        let splits = load_texts(&examples("train.tsv"), folder.path()).unwrap().1;
        assert_eq!((splits.train.len(), splits.valid.len()), (20, 20));
        let (folder, _) = file("train.tsv", b"text\tlabel\nsame\tyes\nsame\tno\n");
        let error = load_texts(&examples("train.tsv"), folder.path()).unwrap_err().to_string();
        assert!(error.contains("no row is left to train on"), "{error}");
        assert!(matches!(load_texts(&examples("none.tsv"), folder.path()), Err(CorpusError::NoMatch { .. })));
    }

    #[test]
    fn conll_files_need_no_column_numbers() {
        let (folder, _) = file("train.conll", b"Peter NNP B-PER\n\nRome NNP B-LOC\n\nand CC O\n");
        let config = ExamplesConfig { format: Some(ExampleFormat::Conll), ..examples("train.conll") };
        let (tags, splits, stray) = load_tagged(&config, folder.path()).unwrap();
        assert_eq!((tags.tags().len(), splits.train.len() + splits.valid.len(), stray), (5, 3, 0));
    }
}
