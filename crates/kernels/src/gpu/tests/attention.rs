//! Attention by products and by blocks: values and gradients, on rows of odd lengths, with dropout, padding and rotary positions.

use std::sync::Arc;

use burn::tensor::{Bool, Device, Tensor, TensorData};
use case::{Kernels, Precision};

use super::{SOFTWARE_GPU, TOLERANCE, assert_close, floats, source, tensor};
use crate::{Attend, Attention, Mixed, Path, RotaryTable, attention};

/// A row's length, heads and a head's elements, and what happens besides the products.
#[derive(Debug, Clone, Copy)]
struct Case {
    tokens: usize,
    heads: usize,
    head: usize,
    dropout: f64,
    is_padded: bool,
    is_turned: bool,
}

const BATCH: usize = 3;

/// Attention's output and the gradient of its input, for rows of which all but the first end in padding where asked.
fn attended(device: &Device, path: impl Fn(Option<Tensor<2, Bool>>) -> Path, case: Case) -> [Vec<f32>; 2] {
    let Case { tokens, heads, head, dropout, is_padded, is_turned } = case;
    let device = device.clone().autodiff();
    let qkv = tensor::<3>([BATCH, tokens, 3 * heads * head], 6, &device).require_grad();
    let is_pad = |at: usize| at % tokens >= (tokens - at / tokens * tokens / 8).max(1);
    let mask = (0..BATCH * tokens).map(is_pad).collect::<Vec<bool>>();
    let mask = is_padded.then(|| Tensor::from_data(TensorData::new(mask, [BATCH, tokens]), &device));
    let path = path(mask);
    let rotary = is_turned.then(|| Arc::new(RotaryTable::new(tokens + 2, head, 1e4)));
    let how = Attention { heads, dropout, drop_site: Some(source(&path).site(1)), rotary, reach: None };
    let out = attention(qkv.clone(), &path, how);
    let gradients = (out.clone() * tensor::<3>([BATCH, tokens, heads * head], 7, &device)).sum().backward();
    [floats(out), floats(qkv.grad(&gradients).expect("the output depends on it"))]
}

fn own(attend: Attend) -> impl Fn(Option<Tensor<2, Bool>>) -> Path {
    move |mask_pad| {
        Path::Mixed(Mixed { mask_pad, precision: Precision::Fp32, kernels: Kernels::Own, attend, ids: None })
    }
}

fn is_the_reference(attend: Attend, cases: &[Case]) {
    let Some(gpu) = SOFTWARE_GPU.clone() else { return };
    for case in cases {
        let ours = attended(&gpu, own(attend), *case);
        let theirs = attended(&Device::flex(), |mask_pad| Path::Composed { mask_pad }, *case);
        for (what, (ours, theirs)) in ["values", "gradients"].iter().zip(ours.iter().zip(&theirs)) {
            assert_close(&format!("{what} of {case:?}"), ours, theirs, TOLERANCE);
        }
    }
}

const PLAIN: Case = Case { tokens: 70, heads: 3, head: 4, dropout: 0.0, is_padded: false, is_turned: false };

#[test]
fn by_products_it_is_the_reference() {
    let dropped = Case { dropout: 0.2, ..PLAIN };
    let padded = Case { is_padded: true, ..PLAIN };
    let all = Case { dropout: 0.2, is_padded: true, is_turned: true, ..PLAIN };
    is_the_reference(Attend::Products, &[PLAIN, dropped, padded, all]);
}

#[test]
fn by_blocks_it_is_the_reference_with_dropout_padding_and_rotary_positions() {
    let dropped = Case { dropout: 0.2, ..PLAIN };
    let padded = Case { is_padded: true, ..PLAIN };
    let turned = Case { is_turned: true, ..PLAIN };
    let all = Case { dropout: 0.2, is_padded: true, is_turned: true, ..PLAIN };
    is_the_reference(Attend::Blocks, &[PLAIN, dropped, padded, turned, all]);
}

#[test]
fn by_blocks_it_is_the_reference_in_every_shape_of_head_and_row() {
    let all = Case { dropout: 0.1, is_padded: true, ..PLAIN };
    let cases = [
        Case { tokens: 1, heads: 1, head: 1, ..all },    // one token, one element
        Case { tokens: 7, heads: 5, head: 3, ..all },    // an odd head: one element at a time
        Case { tokens: 65, heads: 2, head: 6, ..all },   // pairs; one query in the second block
        Case { tokens: 128, heads: 1, head: 64, ..all }, // the common head: a tile holds half a block
        Case { tokens: 33, heads: 1, head: 256, ..all }, // the widest: a tile holds one chunk
        Case { tokens: 257, heads: 1, head: 8, ..all },  // several tiles and a token
    ];
    is_the_reference(Attend::Blocks, &cases);
}

/// Scores in the hundreds: a sum of exponentials that are not brought down by the row's largest would overflow.
#[test]
fn by_blocks_large_scores_do_not_overflow() {
    let Some(gpu) = SOFTWARE_GPU.clone() else { return };
    let large = |device: &Device, path: Path| {
        let qkv = tensor::<3>([1, 40, 24], 9, device) * 60.0;
        floats(attention(qkv, &path, Attention { heads: 1, dropout: 0.0, drop_site: None, rotary: None, reach: None }))
    };
    let reference = large(&Device::flex(), Path::Composed { mask_pad: None });
    // A score in the thousands is rounded at 1e-4, and so is the exponent of its weight.
    assert_close("values", &large(&gpu, own(Attend::Blocks)(None)), &reference, 1e-2);
}

#[test]
fn the_shape_chooses_blocks_where_no_matrix_units_are_lost_or_scores_would_not_fit() {
    let chosen = |shape, precision| Attend::ByShape.by_blocks(shape, precision);
    assert!(chosen([8, 8, 256, 64], Precision::Fp32));
    assert!(!chosen([8, 8, 256, 128], Precision::Fp32), "too wide for registers");
    assert!(!chosen([256, 8, 256, 64], Precision::F16), "matrix units, and 256 MB of scores");
    assert!(chosen([256, 8, 1024, 64], Precision::F16), "4 GB of scores");
    assert!(!Attend::Blocks.by_blocks([1, 1, 8, 512], Precision::Fp32), "more than shared memory holds");
    assert!(!Attend::Products.by_blocks([256, 8, 1024, 64], Precision::F16));
}
