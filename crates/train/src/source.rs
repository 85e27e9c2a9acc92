//! A model on disk: a run's checkpoint, or a folder that an import made.

use std::path::{Path, PathBuf};

use burn::tensor::{Tensor, TensorData};
use case::CaseConfig;
use encoder::{Flat, Model, WeightError, flat_weights, with_weights};
use exchange::{Array, HeadOf, LabelTask, Labels, TOKENIZER, Weights, is_model_folder, read_model_folder};
use journal::{ExamplesInfo, RunInfo};

use crate::{
    TrainError,
    checkpoint::{self, Checkpoint, Loaded},
    device::Place,
    folder::read_case,
};

/// Which of a run's checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Where the best evaluation was; the newest that can be read where that one cannot.
    Best,
    /// The newest that can be read.
    Last,
    /// The one of this step.
    Step(u64),
}

/// A model on disk, read.
pub(crate) struct Source {
    /// The run's case; one of defaults around an imported model.
    pub(crate) config: CaseConfig,
    pub(crate) tokenizer: PathBuf,
    pub(crate) weights: Weights,
    /// What stands on the encoder; none where an imported model has nothing there.
    pub(crate) head: Option<HeadOf>,
    /// blake3 of the weights' file.
    pub(crate) hash: String,
    /// Updates behind the weights; 0 for an imported model.
    pub(crate) step: u64,
    /// The run's seed; 1 for an imported model.
    pub(crate) seed: u64,
    /// Newer checkpoints that could not be trusted, and why.
    pub(crate) refused: Vec<String>,
    /// The run's folder; none for an imported model.
    pub(crate) run: Option<PathBuf>,
}

impl Source {
    /// Leaves the encoder alone.
    pub(crate) fn drop_head(&mut self) {
        self.weights.retain(|name, _| !name.starts_with("head."));
        self.head = None;
    }
}

/// What a run on labelled examples has on its encoder.
pub(crate) fn head_of(examples: &ExamplesInfo) -> HeadOf {
    let task = match (examples.task.as_str(), examples.target.as_str()) {
        ("tag", _) => LabelTask::Tags,
        (_, "multi") => LabelTask::Multi,
        _ => LabelTask::Single,
    };
    HeadOf::Labels(Labels { task, names: examples.labels.clone() })
}

/// Where a model's `[model]` and tokenizer stand, without its weights.
pub(crate) struct Head {
    pub(crate) config: CaseConfig,
    pub(crate) tokenizer: PathBuf,
}

/// Reads a model: a run's folder, the folder of one of its checkpoints, or an imported one.
///
/// # Errors
/// [`TrainError`] for a folder that is none of these, or whose weights cannot be trusted.
pub(crate) fn read_source(folder: &Path, which: Which) -> Result<Source, TrainError> {
    let Head { config, tokenizer } = read_head(folder)?;
    if is_model_folder(folder) {
        let read = read_model_folder(folder)?;
        let path = folder.join(exchange::WEIGHTS);
        let hash = hash_of(&std::fs::read(&path).map_err(|cause| TrainError::Read { path, cause })?);
        let none = Vec::new();
        return Ok(Source {
            config,
            tokenizer,
            weights: read.weights,
            head: read.head,
            hash,
            step: 0,
            seed: 1,
            refused: none,
            run: None,
        });
    }
    let run = run_of(folder);
    let (loaded, refused) = match checkpoint_step(folder) {
        Some(step) => (load_step(run, step)?, Vec::new()),
        None => load(run, which)?,
    };
    let info = RunInfo::read(run)?;
    let labels = info.data.examples.as_ref().filter(|_| !config.task.hides_words());
    Ok(Source {
        config,
        tokenizer,
        weights: loaded.weights()?,
        head: Some(labels.map_or(HeadOf::Words, head_of)),
        hash: hash_of(loaded.model_bytes()),
        step: loaded.state.step,
        seed: info.seed,
        refused,
        run: Some(run.into()),
    })
}

/// As [`read_source`], without the weights.
pub(crate) fn read_head(folder: &Path) -> Result<Head, TrainError> {
    if is_model_folder(folder) {
        let model = exchange::ModelFolder::model(folder)?;
        return Ok(Head { config: CaseConfig { model, ..CaseConfig::default() }, tokenizer: folder.join(TOKENIZER) });
    }
    let run = run_of(folder);
    if !run.join("run.json").is_file() {
        return Err(TrainError::NotARun { folder: run.into(), missing: "run.json" });
    }
    Ok(Head { config: read_case(run)?, tokenizer: checkpoint::folder_of(run).join(TOKENIZER) })
}

/// The run that a checkpoint's folder stands in; the folder itself where it is none.
fn run_of(folder: &Path) -> &Path {
    let run = checkpoint_step(folder).and_then(|_| folder.parent()?.parent());
    run.unwrap_or(folder)
}

/// The step of a checkpoint's folder, `step-0002000`.
fn checkpoint_step(folder: &Path) -> Option<u64> {
    let name = folder.file_name()?.to_str()?;
    folder.join("manifest.json").is_file().then_some(())?;
    name.strip_prefix("step-")?.parse().ok()
}

fn load(run: &Path, which: Which) -> Result<(Loaded, Vec<String>), TrainError> {
    if let Which::Step(step) = which {
        return Ok((load_step(run, step)?, Vec::new()));
    }
    let all = checkpoint::list(run);
    let mut refused = Vec::new();
    let mut newest = None;
    for checkpoint in all.iter().rev() {
        match checkpoint::load(checkpoint) {
            Ok(loaded) => {
                newest = Some(loaded);
                break;
            }
            // Not damaged: an older one in its place would be another model than the run's.
            Err(error @ TrainError::NewerCheckpoint { .. }) => return Err(error),
            Err(error) => refused.push(error.to_string()),
        }
    }
    let newest = newest.ok_or(TrainError::NoCheckpoint { run: run.into(), damaged: all.len() })?;
    if which == Which::Last {
        return Ok((newest, refused));
    }
    let best = newest.state.best.map(|best| best.step);
    let listed = all.iter().find(|checkpoint| Some(checkpoint.step) == best);
    Ok((listed.and_then(|checkpoint| checkpoint::load(checkpoint).ok()).unwrap_or(newest), refused))
}

fn load_step(run: &Path, step: u64) -> Result<Loaded, TrainError> {
    let all = checkpoint::list(run);
    let found: Option<&Checkpoint> = all.iter().find(|checkpoint| checkpoint.step == step);
    let steps = || all.iter().map(|checkpoint| checkpoint.step).collect();
    checkpoint::load(found.ok_or_else(|| TrainError::NoSuchStep { run: run.into(), step, kept: steps() })?)
}

fn hash_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// The model with these weights; the second value names those that are not among them and stay as they were.
///
/// A table of positions that is longer than the model's is cut; a head, and the tables of boxes, may be missing as a whole.
///
/// # Errors
/// [`TrainError::Weight`] where a weight of the encoder is missing or one has another shape.
pub(crate) fn filled(model: Model, weights: &Weights, place: &Place) -> Result<(Model, Vec<String>), TrainError> {
    let mut fresh = Vec::new();
    let has = |part: &str| weights.keys().any(|name| name.starts_with(part));
    let parts = ["head.", "encoder.embeddings.page."].into_iter().filter(|part| !has(part)).collect::<Vec<_>>();
    let mut values = Vec::new();
    for flat in flat_weights(&model) {
        values.push(match weights.get(&flat.name) {
            Some(array) => tensor(array, &flat, place)?,
            None if parts.iter().any(|part| flat.name.starts_with(part)) => {
                fresh.push(flat.name.clone());
                flat.values
            }
            None => return Err(WeightError::Missing { name: flat.name }.into()),
        });
    }
    Ok((with_weights(model, values), fresh))
}

fn tensor(array: &Array, flat: &Flat, place: &Place) -> Result<Tensor<1>, TrainError> {
    let is_cut = flat.name == "encoder.embeddings.position"
        && array.shape.len() == 2
        && array.shape[1] == flat.shape[1]
        && array.shape[0] > flat.shape[0];
    if array.shape != flat.shape && !is_cut {
        let (name, found) = (flat.name.clone(), array.shape.clone());
        return Err(WeightError::Shape { name, found, wanted: flat.shape.clone() }.into());
    }
    let count = flat.shape.iter().product::<usize>();
    Ok(Tensor::from_data(TensorData::new(array.values[..count].to_vec(), [count]), &place.plain()))
}
