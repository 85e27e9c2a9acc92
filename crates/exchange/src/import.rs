//! Their folder to ours.

use std::{collections::BTreeMap, path::Path};

use burn::tensor::Device;
use case::EncoderConfig;
use corpus::TextTokenizer;
use encoder::{Flat, HeadKind, Model, flat_weights};

use crate::{
    Array, Class, ExchangeError, HeadOf, Labels, Origin, OriginFile, Weights,
    config::{self, Published},
    files::{self, json_bytes, write_folder},
    folder::{FORMAT, MODEL, ORIGIN, TOKENIZER, WEIGHTS},
    heads::second_output_bias,
    layout::{Form, Lies, lies},
    weight_files,
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
    let Converted { model, ours, labels, dropped, notes } =
        convert(published_names(theirs, &published), &published, words)?;
    let origin = Origin {
        format: FORMAT,
        folder: from.to_string_lossy().into_owned(),
        model_type: published.model_type,
        architecture: published.architecture,
        labels,
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
    weight_files::refuse_pickle(from)?;
    let mut files = BTreeMap::new();
    let is_of_weights = |path: &Path| path.extension().is_some_and(|ending| ending == "safetensors");
    let mut take = |path: &Path| {
        let bytes = if is_of_weights(path) { files::read(path) } else { files::read_small(path) }?;
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
    let weight_files = weight_files::files_of(from)?;
    let hint = "let Python write it: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)";
    let tokenizer_path = there("tokenizer.json", hint)?;
    let tokenizer = TextTokenizer::load(&tokenizer_path)?;
    let tokenizer_bytes = take(&tokenizer_path)?;
    let mut theirs = Weights::new();
    for file in &weight_files {
        theirs.extend(weight_files::parse(file, &take(file)?)?);
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
    labels: Option<Labels>,
    dropped: Vec<String>,
    notes: Vec<String>,
}

/// Their weights as ours.
fn convert(mut theirs: Weights, published: &Published, words: usize) -> Result<Converted, ExchangeError> {
    let form = Form { class: published.class, task: published.head.task(), below: published.below };
    let model = published.model.clone();
    let mut notes = Vec::new();
    let keeps_head = keeps_head(form, &theirs, published, &mut notes);
    let head = if keeps_head { published.head.kind() } else { HeadKind::Words };
    let mut ours = Weights::new();
    let mut taken = Vec::new();
    for flat in flat_weights(&Model::zeros(&model, words, head, &Device::flex())) {
        if flat.name.starts_with("head.") && !keeps_head {
            continue;
        }
        let lies = place(form, &model, &flat.name, &theirs);
        let array = found(form, &lies, &flat, &theirs)?;
        let is_of_words = published.head == HeadOf::Words || flat.name.starts_with("encoder.");
        let array = fitting(array, &flat, words, is_of_words, &mut notes)?;
        taken.extend(lies.names().into_iter().map(str::to_string));
        ours.insert(flat.name, array);
    }
    taken.iter().for_each(|name| {
        theirs.remove(name);
    });
    let dropped = leftover(theirs, form)?;
    let labels = published.head.labels().filter(|_| keeps_head).cloned();
    Ok(Converted { model, ours, labels, dropped, notes })
}

/// Whether the head is one that ours could be; the notes say why not, and which labels it has.
fn keeps_head(form: Form, theirs: &Weights, published: &Published, notes: &mut Vec<String>) -> bool {
    let labels = published.head.labels();
    let first = if labels.is_some() { "head.weight" } else { "head.transform.dense.weight" };
    let is_there = lies(form, first).is_some_and(|lies| lies.take(theirs).is_some());
    let why = match (&published.other_head, is_there) {
        (None, true) => None,
        (Some(why), true) => Some(why.clone()),
        (_, false) => Some("the files hold none".into()),
    };
    let fresh = "pre-training from here begins with a fresh one";
    notes.extend(match (labels, &why) {
        (None, None) => None,
        (None, Some(why)) => Some(format!("no masked-language head: {why}; {fresh}")),
        (Some(labels), None) => {
            Some(format!("a head of {} labels, and no masked-language head: {fresh}", labels.names.len()))
        }
        (Some(labels), Some(why)) => Some(format!(
            "its head of {} labels was left out: {why}; no masked-language head: {fresh}",
            labels.names.len()
        )),
    });
    why.is_none()
}

/// Where a weight of ours lies in these files.
fn place(form: Form, model: &EncoderConfig, name: &str, theirs: &Weights) -> Lies {
    match second_output_bias(form).filter(|second| name == "head.bias" && theirs.contains_key(*second)) {
        // Two weights where the output is its own matrix: what is added is the second.
        Some(second) if !model.tied_output => Lies::Plain(second.into()),
        _ => lies(form, name).expect("a class that was read has a place for each weight of its model"),
    }
}

fn found(form: Form, lies: &Lies, flat: &Flat, theirs: &Weights) -> Result<Array, ExchangeError> {
    match lies.take(theirs) {
        Some(array) => Ok(array),
        // A class with some of its biases is held as one with all: the others are zeros.
        None if form.class == Class::ModernBert && flat.name.ends_with("bias") => Ok(Array::zeros(&flat.shape)),
        None => {
            let name = lies.names().into_iter().find(|name| !theirs.contains_key(*name));
            let name = name.unwrap_or(lies.names()[0]).to_string();
            Err(ExchangeError::Missing { name, class: form.architecture() })
        }
    }
}

/// An array of the wanted shape: tables of words lose rows that no token has, others must fit.
fn fitting(
    array: Array,
    flat: &Flat,
    words: usize,
    is_of_words: bool,
    notes: &mut Vec<String>,
) -> Result<Array, ExchangeError> {
    let Flat { name, shape: wanted, .. } = flat;
    let is_of_words = is_of_words && ["encoder.embeddings.token", "head.weight", "head.bias"].contains(&name.as_str());
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
    if array.shape != *wanted {
        return Err(ExchangeError::Shape { name: name.clone(), found: array.shape, wanted: wanted.clone() });
    }
    Ok(array)
}

/// Names of weights that were not used: heads and poolers may be, other parts of the encoder may not.
fn leftover(theirs: Weights, form: Form) -> Result<Vec<String>, ExchangeError> {
    let is_harmless = |name: &str| match name.strip_prefix(form.class.prefix()) {
        None => true,
        Some(rest) => rest.starts_with("pooler.") || rest == "embeddings.position_ids",
    };
    let names = theirs.into_keys().collect::<Vec<_>>();
    let harmful = names.iter().filter(|name| !is_harmless(name)).take(3).cloned().collect::<Vec<_>>();
    if harmful.is_empty() {
        return Ok(names);
    }
    Err(ExchangeError::Leftover { names: harmful, class: form.architecture() })
}
