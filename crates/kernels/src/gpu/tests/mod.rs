//! Each kernel on a software GPU beside the framework's operations on the CPU: values and gradients, on odd shapes.

#![allow(clippy::print_stderr, reason = "a test that is skipped says why")]

mod attention;

use std::{
    sync::{Arc, LazyLock},
    thread,
};

use burn::tensor::{Device, DeviceKind, Int, Tensor, TensorData};
use case::{Kernels, Precision};

use crate::{
    AdamStep, Attend, Branch, DropSource, Mixed, Path, Projection, adam, adam_by, adam_composed, clip, dropout, embed,
    layer_norm, norm_of_sum, residual_sum, score, squared_sum,
};

/// Largest difference as a share of the largest value: f32 sums of some hundred numbers in another order.
const TOLERANCE: f32 = 2e-5;
/// The same in f16: eleven bits.
const F16_TOLERANCE: f32 = 1e-2;

/// The software GPU that computes right; none, said once, where no driver offers it. Mesa's lavapipe is not it: it hangs
/// or crashes on these kernels.
static SOFTWARE_GPU: LazyLock<Option<Device>> = LazyLock::new(|| {
    let open = || {
        let device = Device::wgpu(DeviceKind::Cpu);
        let name = device.identity().map(|identity| identity.name).unwrap_or_default();
        name.contains("SwiftShader").then(|| {
            let two = (Tensor::<1>::ones([1], &device) + 1.0).into_data();
            (device, two)
        })
    };
    let found = thread::spawn(open).join().ok().flatten().map(|(device, _)| device);
    if found.is_none() {
        eprintln!("skipped: no SwiftShader among the GPUs (scripts/software-gpu.sh gets it)");
    }
    found
});

fn path(precision: Precision) -> Path {
    Path::Mixed(Mixed { mask_pad: None, precision, kernels: Kernels::Own, attend: Attend::ByShape, ids: None })
}

/// Numbers in -1..1 that look random: a linear congruential generator's upper bits.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(next).collect()
}

fn tensor<const R: usize>(shape: [usize; R], seed: u64, device: &Device) -> Tensor<R> {
    Tensor::from_data(TensorData::new(numbers(shape.iter().product(), seed), shape), device)
}

fn floats<const R: usize>(tensor: Tensor<R>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn assert_close(what: &str, ours: &[f32], reference: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), reference.len(), "{what}");
    let largest = reference.iter().fold(1e-3f32, |largest, x| largest.max(x.abs()));
    let worst = ours.iter().zip(reference).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
    let is_close = worst <= tolerance * largest && ours.iter().all(|x| x.is_finite());
    assert!(is_close, "{what}: {worst:e} away where the largest is {largest:e}");
}

/// Runs an operation of three inputs, `[rows, width]`, `[rows, width]` and `[2, width]`, here and there, and compares its
/// output and its gradients.
fn compare(what: &str, run: impl Fn([Tensor<2>; 3], &Path) -> Tensor<3>) {
    let Some(gpu) = SOFTWARE_GPU.clone() else { return };
    for (rows, width) in [(1, 1), (3, 7), (130, 64), (9, 300), (5, 768)] {
        let once = |device: &Device, path: &Path| {
            let device = device.clone().autodiff();
            let input = |shape, seed| tensor::<2>(shape, seed, &device).require_grad();
            let inputs = [input([rows, width], 1), input([rows, width], 2), input([2, width], 3)];
            let out = run(inputs.clone(), path);
            let probe = tensor::<3>(out.dims(), 4, &device);
            let gradients = (out.clone() * probe).sum().backward();
            let of = |input: &Tensor<2>| input.grad(&gradients).map(floats).unwrap_or_default();
            (floats(out), inputs.each_ref().map(of))
        };
        let (values, gradients) = once(&gpu, &path(Precision::Fp32));
        let (reference, reference_gradients) = once(&Device::flex(), &Path::Composed { mask_pad: None });
        assert_close(&format!("{what} of {rows} x {width}"), &values, &reference, TOLERANCE);
        for (at, (ours, theirs)) in gradients.iter().zip(&reference_gradients).enumerate() {
            // Behind a norm gradients cancel: they are sums of numbers much larger than themselves.
            assert_close(&format!("gradient {at} of {what} of {rows} x {width}"), ours, theirs, 10.0 * TOLERANCE);
        }
    }
}

fn halves(pair: Tensor<2>) -> (Tensor<1>, Tensor<1>) {
    (pair.clone().narrow(0, 0, 1).squeeze_dim(0), pair.narrow(0, 1, 1).squeeze_dim(0))
}

fn source(path: &Path) -> DropSource {
    DropSource { key: 77, on_host: matches!(path, Path::Composed { .. }) }
}

/// Embeddings' values, the gradients of table and positions, and with `is_tied` a table that another product needs too.
fn embedded(device: &Device, ids: &[i32], path: &Path, is_tied: bool) -> [Vec<f32>; 3] {
    let [rows, tokens, words, width] = [4, ids.len() / 4, 40, 9];
    let device = device.clone().autodiff();
    let table = tensor::<2>([words, width], 1, &device).require_grad();
    let positions = tensor::<2>([tokens + 3, width], 2, &device).require_grad();
    let on_device = Tensor::<2, Int>::from_data(TensorData::new(ids.to_vec(), [rows, tokens]), &device);
    let out = embed(on_device, table.clone(), 1.5, Some(positions.clone()), path);
    let mut loss = (out.clone() * tensor::<3>([rows, tokens, width], 3, &device)).sum();
    if is_tied {
        loss = loss + (table.clone() * tensor::<2>([words, width], 4, &device)).sum();
    }
    let gradients = loss.backward();
    let of = |tensor: &Tensor<2>| floats(tensor.grad(&gradients).expect("the loss depends on it"));
    [floats(out), of(&table), of(&positions)]
}

#[test]
fn embeddings_are_the_reference_and_the_same_bits_every_time() {
    let Some(gpu) = SOFTWARE_GPU.clone() else { return };
    // A word that is most of the text, words that do not occur, and every other word.
    let ids = (0..4 * 53).map(|at| if at % 3 > 0 { 7 } else { at * 31 % 37 }).collect::<Vec<i32>>();
    let Path::Mixed(mixed) = path(Precision::Fp32) else { unreachable!("it is") };
    let own = Path::Mixed(Mixed { ids: Some(Arc::new(ids.clone())), ..mixed });
    for is_tied in [false, true] {
        let ours = embedded(&gpu, &ids, &own, is_tied);
        let theirs = embedded(&Device::flex(), &ids, &Path::Composed { mask_pad: None }, is_tied);
        for (at, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_close(&format!("part {at} of an embedding, tied: {is_tied}"), ours, theirs, TOLERANCE);
        }
        assert_eq!(embedded(&gpu, &ids, &own, is_tied), ours);
    }
}

/// Large enough that a row of one element, whose variance is 0, does not divide by nothing.
const EPS: f64 = 1e-3;

#[test]
fn layer_norm_is_the_reference() {
    compare("layer norm", |[input, _, pair], path| {
        let (weight, bias) = halves(pair);
        layer_norm(input.unsqueeze::<3>(), weight, bias, EPS, path)
    });
}

#[test]
fn the_norm_of_a_residual_sum_is_the_reference() {
    for prob in [0.0, 0.25] {
        compare("norm of sum", |[residual, branch, pair], path| {
            let (weight, bias) = halves(pair);
            let drop_site = Some(source(path).site(3));
            let branch = Branch { values: branch.unsqueeze(), dropout: prob, drop_site };
            norm_of_sum(residual.unsqueeze(), branch, weight, bias, EPS, path)
        });
    }
}

#[test]
fn a_residual_sum_is_the_reference() {
    compare("residual sum", |[residual, branch, _], path| {
        let branch = Branch { values: branch.unsqueeze(), dropout: 0.25, drop_site: Some(source(path).site(5)) };
        residual_sum(residual.unsqueeze(), branch, path)
    });
}

#[test]
fn dropout_drops_the_same_elements_to_the_bit() {
    let Some(gpu) = SOFTWARE_GPU.clone() else { return };
    let dropped = |device: &Device, path: &Path| {
        floats(dropout(tensor::<2>([331, 97], 5, device), 0.1, Some(source(path).site(9)), path))
    };
    let reference = dropped(&Device::flex(), &Path::Composed { mask_pad: None });
    assert_eq!(dropped(&gpu, &path(Precision::Fp32)), reference);
}

/// Loss, nats, likeliest words, and the gradients of hidden states, table and bias.
fn scored(device: &Device, path: &Path, shape: [usize; 3]) -> (Vec<Vec<f32>>, Vec<i64>) {
    let [count, words, width] = shape;
    let device = device.clone().autodiff();
    let hidden = tensor::<2>([count, width], 1, &device).require_grad();
    let table = tensor::<2>([words, width], 2, &device).require_grad();
    let bias = tensor::<1>([words], 3, &device).require_grad();
    let labels = (0..count).map(|at| (at * 37 % words) as i32).collect::<Vec<_>>();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [count]), &device);
    let projection = Projection { table: table.clone(), bias: Some(bias.clone()) };
    let scores = score(hidden.clone(), projection, labels, 0.5, path);
    let best = scores.best.into_data().iter::<i64>().collect();
    let gradients = scores.loss.backward();
    let of = |tensor: &Tensor<2>| floats(tensor.grad(&gradients).expect("the loss depends on it"));
    let of_bias = floats(bias.grad(&gradients).expect("the loss depends on it"));
    (vec![floats(scores.loss), floats(scores.nll), of(&hidden), of(&table), of_bias], best)
}

#[test]
fn scoring_in_slices_is_the_reference() {
    let Some(gpu) = SOFTWARE_GPU.clone() else { return };
    // Several slices of positions, the last one short; one; a row longer than a slice is meant to be.
    for shape in [[19, 500, 24], [3, 40, 8], [4, 5000, 8]] {
        let (reference, reference_best) = scored(&Device::flex(), &Path::Composed { mask_pad: None }, shape);
        let (ours, best) = scored(&gpu, &path(Precision::Fp32), shape);
        assert_eq!(best, reference_best, "{shape:?}");
        for (at, (ours, theirs)) in ours.iter().zip(&reference).enumerate() {
            assert_close(&format!("part {at} of scoring {shape:?}"), ours, theirs, 5.0 * TOLERANCE);
        }
    }
}

#[test]
fn scoring_in_f16_is_the_reference_within_its_rounding() {
    let Some(gpu) = SOFTWARE_GPU.clone().filter(|gpu| gpu.supports_dtype(burn::tensor::DType::F16)) else {
        eprintln!("skipped: no software GPU that computes in f16");
        return;
    };
    let (reference, _) = scored(&Device::flex(), &Path::Composed { mask_pad: None }, [19, 500, 24]);
    let (ours, _) = scored(&gpu, &path(Precision::F16), [19, 500, 24]);
    for (at, (ours, theirs)) in ours.iter().zip(&reference).enumerate() {
        assert_close(&format!("part {at} of scoring in f16"), ours, theirs, F16_TOLERANCE);
    }
}

#[test]
fn an_adam_step_and_the_squared_sum_are_the_reference() {
    let Some(gpu) = SOFTWARE_GPU.clone() else { return };
    let step = AdamStep {
        gradient_factor: 0.5,
        shrink: 0.99,
        into_gradient: 0.1,
        beta1: [0.9, 0.1],
        beta2: [0.99, 0.01],
        rate: 0.1,
        root_factor: 2.0,
        epsilon: 1e-6,
    };
    for count in [1, 255, 100_003] {
        let inputs = |device: &Device| [1, 2, 3, 4].map(|seed| tensor::<1>([count], seed, device));
        let [weight, gradient, first, second] = inputs(&gpu);
        let ours = adam(weight.clone(), gradient, first, second.abs(), step).map(floats);
        assert_eq!(floats(weight.clone()), numbers(count, 1), "a weight that somebody holds is left alone");
        let [reference, gradient, first, second] = inputs(&Device::flex());
        let theirs = adam_composed(reference.clone(), gradient, first, second.abs(), step).map(floats);
        for (at, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_close(&format!("part {at} of a step over {count}"), ours, theirs, TOLERANCE);
        }
        let sum = floats((reference.clone() * reference).sum());
        assert_close(&format!("squared sum of {count}"), &floats(squared_sum(weight)), &sum, TOLERANCE);
    }
}

#[test]
fn a_clipped_step_on_the_device_is_the_reference_and_is_left_out_where_the_norm_is_not_finite() {
    let Some(gpu) = SOFTWARE_GPU.clone() else { return };
    let on = |values: &[f32]| Tensor::<1>::from_floats(values, &gpu);
    let of = |sums: &[f32], largest: f64, scale: f64| clip(on(sums), largest, scale).map(|one| floats(one)[0]);
    assert_close("unclipped", &of(&[9.0, 16.0], 0.0, 1.0), &[5.0, 1.0], TOLERANCE);
    assert_close("below the limit", &of(&[9.0, 16.0], 5.5, 1.0), &[5.0, 1.0], TOLERANCE);
    assert_close("clipped", &of(&[9.0, 16.0], 1.0, 1.0), &[5.0, 0.2], TOLERANCE);
    assert_close("clipped and scaled", &of(&[9.0, 16.0], 1.0, 4.0), &[1.25, 0.2], TOLERANCE);
    for bad in [f32::INFINITY, f32::NAN] {
        assert_eq!(of(&[9.0, bad], 1.0, 4.0)[1], -1.0);
    }
    let step = AdamStep {
        gradient_factor: 1.0,
        shrink: 0.99,
        into_gradient: 0.1,
        beta1: [0.9, 0.1],
        beta2: [0.99, 0.01],
        rate: 0.1,
        root_factor: 2.0,
        epsilon: 1e-6,
    };
    let inputs = |device: &Device| [1, 2, 3, 4].map(|seed| tensor::<1>([300], seed, device));
    let made = |factor: f32| {
        let [weight, gradient, first, second] = inputs(&gpu);
        adam_by(weight, gradient, [first, second.abs()], on(&[factor]), step).map(floats)
    };
    let [weight, gradient, first, second] = inputs(&Device::flex());
    let left = [weight.clone(), first.clone(), second.clone().abs()].map(floats);
    let by = AdamStep { gradient_factor: 0.25, ..step };
    let reference = adam_composed(weight, gradient, first, second.abs(), by).map(floats);
    for (ours, theirs) in made(0.25).iter().zip(&reference) {
        assert_close("a clipped step", ours, theirs, TOLERANCE);
    }
    assert_eq!(made(-1.0), left);
}
