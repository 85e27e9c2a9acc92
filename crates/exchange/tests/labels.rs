//! Heads of classes and tags, and boxes: tiny models that transformers saved, read, computed and written again.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod tiny;

use std::fs;

use casebook_exchange::{
    Card, ExchangeError, Export, HeadOf, LabelTask, Labels, ModelFolder, export, import, read_model_folder,
};
use tiny::{agrees_with_transformers, copied, edited, fixture};

fn labels(folder: &ModelFolder) -> &Labels {
    folder.head.as_ref().and_then(HeadOf::labels).expect("a head of labels")
}

#[test]
fn classes_are_read_with_the_pooler_and_their_names() {
    let folder = agrees_with_transformers("bert-classes");
    assert_eq!(labels(&folder).names, ["weather", "날씨", "a \"name\""]);
    assert_eq!(labels(&folder).task, LabelTask::Single);
    assert!(folder.origin.dropped.is_empty(), "{:?}", folder.origin.dropped);
    assert!(folder.weights.contains_key("head.transform.dense.weight"));
    agrees_with_transformers("electra-classes");
    assert_eq!(labels(&agrees_with_transformers("modernbert-classes")).task, LabelTask::Multi);
}

#[test]
fn tags_are_read_without_a_pooler() {
    let folder = agrees_with_transformers("bert-tags");
    let tags = Labels { task: LabelTask::Tags, names: ["O", "B-PER", "I-PER"].map(str::to_string).to_vec() };
    assert_eq!(labels(&folder), &tags);
    assert!(!folder.weights.keys().any(|name| name.contains("transform")));
    agrees_with_transformers("roberta-prelayernorm-tags");
    // ModernBERT's have a layer of their own all the same.
    assert!(agrees_with_transformers("modernbert-tags").weights.contains_key("head.transform.norm.weight"));
}

#[test]
fn boxes_on_the_page_are_read_and_the_idle_pooler_is_left_out() {
    let folder = agrees_with_transformers("layoutlm-tags");
    assert!(folder.model.boxes);
    assert_eq!(folder.weights["encoder.embeddings.page.height"].shape, [1024, 4]);
    assert_eq!(folder.origin.dropped, ["layoutlm.pooler.dense.bias", "layoutlm.pooler.dense.weight"]);
    let other = copied("layoutlm-tags");
    edited(other.path(), "max_2d_position_embeddings", 512.into());
    let error = import(other.path(), &other.path().join("ours")).unwrap_err().to_string();
    assert!(error.contains("`max_2d_position_embeddings` is 512") && error.contains("1024 rows"), "{error}");
}

#[test]
fn a_head_of_another_form_is_left_out_with_the_reason() {
    let folder = copied("bert-classes");
    edited(folder.path(), "problem_type", "regression".into());
    let ours = folder.path().join("ours");
    let imported = import(folder.path(), &ours).unwrap();
    assert_eq!(imported.origin.labels, None);
    let notes = &imported.origin.notes;
    assert!(notes[0].contains("its head of 3 labels was left out: it is for regression"), "{notes:?}");
    assert!(imported.origin.dropped.contains(&"classifier.weight".to_string()), "{:?}", imported.origin.dropped);
    let read = read_model_folder(&ours).unwrap();
    assert!(read.head.is_none() && !read.weights.keys().any(|name| name.starts_with("head.")));
}

#[test]
fn names_that_do_not_fit_the_matrix_are_refused() {
    let folder = copied("bert-tags");
    edited(folder.path(), "id2label", serde_json::json!({"0": "a", "1": "b"}));
    let error = import(folder.path(), &folder.path().join("ours")).unwrap_err();
    assert!(matches!(&error, ExchangeError::Shape { name, .. } if name == "head.weight"), "{error}");
}

#[test]
fn a_head_is_exported_as_what_it_is_or_not_at_all() {
    let base = tempfile::tempdir().unwrap();
    let (ours, to) = (base.path().join("ours"), base.path().join("to"));
    import(&fixture("layoutlm-tags"), &ours).unwrap();
    let folder = read_model_folder(&ours).unwrap();
    let card = Card::default();
    let exported = |head: &HeadOf| {
        let (model, weights, tokenizer) = (&folder.model, &folder.weights, folder.tokenizer.as_path());
        export(&Export { model, head, weights, tokenizer, rows_of_ours: false, card: &card }, &to)
    };
    assert!(matches!(exported(&HeadOf::Words), Err(ExchangeError::NoHead)));
    let two = Labels { task: LabelTask::Tags, names: vec!["O".into(), "B-x".into()] };
    assert!(matches!(exported(&HeadOf::Labels(two)), Err(ExchangeError::Labels { rows: 3, .. })));
    assert!(!to.exists());
    let done = exported(folder.head.as_ref().unwrap()).unwrap();
    assert_eq!(done.architecture, "LayoutLMForTokenClassification");
    assert!(done.notes.iter().any(|note| note.contains("pooler") && note.contains("zeros")), "{:?}", done.notes);
    let card = fs::read_to_string(to.join("README.md")).unwrap();
    assert!(card.contains("pipeline_tag: token-classification") && card.contains("row[\"bbox\"]"), "{card}");
}

#[test]
fn pairs_are_exported_as_they_were_trained_on() {
    let base = tempfile::tempdir().unwrap();
    let ours = base.path().join("ours");
    import(&fixture("roberta-prelayernorm-tags"), &ours).unwrap();
    let ModelFolder { model, head, weights, tokenizer, .. } = read_model_folder(&ours).unwrap();
    let (head, card) = (head.unwrap(), Card::default());
    let says = |name: &str, rows_of_ours: bool| {
        let to = base.path().join(name);
        let (head, card) = (&head, &card);
        export(&Export { model: &model, head, weights: &weights, tokenizer: &tokenizer, rows_of_ours, card }, &to)
            .unwrap();
        let json = fs::read(to.join("tokenizer.json")).unwrap();
        serde_json::from_slice::<serde_json::Value>(&json).unwrap()["post_processor"].clone()
    };
    assert_eq!(says("theirs", false)["type"], "RobertaProcessing");
    let own = says("here", true);
    assert_eq!((own["type"].as_str(), own["pair"].as_array().unwrap().len()), (Some("TemplateProcessing"), 5));
}

#[test]
fn folders_of_the_first_format_are_read_as_models_of_words() {
    let base = tempfile::tempdir().unwrap();
    let ours = base.path().join("ours");
    import(&fixture("bert"), &ours).unwrap();
    let origin = ours.join("origin.json");
    let text = fs::read_to_string(&origin).unwrap();
    assert!(text.contains("\"format\": 2") && !text.contains("labels"), "{text}");
    fs::write(&origin, text.replace("\"format\": 2", "\"format\": 1")).unwrap();
    assert_eq!(read_model_folder(&ours).unwrap().head, Some(HeadOf::Words));
    fs::write(&origin, text.replace("\"format\": 2", "\"format\": 3")).unwrap();
    assert!(read_model_folder(&ours).unwrap_err().to_string().contains("it has format 3"));
}
