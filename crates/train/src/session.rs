//! A run from its case to its record: begun, or gone on with.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::Instant,
};

use case::CaseConfig;
use corpus::{PrepareRequest, prepare};
use encoder::{MaskedLm, flat_weights};
use journal::{Event, Resume, RunInfo, Start, Status};
use optim::{Optimizer, WeightInfo};

use crate::{
    Report, TrainError,
    checkpoint::{self, Loaded},
    device::Place,
    doctor,
    folder::{Found, RunFolder, allowed_changes, lock, look, read_case},
    info,
    machine::now,
    notice::Notice,
    plan::{Plan, Yardstick, asked_length, needs_timing},
    run::{record, run},
    setup::Setup,
    state::State,
    update::update,
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
    /// The run was finished before, and nothing asks for more.
    FinishedBefore,
}

/// Trains a run from nothing, or goes on with what stands in its folder.
///
/// # Errors
/// [`TrainError`]; what stood in the folder before stands there still.
pub fn train(spec: &Spec, stop: &AtomicBool, report: &mut dyn Report) -> Result<Outcome, TrainError> {
    let held = lock(&spec.run)?;
    let found = look(&spec.run)?;
    let changes = match &found {
        Found::Nothing => Vec::new(),
        Found::Run(status) => {
            let changes = allowed_changes(&spec.run, &read_case(&spec.run)?, &spec.config)?;
            if *status == Some(Status::Finished) && changes.is_empty() {
                return Ok(Outcome::FinishedBefore);
            }
            changes
        }
    };
    for warning in case::warnings(&spec.config) {
        report.say(Notice::Warning(warning));
    }
    let place = open_place(spec, report)?;
    let request = PrepareRequest {
        data: &spec.config.data,
        tokenizer: &spec.config.tokenizer,
        base: &spec.base,
        cache: &spec.cache,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let prepared = prepare(&request, &mut |event| report.say(Notice::Prepare(event)), stop)?;
    let status = match found {
        Found::Nothing => {
            let setup = timed(Setup::new(&spec.config, spec.seed, prepared, place, None)?, report)?;
            begin(spec, &setup, held, stop, report)?
        }
        Found::Run(_) => {
            let info = RunInfo::read(&spec.run)?;
            let before = read_case(&spec.run)?;
            let same_length = asked_length(&before) == asked_length(&spec.config);
            let total = same_length.then_some(info.plan.total_steps);
            let mut setup = Setup::new(&spec.config, spec.seed, prepared, place, total)?;
            if !same_length {
                setup = timed(setup, report)?;
            }
            same_text(spec, &setup, &info)?;
            go_on(spec, &setup, held, changes, stop, report)?
        }
    };
    journal::write_record(&spec.run)?;
    Ok(Outcome::Ended(status))
}

/// Opens the case's device and, unless it is the CPU, checks that it computes rightly.
fn open_place(spec: &Spec, report: &mut dyn Report) -> Result<Place, TrainError> {
    let place = Place::open(&spec.config.train.device)?;
    if let Err(error) = doctor::check_once(&place, &spec.cache) {
        if !spec.force_device {
            return Err(error);
        }
        report.say(Notice::Warning(format!("--force-device: {error}")));
    }
    Ok(place)
}

/// Begins a run: its folder, its facts, its first line.
fn begin(
    spec: &Spec,
    setup: &Setup,
    held: fs::File,
    stop: &AtomicBool,
    report: &mut dyn Report,
) -> Result<Status, TrainError> {
    let model = setup.fresh_model();
    let optimizer = fresh_optimizer(setup, &model);
    let info = info::run_info(spec, setup, &model);
    keep_tokenizer(spec, setup)?;
    let mut folder = RunFolder::create(&spec.run, held, &spec.resolved, &info)?;
    tell(spec, setup, &info, report);
    let start = Start { time: now(), run: info.run.clone(), version: info.version.clone() };
    record(&mut folder, report, setup, Event::Start(start))?;
    run(setup, &mut folder, model, optimizer, State::new(setup.names.len()), stop, report)
}

/// Goes on from the newest checkpoint that can be trusted; from the first step where there is none.
fn go_on(
    spec: &Spec,
    setup: &Setup,
    held: fs::File,
    changes: Vec<String>,
    stop: &AtomicBool,
    report: &mut dyn Report,
) -> Result<Status, TrainError> {
    let (mut model, mut state) = (setup.fresh_model(), State::new(setup.names.len()));
    let mut optimizer = fresh_optimizer(setup, &model);
    let (loaded, refused) = newest_good(&spec.run);
    for error in refused {
        report.say(Notice::Warning(format!("{error}; going back to the one before it")));
    }
    let mut from = "the first step".to_string();
    if let Some(loaded) = loaded {
        model = loaded.model(model, &setup.place.plain())?;
        loaded.optimizer(&mut optimizer, &model, &setup.place.plain())?;
        from = format!("step-{:07}", loaded.state.step);
        state = loaded.state;
    }
    if state.step > setup.plan.total_steps {
        let why = format!("{} steps, but the run has made {} already", setup.plan.total_steps, state.step);
        return Err(TrainError::Length { what: "the run's length in [train]", why });
    }
    let (mut folder, torn) = RunFolder::open(&spec.run, held)?;
    if let Some(torn) = torn {
        report.say(Notice::Warning(torn));
    }
    if !changes.is_empty() {
        journal::write_atomically(&spec.run.join("case.toml"), spec.resolved.as_bytes())?;
        let mut info = RunInfo::read(&spec.run)?;
        info.plan = info::plan_info(setup);
        info.write(&spec.run)?;
    }
    tell(spec, setup, &RunInfo::read(&spec.run)?, report);
    let resume = Resume { time: now(), step: state.step, checkpoint: from, changes };
    record(&mut folder, report, setup, Event::Resume(resume))?;
    run(setup, &mut folder, model, optimizer, state, stop, report)
}

/// The newest checkpoint whose hashes hold, and the errors of newer ones.
pub(crate) fn newest_good(run: &Path) -> (Option<Loaded>, Vec<TrainError>) {
    let mut refused = Vec::new();
    for checkpoint in checkpoint::list(run).iter().rev() {
        match checkpoint::load(checkpoint) {
            Ok(loaded) => return (Some(loaded), refused),
            Err(error) => refused.push(error),
        }
    }
    (None, refused)
}

fn fresh_optimizer(setup: &Setup, model: &MaskedLm) -> Optimizer {
    Optimizer::new(&setup.config.optimizer, &weight_infos(model), &setup.place.plain())
}

/// Names and shapes of the model's weights, for the optimizer's groups.
pub(crate) fn weight_infos(model: &MaskedLm) -> Vec<WeightInfo> {
    flat_weights(model).into_iter().map(|flat| WeightInfo { name: flat.name, shape: flat.shape }).collect()
}

/// Refuses text or a tokenizer that is not the run's own.
fn same_text(spec: &Spec, setup: &Setup, info: &RunInfo) -> Result<(), TrainError> {
    let now = [setup.prepared.hash(), setup.prepared.tokenizer().hash()];
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
    fs::create_dir_all(&folder).map_err(|cause| TrainError::Write { path: folder.clone(), cause })?;
    let from = setup.prepared.folder().join("tokenizer.json");
    let bytes = fs::read(&from).map_err(|cause| TrainError::Read { path: from, cause })?;
    Ok(journal::write_atomically(&folder.join("tokenizer.json"), &bytes)?)
}

fn tell(spec: &Spec, setup: &Setup, info: &RunInfo, report: &mut dyn Report) {
    for line in info::facts(spec, setup, info) {
        report.say(Notice::Fact(line));
    }
    for note in setup.plan.notes() {
        report.say(Notice::Warning(note));
    }
}

/// Steps that are made before the clock is read: the first ones compile and allocate.
const UNTIMED_STEPS: u64 = 3;
/// Steps timed to turn minutes into steps.
const TIMED_STEPS: u64 = 10;

/// Where a length is in minutes, times some updates on a model that is then thrown away, and plans by that.
fn timed(mut setup: Setup, report: &mut dyn Report) -> Result<Setup, TrainError> {
    if !needs_timing(&setup.config) {
        return Ok(setup);
    }
    let mut model = setup.fresh_model();
    let mut optimizer = fresh_optimizer(&setup, &model);
    let mut tally = crate::tally::Tally::new(setup.names.len());
    let mut started = Instant::now();
    for step in 0..UNTIMED_STEPS + TIMED_STEPS {
        if step == UNTIMED_STEPS {
            started = Instant::now();
        }
        match update(&setup, model, &mut optimizer, &setup.batches.batch(step), 0.0, &mut tally)? {
            Ok(done) => model = done.model,
            Err(_) => return Ok(setup), // the run will find the same and say it in its record
        }
    }
    let seconds = started.elapsed().as_secs_f64() / TIMED_STEPS as f64;
    setup.yardstick = Yardstick { seconds_per_step: Some(seconds), ..setup.yardstick };
    setup.plan = Plan::new(&setup.config, &setup.yardstick, None)?;
    report.say(Notice::Fact(format!(
        "timed    {TIMED_STEPS} steps at {seconds:.3} s each: minutes in the case become {} steps",
        setup.plan.total_steps
    )));
    Ok(setup)
}
