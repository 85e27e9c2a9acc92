//! What the walks share: where a unit stands, its own vectors, and the tiles of the others'.

use cubecl::prelude::*;

/// What every unit must know of the rows; comptime numbers would make a kernel for every length.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Walk {
    pub(super) tokens: u32,
    pub(super) heads: u32,
    /// Heads of all rows.
    pub(super) all_heads: u32,
    /// What scores are multiplied by.
    pub(super) scale: f32,
    pub(super) lowest: f32,
}

/// Where a unit stands.
#[derive(CubeType)]
pub(super) struct Spot {
    /// Head of all heads of all rows; past the last where a cube has no work.
    pub(super) row_head: usize,
    /// First token of the row.
    pub(super) first: usize,
    /// The unit's token in the row; units behind the last carry tiles like the others and write nothing.
    pub(super) place: usize,
    /// The same, but the last token for those.
    pub(super) own: usize,
    /// Pieces of a token in `[B, T, D]`.
    pub(super) columns: usize,
    /// The head's first piece in `[B, T, D]` and in `[B, T, 3D]`, at the row's first token.
    pub(super) base: usize,
    pub(super) base_qkv: usize,
}

#[cube]
pub(super) fn spot(walk: &Walk, #[comptime] pieces: usize) -> Spot {
    let tokens = walk.tokens as usize;
    let heads = walk.heads as usize;
    let blocks = tokens.div_ceil(64usize); // UNITS
    let row_head = CUBE_POS / blocks;
    let place = CUBE_POS % blocks * 64usize + UNIT_POS as usize;
    let first = row_head / heads * tokens;
    let columns = heads * pieces;
    let head = row_head % heads * pieces;
    Spot {
        row_head,
        first,
        place,
        own: place.min(tokens - 1),
        columns,
        base: first * columns + head,
        base_qkv: first * columns * 3 + head,
    }
}

/// A unit's own vector times a number.
#[cube]
pub(super) fn own_vector<N: Size>(
    from: &[Vector<f32, N>],
    first: usize,
    scale: f32,
    #[comptime] pieces: usize,
) -> Array<Vector<f32, N>> {
    let mut own = Array::<Vector<f32, N>>::new(pieces);
    #[unroll]
    for piece in 0..pieces {
        own[piece] = from[first + piece] * Vector::new(scale);
    }
    own
}

/// A vector of zeros.
#[cube]
pub(super) fn zeros<N: Size>(#[comptime] pieces: usize) -> Array<Vector<f32, N>> {
    let mut sums = Array::<Vector<f32, N>>::new(pieces);
    #[unroll]
    for piece in 0..pieces {
        sums[piece] = Vector::new(0.0f32);
    }
    sums
}

/// Copies a tile's rows into shared memory; zeros behind the last token.
#[cube]
#[allow(clippy::too_many_arguments, reason = "a kernel takes numbers one by one")]
pub(super) fn load<N: Size>(
    from: &[Vector<f32, N>],
    tile: &mut Shared<[Vector<f32, N>]>,
    base: usize,
    stride: usize,
    first: usize,
    tokens: usize,
    #[comptime] pieces: usize,
    #[comptime] rows: usize,
) {
    let mut at = UNIT_POS as usize;
    while at < rows * pieces {
        let token = first + at / pieces;
        let mut piece = Vector::<f32, N>::new(0.0f32);
        if token < tokens {
            piece = from[base + token * stride + at % pieces];
        }
        tile[at] = piece;
        at += CUBE_DIM as usize;
    }
}

/// The product of a unit's own vector with a row of a tile.
#[cube]
pub(super) fn dot<N: Size>(
    own: &Array<Vector<f32, N>>,
    tile: &Shared<[Vector<f32, N>]>,
    row: usize,
    #[comptime] pieces: usize,
    #[comptime] vector: usize,
) -> f32 {
    let mut sums = Vector::<f32, N>::new(0.0f32);
    #[unroll]
    for piece in 0..pieces {
        sums += own[piece] * tile[row * pieces + piece];
    }
    let mut sum = 0.0f32;
    #[unroll]
    for element in 0..vector {
        sum += sums.extract(element);
    }
    sum
}

/// Adds a row of a tile, times a number, to a unit's sums.
#[cube]
pub(super) fn add_row<N: Size>(
    sums: &mut Array<Vector<f32, N>>,
    tile: &Shared<[Vector<f32, N>]>,
    row: usize,
    factor: f32,
    #[comptime] pieces: usize,
) {
    let factor = Vector::new(factor);
    #[unroll]
    for piece in 0..pieces {
        sums[piece] += factor * tile[row * pieces + piece];
    }
}

/// Writes a unit's sums times a number.
#[cube]
pub(super) fn store<N: Size>(
    sums: &Array<Vector<f32, N>>,
    to: &mut [Vector<f32, N>],
    first: usize,
    scale: f32,
    #[comptime] pieces: usize,
) {
    #[unroll]
    for piece in 0..pieces {
        to[first + piece] = sums[piece] * Vector::new(scale);
    }
}

/// Whether there is such a key and it is no padding.
#[cube]
#[allow(clippy::collapsible_if, reason = "the outer one is decided when the kernel is made")]
pub(super) fn is_real(mask: &[f32], first: usize, key: usize, tokens: usize, #[comptime] has_mask: bool) -> bool {
    let mut is_real = key < tokens;
    if has_mask {
        if is_real {
            is_real = mask[first + key] == 0.0f32;
        }
    }
    is_real
}
