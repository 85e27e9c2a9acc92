//! What a `tokenizer.json` must be before the library sees it.
//!
//! The library trusts its files: ids that are taken as sizes, padding to any length, replacements that multiply the
//! text, merges dropped at random. All of that is found here, on the parsed JSON.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};

use crate::{CorpusError, SpecialIds};

/// Larger than any published tokenizer file by a factor of five.
const MAX_FILE_BYTES: u64 = 128 << 20;
/// How many times longer than the text a file's replacements may make it.
const MAX_GROWTH: usize = 4096;
/// The library takes time and memory quadratic in it.
const MAX_WORD_CHARS: u64 = 1000;

/// The five roles, in the two spellings that are known.
const ROLES: [[&str; 2]; 5] =
    [["[PAD]", "<pad>"], ["[UNK]", "<unk>"], ["[CLS]", "<s>"], ["[SEP]", "</s>"], ["[MASK]", "<mask>"]];

/// A file that passed, ready for the library.
pub(super) struct Checked {
    pub(super) bytes: Vec<u8>,
    /// The file without what rows must not inherit.
    pub(super) json: Value,
    /// Each id's token as it stands in the file.
    pub(super) tokens: Vec<String>,
    /// For each id, whether the file calls it special.
    pub(super) is_special: Vec<bool>,
    pub(super) special: SpecialIds,
    /// The model's kind in our words.
    pub(super) kind: String,
}

/// Reads and checks the file at `path`.
pub(super) fn read(path: &Path) -> Result<Checked, CorpusError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(CorpusError::read(path))?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(CorpusError::read(path))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(CorpusError::tokenizer(path, format!("it is larger than {} MiB", MAX_FILE_BYTES >> 20)));
    }
    let mut json: Value =
        serde_json::from_slice(&bytes).map_err(|error| CorpusError::tokenizer(path, error.to_string()))?;
    let found = examine(&mut json).map_err(|why| CorpusError::tokenizer(path, why))?;
    let mut ids = [0; 5];
    for (id, names) in ids.iter_mut().zip(ROLES) {
        *id = names
            .iter()
            .find_map(|name| found.tokens.iter().position(|token| token == name))
            .ok_or_else(|| CorpusError::MissingSpecial { path: path.to_owned(), role: names.join(" or ") })?
            as u32;
    }
    let [pad, unk, cls, sep, mask] = ids;
    let special = SpecialIds { pad, unk, cls, sep, mask };
    let mut is_special = found.is_special;
    for id in ids {
        if let Some(special) = is_special.get_mut(id as usize) {
            *special = true;
        }
    }
    make_special(&mut json, &found.tokens, &ids);
    Ok(Checked { bytes, json, tokens: found.tokens, is_special, special, kind: found.kind })
}

struct Found {
    tokens: Vec<String>,
    is_special: Vec<bool>,
    kind: String,
}

fn examine(json: &mut Value) -> Result<Found, String> {
    let top = json.as_object_mut().ok_or("it is not a JSON object")?;
    for ignored in ["truncation", "padding", "post_processor"] {
        top.insert(ignored.into(), Value::Null);
    }
    let model = top.get("model").and_then(Value::as_object).ok_or("it has no `model`")?;
    let kind = kind(model, top)?;
    check_model(model)?;
    for part in ["normalizer", "pre_tokenizer", "decoder"] {
        if top.get(part).is_some_and(|part| growth(part) > MAX_GROWTH) {
            return Err(format!("its {part} can make a text more than {MAX_GROWTH} times longer"));
        }
    }
    let mut tokens = model_tokens(model)?;
    let mut is_special = vec![false; tokens.len()];
    add_tokens(top, &mut tokens, &mut is_special)?;
    let mut sorted: Vec<&String> = tokens.iter().collect();
    sorted.sort_unstable();
    let mut pairs = sorted.iter().zip(sorted.iter().skip(1));
    if let Some((twice, _)) = pairs.find(|(one, next)| one == next) {
        return Err(format!("token {twice:?} stands in it twice"));
    }
    Ok(Found { tokens, is_special, kind })
}

fn kind(model: &Map<String, Value>, top: &Map<String, Value>) -> Result<String, String> {
    let named = model.get("type").and_then(Value::as_str);
    let shape = || if model.get("merges").is_some() { "BPE" } else { "WordPiece" }; // files before 2020 name none
    let named = named.unwrap_or_else(shape);
    let over_bytes = ["pre_tokenizer", "decoder"].iter().any(|part| names_type(top.get(*part), "ByteLevel"));
    match named {
        "BPE" if over_bytes => Ok("byte-bpe".into()),
        "BPE" => Ok("bpe".into()),
        "WordPiece" => Ok("wordpiece".into()),
        "Unigram" => Ok("unigram".into()),
        "WordLevel" => Ok("wordlevel".into()),
        other => Err(format!("model type {other:?} is not known")),
    }
}

/// Whether any part inside `value` is of `wanted` type.
pub(super) fn names_type(value: Option<&Value>, wanted: &str) -> bool {
    match value {
        Some(Value::Object(map)) => {
            map.get("type").and_then(Value::as_str) == Some(wanted)
                || map.values().any(|inner| names_type(Some(inner), wanted))
        }
        Some(Value::Array(list)) => list.iter().any(|inner| names_type(Some(inner), wanted)),
        _ => false,
    }
}

fn check_model(model: &Map<String, Value>) -> Result<(), String> {
    for random in ["dropout", "alpha", "nbest_size"] {
        let set = model.get(random).is_some_and(|value| !value.is_null() && value.as_f64() != Some(0.0));
        if set {
            return Err(format!("model.{random} makes it give other ids each time; set it to null"));
        }
    }
    let unknown = model.get("unk_id").filter(|id| !id.is_null());
    let tokens = model.get("vocab").and_then(Value::as_array).map_or(0, Vec::len) as u64;
    if unknown.is_some_and(|id| id.as_u64().is_none_or(|id| id >= tokens)) {
        return Err(format!("model.unk_id is not an id in 0..{tokens}"));
    }
    let longest = model.get("max_input_chars_per_word");
    if longest.is_some_and(|value| value.as_u64().is_none_or(|chars| chars > MAX_WORD_CHARS)) {
        return Err(format!("model.max_input_chars_per_word is not a number up to {MAX_WORD_CHARS}"));
    }
    Ok(())
}

/// How many times longer the replacements inside `part` can make a text, one after the other.
fn growth(part: &Value) -> usize {
    match part {
        Value::Array(list) => list.iter().map(growth).fold(1, usize::saturating_mul),
        Value::Object(map) => map.iter().map(|(key, inner)| growth_of(key, inner)).fold(1, usize::saturating_mul),
        _ => 1,
    }
}

fn growth_of(key: &str, inner: &Value) -> usize {
    match inner {
        // An empty pattern is replaced between all characters, so one more.
        Value::String(text) if ["content", "prepend"].contains(&key) && text.len() > 1 => text.len() + 1,
        _ => growth(inner),
    }
}

/// The model's own tokens by id. Ids must be 0, 1, 2, ... without holes: rows, losses and weights are sized by them.
fn model_tokens(model: &Map<String, Value>) -> Result<Vec<String>, String> {
    match model.get("vocab") {
        Some(Value::Array(pieces)) => pieces
            .iter()
            .enumerate()
            .map(|(id, piece)| match piece.as_array().map(Vec::as_slice) {
                Some([Value::String(token), score]) if score.is_number() => Ok(token.clone()),
                _ => Err(format!("model.vocab[{id}] is not a token and its score")),
            })
            .collect(),
        Some(Value::Object(vocab)) => {
            let mut tokens: Vec<Option<&String>> = vec![None; vocab.len()];
            for (token, id) in vocab {
                let place = id.as_u64().and_then(|id| tokens.get_mut(usize::try_from(id).ok()?));
                match place {
                    Some(place @ None) => *place = Some(token),
                    Some(Some(other)) => return Err(format!("tokens {other:?} and {token:?} share the id {id}")),
                    None => {
                        return Err(format!("token {token:?} has the id {id}, outside 0..{}", vocab.len()));
                    }
                }
            }
            Ok(tokens.into_iter().flatten().cloned().collect())
        }
        _ => Err("model.vocab is neither a list nor a table of tokens".into()),
    }
}

/// Adds the file's added tokens: each is in the model's vocabulary under the same id, or follows it.
fn add_tokens(top: &Map<String, Value>, tokens: &mut Vec<String>, is_special: &mut Vec<bool>) -> Result<(), String> {
    let added = match top.get("added_tokens") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(added)) => added,
        Some(_) => return Err("added_tokens is not a list".into()),
    };
    let known: std::collections::HashMap<String, usize> =
        tokens.iter().enumerate().map(|(id, token)| (token.clone(), id)).collect();
    for (index, token) in added.iter().enumerate() {
        let content = token.get("content").and_then(Value::as_str).filter(|content| !content.is_empty());
        let id = token.get("id").and_then(Value::as_u64).and_then(|id| usize::try_from(id).ok());
        let special = token.get("special").and_then(Value::as_bool).unwrap_or(false);
        let (Some(content), Some(id)) = (content, id) else {
            return Err(format!("added_tokens[{index}] lacks its id or its content"));
        };
        let expected = known.get(content).copied().unwrap_or(tokens.len());
        if id != expected {
            return Err(format!("added token {content:?} has the id {id}, expected {expected}"));
        }
        if expected == tokens.len() {
            tokens.push(content.to_owned());
            is_special.push(false);
        }
        if let Some(known) = is_special.get_mut(expected) {
            *known |= special;
        }
    }
    Ok(())
}

/// Marks the five roles special in the file's added tokens, so that plain encoding takes them for text.
fn make_special(json: &mut Value, tokens: &[String], ids: &[u32; 5]) {
    let Some(top) = json.as_object_mut() else { return };
    let added = top.entry("added_tokens").or_insert(Value::Null);
    if !added.is_array() {
        *added = Value::Array(Vec::new());
    }
    let Some(list) = added.as_array_mut() else { return };
    for id in ids {
        let Some(content) = tokens.get(*id as usize) else { continue };
        let known = list.iter_mut().find(|token| token.get("content").and_then(Value::as_str) == Some(content));
        match known {
            Some(Value::Object(token)) => drop(token.insert("special".into(), Value::Bool(true))),
            Some(_) => {}
            None => list.push(added_token(*id, content)),
        }
    }
}

/// A special token as `tokenizer.json` writes it.
pub(super) fn added_token(id: u32, content: &str) -> Value {
    serde_json::json!({
        "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true,
    })
}

/// The file for fill-mask: of the special tokens only the mask is found in text, and it takes the space before it.
pub(super) fn only_mask(checked: &Checked) -> Value {
    let mut json = checked.json.clone();
    let Some(mask) = checked.tokens.get(checked.special.mask as usize) else { return json };
    let vocab = json.pointer("/model/vocab").cloned().unwrap_or_default();
    let in_model = |content: &str| match &vocab {
        Value::Object(tokens) => tokens.contains_key(content),
        Value::Array(pieces) => pieces.iter().any(|piece| piece.get(0).is_some_and(|piece| piece == content)),
        _ => false,
    };
    if let Some(Value::Array(list)) = json.get_mut("added_tokens") {
        let content = |token: &Value| token.get("content").and_then(Value::as_str).unwrap_or_default().to_string();
        list.retain(|token| {
            let content = content(token);
            content == *mask || token.get("special") != Some(&Value::Bool(true)) || !in_model(&content)
        });
        for token in list.iter_mut().filter(|token| content(token) == *mask).filter_map(Value::as_object_mut) {
            // As RoBERTa's: the mask stands for the word and its space.
            token.insert("lstrip".into(), Value::Bool(true));
        }
    }
    json
}
