//! Where the weights of a model lie in its folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use weights::Weights;

use crate::ExchangeError;

/// Reads all tensors of floats of a safetensors file ([`weights::parse`]).
///
/// # Errors
/// [`ExchangeError::Weights`].
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Weights, ExchangeError> {
    weights::parse(bytes).map_err(|cause| ExchangeError::Weights { path: path.into(), cause })
}

/// The safetensors files of a folder in the hub's layout: one, or the shards that an index lists.
///
/// # Errors
/// [`ExchangeError::Pickle`], [`ExchangeError::Lacks`], [`ExchangeError::Config`] for a broken index.
pub(crate) fn files_of(folder: &Path) -> Result<Vec<PathBuf>, ExchangeError> {
    let single = folder.join("model.safetensors");
    if single.is_file() {
        return Ok(vec![single]);
    }
    let index = folder.join("model.safetensors.index.json");
    if index.is_file() {
        return shards(&index, folder);
    }
    let entries = fs::read_dir(folder).map_err(|cause| ExchangeError::Read { path: folder.into(), cause })?;
    let mut names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>();
    names.sort();
    Err(match names.into_iter().find(|name| is_pickle(name)) {
        Some(file) => ExchangeError::Pickle { folder: folder.into(), file },
        None => ExchangeError::Lacks {
            folder: folder.into(),
            wanted: "model.safetensors".into(),
            hint: "name the folder that holds a model's config.json, weights and tokenizer.json".into(),
        },
    })
}

/// Refuses a file of a pickle where a folder should be named.
///
/// # Errors
/// [`ExchangeError::Pickle`].
pub(crate) fn refuse_pickle(from: &Path) -> Result<(), ExchangeError> {
    let name = from.file_name().unwrap_or_default().to_string_lossy();
    if !from.is_file() || !is_pickle(&name) {
        return Ok(());
    }
    Err(ExchangeError::Pickle { folder: disk::folder_of(from).into(), file: name.into_owned() })
}

fn is_pickle(name: &str) -> bool {
    [".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"].iter().any(|ending| name.ends_with(ending))
}

fn shards(index: &Path, folder: &Path) -> Result<Vec<PathBuf>, ExchangeError> {
    let wrong = |why: String| ExchangeError::Config { path: index.into(), why };
    let json = crate::files::read_json(index)?;
    let map = json["weight_map"].as_object().ok_or_else(|| wrong("it has no `weight_map`".into()))?;
    let mut names = map.values().filter_map(|name| name.as_str()).collect::<Vec<_>>();
    names.sort_unstable();
    names.dedup();
    match names.iter().find(|name| !disk::is_file_name(name)) {
        Some(name) => Err(wrong(format!("it names {name:?}, which is no file of its folder"))),
        None => Ok(names.into_iter().map(|name| folder.join(name)).collect()),
    }
}
