//! A `tokenizer.json` as transformers wants it, and the file beside it.

use std::path::Path;

use corpus::TextTokenizer;
use serde_json::{Value, json};

use crate::{Class, ExchangeError, files};

/// The two files of a tokenizer.
pub(crate) struct TokenizerFiles {
    pub(crate) tokenizer: Vec<u8>,
    pub(crate) config: Vec<u8>,
}

/// What a model reads.
pub(crate) struct Rows {
    /// Rows as training here makes them, whatever the file says.
    pub(crate) are_ours: bool,
    /// Rows of the table of segments.
    pub(crate) segments: usize,
    /// Tokens at most.
    pub(crate) seq_len: usize,
}

/// The tokenizer at `path` for rows of a class.
///
/// A file that says nothing of whole texts is given the rows that models are trained on here, `[CLS] text [SEP]`, and its
/// mask takes the space before it, as in `fill-mask`. One that says it, for it came from elsewhere, keeps its mask, and
/// what it says where the model was not trained here: RoBERTa's own puts two `</s>` between the texts of a pair.
///
/// # Errors
/// [`ExchangeError::Read`], [`ExchangeError::Config`].
pub(crate) fn for_class(
    path: &Path,
    tokenizer: &TextTokenizer,
    class: Class,
    rows: &Rows,
) -> Result<TokenizerFiles, ExchangeError> {
    let special = tokenizer.special();
    let name = |id: u32| tokenizer.token(id);
    let mut json = files::read_json(path)?;
    let says_nothing = json["post_processor"].is_null();
    if says_nothing || rows.are_ours {
        json["post_processor"] =
            template([(name(special.cls), special.cls), (name(special.sep), special.sep)], rows.segments);
    }
    if says_nothing {
        take_space_before(&mut json, &name(special.mask));
    }
    // Rows are cut and filled by whoever asks for it.
    (json["truncation"], json["padding"]) = (Value::Null, Value::Null);
    let inputs: &[&str] = match class {
        Class::Bert | Class::Electra | Class::LayoutLm => &["input_ids", "token_type_ids", "attention_mask"],
        Class::Roberta | Class::RobertaPreLayerNorm | Class::ModernBert => &["input_ids", "attention_mask"],
    };
    let config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": rows.seq_len,
        "model_input_names": inputs,
        "padding_side": "right",
        "truncation_side": "right",
        "clean_up_tokenization_spaces": false,
        "pad_token": name(special.pad),
        "unk_token": name(special.unk),
        "cls_token": name(special.cls),
        "sep_token": name(special.sep),
        "mask_token": name(special.mask),
    });
    Ok(TokenizerFiles { tokenizer: files::json_bytes(&json), config: files::json_bytes(&config) })
}

/// `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`; the second text is in the second segment where the model has one.
fn template([(cls, cls_id), (sep, sep_id)]: [(String, u32); 2], segments: usize) -> Value {
    let second = usize::from(segments > 1);
    let special = |token: &str, segment: usize| json!({"SpecialToken": {"id": token, "type_id": segment}});
    let text = |which: &str, segment: usize| json!({"Sequence": {"id": which, "type_id": segment}});
    let one = |token: &str, id: u32| json!({"id": token, "ids": [id], "tokens": [token]});
    json!({
        "type": "TemplateProcessing",
        "single": [special(&cls, 0), text("A", 0), special(&sep, 0)],
        "pair": [special(&cls, 0), text("A", 0), special(&sep, 0), text("B", second), special(&sep, second)],
        "special_tokens": {cls.as_str(): one(&cls, cls_id), sep.as_str(): one(&sep, sep_id)},
    })
}

fn take_space_before(json: &mut Value, mask: &str) {
    let added = json["added_tokens"].as_array_mut().into_iter().flatten();
    added.filter(|token| token["content"] == mask).for_each(|token| token["lstrip"] = Value::Bool(true));
}
