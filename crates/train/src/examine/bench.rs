//! What checks stand on: the case as it would be trained, its first model, and the time there is.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use burn::module::Module;
use case::EncoderConfig;
use encoder::Model;
use journal::StartInfo;
use optim::Optimizer;

use crate::{
    TrainError,
    batch::{Lesson, Rows},
    forward::{forward, forward_labels, read_floats},
    session::{Spec, fresh_optimizer},
    setup::{Setup, Work},
    start::first_model,
    state::State,
    tally::Tally,
    update::{Update, update},
};

/// The time there is for all checks together.
pub(super) struct Clock<'a> {
    started: Instant,
    limit: Duration,
    stop: &'a AtomicBool,
}

impl<'a> Clock<'a> {
    pub(super) fn start(minutes: f64, stop: &'a AtomicBool) -> Self {
        Self { started: Instant::now(), limit: Duration::from_secs_f64(60.0 * minutes), stop }
    }

    /// Set where it was asked to stop.
    pub(super) fn stop(&self) -> &AtomicBool {
        self.stop
    }

    /// Seconds gone.
    pub(super) fn gone(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Seconds there are in all.
    pub(super) fn limit(&self) -> f64 {
        self.limit.as_secs_f64()
    }

    /// Seconds left, at least 0.
    pub(super) fn left(&self) -> f64 {
        (self.limit() - self.gone()).max(0.0)
    }

    /// Why nothing more is to be done; none while there is time.
    pub(super) fn over(&self) -> Option<&'static str> {
        if self.stop.load(Ordering::Relaxed) {
            return Some("it was asked to stop");
        }
        (self.left() == 0.0).then_some("the time given with --minutes was over")
    }

    /// A moment by which so much of all time will have been spent from now on, at most all that is left.
    pub(super) fn deadline(&self, share: f64) -> Deadline<'_> {
        Deadline { clock: self, ends: self.gone() + (share * self.limit()).min(self.left()) }
    }
}

/// A moment that a check must not pass.
pub(super) struct Deadline<'a> {
    clock: &'a Clock<'a>,
    ends: f64,
}

impl Deadline<'_> {
    /// Seconds left, at least 0.
    pub(super) fn left(&self) -> f64 {
        (self.ends - self.clock.gone()).max(0.0)
    }

    pub(super) fn is_over(&self) -> bool {
        self.left() == 0.0 || self.clock.over().is_some()
    }
}

/// The case as it would be trained, and its first model.
pub(super) struct Bench<'a> {
    pub(super) setup: &'a Setup,
    /// As training begins with it.
    pub(super) model: Model,
    /// The same weights, with every dropout at 0.
    pub(super) still: Model,
    /// What it began from; none where it is drawn.
    pub(super) start: Option<StartInfo>,
    pub(super) pace: Pace,
    pub(super) clock: &'a Clock<'a>,
}

/// Seconds of updates here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Of [`FEW`] rows.
    pub(super) few: f64,
    /// Of the case's whole batch; estimated from the few where that alone takes long.
    pub(super) whole: f64,
}

impl Pace {
    /// Seconds of an update of `rows` rows, estimated; fewer rows save less than their share.
    pub(super) fn of(&self, rows: usize) -> f64 {
        self.few * (rows as f64 / FEW as f64).max(0.5)
    }
}

/// Rows that a device's pace is measured on.
pub(super) const FEW: usize = 4;

/// An update that takes longer is not made only to be timed.
const SLOW_S: f64 = 2.0;

impl<'a> Bench<'a> {
    /// Draws or reads the first model and times some updates, which are thrown away.
    pub(super) fn new(spec: &Spec, setup: &'a mut Setup, clock: &'a Clock<'a>) -> Result<Self, TrainError> {
        let (model, start) = first_model(spec, setup)?;
        let with_dropout = setup.config.model.clone();
        setup.config.model = without_dropout(&with_dropout);
        let still = first_model(spec, setup)?.0;
        setup.config.model = with_dropout;
        let pace = pace(setup, &model)?;
        Ok(Self { setup, model, still, start, pace, clock })
    }
}

fn without_dropout(model: &EncoderConfig) -> EncoderConfig {
    let zero = Some(0.0);
    EncoderConfig {
        dropout: 0.0,
        attention_dropout: zero,
        hidden_dropout: zero,
        residual_dropout: zero,
        ..model.clone()
    }
}

/// Times updates of a few rows, then of whole batches where these are not slow. The first of each compiles and allocates.
fn pace(setup: &Setup, model: &Model) -> Result<Pace, TrainError> {
    let timed = |rows: usize, times: u32| -> Result<f64, TrainError> {
        let (mut model, mut optimizer) = (model.clone(), fresh_optimizer(setup, model));
        let mut state = setup.fresh_state();
        let mut started = Instant::now();
        for step in 0..=times {
            if step == 1 {
                started = Instant::now();
            }
            let lesson = cut(setup, &Lesson::at(setup, u64::from(step)), rows);
            match update(setup, model, &mut optimizer, &lesson, 0.0, &mut state)? {
                Ok(done) => model = done.model,
                Err(_) => break, // the checks will find the same and say it
            }
        }
        Ok(started.elapsed().as_secs_f64() / f64::from(times))
    };
    let few = timed(FEW, 2)?;
    let batch_size = setup.config.train.batch_size;
    let estimated = few * (batch_size as f64 / FEW as f64).max(1.0);
    let whole = if estimated > SLOW_S { estimated } else { timed(batch_size, 3)? };
    Ok(Pace { few, whole })
}

/// The first rows of a batch.
pub(super) fn cut(setup: &Setup, lesson: &Lesson, rows: usize) -> Lesson {
    let rows = rows.min(lesson.rows.len());
    let sheet = match (&lesson.sheet, &setup.work) {
        (Rows::Words(batch), _) => Rows::Words(batch.split(rows.max(1)).swap_remove(0)),
        (Rows::Labels(batch), Work::Labels(labels)) => Rows::Labels(labels.batch(&batch.inputs[..rows])),
        (Rows::Labels(_), Work::Words(_)) => unreachable!("a run of words has batches of words"),
    };
    Lesson { step: lesson.step, epoch: lesson.epoch, rows: lesson.rows[..rows].to_vec(), sheet }
}

/// Nats of each scored position without dropout, class weights and smoothing: what validation would say of it.
pub(super) fn nats(model: &Model, setup: &Setup, rows: &Rows) -> Result<Vec<f64>, TrainError> {
    if rows.decisions(setup) == 0 {
        return Ok(Vec::new());
    }
    let (model, place, device) = (model.valid(), &setup.place, setup.place.plain());
    match (rows, &setup.work) {
        (Rows::Words(batch), _) => {
            let read = forward(&model, batch, place, &device, None, 1.0).outcome.read()?;
            Ok(read.nll.into_iter().map(f64::from).collect())
        }
        (Rows::Labels(batch), Work::Labels(labels)) => {
            let (_, logits) = forward_labels(&model, (batch, labels), place, &device, None, 1.0);
            let logits = read_floats(logits.reshape([-1]))?;
            let decided = labels.goal.decided(&logits, batch, &labels.train.truth);
            Ok(decided.into_iter().map(|decision| decision.nats).collect())
        }
        (Rows::Labels(_), Work::Words(_)) => unreachable!("a run of words has batches of words"),
    }
}

/// The loss that training lowers, per decision, without dropout.
pub(super) fn objective(model: &Model, setup: &Setup, rows: &Rows) -> Result<f64, TrainError> {
    let (model, place, device) = (model.valid(), &setup.place, setup.place.plain());
    let scale = 1.0 / rows.decisions(setup).max(1) as f64;
    let loss = match (rows, &setup.work) {
        (Rows::Words(batch), _) => forward(&model, batch, place, &device, None, scale).loss,
        (Rows::Labels(batch), Work::Labels(labels)) => {
            forward_labels(&model, (batch, labels), place, &device, None, scale).0
        }
        (Rows::Labels(_), Work::Words(_)) => unreachable!("a run of words has batches of words"),
    };
    Ok(f64::from(read_floats(loss)?[0]))
}

/// A model that has not learned yet, with its optimizer and the loop's state.
pub(super) struct Learner<'a> {
    setup: &'a Setup,
    pub(super) model: Model,
    optimizer: Optimizer,
    state: State,
}

impl<'a> Learner<'a> {
    pub(super) fn new(setup: &'a Setup, model: &Model) -> Self {
        let optimizer = fresh_optimizer(setup, model);
        Self { setup, model: model.clone(), optimizer, state: setup.fresh_state() }
    }

    /// Makes an update as training does; returns the learner after it and the batch's loss before it, none where loss or
    /// gradient were no numbers.
    pub(super) fn learn(mut self, lesson: &Lesson, lr: f64) -> Result<Option<(Self, f64)>, TrainError> {
        self.state.window.tally = Tally::new(self.setup.names().len());
        let done = update(self.setup, self.model, &mut self.optimizer, lesson, lr, &mut self.state)?;
        let Ok(Update { model, .. }) = done else { return Ok(None) };
        let loss = self.state.window.tally.all.loss();
        Ok(Some((Self { model, ..self }, loss)))
    }
}

/// The mean, and its standard error where there are two values or more.
pub(super) fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, (squares / (count - 1.0).max(1.0) / count).sqrt())
}
