//! Gradients of a small encoder on a software GPU beside those of the CPU backend (docs/burn-version.md).
#![allow(clippy::print_stdout, reason = "an example is there to print")]

use burn::tensor::{Device, DeviceKind, Int, Tensor, TensorData, activation::gelu};
use casebook_kernels::{Attention, DropSource, Path, Projection, attention, dropout, layer_norm, linear, score};

const D: usize = 64;
const F: usize = 128;
const V: usize = 2000;
const ROWS: [usize; 2] = [2, 64];
const LAYERS: usize = 2;

/// Numbers in -1..1 that look random: a linear congruential generator's upper bits.
fn numbers(count: usize, state: &mut u64) -> Vec<f32> {
    let next = |_| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(next).collect()
}

fn shapes() -> Vec<[usize; 2]> {
    let layer =
        [[D, 3 * D], [1, 3 * D], [D, D], [1, D], [1, D], [1, D], [D, F], [1, F], [F, D], [1, D], [1, D], [1, D]];
    [vec![[V, D], [ROWS[1], D]], layer.repeat(LAYERS)].concat()
}

/// Loss and every weight's gradient.
fn run(device: &Device, drop: Option<DropSource>) -> (f32, Vec<Vec<f32>>) {
    let mut state = 42;
    let weight = |[rows, columns]: [usize; 2]| {
        let values = numbers(rows * columns, &mut state).iter().map(|x| 0.05 * x).collect::<Vec<_>>();
        Tensor::<2>::from_data(TensorData::new(values, [rows, columns]), device).require_grad()
    };
    let weights = shapes().into_iter().map(weight).collect::<Vec<_>>();
    let vector = |at: usize| weights[at].clone().squeeze_dim::<1>(0);
    let words = |count: usize, state: u64| {
        let ids = numbers(count, &mut { state }).iter().map(|x| ((x + 1.0) * 999.0) as i32).collect::<Vec<_>>();
        Tensor::<1, Int>::from_data(TensorData::new(ids, [count]), device)
    };
    let path = Path::Composed { mask_pad: None };
    let rows = weights[0].clone().select(0, words(ROWS[0] * ROWS[1], 7));
    let mut hidden = rows.reshape([ROWS[0], ROWS[1], D]) + weights[1].clone().unsqueeze::<3>();
    hidden = dropout(hidden, 0.1, drop.map(|source| source.site(0)), &path);
    for layer in 0..LAYERS {
        let at = |offset: usize| 2 + 12 * layer + offset;
        let drop_site = drop.map(|source| source.site(layer as u64 + 1));
        let how = Attention { heads: 4, dropout: 0.1, drop_site, rotary: None, reach: None };
        let normed = layer_norm(hidden.clone(), vector(at(4)) + 1.0, vector(at(5)), 1e-12, &path);
        let attended = attention(linear(normed, weights[at(0)].clone(), vector(at(1)), &path), &path, how);
        hidden = hidden + linear(attended, weights[at(2)].clone(), vector(at(3)), &path);
        let normed = layer_norm(hidden.clone(), vector(at(10)) + 1.0, vector(at(11)), 1e-12, &path);
        let inner = gelu(linear(normed, weights[at(6)].clone(), vector(at(7)), &path));
        hidden = hidden + linear(inner, weights[at(8)].clone(), vector(at(9)), &path);
    }
    let scored = Tensor::<1, Int>::arange(0..19, device) * 6 + 1;
    let hidden = hidden.reshape([ROWS[0] * ROWS[1], D]).select(0, scored);
    let projection = Projection { table: weights[0].clone(), bias: None };
    let loss = score(hidden, projection, words(19, 9), 1.0 / 19.0, &path).loss;
    let gradients = loss.backward();
    let floats = |tensor: Tensor<2>| tensor.into_data().iter::<f32>().collect::<Vec<_>>();
    let gradient = |weight: &Tensor<2>| floats(weight.grad(&gradients).expect("the loss depends on every weight"));
    (loss.into_data().iter::<f32>().sum(), weights.iter().map(gradient).collect())
}

fn main() {
    let [cpu, gpu] = [Device::flex().autodiff(), Device::wgpu(DeviceKind::Cpu).autodiff()];
    for dropped in [false, true] {
        let source = |on_host| dropped.then_some(DropSource { key: 99, on_host });
        let ((loss, ours), (loss_there, theirs)) = (run(&cpu, source(true)), run(&gpu, source(false)));
        let pairs = ours.iter().flatten().zip(theirs.iter().flatten());
        let worst = pairs.fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
        let zeros = theirs.iter().filter(|gradient| gradient.iter().all(|x| *x == 0.0)).count();
        println!("dropout {dropped}: loss {loss} on the CPU, {loss_there} on the software GPU");
        println!("  largest difference of a gradient {worst:.1e}; {zeros} of {} gradients are all zeros", theirs.len());
    }
}
