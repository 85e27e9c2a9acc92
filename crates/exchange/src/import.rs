//! Their folder to ours.

use std::{collections::BTreeMap, path::Path};

use burn::tensor::Device;
use case::EncoderConfig;
use corpus::TextTokenizer;
use encoder::{HeadKind, Model, flat_weights};

use crate::{
    Array, ExchangeError, Origin, OriginFile, Weights,
    config::{self, Published},
    files::{self, json_bytes, write_folder},
    folder::{FORMAT, MODEL, ORIGIN, TOKENIZER, WEIGHTS},
    layout::{Lies, lies, second_output_bias},
    weights,
};

/// What an import read.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The encoder's shape.
    pub model: EncoderConfig,
    /// Words V.
    pub vocab_size: usize,
    /// Trained numbers.
    pub parameters: u64,
    /// Where it came from, and what was left out.
    pub origin: Origin,
}

/// Reads a model in the hub's layout (`config.json`, safetensors, `tokenizer.json`) and writes the folder that training
/// starts from.
///
/// # Errors
/// [`ExchangeError`]: a class, a configuration or a tokenizer that the encoder does not have, weights that are missing, of
/// another shape or beyond the class, and [`ExchangeError::Exists`]. Nothing is written then.
pub fn import(from: &Path, to: &Path) -> Result<Imported, ExchangeError> {
    files::refuse_existing(to)?;
    let Read { published, tokenizer, tokenizer_bytes, theirs, files } = read_folder(from)?;
    let words = tokenizer.vocab_size();
    let Converted { model, ours, dropped, notes } = convert(published_names(theirs, &published), &published, words)?;
    let origin = Origin {
        format: FORMAT,
        folder: from.to_string_lossy().into_owned(),
        model_type: published.model_type,
        architecture: published.architecture,
        files,
        dropped,
        notes,
    };
    let parameters = ours.values().map(|array| array.values.len() as u64).sum();
    write_folder(
        to,
        &[
            (MODEL, case::model_toml(&model).as_bytes()),
            (WEIGHTS, &weights::bytes(&ours)),
            (TOKENIZER, &tokenizer_bytes),
            (ORIGIN, &json_bytes(&origin)),
        ],
    )?;
    Ok(Imported { model, vocab_size: words, parameters, origin })
}

/// A folder of theirs in memory.
struct Read {
    published: Published,
    tokenizer: TextTokenizer,
    tokenizer_bytes: Vec<u8>,
    theirs: Weights,
    files: BTreeMap<String, OriginFile>,
}

fn read_folder(from: &Path) -> Result<Read, ExchangeError> {
    let mut files = BTreeMap::new();
    let mut take = |path: &Path| {
        let bytes = files::read(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.insert(name, OriginFile::of(&bytes));
        Ok::<_, ExchangeError>(bytes)
    };
    let there = |name: &str, hint: &str| match from.join(name) {
        path if path.is_file() => Ok(path),
        _ => Err(ExchangeError::Lacks { folder: from.into(), wanted: name.into(), hint: hint.into() }),
    };
    let hint = "name the folder that holds a model's config.json, weights and tokenizer.json";
    let config_path = there("config.json", hint)?;
    let json = serde_json::from_slice(&take(&config_path)?)
        .map_err(|cause| ExchangeError::Config { path: config_path.clone(), why: cause.to_string() })?;
    let published = config::read(&config_path, &json)?;
    let weight_files = weights::files_of(from)?;
    let hint = "let Python write it: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)";
    let tokenizer_path = there("tokenizer.json", hint)?;
    let tokenizer = TextTokenizer::load(&tokenizer_path)?;
    let tokenizer_bytes = take(&tokenizer_path)?;
    let mut theirs = Weights::new();
    for file in &weight_files {
        theirs.extend(weights::parse(file, &take(file)?)?);
    }
    Ok(Read { published, tokenizer, tokenizer_bytes, theirs, files })
}

/// Names as a class with a head has them: files of the bare encoder leave its prefix out, and the oldest call a norm's
/// weight and bias gamma and beta.
fn published_names(theirs: Weights, published: &Published) -> Weights {
    let prefix = published.class.prefix();
    let is_bare = !theirs.keys().any(|name| name.starts_with(prefix));
    let renamed = |name: String| {
        let name = if is_bare { format!("{prefix}{name}") } else { name };
        match (name.strip_suffix(".gamma"), name.strip_suffix(".beta")) {
            (Some(stem), _) => format!("{stem}.weight"),
            (_, Some(stem)) => format!("{stem}.bias"),
            _ => name,
        }
    };
    theirs.into_iter().map(|(name, array)| (renamed(name), array)).collect()
}

struct Converted {
    model: EncoderConfig,
    ours: Weights,
    dropped: Vec<String>,
    notes: Vec<String>,
}

/// Their weights as ours.
fn convert(mut theirs: Weights, published: &Published, words: usize) -> Result<Converted, ExchangeError> {
    let (class, model) = (published.class, published.model.clone());
    let mut notes = Vec::new();
    let place = |name: &str| lies(class, name, published.below);
    let has_head = place("head.transform.dense.weight").is_some_and(|lies| lies.take(&theirs).is_some());
    let keeps_head = has_head && published.other_head.is_none();
    if !keeps_head {
        let why = match (&published.other_head, has_head) {
            (Some(why), true) => why.clone(),
            _ => "the files hold none".into(),
        };
        notes.push(format!("no masked-language head: {why}; pre-training from here begins with a fresh one"));
    }
    let mut ours = Weights::new();
    let mut taken = Vec::new();
    for flat in flat_weights(&Model::zeros(&model, words, HeadKind::Words, &Device::flex())) {
        if flat.name.starts_with("head.") && !keeps_head {
            continue;
        }
        let lies = match second_output_bias(class).filter(|name| flat.name == "head.bias" && theirs.contains_key(*name))
        {
            // Two weights where the output is its own matrix: what is added is the second.
            Some(second) if !model.tied_output => Lies::Plain(second.into()),
            _ => place(&flat.name).expect("a class that was read has a place for each weight of its model"),
        };
        let array = match lies.take(&theirs) {
            Some(array) => array,
            // A class with some of its biases is held as one with all: the others are zeros.
            None if class == crate::Class::ModernBert && flat.name.ends_with("bias") => Array::zeros(&flat.shape),
            None => {
                let name = lies.names().into_iter().find(|name| !theirs.contains_key(*name));
                let name = name.unwrap_or(lies.names()[0]).to_string();
                return Err(ExchangeError::Missing { name, class: class.masked_lm() });
            }
        };
        let array = fitting(array, &flat.name, &flat.shape, words, &mut notes)?;
        taken.extend(lies.names().into_iter().map(str::to_string));
        ours.insert(flat.name, array);
    }
    taken.iter().for_each(|name| {
        theirs.remove(name);
    });
    let dropped = leftover(theirs, published)?;
    Ok(Converted { model, ours, dropped, notes })
}

/// An array of the wanted shape: tables of words lose rows that no token has, others must fit.
fn fitting(
    array: Array,
    name: &str,
    wanted: &[usize],
    words: usize,
    notes: &mut Vec<String>,
) -> Result<Array, ExchangeError> {
    let is_of_words = ["encoder.embeddings.token", "head.weight", "head.bias"].contains(&name);
    let rows = array.shape.first().copied().unwrap_or(0);
    if is_of_words && rows < words {
        return Err(ExchangeError::Vocabulary { rows, words });
    }
    let array = if is_of_words && rows > words {
        notes.push(format!("`{name}`: {} rows that no word of the tokenizer has were left out", rows - words));
        array.rows(0, words)
    } else {
        array
    };
    if array.shape != wanted {
        return Err(ExchangeError::Shape { name: name.into(), found: array.shape, wanted: wanted.to_vec() });
    }
    Ok(array)
}

/// Names of weights that were not used: heads and poolers may be, other parts of the encoder may not.
fn leftover(theirs: Weights, published: &Published) -> Result<Vec<String>, ExchangeError> {
    let class = published.class;
    let is_harmless = |name: &str| match name.strip_prefix(class.prefix()) {
        None => true,
        Some(rest) => rest.starts_with("pooler.") || rest == "embeddings.position_ids",
    };
    let names = theirs.into_keys().collect::<Vec<_>>();
    let harmful = names.iter().filter(|name| !is_harmless(name)).take(3).cloned().collect::<Vec<_>>();
    if harmful.is_empty() {
        return Ok(names);
    }
    Err(ExchangeError::Leftover { names: harmful, class: class.masked_lm() })
}
