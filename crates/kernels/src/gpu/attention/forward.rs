//! One walk over the keys: scores, their running maximum and sum, and the weighted values.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{CHUNK, Sizes, UNITS, Walk, dot, load};
use crate::{
    gpu::{
        dropout::{Drop, factor, numbers},
        launch::buffer,
    },
    ops::AttentionHow,
};

#[cube(launch)]
#[allow(clippy::too_many_arguments, reason = "a kernel takes numbers one by one")]
fn attend_kernel<N: Size>(
    qkv: &[Vector<f32, N>],
    mask: &[f32],
    out: &mut [Vector<f32, N>],
    log_sums: &mut [f32],
    walk: Walk,
    drop: Drop,
    #[comptime] pieces: usize,
    #[comptime] vector: usize,
    #[comptime] tile: usize,
    #[comptime] has_mask: bool,
) {
    let tokens = walk.tokens as usize;
    let heads = walk.heads as usize;
    let blocks = tokens.div_ceil(64usize); // UNITS
    let row_head = CUBE_POS / blocks;
    if row_head >= walk.all_heads as usize {
        terminate!();
    }
    let row = row_head / heads;
    let columns = heads * pieces;
    let base = row * tokens * columns * 3 + row_head % heads * pieces;
    let place = CUBE_POS % blocks * 64usize + UNIT_POS as usize;
    // Units behind the last token carry tiles like the others and write nothing.
    let query = place.min(tokens - 1);

    let mut keys = Shared::<[Vector<f32, N>]>::new_slice(tile * pieces);
    let mut values = Shared::<[Vector<f32, N>]>::new_slice(tile * pieces);
    let mut q = Array::<Vector<f32, N>>::new(pieces);
    let mut sums = Array::<Vector<f32, N>>::new(pieces);
    #[unroll]
    for piece in 0..pieces {
        q[piece] = qkv[base + query * columns * 3 + piece] * Vector::new(walk.scale);
        sums[piece] = Vector::new(0.0f32);
    }
    let mut top = walk.lowest;
    let mut sum = 0.0f32;
    let mut first = 0usize.runtime();
    while first < tokens {
        load::<N>(qkv, &mut keys, base + columns, columns * 3, first, tokens, pieces, tile);
        load::<N>(qkv, &mut values, base + columns * 2, columns * 3, first, tokens, pieces, tile);
        sync_cube();
        let mut chunk = 0usize.runtime();
        while chunk < tile && first + chunk < tokens {
            let mut scores = Array::<f32>::new(8usize); // CHUNK
            let mut largest = top;
            #[unroll]
            for at in 0..8usize {
                let key = first + chunk + at;
                let mut score = walk.lowest;
                if is_real(mask, row * tokens, key, tokens, has_mask) {
                    score = dot::<N>(&q, &keys, chunk + at, pieces, vector);
                }
                scores[at] = score;
                largest = largest.max(score);
            }
            if largest > top {
                let shrink = (top - largest).exp();
                sum *= shrink;
                #[unroll]
                for piece in 0..pieces {
                    sums[piece] *= Vector::new(shrink);
                }
                top = largest;
            }
            #[unroll]
            for at in 0..8usize {
                let weight = (scores[at] - top).exp();
                sum += weight;
                let key = first + chunk + at;
                let kept = Vector::new(weight * factor((row_head * tokens + query) * tokens + key, &drop));
                #[unroll]
                for piece in 0..pieces {
                    sums[piece] += kept * values[(chunk + at) * pieces + piece];
                }
            }
            chunk += 8usize;
        }
        sync_cube(); // the next tile writes over this one
        first += tile;
    }
    if place < tokens {
        let to = (row * tokens + query) * columns + row_head % heads * pieces;
        #[unroll]
        for piece in 0..pieces {
            out[to + piece] = sums[piece] / Vector::new(sum);
        }
        log_sums[row_head * tokens + query] = top + sum.ln();
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

pub(super) fn launch(
    qkv: &CubeTensor,
    mask: &CubeTensor,
    [out, log_sums]: [&CubeTensor; 2],
    how: &AttentionHow,
    sizes: Sizes,
) {
    attend_kernel::launch(
        &qkv.client,
        sizes.count(&qkv.client),
        CubeDim::new_1d(UNITS as u32),
        sizes.vector,
        buffer(qkv),
        buffer(mask),
        buffer(out),
        buffer(log_sums),
        sizes.walk(),
        numbers(how.drop),
        sizes.pieces,
        sizes.vector,
        sizes.tile,
        how.has_mask,
    );
    const { assert!(CHUNK == 8 && UNITS == 64, "written out in the kernels") };
}
