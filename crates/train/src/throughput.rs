//! How fast training goes: the loop's own forward, backward and update on made-up tokens, timed.

use std::time::Instant;

use burn::tensor::{Distribution, Tensor};
use case::{EncoderConfig, OptimizerConfig};
use corpus::{Batch, MaskKind, Purpose, stream};
use encoder::{HeadKind, Model};
use kernels::DropSource;
use optim::{LossScaler, Optimizer};
use rand_chacha::{ChaCha8Rng, rand_core::Rng};
use serde::Serialize;

use crate::{
    TrainError,
    device::Place,
    forward::{forward, read_floats},
    machine::peak_memory_bytes,
    session::weight_infos,
    update::{Stride, gradients_of, loss_scale, note, queue},
};

/// Ids before this are special tokens; 4 is `[MASK]`, 0 padding.
const SPECIALS: usize = 5;
const MASK: i32 = 4;

/// What to time.
#[derive(Debug, Clone)]
pub struct Throughput {
    /// The encoder; rows are `seq_len` long.
    pub model: EncoderConfig,
    /// Words V.
    pub vocab_size: usize,
    /// Rows per update.
    pub batch_size: usize,
    /// Share of a row's tokens that is scored.
    pub mask_prob: f64,
    /// Rows are of random lengths from here to `seq_len`.
    pub min_len: usize,
    /// The update rule.
    pub optimizer: OptimizerConfig,
    /// Updates.
    pub steps: usize,
    /// Of them, updates that are not timed.
    pub warmup_steps: usize,
    /// Of the made-up tokens, masks and first weights.
    pub seed: u64,
}

/// What was timed; names as the PyTorch peers print them.
#[derive(Debug, Clone, Serialize)]
pub struct Timed {
    /// Updates behind the figures.
    pub steps_timed: usize,
    /// Of an update, data included.
    pub step_seconds: Seconds,
    /// Parts of the median update: batch and forward, backward, norm and update; each the median of its own.
    pub phase_seconds: [f64; 3],
    /// Rows times their full length over the median update: padding counts, as it does for the peers.
    pub tokens_per_second: f64,
    /// The process's largest resident size.
    pub peak_memory_bytes: Option<u64>,
    /// Weights.
    pub parameters: usize,
    /// Seconds until the first update was done: kernels are compiled in it.
    pub first_step_seconds: f64,
    /// The largest rate of a plain matrix product here, `[2048, 512] · [512, 2048]`: what no trainer can pass.
    pub product_flops_per_second: f64,
    /// Nats per scored token at each update.
    pub loss: Vec<f64>,
}

/// Of several times.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Seconds {
    /// The middle one.
    pub median: f64,
    /// The shortest.
    pub min: f64,
    /// The longest.
    pub max: f64,
}

/// Trains on made-up tokens and times each update.
///
/// # Errors
/// [`TrainError::Device`] where the device fails, [`TrainError::ReplayDiverged`] where a gradient is not finite.
pub fn throughput(what: &Throughput, place: &Place) -> Result<Timed, TrainError> {
    let began = Instant::now();
    let mut model = Model::init(
        &what.model,
        what.vocab_size,
        HeadKind::Words,
        |name| stream(what.seed, Purpose::Init, 0, name.bytes().map(u64::from).sum()),
        &place.autodiff(),
    );
    let infos = weight_infos(&model);
    let mut optimizer = Optimizer::new(&what.optimizer, &infos, &place.plain(), place.kernels());
    let mut scaler = LossScaler::new(place.precision());
    let (mut laps, mut loss, mut first) = (Vec::new(), Vec::new(), 0.0);
    for step in 0..what.steps {
        let started = Instant::now();
        let batch = made_up(what, step as u64);
        let drop =
            DropSource { key: stream(what.seed, Purpose::Dropout, step as u64, 0).next_u64(), on_host: place.is_cpu() };
        let scale = loss_scale(&scaler);
        let pass = forward(&model, &batch, place, &place.autodiff(), Some(drop), scale / batch.labels.len() as f64);
        let forward_done = started.elapsed().as_secs_f64();
        let gradients = gradients_of(&model, &mut pass.loss.backward());
        let backward_done = started.elapsed().as_secs_f64();
        let stride = Stride {
            lr: 1e-4,
            clip_norm: what.optimizer.clip_norm,
            loss_scale: scale,
            on_device: place.clips(),
            rates: None,
        };
        let queued = queue(model, &mut optimizer, gradients, stride)?;
        let nll = pass.outcome.read()?.nll;
        let done = queued.read(&mut optimizer)?;
        if !note(&mut scaler, done.gradient.is_some()) {
            return Err(TrainError::ReplayDiverged { step });
        }
        model = done.model;
        loss.push(nll.iter().map(|nats| f64::from(*nats)).sum::<f64>() / nll.len() as f64);
        let all = started.elapsed().as_secs_f64();
        if step == 0 {
            first = began.elapsed().as_secs_f64();
        }
        if step >= what.warmup_steps {
            laps.push([all, forward_done, backward_done - forward_done, all - backward_done]);
        }
    }
    let of = |part: usize| {
        let mut sorted = laps.iter().map(|lap| lap[part]).collect::<Vec<_>>();
        sorted.sort_by(f64::total_cmp);
        Seconds {
            median: journal::quantile(&sorted, 0.5).unwrap_or(f64::NAN),
            min: sorted.first().copied().unwrap_or(f64::NAN),
            max: sorted.last().copied().unwrap_or(f64::NAN),
        }
    };
    Ok(Timed {
        steps_timed: laps.len(),
        step_seconds: of(0),
        phase_seconds: [of(1).median, of(2).median, of(3).median],
        tokens_per_second: (what.batch_size * what.model.seq_len) as f64 / of(0).median,
        peak_memory_bytes: peak_memory_bytes(),
        parameters: infos.iter().map(|info| info.shape.iter().product::<usize>()).sum(),
        first_step_seconds: first,
        product_flops_per_second: product_rate(place)?,
        loss,
    })
}

/// The best of twenty plain matrix products, floating-point operations per second.
fn product_rate(place: &Place) -> Result<f64, TrainError> {
    let [rows, inner, columns] = [2048, 512, 2048];
    let random = |shape: [usize; 2]| Tensor::<2>::random(shape, Distribution::Normal(0.0, 1.0), &place.plain());
    let (a, b) = (random([rows, inner]), random([inner, columns]));
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        let started = Instant::now();
        let product = a.clone().matmul(b.clone());
        read_floats(product.narrow(0, 0, 1).narrow(1, 0, 1).reshape([1]))?; // waits for the device
        best = best.min(started.elapsed().as_secs_f64());
    }
    Ok((2 * rows * inner * columns) as f64 / best)
}

/// A batch of words drawn by a law like Zipf's, so that the loss has something to learn; the same share of every row is
/// scored, as the peers do it.
fn made_up(what: &Throughput, step: u64) -> Batch {
    let (rows, width) = (what.batch_size, what.model.seq_len);
    let mut rng = stream(what.seed, Purpose::Masks, step, 0);
    let lengths = (0..rows).map(|_| what.min_len + below(&mut rng, width - what.min_len + 1)).collect::<Vec<_>>();
    let words = (what.vocab_size - SPECIALS) as f64;
    let mut input_ids = vec![0i32; rows * width];
    let (mut positions, mut labels) = (Vec::new(), Vec::new());
    let scored = ((what.mask_prob * what.min_len as f64).round() as usize).max(1);
    for (row, length) in lengths.iter().enumerate() {
        for at in 0..*length {
            let word = (words.powf(unit(&mut rng)) - 1.0) as i32 + SPECIALS as i32;
            input_ids[row * width + at] = word.min(what.vocab_size as i32 - 1);
        }
        for at in chosen(&mut rng, *length, scored) {
            let place = row * width + at;
            positions.push(place as i32);
            labels.push(input_ids[place]);
            input_ids[place] = match below(&mut rng, 10) {
                0 => input_ids[place],
                1 => (SPECIALS + below(&mut rng, what.vocab_size - SPECIALS)) as i32,
                _ => MASK,
            };
        }
    }
    Batch {
        step,
        epoch: 0,
        rows: (0..rows as u64).collect(),
        width,
        real_tokens: lengths.iter().map(|length| *length as u64).sum(),
        lengths: lengths.iter().map(|length| *length as u32).collect(),
        boxes: Vec::new(),
        input_ids,
        kinds: vec![MaskKind::Mask; positions.len()],
        corpora: vec![0; positions.len()],
        positions,
        labels,
        mask_hash: 0,
    }
}

/// `count` different places below `length`, ascending.
fn chosen(rng: &mut ChaCha8Rng, length: usize, count: usize) -> Vec<usize> {
    let mut places = (0..length).collect::<Vec<_>>();
    for at in 0..count {
        places.swap(at, at + below(rng, length - at));
    }
    places.truncate(count);
    places.sort_unstable();
    places
}

fn below(rng: &mut ChaCha8Rng, limit: usize) -> usize {
    (rng.next_u64() % limit as u64) as usize
}

fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}
