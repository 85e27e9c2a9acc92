//! Dropout on the device: the hash of `crate::dropout`, bit for bit.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{buffer, count, cubes_of_elements, empty_like, units};
use crate::dropout::Dropper;

/// What a kernel drops by; a threshold of 0 and a scale of 1 where it does not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) keys: [u32; 2],
    pub(crate) threshold: u32,
    pub(crate) scale: f32,
}

impl From<Option<Dropper>> for Numbers {
    fn from(drop: Option<Dropper>) -> Self {
        let numbers = |Dropper { keys, threshold, scale }| Self { keys, threshold: threshold as u32, scale };
        drop.map_or(Self { keys: [0, 0], threshold: 0, scale: 1.0 }, numbers)
    }
}

/// A round of MurmurHash3's 32-bit finalizer.
#[cube]
fn round(x: u32) -> u32 {
    let a = (x ^ (x >> 16u32)) * 2_246_822_507u32; // MULTIPLIER_A
    let b = (a ^ (a >> 13u32)) * 3_266_489_909u32; // MULTIPLIER_B
    b ^ (b >> 16u32)
}

/// What the element at this index is multiplied by: 0 or `scale`.
#[cube]
pub(crate) fn factor(at: u32, key0: u32, key1: u32, threshold: u32, scale: f32) -> f32 {
    let hash = round(round(at ^ key0) ^ key1) >> 1u32;
    let mut factor = 0.0f32;
    if hash >= threshold {
        factor = scale;
    }
    factor
}

#[cube(launch)]
#[allow(clippy::too_many_arguments, reason = "a kernel takes numbers one by one")]
fn residual_kernel(
    residual: &[f32],
    branch: &[f32],
    out: &mut [f32],
    key0: u32,
    key1: u32,
    threshold: u32,
    scale: f32,
    #[comptime] has_residual: bool,
) {
    let at = ABSOLUTE_POS;
    if at < out.len() {
        let mut sum = branch[at] * factor(at as u32, key0, key1, threshold, scale);
        if has_residual {
            sum += residual[at];
        }
        out[at] = sum;
    }
}

/// `residual + drop(branch)`, or the dropped branch alone.
pub(crate) fn residual(residual: Option<&CubeTensor>, branch: &CubeTensor, drop: Numbers) -> CubeTensor {
    let out = empty_like(branch);
    let Numbers { keys: [key0, key1], threshold, scale } = drop;
    residual_kernel::launch(
        &branch.client,
        cubes_of_elements(&branch.client, count(branch)),
        units(),
        buffer(residual.unwrap_or(branch)),
        buffer(branch),
        buffer(&out),
        key0,
        key1,
        threshold,
        scale,
        residual.is_some(),
    );
    out
}
