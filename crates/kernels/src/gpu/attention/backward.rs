//! Three walks: over the keys for each query's gradient, over the queries for each key's and for each value's.
//!
//! With weights p, kept by factors f, and g the gradient of the result: `ds = p · (f · g·v − D)`, D the sum of g times the
//! result; `dq = Σ ds k`, `dk = Σ ds q`, `dv = Σ p f g`. The first two are one kernel, for query and key change places in it.
//! Keys and values walk apart: both at once would take four heads' elements of registers, more than there are for H = 64.

use burn::tensor::Shape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{
    Sizes, UNITS,
    tile::{Spot, Walk, add_row, dot, is_real, load, own_vector, spot, store, zeros},
};
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

/// A unit owns a token and walks over the others. `near` vectors make the scores, `far` ones the gradients of weights.
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
    let spot = spot(&walk, pieces);
    if spot.row_head >= walk.all_heads as usize {
        terminate!();
    }
    let stride = spot.columns * 3;
    let queries = spot.row_head * tokens;
    let (near, far) = own_pair::<N>(qkv, gradient, &spot, walk.scale, pieces, part);
    let mut sums = zeros::<N>(pieces);
    let mut near_tile = Shared::<[Vector<f32, N>]>::new_slice(tile * pieces);
    let mut far_tile = Shared::<[Vector<f32, N>]>::new_slice(tile * pieces);
    let mut first = 0usize.runtime();
    while first < tokens {
        if comptime!(part == Part::Queries) {
            let keys = spot.base_qkv + spot.columns;
            load::<N>(qkv, &mut near_tile, keys, stride, first, tokens, pieces, tile);
            load::<N>(qkv, &mut far_tile, keys + spot.columns, stride, first, tokens, pieces, tile);
        } else {
            load::<N>(qkv, &mut near_tile, spot.base_qkv, stride, first, tokens, pieces, tile);
            load::<N>(gradient, &mut far_tile, spot.base, spot.columns, first, tokens, pieces, tile);
        }
        sync_cube();
        let until = tile.min(tokens - first);
        let mut at = 0usize.runtime();
        while at < until {
            let (query, key) = pair_of(spot.own, first + at, part);
            if is_real(mask, spot.first, key, tokens, has_mask) {
                let score = dot::<N>(&near, &near_tile, at, pieces, vector);
                let weight = (score - log_sums[queries + query]).exp();
                let kept = factor((queries + query) * tokens + key, &drop);
                if comptime!(part == Part::Values) {
                    add_row::<N>(&mut sums, &far_tile, at, weight * kept, pieces);
                } else {
                    let of_weight = kept * dot::<N>(&far, &far_tile, at, pieces, vector);
                    let of_score = weight * (of_weight - along[queries + query]);
                    add_row::<N>(&mut sums, &near_tile, at, of_score, pieces);
                }
            }
            at += 1usize;
        }
        sync_cube(); // the next tile writes over this one
        first += tile;
    }
    if spot.place < tokens {
        let to = spot.base_qkv + spot.own * stride;
        if comptime!(part == Part::Queries) {
            store::<N>(&sums, found, to, walk.scale, pieces);
        } else if comptime!(part == Part::Keys) {
            store::<N>(&sums, found, to + spot.columns, walk.scale, pieces);
        } else {
            store::<N>(&sums, found, to + spot.columns * 2, 1.0f32, pieces);
        }
    }
}

/// A unit's own vectors: of a query itself, scaled, and its result's gradient; of a key itself, scaled, and its value.
#[cube]
#[allow(clippy::type_complexity, reason = "two vectors are no type of their own")]
fn own_pair<N: Size>(
    qkv: &[Vector<f32, N>],
    gradient: &[Vector<f32, N>],
    spot: &Spot,
    scale: f32,
    #[comptime] pieces: usize,
    #[comptime] part: Part,
) -> (Array<Vector<f32, N>>, Array<Vector<f32, N>>) {
    let token = spot.base_qkv + spot.own * spot.columns * 3;
    if comptime!(part == Part::Queries) {
        let far = own_vector::<N>(gradient, spot.base + spot.own * spot.columns, 1.0f32, pieces);
        (own_vector::<N>(qkv, token, scale, pieces), far)
    } else {
        let far = own_vector::<N>(qkv, token + spot.columns * 2, 1.0f32, pieces);
        (own_vector::<N>(qkv, token + spot.columns, scale, pieces), far)
    }
}

/// Query and key of a unit's token and another.
#[cube]
fn pair_of(own: usize, other: usize, #[comptime] part: Part) -> (usize, usize) {
    if comptime!(part == Part::Queries) { (own, other) } else { (other, own) }
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
