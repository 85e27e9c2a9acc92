//! Folders of imported models as they were released: read for ever, and written no other way under the same number.
//!
//! `formats/N` holds what an import made in format N, and is never changed: of 1, which knew no labels, `fixtures/bert`, of 2
//! `fixtures/bert-tags`. A new format has a folder of its own, which
//!
//! ```text
//! CASEBOOK_WRITE_FORMATS=1 cargo test --release --workspace --test formats what_is_written
//! ```
//!
//! makes where there is none yet.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use casebook_exchange::{
    ExchangeError, HeadOf, LabelTask, MODEL, MODEL_FORMAT, ModelFolder, ORIGIN, TOKENIZER, WEIGHTS, import,
    read_model_folder,
};

const FILES: [&str; 4] = [MODEL, WEIGHTS, TOKENIZER, ORIGIN];

fn released(format: u32) -> PathBuf {
    Path::new("tests/formats").join(format.to_string())
}

#[test]
fn what_is_written_under_a_number_is_what_was_always_written_under_it() {
    let released = released(MODEL_FORMAT);
    let fixture = Path::new("tests/fixtures/bert-tags");
    if std::env::var_os("CASEBOOK_WRITE_FORMATS").is_some() && !released.exists() {
        import(fixture, &released).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("imported");
    import(fixture, &to).unwrap();
    for file in FILES {
        let [ours, theirs] = [&to, &released].map(|folder| fs::read(folder.join(file)).unwrap());
        assert!(ours == theirs, "{file} is written otherwise than format {MODEL_FORMAT} was: count its format up");
    }
}

#[test]
fn every_released_format_is_read() {
    let first = read_model_folder(&released(1)).unwrap();
    assert_eq!((first.origin.format, first.head.as_ref()), (1, Some(&HeadOf::Words)));
    assert_eq!((first.origin.architecture.as_str(), first.origin.files.len()), ("BertForMaskedLM", 3));
    let second = read_model_folder(&released(2)).unwrap();
    let Some(HeadOf::Labels(labels)) = &second.head else { panic!("{:?}", second.head) };
    assert_eq!((labels.task, labels.names.len()), (LabelTask::Tags, 3));
    assert_eq!((second.origin.format, second.origin.architecture.as_str()), (2, "BertForTokenClassification"));
    for folder in [first, second] {
        assert_eq!((folder.model.d_model, folder.model.n_layers, folder.model.layer_norm_eps), (16, 2, 1e-12));
        assert!(folder.weights.len() > 30 && folder.tokenizer.is_file(), "{}", folder.weights.len());
    }
}

/// What reading the released folder says where its format is replaced.
fn with_format(number: &str) -> [ExchangeError; 2] {
    let folder = tempfile::tempdir().unwrap();
    for file in FILES {
        fs::copy(released(MODEL_FORMAT).join(file), folder.path().join(file)).unwrap();
    }
    let text = fs::read_to_string(folder.path().join(ORIGIN)).unwrap();
    let written = format!("\"format\": {MODEL_FORMAT}");
    assert!(text.contains(&written), "{text}");
    // A later format may hold what is not known here.
    let other = text.replacen(&written, &format!("\"format\": {number}, \"wings\": 2"), 1);
    fs::write(folder.path().join(ORIGIN), other).unwrap();
    [read_model_folder(folder.path()).err().unwrap(), ModelFolder::model(folder.path()).err().unwrap()]
}

#[test]
fn a_later_format_is_refused_by_its_number_whatever_else_it_holds() {
    let later = MODEL_FORMAT + 1;
    for error in with_format(&later.to_string()) {
        let wanted = format!("it has format {later}, and this program knows {MODEL_FORMAT} at most: use the version");
        assert!(error.to_string().contains(&wanted) && error.to_string().contains(ORIGIN), "{error}");
    }
}

#[test]
fn a_format_that_never_was_is_refused() {
    for number in ["0", "-1", "1.5", "\"2\"", "null"] {
        for error in with_format(number) {
            assert!(matches!(error, ExchangeError::Config { .. }), "{number}: {error}");
        }
    }
    assert!(with_format("0")[0].to_string().contains("has format 0"));
}
