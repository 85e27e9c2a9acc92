//! The feed-forward block: linear, activation, dropout, linear.

use case::Activation;
use rayon::prelude::*;

use super::{
    ROWS,
    linear::{column_sums, linear, total},
    matrix::{Mat, new_product},
    wide::{exp, normal_density, normal_share, wide},
};
use crate::dropout::Dropper;

/// Weights of a feed-forward block.
pub(crate) struct Weights<'a> {
    /// `[D, F]`, or `[D, 2F]` for a gated activation.
    pub(crate) w_in: &'a [f32],
    /// `[F]` or `[2F]`.
    pub(crate) b_in: &'a [f32],
    /// `[F, D]`.
    pub(crate) w_out: &'a [f32],
    /// `[D]`.
    pub(crate) b_out: &'a [f32],
}

/// Gradients of a feed-forward block, each in the shape of what it belongs to.
pub(crate) struct Gradients {
    pub(crate) input: Vec<f32>,
    pub(crate) w_in: Vec<f32>,
    pub(crate) b_in: Vec<f32>,
    pub(crate) w_out: Vec<f32>,
    pub(crate) b_out: Vec<f32>,
}

/// The block's output `[rows, D]`, and what stood before the activation, `[rows, F]` or `[rows, 2F]`.
pub(crate) fn feed_forward(
    input: &[f32],
    weights: &Weights,
    activation: Activation,
    drop: Option<Dropper>,
) -> (Vec<f32>, Vec<f32>) {
    let before = linear(input, weights.w_in, weights.b_in);
    let width = inner_width(weights);
    let mut inner = vec![0.0; before.len() / weights.b_in.len() * width];
    let rows = inner.par_chunks_mut(width * ROWS).zip(before.par_chunks(weights.b_in.len() * ROWS)).enumerate();
    rows.for_each(|(block, (inner, before))| activate(inner, before, width, activation, drop, block));
    (linear(&inner, weights.w_out, weights.b_out), before)
}

/// Gradients out of that of the output. The activation is computed again, which costs less than keeping it.
pub(crate) fn feed_forward_backward(
    input: &[f32],
    weights: &Weights,
    before: &[f32],
    gradient: &[f32],
    activation: Activation,
    drop: Option<Dropper>,
) -> Gradients {
    let (width, wide_width) = (inner_width(weights), weights.b_in.len());
    let (rows, hidden) = (before.len() / wide_width, weights.b_out.len());
    let upstream = Mat::new(gradient, rows, hidden);
    let of_inner = new_product(upstream, Mat::new(weights.w_out, width, hidden).t()); // [rows, F]
    let mut inner = vec![0.0; rows * width];
    let mut of_before = vec![0.0; rows * wide_width];
    let blocks = inner.par_chunks_mut(width * ROWS).zip(of_before.par_chunks_mut(wide_width * ROWS));
    let blocks = blocks.zip(of_inner.par_chunks(width * ROWS)).zip(before.par_chunks(wide_width * ROWS)).enumerate();
    let bias_parts = blocks.map(|(block, (((inner, of_before), of_inner), before))| {
        activate(inner, before, width, activation, drop, block);
        let mut sums = vec![0.0; wide_width];
        differentiate(of_before, of_inner, before, &mut sums, width, activation, drop, block);
        sums
    });
    let b_in = total(bias_parts.collect(), wide_width);
    std::mem::drop(of_inner); // before the next large piece of memory is asked for
    let before_gradient = Mat::new(&of_before, rows, wide_width);
    Gradients {
        w_out: new_product(Mat::new(&inner, rows, width).t(), upstream),
        b_out: column_sums(gradient, hidden),
        input: new_product(before_gradient, Mat::new(weights.w_in, hidden, wide_width).t()),
        w_in: new_product(Mat::new(input, rows, hidden).t(), before_gradient),
        b_in,
    }
}

fn inner_width(weights: &Weights) -> usize {
    weights.w_out.len() / weights.b_out.len()
}

wide! {
/// The activation of a block of rows, dropped where asked for.
fn activate(
    inner: &mut [f32],
    before: &[f32],
    width: usize,
    activation: Activation,
    drop: Option<Dropper>,
    block: usize,
) {
    match activation {
        Activation::Gelu => each(inner, before, |x| x * normal_share(x)),
        Activation::Relu => each(inner, before, |x| if x > 0.0 { x } else { 0.0 }),
        Activation::Silu => each(inner, before, |x| x * logistic(x)),
        Activation::Geglu => {
            for (inner, before) in inner.chunks_exact_mut(width).zip(before.chunks_exact(2 * width)) {
                let (gate, value) = before.split_at(width);
                for ((out, x), value) in inner.iter_mut().zip(gate).zip(value) {
                    *out = x * normal_share(*x) * value;
                }
            }
        }
    }
    if let Some(drop) = drop {
        drop.apply(inner, block * ROWS * width);
    }
}

/// The gradient before the activation, out of that after it; its rows are added to `sums`.
fn differentiate(
    of_before: &mut [f32],
    of_inner: &[f32],
    before: &[f32],
    sums: &mut [f32],
    width: usize,
    activation: Activation,
    drop: Option<Dropper>,
    block: usize,
) {
    let gelu_slope = |x: f32| x.mul_add(normal_density(x), normal_share(x));
    let mut dropped = Vec::new();
    let of_inner = match drop {
        Some(drop) => {
            dropped.extend_from_slice(of_inner);
            drop.apply(&mut dropped, block * ROWS * width);
            &dropped
        }
        None => of_inner,
    };
    match activation {
        Activation::Gelu => pairs(of_before, before, of_inner, |x, g| g * gelu_slope(x)),
        Activation::Relu => pairs(of_before, before, of_inner, |x, g| if x > 0.0 { g } else { 0.0 }),
        Activation::Silu => pairs(of_before, before, of_inner, |x, g| {
            let share = logistic(x);
            g * share * (1.0 + x * (1.0 - share))
        }),
        Activation::Geglu => {
            let rows = of_before.chunks_exact_mut(2 * width).zip(before.chunks_exact(2 * width));
            for ((of_before, before), g) in rows.zip(of_inner.chunks_exact(width)) {
                let (of_gate, of_value) = of_before.split_at_mut(width);
                let (gate, value) = before.split_at(width);
                for at in 0..width {
                    of_gate[at] = g[at] * value[at] * gelu_slope(gate[at]);
                    of_value[at] = g[at] * gate[at] * normal_share(gate[at]);
                }
            }
        }
    }
    of_before.chunks_exact(sums.len()).for_each(|row| super::linear::add(sums, row));
}
}

#[inline(always)]
fn each(out: &mut [f32], values: &[f32], f: impl Fn(f32) -> f32) {
    for (out, x) in out.iter_mut().zip(values) {
        *out = f(*x);
    }
}

#[inline(always)]
fn pairs(out: &mut [f32], values: &[f32], gradients: &[f32], f: impl Fn(f32, f32) -> f32) {
    for ((out, x), g) in out.iter_mut().zip(values).zip(gradients) {
        *out = f(*x, *g);
    }
}

#[inline(always)]
fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}
