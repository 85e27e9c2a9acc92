//! Three walks: over the keys for each query's gradient, over the queries for each key's and for each value's.
//!
//! With weights p, kept by factors f, and g the gradient of the result: `ds = p · (f · g·v − D)`, D the sum of g times the
//! result; `dq = Σ ds k`, `dk = Σ ds q`, `dv = Σ p f g`. The first two are one kernel, for query and key change places in it.
//! Keys and values walk apart: both at once would take four heads' elements of registers, more than there are for H = 64.

use burn::tensor::Shape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{Sizes, UNITS, Walk, dot, forward::is_real, load};
use crate::{
    gpu::{
        dropout::{Drop, factor, numbers},
        launch::{buffer, cubes_of_elements, empty, units},
    },
    ops::AttentionHow,
};

/// What a walk finds the gradient of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Queries,
    Keys,
    Values,
}

/// The sum of the result times its gradient, for each query of each head, `[B, N, T]`.
#[cube(launch)]
fn along_kernel<N: Size>(
    out: &[Vector<f32, N>],
    gradient: &[Vector<f32, N>],
    along: &mut [f32],
    walk: Walk,
    #[comptime] pieces: usize,
    #[comptime] vector: usize,
) {
    let at = ABSOLUTE_POS;
    if at >= along.len() {
        terminate!();
    }
    let heads = walk.heads as usize;
    let tokens = walk.tokens as usize;
    let head = at / tokens % heads;
    let first = ((at / tokens / heads * tokens + at % tokens) * heads + head) * pieces;
    let mut sums = Vector::<f32, N>::new(0.0f32);
    #[unroll]
    for piece in 0..pieces {
        sums += out[first + piece] * gradient[first + piece];
    }
    let mut sum = 0.0f32;
    #[unroll]
    for element in 0..vector {
        sum += sums.extract(element);
    }
    along[at] = sum;
}

/// A unit owns a token and walks over the others: `own` and `other` below.
#[cube(launch)]
#[allow(clippy::too_many_arguments, reason = "a kernel takes numbers one by one")]
fn walk_kernel<N: Size>(
    qkv: &[Vector<f32, N>],
    gradient: &[Vector<f32, N>],
    mask: &[f32],
    log_sums: &[f32],
    along: &[f32],
    found: &mut [Vector<f32, N>],
    walk: Walk,
    drop: Drop,
    #[comptime] pieces: usize,
    #[comptime] vector: usize,
    #[comptime] tile: usize,
    #[comptime] has_mask: bool,
    #[comptime] part: Part,
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
    let head = row_head % heads * pieces;
    let base = row * tokens * columns * 3 + head;
    let base_gradient = row * tokens * columns + head;
    let place = CUBE_POS % blocks * 64usize + UNIT_POS as usize;
    let own = place.min(tokens - 1);

    // What scores are products of, and what the gradients of weights are products of.
    let mut near = Array::<Vector<f32, N>>::new(pieces);
    let mut far = Array::<Vector<f32, N>>::new(pieces);
    let mut sums = Array::<Vector<f32, N>>::new(pieces);
    #[unroll]
    for piece in 0..pieces {
        let token = base + own * columns * 3 + piece;
        if comptime!(part == Part::Queries) {
            near[piece] = qkv[token] * Vector::new(walk.scale);
            far[piece] = gradient[base_gradient + own * columns + piece];
        } else {
            near[piece] = qkv[token + columns] * Vector::new(walk.scale);
            far[piece] = qkv[token + columns * 2];
        }
        sums[piece] = Vector::new(0.0f32);
    }
    let mut near_tile = Shared::<[Vector<f32, N>]>::new_slice(tile * pieces);
    let mut far_tile = Shared::<[Vector<f32, N>]>::new_slice(tile * pieces);
    let mut first = 0usize.runtime();
    while first < tokens {
        if comptime!(part == Part::Queries) {
            load::<N>(qkv, &mut near_tile, base + columns, columns * 3, first, tokens, pieces, tile);
            load::<N>(qkv, &mut far_tile, base + columns * 2, columns * 3, first, tokens, pieces, tile);
        } else {
            load::<N>(qkv, &mut near_tile, base, columns * 3, first, tokens, pieces, tile);
            load::<N>(gradient, &mut far_tile, base_gradient, columns, first, tokens, pieces, tile);
        }
        sync_cube();
        let until = tile.min(tokens - first);
        let mut at = 0usize.runtime();
        while at < until {
            let mut query = own;
            let mut key = first + at;
            if comptime!(part != Part::Queries) {
                query = first + at;
                key = own;
            }
            if is_real(mask, row * tokens, key, tokens, has_mask) {
                let score = dot::<N>(&near, &near_tile, at, pieces, vector);
                let weight = (score - log_sums[row_head * tokens + query]).exp();
                let kept = factor((row_head * tokens + query) * tokens + key, &drop);
                if comptime!(part == Part::Values) {
                    let kept = Vector::new(weight * kept);
                    #[unroll]
                    for piece in 0..pieces {
                        sums[piece] += kept * far_tile[at * pieces + piece];
                    }
                } else {
                    let of_weight = dot::<N>(&far, &far_tile, at, pieces, vector);
                    let of_score = weight * (kept * of_weight - along[row_head * tokens + query]);
                    #[unroll]
                    for piece in 0..pieces {
                        sums[piece] += Vector::new(of_score) * near_tile[at * pieces + piece];
                    }
                }
            }
            at += 1usize;
        }
        sync_cube(); // the next tile writes over this one
        first += tile;
    }
    if place < tokens {
        let to = base + own * columns * 3;
        #[unroll]
        for piece in 0..pieces {
            if comptime!(part == Part::Queries) {
                found[to + piece] = sums[piece] * Vector::new(walk.scale);
            } else if comptime!(part == Part::Keys) {
                found[to + columns + piece] = sums[piece] * Vector::new(walk.scale);
            } else {
                found[to + columns * 2 + piece] = sums[piece];
            }
        }
    }
}

/// Writes the gradient of `qkv` to `found`, `[B, T, 3D]`.
pub(super) fn launch(
    [qkv, mask, out, log_sums, gradient]: [&CubeTensor; 5],
    found: &CubeTensor,
    how: &AttentionHow,
    sizes: Sizes,
) {
    let client = &qkv.client;
    let queries = sizes.batch * sizes.heads * sizes.tokens;
    let along = empty(qkv, Shape::new([queries]));
    let count = cubes_of_elements(client, queries);
    let (out, of_out) = (buffer(out), buffer(gradient));
    along_kernel::launch(
        client,
        count,
        units(),
        sizes.vector,
        out,
        of_out,
        buffer(&along),
        sizes.walk(),
        sizes.pieces,
        sizes.vector,
    );
    for part in [Part::Queries, Part::Keys, Part::Values] {
        walk_kernel::launch(
            client,
            sizes.count(client),
            CubeDim::new_1d(UNITS as u32),
            sizes.vector,
            buffer(qkv),
            buffer(gradient),
            buffer(mask),
            buffer(log_sums),
            buffer(&along),
            buffer(found),
            sizes.walk(),
            numbers(how.drop),
            sizes.pieces,
            sizes.vector,
            sizes.tile,
            how.has_mask,
            part,
        );
    }
}
