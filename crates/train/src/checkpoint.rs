//! Checkpoints: written whole or not at all, checked when read.
//!
//! A checkpoint is a folder `step-0002000` of `model.safetensors`, `optimizer.safetensors` and `state.json`, described by
//! a `manifest.json` that is written last. The folder is made under another name and renamed when all of it is on disk, so
//! one with its final name is complete.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Tensor, TensorData};
use encoder::{Flat, Model, flat_weights, with_weights};
use exchange::Weights;
use optim::Optimizer;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::{TrainError, forward::read_floats, state::State};

/// Version of this layout, `state.json` and the names of weights included; a newer one is refused, every older one read.
pub const FORMAT: u32 = 1;
const FILES: [&str; 3] = ["model.safetensors", "optimizer.safetensors", "state.json"];

/// It names three files.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    step: u64,
    files: BTreeMap<String, FileEntry>,
}

/// Read before all else: what a newer format has besides is not known here.
#[derive(Debug, Deserialize)]
struct Format {
    format: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    bytes: u64,
    blake3: String,
}

/// A checkpoint on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// Updates done when it was made.
    pub step: u64,
    /// Its folder.
    pub folder: PathBuf,
}

/// The folder of checkpoints of a run.
pub(crate) fn folder_of(run: &Path) -> PathBuf {
    run.join("checkpoints")
}

/// The checkpoints of a run that were written whole, oldest first. One that was moved aside for a newer of the same step
/// counts where a power cut has lost the newer one's name.
pub(crate) fn list(run: &Path) -> Vec<Checkpoint> {
    let entries = fs::read_dir(folder_of(run)).into_iter().flatten().flatten();
    let mut found = BTreeMap::new();
    for entry in entries {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Some(step) = name.strip_prefix("step-").and_then(|step| step.parse().ok()) {
            found.insert(step, entry.path());
        } else if let Some(step) = name.strip_prefix("replaced-").and_then(|step| step.parse().ok()) {
            found.entry(step).or_insert(entry.path());
        }
    }
    found.into_iter().map(|(step, folder)| Checkpoint { step, folder }).collect()
}

/// Writes a checkpoint and returns it with its size in bytes.
///
/// # Errors
/// [`TrainError::Write`] naming the file, [`TrainError::NotFinite`]; nothing with a final name is left then.
pub(crate) fn save(
    run: &Path,
    model: &Model,
    optimizer: &Optimizer,
    state: &State,
) -> Result<(Checkpoint, u64), TrainError> {
    let parent = folder_of(run);
    let folder = parent.join(format!("step-{:07}", state.step));
    let partial = parent.join(format!("partial-{:07}", state.step));
    let _half = disk::HalfWritten::at(&partial);
    remove_if_there(&partial)?;
    let written = disk::create_folders(&partial)
        .map_err(|cause| write_error(&partial, cause))
        .and_then(|()| write_files(&partial, model, optimizer, state))
        .and_then(|bytes| put_in_place(&parent, &partial, &folder, state.step).map(|()| bytes));
    if written.is_err() {
        // Best effort: the first error is the one to report.
        let _ = disk::remove_folder_if_there(&partial);
    }
    Ok((Checkpoint { step: state.step, folder }, written?))
}

/// Gives a whole checkpoint its name. One of this step is moved aside, not removed, until the new one stands in its place.
fn put_in_place(parent: &Path, partial: &Path, folder: &Path, step: u64) -> Result<(), TrainError> {
    let replaced = parent.join(format!("replaced-{step:07}"));
    remove_if_there(&replaced)?;
    if folder.exists() {
        disk::rename(folder, &replaced).map_err(|cause| write_error(&replaced, cause))?;
    }
    disk::rename(partial, folder).map_err(|cause| write_error(folder, cause))?;
    sync(parent)?;
    remove_if_there(&replaced)
}

/// Bytes that a checkpoint of this model takes: weights and two moments, and what stands around them.
pub(crate) fn size(model: &Model) -> u64 {
    let weights = flat_weights(model);
    let numbers: usize = weights.iter().map(|weight| weight.shape.iter().product::<usize>()).sum();
    let names: usize = weights.iter().map(|weight| weight.name.len() + HEADER_BYTES).sum();
    (3 * (4 * numbers + names) + STATE_BYTES) as u64
}

/// What a tensor's line in a safetensors header takes besides its name.
const HEADER_BYTES: usize = 80;
/// More than state and manifest take with the window of a log line full of norms.
const STATE_BYTES: usize = 16 << 10;

fn write_files(folder: &Path, model: &Model, optimizer: &Optimizer, state: &State) -> Result<u64, TrainError> {
    let weights = flat_weights(model);
    let (first, second) = optimizer.moments();
    let moments = |prefix: &str, values: &[Tensor<1>]| {
        let named = weights.iter().zip(values);
        named
            .map(|(weight, values)| Flat {
                name: format!("{prefix}.{}", weight.name),
                values: values.clone(),
                ..weight.clone()
            })
            .collect::<Vec<_>>()
    };
    let moments = [moments("first", first), moments("second", second)].concat();
    let state_text = serde_json::to_vec_pretty(state).map_err(|cause| TrainError::State { cause })?;
    let contents = [to_safetensors(&weights)?, to_safetensors(&moments)?, state_text];
    let mut files = BTreeMap::new();
    for (name, bytes) in FILES.iter().zip(&contents) {
        write_synced(&folder.join(name), bytes)?;
        let entry = FileEntry { bytes: bytes.len() as u64, blake3: blake3::hash(bytes).to_hex().to_string() };
        files.insert((*name).to_string(), entry);
    }
    let manifest = Manifest { format: FORMAT, step: state.step, files };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|cause| TrainError::State { cause })?;
    write_synced(&folder.join("manifest.json"), &disk::sealed(text))?;
    sync(folder)?;
    Ok(contents.iter().map(|bytes| bytes.len() as u64).sum())
}

/// Deletes all but the newest `keep`, the best and the last; never the only one.
///
/// # Errors
/// [`TrainError::Write`] where a folder cannot be removed.
pub(crate) fn thin(run: &Path, keep: usize, best: Option<u64>) -> Result<(), TrainError> {
    let all = list(run);
    let newest = all.len().saturating_sub(keep + 1);
    all[..newest].iter().filter(|checkpoint| Some(checkpoint.step) != best).try_for_each(|one| remove(run, one))
}

fn remove(run: &Path, checkpoint: &Checkpoint) -> Result<(), TrainError> {
    // Under another name first: a folder of which half is removed must not look like a checkpoint.
    let removed = folder_of(run).join(format!("removed-{:07}", checkpoint.step));
    remove_if_there(&removed)?;
    disk::rename(&checkpoint.folder, &removed).map_err(|cause| write_error(&removed, cause))?;
    remove_if_there(&removed)
}

/// Deletes the oldest checkpoint to make room, and returns its step; never the newest that holds, which a resume goes on
/// from, nor one after it, nor the best, be it the run's own or the one which that newest knows.
///
/// # Errors
/// [`TrainError::Write`] where the folder cannot be removed.
pub(crate) fn remove_oldest(run: &Path, best: Option<u64>) -> Result<Option<u64>, TrainError> {
    let all = list(run);
    let newest = all.iter().rev().find_map(|one| load(one).ok().map(|loaded| (one.step, loaded.state.best)));
    let Some((newest, known)) = newest else { return Ok(None) };
    let kept = [best, known.map(|best| best.step)];
    let mut older = all.iter().filter(|one| one.step < newest && !kept.contains(&Some(one.step)));
    let Some(oldest) = older.next() else { return Ok(None) };
    remove(run, oldest)?;
    Ok(Some(oldest.step))
}

/// Removes what a process that died has left: checkpoints it was writing or removing, and files it had not named yet. Asked
/// for by whoever holds the run.
///
/// # Errors
/// [`TrainError::Write`] where something cannot be removed.
pub(crate) fn remove_leftovers(run: &Path) -> Result<(), TrainError> {
    let names = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let kept: Vec<PathBuf> = list(run).into_iter().map(|checkpoint| checkpoint.folder).collect();
    for path in names(&folder_of(run)).filter(|path| !kept.contains(path)) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if ["partial-", "removed-", "replaced-"].iter().any(|start| name.starts_with(start)) {
            remove_if_there(&path)?;
        }
    }
    for folder in [run.to_path_buf(), folder_of(run), run.join("charts")] {
        for path in names(&folder).filter(|path| disk::is_temporary(path)) {
            disk::remove_file(&path).map_err(|cause| write_error(&path, cause))?;
        }
    }
    Ok(())
}

/// Puts a damaged checkpoint out of the way under another name, so that it is neither gone on with nor counted.
///
/// # Errors
/// [`TrainError::Write`] where the folder cannot be renamed.
pub(crate) fn set_aside(run: &Path, checkpoint: &Checkpoint) -> Result<(), TrainError> {
    let aside = folder_of(run).join(format!("damaged-{:07}", checkpoint.step));
    remove_if_there(&aside)?;
    disk::rename(&checkpoint.folder, &aside).map_err(|cause| write_error(&aside, cause))
}

/// A checkpoint read into memory, every hash checked.
pub(crate) struct Loaded {
    /// Where the loop stood.
    pub state: State,
    model: Vec<u8>,
    optimizer: Vec<u8>,
    folder: PathBuf,
}

/// Reads a checkpoint.
///
/// # Errors
/// [`TrainError::Checkpoint`] naming the file that is missing, cut short or changed; [`TrainError::NewerCheckpoint`];
/// [`TrainError::Read`] where the system cannot read it.
pub(crate) fn load(checkpoint: &Checkpoint) -> Result<Loaded, TrainError> {
    let folder = &checkpoint.folder;
    let damaged = |file: &str, why: String| TrainError::Checkpoint { path: folder.join(file), why };
    let read = |file: &str, most: u64| match disk::read_up_to(&folder.join(file), most) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(damaged(file, "the file is missing".into())),
        Err(cause) if cause.kind() == io::ErrorKind::FileTooLarge => {
            Err(damaged(file, format!("more than the {most} bytes that it may have")))
        }
        // Not the checkpoint's fault: it may be whole, and what stands there must not be given up for it.
        Err(cause) => Err(TrainError::Read { path: folder.join(file), cause }),
        Ok(bytes) => Ok(bytes),
    };
    let sealed = read("manifest.json", MAX_MANIFEST_BYTES)?;
    let no_manifest = |cause: serde_json::Error| damaged("manifest.json", format!("not a manifest: {cause}"));
    let Format { format } = serde_json::from_slice(&sealed).map_err(no_manifest)?;
    if format > FORMAT {
        return Err(TrainError::NewerCheckpoint { path: folder.clone(), found: format, known: FORMAT });
    }
    if format == 0 {
        return Err(damaged("manifest.json", "it has format 0, and the first was 1".into()));
    }
    let text = disk::unsealed(&sealed).map_err(|why| damaged("manifest.json", why.into()))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(no_manifest)?;
    let checked = |file: &str| {
        let Some(entry) = manifest.files.get(file) else {
            return Err(damaged(file, "the manifest does not name it".into()));
        };
        let bytes = read(file, entry.bytes)?;
        let found = FileEntry { bytes: bytes.len() as u64, blake3: blake3::hash(&bytes).to_hex().to_string() };
        match *entry == found {
            true => Ok(bytes),
            false if entry.bytes != found.bytes => {
                Err(damaged(file, format!("{} bytes where the manifest says {}", found.bytes, entry.bytes)))
            }
            false => Err(damaged(file, "its hash is not the manifest's: the file was changed or damaged".into())),
        }
    };
    let [model, optimizer, state] = FILES.map(checked);
    let state = serde_json::from_slice(&state?).map_err(|cause| damaged("state.json", cause.to_string()))?;
    Ok(Loaded { state, model: model?, optimizer: optimizer?, folder: folder.clone() })
}

impl Loaded {
    /// All weights by name, on the host.
    ///
    /// # Errors
    /// [`TrainError::Exchange`] where the file is none of weights.
    pub(crate) fn weights(&self) -> Result<Weights, TrainError> {
        Ok(exchange::parse_weights(&self.folder.join(FILES[0]), &self.model)?)
    }

    /// The weights' file.
    pub(crate) fn model_bytes(&self) -> &[u8] {
        &self.model
    }

    /// The model with the checkpoint's weights.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] where a weight is missing or has another shape.
    pub(crate) fn model(&self, model: Model, device: &Device) -> Result<Model, TrainError> {
        let wanted = flat_weights(&model);
        let values = self.values(&self.model, FILES[0], wanted.iter().map(|flat| (flat.name.clone(), flat)), device)?;
        Ok(with_weights(model, values))
    }

    /// Puts the checkpoint's moments into a fresh optimizer.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] where a moment is missing or has another shape.
    pub(crate) fn optimizer(
        &self,
        optimizer: &mut Optimizer,
        model: &Model,
        device: &Device,
    ) -> Result<(), TrainError> {
        let wanted = flat_weights(model);
        let moments = |prefix: &str| {
            let named = wanted.iter().map(|flat| (format!("{prefix}.{}", flat.name), flat));
            self.values(&self.optimizer, FILES[1], named, device)
        };
        optimizer.restore(moments("first")?, moments("second")?, self.state.updates());
        Ok(())
    }

    fn values<'a>(
        &self,
        bytes: &[u8],
        file: &str,
        wanted: impl Iterator<Item = (String, &'a Flat)>,
        device: &Device,
    ) -> Result<Vec<Tensor<1>>, TrainError> {
        let damaged = |why: String| TrainError::Checkpoint { path: self.folder.join(file), why };
        let tensors = SafeTensors::deserialize(bytes).map_err(|cause| damaged(cause.to_string()))?;
        let one = |(name, flat): (String, &Flat)| {
            let view = tensors.tensor(&name).map_err(|cause| damaged(cause.to_string()))?;
            if view.shape() != flat.shape || view.dtype() != Dtype::F32 {
                let found = format!("{:?} {:?}", view.dtype(), view.shape());
                return Err(damaged(format!("`{name}` is {found} where the model wants F32 {:?}", flat.shape)));
            }
            Ok(tensor(&floats(view.data()), device))
        };
        wanted.map(one).collect()
    }
}

/// Little-endian floats out of bytes.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
}

/// Floats as a tensor.
pub(crate) fn tensor(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

/// Named weights as the bytes of a safetensors file.
///
/// # Errors
/// [`TrainError::NotFinite`]: a weight that no batch has used yet spoils no loss, and must not be gone on with all the same.
fn to_safetensors(weights: &[Flat]) -> Result<Vec<u8>, TrainError> {
    let bytes = |flat: &Flat| {
        let values = read_floats(flat.values.clone())?;
        if !values.iter().all(|value| value.is_finite()) {
            return Err(TrainError::NotFinite { name: flat.name.clone() });
        }
        Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect())
    };
    let bytes = weights.iter().map(bytes).collect::<Result<Vec<Vec<u8>>, TrainError>>()?;
    let views = weights.iter().zip(&bytes).map(|(flat, bytes)| {
        let view = TensorView::new(Dtype::F32, flat.shape.clone(), bytes).expect("as many bytes as the shape holds");
        (flat.name.clone(), view)
    });
    Ok(safetensors::serialize(views, None).expect("no tensor name is given twice"))
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    disk::write_synced(path, bytes).map_err(|cause| write_error(path, cause))
}

fn sync(folder: &Path) -> Result<(), TrainError> {
    disk::sync_folder(folder).map_err(|cause| write_error(folder, cause))
}

fn remove_if_there(folder: &Path) -> Result<(), TrainError> {
    disk::remove_folder_if_there(folder).map_err(|cause| write_error(folder, cause))
}

fn write_error(path: &Path, cause: io::Error) -> TrainError {
    TrainError::Write { path: path.into(), cause }
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
