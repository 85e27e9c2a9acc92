//! Tiny models of random weights that transformers saved, and what it makes of them (`scripts/exchange.py fixtures`).

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use burn::tensor::{Device, Int, Tensor, TensorData};
use casebook_exchange::{
    Card, ExchangeError, Export, HeadOf, ModelFolder, Weights, class_for, export, import, read_model_folder,
};
use corpus::TextTokenizer;
use encoder::{HeadKind, Model, Tokens, flat_weights, with_weights};
use kernels::{Path as Kernels, Spans};
use serde_json::Value;
use tempfile::TempDir;

/// The project's bound for an exchange in 32-bit floats.
const TOLERANCE: f32 = 1e-5;

fn fixture(name: &str) -> PathBuf {
    Path::new("tests/fixtures").join(name)
}

/// A fixture's files in a folder that may be changed.
fn copied(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

fn edited(folder: &Path, key: &str, value: Value) {
    let path = folder.join("config.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    json[key] = value;
    fs::write(path, json.to_string()).unwrap();
}

struct Expected {
    rows: Vec<Vec<i32>>,
    segments: Option<Vec<Vec<i32>>>,
    hidden: Vec<f32>,
    /// Of the last row.
    logits: Option<Vec<f32>>,
}

fn expected(name: &str) -> Expected {
    let json: Value = serde_json::from_slice(&fs::read(fixture(name).join("expected.json")).unwrap()).unwrap();
    let floats = |key: &str| serde_json::from_value::<Option<Vec<f32>>>(json[key].clone()).unwrap();
    Expected {
        rows: serde_json::from_value(json["input_ids"].clone()).unwrap(),
        segments: serde_json::from_value(json["token_type_ids"].clone()).unwrap(),
        hidden: floats("hidden").unwrap(),
        logits: floats("logits"),
    }
}

/// The model of a folder of ours; weights that it lacks stay zero.
fn model(folder: &ModelFolder) -> Model {
    let words = TextTokenizer::load(&folder.tokenizer).unwrap().vocab_size();
    let zeros = Model::zeros(&folder.model, words, HeadKind::Words, &Device::flex());
    let value = |name: &str, zeros: Tensor<1>| match folder.weights.get(name) {
        Some(array) => Tensor::from_data(TensorData::new(array.values.clone(), [array.values.len()]), &Device::flex()),
        None => zeros,
    };
    let values = flat_weights(&zeros).into_iter().map(|flat| value(&flat.name, flat.values)).collect();
    with_weights(zeros, values)
}

fn integers(rows: &[Vec<i32>], lengths: impl Fn(&Vec<i32>) -> usize) -> Tensor<2, Int> {
    let width = rows.iter().map(&lengths).max().unwrap();
    let padded = rows.iter().flat_map(|row| row.iter().copied().chain(std::iter::repeat(0)).take(width));
    let values = padded.collect::<Vec<_>>();
    Tensor::from_data(TensorData::new(values, [rows.len(), width]), &Device::flex())
}

/// Hidden states and the last row's logits, `[tokens * D]` and `[T * V]`, by the framework's operations on padded rows.
fn composed(model: &Model, expected: &Expected) -> (Vec<f32>, Vec<f32>) {
    let rows = &expected.rows;
    let input_ids = integers(rows, Vec::len);
    let [count, width] = input_ids.dims();
    let is_pad = rows.iter().flat_map(|row| (0..width).map(|at| at >= row.len())).collect::<Vec<_>>();
    let mask_pad = Some(Tensor::from_data(TensorData::new(is_pad, [count, width]), &Device::flex()));
    let places = rows.iter().enumerate().flat_map(|(at, row)| (0..row.len()).map(move |t| (at * width + t) as i32));
    let segments = expected.segments.as_ref().map(|segments| integers(segments, Vec::len));
    answers(
        model,
        Tokens { input_ids, token_type_ids: segments, boxes: None },
        &Kernels::Composed { mask_pad },
        places.collect(),
        rows,
    )
}

/// The same by our own kernels, rows one behind the other.
fn own(model: &Model, expected: &Expected) -> (Vec<f32>, Vec<f32>) {
    let rows = &expected.rows;
    let flat = |rows: &[Vec<i32>]| integers(&[rows.concat()], Vec::len);
    let tokens = Tokens {
        input_ids: flat(rows),
        token_type_ids: expected.segments.as_ref().map(|rows| flat(rows)),
        boxes: None,
    };
    let path = Kernels::Own(Arc::new(Spans::new(rows.iter().map(Vec::len))));
    let all = rows.iter().map(Vec::len).sum::<usize>() as i32;
    answers(model, tokens, &path, (0..all).collect(), rows)
}

fn answers(model: &Model, tokens: Tokens, path: &Kernels, places: Vec<i32>, rows: &[Vec<i32>]) -> (Vec<f32>, Vec<f32>) {
    let last = places[places.len() - rows.last().unwrap().len()..].to_vec();
    let places = Tensor::from_ints(places.as_slice(), &Device::flex());
    let hidden = model.encoder.forward(tokens.clone(), path, None);
    let width = hidden.dims()[2];
    let hidden = hidden.reshape([-1, width as i32]).select(0, places);
    let logits = model.logits(tokens, path, Tensor::from_ints(last.as_slice(), &Device::flex()));
    let floats = |tensor: Tensor<2>| tensor.into_data().try_to_vec::<f32>().unwrap();
    (floats(hidden), floats(logits))
}

fn farthest(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Their logits without those of rows that no word of the tokenizer has.
fn of_words(logits: &[f32], tokens: usize, words: usize) -> Vec<f32> {
    logits.chunks(logits.len() / tokens).flat_map(|row| &row[..words]).copied().collect()
}

fn agrees_with_transformers(name: &str) -> ModelFolder {
    let base = tempfile::tempdir().unwrap();
    let to = base.path().join("ours");
    import(&fixture(name), &to).unwrap_or_else(|error| panic!("{name}: {error}"));
    let folder = read_model_folder(&to).unwrap();
    let (model, expected) = (model(&folder), expected(name));
    for (way, (hidden, logits)) in [("composed", composed(&model, &expected)), ("own", own(&model, &expected))] {
        let difference = farthest(&hidden, &expected.hidden);
        assert!(difference <= TOLERANCE, "{name}, {way}: hidden states differ by {difference:e}");
        let Some(wanted) = &expected.logits else { continue };
        let tokens = expected.rows.last().unwrap().len();
        let difference = farthest(&logits, &of_words(wanted, tokens, logits.len() / tokens));
        assert!(difference <= TOLERANCE, "{name}, {way}: logits differ by {difference:e}");
    }
    if expected.logits.is_some() {
        comes_back(&folder, &fixture(name), base.path());
    }
    folder
}

/// What is exported of an import is what was imported: the same weights under the same names.
fn comes_back(folder: &ModelFolder, from: &Path, base: &Path) {
    let (to, again) = (base.join("theirs"), base.join("again"));
    let card = Card::default();
    let what = Export {
        model: &folder.model,
        head: &HeadOf::Words,
        weights: &folder.weights,
        tokenizer: &folder.tokenizer,
        card: &card,
    };
    export(&what, &to).unwrap();
    let weights = |folder: &Path| -> Weights {
        let path = folder.join("model.safetensors");
        casebook_exchange::parse_weights(&path, &fs::read(&path).unwrap()).unwrap()
    };
    let (exported, original) = (weights(&to), weights(from));
    // A RoBERTa comes back as a BERT, which computes the same.
    let is_same_class =
        class_for(&folder.model, &HeadOf::Words).unwrap().architecture(None) == folder.origin.architecture;
    for (name, array) in original.iter().filter(|_| is_same_class) {
        // Rows without words are not kept, unread position rows become zeros, and biases that are all zero may be new.
        let is_table = name.contains("embeddings.weight") || name.starts_with("decoder");
        assert!(is_table || exported.get(name) == Some(array), "{name}");
    }
    import(&to, &again).unwrap();
    assert_eq!(read_model_folder(&again).unwrap().weights, folder.weights);
    assert_eq!(fs::read_dir(&to).unwrap().count(), 5);
}

#[test]
fn bert_is_read_with_its_segments() {
    assert_eq!(agrees_with_transformers("bert").model.segments, 2);
    let bare = agrees_with_transformers("bert-bare");
    assert!(bare.origin.dropped.iter().any(|name| name.contains("pooler")), "{:?}", bare.origin);
}

#[test]
fn berts_other_activation_costs_the_head_alone() {
    let folder = agrees_with_transformers("bert-relu");
    assert!(!folder.weights.keys().any(|name| name.starts_with("head.")));
    assert!(folder.origin.notes[0].contains("its head has the blocks' activation"), "{:?}", folder.origin.notes);
}

#[test]
fn roberta_xlm_r_and_pre_norm_roberta_are_read_behind_their_padding() {
    let roberta = agrees_with_transformers("roberta");
    assert_eq!(roberta.model.seq_len, 20);
    agrees_with_transformers("xlm-roberta");
    agrees_with_transformers("roberta-prelayernorm");
}

#[test]
fn electra_is_read_with_its_narrow_and_wide_embeddings() {
    assert_eq!(agrees_with_transformers("electra-generator").model.embedding_width, Some(24));
    let discriminator = agrees_with_transformers("electra-discriminator");
    assert_eq!(discriminator.model.embedding_width, Some(8));
    assert!(discriminator.origin.dropped.iter().any(|name| name.starts_with("discriminator_predictions")));
}

#[test]
fn modernbert_is_read_with_its_local_layers() {
    let folder = agrees_with_transformers("modernbert");
    assert_eq!((folder.model.local_window, folder.model.global_every, folder.model.biases), (Some(6), 3, false));
    assert!(folder.origin.notes[0].contains("3 rows that no word"), "{:?}", folder.origin.notes);
    let folder = agrees_with_transformers("modernbert-biases");
    assert!(folder.model.biases && !folder.model.tied_output && !folder.model.output_bias);
}

#[test]
fn a_class_that_was_read_is_the_class_that_is_written() {
    for (name, class) in [
        ("bert", "BertForMaskedLM"),
        ("roberta-prelayernorm", "RobertaPreLayerNormForMaskedLM"),
        ("electra-generator", "ElectraForMaskedLM"),
        ("modernbert", "ModernBertForMaskedLM"),
    ] {
        let base = tempfile::tempdir().unwrap();
        let imported = import(&fixture(name), &base.path().join("ours")).unwrap();
        assert_eq!(class_for(&imported.model, &HeadOf::Words).unwrap().architecture(None), class);
    }
}

/// The error of importing a folder; nothing may be left of it.
fn refused(folder: &Path) -> ExchangeError {
    let base = tempfile::tempdir().unwrap();
    let error = import(folder, &base.path().join("ours")).unwrap_err();
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0, "something is left");
    error
}

#[test]
fn what_the_encoder_does_not_compute_is_refused_by_key() {
    let cases = [
        ("bert", "hidden_act", "gelu_new".into(), "`hidden_act` is \"gelu_new\""),
        ("bert", "position_embedding_type", "relative_key".into(), "only positions that are added"),
        ("bert", "is_decoder", true.into(), "only encoders are read"),
        ("bert", "model_type", "gpt2".into(), "modernbert are read"),
        ("bert", "num_attention_heads", 3.into(), "must divide"),
        ("bert", "hidden_size", (-1).into(), "`hidden_size` is -1, not a count"),
        ("bert", "intermediate_size", 25.into(), "has shape [16, 24] where the configuration asks for [16, 25]"),
        ("bert", "num_hidden_layers", 1.into(), "the encoder would not compute what these files do"),
        ("bert", "num_hidden_layers", 3.into(), "no weight `bert.encoder.layer.2.attention.self.query.weight`"),
        ("modernbert", "layer_types", serde_json::json!(["sliding_attention"]), "every n-th"),
        ("modernbert", "hidden_activation", "silu".into(), "GELU"),
    ];
    for (name, key, value, words) in cases {
        let folder = copied(name);
        edited(folder.path(), key, value);
        let error = refused(folder.path()).to_string();
        assert!(error.contains(words), "{key}: {error}");
    }
}

#[test]
fn folders_that_lack_something_say_what_and_how_to_get_it() {
    let folder = copied("bert");
    fs::rename(folder.path().join("model.safetensors"), folder.path().join("pytorch_model.bin")).unwrap();
    let error = refused(folder.path());
    assert!(matches!(error, ExchangeError::Pickle { .. }));
    let text = error.to_string();
    assert!(text.contains("pytorch_model.bin, a Python pickle") && text.contains("save_pretrained"), "{text}");
    fs::remove_file(folder.path().join("pytorch_model.bin")).unwrap();
    assert!(refused(folder.path()).to_string().contains("has no model.safetensors"));
    let folder = copied("bert");
    fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    assert!(refused(folder.path()).to_string().contains("AutoTokenizer.from_pretrained"));
    fs::remove_file(folder.path().join("config.json")).unwrap();
    assert!(refused(folder.path()).to_string().contains("has no config.json"));
}

#[test]
fn damaged_files_are_refused_and_panic_nowhere() {
    let whole = fs::read(fixture("bert").join("model.safetensors")).unwrap();
    for length in [0, 7, 100, whole.len() / 2, whole.len() - 1] {
        let folder = copied("bert");
        fs::write(folder.path().join("model.safetensors"), &whole[..length]).unwrap();
        assert!(matches!(refused(folder.path()), ExchangeError::Weights { .. }));
    }
    let folder = copied("bert");
    fs::write(folder.path().join("config.json"), "[1, 2").unwrap();
    assert!(matches!(refused(folder.path()), ExchangeError::Config { .. }));
    // A tokenizer of more words than the table has rows.
    let folder = copied("bert");
    fs::copy(fixture("roberta").join("tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
    assert!(matches!(refused(folder.path()), ExchangeError::Vocabulary { .. }));
}

#[test]
fn an_index_may_not_lead_out_of_its_folder() {
    let folder = copied("bert");
    fs::rename(folder.path().join("model.safetensors"), folder.path().join("model-00001-of-00001.safetensors"))
        .unwrap();
    let index = |file: &str| format!("{{\"weight_map\": {{\"a\": \"{file}\"}}}}");
    fs::write(folder.path().join("model.safetensors.index.json"), index("../x.safetensors")).unwrap();
    assert!(refused(folder.path()).to_string().contains("no file of its folder"));
    fs::write(folder.path().join("model.safetensors.index.json"), index("model-00001-of-00001.safetensors")).unwrap();
    let base = tempfile::tempdir().unwrap();
    import(folder.path(), &base.path().join("ours")).unwrap();
}

#[test]
fn nothing_is_exported_over_a_folder_or_without_a_head() {
    let base = tempfile::tempdir().unwrap();
    let ours = base.path().join("ours");
    import(&fixture("electra-discriminator"), &ours).unwrap();
    let folder = read_model_folder(&ours).unwrap();
    let card = Card::default();
    let what = Export {
        model: &folder.model,
        head: &HeadOf::Words,
        weights: &folder.weights,
        tokenizer: &folder.tokenizer,
        card: &card,
    };
    assert!(matches!(export(&what, &base.path().join("to")), Err(ExchangeError::NoHead)));
    assert!(matches!(export(&what, &ours), Err(ExchangeError::Exists { .. })));
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
}
