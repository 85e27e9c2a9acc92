//! Labelled sets: texts with classes, words with tags, pages with boxes; how they are split, aligned with tokens, cut into
//! windows and put into batches.
//!
//! Unlike running text, of which a share may be unreadable, a labelled set is used as it is or refused: an error names the
//! file, the row and the column.

mod align;
mod batches;
mod boxes;
mod conll;
mod folds;
mod inputs;
mod labels;
mod pages;
mod repeats;
mod splits;
mod tagged;
mod texts;
mod weights;
mod windows;

pub use align::Alignment;
pub use batches::{LabelledBatch, LabelledPlan, evaluation_order};
pub use boxes::{BOX_SCALE, PageBox};
/// As a case file writes them.
pub use case::{Labelling, Vote, WordJoin};
pub use folds::{folds, subset};
pub use inputs::{ModelInput, tag_window, text_input};
pub use labels::{LabelSet, Place, TagSet};
pub use pages::page_batch;
pub use repeats::{NEAR, Repeat, Repeats, repeats};
pub use splits::{Splits, load_pages, load_tagged, load_texts};
pub use tagged::{BoxColumns, TagColumns, TagFormat, TaggedRow, TaggedSet, WrittenRow, read_tagged, tagged_set};
pub use texts::{
    Target, TargetColumns, TextColumns, TextRow, TextSet, WrittenTarget, WrittenText, read_texts, text_set,
};
pub use weights::{balanced_weights, positive_weights, tag_counts, target_shares};
pub use windows::{voted, windows};

#[cfg(test)]
mod testing;
