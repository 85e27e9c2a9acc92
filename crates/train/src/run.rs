//! The loop.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use burn::module::Module;
use case::OptimizerKind;
use encoder::Model;
use journal::{Alert, CheckpointSaved, End, EpochEnd, Eval, Event, Log, LossScaling, Status};
use optim::Optimizer;

use crate::{
    Report, TrainError,
    batch::{Batches, Lesson, Rows},
    checkpoint,
    evaluate::{Evaluation, Split, evaluate, has},
    folder::RunFolder,
    notice::Notice,
    setup::{Setup, Work},
    state::{Best, EpochTally, State, Window},
    tally::kind_index,
    update::{Norm, Refusal, update},
};

/// Trains from `state` to the end of the plan, or until asked to stop; returns how it ended.
///
/// # Errors
/// [`TrainError`] where the record or a checkpoint cannot be written, or the device fails; `state` tells how far it came.
pub(crate) fn run(
    setup: &Setup,
    folder: &mut RunFolder,
    mut model: Model,
    mut optimizer: Optimizer,
    state: &mut State,
    stop: &AtomicBool,
    report: &mut dyn Report,
) -> Result<Status, TrainError> {
    let plan = &setup.plan;
    let mut batches = Batches::from(setup, state.step);
    let mut saved_at = (state.step > 0).then_some(state.step);
    let mut clock = Instant::now();
    loop {
        let step = state.step;
        let ended = step == plan.total_steps;

        // Evaluate: before the first update, every so often, and at the end.
        let mut improved = false;
        if (step.is_multiple_of(plan.eval_every) || ended) && state.evaluated != Some(step) {
            state.time_s += lap(&mut clock);
            if let Some(done) = evaluate(&model.valid(), setup, Split::Valid, stop, report)? {
                state.time_s += lap(&mut clock);
                if !done.is_finite() {
                    let text = format!("the validation loss of step {step} is {:e}", done.loss());
                    return diverge(folder, report, setup, state, text);
                }
                improved = note_evaluation(setup, state, &done);
                folder.room.best = state.best.map(|best| best.step);
                record(folder, report, setup, Event::Eval(done.event(setup, state, Split::Valid, improved)))?;
                if let Some(text) = collapse(setup, state, done.loss()) {
                    return give_up(folder, report, setup, state, "collapsed", text);
                }
            }
        }

        // Save: every so often, where the best evaluation was, at the end, and when asked to leave.
        let over = state.evaluated == Some(step) && (ended || lost_patience(setup, state));
        let asked = stop.load(Ordering::Relaxed);
        let due = step.is_multiple_of(plan.checkpoint_every) || over || asked;
        if step > 0 && (improved || (due && saved_at != Some(step))) {
            state.time_s += lap(&mut clock);
            match save(setup, folder, &model, &optimizer, state, report) {
                Err(error @ TrainError::NotFinite { .. }) => {
                    return diverge(folder, report, setup, state, format!("at step {step} {error}"));
                }
                saved => saved?,
            }
            saved_at = Some(step);
        }

        // End: with the test split, where all is done; at once where it was asked for.
        let finished = over && test(setup, folder, &model, state, stop, report)?;
        if finished || stop.load(Ordering::Relaxed) {
            let status = if finished { Status::Finished } else { Status::Stopped };
            state.time_s += lap(&mut clock);
            return end(folder, report, setup, state, status, reason(setup, state, finished));
        }

        // One update.
        let started = Instant::now();
        let waited_before = batches.waited();
        let lesson = batches.next(step);
        let lr = plan.schedule.lr_at(step);
        let done = match update(setup, model, &mut optimizer, &lesson, lr, state)? {
            Ok(done) => done,
            Err(refusal) => {
                state.time_s += lap(&mut clock);
                return diverge(folder, report, setup, state, refusal_text(&refusal, step, &lesson));
            }
        };
        model = done.model;
        state.step += 1;
        count(state, &lesson, done.gradient);
        state.window.seconds += started.elapsed().as_secs_f64();
        state.window.waited += batches.waited() - waited_before;
        state.time_s += lap(&mut clock);

        // Log.
        report.say(Notice::Step {
            step: state.step,
            total: plan.total_steps,
            seconds: started.elapsed().as_secs_f64(),
        });
        if state.step.is_multiple_of(plan.log_every) || state.step == plan.total_steps {
            record(folder, report, setup, Event::Log(log_event(setup, state, lr)))?;
            state.window = Window::new(setup.names().len());
        }
        if state.step.is_multiple_of(plan.steps_per_epoch) {
            if matches!(setup.work, Work::Words(_)) {
                record(folder, report, setup, Event::Epoch(epoch_event(state, plan.steps_per_epoch)))?;
            }
            state.epoch = EpochTally::default();
        }
    }
}

fn lap(clock: &mut Instant) -> f64 {
    let passed = clock.elapsed().as_secs_f64();
    *clock = Instant::now();
    passed
}

/// Writes an event to the journal, then shows it; so with the alerts that it gives reason to.
pub(crate) fn record(
    folder: &mut RunFolder,
    report: &mut dyn Report,
    setup: &Setup,
    event: Event,
) -> Result<(), TrainError> {
    append(folder, report, &event)?;
    report.say(Notice::Event { event: &event, baselines: &setup.baselines });
    for alert in folder.lookout.see(&event) {
        let event = Event::Alert(alert);
        append(folder, report, &event)?;
        report.say(Notice::Event { event: &event, baselines: &setup.baselines });
    }
    Ok(())
}

/// More than a line of the journal takes.
const LINE_BYTES: u64 = 16 << 10;

fn append(folder: &mut RunFolder, report: &mut dyn Report, event: &Event) -> Result<(), TrainError> {
    folder.written(event.step(), LINE_BYTES, report, |_, journal| Ok(journal.append(event)?))
}

/// Remembers an evaluation; true where it is the best so far.
fn note_evaluation(setup: &Setup, state: &mut State, done: &Evaluation) -> bool {
    state.evaluated = Some(state.step);
    if state.step == 0 && matches!(setup.work, Work::Labels(_)) {
        return false; // no checkpoint, and with few examples chance alone may score well
    }
    let (value, improved) = done.is_better_than(setup, state.best.map(|best| best.value));
    if improved {
        state.best = Some(Best { step: state.step, value });
    }
    state.worse = if improved { 0 } else { state.worse + 1 };
    improved
}

/// Whether so many validations in a row were no better that the case wants to end.
fn lost_patience(setup: &Setup, state: &State) -> bool {
    let patience = setup.config.finetune.patience;
    matches!(setup.work, Work::Labels(_)) && patience > 0 && state.worse >= patience
}

/// Why a run ends, in words.
fn reason(setup: &Setup, state: &State, finished: bool) -> String {
    match finished {
        false => "asked to stop".into(),
        true if state.step < setup.plan.total_steps => {
            let by = setup.config.best_by().name();
            format!("{} validations in a row had no better {by} (`patience` in [finetune])", state.worse)
        }
        true => "all steps done".into(),
    }
}

fn save(
    setup: &Setup,
    folder: &mut RunFolder,
    model: &Model,
    optimizer: &Optimizer,
    state: &State,
    report: &mut dyn Report,
) -> Result<(), TrainError> {
    let started = Instant::now();
    let best = state.best.is_some_and(|best| best.step == state.step);
    let size = checkpoint::size(model);
    let (saved, bytes) =
        folder.written(state.step, size, report, |run, _| checkpoint::save(run, model, optimizer, state))?;
    let name = saved.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let duration_s = started.elapsed().as_secs_f64();
    let event = CheckpointSaved { step: state.step, folder: name, best, bytes, duration_s };
    record(folder, report, setup, Event::Checkpoint(event))?;
    let (keep, best) = (setup.plan.keep_checkpoints, state.best.map(|best| best.step));
    folder.written(state.step, 0, report, |run, _| checkpoint::thin(run, keep, best))
}

/// Evaluates on the test split, where there is one, once; false where it was asked to stop on the way. Of labelled examples
/// it is the best checkpoint that is tested, of text the last.
fn test(
    setup: &Setup,
    folder: &mut RunFolder,
    model: &Model,
    state: &State,
    stop: &AtomicBool,
    report: &mut dyn Report,
) -> Result<bool, TrainError> {
    if !has(setup, Split::Test) {
        return Ok(true);
    }
    let best = match &setup.work {
        Work::Words(_) => None,
        Work::Labels(_) => best_model(setup, folder, model, state)?,
    };
    let (model, step) = best.unwrap_or_else(|| (model.clone(), state.step));
    let Some(done) = evaluate(&model.valid(), setup, Split::Test, stop, report)? else { return Ok(false) };
    let event = Eval { step, ..done.event(setup, state, Split::Test, false) };
    record(folder, report, setup, Event::Eval(event))?;
    Ok(true)
}

/// The model of the best checkpoint and its step; none where the best is not kept, or is the last.
fn best_model(
    setup: &Setup,
    folder: &RunFolder,
    model: &Model,
    state: &State,
) -> Result<Option<(Model, u64)>, TrainError> {
    let step = state.best.map(|best| best.step).filter(|step| *step != state.step);
    let all = checkpoint::list(&folder.path);
    let Some(kept) = all.iter().find(|checkpoint| Some(checkpoint.step) == step) else { return Ok(None) };
    let model = checkpoint::load(kept)?.model(model.clone(), &setup.place.plain())?;
    Ok(Some((model, kept.step)))
}

/// Validations in a row that a run must have found nothing in to count as collapsed.
const COLLAPSED: u32 = 3;

/// Counts validations that found no more than word frequencies, long after the warm-up; says so where the run is to end.
fn collapse(setup: &Setup, state: &mut State, loss: f64) -> Option<String> {
    let plan = &setup.plan;
    let is_late = state.step > plan.warmup_steps.max(plan.total_steps / 5);
    let unigram = setup.baselines.unigram;
    let found_nothing = matches!(setup.work, Work::Words(_)) && is_late && loss > 0.98 * unigram;
    state.collapsed = if found_nothing { state.collapsed + 1 } else { 0 };
    (setup.config.train.stop_collapsed && state.collapsed >= COLLAPSED).then(|| {
        format!(
            "the validation loss has been at the unigram loss ({unigram:.3}) for {COLLAPSED} validations, the last {loss:.3}: \
             the model knows word frequencies and no more"
        )
    })
}

/// Ends a run whose numbers are no numbers any more.
fn diverge(
    folder: &mut RunFolder,
    report: &mut dyn Report,
    setup: &Setup,
    state: &State,
    text: String,
) -> Result<Status, TrainError> {
    give_up(folder, report, setup, state, "non-finite", text)
}

/// Ends a run that is not worth its time any more.
fn give_up(
    folder: &mut RunFolder,
    report: &mut dyn Report,
    setup: &Setup,
    state: &State,
    kind: &str,
    text: String,
) -> Result<Status, TrainError> {
    let text = format!("{text}; {}, and train anew", remedy(setup));
    let alert = Alert { step: state.step, kind: kind.into(), text: text.clone() };
    record(folder, report, setup, Event::Alert(alert))?;
    end(folder, report, setup, state, Status::Diverged, text)
}

/// What is most likely to help.
fn remedy(setup: &Setup) -> &'static str {
    let optimizer = &setup.config.optimizer;
    if optimizer.kind == OptimizerKind::Adam && optimizer.weight_decay > 0.0 {
        "weight_decay inside adam shrinks every weight whatever its gradient: set kind = \"adamw\" in [optimizer], or \
         weight_decay = 0"
    } else {
        "lower learning_rate, lengthen warmup or set clip_norm"
    }
}

pub(crate) fn end(
    folder: &mut RunFolder,
    report: &mut dyn Report,
    setup: &Setup,
    state: &State,
    status: Status,
    reason: String,
) -> Result<Status, TrainError> {
    let event = End { time: crate::machine::now(), step: state.step, status, reason, time_s: state.time_s };
    record(folder, report, setup, Event::End(event))?;
    Ok(status)
}

/// Counts a step's rows, masks and gradient.
fn count(state: &mut State, lesson: &Lesson, gradient: Option<Norm>) {
    let (real, padded) = (lesson.real_tokens(), lesson.padded_tokens());
    state.tokens_seen += real;
    state.window.tokens += real;
    state.window.padded += padded;
    state.window.norms.extend(gradient.map(|norm| norm.value));
    state.window.clipped += u64::from(gradient.is_some_and(|norm| norm.clipped));
    state.window.skipped += u64::from(gradient.is_none());
    state.epoch.rows += lesson.rows.len() as u64;
    state.epoch.tokens += real;
    state.epoch.padded += padded;
    let Rows::Words(batch) = &lesson.sheet else { return };
    state.epoch.mask_hash = state.epoch.mask_hash.wrapping_add(batch.mask_hash);
    for kind in &batch.kinds {
        state.epoch.kinds[kind_index(*kind)] += 1;
    }
}

fn log_event(setup: &Setup, state: &State, lr: f64) -> Log {
    let window = &state.window;
    let seconds = window.seconds.max(f64::MIN_POSITIVE);
    Log {
        step: state.step,
        epoch: state.step as f64 / setup.plan.steps_per_epoch as f64,
        time_s: state.time_s,
        lr,
        loss: window.tally.all.loss(),
        accuracy: window.tally.all.accuracy(),
        scored: window.tally.all.scored,
        kinds: window.tally.kinds(),
        corpora: window.tally.corpora(setup.names()),
        grad_norm: journal::grad_norm(&window.norms, window.clipped),
        tokens_per_s: window.tokens as f64 / seconds,
        padded_tokens_per_s: window.padded as f64 / seconds,
        wait_share: window.waited / seconds,
        tokens_seen: state.tokens_seen,
        window_steps: window.norms.len() as u64 + window.skipped,
        loss_scaling: state.scaler.map(|scaler| LossScaling { scale: scaler.scale(), skipped: window.skipped }),
    }
}

fn epoch_event(state: &State, steps_per_epoch: u64) -> EpochEnd {
    let epoch = &state.epoch;
    let scored = epoch.kinds.iter().sum::<u64>();
    let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    EpochEnd {
        epoch: state.step / steps_per_epoch - 1,
        step: state.step,
        rows: epoch.rows,
        mask_hash: format!("{:016x}", epoch.mask_hash),
        scored_share: share(scored, epoch.tokens),
        mask_share: share(epoch.kinds[0], scored),
        random_share: share(epoch.kinds[1], scored),
        kept_share: share(epoch.kinds[2], scored),
        padding_share: 1.0 - share(epoch.tokens, epoch.padded),
    }
}

/// Names the step and the batch of an update that was not made.
fn refusal_text(refusal: &Refusal, step: u64, lesson: &Lesson) -> String {
    let what = match refusal {
        Refusal::Loss => "the loss",
        Refusal::Gradient => "the gradient",
    };
    let rows = lesson.rows.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    format!("{what} is not finite at step {step} (epoch {}, rows {rows}) and the update was not made", lesson.epoch)
}
