//! Loading: layers, origins, flags, files.

use std::{fs, path::PathBuf};

use casebook_case::{CaseError, Length, Origin, ProblemKind, Variant, load, load_run, read_resolved};

const CASE: &str = "\
question = \"Do six layers beat four?\"
seeds = [1, 18446744073709551615]

[model]
n_layers = 2

[data]
corpora = [{ name = \"ko\", path = \"ko.txt\" }, { name = \"en\", path = [\"a/*.txt\", \"b.txt\"] }]

[train]
epochs = 3
";

/// Writes files into a folder of the test's own.
fn folder(test: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
    }
    folder
}

fn variants(test: &str, more: &str, flags: &[&str]) -> Result<Vec<Variant>, CaseError> {
    let path = folder(test, &[("case.toml", &format!("{CASE}{more}"))]).join("case.toml");
    let flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
    load(&path, &flags).map(|case| case.variants)
}

fn only(test: &str, flags: &[&str]) -> Variant {
    let mut found = variants(test, "", flags).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.len(), 1);
    found.remove(0)
}

#[test]
fn a_case_without_variants_has_its_base() {
    let base = only("base", &[]);
    assert_eq!((base.name.as_str(), base.config.model.n_layers), ("base", 2));
    assert_eq!(base.config.seeds, [1, u64::MAX], "seeds use all of u64");
    assert!(base.origins.of("model.n_layers").to_string().ends_with("case.toml:5"));
    assert_eq!(*base.origins.of("model.h"), Origin::Default);
}

#[test]
fn variants_come_in_the_files_order_and_change_only_themselves() {
    let more = "[variant.z]\nmodel.n_layers = 6\n\n[variant.a.model]\nd_model = 64\n";
    let found = variants("order", more, &[]).unwrap_or_else(|error| panic!("{error}"));
    let shapes: Vec<_> =
        found.iter().map(|v| (v.name.as_str(), v.config.model.n_layers, v.config.model.d_model)).collect();
    assert_eq!(shapes, [("z", 6, 256), ("a", 2, 64)]);
    assert!(matches!(found[1].origins.of("model.d_model"), Origin::Variant { name, .. } if name == "a"));
}

#[test]
fn flags_lie_over_variants_and_say_so() {
    let more = "[variant.a]\nmodel.n_layers = 4\n[variant.b]\nmodel.n_layers = 6\n";
    let found = variants("flags", more, &["model.n_layers=1", "train.device=software-gpu", "schedule.warmup=10 %"]);
    let found = found.unwrap_or_else(|error| panic!("{error}"));
    for variant in &found {
        assert_eq!(variant.config.model.n_layers, 1);
        assert_eq!(variant.config.train.device, "software-gpu");
        assert_eq!(variant.config.schedule.warmup, Length::Share(0.1));
        assert_eq!(variant.origins.of("model.n_layers").to_string(), "--set");
        assert!(variant.resolved_toml().contains("n_layers = 1  # --set\n"));
    }
}

#[test]
fn a_later_flag_wins_and_a_run_length_replaces_the_other() {
    let variant = only("lengths", &["train.steps=10", "train.steps=20"]);
    assert_eq!((variant.config.train.epochs, variant.config.train.steps), (None, Some(20)));
    let both = variants("both-lengths", "steps = 5\n", &[]).expect_err("one layer sets two");
    assert!(both.to_string().contains("`epochs` and `steps` each say"), "{both}");
}

#[test]
fn a_flag_reaches_a_corpus_by_name_or_index() {
    let variant = only("corpora", &["data.corpora.en.fraction=0.25", "data.corpora.0.weight=2"]);
    let corpora = &variant.config.data.corpora;
    assert_eq!((corpora[0].weight, corpora[0].fraction, corpora[1].fraction), (2.0, 1.0, 0.25));
    assert_eq!(variant.origins.of("data.corpora.1.fraction").to_string(), "--set");
}

#[test]
fn resolved_lines_name_their_origin_and_the_default_is_written_out() {
    let text = only("resolved", &[]).resolved_toml();
    for line in ["# default\n", "case.toml:5\n", "[[data.corpora]]\n", "layer_norm_eps = 1e-12  # default\n"] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(text.starts_with("format = 1\n"), "{text}");
    let values = text.lines().skip(1).filter(|line| line.contains(" = "));
    assert!(values.clone().count() > 60 && values.clone().all(|line| line.contains("  # ")), "{text}");
}

#[test]
fn a_resolved_case_is_checked_like_any_other() {
    let text = only("resolved-checked", &[]).resolved_toml();
    let bad = read_resolved(&text.replace("h = 4 ", "h = 3 ")).expect_err("3 does not divide 256");
    assert!(bad.to_string().contains("256 / 3 = 85.33..."), "{bad}");
    let variant = read_resolved(&format!("{text}[variant.a]\n")).expect_err("no variants there");
    assert!(variant.to_string().contains("has no variants"), "{variant}");
}

#[test]
fn windows_line_ends_change_nothing() {
    let path = folder("crlf", &[("case.toml", &CASE.replace('\n', "\r\n")), ("lf.toml", CASE)]);
    let crlf = load(&path.join("case.toml"), &[]).unwrap_or_else(|error| panic!("{error}"));
    let lf = load(&path.join("lf.toml"), &[]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(crlf.variants[0].config, lf.variants[0].config);
}

#[test]
fn a_missing_case_file_suggests_its_neighbour() {
    let path = folder("missing", &[("case1.toml", CASE)]);
    let error = load(&path.join("case1"), &[]).expect_err("the ending is missing");
    assert!(error.to_string().ends_with("case1.toml?"), "{error}");
    let error = load(&path.join("other.toml"), &[]).expect_err("no such file");
    assert!(matches!(&error, CaseError::Missing { hint, .. } if hint.is_empty()), "{error}");
    let error = load(&path, &[]).expect_err("a folder is no case file");
    assert!(matches!(error, CaseError::Unreadable { .. }), "{error}");
}

#[test]
fn files_are_looked_for_from_the_folder_given() {
    let variant = only("files", &[]);
    let there = folder("files", &[("ko.txt", "x"), ("a/1.txt", "x"), ("b.txt", "x"), ("odd[1]/ko.txt", "x")]);
    assert!(variant.check_files(&there).is_ok());
    let error = variant.check_files(&there.join("odd[1]")).expect_err("ko.txt alone is there");
    let CaseError::Invalid { problems } = error else { panic!("{error}") };
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.kind == ProblemKind::MissingFile));
    assert_eq!(problems[0].origins[0].place().map(|place| place.line), Some(8));
}

#[test]
fn a_fault_of_the_base_is_said_once_for_all_variants() {
    let more = "[optimizer]\nbeta1 = 1.0\n[variant.a]\nmodel.n_layers = 4\n[variant.b]\nmodel.n_layers = 6\n";
    let error = variants("once", more, &[]).expect_err("beta1 is out of range");
    let CaseError::Invalid { problems } = error else { panic!("{error}") };
    assert_eq!(problems.len(), 1, "{problems:?}");
}

const SWEEP: &str = "[sweep]\n\"model.n_layers\" = [2, 3]\noptimizer.weight_decay = [0, 1e-2]\n";

fn shapes(found: &[Variant]) -> Vec<(&str, usize, f64)> {
    found.iter().map(|v| (v.name.as_str(), v.config.model.n_layers, v.config.optimizer.weight_decay)).collect()
}

#[test]
fn a_sweep_makes_a_variant_of_every_combination_and_says_where_values_came_from() {
    let found = variants("sweep", SWEEP, &[]).unwrap_or_else(|error| panic!("{error}"));
    let expected = [
        ("n_layers-2--weight_decay-0", 2, 0.0),
        ("n_layers-2--weight_decay-0_01", 2, 0.01),
        ("n_layers-3--weight_decay-0", 3, 0.0),
        ("n_layers-3--weight_decay-0_01", 3, 0.01),
    ];
    assert_eq!(shapes(&found), expected);
    let origin = found[2].origins.of("model.n_layers");
    assert!(matches!(origin, Origin::Sweep(place) if place.line == 13 && place.column == 24), "{origin:?}");
    assert!(found[2].resolved_toml().contains("n_layers = 3  # sweep, "));
    let again = read_resolved(&found[2].resolved_toml()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again, found[2].config);
}

#[test]
fn a_sweep_is_crossed_with_the_variants() {
    let more = "[variant.adam]\noptimizer.kind = \"adam\"\n[variant.adamw]\noptimizer.kind = \"adamw\"\n\n[sweep.optimizer]\nweight_decay = [0.0, 0.1]\n";
    let found = variants("crossed", more, &[]).unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<&str> = found.iter().map(|variant| variant.name.as_str()).collect();
    assert_eq!(
        names,
        ["adam--weight_decay-0", "adam--weight_decay-0_1", "adamw--weight_decay-0", "adamw--weight_decay-0_1"]
    );
    assert!(matches!(found[3].origins.of("optimizer.kind"), Origin::Variant { name, .. } if name == "adamw"));
}

#[test]
fn a_sweep_names_its_values_as_folders_and_reaches_into_corpora_and_lengths() {
    let more = "[sweep]\nschedule.warmup = [\"6 %\", 100]\nschedule.kind = [\"linear\"]\noptimizer.kind = [\"adamw\"]\ndata.corpora.ko.fraction = [0.5]\n";
    let found = variants("named", more, &[]).unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<&str> = found.iter().map(|variant| variant.name.as_str()).collect();
    let rest = "schedule_kind-linear--optimizer_kind-adamw--fraction-0_5";
    assert_eq!(names, [format!("warmup-6_pct--{rest}"), format!("warmup-100--{rest}")]);
    assert_eq!(found[0].config.data.corpora[0].fraction, 0.5);
    let lengths = variants("swept-lengths", "[sweep]\ntrain.steps = [10, 20]\n", &[]);
    let lengths = lengths.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((lengths[1].config.train.epochs, lengths[1].config.train.steps), (None, Some(20)));
}

#[test]
fn a_flag_lies_over_a_sweep() {
    let found = variants("swept-flag", SWEEP, &["model.n_layers=1"]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|variant| variant.config.model.n_layers == 1));
}

#[test]
fn a_resolved_case_has_no_sweep() {
    let text = only("resolved-sweep", &[]).resolved_toml();
    let swept = read_resolved(&format!("{text}[sweep]\nmodel.n_layers = [1]\n")).expect_err("no sweep there");
    assert!(swept.to_string().contains("has no variants"), "{swept}");
}

#[test]
fn a_conclusion_and_its_claims_are_every_variant_s() {
    let more = "[variant.a]\nmodel.n_layers = 4\n[variant.b]\nmodel.n_layers = 6\n";
    let head = "conclusion = \"More layers are better.\"\nclaims = [\"b < a on valid.loss\", \"b > a on valid.ko.accuracy\"]\n";
    let path = folder("claims", &[("case.toml", &format!("{head}{CASE}{more}"))]).join("case.toml");
    let case = load(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
    for variant in &case.variants {
        assert_eq!(variant.config.conclusion, "More layers are better.");
        let claims: Vec<String> = variant.config.claims.iter().map(ToString::to_string).collect();
        assert_eq!(claims, ["b < a on valid.loss", "b > a on valid.ko.accuracy"]);
        let again = read_resolved(&variant.resolved_toml()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again, variant.config, "a run's own case names variants that it does not hold");
        let run = folder("claims-run", &[("case.toml", &variant.resolved_toml())]).join("case.toml");
        let longer = load_run(&run, &["train.steps=9".into()]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((longer.config.train.steps, longer.config.claims), (Some(9), variant.config.claims.clone()));
    }
}

#[test]
fn a_file_that_is_no_case_file_is_not_read_whole_and_one_without_a_name_not_at_all() {
    let path = folder("long", &[("case.toml", &format!("{CASE}# {}\n", "x".repeat(5 << 20)))]).join("case.toml");
    let error = load(&path, &[]).expect_err("it is refused");
    assert!(matches!(error, CaseError::Encoding { .. }) && error.to_string().contains("longer than 4 MiB"), "{error}");
    // Runs lie in a folder of the case's name.
    for name in ["..toml", "...toml"] {
        let path = folder("dots", &[(name, CASE)]).join(name);
        let error = load(&path, &[]).expect_err("it is refused").to_string();
        assert!(error.contains("names the folder of its runs; rename it"), "{error}");
    }
}
