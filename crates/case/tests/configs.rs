//! The case files that come with the program.

use std::{fs, path::PathBuf};

use casebook_case::{defaults_toml, differences, load, read_resolved, warnings};

fn configs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../configs")
}

#[test]
fn every_case_file_loads_and_resolves_to_itself() {
    let mut seen = 0;
    for entry in fs::read_dir(configs()).expect("configs/ is there") {
        let path = entry.expect("configs/ can be listed").path();
        if path.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        let case = load(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
        assert!(case.text.starts_with("# "), "{} opens with a comment", path.display());
        for variant in &case.variants {
            let again = read_resolved(&variant.resolved_toml()).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(again, variant.config, "{} {}", path.display(), variant.name);
        }
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}

#[test]
fn defaults_are_printed_from_the_code() {
    let written = fs::read_to_string(configs().join("defaults.toml")).expect("configs/defaults.toml is there");
    assert_eq!(
        written,
        defaults_toml(),
        "print it anew: cargo run --release -p casebook-case --example defaults > configs/defaults.toml"
    );
}

#[test]
fn case_one_differs_in_depth_alone() {
    let case = load(&configs().join("case1.toml"), &[]).unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<&str> = case.variants.iter().map(|variant| variant.name.as_str()).collect();
    assert_eq!((case.name.as_str(), names), ("case1", vec!["layer-4", "layer-6"]));
    let found = differences(&case.variants[0].config, &case.variants[1].config);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].key.as_str(), found[0].before.as_str(), found[0].after.as_str()),
        ("model.n_layers", "4", "6")
    );
    let depth = case.variants[1].origins.of("model.n_layers").to_string();
    assert!(depth.starts_with("variant layer-6, ") && depth.contains("case1.toml:"), "{depth}");
}

#[test]
fn case_two_is_warned_of_its_weight_decay() {
    let case = load(&configs().join("case2.toml"), &[]).unwrap_or_else(|error| panic!("{error}"));
    let warned = |name: &str| {
        let variant = case.variants.iter().find(|variant| variant.name == name).expect("the variant is there");
        warnings(&variant.config).iter().any(|warning| warning.contains("\"adam\" with weight_decay = 0.01"))
    };
    assert!(warned("adam-layer-4") && warned("adam-layer-6") && !warned("adamw-layer-4"));
}
