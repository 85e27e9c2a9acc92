//! Resolved cases and tables of models as they were released: read for ever, and written no other way under the same number.
//!
//! The fixtures in `formats/N` are of format N and are never changed. They are made from `formats/words.toml` and
//! `formats/classes.toml`. A new format has a folder of its own, which
//!
//! ```text
//! CASEBOOK_WRITE_FORMATS=1 cargo test --release -p casebook-case --test formats what_is_written
//! ```
//!
//! makes where there is none yet. A new key is a new format: a program that does not know it refuses the file, and should say
//! why.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use casebook_case::{
    Case, CaseError, FORMAT, Length, Paths, ProblemKind, Task, load, load_run, model_toml, read_model, read_resolved,
};

fn fixtures(format: u32) -> PathBuf {
    PathBuf::from(format!("tests/formats/{format}"))
}

/// Their one difference to what is usual is that a flag sets a key.
fn case(name: &str) -> Case {
    load(&PathBuf::from(format!("tests/formats/{name}.toml")), &["optimizer.beta2=0.98".into()]).unwrap()
}

/// What this version writes.
fn written() -> [(&'static str, String); 3] {
    let resolved = |name| case(name).variants[0].resolved_toml();
    let model = model_toml(&case("words").variants[0].config.model);
    [("words.toml", resolved("words")), ("classes.toml", resolved("classes")), ("model.toml", model)]
}

#[test]
fn what_is_written_under_a_number_is_what_was_always_written_under_it() {
    let released = fixtures(FORMAT);
    if std::env::var_os("CASEBOOK_WRITE_FORMATS").is_some() && !released.exists() {
        fs::create_dir_all(&released).unwrap();
        written().iter().for_each(|(file, text)| fs::write(released.join(file), text).unwrap());
    }
    for (file, text) in written() {
        assert_eq!(
            text,
            fs::read_to_string(released.join(file)).unwrap(),
            "{file} is written otherwise than format {FORMAT} was: count its format up, and read both"
        );
    }
}

#[test]
fn every_released_format_is_read() {
    for format in 1..=FORMAT {
        let text = |file: &str| fs::read_to_string(fixtures(format).join(file)).unwrap();
        let words = read_resolved(&text("words.toml")).unwrap();
        assert_eq!(words, case("words").variants[0].config);
        assert_eq!(words.question, "Are all keys kept? \"한국어\" <b>");
        assert_eq!((words.task, words.seeds.as_slice()), (Task::Mlm, [1, u64::MAX].as_slice()));
        assert_eq!((words.model.d_model, words.model.ff, words.model.embedding_width), (64, 1024, Some(32)));
        assert_eq!(words.data.corpora[0].path, Paths::Many(vec!["a.txt".into(), "b/*.txt.gz".into()]));
        assert_eq!((words.data.corpora[0].fraction, words.data.corpora[1].fraction), (0.5, 1.0));
        assert_eq!((words.schedule.learning_rate, words.optimizer.beta2), (1e-3, 0.98));
        assert_eq!((words.train.steps, words.train.epochs, words.train.batch_size), (Some(1000), None, 32));
        assert_eq!(words.schedule.warmup, Length::Share(0.05));

        let classes = read_resolved(&text("classes.toml")).unwrap();
        assert_eq!(classes, case("classes").variants[0].config);
        assert_eq!((classes.task, classes.start.as_deref()), (Task::Classify, Some("imported/bert")));
        assert_eq!((classes.examples.folds, classes.examples.fold, classes.finetune.patience), (Some(5), Some(2), 3));

        let model = read_model(&text("model.toml"), Path::new("model.toml")).unwrap();
        assert_eq!(model, words.model);
    }
}

/// What reading the released files says where their formats are replaced.
fn with_format(number: &str) -> [CaseError; 4] {
    let text = |file: &str| {
        let text = fs::read_to_string(fixtures(FORMAT).join(file)).unwrap();
        let rest = text.strip_prefix(&format!("format = {FORMAT}\n")).unwrap();
        // A later format may hold what is not known here.
        format!("format = {number}\nwings = 2\n{rest}")
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.toml");
    fs::write(&path, text("words.toml")).unwrap();
    [
        read_resolved(&text("classes.toml")).unwrap_err(),
        load_run(&path, &[]).unwrap_err(),
        load(&path, &[]).unwrap_err(),
        read_model(&text("model.toml"), Path::new("model.toml")).unwrap_err(),
    ]
}

fn only_problem(error: &CaseError) -> (ProblemKind, &str) {
    match error {
        CaseError::Invalid { problems } if problems.len() == 1 => (problems[0].kind, &problems[0].message),
        error => panic!("{error}"),
    }
}

#[test]
fn a_later_format_is_refused_by_its_number_whatever_else_it_holds() {
    let wanted = format!(
        "this file has format {}, and this program knows {FORMAT} at most: use the version of casebook that wrote it, or a newer one",
        FORMAT + 1
    );
    for error in with_format(&(FORMAT + 1).to_string()) {
        assert_eq!(only_problem(&error), (ProblemKind::NewerFormat, wanted.as_str()));
        assert!(error.to_string().contains(".toml:1:10: "), "{error}");
    }
}

#[test]
fn a_format_that_never_was_is_refused() {
    for (number, kind, said) in [
        ("0", ProblemKind::OutOfRange, "`format` is 0; the first was 1"),
        ("-1", ProblemKind::OutOfRange, "`format` is -1; the first was 1"),
        ("\"1\"", ProblemKind::WrongType, "`format` at the top is the number of this file's own format"),
        ("1.5", ProblemKind::WrongType, "`format` at the top is the number of this file's own format"),
    ] {
        for error in with_format(number) {
            let (found, message) = only_problem(&error);
            assert!(found == kind && message.starts_with(said), "{number}: {error}");
        }
    }
}

#[test]
fn a_file_that_says_no_format_has_the_first() {
    let text = fs::read_to_string(fixtures(1).join("words.toml")).unwrap();
    let before = text.replacen("format = 1\n", "", 1);
    assert_eq!(read_resolved(&before).unwrap(), read_resolved(&text).unwrap());
}
