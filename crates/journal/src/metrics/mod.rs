//! How well texts were classified and tagged: pure functions on plain numbers, counted as scikit-learn and seqeval
//! count, each figure with its standard error and with what could be had without looking.
//!
//! Where a share has nothing below its line (no example of a class, none predicted) it is 0, as in both libraries.

mod calibration;
mod classification;
mod confusion;
mod entities;
#[cfg(test)]
mod fixture_cases;
#[cfg(test)]
mod fixture_tests;
mod multi_label;
#[cfg(test)]
mod name_tests;
mod names;
mod probability;
mod resample;
mod scores;
mod table;
mod tagging;
mod tally;

pub use calibration::{BINS, calibration_error};
pub use classification::{Targets, classification_scores};
pub use confusion::Confusion;
pub use entities::{Entity, EntityMode, entities, entity_tallies};
pub use multi_label::{MultiLabel, multi_label_scores};
pub use names::{FIGURES, is_lower_better};
pub use probability::{cross_entropy, kl_divergence, likeliest, log_sigmoid, log_softmax, soft_cross_entropy};
pub use resample::{RESAMPLES, resampled_errors};
pub use scores::{ClassScore, Figure, Prior, Scores};
pub(crate) use table::{known, with_error};
pub use tagging::{TagLoss, Tagged, tag_scores};
pub use tally::{Shares, Tally, macro_average, micro_average, weighted_average};
