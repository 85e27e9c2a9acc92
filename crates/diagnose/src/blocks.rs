//! Blocks of named numbers below a headline: `***** eval metrics *****`, `***** Running training *****`.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use crate::collect::{Collector, Context};
use crate::log::{Place, Split};

/// A `***** ... *****` block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Block {
    /// `***** eval metrics *****`: figures.
    Figures(Side),
    /// `***** Running training *****`: sizes.
    Sizes(Side),
    /// A model card: `It achieves the following results on the evaluation set:`, then `- Loss: 0.39`.
    Card,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Side {
    Train,
    Valid,
    Test,
}

/// A block being read: its kind, its first line, its numbers so far.
pub(crate) type OpenBlock = (Block, u32, Vec<(String, f64)>);

/// A line of `***** Running training *****` and its like.
pub(crate) fn size(collector: &mut Collector, name: &str, text: &str, side: Side, place: Place) {
    let name = name.rsplit([':', ']']).next().unwrap_or(name).trim();
    let name = name.rsplit(" - ").next().unwrap_or(name).trim();
    match (side, name.to_ascii_lowercase().as_str()) {
        (Side::Train, "batch size") => collector.fact("train_batch_size", text, place, false),
        (Side::Train, name) if name.starts_with("total train batch size") => {
            collector.fact("total_train_batch_size", text, place, false);
        }
        (Side::Train, name) if name.starts_with("instantaneous batch size") => {
            collector.fact("per_device_train_batch_size", text, place, false);
        }
        (Side::Train, _) => collector.fact(name, text, place, false),
        (Side::Valid, "num examples") => collector.fact("eval_examples", text, place, true),
        (Side::Valid, "batch size") => collector.fact("eval_batch_size", text, place, true),
        _ => {}
    }
}

/// Final figures: of training they are facts, of held-out data a row.
pub(crate) fn figures(collector: &mut Collector, place: Place, side: Side, pairs: &[(String, f64)]) {
    match side {
        Side::Train => {
            for (name, number) in pairs {
                crate::dictionary::final_figure(collector, name, *number, place);
            }
            collector.end_of_run();
        }
        Side::Valid | Side::Test => {
            let split = if side == Side::Valid { Split::Valid } else { Split::Test };
            let context = Context { split: Some(split), ..Context::default() };
            for (name, number) in pairs {
                collector.fact(name, &number.to_string(), place, true);
            }
            collector.row(place, &context, pairs.iter().map(|(name, number)| (name.as_str(), *number)));
        }
    }
}

pub(crate) fn block_of(line: &str) -> Option<Block> {
    let (_, rest) = line.split_once("****")?;
    let words = rest.trim_matches(['*', ' ']).to_ascii_lowercase();
    let side = |words: &str| match words {
        _ if words.contains("eval") || words.contains("valid") || words.contains("dev") => Side::Valid,
        _ if words.contains("test") || words.contains("predict") => Side::Test,
        _ => Side::Train,
    };
    if words.starts_with("running") {
        return Some(Block::Sizes(side(&words)));
    }
    (words.ends_with("metrics") || words.contains("results")).then(|| Block::Figures(side(&words)))
}
