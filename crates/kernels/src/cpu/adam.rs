//! The optimizer's pass over a weight: everything is read once and written once.

use rayon::prelude::*;

use super::wide::{sum, wide};
use crate::AdamStep;

/// Elements that one task takes: four slices of them fit a second-level cache.
const BLOCK: usize = 32_768;

/// Updates a weight and its moments in place.
pub(crate) fn adam(weight: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], step: AdamStep) {
    let count = weight.len();
    assert_eq!((gradient.len(), first.len(), second.len()), (count, count, count), "a gradient and moments per weight");
    let blocks = weight.par_chunks_mut(BLOCK).zip(gradient.par_chunks(BLOCK));
    let blocks = blocks.zip(first.par_chunks_mut(BLOCK)).zip(second.par_chunks_mut(BLOCK));
    blocks.for_each(|(((weight, gradient), first), second)| adam_block(weight, gradient, first, second, step));
}

wide! {
fn adam_block(weight: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], step: AdamStep) {
    let AdamStep { gradient_factor, shrink, into_gradient, beta1, beta2, rate, root_factor, epsilon } = step;
    let ([keep1, take1], [keep2, take2]) = (beta1, beta2);
    let moments = first.iter_mut().zip(second);
    for ((weight, gradient), (first, second)) in weight.iter_mut().zip(gradient).zip(moments) {
        let g = into_gradient.mul_add(*weight, gradient * gradient_factor);
        *first = keep1.mul_add(*first, take1 * g);
        *second = keep2.mul_add(*second, take2 * g * g);
        let root = second.sqrt().mul_add(root_factor, epsilon);
        *weight = shrink * *weight - rate * *first / root;
    }
}

fn squares(values: &[f32]) -> f32 {
    sum(values, |x| x * x)
}
}

/// Sum of squares, the same whatever the number of threads.
pub(crate) fn squared_sum(values: &[f32]) -> f64 {
    let parts = values.par_chunks(BLOCK).map(|block| f64::from(squares(block)));
    parts.collect::<Vec<_>>().into_iter().sum()
}
