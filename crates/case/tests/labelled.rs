//! Cases of labelled examples: what they read, what they leave out, and how they resolve.

use std::path::{Path, PathBuf};

use casebook_case::{
    BestBy, Case, Freeze, Labelling, Origins, Paths, TargetKind, Task, differences, load, read_resolved, resolved_toml,
};

const TEXTS: &str = "question = \"Does pre-training pay?\"\nseeds = [1, 2, 3]\ntask = \"classify\"\nstart = \"runs/ko\"\n\
    [examples]\ntrain = [\"a.tsv\", \"b.tsv\"]\nvalid = \"dev.tsv\"\ngroup = \"id\"\nmax_tokens = 64\n\
    [finetune]\nfreeze = \"embeddings\"\nunfreeze_epoch = 1.0\nlayer_decay = 0.9\nclass_weights = \"balanced\"\npatience = 5\n\
    metric = \"f1-macro\"\n[train]\nepochs = 3\n[variant.fresh]\nfinetune.freeze = 2\nexamples.share = 0.5\n[variant.same]\n";

const PAGES: &str = "question = \"Do positions pay?\"\ntask = \"tag\"\n[examples]\ntrain = \"cord.jsonl\"\ntags = \"labels\"\n\
    boxes = \"boxes\"\nfolds = 5\nscored = \"all\"\nvote = \"sum-log-probs\"\n[train]\nepochs = 20\n[sweep]\n\
    \"examples.fold\" = [0, 1, 2, 3, 4]\n";

fn written(name: &str, text: &str) -> (PathBuf, PathBuf) {
    let folder = std::env::temp_dir().join(format!("casebook-labelled-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let path = folder.join("case.toml");
    std::fs::write(&path, text).expect("it can be written");
    (folder, path)
}

fn loaded(name: &str, text: &str) -> Case {
    let (folder, path) = written(name, text);
    let case = load(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
    std::fs::remove_dir_all(folder).expect("it was made here");
    case
}

#[test]
fn texts_are_read_into_types_and_resolve_to_themselves() {
    let case = loaded("texts", TEXTS);
    let config = &case.variants[1].config;
    assert_eq!(
        (config.task, config.start.as_deref(), config.best_by()),
        (Task::Classify, Some("runs/ko"), BestBy::F1Macro)
    );
    assert_eq!(config.examples.train, Some(Paths::Many(vec!["a.tsv".into(), "b.tsv".into()])));
    assert_eq!((config.examples.target, config.max_tokens(), config.finetune.patience), (TargetKind::Single, 64, 5));
    assert_eq!(case.variants[0].config.finetune.freeze, Freeze::Layers(2));
    for variant in &case.variants {
        let text = variant.resolved_toml();
        assert!(!text.contains("[data]") && !text.contains("[masking]"), "{text}");
        assert_eq!(read_resolved(&text).unwrap_or_else(|error| panic!("{error}")), variant.config);
    }
    let found = differences(&case.variants[1].config, &case.variants[0].config);
    let keys: Vec<&str> = found.iter().map(|difference| difference.key.as_str()).collect();
    assert_eq!(keys, ["examples.share", "finetune.freeze"]);
}

#[test]
fn a_sweep_over_folds_is_a_cross_validation() {
    let case = loaded("pages", PAGES);
    let folds: Vec<Option<usize>> = case.variants.iter().map(|variant| variant.config.examples.fold).collect();
    assert_eq!(folds, (0..5).map(Some).collect::<Vec<_>>());
    let config = &case.variants[0].config;
    assert_eq!((config.best_by(), config.max_tokens(), config.overlap()), (BestBy::F1Micro, 128, 31));
    assert_eq!((config.examples.boxes.as_deref(), config.examples.scored), (Some("boxes"), Labelling::All));
}

#[test]
fn a_case_of_running_text_says_nothing_of_labels() {
    let text = "question = \"q\"\ndata.corpora = [{ name = \"ko\", path = \"x\" }]\ntrain.epochs = 1\n";
    let config = loaded("text", text).variants.remove(0).config;
    assert_eq!(config.task, Task::Mlm);
    let resolved = resolved_toml(&config, &Origins::default());
    assert!(!resolved.contains("[examples]") && !resolved.contains("[finetune]"), "{resolved}");
    // As resolved before there were tasks.
    let before: String =
        resolved.lines().filter(|line| !line.starts_with("task")).map(|line| format!("{line}\n")).collect();
    assert_eq!(read_resolved(&before).unwrap_or_else(|error| panic!("{error}")), config);
}

#[test]
fn files_and_starts_are_looked_for() {
    let (folder, path) = written("files", TEXTS);
    let case = load(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
    let said = case.variants[1].check_files(&folder).unwrap_err().to_string();
    assert_eq!(said.matches("no such file").count(), 3, "{said}");
    assert!(said.contains("no such folder: \"runs/ko\""), "{said}");
    for name in ["a.tsv", "b.tsv", "dev.tsv"] {
        std::fs::write(folder.join(name), "x").expect("it can be written");
    }
    std::fs::create_dir_all(folder.join("runs/ko")).expect("it can be made");
    assert!(case.variants[1].check_files(Path::new(&folder)).is_ok());
    std::fs::remove_dir_all(folder).expect("it was made here");
}
