//! Token vectors with their positions, and the table's gradient without atomics: the same bits every time.

use burn::{
    backend::ops::{FloatTensorOps, IntTensorOps},
    tensor::{DType, FloatDType, Shape, TensorData},
};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};
use cubecl::prelude::*;

use super::launch::{buffer, count, cubes, cubes_of_elements, empty, owned, rows, units, width};
use crate::words::WordOrder;

#[cube(launch)]
fn embed_kernel(
    ids: &[i32],
    table: &[f32],
    positions: &[f32],
    out: &mut [f32],
    tokens: u32,
    scale: f32,
    #[comptime] width: usize,
) {
    let at = ABSOLUTE_POS;
    if at < out.len() {
        let token = at / width;
        let place = token % tokens as usize;
        out[at] = table[ids[token] as usize * width + at % width] * scale + positions[place * width + at % width];
    }
}

/// `scale · table[id] + positions[place]`.
///
/// # Shapes
/// - `ids`: `[.., T]`; `table`: `[V, D]`; `positions`: `[at least T, D]`; returns `[.., T, D]`
pub(crate) fn embed(ids: CubeTensor, table: CubeTensor, positions: CubeTensor, scale: f32) -> CubeTensor {
    let (ids, table, positions) = (rows(ids), rows(table), rows(positions));
    let mut shape = ids.meta.shape().clone();
    let tokens = shape[shape.num_dims() - 1];
    shape.push(width(&table));
    let out = empty(&table, shape);
    embed_kernel::launch(
        &out.client,
        cubes_of_elements(&out.client, count(&out)),
        units(),
        buffer(&ids),
        buffer(&table),
        buffer(&positions),
        buffer(&out),
        tokens as u32,
        scale,
        width(&table),
    );
    out
}

/// A piece of a word's tokens a cube: the sum of their gradients.
#[cube(launch)]
fn piece_kernel(
    gradient: &[f32],
    tokens: &[i32],
    pieces: &[i32],
    sums: &mut [f32],
    count: u32,
    #[comptime] width: usize,
) {
    let piece = CUBE_POS;
    if piece >= count as usize {
        terminate!();
    }
    let first = pieces[piece * 2] as usize;
    let until = first + pieces[piece * 2 + 1] as usize;
    let mut column = UNIT_POS as usize;
    while column < width {
        let mut sum = 0.0f32;
        let mut at = first;
        while at < until {
            sum += gradient[tokens[at] as usize * width + column];
            at += 1usize;
        }
        sums[piece * width + column] = sum;
        column += CUBE_DIM as usize;
    }
}

/// A word a cube: its pieces' sums are added to its row of the table's gradient.
#[cube(launch)]
fn word_kernel(pieces: &[f32], words: &[i32], sums: &mut [f32], count: u32, scale: f32, #[comptime] width: usize) {
    let word = CUBE_POS;
    if word >= count as usize {
        terminate!();
    }
    let row = words[word * 3] as usize;
    let first = words[word * 3 + 1] as usize;
    let until = first + words[word * 3 + 2] as usize;
    let mut column = UNIT_POS as usize;
    while column < width {
        let mut sum = 0.0f32;
        let mut piece = first;
        while piece < until {
            sum += pieces[piece * width + column];
            piece += 1usize;
        }
        sums[row * width + column] += sum * scale;
        column += CUBE_DIM as usize;
    }
}

/// Adds the table's gradient to `sums`, `[V, D]`.
pub(crate) fn embed_backward(sums: CubeTensor, gradient: CubeTensor, order: &WordOrder, scale: f32) -> CubeTensor {
    let (width, sums, gradient) = (width(&sums), owned(sums), rows(gradient));
    let upload = |values: &[i32]| {
        let values = TensorData::new(values.to_vec(), [values.len()]);
        let tensor = CubeBackend::int_from_data(values, &gradient.device);
        debug_assert_eq!(tensor.dtype, DType::I32, "what kernels take");
        tensor
    };
    let [tokens, pieces, words] = [&order.tokens, &order.pieces, &order.words].map(|values| upload(values));
    let (piece_count, word_count) = (order.pieces.len() / 2, order.words.len() / 3);
    let of_pieces = empty(&gradient, Shape::new([piece_count, width]));
    let client = &gradient.client;
    piece_kernel::launch(
        client,
        cubes(client, piece_count),
        units(),
        buffer(&gradient),
        buffer(&tokens),
        buffer(&pieces),
        buffer(&of_pieces),
        piece_count as u32,
        width,
    );
    word_kernel::launch(
        client,
        cubes(client, word_count),
        units(),
        buffer(&of_pieces),
        buffer(&words),
        buffer(&sums),
        word_count as u32,
        scale,
        width,
    );
    sums
}

/// Gradient of the positions, `[P, D]`: the sum over rows, and zeros behind the longest.
pub(crate) fn positions_backward(gradient: CubeTensor, positions: usize) -> CubeTensor {
    let shape = gradient.meta.shape();
    let [tokens, width] = [shape[shape.num_dims() - 2], width(&gradient)];
    let batch = count(&gradient) / tokens / width;
    let laid = CubeBackend::float_reshape(gradient, Shape::new([batch, tokens, width]));
    let sums = CubeBackend::float_reshape(CubeBackend::float_sum_dim(laid, 0), Shape::new([tokens, width]));
    if positions == tokens {
        return sums;
    }
    let rest = Shape::new([positions - tokens, width]);
    let zeros = CubeBackend::float_zeros(rest, &sums.device, FloatDType::F32);
    CubeBackend::float_cat(vec![sums, zeros], 0)
}
