//! Our model to their folder.

use std::path::Path;

use case::{EncoderConfig, PositionKind};
use corpus::TextTokenizer;

use crate::{
    Array, Card, Class, ExchangeError, HeadOf, Weights,
    card::Shape,
    class_for, config,
    files::{self, json_bytes, write_folder},
    heads::{idle_layer, output_bias, second_output_bias},
    layout::{Form, lies},
    tokenizer::{self, Rows},
};

/// What to export.
#[derive(Debug, Clone, Copy)]
pub struct Export<'a> {
    /// The encoder's shape.
    pub model: &'a EncoderConfig,
    /// What stands on it.
    pub head: &'a HeadOf,
    /// Our weights by our names, the head's among them.
    pub weights: &'a Weights,
    /// Its `tokenizer.json`.
    pub tokenizer: &'a Path,
    /// Whether texts and pairs were read as `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]` whatever that file says, as all
    /// training here does: the exported one says it then.
    pub rows_of_ours: bool,
    /// What the model card says.
    pub card: &'a Card,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The class of its encoder.
    pub class: Class,
    /// The class it is loaded as, such as `BertForMaskedLM`.
    pub architecture: String,
    /// Trained numbers, a tied table counted once.
    pub parameters: u64,
    /// What was written into the weights because the class knows no other way, in sentences.
    pub notes: Vec<String>,
}

const WITH_HEAD: &str = "head.transform.dense.weight";
const OUTPUT: &str = "head.weight";
const TOKENS: &str = "encoder.embeddings.token";
const POSITIONS: &str = "encoder.embeddings.position";
const SEGMENTS: &str = "encoder.embeddings.segment";

/// Writes `config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json` and a model card.
///
/// # Errors
/// [`ExchangeError::NoClass`] for a model that no class computes, [`ExchangeError::NoHead`], [`ExchangeError::Labels`] for
/// names that do not fit the head, [`ExchangeError::Exists`]; nothing is written then.
pub fn export(what: &Export<'_>, to: &Path) -> Result<Exported, ExchangeError> {
    files::refuse_existing(to)?;
    let class = class_for(what.model, what.head)?;
    check_head(what)?;
    let words = TextTokenizer::load(what.tokenizer)?;
    let special = words.special();
    let below = if class.counts_from_padding() { special.pad as usize + 1 } else { 0 };
    let form = Form { class, task: what.head.task(), below };
    let mut notes = Vec::new();
    let mut theirs = renamed(form, &settled(form, what, &mut notes)?)?;
    if let Some(name) = idle_layer(form) {
        let width = what.model.d_model;
        theirs.insert(format!("{name}.weight"), Array::zeros(&[width, width]));
        theirs.insert(format!("{name}.bias"), Array::zeros(&[width]));
        notes.push(format!("`{name}`, which the class has and this head does not read, is zeros"));
    }
    let parameters = what.weights.values().map(|array| array.values.len() as u64).sum();
    let config = config::write(form, what.head, what.model, words.vocab_size(), special);
    let segments = config::segments(class, what.model);
    let rows = Rows { are_ours: what.rows_of_ours, segments, seq_len: what.model.seq_len };
    let tokenizer = tokenizer::for_class(what.tokenizer, &words, class, &rows)?;
    let architecture = form.architecture();
    let mask = words.token(special.mask);
    let shape = Shape {
        architecture: &architecture,
        class,
        head: what.head,
        parameters,
        vocab_size: words.vocab_size(),
        mask: &mask,
        notes: &notes,
    };
    write_folder(
        to,
        &[
            ("config.json", &json_bytes(&config)),
            ("model.safetensors", &weights::bytes(&theirs)),
            ("tokenizer.json", &tokenizer.tokenizer),
            ("tokenizer_config.json", &tokenizer.config),
            ("README.md", what.card.markdown(&shape).as_bytes()),
        ],
    )?;
    Ok(Exported { class, architecture, parameters, notes })
}

/// Refuses a model whose head is not the one that is said to stand on it.
fn check_head(what: &Export<'_>) -> Result<(), ExchangeError> {
    match what.head {
        HeadOf::Words if !what.weights.contains_key(WITH_HEAD) => Err(ExchangeError::NoHead),
        HeadOf::Words => Ok(()),
        HeadOf::Labels(labels) => labels.check(what.weights.get(OUTPUT).map_or(0, |array| array.shape[0])),
    }
}

/// Our weights with all that the class wants to have as weights.
fn settled(form: Form, what: &Export<'_>, notes: &mut Vec<String>) -> Result<Weights, ExchangeError> {
    let (model, mut ours) = (what.model, what.weights.clone());
    let (is_modern, is_of_words) = (form.class == Class::ModernBert, form.task.is_none());
    let width = model.table_width();
    let table = ours.get(TOKENS).cloned();
    let table = table.ok_or_else(|| ExchangeError::Missing { name: TOKENS.into(), class: form.architecture() })?;
    if model.scale_embeddings {
        ours.insert(TOKENS.into(), table.scaled((width as f64).sqrt()));
        let mut note = "the factor on the token embeddings is written into their table".to_string();
        if is_of_words {
            ours.entry(OUTPUT.into()).or_insert_with(|| table.clone());
            note.push_str(", so the output has its own");
        }
        notes.push(note);
    }
    if model.position == PositionKind::Sinusoidal {
        let values = encoder::sinusoids(model.seq_len, width);
        ours.insert(POSITIONS.into(), Array { shape: vec![model.seq_len, width], values });
        notes.push(
            "the sinusoids of the positions are written out as a table, which training elsewhere would change".into(),
        );
    }
    if !is_modern && model.segments == 0 {
        ours.insert(SEGMENTS.into(), Array::zeros(&[config::segments(form.class, model), width]));
    }
    if !is_modern && is_of_words && !model.output_bias {
        ours.insert("head.bias".into(), Array::zeros(&[table.shape[0]]));
    }
    Ok(ours)
}

/// Our weights by their names, in their layout.
fn renamed(form: Form, ours: &Weights) -> Result<Weights, ExchangeError> {
    let mut theirs = Weights::new();
    for (name, array) in ours {
        let lies = lies(form, name);
        let lies = lies.ok_or_else(|| ExchangeError::Missing { name: name.clone(), class: form.architecture() })?;
        lies.put(array, &mut theirs);
    }
    // Where the output is its own matrix, its bias under its second name is its own too.
    if let (true, Some(second)) = (ours.contains_key(OUTPUT), second_output_bias(form)) {
        let bias = theirs.get(output_bias(form.class)).cloned();
        theirs.extend(bias.map(|bias| (second.to_string(), bias)));
    }
    Ok(theirs)
}
