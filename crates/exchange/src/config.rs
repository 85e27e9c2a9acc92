//! `config.json` of the published classes, to a `[model]` table and back.
//!
//! | `config.json` | ours | ModernBERT's own words |
//! |---|---|---|
//! | `hidden_size`, `num_attention_heads`, `num_hidden_layers`, `intermediate_size` | `d_model`, `h`, `n_layers`, `ff` | |
//! | `max_position_embeddings` | `seq_len` (RoBERTa's counts the padding's rows too) | |
//! | `hidden_act` | `activation` | `hidden_activation`, always gated |
//! | `layer_norm_eps` | `layer_norm_eps` | `norm_eps` |
//! | `type_vocab_size` | `segments` | |
//! | `embedding_size` | `embedding_width` | |
//! | `hidden_dropout_prob`, `attention_probs_dropout_prob` | `dropout`, `attention_dropout` | `mlp_dropout`, `attention_dropout` |
//! | `tie_word_embeddings` | `tied_output` | |
//! | | `biases` | `attention_bias`, `mlp_bias`, `norm_bias`, `classifier_bias` |
//! | | `output_bias` | `decoder_bias` |
//! | | `local_window`, `global_every` | `local_attention`, `layer_types` |
//! | | `rotary_base`, `local_rotary_base` | `rope_parameters` |
//! | `max_2d_position_embeddings` (LayoutLM) | `boxes`, always 1024 | |
//!
//! The head's keys stand in `head_config`.

use std::path::Path;

use case::{Activation, EncoderConfig, NormPlacement, PositionKind};
use corpus::SpecialIds;
use encoder::PAGE_POSITIONS;
use serde_json::{Value, json};

use crate::{Class, ExchangeError, HeadOf, head_config, keys::Keys, layout::Form};

/// What a `config.json` says.
pub(crate) struct Published {
    pub(crate) class: Class,
    pub(crate) model_type: String,
    /// The class that wrote it, such as `BertForMaskedLM`; empty where it does not say.
    pub(crate) architecture: String,
    pub(crate) model: EncoderConfig,
    /// Rows of the position table before the first position's.
    pub(crate) below: usize,
    /// What stands on the encoder.
    pub(crate) head: HeadOf,
    /// Why that is none that ours could be.
    pub(crate) other_head: Option<String>,
}

/// Reads a `config.json`.
///
/// # Errors
/// [`ExchangeError::Config`], [`ExchangeError::Unsupported`], and [`ExchangeError::Case`] where its numbers contradict each
/// other.
pub(crate) fn read(path: &Path, json: &Value) -> Result<Published, ExchangeError> {
    let keys = Keys { path, json };
    let model_type = keys.word("model_type", "")?;
    let Some(class) = Class::of_model_type(&model_type) else {
        let known =
            "bert, roberta, xlm-roberta, camembert, roberta-prelayernorm, electra, layoutlm and modernbert are read";
        return Err(keys.unsupported("model_type", known));
    };
    keys.must_be("is_decoder", false.into(), "only encoders are read")?;
    keys.must_be("add_cross_attention", false.into(), "only encoders are read")?;
    keys.must_be("position_embedding_type", "absolute".into(), "only positions that are added to the tokens are read")?;
    let model = if class == Class::ModernBert { modern(&keys)? } else { bert_like(&keys, class)? };
    let below = if class.counts_from_padding() { keys.count("pad_token_id", 1)? + 1 } else { 0 };
    let seq_len = model.seq_len.saturating_sub(below);
    let model = case::read_model(&case::model_toml(&EncoderConfig { seq_len, ..model }), path)?;
    let architecture = json["architectures"][0].as_str().unwrap_or_default().to_string();
    let (head, other_head) = head_config::read(&keys, class, &architecture, &model)?;
    Ok(Published { class, model_type, architecture, model, below, head, other_head })
}

/// What all classes say in the same words.
fn common(keys: &Keys) -> Result<EncoderConfig, ExchangeError> {
    Ok(EncoderConfig {
        d_model: keys.count("hidden_size", 768)?,
        h: keys.count("num_attention_heads", 12)?,
        n_layers: keys.count("num_hidden_layers", 12)?,
        ff: keys.count("intermediate_size", 3072)?,
        seq_len: keys.count("max_position_embeddings", 512)?,
        tied_output: keys.flag("tie_word_embeddings", true)?,
        ..EncoderConfig::default()
    })
}

fn bert_like(keys: &Keys, class: Class) -> Result<EncoderConfig, ExchangeError> {
    let base = common(keys)?;
    let is_pre = class == Class::RobertaPreLayerNorm;
    let dropout = keys.number("hidden_dropout_prob", 0.1)?;
    let width = if class == Class::Electra { keys.count("embedding_size", 128)? } else { base.d_model };
    let boxes = class == Class::LayoutLm;
    if boxes && keys.count("max_2d_position_embeddings", PAGE_POSITIONS)? != PAGE_POSITIONS {
        return Err(keys.unsupported("max_2d_position_embeddings", "the encoder's tables of boxes have 1024 rows"));
    }
    Ok(EncoderConfig {
        dropout,
        attention_dropout: other_than(dropout, keys.number("attention_probs_dropout_prob", 0.1)?),
        norm: if is_pre { NormPlacement::Pre } else { NormPlacement::Post },
        layer_norm_eps: keys.number("layer_norm_eps", 1e-12)?,
        segments: keys.count("type_vocab_size", 2)?,
        boxes,
        embedding_width: (width != base.d_model).then_some(width),
        activation: activation(keys, "hidden_act")?,
        ..base
    })
}

fn modern(keys: &Keys) -> Result<EncoderConfig, ExchangeError> {
    keys.must_be("hidden_activation", "gelu".into(), "the encoder's gated activation is GELU")?;
    let base = common(keys)?;
    let (dropout, inner) = (keys.number("attention_dropout", 0.0)?, keys.number("mlp_dropout", 0.0)?);
    let mut biases = false;
    for key in ["attention_bias", "mlp_bias", "norm_bias", "classifier_bias"] {
        biases |= keys.flag(key, false)?;
    }
    let every = global_every(keys, base.n_layers)?;
    let rotary_base = rotary_base(keys, "full_attention", "global_rope_theta", 160_000.0)?;
    let local_base = rotary_base_of_local(keys, rotary_base)?;
    let has_local = every > 1 && base.n_layers > 1;
    Ok(EncoderConfig {
        dropout,
        hidden_dropout: other_than(dropout, inner),
        norm: NormPlacement::Pre,
        layer_norm_eps: keys.number("norm_eps", 1e-5)?,
        position: PositionKind::Rotary,
        activation: Activation::Geglu,
        first_norm: false,
        biases,
        output_bias: keys.flag("decoder_bias", true)?,
        rotary_base,
        local_window: if has_local { Some(keys.count("local_attention", 128)?) } else { None },
        global_every: if has_local { every } else { EncoderConfig::default().global_every },
        local_rotary_base: if has_local { other_than(rotary_base, local_base) } else { None },
        ..base
    })
}

/// Older files say a number, newer ones list every layer's kind.
fn global_every(keys: &Keys, layers: usize) -> Result<usize, ExchangeError> {
    let Some(kinds) = keys.json["layer_types"].as_array() else { return keys.count("global_attn_every_n_layers", 3) };
    let is_global = |index: usize| kinds.get(index).is_some_and(|kind| kind == "full_attention");
    let fits = |every: &usize| (0..layers).all(|index| is_global(index) == index.is_multiple_of(*every));
    let why = "the encoder's layers that see all tokens are every n-th, the first among them";
    (1..=layers).find(fits).ok_or_else(|| keys.unsupported("layer_types", why))
}

fn rotary_base(keys: &Keys, layers: &str, old: &str, default: f64) -> Result<f64, ExchangeError> {
    let new = &keys.json["rope_parameters"][layers];
    if new.get("rope_type").is_some_and(|kind| kind != "default") || !keys.json["rope_scaling"].is_null() {
        return Err(keys.unsupported("rope_parameters", "rotary positions are read without scaling"));
    }
    match new["rope_theta"].as_f64() {
        Some(base) => Ok(base),
        None => keys.number(old, default),
    }
}

fn rotary_base_of_local(keys: &Keys, global: f64) -> Result<f64, ExchangeError> {
    // An explicit null meant the other layers' base.
    let is_null = keys.json.get("local_rope_theta").is_some_and(Value::is_null);
    rotary_base(keys, "sliding_attention", "local_rope_theta", if is_null { global } else { 10_000.0 })
}

fn activation(keys: &Keys, key: &str) -> Result<Activation, ExchangeError> {
    match keys.word(key, "gelu")?.as_str() {
        "gelu" => Ok(Activation::Gelu),
        "relu" => Ok(Activation::Relu),
        "silu" | "swish" => Ok(Activation::Silu),
        _ => Err(keys.unsupported(key, "the encoder has gelu (exact), relu and silu")),
    }
}

fn other_than(usual: f64, value: f64) -> Option<f64> {
    (value != usual).then_some(value)
}

/// The `config.json` of a model of ours as a class with its head.
pub(crate) fn write(form: Form, head: &HeadOf, model: &EncoderConfig, vocab_size: usize, special: SpecialIds) -> Value {
    let Form { class, below, .. } = form;
    let attention_dropout = model.attention_dropout.unwrap_or(model.dropout);
    let mut json = json!({
        "architectures": [form.architecture()],
        "model_type": class.model_type(),
        "dtype": "float32",
        "vocab_size": vocab_size,
        "hidden_size": model.d_model,
        "num_hidden_layers": model.n_layers,
        "num_attention_heads": model.h,
        "intermediate_size": model.ff,
        "max_position_embeddings": model.seq_len + below,
        "initializer_range": 0.02,
        "pad_token_id": special.pad,
        "bos_token_id": special.cls,
        "eos_token_id": special.sep,
        // A table that is scaled on its way in is another one than that of the output.
        "tie_word_embeddings": model.tied_output && !model.scale_embeddings,
    });
    let own = if class == Class::ModernBert {
        modern_keys(model, special, attention_dropout)
    } else {
        let activation = match model.activation {
            Activation::Relu => "relu",
            Activation::Silu => "silu",
            Activation::Gelu | Activation::Geglu => "gelu",
        };
        json!({
            "hidden_act": activation,
            "hidden_dropout_prob": model.residual_dropout.unwrap_or(model.dropout),
            "attention_probs_dropout_prob": attention_dropout,
            "layer_norm_eps": model.layer_norm_eps,
            "type_vocab_size": segments(class, model),
        })
    };
    let width = (class == Class::Electra).then(|| json!({"embedding_size": model.table_width()}));
    let page = (class == Class::LayoutLm).then(|| json!({"max_2d_position_embeddings": PAGE_POSITIONS}));
    let labels = head.labels().map(|labels| Value::Object(head_config::write(labels, class, model)));
    for more in [Some(own), width, page, labels].into_iter().flatten() {
        let (Some(json), Value::Object(more)) = (json.as_object_mut(), more) else { continue };
        json.extend(more);
    }
    json
}

/// Rows of the segments' table: BERT's two, so that its tokenizer's pairs are taken, where the model has none.
pub(crate) fn segments(class: Class, model: &EncoderConfig) -> usize {
    match (model.segments, class.counts_from_padding()) {
        (0, true) => 1,
        (0, false) => 2,
        (segments, _) => segments,
    }
}

/// Both the older and the newer spelling of which layers are local and of the rotary bases: each version reads its own.
fn modern_keys(model: &EncoderConfig, special: SpecialIds, attention_dropout: f64) -> Value {
    let local_base = model.local_rotary_base.unwrap_or(model.rotary_base);
    let kind = |index| if model.reach(index).is_some() { "sliding_attention" } else { "full_attention" };
    let base = |base: f64| json!({"rope_type": "default", "rope_theta": base});
    json!({
        "hidden_activation": "gelu",
        "classifier_activation": "gelu",
        "norm_eps": model.layer_norm_eps,
        "norm_bias": model.biases,
        "attention_bias": model.biases,
        "mlp_bias": model.biases,
        "classifier_bias": model.biases,
        "decoder_bias": model.output_bias,
        "attention_dropout": attention_dropout,
        "embedding_dropout": model.hidden_dropout.unwrap_or(model.dropout),
        "mlp_dropout": model.hidden_dropout.unwrap_or(0.0),
        "cls_token_id": special.cls,
        "sep_token_id": special.sep,
        "local_attention": model.local_window.unwrap_or(128),
        "layer_types": (0..model.n_layers).map(kind).collect::<Vec<_>>(),
        "global_attn_every_n_layers": if model.local_window.is_some() { model.global_every } else { 1 },
        "rope_parameters": {"full_attention": base(model.rotary_base), "sliding_attention": base(local_base)},
        "global_rope_theta": model.rotary_base,
        "local_rope_theta": local_base,
    })
}
