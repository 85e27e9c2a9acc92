//! One walk over the keys: scores, their running maximum and sum, and the weighted values.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{
    CHUNK, Sizes, UNITS,
    tile::{Walk, add_row, dot, is_real, load, own_vector, spot, store, zeros},
};
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
    let spot = spot(&walk, pieces);
    if spot.row_head >= walk.all_heads as usize {
        terminate!();
    }
    let stride = spot.columns * 3;
    let query = spot.row_head * tokens + spot.own;
    let mut keys = Shared::<[Vector<f32, N>]>::new_slice(tile * pieces);
    let mut values = Shared::<[Vector<f32, N>]>::new_slice(tile * pieces);
    let q = own_vector::<N>(qkv, spot.base_qkv + spot.own * stride, walk.scale, pieces);
    let mut sums = zeros::<N>(pieces);
    let mut scores = Array::<f32>::new(8usize); // CHUNK
    let mut top = walk.lowest;
    let mut sum = 0.0f32;
    let mut first = 0usize.runtime();
    while first < tokens {
        load::<N>(qkv, &mut keys, spot.base_qkv + spot.columns, stride, first, tokens, pieces, tile);
        load::<N>(qkv, &mut values, spot.base_qkv + spot.columns * 2, stride, first, tokens, pieces, tile);
        sync_cube();
        let mut chunk = 0usize.runtime();
        while chunk < tile && first + chunk < tokens {
            let mut largest = top;
            #[unroll]
            for at in 0..8usize {
                scores[at] = walk.lowest;
                if is_real(mask, spot.first, first + chunk + at, tokens, has_mask) {
                    scores[at] = dot::<N>(&q, &keys, chunk + at, pieces, vector);
                }
                largest = largest.max(scores[at]);
            }
            if largest > top {
                let shrink = (top - largest).exp();
                sum *= shrink;
                shrink_all::<N>(&mut sums, shrink, pieces);
                top = largest;
            }
            #[unroll]
            for at in 0..8usize {
                let weight = (scores[at] - top).exp();
                sum += weight;
                let kept = factor(query * tokens + first + chunk + at, &drop);
                add_row::<N>(&mut sums, &values, chunk + at, weight * kept, pieces);
            }
            chunk += 8usize;
        }
        sync_cube(); // the next tile writes over this one
        first += tile;
    }
    if spot.place < tokens {
        store::<N>(&sums, out, spot.base + spot.own * spot.columns, 1.0f32 / sum, pieces);
        log_sums[query] = top + sum.ln();
    }
}

/// What was summed up under a smaller maximum, under the larger one.
#[cube]
fn shrink_all<N: Size>(sums: &mut Array<Vector<f32, N>>, shrink: f32, #[comptime] pieces: usize) {
    #[unroll]
    for piece in 0..pieces {
        sums[piece] *= Vector::new(shrink);
    }
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
