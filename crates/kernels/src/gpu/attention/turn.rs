//! Rotary positions: queries and keys turned where they lie.

use burn::{backend::ops::FloatTensorOps, tensor::TensorData};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};
use cubecl::prelude::*;

use super::Sizes;
use crate::{
    RotaryTable,
    gpu::launch::{buffer, cubes_of_elements, units},
};

/// A pair of elements a unit: `[B, T, queries and keys, N, H / 2]`.
#[cube(launch)]
#[allow(clippy::too_many_arguments, reason = "a kernel takes numbers one by one")]
fn turn_kernel(
    qkv: &mut [f32],
    cos: &[f32],
    sin: &[f32],
    tokens: u32,
    heads: u32,
    pairs: u32,
    sense: f32,
    #[comptime] half: usize,
) {
    let at = ABSOLUTE_POS;
    if at >= pairs as usize {
        terminate!();
    }
    let heads = heads as usize;
    let pair = at % half;
    let head = at / half % (heads * 2); // queries' heads, then keys'
    let token = at / half / (heads * 2);
    let angle = token % tokens as usize * half + pair;
    let first = (token * heads * 3 + head) * half * 2 + pair;
    let (a, b) = (qkv[first], qkv[first + half]);
    let (cos, sin) = (cos[angle], sin[angle] * sense);
    qkv[first] = a * cos - b * sin;
    qkv[first + half] = b * cos + a * sin;
}

/// Turns queries and keys of `[B, T, 3D]` in place by their places in the row; `sense` −1 is the opposite turn, the
/// gradient's.
pub(super) fn turn(qkv: &CubeTensor, table: &RotaryTable, sense: f32, sizes: Sizes) {
    let half = sizes.pieces * sizes.vector / 2;
    let upload = |values: &[f32]| {
        let values = values[..sizes.tokens * half].to_vec();
        CubeBackend::float_from_data(TensorData::new(values, [sizes.tokens, half]), &qkv.device)
    };
    let [cos, sin] = table.halves().map(upload);
    let pairs = sizes.batch * sizes.tokens * sizes.heads * 2 * half;
    turn_kernel::launch(
        &qkv.client,
        cubes_of_elements(&qkv.client, pairs),
        units(),
        buffer(qkv),
        buffer(&cos),
        buffer(&sin),
        sizes.tokens as u32,
        sizes.heads as u32,
        pairs as u32,
        sense,
        half,
    );
}
