//! Names of classes and tags, and their numbers.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::CorpusError;

/// Most labels named in a message.
const NAMED: usize = 12;

/// Where an example stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub path: Arc<PathBuf>,
    /// Its line in the file, or its number in parquet, from 1.
    pub row: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.row)
    }
}

impl Place {
    /// The error that this row cannot be used.
    pub(super) fn refuse(&self, why: impl ToString) -> CorpusError {
        CorpusError::Row { path: self.path.to_path_buf(), row: self.row, why: why.to_string() }
    }
}

/// Labels in their order: a label's place is its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelSet {
    names: Vec<String>,
    places: BTreeMap<String, usize>,
}

impl LabelSet {
    /// Labels in the order given.
    ///
    /// # Errors
    /// If one is empty or stands twice.
    pub fn new(names: Vec<String>) -> Result<Self, CorpusError> {
        let mut places = BTreeMap::new();
        for (place, name) in names.iter().enumerate() {
            if name.is_empty() {
                return Err(labels_error("one of them is empty; give it a name"));
            }
            if places.insert(name.clone(), place).is_some() {
                return Err(labels_error(format!("`{name}` stands twice; leave one out")));
            }
        }
        Ok(Self { names, places })
    }

    /// The labels found, each once and sorted, so that the order does not depend on that of the rows.
    pub(super) fn found(names: BTreeSet<&str>) -> Result<Self, CorpusError> {
        Self::new(names.into_iter().map(ToOwned::to_owned).collect())
    }

    /// Their names, by class.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many there are: C.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The class named `name`.
    pub fn class(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The class named `name`, which stands at `place`.
    pub(super) fn class_at(&self, name: &str, place: &Place) -> Result<usize, CorpusError> {
        self.class(name).ok_or_else(|| CorpusError::UnknownLabel {
            path: place.path.to_path_buf(),
            row: place.row,
            label: name.into(),
            known: self.listed(),
        })
    }

    fn listed(&self) -> String {
        let named = self.names.iter().take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let more = self.len().saturating_sub(NAMED);
        if more > 0 { format!("{named} and {more} more") } else { named }
    }
}

pub(super) fn labels_error(why: impl Into<String>) -> CorpusError {
    CorpusError::Labels { why: why.into() }
}

/// BIO tags of some entity types: `O`, then `B-` and `I-` of each type, so that `B-` has an odd number and its `I-` the
/// next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagSet {
    kinds: Vec<String>,
    tags: LabelSet,
}

/// The tag of words outside of entities.
pub(super) const OUTSIDE: &str = "O";

impl TagSet {
    /// The tags of entity types in the order given.
    ///
    /// # Errors
    /// If there is none, or one is empty or stands twice.
    pub fn new(kinds: Vec<String>) -> Result<Self, CorpusError> {
        if kinds.is_empty() {
            return Err(labels_error("there is no entity type; a tagged set needs tags such as B-PER"));
        }
        if kinds.iter().any(String::is_empty) {
            return Err(labels_error("an entity type is empty; write tags such as B-PER"));
        }
        let both = kinds.iter().flat_map(|kind| [format!("B-{kind}"), format!("I-{kind}")]);
        let tags = LabelSet::new(std::iter::once(OUTSIDE.to_string()).chain(both).collect())?;
        Ok(Self { kinds, tags })
    }

    /// Entity types.
    pub fn kinds(&self) -> &[String] {
        &self.kinds
    }

    /// All tags, by class.
    pub fn tags(&self) -> &LabelSet {
        &self.tags
    }

    /// The tag of a word that goes on with the entity of `tag`: `I-` of its type, or `O` after `O`.
    pub fn inside(&self, tag: usize) -> usize {
        tag + usize::from(tag % 2 == 1)
    }

    /// The type of a tag as it is written: none for `O`, an error for what is no BIO tag.
    pub(super) fn kind_of(tag: &str) -> Result<Option<&str>, String> {
        let kind = tag.strip_prefix("B-").or_else(|| tag.strip_prefix("I-")).filter(|kind| !kind.is_empty());
        match kind {
            Some(kind) => Ok(Some(kind)),
            None if tag == OUTSIDE => Ok(None),
            None => Err(format!("the tag `{tag}` is no BIO tag; write O, B-TYPE or I-TYPE")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_order_and_stand_once() {
        let set = LabelSet::new(vec!["b".into(), "a".into()]).unwrap();
        assert_eq!((set.class("a"), set.class("c"), set.len()), (Some(1), None, 2));
        let twice = LabelSet::new(vec!["a".into(), "a".into()]).unwrap_err().to_string();
        assert!(twice.contains("`a` stands twice"), "{twice}");
        assert!(LabelSet::new(vec![String::new()]).is_err());
    }

    #[test]
    fn unknown_labels_are_named_with_their_row_and_those_known() {
        let set = LabelSet::new((0..20).map(|at| format!("c{at}")).collect()).unwrap();
        let place = Place { path: Arc::new("dev.tsv".into()), row: 7 };
        let said = set.class_at("x", &place).unwrap_err().to_string();
        assert!(said.starts_with("dev.tsv:7: the label `x` is none of `c0`, `c1`"), "{said}");
        assert!(said.contains("`c11` and 8 more: correct it"), "{said}");
    }

    #[test]
    fn tags_alternate_and_inside_follows_begin() {
        let set = TagSet::new(vec!["a".into(), "b".into()]).unwrap();
        assert_eq!(set.tags().names(), ["O", "B-a", "I-a", "B-b", "I-b"]);
        assert_eq!([0, 1, 2, 3, 4].map(|tag| set.inside(tag)), [0, 2, 2, 4, 4]);
        assert!(TagSet::new(vec![]).is_err() && TagSet::new(vec![String::new()]).is_err());
        assert_eq!(TagSet::kind_of("B-x-y"), Ok(Some("x-y")));
        assert!(TagSet::kind_of("B-").is_err() && TagSet::kind_of("S-a").is_err() && TagSet::kind_of("").is_err());
    }
}
