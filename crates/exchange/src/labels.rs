//! What a head tells apart.

use std::collections::BTreeSet;

use encoder::HeadKind;
use serde::{Deserialize, Serialize};

use crate::ExchangeError;

/// What stands on an encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadOf {
    /// Words, for masked language modelling.
    Words,
    /// Classes or tags.
    Labels(Labels),
}

/// The labels of a head, in the order of its matrix's rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// What a label is given to.
    pub task: LabelTask,
    /// Each label's name.
    pub names: Vec<String>,
}

/// What a label is given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelTask {
    /// A text, which has one class; for heads that learned probabilities of classes too.
    Single,
    /// A text, which has any number of labels.
    Multi,
    /// Each token.
    Tags,
}

impl HeadOf {
    /// The encoder's name for it.
    pub fn kind(&self) -> HeadKind {
        match self {
            Self::Words => HeadKind::Words,
            Self::Labels(Labels { task: LabelTask::Tags, names }) => HeadKind::Tags(names.len()),
            Self::Labels(Labels { names, .. }) => HeadKind::Classes(names.len()),
        }
    }

    /// Its labels, where it has some.
    pub fn labels(&self) -> Option<&Labels> {
        match self {
            Self::Words => None,
            Self::Labels(labels) => Some(labels),
        }
    }

    /// What a label is given to; none for words.
    pub fn task(&self) -> Option<LabelTask> {
        self.labels().map(|labels| labels.task)
    }
}

impl Labels {
    /// Refuses names that do not tell `rows` labels apart.
    ///
    /// # Errors
    /// [`ExchangeError::Labels`].
    pub(crate) fn check(&self, rows: usize) -> Result<(), ExchangeError> {
        let why = if self.names.len() == rows { self.repeated() } else { Some(format!("{} names", self.names.len())) };
        match why {
            Some(why) => Err(ExchangeError::Labels { rows, why }),
            None => Ok(()),
        }
    }

    /// Which name two labels have.
    pub(crate) fn repeated(&self) -> Option<String> {
        let mut seen = BTreeSet::new();
        let twice = self.names.iter().find(|name| !seen.insert(name.as_str()));
        twice.map(|name| format!("two labels are called {name:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{LabelTask, Labels};

    #[test]
    fn names_must_tell_the_rows_apart() {
        let labels = |names: &[&str]| Labels {
            task: LabelTask::Single,
            names: names.iter().map(|name| (*name).to_string()).collect(),
        };
        labels(&["a", "b"]).check(2).unwrap();
        let error = labels(&["a", "b"]).check(3).unwrap_err().to_string();
        assert_eq!(error, "a head of 3 labels cannot have these: 2 names");
        let error = labels(&["a", "b", "a"]).check(3).unwrap_err().to_string();
        assert!(error.contains("two labels are called \"a\""), "{error}");
    }
}
