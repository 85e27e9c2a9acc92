//! What a `config.json` says of the head.
//!
//! | `config.json` | ours |
//! |---|---|
//! | `architectures` | words, classes of a text, or tags of its tokens |
//! | `problem_type` | one class or several labels |
//! | `id2label`, `label2id` | the labels' names |
//! | `classifier_pooling` (ModernBERT) | always `cls`: classes are read off the first token |
//! | `classifier_dropout` | `hidden_dropout`, or `dropout` |

use case::{Activation, EncoderConfig};
use serde_json::{Map, Value, json};

use crate::{Class, ExchangeError, HeadOf, LabelTask, Labels, keys::Keys};

const ONE_CLASS: &str = "single_label_classification";
const MANY_LABELS: &str = "multi_label_classification";

/// The head that a class with this configuration has, and why it is none that ours could be.
///
/// # Errors
/// [`ExchangeError::Config`] for a key of another type.
pub(crate) fn read(
    keys: &Keys,
    class: Class,
    architecture: &str,
    model: &EncoderConfig,
) -> Result<(HeadOf, Option<String>), ExchangeError> {
    let head_activation = keys.word("classifier_activation", "gelu")?;
    let other_activation = (class == Class::ModernBert && head_activation != "gelu")
        .then(|| format!("its head's activation is {head_activation}, and ours is GELU"));
    let is_of_text = architecture.ends_with("ForSequenceClassification");
    if !is_of_text && !architecture.ends_with("ForTokenClassification") {
        let follows = matches!(class, Class::Bert | Class::LayoutLm) && model.activation != Activation::Gelu;
        let why = follows.then(|| "its head has the blocks' activation, and ours is GELU".to_string());
        return Ok((HeadOf::Words, why.or(other_activation)));
    }
    let (names, wrong_names) = names(keys)?;
    let (task, other_task) = if is_of_text { task(keys, names.len())? } else { (LabelTask::Tags, None) };
    let labels = Labels { task, names };
    let repeated = labels.repeated();
    let other_form = if is_of_text { other_form(keys, class, model)? } else { None };
    let why = wrong_names.or(repeated).or(other_activation).or(other_task).or(other_form);
    Ok((HeadOf::Labels(labels), why))
}

/// Why a head of classes does not compute what ours does.
fn other_form(keys: &Keys, class: Class, model: &EncoderConfig) -> Result<Option<String>, ExchangeError> {
    Ok(match class {
        Class::ModernBert => {
            let pooling = keys.word("classifier_pooling", "cls")?;
            (pooling != "cls")
                .then(|| format!("it reads its classes off the tokens' {pooling}, and ours off the first"))
        }
        // Our encoder of that form is BERT's, and so is its head.
        Class::Electra => (model.table_width() == model.d_model).then(|| {
            "it has GELU before its last matrix, and ours, where embeddings are as wide as layers, tanh".into()
        }),
        _ => None,
    })
}

fn task(keys: &Keys, count: usize) -> Result<(LabelTask, Option<String>), ExchangeError> {
    let usual = if count == 1 { "regression" } else { ONE_CLASS };
    let problem = keys.word("problem_type", usual)?;
    Ok(match problem.as_str() {
        ONE_CLASS => (LabelTask::Single, None),
        MANY_LABELS => (LabelTask::Multi, None),
        _ => (LabelTask::Single, Some(format!("it is for {problem}, and ours tells classes apart"))),
    })
}

/// The labels' names by their numbers; transformers' own, `LABEL_0` and so on, where there are none.
fn names(keys: &Keys) -> Result<(Vec<String>, Option<String>), ExchangeError> {
    let Some(given) = keys.json["id2label"].as_object() else {
        let count = keys.count("num_labels", 2)?;
        return Ok(((0..count).map(|at| format!("LABEL_{at}")).collect(), None));
    };
    let name = |at: usize| Some(given.get(&at.to_string())?.as_str()?.to_string());
    let names = (0..given.len()).filter_map(name).collect::<Vec<_>>();
    let is_whole = names.len() == given.len() && !names.is_empty();
    Ok((names, (!is_whole).then(|| "`id2label` does not name the labels 0, 1 and so on".into())))
}

/// What a head of labels adds to a `config.json`.
pub(crate) fn write(labels: &Labels, class: Class, model: &EncoderConfig) -> Map<String, Value> {
    let id2label = labels.names.iter().enumerate().map(|(at, name)| (at.to_string(), json!(name)));
    let label2id = labels.names.iter().enumerate().map(|(at, name)| (name.clone(), json!(at)));
    let mut keys = Map::from_iter([
        ("id2label".to_string(), Value::Object(id2label.collect())),
        ("label2id".to_string(), Value::Object(label2id.collect())),
    ]);
    // LayoutLM has none: its last dropout is that of the layers.
    if class != Class::LayoutLm {
        keys.insert("classifier_dropout".into(), json!(model.hidden_dropout.unwrap_or(model.dropout)));
    }
    if class == Class::ModernBert {
        keys.insert("classifier_pooling".into(), json!("cls"));
    }
    match labels.task {
        LabelTask::Single => keys.insert("problem_type".into(), json!(ONE_CLASS)),
        LabelTask::Multi => keys.insert("problem_type".into(), json!(MANY_LABELS)),
        LabelTask::Tags => None,
    };
    keys
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use case::EncoderConfig;
    use serde_json::{Value, json};

    use super::read;
    use crate::{Class, HeadOf, LabelTask, keys::Keys};

    fn of(class: Class, task: &str, json: Value) -> (HeadOf, Option<String>) {
        let keys = Keys { path: Path::new("config.json"), json: &json };
        read(&keys, class, &format!("XFor{task}"), &EncoderConfig::default()).unwrap()
    }

    #[test]
    fn names_are_taken_in_the_order_of_their_numbers() {
        let many = (0..11).map(|at| (at.to_string(), json!(format!("n{at}")))).collect();
        let (head, why) = of(Class::Bert, "TokenClassification", json!({"id2label": Value::Object(many)}));
        assert_eq!((head.labels().unwrap().names[10].as_str(), head.task(), why), ("n10", Some(LabelTask::Tags), None));
        let (head, why) = of(Class::Bert, "SequenceClassification", json!({}));
        assert_eq!(
            (head.labels().unwrap().names.as_slice(), why),
            (&["LABEL_0".to_string(), "LABEL_1".into()][..], None)
        );
    }

    #[test]
    fn a_head_of_another_form_is_said_to_be_one() {
        let cases = [
            (Class::Bert, json!({"num_labels": 1}), "regression"),
            (Class::Roberta, json!({"problem_type": "regression", "num_labels": 3}), "regression"),
            (Class::Roberta, json!({"id2label": {"1": "a", "2": "b"}}), "does not name the labels 0"),
            (Class::Roberta, json!({"id2label": {"0": "a", "1": "a"}}), "two labels are called \"a\""),
            (Class::Electra, json!({}), "GELU before its last matrix"),
            (Class::ModernBert, json!({"classifier_pooling": "mean"}), "off the tokens' mean"),
            (Class::ModernBert, json!({"classifier_activation": "silu"}), "activation is silu"),
        ];
        for (class, json, words) in cases {
            let why = of(class, "SequenceClassification", json).1.unwrap();
            assert!(why.contains(words), "{words}: {why}");
        }
        assert_eq!(of(Class::Electra, "TokenClassification", json!({})).1, None);
    }
}
