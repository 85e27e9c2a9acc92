//! Twenty updates against PyTorch and the 2018 BERT rule: decay groups, clipping, a moving rate.
//!
//! The fixture was made by `fixtures/make_optimizers.py`, which writes its versions and inputs into it.

use burn::tensor::{Device, Tensor, TensorData};
use case::Kernels;
use case::OptimizerConfig;
use casebook_optim::{Optimizer, Update, WeightInfo, clip_factor, decays, global_norm, squared_sums};
use serde::Deserialize;

/// Weights of order 1 after twenty f32 updates against f64 ones: each rounds to 6e-8, moments included.
const ATOL: f64 = 3e-6;

#[derive(Deserialize)]
struct Fixture {
    weights: Vec<Weight>,
    start: Vec<Vec<f64>>,
    steps: Vec<Step>,
    variants: Vec<Variant>,
}

#[derive(Deserialize)]
struct Weight {
    name: String,
    shape: Vec<usize>,
}

#[derive(Deserialize)]
struct Step {
    lr: f64,
    gradients: Vec<Vec<f64>>,
    norm: f64,
    scale: f64,
}

#[derive(Deserialize)]
struct Variant {
    name: String,
    optimizer: OptimizerConfig,
    decays: Vec<bool>,
    float64: Trajectory,
}

#[derive(Deserialize)]
struct Trajectory {
    weights: Vec<Vec<Vec<f64>>>,
    last_step: serde_json::Value,
}

fn tensor(values: &[f64]) -> Tensor<1> {
    let values = values.iter().map(|value| *value as f32).collect::<Vec<_>>();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), &Device::flex())
}

fn assert_close(what: &str, found: &Tensor<1>, wanted: &[f64]) {
    let found = found.clone().into_data().try_to_vec::<f32>().expect("floats");
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((f64::from(*found) - wanted).abs() < ATOL, "{what}: {found} where the reference has {wanted}");
    }
}

#[test]
fn twenty_updates_agree_with_the_references() {
    let fixture: Fixture = serde_json::from_str(include_str!("fixtures/optimizers.json")).expect("the fixture");
    let weight = |weight: &Weight| WeightInfo { name: weight.name.clone(), shape: weight.shape.clone() };
    let infos = fixture.weights.iter().map(weight).collect::<Vec<_>>();
    assert!(fixture.variants.len() >= 4 && fixture.steps.len() == 20, "the fixture shrank");
    let ways = [Kernels::Own, Kernels::Composed];
    for (variant, way) in fixture.variants.iter().flat_map(|variant| ways.map(|way| (variant, way))) {
        let config = &variant.optimizer;
        let groups = infos.iter().map(|info| decays(config, info)).collect::<Vec<_>>();
        assert_eq!(groups, variant.decays, "{}", variant.name);
        let mut optimizer = Optimizer::new(config, &infos, &Device::flex(), way);
        let mut weights = fixture.start.iter().map(|values| tensor(values)).collect::<Vec<_>>();
        for (index, step) in fixture.steps.iter().enumerate() {
            let gradients = step.gradients.iter().map(|values| tensor(values)).collect::<Vec<_>>();
            let sums = squared_sums(&gradients, way).into_data().try_to_vec::<f32>().expect("floats");
            let norm = global_norm(&sums);
            assert!((norm - step.norm).abs() < 1e-6 * step.norm, "{norm} where the reference has {}", step.norm);
            let factor = clip_factor(norm, config.clip_norm);
            assert!((factor - step.scale).abs() < 1e-6, "{factor} where the reference has {}", step.scale);
            weights = update(&mut optimizer, weights, gradients, Update { lr: step.lr, clip_factor: factor });
            for (info, (found, wanted)) in infos.iter().zip(weights.iter().zip(&variant.float64.weights[index])) {
                assert_close(&format!("{}, step {index}, {}", variant.name, info.name), found, wanted);
            }
        }
        let (first, second) = optimizer.moments();
        for (key, moments) in [("first", first), ("second", second)] {
            let wanted: Vec<Vec<f64>> =
                serde_json::from_value(variant.float64.last_step[key].clone()).expect("moments");
            for (found, wanted) in moments.iter().zip(&wanted) {
                assert_close(&format!("{}, {key}", variant.name), found, wanted);
            }
        }
    }
}

fn update(
    optimizer: &mut Optimizer,
    weights: Vec<Tensor<1>>,
    gradients: Vec<Tensor<1>>,
    now: Update,
) -> Vec<Tensor<1>> {
    optimizer.begin();
    let pairs = weights.into_iter().zip(gradients).enumerate();
    pairs.map(|(index, (weight, gradient))| optimizer.apply(index, weight, gradient, now)).collect()
}

#[test]
fn restored_moments_go_on_as_if_never_stopped() {
    let infos = [WeightInfo { name: "layers.0.weight".into(), shape: vec![2, 2] }];
    let config = OptimizerConfig::default();
    let gradient = || vec![tensor(&[0.1, -0.2, 0.3, 0.4])];
    let mut whole = Optimizer::new(&config, &infos, &Device::flex(), Kernels::Own);
    let now = Update { lr: 0.01, clip_factor: 1.0 };
    let weights = update(&mut whole, vec![tensor(&[1.0, 2.0, 3.0, 4.0])], gradient(), now);
    let mut resumed = Optimizer::new(&config, &infos, &Device::flex(), Kernels::Own);
    let (first, second) = whole.moments();
    resumed.restore(first.to_vec(), second.to_vec(), whole.updates());
    let a = update(&mut whole, weights.clone(), gradient(), now);
    let b = update(&mut resumed, weights, gradient(), now);
    a[0].clone().into_data().assert_eq(&b[0].clone().into_data(), true);
}

#[test]
fn clipping_is_off_at_zero_and_bites_above_the_norm_only() {
    assert_eq!(clip_factor(1e9, 0.0), 1.0);
    assert_eq!(clip_factor(0.5, 1.0), 1.0);
    assert!((clip_factor(4.0, 1.0) - 0.25).abs() < 1e-6);
    assert!(!global_norm(&[1.0, f32::NAN]).is_finite() && !global_norm(&[f32::INFINITY]).is_finite());
}
