//! The model: embeddings, attention, layers, heads, and the published names of its weights.
//!
//! The encoder takes tensors, not batches, so it is tested without data. Shape legend: B sequences, T tokens per sequence,
//! K scored positions, D hidden size, N heads, H = D / N, F intermediate size, V vocabulary.

mod embeddings;
mod head;
mod init;
mod layer;
mod model;
mod names;
mod page;
mod parts;
mod weights;

pub use embeddings::{Embeddings, Tokens, sinusoids};
pub use head::{Head, HeadKind, Transform};
pub use layer::{Layer, LayerPass};
pub use model::{Encoder, Model, Scored};
pub use names::{from_peer, peer_name};
pub use page::{PAGE_POSITIONS, PageTables};
pub use parts::{LayerNorm, Linear};
pub use weights::{Flat, WeightError, flat_gradients, flat_weights, map_weights, with_weights};
