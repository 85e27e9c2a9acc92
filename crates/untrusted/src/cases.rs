//! Case files.

use std::hint::black_box;
use std::path::Path;

use case::{differences, load, load_run, model_toml, read_model, read_resolved, resolved_toml, warnings};

use crate::{Taken, in_file};

/// A case file: read, resolved, written and read again, and as each of the other files that hold a part of one.
pub(crate) fn case(bytes: &[u8]) -> Taken {
    in_file("case.toml", bytes, |path| {
        let loaded = load(path, &[]).inspect_err(|error| drop(black_box(error.to_string())));
        for variant in loaded.iter().flat_map(|case| &case.variants) {
            let text = resolved_toml(&variant.config, &variant.origins);
            let again = read_resolved(&text).expect("what was resolved is a case");
            assert_eq!(again, variant.config, "a case that was resolved, written and read is the same");
            black_box(warnings(&variant.config));
            black_box(differences(&variant.config, &again));
            black_box(model_toml(&variant.config.model));
        }
        black_box(load_run(path, &["model.n_layers=2".into()]).is_ok());
        if let Ok(text) = std::str::from_utf8(bytes) {
            black_box(read_model(text, Path::new("model.toml")).is_ok());
            black_box(read_resolved(text).is_ok());
        }
    });
    Taken::AsIts
}
