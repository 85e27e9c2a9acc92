//! Dropout on the device: the hash of `crate::dropout`, bit for bit.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{buffer, count, cubes_of_elements, empty_like, units};
use crate::dropout::Dropper;

/// What a kernel drops by.
#[derive(CubeType, CubeLaunch)]
pub(crate) struct Drop {
    key0: u32,
    key1: u32,
    threshold: u32,
    scale: f32,
}

/// The numbers of a place's dropout; where there is none, a threshold of 0 and a scale of 1.
pub(crate) fn numbers(drop: Option<Dropper>) -> DropLaunch {
    match drop {
        Some(Dropper { keys: [key0, key1], threshold, scale }) => DropLaunch::new(key0, key1, threshold as u32, scale),
        None => DropLaunch::new(0, 0, 0, 1.0),
    }
}

/// A round of MurmurHash3's 32-bit finalizer.
#[cube]
fn round(x: u32) -> u32 {
    let a = (x ^ (x >> 16u32)) * 2_246_822_507u32; // MULTIPLIER_A
    let b = (a ^ (a >> 13u32)) * 3_266_489_909u32; // MULTIPLIER_B
    b ^ (b >> 16u32)
}

/// What the element at this index is multiplied by: 0 or the scale.
#[cube]
pub(crate) fn factor(at: usize, drop: &Drop) -> f32 {
    let hash = round(round(at as u32 ^ drop.key0) ^ drop.key1) >> 1u32;
    let mut factor = 0.0f32;
    if hash >= drop.threshold {
        factor = drop.scale;
    }
    factor
}

#[cube(launch)]
fn residual_kernel(residual: &[f32], branch: &[f32], out: &mut [f32], drop: Drop, #[comptime] has_residual: bool) {
    let at = ABSOLUTE_POS;
    if at < out.len() {
        let mut sum = branch[at] * factor(at, &drop);
        if has_residual {
            sum += residual[at];
        }
        out[at] = sum;
    }
}

/// `residual + drop(branch)`, or the dropped branch alone.
pub(crate) fn residual(residual: Option<&CubeTensor>, branch: &CubeTensor, drop: Option<Dropper>) -> CubeTensor {
    let out = empty_like(branch);
    residual_kernel::launch(
        &branch.client,
        cubes_of_elements(&branch.client, count(branch)),
        units(),
        buffer(residual.unwrap_or(branch)),
        buffer(branch),
        buffer(&out),
        numbers(drop),
        residual.is_some(),
    );
    out
}
