//! Bad case files, each with the message that a person gets, word for word.
//!
//! `tests/bad/NN-name.toml` is the case and `NN-name.txt` what loading it, or looking for its files, must say. A first
//! line `# --set key=value` is given to it as flags, parted by ` --set `. After changing a message on purpose, read
//! aloud what the test says in its place, then put it into the file.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use casebook_case::load;

const FOLDER: &str = "tests/bad";

/// The bad case files in order.
fn bad_files() -> Vec<PathBuf> {
    let entries = fs::read_dir(FOLDER).expect("tests/bad is there");
    let paths = entries.map(|entry| Path::new(FOLDER).join(entry.expect("tests/bad can be listed").file_name()));
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect();
    paths.sort();
    paths
}

/// What loading the case says; `None` when it finds nothing wrong.
fn message(path: &Path) -> Option<String> {
    let bytes = fs::read(path).expect("the file was just listed");
    let first = String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().to_string();
    let flags: Vec<String> = match first.strip_prefix("# --set ") {
        Some(flags) => flags.split(" --set ").map(str::to_string).collect(),
        None => Vec::new(),
    };
    let case = match load(path, &flags) {
        Ok(case) => case,
        Err(error) => return Some(with_causes(&error)),
    };
    let error = case.variants.iter().find_map(|variant| variant.check_files(Path::new(FOLDER)).err())?;
    Some(with_causes(&error))
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text + "\n"
}

#[test]
fn bad_files_are_refused_word_for_word() {
    let files = bad_files();
    assert!(files.len() >= 50, "{} bad case files", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        match message(&path) {
            Some(said) if said == expected => {}
            said => wrong.push(format!(
                "{}\n  expected: {expected}\n  said: {}",
                path.display(),
                said.unwrap_or_else(|| "nothing: it is not bad".into())
            )),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
