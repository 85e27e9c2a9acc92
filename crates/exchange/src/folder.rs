//! A folder of ours that training starts from: `[model]`, weights, tokenizer, and where they came from.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use case::EncoderConfig;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{ExchangeError, HeadOf, Labels, Weights, files, weight_files};

/// The `[model]` table.
pub const MODEL: &str = "model.toml";
/// Our weights by our names.
pub const WEIGHTS: &str = "weights.safetensors";
/// The tokenizer, byte for byte as it came.
pub const TOKENIZER: &str = "tokenizer.json";
/// Where it came from.
pub const ORIGIN: &str = "origin.json";

/// Where an imported model came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Version of this layout.
    pub format: u32,
    /// The folder it was read from, as it was named.
    pub folder: String,
    /// `model_type` of its `config.json`.
    pub model_type: String,
    /// The class that wrote it, such as `BertForMaskedLM`; empty where the file does not say.
    pub architecture: String,
    /// The labels of its head, where it has one of labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
    /// The files read.
    pub files: BTreeMap<String, OriginFile>,
    /// Weights that have no place here: poolers that are part of no head, other heads, second names of tied weights.
    pub dropped: Vec<String>,
    /// What was changed or is missing, in sentences.
    pub notes: Vec<String>,
}

/// A file that a model was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OriginFile {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, which the hub shows for large files.
    pub sha256: String,
}

/// The layout that this version writes; 1 knew no labels, and is read too.
pub const FORMAT: u32 = 2;

impl OriginFile {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { bytes: bytes.len() as u64, sha256 }
    }
}

impl Origin {
    /// That of a folder, refused by its number where it is of a later version.
    fn read(folder: &Path) -> Result<Self, ExchangeError> {
        #[derive(Deserialize)]
        struct FormatOnly {
            format: u32,
        }
        let path = folder.join(ORIGIN);
        let text = files::read_small(&path)?;
        let wrong = |why: String| ExchangeError::Config { path: path.clone(), why };
        let syntax = |cause: serde_json::Error| wrong(cause.to_string());
        let FormatOnly { format } = serde_json::from_slice(&text).map_err(syntax)?;
        if !(1..=FORMAT).contains(&format) {
            let remedy = "use the version of casebook that wrote it, or a newer one, or import the model again";
            return Err(wrong(format!("it has format {format}, and this program knows {FORMAT} at most: {remedy}")));
        }
        serde_json::from_slice(&text).map_err(syntax)
    }
}

/// A model to start from, read into memory.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    /// The encoder's shape.
    pub model: EncoderConfig,
    /// What stands on the encoder; none where its head was left out.
    pub head: Option<HeadOf>,
    /// Our weights, the head's among them where there is one.
    pub weights: Weights,
    /// Where its tokenizer is.
    pub tokenizer: PathBuf,
    /// Where it came from.
    pub origin: Origin,
}

/// Whether a folder is one that an import made.
pub fn is_model_folder(folder: &Path) -> bool {
    folder.join(MODEL).is_file() && folder.join(WEIGHTS).is_file()
}

impl ModelFolder {
    /// The `[model]` table of a folder, without its weights.
    ///
    /// # Errors
    /// As [`read_model_folder`].
    pub fn model(folder: &Path) -> Result<EncoderConfig, ExchangeError> {
        Origin::read(folder)?; // a later version's table may mean something else
        let path = folder.join(MODEL);
        let text = String::from_utf8(files::read_small(&path)?)
            .map_err(|_| ExchangeError::Config { path: path.clone(), why: "it is not UTF-8".into() })?;
        Ok(case::read_model(&text, &path)?)
    }
}

/// Reads a folder that an import made.
///
/// # Errors
/// [`ExchangeError::Read`], [`ExchangeError::Case`], [`ExchangeError::Weights`], [`ExchangeError::Config`].
pub fn read_model_folder(folder: &Path) -> Result<ModelFolder, ExchangeError> {
    let found = Origin::read(folder)?;
    let path = folder.join(WEIGHTS);
    let weights = weight_files::parse(&path, &files::read(&path)?)?;
    let has_head = weights.keys().any(|name| name.starts_with("head."));
    Ok(ModelFolder {
        model: ModelFolder::model(folder)?,
        head: has_head.then(|| found.labels.clone().map_or(HeadOf::Words, HeadOf::Labels)),
        weights,
        tokenizer: folder.join(TOKENIZER),
        origin: found,
    })
}
