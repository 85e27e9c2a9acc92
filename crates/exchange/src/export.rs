//! Our model to their folder.

use std::path::Path;

use case::{EncoderConfig, PositionKind};
use corpus::TextTokenizer;

use crate::{
    Array, Card, Class, ExchangeError, Weights,
    card::Shape,
    class_for, config,
    files::{self, json_bytes, write_folder},
    layout::{lies, output_bias, second_output_bias},
    tokenizer, weights,
};

/// What to export.
#[derive(Debug, Clone, Copy)]
pub struct Export<'a> {
    /// The encoder's shape.
    pub model: &'a EncoderConfig,
    /// Our weights by our names, the head's among them.
    pub weights: &'a Weights,
    /// Its `tokenizer.json`.
    pub tokenizer: &'a Path,
    /// What the model card says.
    pub card: &'a Card,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The class it is loaded as.
    pub class: Class,
    /// Trained numbers, a tied table counted once.
    pub parameters: u64,
    /// What was written into the weights because the class knows no other way, in sentences.
    pub notes: Vec<String>,
}

const WITH_HEAD: &str = "head.transform.dense.weight";
const TOKENS: &str = "encoder.embeddings.token";
const POSITIONS: &str = "encoder.embeddings.position";
const SEGMENTS: &str = "encoder.embeddings.segment";

/// Writes `config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json` and a model card.
///
/// # Errors
/// [`ExchangeError::NoClass`] for a model that no class computes, [`ExchangeError::NoHead`], [`ExchangeError::Exists`];
/// nothing is written then.
pub fn export(what: &Export<'_>, to: &Path) -> Result<Exported, ExchangeError> {
    files::refuse_existing(to)?;
    let class = class_for(what.model)?;
    if !what.weights.contains_key(WITH_HEAD) {
        return Err(ExchangeError::NoHead);
    }
    let words = TextTokenizer::load(what.tokenizer)?;
    let special = words.special();
    let mut notes = Vec::new();
    let ours = settled(class, what, &mut notes)?;
    let below = if class.counts_from_padding() { special.pad as usize + 1 } else { 0 };
    let theirs = renamed(class, &ours, below)?;
    let parameters = what.weights.values().map(|array| array.values.len() as u64).sum();
    let config = config::write(class, what.model, words.vocab_size(), special);
    let segments = config::segments(class, what.model);
    let tokenizer = tokenizer::for_class(what.tokenizer, &words, class, segments, what.model.seq_len)?;
    let shape = Shape { class: class.masked_lm(), parameters, vocab_size: words.vocab_size(), notes: &notes };
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
    Ok(Exported { class, parameters, notes })
}

/// Our weights with all that the class wants to have as weights.
fn settled(class: Class, what: &Export<'_>, notes: &mut Vec<String>) -> Result<Weights, ExchangeError> {
    let (model, mut ours) = (what.model, what.weights.clone());
    let width = model.table_width();
    let table = ours.get(TOKENS).cloned();
    let table = table.ok_or(ExchangeError::Missing { name: TOKENS.into(), class: class.masked_lm() })?;
    if model.scale_embeddings {
        ours.insert(TOKENS.into(), table.scaled((width as f64).sqrt()));
        ours.entry("head.weight".into()).or_insert_with(|| table.clone());
        notes.push("the factor on the token embeddings is written into their table, so the output has its own".into());
    }
    if model.position == PositionKind::Sinusoidal {
        let values = encoder::sinusoids(model.seq_len, width);
        ours.insert(POSITIONS.into(), Array { shape: vec![model.seq_len, width], values });
        notes.push(
            "the sinusoids of the positions are written out as a table, which training elsewhere would change".into(),
        );
    }
    if class != Class::ModernBert && model.segments == 0 {
        ours.insert(SEGMENTS.into(), Array::zeros(&[config::segments(class, model), width]));
    }
    if class != Class::ModernBert && !model.output_bias {
        ours.insert("head.bias".into(), Array::zeros(&[table.shape[0]]));
    }
    Ok(ours)
}

/// Our weights by their names, in their layout.
fn renamed(class: Class, ours: &Weights, below: usize) -> Result<Weights, ExchangeError> {
    let mut theirs = Weights::new();
    for (name, array) in ours {
        let lies = lies(class, name, below);
        let lies = lies.ok_or_else(|| ExchangeError::Missing { name: name.clone(), class: class.masked_lm() })?;
        lies.put(array, &mut theirs);
    }
    // Where the output is its own matrix, its bias under its second name is its own too.
    if let (true, Some(second)) = (ours.contains_key("head.weight"), second_output_bias(class)) {
        let bias = theirs.get(output_bias(class)).cloned();
        theirs.extend(bias.map(|bias| (second.to_string(), bias)));
    }
    Ok(theirs)
}
