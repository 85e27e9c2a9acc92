//! The fixtures, as casebook reads them and as transformers does.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]
#![allow(dead_code, unreachable_pub, reason = "each file of tests takes what it needs")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use burn::tensor::{Device, Int, Tensor, TensorData};
use casebook_exchange::{Card, Export, HeadOf, ModelFolder, Weights, class_for, export, import, read_model_folder};
use corpus::TextTokenizer;
use encoder::{HeadKind, Model, Tokens, flat_weights, with_weights};
use kernels::{Path as Kernels, Spans};
use serde_json::Value;
use tempfile::TempDir;

/// The project's bound for an exchange in 32-bit floats.
const TOLERANCE: f32 = 1e-5;

pub fn fixture(name: &str) -> PathBuf {
    Path::new("tests/fixtures").join(name)
}

/// A fixture's files in a folder that may be changed.
pub fn copied(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

pub fn edited(folder: &Path, key: &str, value: Value) {
    let path = folder.join("config.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    json[key] = value;
    fs::write(path, json.to_string()).unwrap();
}

struct Expected {
    rows: Vec<Vec<i32>>,
    segments: Option<Vec<Vec<i32>>>,
    /// Four numbers a token.
    boxes: Option<Vec<Vec<i32>>>,
    hidden: Vec<f32>,
    /// Of the last row.
    logits: Option<Vec<f32>>,
}

fn expected(name: &str) -> Expected {
    let json: Value = serde_json::from_slice(&fs::read(fixture(name).join("expected.json")).unwrap()).unwrap();
    let boxes = serde_json::from_value::<Option<Vec<Vec<[i32; 4]>>>>(json["boxes"].clone()).unwrap();
    let floats = |key: &str| serde_json::from_value::<Option<Vec<f32>>>(json[key].clone()).unwrap();
    Expected {
        rows: serde_json::from_value(json["input_ids"].clone()).unwrap(),
        segments: serde_json::from_value(json["token_type_ids"].clone()).unwrap(),
        boxes: boxes.map(|rows| rows.iter().map(|row| row.concat()).collect()),
        hidden: floats("hidden").unwrap(),
        logits: floats("logits"),
    }
}

fn kind(folder: &ModelFolder) -> HeadKind {
    folder.head.as_ref().map_or(HeadKind::Words, HeadOf::kind)
}

/// The model of a folder of ours; weights that it lacks stay zero.
fn model(folder: &ModelFolder) -> Model {
    let words = TextTokenizer::load(&folder.tokenizer).unwrap().vocab_size();
    let zeros = Model::zeros(&folder.model, words, kind(folder), &Device::flex());
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

/// Rows of boxes, `[B, T, 4]`.
fn corners(flat: Tensor<2, Int>) -> Tensor<3, Int> {
    let [rows, numbers] = flat.dims();
    flat.reshape([rows, numbers / 4, 4])
}

/// Hidden states and the last row's logits, `[tokens * D]` and `[T * V]` (of tags `[T * C]`, of classes `[C]`), by the framework's operations on padded rows.
fn composed(kind: HeadKind, model: &Model, expected: &Expected) -> (Vec<f32>, Vec<f32>) {
    let rows = &expected.rows;
    let input_ids = integers(rows, Vec::len);
    let [count, width] = input_ids.dims();
    let is_pad = rows.iter().flat_map(|row| (0..width).map(|at| at >= row.len())).collect::<Vec<_>>();
    let mask_pad = Some(Tensor::from_data(TensorData::new(is_pad, [count, width]), &Device::flex()));
    let places = rows.iter().enumerate().flat_map(|(at, row)| (0..row.len()).map(move |t| (at * width + t) as i32));
    let segments = expected.segments.as_ref().map(|segments| integers(segments, Vec::len));
    let boxes = expected.boxes.as_ref().map(|boxes| corners(integers(boxes, Vec::len)));
    answers(
        kind,
        model,
        Tokens { input_ids, token_type_ids: segments, boxes },
        &Kernels::Composed { mask_pad },
        places.collect(),
        rows,
    )
}

/// The same by our own kernels, rows one behind the other.
fn own(kind: HeadKind, model: &Model, expected: &Expected) -> (Vec<f32>, Vec<f32>) {
    let rows = &expected.rows;
    let flat = |rows: &[Vec<i32>]| integers(&[rows.concat()], Vec::len);
    let tokens = Tokens {
        input_ids: flat(rows),
        token_type_ids: expected.segments.as_ref().map(|rows| flat(rows)),
        boxes: expected.boxes.as_ref().map(|rows| corners(flat(rows))),
    };
    let path = Kernels::Own(Arc::new(Spans::new(rows.iter().map(Vec::len))));
    let all = rows.iter().map(Vec::len).sum::<usize>() as i32;
    answers(kind, model, tokens, &path, (0..all).collect(), rows)
}

fn answers(
    kind: HeadKind,
    model: &Model,
    tokens: Tokens,
    path: &Kernels,
    places: Vec<i32>,
    rows: &[Vec<i32>],
) -> (Vec<f32>, Vec<f32>) {
    let last = places[places.len() - rows.last().unwrap().len()..].to_vec();
    let places = Tensor::from_ints(places.as_slice(), &Device::flex());
    let hidden = model.encoder.forward(tokens.clone(), path, None);
    let width = hidden.dims()[2];
    let hidden = hidden.reshape([-1, width as i32]).select(0, places);
    let scored = |last: &[i32]| Tensor::<1, Int>::from_ints(last, &Device::flex());
    let logits = match kind {
        HeadKind::Words => model.logits(tokens, path, scored(&last)),
        HeadKind::Tags(_) => model.class_logits(tokens, path, scored(&last), None),
        HeadKind::Classes(_) => model.class_logits(tokens, path, scored(&last[..1]), None),
    };
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

pub fn agrees_with_transformers(name: &str) -> ModelFolder {
    let base = tempfile::tempdir().unwrap();
    let to = base.path().join("ours");
    import(&fixture(name), &to).unwrap_or_else(|error| panic!("{name}: {error}"));
    let folder = read_model_folder(&to).unwrap();
    let (kind, model, expected) = (kind(&folder), model(&folder), expected(name));
    let ways = [("composed", composed(kind, &model, &expected)), ("own", own(kind, &model, &expected))];
    for (way, (hidden, logits)) in ways {
        let difference = farthest(&hidden, &expected.hidden);
        assert!(difference <= TOLERANCE, "{name}, {way}: hidden states differ by {difference:e}");
        let Some(wanted) = &expected.logits else { continue };
        let wanted = match kind {
            HeadKind::Words => {
                let tokens = expected.rows.last().unwrap().len();
                of_words(wanted, tokens, logits.len() / tokens)
            }
            HeadKind::Classes(_) | HeadKind::Tags(_) => wanted.clone(),
        };
        let difference = farthest(&logits, &wanted);
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
    let head = folder.head.as_ref().unwrap();
    let what = Export {
        model: &folder.model,
        head,
        weights: &folder.weights,
        tokenizer: &folder.tokenizer,
        rows_of_ours: false,
        card: &card,
    };
    export(&what, &to).unwrap();
    let weights = |folder: &Path| -> Weights {
        let path = folder.join("model.safetensors");
        casebook_exchange::parse_weights(&path, &fs::read(&path).unwrap()).unwrap()
    };
    let (exported, original) = (weights(&to), weights(from));
    // A RoBERTa comes back as a BERT, which computes the same.
    let class = class_for(&folder.model, head).unwrap();
    let is_same_class = class.architecture(head.task()) == folder.origin.architecture;
    for (name, array) in original.iter().filter(|_| is_same_class) {
        // Rows without words are not kept, unread position rows become zeros, and biases that are all zero may be new.
        let is_table = name.contains("embeddings.weight") || name.starts_with("decoder");
        let is_dropped = folder.origin.dropped.contains(name);
        assert!(is_table || is_dropped || exported.get(name) == Some(array), "{name}");
    }
    import(&to, &again).unwrap();
    let again = read_model_folder(&again).unwrap();
    assert_eq!((&again.weights, &again.head), (&folder.weights, &folder.head));
    let labels = |folder: &Path| {
        let json: Value = serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap();
        ["id2label", "label2id", "problem_type"].map(|key| json[key].clone())
    };
    let (theirs, ours) = (labels(from), labels(&to));
    if head.task().is_some() {
        assert_eq!(theirs[..2], ours[..2]);
        assert!(theirs[2].is_null() || theirs[2] == ours[2], "{theirs:?} {ours:?}");
    }
    assert_eq!(fs::read_dir(&to).unwrap().count(), 5);
}
