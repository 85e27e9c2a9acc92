//! Where each value of a run came from, read back from the comments of its `case.toml`.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::collections::BTreeMap;

use crate::tree::join;

/// What [`crate::resolved_toml`] wrote behind each value, by the keys of [`crate::Difference`]: `default`,
/// `configs/case1.toml:14`, `variant layer-6, configs/case1.toml:40` or `--set`. A line without a comment has no entry.
pub fn resolved_origins(text: &str) -> BTreeMap<String, String> {
    let mut origins = BTreeMap::new();
    let mut table = String::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix('[') {
            table = head.trim_matches(['[', ']']).to_string();
            continue;
        }
        let Some((key, rest)) = line.split_once(" = ") else { continue };
        let Some((value, origin)) = rest.rsplit_once("  # ") else { continue };
        // A corpus goes by its name, which is the first thing written of it.
        if key == "name" && table == "data.corpora" {
            table = join(&table, value.trim_matches('"'));
        }
        origins.insert(join(&table, key), origin.to_string());
    }
    origins
}

#[cfg(test)]
mod tests {
    use super::resolved_origins;
    use crate::load;

    #[test]
    fn every_value_of_a_resolved_case_has_its_origin_back() {
        let folder = std::env::temp_dir().join(format!("casebook-reread-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("case.toml");
        let text = "question = \"a = b  # c?\"\ndata.corpora = [{ name = \"ko\", path = \"x\" }, { name = \"en\", path = \"y\" }]\n\
                    train.epochs = 1\n[variant.deep]\nmodel.n_layers = 6\ndata.corpora.en.fraction = 0.5\n";
        std::fs::write(&path, text).unwrap();
        let case = load(&path, &["optimizer.beta2=0.98".into()]).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let variant = &case.variants[0];
        let origins = resolved_origins(&variant.resolved_toml());
        assert!(origins["model.n_layers"].starts_with("variant deep, "), "{origins:?}");
        assert!(origins["data.corpora.en.fraction"].starts_with("variant deep, "), "{origins:?}");
        assert_eq!(origins["data.corpora.ko.fraction"], "default");
        assert_eq!(origins["optimizer.beta2"], "--set");
        assert!(origins["question"].ends_with("case.toml:1"), "{origins:?}");
        assert_eq!(origins.len(), variant.resolved_toml().lines().filter(|line| line.contains("  # ")).count());
    }
}
