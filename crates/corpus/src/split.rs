//! Which split a document belongs to: a function of its text alone.

use serde::{Deserialize, Serialize};

/// A part of the text that is used for one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// What weights are updated on.
    Train,
    /// What is evaluated during training.
    Valid,
    /// What is kept for the end.
    Test,
}

impl Split {
    /// The three, in the order in which they are written.
    pub const ALL: [Self; 3] = [Self::Train, Self::Valid, Self::Test];

    /// Its name in file names and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
        }
    }
}

/// What is decided by a document's text: its 256 hash bits, eight bytes for each purpose, so that no decision
/// depends on another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fate([u8; 32]);

impl Fate {
    /// Of a document: its lines, trimmed, parted by line feeds.
    pub(crate) fn of(text: &str) -> Self {
        Self(*blake3::hash(text.as_bytes()).as_bytes())
    }

    /// The split. Adding documents moves nobody; a larger `valid` only takes documents from training.
    pub(crate) fn split(&self, valid: f64, test: f64) -> Split {
        let place = self.fraction(0);
        if place < test {
            Split::Test
        } else if place < test + valid {
            Split::Valid
        } else {
            Split::Train
        }
    }

    /// Whether a corpus of which `fraction` is used uses this document.
    pub(crate) fn is_used(&self, fraction: f64) -> bool {
        self.fraction(1) < fraction
    }

    /// Whether a tokenizer trained on `share` of the text sees this document.
    pub(crate) fn is_sampled(&self, share: f64) -> bool {
        self.fraction(2) < share
    }

    /// What duplicates are found by. 64 bits: among 10^9 documents the chance that any two different ones agree,
    /// and one is lost, is 3 %.
    pub(crate) fn identity(&self) -> u64 {
        self.word(3)
    }

    fn word(&self, purpose: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[purpose * 8..purpose * 8 + 8]);
        u64::from_le_bytes(bytes)
    }

    /// In 0..1; the upper 53 bits, which a double holds exactly.
    fn fraction(&self, purpose: usize) -> f64 {
        (self.word(purpose) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shares_are_met() {
        let mut counts = [0; 3];
        for index in 0..20_000 {
            let fate = Fate::of(&format!("document {index}"));
            counts[fate.split(0.1, 0.05) as usize] += 1;
        }
        // Three deviations of a binomial of 20,000 are below 130.
        assert!((counts[1] as i64 - 2_000).abs() < 130, "{counts:?}");
        assert!((counts[2] as i64 - 1_000).abs() < 130, "{counts:?}");
    }

    #[test]
    fn extremes_hold() {
        let fate = Fate::of("a");
        assert!(fate.is_used(1.0) && !fate.is_used(0.0));
        assert_eq!(fate.split(0.0, 0.0), Split::Train);
        assert_eq!(fate.split(1.0, 0.0), Split::Valid);
        assert_eq!(fate.split(0.0, 1.0), Split::Test);
    }

    proptest! {
        #[test]
        fn a_larger_validation_share_only_takes_from_training(text in ".*", small in 0.0..0.4, more in 0.0..0.4) {
            let fate = Fate::of(&text);
            if fate.split(small, 0.1) != Split::Train {
                prop_assert_eq!(fate.split(small + more, 0.1), fate.split(small, 0.1));
            }
        }
    }
}
