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
    /// How own kernels attend.
    pub attend: Attend,
    /// The batch's ids on the host, `[B · T]`: own kernels sort the embedding's gradient by them. Without them the
    /// framework's operation sums it up, in an order of its own.
    pub ids: Option<Arc<Vec<i32>>>,
}

/// How own kernels attend on a GPU. The results agree up to rounding; time and memory differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attend {
    /// One of the two below, by the shape and the precision.
    #[default]
    ByShape,
    /// Two batched matrix products with a kernel from scores to weights between them: `[B, N, T, T]` is in memory.
    Products,
    /// One kernel each way, in f32, that keeps no scores: heads of up to 256 elements, wider ones go by products.
    Blocks,
}

/// The largest tensor of scores that products are given. A layer keeps two of them for its backward, and many drivers
/// lend a kernel no more than 2 GiB at once.
const SCORE_BYTES: usize = 1 << 30;

/// Elements of the widest head whose blocks fit the shared memory that every device has.
const WIDEST_HEAD: usize = 256;

/// Elements of the widest head that a unit holds in registers three times: a backward walk needs no more. Wider ones
/// spill into memory, and are as right as slow.
const FAST_HEAD: usize = 64;

impl Attend {
    /// Whether attention goes by blocks for `[B, N, T, H]`.
    ///
    /// Nobody has measured this on a card; it is a count. Per token, head and layer, both ways together, products multiply
    /// and add 6·T·H times and move some 22·T numbers of the T × T tensors; blocks do it 10·T·H times, for they make scores
    /// anew in each of three backward walks, and move next to nothing. In f32 matrix units are out of reach (WGSL and
    /// Vulkan have none for it), so both run at the rate of plain arithmetic, and at H = 64 products save 256·T
    /// multiplications and pay 88·T bytes: they win on a card with fewer than three multiplications per byte. By its data
    /// sheet an H200 has seven, an RTX 4070 some thirty. The kernel reaches a part of that rate only: at two fifths of it
    /// the H200 stands at the balance, every other card beyond it. Hence blocks. In 16 bits products run on matrix units,
    /// eight times the plain rate and more, half the bytes move, and the balance turns: products, as long as the scores
    /// fit. Both grow with T², so the length of rows decides over memory only.
    pub(crate) fn by_blocks(self, [batch, heads, tokens, head]: [usize; 4], precision: Precision) -> bool {
        if head > WIDEST_HEAD {
            return false;
        }
        let bytes = if precision == Precision::Fp32 { 4 } else { 2 };
        match self {
            Self::Products => false,
            Self::Blocks => true,
            Self::ByShape if bytes * batch * heads * tokens * tokens > SCORE_BYTES => true,
            Self::ByShape => precision == Precision::Fp32 && head <= FAST_HEAD,
        }
    }
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
