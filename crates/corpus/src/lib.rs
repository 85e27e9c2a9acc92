//! Text to masked batch: reading, tokenizer, shards, rows, order, masks.
//!
//! Nothing here knows a tensor library: batches are plain integers, so all of it is tested without a device.

#![warn(clippy::panic)] // what a user gives is refused, not panicked about

mod error;

// From text to shards.
mod prepare;
mod read;
mod shard;
mod split;
mod tokenizer;

// Texts with classes, words with tags.
pub mod labelled;

// From shards to masked batches.
mod batch;
mod loader;
mod masking;
mod memory;
mod order;
mod packing;
mod random;
mod rows;
mod source;
mod window;

pub use error::CorpusError;
pub use prepare::{
    CorpusFacts, CountsFacts, FileFacts, LeakCount, Manifest, PREPARED_FORMAT, PrepareEvent, PrepareRequest, Prepared,
    ShardFacts, SplitFacts, Timing, TokenizerFacts, prepare, tokenize_file,
};
pub use read::Tally;
pub use source::{SpecialIds, TokenSource};
pub use split::Split;
pub use tokenizer::{Piece, TextTokenizer};

pub use batch::{Batch, BatchPlan, evaluation_batches};
pub use loader::Loader;
pub use masking::{MaskKind, MaskedRow, Masker, Scored};
pub use memory::MemorySource;
pub use order::Order;
pub use random::{Purpose, stream};
pub use rows::{CorpusRows, Row, RowCorpus, RowError, RowSet, RowSummary};
