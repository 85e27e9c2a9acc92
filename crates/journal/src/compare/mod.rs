//! Comparing runs: what differs, what that makes of their figures, and what so many seeds allow one to say.
//!
//! [`compare`] takes variants ([`grouped`] makes them of runs) and gives a [`Comparison`], which is JSON, text for a
//! terminal, or Markdown. What makes figures incomparable is named before any figure.

mod axis;
mod caveats;
mod changes;
mod claims;
mod comparison;
mod folds;
#[cfg(test)]
mod labelled_tests;
mod metric;
mod overfitting;
mod page;
mod reading;
mod remarks;
mod runs;
#[cfg(test)]
mod synthetic;
mod terminal;
mod unlike;
mod weak;
mod words;

pub use axis::Axis;
pub use caveats::{Caveat, CaveatKind};
pub use changes::{Change, WORDS, WholeDifference, whole_difference};
pub use claims::claim_verdicts;
pub use comparison::{COMPARISON_FORMAT, Comparison, Difference, MetricResult, Options, VariantResult, compare};
pub(crate) use folds::of_case;
pub use folds::{AcrossFolds, FoldValue, LearningCurve, SharePoint};
pub use metric::{Metric, OneNumber, one_number};
pub use reading::{Reading, Take};
pub use remarks::case_caveats;
pub use runs::{Group, Run, find_runs, grouped};
