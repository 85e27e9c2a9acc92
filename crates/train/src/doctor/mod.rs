//! Does a device compute what the framework computes on the CPU?
//!
//! A device can compute nothing and say nothing: the loss even falls. So a tiny encoder is trained on it, by the kernels a
//! run would use, and on the CPU by the framework's operations, from the same weights on the same batch with the same
//! dropout, and everything is compared.

use std::{
    fs,
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use burn::tensor::Tensor;
use case::{EncoderConfig, Kernels, OptimizerConfig, Precision};
use corpus::{Batch, MaskKind, Purpose, stream};
use encoder::{MaskedLm, flat_weights};
use kernels::DropSource;
use optim::Optimizer;
use rand_chacha::rand_core::Rng;

use crate::{
    TrainError,
    device::{PROBE_THREAD, Place},
    forward::{forward, read_floats},
    session::weight_infos,
    update::{Stride, apply, gradients_of},
};

/// Updates that are compared.
const STEPS: usize = 10;
/// Largest relative difference of a loss. Sums of f32 in another order differ by some 1e-7 each; ten updates carry on what
/// they differ by.
const LOSS_TOLERANCE: f64 = 1e-3;
/// Largest difference of a gradient's values as a share of that gradient's largest.
const GRADIENT_TOLERANCE: f64 = 1e-3;
/// Largest difference of a weight after all updates, as a share of how far the weights moved at most. Adam divides by the
/// gradient's size, so a gradient of rounding errors alone still moves its weight by a whole step: such weights are few,
/// and their mean difference is held, not their largest.
const WEIGHT_TOLERANCE: f64 = 2e-2;

/// What the loss is multiplied by in f16: far from its largest number, and no gradient of the tiny encoder vanishes.
const LOSS_SCALE: f64 = 1024.0;

const VOCAB: usize = 500;
const ROWS: usize = 4;
const TOKENS: usize = 32;
const SCORED: usize = 19;
const RATE: f64 = 1e-3;

/// One comparison.
#[derive(Debug, Clone)]
pub struct Check {
    /// What was compared.
    pub what: String,
    /// How far the two are apart, as a share.
    pub difference: f64,
    /// How far they may be.
    pub allowed: f64,
}

impl Check {
    /// Whether the device agrees with the CPU here. Not a number never does.
    pub fn passed(&self) -> bool {
        self.difference <= self.allowed
    }
}

/// What the doctor found on a device.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    /// Every comparison: the loss of each step, each gradient of the first two, each weight after the last.
    pub checks: Vec<Check>,
    /// Loss of each step on the CPU.
    pub losses_cpu: Vec<f64>,
    /// Loss of each step on the device.
    pub losses_device: Vec<f64>,
}

impl Diagnosis {
    /// Whether all comparisons hold.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(Check::passed)
    }

    /// The comparisons that do not hold.
    pub fn failures(&self) -> Vec<&Check> {
        self.checks.iter().filter(|check| !check.passed()).collect()
    }
}

/// What one device made of the tiny encoder.
struct Trace {
    losses: Vec<f64>,
    /// Of the first step, with dropout, then of the second, with padding, by name.
    gradients: Vec<(String, Vec<f32>)>,
    /// After the last step, by name.
    weights: Vec<(String, Vec<f32>)>,
}

/// Trains a tiny encoder with the operations of `model` on the CPU and on `place`, and compares.
///
/// # Errors
/// [`TrainError::Device`] where the device fails outright.
pub fn diagnose(place: &Place, model: &EncoderConfig) -> Result<Diagnosis, TrainError> {
    let cpu = trace(&Place::open("cpu", Kernels::Composed)?, model)?;
    let device = in_time(place.clone(), model.clone())?;
    Ok(compare(&cpu, &device, place.precision()))
}

/// How long a device may take. A software GPU on two busy cores took 80 s; a driver that died never answers.
const LIMIT: Duration = Duration::from_secs(300);

/// The device's trace, or an error where it panics or does not answer: its threads may be gone, and then nothing returns.
fn in_time(place: Place, model: EncoderConfig) -> Result<Trace, TrainError> {
    let (send, answer) = mpsc::channel();
    let work = move || {
        // Nobody may be waiting any more.
        let _ = send.send(trace(&place, &model));
    };
    let failed = |cause: &str| TrainError::Device { cause: cause.into() };
    thread::Builder::new().name(PROBE_THREAD.into()).spawn(work).map_err(|_| failed("no thread could be started"))?;
    match answer.recv_timeout(LIMIT) {
        Ok(trace) => trace,
        Err(RecvTimeoutError::Timeout) => Err(failed("it gave no answer in five minutes")),
        Err(RecvTimeoutError::Disconnected) => Err(failed("a kernel panicked")),
    }
}

fn compare(cpu: &Trace, device: &Trace, precision: Precision) -> Diagnosis {
    let mut checks = Vec::new();
    // A device whose gradient is not finite stops early: its missing steps are differences, not agreement.
    let missing = (cpu.losses.len() - device.losses.len() + cpu.weights.len() - device.weights.len()) as f64;
    checks.push(Check { what: "steps made".into(), difference: missing, allowed: 0.0 });
    for (step, (a, b)) in cpu.losses.iter().zip(&device.losses).enumerate() {
        let check =
            Check { what: format!("loss of step {step}"), difference: ((a - b) / a).abs(), allowed: LOSS_TOLERANCE };
        checks.push(check);
    }
    for ((name, a), (_, b)) in cpu.gradients.iter().zip(&device.gradients) {
        let difference = largest_difference(a, b) / largest(a).max(f64::MIN_POSITIVE);
        checks.push(Check { what: format!("gradient of {name}"), difference, allowed: gradient_tolerance(precision) });
    }
    let moved = RATE * STEPS as f64;
    for ((name, a), (_, b)) in cpu.weights.iter().zip(&device.weights) {
        let mean = a.iter().zip(b).map(|(a, b)| f64::from(a - b).abs()).sum::<f64>() / a.len() as f64;
        let what = format!("{name} after {STEPS} steps");
        checks.push(Check { what, difference: mean / moved, allowed: WEIGHT_TOLERANCE });
    }
    Diagnosis { checks, losses_cpu: cpu.losses.clone(), losses_device: device.losses.clone() }
}

/// [`GRADIENT_TOLERANCE`], and three times what rounding the products moved a gradient by on the CPU: 0.007 in f16, 0.02 in
/// bf16. Losses and weights stayed within what fp32 may.
fn gradient_tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::Fp32 => GRADIENT_TOLERANCE,
        Precision::F16 => 2e-2,
        Precision::Bf16 => 6e-2,
    }
}

fn largest(values: &[f32]) -> f64 {
    values.iter().fold(0.0, |largest, value| f64::from(value.abs()).max(largest))
}

/// The largest difference; not a number where one of the values is not.
fn largest_difference(a: &[f32], b: &[f32]) -> f64 {
    let differences = a.iter().zip(b).map(|(a, b)| f64::from(a - b).abs());
    differences.fold(0.0, |largest, one| if one.is_nan() || one > largest { one } else { largest })
}

/// The operations of `model`, in a tiny shape.
fn tiny(model: &EncoderConfig) -> EncoderConfig {
    EncoderConfig { d_model: 64, h: 4, ff: 128, n_layers: 2, seq_len: TOKENS, dropout: 0.1, ..model.clone() }
}

fn trace(place: &Place, model: &EncoderConfig) -> Result<Trace, TrainError> {
    let (full, padded) = batches();
    let mut model =
        MaskedLm::init(&tiny(model), VOCAB, |name| stream(1, Purpose::Init, 1, name_index(name)), &place.autodiff());
    let config = OptimizerConfig::default();
    let mut optimizer = Optimizer::new(&config, &weight_infos(&model), &place.plain(), place.kernels());
    let loss_scale = if place.precision() == Precision::F16 { LOSS_SCALE } else { 1.0 };
    let stride = Stride { lr: RATE, clip_norm: config.clip_norm, loss_scale };
    let (mut losses, mut first_gradients) = (Vec::new(), Vec::new());
    for step in 0..STEPS {
        // Dropout and padding in turn: kernels that leave padding out count the elements they drop without it.
        let drop = DropSource { key: step as u64, on_host: place.is_cpu() };
        let (batch, drop) = if step % 2 == 0 { (&full, Some(drop)) } else { (&padded, None) };
        let loss = forward(&model, batch, place, &place.autodiff(), drop, stride.loss_scale / SCORED as f64).loss;
        losses.push(f64::from(read_floats(loss.clone().without_autodiff())?[0]) / stride.loss_scale);
        let gradients = gradients_of(&model, &mut loss.backward());
        if step < 2 {
            let unscaled = |gradient: &Tensor<1>| gradient.clone() / stride.loss_scale;
            first_gradients.extend(named(&model, gradients.iter().map(unscaled).collect())?);
        }
        let done = apply(model, &mut optimizer, gradients, stride)?;
        model = done.model;
        if done.gradient.is_none() {
            // The loss of this step, which is compared, is not finite either, or the next trace is too short to agree.
            return Ok(Trace { losses, gradients: first_gradients, weights: Vec::new() });
        }
    }
    let weights = flat_weights(&model).into_iter().map(|flat| flat.values).collect();
    Ok(Trace { losses, gradients: first_gradients, weights: named(&model, weights)? })
}

/// A batch of full rows, and the same with padding at the rows' ends.
fn batches() -> (Batch, Batch) {
    let mut rng = stream(1, Purpose::Init, 0, 1);
    let mut below = |limit: usize| (rng.next_u64() % limit as u64) as i32;
    let input_ids = (0..ROWS * TOKENS).map(|_| below(VOCAB)).collect::<Vec<_>>();
    let labels = (0..SCORED).map(|_| below(VOCAB)).collect::<Vec<_>>();
    let full = Batch {
        step: 0,
        epoch: 0,
        rows: (0..ROWS as u64).collect(),
        width: TOKENS,
        lengths: vec![TOKENS as u32; ROWS],
        real_tokens: (ROWS * TOKENS) as u64,
        input_ids,
        // In the first half of a row: padding begins behind it.
        positions: (0..SCORED).map(|at| (at % ROWS * TOKENS + at / ROWS) as i32).collect(),
        labels,
        kinds: vec![MaskKind::Mask; SCORED],
        corpora: vec![0; SCORED],
        mask_hash: 0,
    };
    let lengths = (0..ROWS).map(|row| (TOKENS - 1 - 3 * row) as u32).collect::<Vec<_>>();
    let real_tokens = lengths.iter().map(|length| u64::from(*length)).sum();
    let padded = Batch { lengths, real_tokens, ..full.clone() };
    (full, padded)
}

fn name_index(name: &str) -> u64 {
    name.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

fn named(model: &MaskedLm, values: Vec<Tensor<1>>) -> Result<Vec<(String, Vec<f32>)>, TrainError> {
    flat_weights(model).into_iter().zip(values).map(|(flat, values)| Ok((flat.name, read_floats(values)?))).collect()
}

/// What to try when a device computes wrongly, best first.
pub fn ways_out() -> String {
    let mut ways = Vec::new();
    if cfg!(feature = "spirv") {
        ways.push("build without the feature `spirv`, so that shaders go through WGSL");
    }
    ways.extend([
        "kernels = \"composed\" in [train], so that only the framework's kernels run",
        "set CUBECL_AUTOTUNE_LEVEL=minimal, so that fewer kernels are tried",
        "take `fusion` or `autotune` off Burn's features in Cargo.toml and build again",
        "install a newer driver",
        "device = \"cpu\"",
    ]);
    ways.join("; ")
}

/// Refuses a device that computes wrongly; one that passed is not examined again by the same program on this machine.
///
/// # Errors
/// [`TrainError::DeviceWrong`] with the first difference and the ways out; [`TrainError::Device`] where it fails outright.
pub(crate) fn check_once(place: &Place, model: &EncoderConfig, cache: &Path) -> Result<(), TrainError> {
    if place.is_cpu() {
        return Ok(());
    }
    let (version, way) = (env!("CARGO_PKG_VERSION"), (place.kernels(), place.precision()));
    let examined = format!("{version} {} {way:?} {:?}", place.description, tiny(model));
    let name = blake3::hash(examined.as_bytes()).to_hex();
    let passed = cache.join("doctor").join(&name.as_str()[..16]);
    if passed.exists() {
        return Ok(());
    }
    let diagnosis = diagnose(place, model)?;
    if let Some(worst) = diagnosis.failures().first() {
        return Err(TrainError::DeviceWrong {
            word: place.word.clone(),
            description: place.description.clone(),
            finding: format!(
                "the {} is {:.1e} of its size away from the CPU's (allowed {:.0e})",
                worst.what, worst.difference, worst.allowed
            ),
            ways: ways_out(),
        });
    }
    let folder = cache.join("doctor");
    fs::create_dir_all(&folder).map_err(|cause| TrainError::Write { path: folder, cause })?;
    Ok(journal::write_atomically(&passed, place.description.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use case::{Activation, EncoderConfig, Kernels, NormPlacement, PositionKind, Precision};

    use super::{Trace, compare, diagnose, trace};
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
        let base =
            EncoderConfig { attention_dropout: Some(0.2), residual_dropout: Some(0.1), ..EncoderConfig::default() };
        let forms = [
            EncoderConfig { norm: NormPlacement::Post, position: PositionKind::Learned, ..base.clone() },
            EncoderConfig { norm: NormPlacement::Pre, position: PositionKind::Rotary, ..base.clone() },
            EncoderConfig { activation: Activation::Geglu, hidden_dropout: Some(0.1), ..base.clone() },
            EncoderConfig { activation: Activation::Relu, position: PositionKind::Sinusoidal, ..base.clone() },
            EncoderConfig { activation: Activation::Silu, scale_embeddings: true, tied_output: false, ..base.clone() },
            EncoderConfig { head_transform: true, output_bias: false, embedding_norm: true, ..base },
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
            let mut wrong = Trace {
                losses: right.losses.clone(),
                gradients: right.gradients.clone(),
                weights: right.weights.clone(),
            };
            fault(&mut wrong);
            assert_eq!(compare(&right, &wrong, Precision::Fp32).failures().len(), 1);
        }
    }
}
