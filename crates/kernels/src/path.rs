//! Who computes, and how the tokens of a batch lie for it.

use std::sync::Arc;

use burn::tensor::{Bool, Tensor};

use crate::Spans;

/// Who computes a forward pass and its gradients.
#[derive(Debug, Clone)]
pub enum Path {
    /// Own kernels. Rows stand one behind the other without padding: `[1, tokens, ..]` where shapes say `[B, T, ..]`.
    Own(Arc<Spans>),
    /// Burn's operations, one after the other: the reference, and the path of devices without kernels of our own.
    Composed {
        /// `[B, T]`, true = padding; none where no row is padded.
        mask_pad: Option<Tensor<2, Bool>>,
    },
}
