//! Whether the files that a case names are there.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::path::Path;

use crate::{CaseError, Paths, Problem, Variant, error::ProblemKind, explain::short, keys::invalid};

impl Variant {
    /// Checks that every file and glob the case names is there, relative paths being taken from `base`.
    ///
    /// # Errors
    /// Every missing file, every glob without a match or beyond parsing, and every folder where a file belongs.
    pub fn check_files(&self, base: &Path) -> Result<(), CaseError> {
        let mut problems = Vec::new();
        let mut look = |key: String, path: &str| {
            if let Some(message) = fault(path, base) {
                problems.push(Problem::at(ProblemKind::MissingFile, self.origins.of(&key).clone(), message));
            }
        };
        for (at, corpus) in self.config.data.corpora.iter().enumerate() {
            match &corpus.path {
                Paths::One(path) => look(format!("data.corpora.{at}.path"), path),
                Paths::Many(paths) => {
                    paths.iter().enumerate().for_each(|(n, path)| look(format!("data.corpora.{at}.path.{n}"), path));
                }
            }
        }
        let examples = &self.config.examples;
        for (split, paths) in [("train", &examples.train), ("valid", &examples.valid), ("test", &examples.test)] {
            match paths {
                None => {}
                Some(Paths::One(path)) => look(format!("examples.{split}"), path),
                Some(Paths::Many(paths)) => {
                    paths.iter().enumerate().for_each(|(n, path)| look(format!("examples.{split}.{n}"), path));
                }
            }
        }
        self.config.tokenizer.path.iter().for_each(|path| look("tokenizer.path".into(), path));
        if let Some(start) = self.config.start.as_ref().filter(|start| !base.join(start).is_dir()) {
            let message = format!(
                "no such folder: {} (looked for from {}); name a run, or what `casebook import` made",
                short(start),
                base.display()
            );
            problems.push(Problem::at(ProblemKind::MissingFile, self.origins.of("start").clone(), message));
        }
        if problems.is_empty() { Ok(()) } else { Err(invalid(problems)) }
    }
}

fn fault(path: &str, base: &Path) -> Option<String> {
    let whole = base.join(path);
    if whole.is_dir() {
        return Some(format!("{} is a folder; name a file or a glob, such as \"{path}/*.txt\"", short(path)));
    }
    if whole.exists() {
        return None; // also a file whose name only looks like a glob
    }
    let from = format!("looked for from {}", base.display());
    if !path.contains(['*', '?', '[']) {
        return Some(format!("no such file: {} ({from})", short(path)));
    }
    // what is globbed is the case's path alone: a `[` in the folder's name is no pattern
    let folder = glob::Pattern::escape(&base.to_string_lossy());
    let pattern = Path::new(&folder).join(path);
    match glob::glob(&pattern.to_string_lossy()) {
        Err(error) => Some(format!("{} is not a glob: {}", short(path), error.msg)),
        Ok(mut found) => match found.any(|file| file.is_ok_and(|file| file.is_file())) {
            true => None,
            false => Some(format!("no file matches {} ({from})", short(path))),
        },
    }
}
