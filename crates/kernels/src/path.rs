//! Who computes, in what numbers, and how the tokens of a batch lie for it.

use std::sync::Arc;

use burn::tensor::{Bool, Tensor};
use case::{Kernels, Precision};

use crate::Spans;

/// Who computes a forward pass and its gradients.
#[derive(Debug, Clone)]
pub enum Path {
    /// Own kernels. Rows stand one behind the other without padding: `[1, tokens, ..]` where shapes say `[B, T, ..]`.
    Own(Arc<Spans>),
    /// Burn's operations, one after the other, in fp32: the reference.
    Composed {
        /// `[B, T]`, true = padding; none where no row is padded.
        mask_pad: Option<Tensor<2, Bool>>,
    },
    /// Burn's matrix products in an asked precision, with or without own kernels between them: the path of GPUs.
    Mixed(Mixed),
}

/// What [`Path::Mixed`] asks for.
#[derive(Debug, Clone)]
pub struct Mixed {
    /// `[B, T]`, true = padding; none where no row is padded.
    pub mask_pad: Option<Tensor<2, Bool>>,
    /// Number format of the products' factors and results; all else is fp32.
    pub precision: Precision,
    /// What stands between the products: own kernels, or Burn's operations.
    pub kernels: Kernels,
}

impl Path {
    /// Number format of matrix products.
    pub(crate) fn precision(&self) -> Precision {
        match self {
            Self::Own(_) | Self::Composed { .. } => Precision::Fp32,
            Self::Mixed(mixed) => mixed.precision,
        }
    }

    /// Padding, where rows have some.
    pub(crate) fn mask_pad(&self) -> Option<Tensor<2, Bool>> {
        match self {
            Self::Own(_) => None,
            Self::Composed { mask_pad } | Self::Mixed(Mixed { mask_pad, .. }) => mask_pad.clone(),
        }
    }

    /// Whether own kernels compute what stands between matrix products.
    pub(crate) fn has_kernels(&self) -> bool {
        match self {
            Self::Own(_) => true,
            Self::Composed { .. } => false,
            Self::Mixed(mixed) => mixed.kernels == Kernels::Own,
        }
    }

    /// Tokens of the longest row of a batch of `width` columns.
    pub fn longest(&self, width: usize) -> usize {
        match self {
            Self::Own(spans) => spans.longest(),
            Self::Composed { .. } | Self::Mixed(_) => width,
        }
    }
}
