//! Attention without the tensor of scores: no `[B, N, T, T]` is ever in memory, forward or backward.
//!
//! A unit owns one query (backward: one query or one key) with all of its head's elements in registers and walks over the
//! row's other tokens, a tile of them at a time in shared memory. All units of a cube read the same element of a tile at the
//! same time, so one read of four numbers serves four multiplications of every unit, and a row's softmax needs no word
//! between units. What is kept for the backward is the logarithm of each row's sum; weights are made again from it.
//!
//! # Source
//! Dao 2023, FlashAttention-2, algorithms 1 and 2. Its blocks of queries stay together in a cube's registers here, not in
//! shared memory, there are no matrix units, and its backward is three walks instead of one with atomic sums.

mod backward;
mod forward;
mod tile;
mod turn;

use burn::tensor::Shape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{cubes, empty, empty_like, owned, rows, width};
use crate::ops::AttentionHow;
use tile::WalkLaunch;

/// Units of a cube: queries that share a tile. More share more reads, fewer leave more cubes for a small batch.
pub(super) const UNITS: usize = 64;

/// Tokens between two looks at the running maximum; what a tile holds is a multiple of it.
pub(super) const CHUNK: usize = 8;

/// Elements of one tile's keys; the values' are as many, and both fill the 16 KB of shared memory that every WebGPU device
/// has.
const TILE: usize = 2048;

/// Below every score: WGSL has no literal of infinity.
pub(super) const LOWEST: f32 = f32::MIN;

/// The sizes behind a launch.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    batch: usize,
    tokens: usize,
    heads: usize,
    /// Elements that are read at once, and how many such reads make a head.
    vector: usize,
    pieces: usize,
    /// Tokens of a tile.
    tile: usize,
}

impl Sizes {
    fn new(qkv: &CubeTensor, heads: usize) -> Self {
        let shape = qkv.meta.shape();
        let head = width(qkv) / 3 / heads;
        let vector = [4, 2, 1].into_iter().find(|size| head.is_multiple_of(*size)).unwrap_or(1);
        let tile = (TILE / head / CHUNK * CHUNK).clamp(CHUNK, UNITS);
        Self { batch: shape[0], tokens: shape[1], heads, vector, pieces: head / vector, tile }
    }

    fn scale(&self) -> f32 {
        ((self.vector * self.pieces) as f32).powf(-0.5)
    }

    /// Blocks of [`UNITS`] tokens of every head of every row.
    fn cubes(&self) -> usize {
        self.batch * self.heads * self.tokens.div_ceil(UNITS)
    }

    fn count(&self, client: &cubecl::client::Client) -> CubeCount {
        cubes(client, self.cubes())
    }

    fn walk(&self) -> WalkLaunch {
        let Self { batch, tokens, heads, .. } = *self;
        WalkLaunch::new(tokens as u32, heads as u32, (batch * heads) as u32, self.scale(), LOWEST)
    }
}

/// Attention's result and the logarithms of the softmax's sums.
///
/// # Shapes
/// - `qkv`: `[B, T, 3D]`; `mask`: `[B, T]`, not 0 = padding; returns `([B, T, D], [B · N · T])`
pub(crate) fn attend(qkv: CubeTensor, mask: CubeTensor, how: &AttentionHow) -> (CubeTensor, CubeTensor) {
    let sizes = Sizes::new(&qkv, how.heads);
    let qkv = turned(qkv, how, sizes);
    let Sizes { batch, tokens, heads, .. } = sizes;
    let out = empty(&qkv, Shape::new([batch, tokens, width(&qkv) / 3]));
    let log_sums = empty(&qkv, Shape::new([batch * heads * tokens]));
    forward::launch(&qkv, &rows(mask), [&out, &log_sums], how, sizes);
    (out, log_sums)
}

/// Gradient of `qkv`, `[B, T, 3D]`.
pub(crate) fn attend_backward([qkv, mask, out, log_sums, gradient]: [CubeTensor; 5], how: &AttentionHow) -> CubeTensor {
    let sizes = Sizes::new(&qkv, how.heads);
    let qkv = turned(qkv, how, sizes);
    let [mask, out, log_sums, gradient] = [mask, out, log_sums, gradient].map(rows);
    let found = empty_like(&qkv);
    backward::launch([&qkv, &mask, &out, &log_sums, &gradient], &found, how, sizes);
    if let Some(rotary) = &how.rotary {
        turn::turn(&found, rotary, -1.0, sizes);
    }
    found
}

/// Queries and keys turned by their places, where there are rotary positions.
fn turned(qkv: CubeTensor, how: &AttentionHow, sizes: Sizes) -> CubeTensor {
    let Some(rotary) = &how.rotary else { return rows(qkv) };
    let qkv = owned(qkv);
    turn::turn(&qkv, rotary, 1.0, sizes);
    qkv
}
