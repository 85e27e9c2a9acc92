//! The one error of this crate.

/// Why text did not become batches.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {}
