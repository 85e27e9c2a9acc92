//! Fresh weights.

use burn::tensor::{Device, Tensor, TensorData};
use case::{EncoderConfig, InitKind};
use rand_chacha::{ChaCha8Rng, rand_core::Rng};

use crate::{Flat, Model, flat_weights, with_weights};

/// Deviation of BERT's weights.
///
/// # Source
/// Devlin et al. 2018's code, `initializer_range`.
const BERT_DEVIATION: f64 = 0.02;

/// Gives every weight its starting value.
pub(crate) fn fill(
    model: Model,
    config: &EncoderConfig,
    stream: impl Fn(&str) -> ChaCha8Rng,
    device: &Device,
) -> Model {
    let plain = device.clone().without_autodiff();
    let draw = |weight: &Flat| {
        let values = initial(weight, config, &mut stream(&weight.name));
        let count = values.len();
        Tensor::from_data(TensorData::new(values, [count]), &plain)
    };
    let values = flat_weights(&model).iter().map(draw).collect();
    with_weights(model, values)
}

/// Norm weights 1, biases 0, tables and matrices by `config.init`.
fn initial(weight: &Flat, config: &EncoderConfig, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let count = weight.shape.iter().product();
    match weight.shape[..] {
        [_] if weight.name.ends_with("norm.weight") => vec![1.0; count],
        [_] => vec![0.0; count],
        [rows, width] if weight.name.contains("embeddings.page") => smooth_table(rows, width, rng),
        _ if weight.name.contains("embeddings") || config.init == InitKind::Bert => {
            (0..count).map(|_| (BERT_DEVIATION * cut_normal(rng)) as f32).collect()
        }
        _ => {
            // Queries, keys and values are three maps in one matrix: each has a fan-out of D.
            let fan_out = if weight.name.ends_with("qkv.weight") { weight.shape[1] / 3 } else { weight.shape[1] };
            let limit = (6.0 / (weight.shape[0] + fan_out) as f64).sqrt();
            (0..count).map(|_| (limit * (2.0 * uniform(rng) - 1.0)) as f32).collect()
        }
    }
}

/// Longest and shortest wave of a table of page coordinates: twice a page, and a small letter.
const WAVES: [f64; 2] = [2_048.0, 16.0];

/// A table of page coordinates: in each column a wave of its own length and phase, so that coordinates near one another begin
/// alike. LayoutLM draws every row apart, but on a hundred pages few of a thousand coordinates are seen twice.
///
/// # Source
/// Rahimi and Recht 2007, "Random features for large-scale kernel machines"; lengths are drawn evenly on a logarithmic scale.
fn smooth_table(rows: usize, width: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut wave = |_| {
        let length = WAVES[0] * (WAVES[1] / WAVES[0]).powf(uniform(rng));
        [std::f64::consts::TAU / length, std::f64::consts::TAU * uniform(rng)]
    };
    let waves = (0..width).map(&mut wave).collect::<Vec<_>>();
    let amplitude = BERT_DEVIATION * std::f64::consts::SQRT_2; // the deviation of a sine is 1 / sqrt(2)
    let value = |row: usize, [rate, phase]: [f64; 2]| (amplitude * (rate * row as f64 + phase).sin()) as f32;
    (0..rows).flat_map(|row| waves.iter().map(move |wave| value(row, *wave))).collect()
}

/// Uniform in 0..1, 53 bits.
fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Standard normal, drawn again beyond two deviations (as TensorFlow's `truncated_normal`), by Box and Muller 1958.
fn cut_normal(rng: &mut ChaCha8Rng) -> f64 {
    loop {
        let radius = (-2.0 * (1.0 - uniform(rng)).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * uniform(rng)).cos();
        if normal.abs() <= 2.0 {
            return normal;
        }
    }
}
