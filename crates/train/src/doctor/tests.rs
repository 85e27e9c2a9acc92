//! The doctor finds what is wrong and nothing else.

use case::{Activation, EncoderConfig, Kernels, NormPlacement, PositionKind, Precision};

use super::{
    compare::compare,
    diagnose,
    trace::{Trace, trace},
};
use crate::device::Place;

#[test]
fn the_cpu_agrees_with_itself_to_the_bit() {
    let cpu = Place::open("cpu", Kernels::Composed).expect("every machine has one");
    let diagnosis = diagnose(&cpu, &EncoderConfig::default()).expect("a diagnosis");
    assert!(diagnosis.passed() && diagnosis.checks.len() > 70, "{:?}", diagnosis.failures());
    assert!(diagnosis.checks.iter().all(|check| check.difference == 0.0));
    assert!(diagnosis.losses_cpu[9] < diagnosis.losses_cpu[0], "ten updates on one batch must help");
}

#[test]
fn own_kernels_agree_with_the_framework_in_every_form_of_the_encoder() {
    let own = Place::open("cpu", Kernels::Own).expect("every machine has one");
    let base = EncoderConfig { attention_dropout: Some(0.2), residual_dropout: Some(0.1), ..EncoderConfig::default() };
    let forms = [
        EncoderConfig { norm: NormPlacement::Post, position: PositionKind::Learned, ..base.clone() },
        EncoderConfig { norm: NormPlacement::Pre, position: PositionKind::Rotary, ..base.clone() },
        EncoderConfig { activation: Activation::Geglu, hidden_dropout: Some(0.1), ..base.clone() },
        EncoderConfig { activation: Activation::Relu, position: PositionKind::Sinusoidal, ..base.clone() },
        EncoderConfig { activation: Activation::Silu, scale_embeddings: true, tied_output: false, ..base.clone() },
        EncoderConfig { head_transform: true, output_bias: false, embedding_norm: true, ..base.clone() },
        EncoderConfig { segments: 2, embedding_width: Some(48), ..base.clone() },
        EncoderConfig {
            biases: false,
            first_norm: false,
            position: PositionKind::Rotary,
            rotary_base: 160_000.0,
            local_window: Some(10),
            global_every: 2,
            local_rotary_base: Some(1e4),
            activation: Activation::Geglu,
            ..base
        },
    ];
    for form in forms {
        let diagnosis = diagnose(&own, &form).expect("a diagnosis");
        assert!(diagnosis.passed(), "{form:?}: {:?}", diagnosis.failures());
        assert!(diagnosis.checks.iter().any(|check| check.difference > 0.0), "not the framework against itself");
    }
}

#[test]
fn products_of_sixteen_bits_agree_within_their_rounding() {
    for precision in [Precision::F16, Precision::Bf16] {
        let cpu = Place::open("cpu", Kernels::Composed).expect("every machine has one");
        let cpu = cpu.in_precision(precision).expect("the framework computes in 16 bits on the CPU");
        let diagnosis = diagnose(&cpu, &EncoderConfig::default()).expect("a diagnosis");
        assert!(diagnosis.passed(), "{precision:?}: {:?}", diagnosis.failures());
        assert!(diagnosis.checks.iter().any(|check| check.difference > 1e-4), "{precision:?} is fp32");
    }
}

#[test]
fn products_of_zero_a_thousandfold_gradient_and_nan_are_found() {
    let cpu = Place::open("cpu", Kernels::Composed).expect("every machine has one");
    let right = trace(&cpu, &EncoderConfig::default()).expect("a trace");
    let faults: [fn(&mut Trace); 3] = [
        |trace| trace.gradients[8].1.fill(0.0),
        |trace| trace.gradients[3].1.iter_mut().for_each(|value| *value *= 1000.0),
        |trace| trace.weights[0].1[5] = f32::NAN,
    ];
    for fault in faults {
        let mut wrong =
            Trace { losses: right.losses.clone(), gradients: right.gradients.clone(), weights: right.weights.clone() };
        fault(&mut wrong);
        assert_eq!(compare(&right, &wrong, Precision::Fp32).failures().len(), 1);
    }
}
