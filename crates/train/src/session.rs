//! A run from its case to its record: begun, or gone on with.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use case::{CaseConfig, Length, OutOfMemory};
use encoder::{Model, flat_weights};
use journal::{Event, Resume, RunInfo, Start, Status};
use optim::{Optimizer, WeightInfo};

use crate::{
    Report, TrainError,
    checkpoint::{self, Loaded},
    device::Place,
    doctor,
    facts::facts,
    folder::{Found, RunFolder, allowed_changes, lock, look, read_case},
    info,
    machine::{commit, now},
    material::{Material, material},
    memory,
    notice::Notice,
    plan::{Plan, asked_length},
    room::{Room, foresee, with_room},
    run::{end, record, run},
    setup::Setup,
    start::{first_model, same_start},
    state::State,
    timing::timed,
};

/// What to train, and where things are.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Name of the case.
    pub case: String,
    /// Name of the variant.
    pub variant: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The variant's configuration.
    pub config: CaseConfig,
    /// The same as text, every default written out, with where each value came from.
    pub resolved: String,
    /// The run's folder.
    pub run: PathBuf,
    /// Where relative paths of the case file start.
    pub base: PathBuf,
    /// Where prepared text is kept.
    pub cache: PathBuf,
    /// Train on a device that failed its check all the same.
    pub force_device: bool,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The run ended so; its record is written.
    Ended(Status),
    /// The run had ended so before, and nothing asks for more.
    EndedBefore(Status),
}

/// Trains a run from nothing, or goes on with what stands in its folder.
///
/// # Errors
/// [`TrainError`]; what stood in the folder before stands there still.
pub fn train(spec: &Spec, stop: &AtomicBool, report: &mut dyn Report) -> Result<Outcome, TrainError> {
    let mut fitting = None;
    loop {
        let held = lock(&spec.run)?;
        let outcome = train_held(spec, fitting, held, stop, report).map_err(|error| with_room(&spec.run, error));
        if outcome.is_err() && matches!(look(&spec.run), Ok(Found::Nothing)) {
            leave_nothing(&spec.run);
        }
        match outcome {
            Err(TrainError::StoppedWaiting { .. }) => return Ok(Outcome::Ended(Status::Stopped)),
            Err(TrainError::OutOfMemory { rows, fits: Some(fits), cause }) if splits(spec) => {
                report.say(Notice::Warning(format!(
                    "the device has no memory for passes of {rows} rows ({cause}): going back to the newest checkpoint, and on in passes of {fits}"
                )));
                fitting = Some(fits);
            }
            outcome => return outcome,
        }
    }
}

/// Whether a run goes on with smaller passes by itself.
fn splits(spec: &Spec) -> bool {
    spec.config.train.out_of_memory == OutOfMemory::Split
}

/// Removes what a run that never began has made; folders that hold anything else stay.
fn leave_nothing(run: &Path) {
    let _ = disk::remove_file(&run.join("lock"));
    for folder in run.ancestors().take(3) {
        let _ = fs::remove_dir(folder);
    }
}

/// The same; in passes of so many rows where no more fit.
fn train_held(
    spec: &Spec,
    fitting: Option<usize>,
    held: fs::File,
    stop: &AtomicBool,
    report: &mut dyn Report,
) -> Result<Outcome, TrainError> {
    let found = look(&spec.run)?;
    checkpoint::remove_leftovers(&spec.run)?;
    let mut changes = Vec::new();
    if let Found::Run(status) = &found {
        changes = allowed_changes(&spec.run, &read_case(&spec.run)?, &spec.config)?;
        if let Some(status @ (Status::Finished | Status::Diverged)) = status
            && changes.is_empty()
        {
            // The page comes last: a run may have died between its end and its record.
            if !spec.run.join("record.md").exists() {
                journal::write_record(&spec.run)?;
            }
            return Ok(Outcome::EndedBefore(*status));
        }
    } else if !checkpoint::list(&spec.run).is_empty() {
        return Err(TrainError::Orphans { run: spec.run.clone() });
    }
    for warning in case::warnings(&spec.config) {
        report.say(Notice::Warning(warning));
    }
    let place = open_place(spec, report)?;
    let material = material(&spec.config, &spec.base, &spec.cache, stop, report)?;
    let status = match found {
        Found::Nothing => {
            let setup = timed(Setup::new(&spec.config, spec.seed, material, place, None, None)?, report)?;
            begin(spec, setup, held, stop, report)?
        }
        Found::Run(_) => {
            let info = RunInfo::read(&spec.run)?;
            let setup = planned_again(spec, material, place, &info, report)?;
            same_text(spec, &setup, &info)?;
            go_on(spec, setup, held, changes, fitting, stop, report)?
        }
    };
    Ok(Outcome::Ended(status))
}

/// Opens the case's device and, unless it is the CPU, checks that it computes rightly.
pub(crate) fn open_place(spec: &Spec, report: &mut dyn Report) -> Result<Place, TrainError> {
    let train = &spec.config.train;
    let place = Place::open(&train.device, train.kernels)?.in_precision(train.precision)?;
    if let Err(error) = doctor::check_once(&place, &spec.config.model, &spec.cache) {
        if !spec.force_device {
            return Err(error);
        }
        report.say(Notice::Warning(format!("--force-device: {error}")));
    }
    Ok(place)
}

/// The setup of a run that goes on: minutes are what they were turned into when it began.
fn planned_again(
    spec: &Spec,
    material: Material,
    place: Place,
    info: &RunInfo,
    report: &mut dyn Report,
) -> Result<Setup, TrainError> {
    let length = asked_length(&spec.config);
    let same = length == asked_length(&read_case(&spec.run)?);
    let total = (same && matches!(length, Length::Minutes(_))).then_some(info.plan.total_steps);
    let seconds = info.plan.seconds_per_step;
    let setup = Setup::new(&spec.config, spec.seed, material, place, total, seconds)?;
    if seconds.is_some() { Ok(setup) } else { timed(setup, report) }
}

/// Begins a run: its folder, its facts, its first line.
fn begin(
    spec: &Spec,
    setup: Setup,
    held: fs::File,
    stop: &AtomicBool,
    report: &mut dyn Report,
) -> Result<Status, TrainError> {
    let (model, start) = first_model(spec, &setup)?;
    let optimizer = fresh_optimizer(&setup, &model);
    let info = info::run_info(spec, &setup, &model, start);
    foresee(spec, &setup, &model, report)?;
    keep_tokenizer(spec, &setup)?;
    let room = Room::new(spec.config.train.disk_full, stop);
    let mut folder = RunFolder::create(&spec.run, held, &spec.resolved, &info, room)?;
    tell(spec, &setup, &info, report);
    let start = Start { format: journal::FORMAT, time: now(), run: info.run.clone(), version: info.version.clone() };
    record(&mut folder, report, &setup, Event::Start(start))?;
    let state = setup.fresh_state();
    to_its_record(setup, folder, model, optimizer, state, stop, report)
}

/// Goes on from the newest checkpoint that can be trusted; from the first step where there never was one.
fn go_on(
    spec: &Spec,
    mut setup: Setup,
    held: fs::File,
    mut changes: Vec<String>,
    fitting: Option<usize>,
    stop: &AtomicBool,
    report: &mut dyn Report,
) -> Result<Status, TrainError> {
    let mut state = setup.fresh_state();
    let mut from = "the first step".to_string();
    let (model, optimizer) = match newest_good(&spec.run, report)? {
        Some(loaded) => {
            let model = loaded.model(setup.fresh_model(), &setup.place.plain())?;
            let mut optimizer = fresh_optimizer(&setup, &model);
            loaded.optimizer(&mut optimizer, &model, &setup.place.plain())?;
            from = format!("step-{:07}", loaded.state.step);
            state = loaded.state;
            (model, optimizer)
        }
        None => {
            let (model, start) = first_model(spec, &setup)?;
            same_start(spec, &RunInfo::read(&spec.run)?, start.as_ref())?;
            let optimizer = fresh_optimizer(&setup, &model);
            (model, optimizer)
        }
    };
    if state.step > setup.plan.total_steps {
        let why = format!(
            "{} steps, but the run has made {} already: it was made longer before; ask for more, or leave it as it is",
            setup.plan.total_steps, state.step
        );
        return Err(TrainError::Length { what: "the run's length in [train]", why });
    }
    changes.extend(memory::in_passes_of(fitting, &mut setup, &mut state));
    foresee(spec, &setup, &model, report)?;
    let mut room = Room::new(spec.config.train.disk_full, stop);
    room.best = state.best.map(|best| best.step);
    let (mut folder, torn) = RunFolder::open(&spec.run, held, room)?;
    if let Some(torn) = torn {
        report.say(Notice::Warning(torn));
    }
    let mut info = RunInfo::read(&spec.run)?;
    changes.extend(bent_rate(spec, &setup, &info, state.step)?);
    tell(spec, &setup, &info, report);
    let resume = Resume {
        format: journal::FORMAT,
        time: now(),
        step: state.step,
        checkpoint: from,
        changes: changes.clone(),
        version: Some(env!("CARGO_PKG_VERSION").into()),
        commit: commit(&spec.base),
        device: Some(format!("{}: {}", setup.place.word, setup.place.description)),
    };
    // The journal first: a death after it leaves files that are made from the case again, not a change without a line.
    record(&mut folder, report, &setup, Event::Resume(resume))?;
    if !changes.is_empty() {
        info.plan = info::plan_info(&setup);
        info.write(&spec.run)?;
        folder.lookout.replan(info.clone());
        journal::write_atomically(&spec.run.join("case.toml"), spec.resolved.as_bytes())?;
    }
    to_its_record(setup, folder, model, optimizer, state, stop, report)
}

/// Runs the loop and writes the record, whatever became of the run.
fn to_its_record(
    mut setup: Setup,
    mut folder: RunFolder,
    model: Model,
    optimizer: Optimizer,
    mut state: State,
    stop: &AtomicBool,
    report: &mut dyn Report,
) -> Result<Status, TrainError> {
    let ended = memory::guarded(|| run(&setup, &mut folder, model, optimizer, &mut state, stop, report));
    match ended.map_err(|error| memory::explained(error, &mut setup, state.step)) {
        Ok(status) => {
            folder.written(state.step, 0, report, |run, _| Ok(journal::write_record(run)?))?;
            Ok(status)
        }
        Err(error) => {
            let goes_on = setup.config.train.out_of_memory == OutOfMemory::Split;
            let is_split = goes_on && matches!(error, TrainError::OutOfMemory { fits: Some(_), .. });
            let is_stopped =
                matches!(error, TrainError::DiskFull { .. } | TrainError::StoppedWaiting { .. }) || is_split;
            let status = if is_stopped { Status::Stopped } else { Status::Failed };
            if is_stopped {
                let newest = checkpoint::list(&folder.path).last().map_or(0, |newest| newest.step);
                if newest < state.step {
                    let lost = format!("the steps from {newest} to {} will be made again", state.step);
                    report.say(Notice::Warning(lost));
                }
            }
            // The first error is the one to report: on a full disk this fails as well.
            let _ = end(&mut folder, report, &setup, &state, status, with_causes(&error));
            if status == Status::Failed {
                // Not on a full disk: charts would take the room that is left, and the run goes on.
                let _ = journal::write_record(&folder.path);
            }
            Err(error)
        }
    }
}

/// An error and what is behind it, in one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A line of change where the rate of the next step is another one than it would have been.
fn bent_rate(spec: &Spec, setup: &Setup, info: &RunInfo, step: u64) -> Result<Option<String>, TrainError> {
    let before = Plan::new(&read_case(&spec.run)?, &setup.yardstick, Some(info.plan.total_steps))?;
    let (was, is) = (before.schedule.lr_at(step), setup.plan.schedule.lr_at(step));
    Ok((was != is).then(|| format!("learning rate of step {step}: {was:e} → {is:e}, by the other length of the run")))
}

/// The newest checkpoint whose hashes hold; damaged ones are named and put aside.
///
/// # Errors
/// The damage of the newest, where there are checkpoints and none holds; an error of the system or a newer format at once.
pub(crate) fn newest_good(run: &Path, report: &mut dyn Report) -> Result<Option<Loaded>, TrainError> {
    let mut refused = Vec::new();
    for checkpoint in checkpoint::list(run).iter().rev() {
        match checkpoint::load(checkpoint) {
            Ok(loaded) => {
                for (damaged, error) in &refused {
                    checkpoint::set_aside(run, damaged)?;
                    let back = format!("{error}; put aside, and going back to step {}", loaded.state.step);
                    report.say(Notice::Warning(back));
                }
                return Ok(Some(loaded));
            }
            Err(error @ TrainError::Checkpoint { .. }) => refused.push((checkpoint.clone(), error)),
            Err(error) => return Err(error),
        }
    }
    match refused.into_iter().next() {
        None => Ok(None),
        Some((_, TrainError::Checkpoint { path, why })) => {
            let why = format!(
                "{why}; no older one holds either: restore a copy, or move the run's folder away and train anew"
            );
            Err(TrainError::Checkpoint { path, why })
        }
        Some((_, error)) => Err(error),
    }
}

/// An optimizer that has seen nothing, for the model.
pub(crate) fn fresh_optimizer(setup: &Setup, model: &Model) -> Optimizer {
    Optimizer::new(&setup.config.optimizer, &weight_infos(model), &setup.place.plain(), setup.place.kernels())
}

/// Names and shapes of the model's weights, for the optimizer's groups.
pub(crate) fn weight_infos(model: &Model) -> Vec<WeightInfo> {
    flat_weights(model).into_iter().map(|flat| WeightInfo { name: flat.name, shape: flat.shape }).collect()
}

/// Refuses text or a tokenizer that is not the run's own.
fn same_text(spec: &Spec, setup: &Setup, info: &RunInfo) -> Result<(), TrainError> {
    let now = [info::data_hash(setup), setup.tokenizer.hash()];
    let before = [info.data.prepared.clone(), info.data.tokenizer.clone()];
    let names = ["prepared text", "tokenizer"];
    let changed = names.iter().zip(before.iter().zip(&now)).filter(|(_, (before, now))| before != now);
    let differences = changed.map(|(name, (before, now))| format!("{name}: {before} → {now}")).collect::<Vec<_>>();
    if differences.is_empty() {
        return Ok(());
    }
    Err(TrainError::Changed { run: spec.run.clone(), differences })
}

/// The tokenizer beside the weights: the two are of no use without one another.
fn keep_tokenizer(spec: &Spec, setup: &Setup) -> Result<(), TrainError> {
    let folder = checkpoint::folder_of(&spec.run);
    disk::create_folders(&folder).map_err(|cause| TrainError::Write { path: folder.clone(), cause })?;
    let from = setup.tokenizer_file.clone();
    let bytes = fs::read(&from).map_err(|cause| TrainError::Read { path: from, cause })?;
    Ok(journal::write_atomically(&folder.join("tokenizer.json"), &bytes)?)
}

fn tell(spec: &Spec, setup: &Setup, info: &RunInfo, report: &mut dyn Report) {
    for line in facts(spec, setup, info) {
        report.say(Notice::Fact(line));
    }
    for note in setup.plan.notes() {
        report.say(Notice::Warning(note));
    }
}
