//! Prepared text as it was released: read for ever, and written no other way under the same number.
//!
//! `formats/N` holds the folder of format N that is made of `formats/text`, and is never changed. A new format has a folder of
//! its own, which
//!
//! ```text
//! CASEBOOK_WRITE_FORMATS=1 cargo test --release -p casebook-corpus --test formats what_is_written
//! ```
//!
//! makes where there is none yet. Prepared text can be made again from the text, and is where its format is another; what a run
//! was trained on is known by its hash, so the same text under the same format must have the same.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use case::{CorpusConfig, DataConfig, DocumentKind, Paths, TokenizerConfig};
use casebook_corpus::{CorpusError, PREPARED_FORMAT, PrepareRequest, Prepared, Split, prepare};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats")
}

/// The one prepared folder in a folder.
fn prepared_in(folder: &Path) -> PathBuf {
    let folders = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<PathBuf> = folders.filter(|path| path.join("manifest.json").is_file()).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

/// Prepares the text anew; returns the folder.
fn write(cache: &Path) -> PathBuf {
    let corpus = |name: &str, path: &str| CorpusConfig {
        name: name.into(),
        path: Paths::One(path.into()),
        format: None,
        field: "text".into(),
        documents: DocumentKind::Line,
        fraction: 1.0,
        weight: 1.0,
    };
    let data = DataConfig {
        corpora: vec![corpus("a", "a.txt"), corpus("b", "b.jsonl")],
        valid: 0.2,
        test: 0.1,
        ..DataConfig::default()
    };
    let tokenizer = TokenizerConfig { vocab_size: 100, ..TokenizerConfig::default() };
    let request =
        PrepareRequest { data: &data, tokenizer: &tokenizer, base: &fixtures().join("text"), cache, threads: 2 };
    prepare(&request, &mut |_| {}, &AtomicBool::new(false)).unwrap();
    prepared_in(cache)
}

/// The files of a folder by name, but for the manifest, which holds how long it took.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let named =
        entries.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()));
    named.filter(|(name, _)| name != "manifest.json").collect()
}

/// The names of all fields of a JSON value, with the way to them.
fn keys(value: &serde_json::Value, at: &str, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, field) in fields {
                found.push(format!("{at}.{name}"));
                keys(field, &format!("{at}.{name}"), found);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, at, found)),
        _ => {}
    }
}

fn manifest_keys(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    keys(&serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap(), "", &mut found);
    found
}

#[test]
fn what_is_written_under_a_number_is_what_was_always_written_under_it() {
    let released = fixtures().join(PREPARED_FORMAT.to_string());
    let cache = tempfile::tempdir().unwrap();
    let ours = write(cache.path());
    if std::env::var_os("CASEBOOK_WRITE_FORMATS").is_some() && !released.exists() {
        let to = released.join(ours.file_name().unwrap());
        fs::create_dir_all(&to).unwrap();
        fs::read_dir(&ours).unwrap().map(|entry| entry.unwrap().path()).for_each(|path| {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        });
    }
    let theirs = prepared_in(&released);
    assert_eq!(ours.file_name(), theirs.file_name(), "the key of the same text and settings is another");
    let (found, wanted) = (files(&ours), files(&theirs));
    assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (name, bytes) in &found {
        assert!(bytes == &wanted[name], "{name} is written otherwise than format {PREPARED_FORMAT} was: count it up");
    }
    assert_eq!(manifest_keys(&ours), manifest_keys(&theirs));
    assert_eq!(Prepared::open(&ours).unwrap().hash(), Prepared::open(&theirs).unwrap().hash());
}

#[test]
fn the_released_format_is_read() {
    let prepared = Prepared::open(&prepared_in(&fixtures().join("2"))).unwrap();
    let manifest = prepared.manifest();
    assert_eq!((manifest.format, manifest.tokenizer.kind.as_str(), manifest.tokenizer.vocab_size), (2, "bpe", 100));
    let facts = |corpus: usize| {
        let facts = &manifest.corpora[corpus];
        let documents = Split::ALL.map(|split| facts.split(split).documents);
        (facts.name.as_str(), facts.read.documents, facts.duplicate_documents, documents)
    };
    assert_eq!(facts(0), ("a", 60, 0, [40, 12, 8]));
    assert_eq!(facts(1), ("b", 25, 1, [15, 5, 4]));
    // Every line of the text is there once, but for the repeated one.
    let mut texts = Vec::new();
    for (split, corpus) in Split::ALL.iter().flat_map(|split| [(*split, 0), (*split, 1)]) {
        for source in prepared.sources(split, corpus) {
            for document in 0..source.document_count() {
                let mut ids = Vec::new();
                source.copy_tokens(source.document(document), &mut ids);
                texts.push(prepared.tokenizer().decode(&ids).trim().to_string());
            }
        }
    }
    let text = |file: &str| fs::read_to_string(fixtures().join("text").join(file)).unwrap();
    let of_json =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].as_str().unwrap().to_string();
    let mut wanted: Vec<String> =
        text("a.txt").lines().map(String::from).chain(text("b.jsonl").lines().map(of_json)).collect();
    wanted.sort();
    wanted.dedup();
    texts.sort();
    assert_eq!(texts, wanted);
}

/// What opening the released folder says where something in a file of it is replaced.
fn with(file: &str, replace: impl Fn(Vec<u8>) -> Vec<u8>) -> CorpusError {
    let folder = tempfile::tempdir().unwrap();
    let released = prepared_in(&fixtures().join(PREPARED_FORMAT.to_string()));
    let to = folder.path().join(released.file_name().unwrap());
    fs::create_dir(&to).unwrap();
    for (name, bytes) in files(&released) {
        fs::write(to.join(&name), if name == file { replace(bytes) } else { bytes }).unwrap();
    }
    let manifest = fs::read(released.join("manifest.json")).unwrap();
    fs::write(to.join("manifest.json"), if file == "manifest.json" { replace(manifest) } else { manifest }).unwrap();
    Prepared::open(&to).err().unwrap()
}

/// The manifest with another format, and a field that is not known.
fn with_format(number: &str) -> CorpusError {
    with("manifest.json", |bytes| {
        let text = String::from_utf8(bytes).unwrap();
        text.replacen(&format!("\"format\": {PREPARED_FORMAT}"), &format!("\"format\": {number}, \"wings\": 2"), 1)
            .into()
    })
}

#[test]
fn a_later_format_is_refused_by_its_number() {
    let later = PREPARED_FORMAT + 1;
    let said = with_format(&later.to_string()).to_string();
    let wanted = format!(
        "manifest.json has format {later}, this program reads {PREPARED_FORMAT}; use the version of casebook that wrote it, or delete its folder to prepare again"
    );
    assert!(said.ends_with(&wanted), "{said}");
    let said = with("corpus-0-train-0000.shard", |bytes| [b"CBSHARD2".as_slice(), &bytes[8..]].concat()).to_string();
    assert!(said.contains("it is a shard of format 2, and this program reads 1"), "{said}");
}

#[test]
fn a_format_that_never_was_is_refused() {
    assert!(matches!(with_format("0"), CorpusError::FormatVersion { found: 0, .. }));
    for number in ["-1", "1.5", "\"2\"", "null"] {
        let error = with_format(number);
        assert!(matches!(error, CorpusError::Manifest { .. }), "{number}: {error}");
    }
    let said = with("corpus-0-train-0000.shard", |bytes| [b"CBSHARD\x1b".as_slice(), &bytes[8..]].concat()).to_string();
    assert!(said.contains("a shard of format \\u{1b}"), "{said}");
}

#[test]
fn the_list_of_known_files_is_made_anew_where_its_format_is_another() {
    let cache = tempfile::tempdir().unwrap();
    write(cache.path());
    let index = cache.path().join("inputs.json");
    let written = fs::read_to_string(&index).unwrap();
    assert!(written.starts_with("{\"format\":1,\"files\":{\""), "{written}");
    // One of a later version that says of each file that its hash is another: it is not believed.
    let wrong = written.replacen("\"format\":1", "\"format\":2", 1).replace("\"hash\":\"", "\"hash\":\"00");
    for other in [wrong.as_str(), "{\"format\":-1}", "{}", "{"] {
        fs::write(&index, other).unwrap();
        write(cache.path());
        assert_eq!(fs::read_to_string(&index).unwrap(), written);
    }
}
