//! Runs on labelled examples: classes, several labels, probabilities, tags.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod small;

use std::{fs, path::Path};

use case::{BestBy, ClassWeights, Freeze, Length, Paths, TargetKind, Task, TokenizerConfig, TokenizerKind};
use casebook_train::{GivenRows, Probe, TrainError, Trained, Tuned, Which, export};
use corpus::labelled::{TagColumns, TextColumns, read_tagged, read_texts};
use journal::{Eval, Event, RunInfo, Status};
use small::{Small, events, final_bytes};

const PLACES: [&str; 4] = ["the house", "a red mat", "the mat", "a house"];

/// A case over a parent that has learned some words: texts with cats are `cat`, others `dog`.
fn texts(target: TargetKind) -> Small {
    let mut small = Small::new();
    small.train("parent", None).unwrap();
    for (name, count, salt) in [("train", 120, 0), ("valid", 40, 3), ("test", 40, 5)] {
        let row = |at: usize| {
            let (is_cat, is_red) = (!(at * 7 + salt).is_multiple_of(3), (at + salt).is_multiple_of(4));
            let animal = if is_cat { "cat" } else { "강아지는" };
            let text = format!("{animal} sees {} {at}", PLACES[usize::from(is_red) + at % 3]);
            let label = match target {
                TargetKind::Single => if is_cat { "cat" } else { "dog" }.to_string(),
                TargetKind::Multi => [("cat", is_cat), ("late", at.is_multiple_of(2))]
                    .iter()
                    .filter(|(_, holds)| *holds)
                    .map(|(name, _)| *name)
                    .collect::<Vec<_>>()
                    .join(","),
                TargetKind::Soft => if is_cat { "[0.9, 0.1]" } else { "[0.2, 0.8]" }.to_string(),
            };
            format!("{text}\t{label}\n")
        };
        let rows = "text\tlabel\n".to_string() + &(0..count).map(row).collect::<String>();
        fs::write(small.folder.path().join(format!("{name}.tsv")), rows).unwrap();
    }
    let config = &mut small.config;
    config.question = "Cat or dog?".into();
    config.task = Task::Classify;
    config.start = Some("runs/parent".into());
    config.data = case::DataConfig::default();
    config.tokenizer = TokenizerConfig {
        kind: TokenizerKind::File,
        path: Some("runs/parent/checkpoints/tokenizer.json".into()),
        ..TokenizerConfig::default()
    };
    let file = |name: &str| Some(Paths::One(format!("{name}.tsv")));
    (config.examples.train, config.examples.valid, config.examples.test) = (file("train"), file("valid"), file("test"));
    config.examples.target = target;
    if target == TargetKind::Soft {
        config.examples.labels = Some(vec!["cat".into(), "dog".into()]);
    }
    config.schedule.learning_rate = 3e-3;
    config.train.steps = Some(60);
    small
}

/// A case over the same parent: animals are entities, a red house too, in rows longer than a window.
fn tags() -> Small {
    let mut small = texts(TargetKind::Single);
    for (name, count) in [("train", 60), ("valid", 20)] {
        let row = |at: usize| {
            let (mut words, mut tags) = (Vec::new(), Vec::new());
            for turn in 0..2 + at % 7 {
                let animal = if (at + turn).is_multiple_of(2) { "cat" } else { "강아지는" };
                words.extend([animal, "sees", "a", "red", "house", "and"]);
                tags.extend(["B-ANIMAL", "O", "O", "B-PLACE", "I-PLACE", "O"]);
            }
            let boxes = (0..words.len()).map(|at| [at % 6 * 10, at / 6 * 20, at % 6 * 10 + 8, at / 6 * 20 + 9]);
            let boxes = boxes.collect::<Vec<_>>();
            let row = serde_json::json!({
                "tokens": words, "tags": tags, "boxes": boxes, "width": 60, "height": 200, "doc": format!("d{}", at / 3)
            });
            format!("{row}\n")
        };
        fs::write(small.folder.path().join(format!("{name}.jsonl")), (0..count).map(row).collect::<String>()).unwrap();
    }
    let config = &mut small.config;
    config.task = Task::Tag;
    config.examples.train = Some(Paths::One("train.jsonl".into()));
    config.examples.valid = Some(Paths::One("valid.jsonl".into()));
    config.examples.test = None;
    small
}

fn evals(run: &Path) -> Vec<Eval> {
    let of = |event| match event {
        Event::Eval(eval) => Some(eval),
        _ => None,
    };
    events(run).into_iter().filter_map(of).collect()
}

fn value(eval: &Eval, name: &str) -> f64 {
    eval.scores.as_ref().unwrap().value(name).unwrap()
}

#[test]
fn classes_are_learned_tested_on_the_best_checkpoint_and_predicted_as_they_were_evaluated() {
    let small = texts(TargetKind::Single);
    small.train("tuned", None).unwrap();
    let run = small.run("tuned");
    let evals = evals(&run);
    assert_eq!(evals.iter().map(|eval| eval.step).take(7).collect::<Vec<_>>(), [0, 10, 20, 30, 40, 50, 60]);
    let test = evals.last().unwrap();
    assert_eq!((evals.len(), test.split.as_str()), (8, "test"));
    let best = evals.iter().rfind(|eval| eval.best).unwrap();
    assert_eq!(test.step, best.step, "the test split is asked of the best checkpoint");
    assert!(value(test, "accuracy") > 0.9, "{}", value(test, "accuracy"));
    assert!(value(&evals[0], "accuracy") < 0.9 && test.loss < evals[0].loss);

    let info = RunInfo::read(&run).unwrap();
    let examples = info.data.examples.unwrap();
    assert_eq!((examples.labels, examples.best_by.as_str()), (vec!["cat".to_string(), "dog".into()], "accuracy"));
    assert_eq!(examples.splits.iter().map(|split| split.examples).collect::<Vec<_>>(), [120, 40, 40]);
    assert!((examples.shares[0] - 2.0 / 3.0).abs() < 1e-12 && (info.baselines.uniform - 2f64.ln()).abs() < 1e-12);
    let fresh = info.start.unwrap().fresh;
    assert!(fresh.iter().all(|name| name.starts_with("head.")) && fresh.contains(&"head.weight".to_string()));

    // The saved weights say again what the loop measured, whatever the batch.
    let tuned = Tuned::load(&run, "cpu").unwrap();
    let found = tuned.evaluate(&small.folder.path().join("test.tsv")).unwrap();
    assert!((found.scores.value("cross-entropy").unwrap() - test.loss).abs() < 1e-6);
    let columns = TextColumns { target: None, ..TextColumns::of(&small.config.examples) };
    let rows = read_texts(&small.folder.path().join("test.tsv"), &columns).unwrap();
    let one = tuned.classify(&rows[3..4]).unwrap();
    let all = tuned.classify(&rows).unwrap();
    assert!((one[0].probabilities[0].1 - all[3].probabilities[0].1).abs() < 1e-6);
    let wrong = found.misses.len() as f64;
    assert!((1.0 - wrong / 40.0 - value(test, "accuracy")).abs() < 1e-9);
    assert!(matches!(Trained::load(&run, "cpu"), Err(TrainError::Task { found: "classify", .. })));
    assert!(matches!(Tuned::load(&small.run("parent"), "cpu"), Err(TrainError::Task { found: "mlm", .. })));
}

#[test]
fn several_labels_and_probabilities_are_learned() {
    let small = texts(TargetKind::Multi);
    small.train("multi", None).unwrap();
    let evals_multi = evals(&small.run("multi"));
    let (first, last) = (&evals_multi[0], &evals_multi[6]);
    assert_eq!(last.scores.as_ref().unwrap().classes.len(), 2);
    assert!(value(last, "f1-micro") > value(first, "f1-micro") && last.loss < first.loss);
    let tuned = Tuned::load(&small.run("multi"), "cpu").unwrap();
    let columns = TextColumns { target: None, ..TextColumns::of(&small.config.examples) };
    let rows = read_texts(&small.folder.path().join("test.tsv"), &columns).unwrap();
    let said = tuned.classify(&rows).unwrap();
    assert!(said.iter().all(|said| said.labels.len() == said.probabilities.iter().filter(|(_, p)| *p > 0.5).count()));

    let small = texts(TargetKind::Soft);
    small.train("soft", None).unwrap();
    let soft = evals(&small.run("soft"));
    assert!(value(&soft[6], "kl-divergence") < 0.5 * value(&soft[0], "kl-divergence"));
    let best = soft.iter().filter(|eval| eval.split == "valid");
    let best = best.min_by(|a, b| value(a, "kl-divergence").total_cmp(&value(b, "kl-divergence"))).unwrap();
    assert!(best.best, "the default metric of probabilities is the divergence");
}

#[test]
fn tags_of_long_rows_are_learned_in_windows_and_entities_found_with_their_boxes() {
    let mut small = tags();
    small.config.model.boxes = true;
    small.config.examples.boxes = Some("boxes".into());
    small.train("tags", None).unwrap();
    let evals = evals(&small.run("tags"));
    let last = evals.last().unwrap();
    assert!(value(last, "f1-micro") > 0.95, "{}", value(last, "f1-micro"));
    let info = RunInfo::read(&small.run("tags")).unwrap();
    let split = &info.data.examples.as_ref().unwrap().splits[0];
    assert!(split.inputs > split.examples, "rows of 16 tokens hold not all: {split:?}");
    let fresh = info.start.unwrap().fresh;
    assert!(fresh.iter().any(|name| name == "encoder.embeddings.page.x"), "{fresh:?}");

    let tuned = Tuned::load(&small.run("tags"), "cpu").unwrap();
    let columns = TagColumns { tags: None, ..TagColumns::of(&small.config.examples) };
    let rows = read_tagged(&small.folder.path().join("valid.jsonl"), &columns).unwrap();
    let said = tuned.tag(&rows[..1]).unwrap().remove(0);
    let place = said.entities.iter().find(|entity| entity.kind == "PLACE").unwrap();
    assert_eq!((place.text.as_str(), place.words.clone()), ("red house", 3..5));
    let [first, second] = [3, 4].map(|at| rows[0].boxes.as_ref().unwrap()[at]);
    assert_eq!(place.bounds, Some([first[0], first[1], second[2], second[3]]));
    assert!(place.probability > 0.0 && place.probability <= 1.0);
    let found = tuned.evaluate(&small.folder.path().join("valid.jsonl")).unwrap();
    assert!(
        (found.scores.value("f1-micro").unwrap() - value(evals.iter().rfind(|e| e.best).unwrap(), "f1-micro")).abs()
            < 1e-9
    );
}

#[test]
fn a_fine_tuning_stopped_and_gone_on_with_is_the_one_that_was_not() {
    let mut small = texts(TargetKind::Single);
    small.config.finetune.freeze = Freeze::Layers(1);
    small.config.finetune.unfreeze_epoch = Some(2.0);
    small.config.finetune.layer_decay = 0.8;
    small.config.finetune.class_weights = ClassWeights::Balanced;
    small.config.finetune.label_smoothing = 0.1;
    small.config.train.micro_batch_size = Some(5);
    small.train("whole", None).unwrap();
    assert_eq!(small.train("parted", Some(9)).unwrap(), Status::Stopped);
    assert_eq!(small.train("parted", Some(25)).unwrap(), Status::Stopped);
    small.train("parted", None).unwrap();
    assert_eq!(events(&small.run("whole")), events(&small.run("parted")));
    assert!(final_bytes(&small.run("whole")) == final_bytes(&small.run("parted")));
}

#[test]
fn frozen_layers_stand_still_and_the_others_do_not() {
    let mut small = texts(TargetKind::Single);
    small.config.finetune.freeze = Freeze::Layers(1);
    small.config.train.steps = Some(10);
    small.train("frozen", None).unwrap();
    let weights = |run: &Path| {
        let newest = fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
        let newest = newest.filter(|path| path.is_dir()).max().unwrap();
        let path = newest.join("model.safetensors");
        exchange::parse_weights(&path, &fs::read(&path).unwrap()).unwrap()
    };
    // The parent's best is its last here, or the test would say so.
    let parent = RunInfo::read(&small.run("frozen")).unwrap().start.unwrap();
    assert_eq!(parent.step, 40);
    let (before, after) = (weights(&small.run("parent")), weights(&small.run("frozen")));
    let moved = |name: &str| before[name].values != after[name].values;
    let of = |part: &str| before.keys().filter(|name| name.starts_with(part)).collect::<Vec<_>>();
    for part in ["encoder.embeddings.", "encoder.layers.0."] {
        assert!(of(part).into_iter().all(|name| !moved(name)), "{part} is frozen");
    }
    assert!(moved("encoder.layers.1.qkv.weight") && moved("encoder.norm.weight"));
}

#[test]
fn a_run_without_patience_ends_where_it_was_lost_and_says_so() {
    let mut small = texts(TargetKind::Single);
    small.config.schedule.learning_rate = 1e-12; // nothing gets better
    small.config.finetune.patience = 2;
    small.config.train.eval_every = Length::Steps(5);
    small.train("patient", None).unwrap();
    let run = small.run("patient");
    let end = journal::read(&run.join("journal.jsonl")).unwrap().into_iter().find_map(|event| match event {
        Event::End(end) => Some(end),
        _ => None,
    });
    let end = end.unwrap();
    assert_eq!((end.status, end.step), (Status::Finished, 15), "what no update has touched is not counted");
    assert!(end.reason.contains("2 validations in a row had no better accuracy"), "{}", end.reason);
    small.config.finetune.patience = 0;
    assert_eq!(small.train("patient", None).unwrap(), Status::Finished);
    assert_eq!(evals(&run).iter().map(|eval| eval.step).max(), Some(60), "more patience, and it goes on");
}

#[test]
fn all_layers_may_be_frozen_and_what_training_does_not_know_is_found_by_shares_however_windows_vote() {
    let mut small = tags();
    small.config.finetune.freeze = Freeze::Layers(2);
    small.config.train.steps = Some(10);
    small.train("context", None).unwrap();
    small.config.examples.vote = case::Vote::SumLogProbs;
    small.train("sum", None).unwrap();
    let unigram = |run: &str| RunInfo::read(&small.run(run)).unwrap().baselines.unigram;
    assert_eq!(unigram("context"), unigram("sum"));
    let evals = evals(&small.run("sum"));
    let prior = evals[0].scores.as_ref().unwrap().figure("cross-entropy").unwrap().prior.unwrap();
    assert_eq!(unigram("sum"), prior);
}

#[test]
fn folds_and_shares_are_parts_of_the_training_examples_by_document() {
    let mut small = tags();
    small.config.examples.valid = None;
    small.config.examples.group = Some("doc".into());
    (small.config.examples.folds, small.config.examples.fold) = (Some(4), Some(1));
    small.config.finetune.metric = Some(BestBy::StrictF1Micro);
    small.config.train.steps = Some(10);
    small.train("fold", None).unwrap();
    let splits = RunInfo::read(&small.run("fold")).unwrap().data.examples.unwrap().splits;
    assert_eq!((splits[0].examples, splits[1].examples), (45, 15));
    small.config.examples.share = 0.2;
    small.train("share", None).unwrap();
    let splits = RunInfo::read(&small.run("share")).unwrap().data.examples.unwrap().splits;
    assert_eq!((splits[0].examples, splits[1].examples), (9, 15), "3 of 15 documents");
}

#[test]
fn a_head_goes_on_where_it_is_asked_to_and_says_the_same_labels() {
    let mut small = texts(TargetKind::Single);
    small.train("first", None).unwrap();
    small.config.start = Some("runs/first".into());
    small.config.finetune.fresh_head = false;
    small.train("second", None).unwrap();
    let (first, second) = (evals(&small.run("first")), evals(&small.run("second")));
    let best = first.iter().filter(|eval| eval.split == "valid").rfind(|eval| eval.best).unwrap();
    assert!((second[0].loss - best.loss).abs() < 1e-9, "{} and {}", second[0].loss, best.loss);
    small.config.finetune.fresh_head = true;
    small.train("fresh", None).unwrap();
    let fresh = evals(&small.run("fresh"));
    assert!((fresh[0].loss - first[0].loss).abs() > 1e-3, "drawn apart from the parent's own, under the same seed");
    assert!(fresh[0].loss > best.loss && !fresh[0].best);
    small.config.finetune.fresh_head = false;
    small.config.examples.labels = Some(vec!["dog".into(), "cat".into()]);
    let error = small.train("other", None).unwrap_err().to_string();
    assert!(error.contains("other labels") && error.contains("fresh_head"), "{error}");
}

#[test]
fn tagged_words_without_a_tokenizer_are_refused_and_texts_train_their_own() {
    let mut small = tags();
    small.config.start = None;
    small.config.tokenizer = TokenizerConfig { vocab_size: 150, ..TokenizerConfig::default() };
    assert!(matches!(small.train("tags", None), Err(TrainError::NoTokenizer { .. })));
    assert!(!small.run("tags").exists(), "nothing is left of a run that never began");
    let mut small = texts(TargetKind::Single);
    small.config.start = None;
    small.config.tokenizer = TokenizerConfig { vocab_size: 150, ..TokenizerConfig::default() };
    small.train("scratch", None).unwrap();
    assert!(value(evals(&small.run("scratch")).last().unwrap(), "accuracy") > 0.9);
}

#[test]
fn pages_are_pre_trained_on_and_their_boxes_go_on_into_tagging() {
    let mut small = tags();
    small.config.model.boxes = true;
    small.config.examples.boxes = Some("boxes".into());
    small.config.task = Task::PageMlm;
    small.train("pages", None).unwrap();
    let found = evals(&small.run("pages"));
    assert!(found.last().unwrap().loss < found[0].loss && found[0].scores.is_none());
    let info = RunInfo::read(&small.run("pages")).unwrap();
    let fresh = &info.start.as_ref().unwrap().fresh;
    assert!(fresh.iter().all(|name| name.contains("embeddings.page.")), "the head of words goes on: {fresh:?}");
    assert!(info.baselines.unigram < info.baselines.uniform);
    assert_eq!(small.train("parted", Some(9)).unwrap(), Status::Stopped);
    small.train("parted", None).unwrap();
    assert_eq!(events(&small.run("pages")), events(&small.run("parted")));
    assert!(final_bytes(&small.run("pages")) == final_bytes(&small.run("parted")));

    small.config.task = Task::Tag;
    small.config.start = Some("runs/pages".into());
    small.config.train.steps = Some(10);
    small.train("tagged", None).unwrap();
    let fresh = RunInfo::read(&small.run("tagged")).unwrap().start.unwrap().fresh;
    assert!(fresh.iter().all(|name| name.starts_with("head.")), "{fresh:?}");
}

#[test]
fn a_tuned_run_is_exported_with_its_labels_and_goes_on_from_its_import() {
    let mut small = texts(TargetKind::Single);
    small.train("tuned", None).unwrap();
    let run = small.run("tuned");
    let (to, back) = (small.folder.path().join("theirs"), small.folder.path().join("imported"));
    let (exported, step) = export(&run, Which::Best, None, &to).unwrap();
    assert_eq!(exported.architecture, "RobertaPreLayerNormForSequenceClassification");
    let card = fs::read_to_string(to.join("README.md")).unwrap();
    let test = evals(&run).pop().unwrap();
    assert_eq!(test.step, step);
    let accuracy = format!("| test | accuracy | {:.4} |", value(&test, "accuracy"));
    for words in ["Fine-tuned further from runs/parent", "labels apart: `cat`, `dog`.", "| train | 120 |", &accuracy] {
        assert!(card.contains(words), "{words}: {card}");
    }
    exchange::import(&to, &back).unwrap();
    let rows = GivenRows { input_ids: vec![vec![2, 9, 30, 4, 3], vec![2, 4, 3]], ..GivenRows::default() };
    let logits = |folder: &Path| -> Vec<f32> {
        let states = Probe::load(folder, "cpu").unwrap().states(&rows).unwrap();
        states.iter().flat_map(|row| row.logits.concat()).collect()
    };
    let (ours, theirs) = (logits(&run), logits(&back));
    assert_eq!((ours.len(), theirs.len()), (4, 4), "two rows of two classes");
    assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() <= 1e-5), "{ours:?} {theirs:?}");
    let imported = Trained::load(&back, "cpu").unwrap();
    assert!(matches!(imported.fill_mask("[MASK]", 1), Err(TrainError::NoHead)));

    small.config.start = Some("imported".into());
    small.config.tokenizer.path = Some("imported/tokenizer.json".into());
    small.config.finetune.fresh_head = false;
    small.train("on", None).unwrap();
    let first = &evals(&small.run("on"))[0];
    let best = evals(&run).into_iter().filter(|eval| eval.split == "valid").rfind(|eval| eval.best).unwrap();
    assert!((first.loss - best.loss).abs() < 1e-6, "{} and {}", first.loss, best.loss);
    assert!(RunInfo::read(&small.run("on")).unwrap().start.unwrap().fresh.is_empty());
    small.config.examples.labels = Some(vec!["dog".into(), "cat".into()]);
    assert!(matches!(small.train("other", None), Err(TrainError::Head { .. })));
}

#[test]
fn rows_that_a_model_cannot_take_are_refused_by_number() {
    let small = Small::new();
    small.train("parent", None).unwrap();
    let probe = Probe::load(&small.run("parent"), "cpu").unwrap();
    let given = GivenRows { input_ids: vec![vec![2, 3], vec![2, 9, 3]], ..GivenRows::default() };
    let whole = probe.states(&given).unwrap();
    assert_eq!((whole[1].hidden.len(), whole[0].logits.len()), (3, 2));
    let cases = [
        (GivenRows { input_ids: vec![vec![2], vec![]], ..given.clone() }, "0 tokens, where 1 to 16 fit"),
        (GivenRows { input_ids: vec![vec![2], vec![9; 17]], ..given.clone() }, "17 tokens"),
        (GivenRows { input_ids: vec![vec![2], vec![9999]], ..given.clone() }, "id 9999 is outside the vocabulary"),
        (GivenRows { token_type_ids: Some(vec![vec![0, 0], vec![0, 0]]), ..given.clone() }, "wants 3 segments below 1"),
        (GivenRows { boxes: Some(vec![vec![[0; 4]; 2], vec![[9, 0, 8, 0]; 3]]), ..given.clone() }, "wants 3 boxes"),
        (GivenRows { boxes: Some(vec![vec![[0; 4]; 2], vec![[0, 0, 0, 1001]; 3]]), ..given }, "in 0..=1000"),
    ];
    for (rows, words) in cases {
        let error = probe.states(&rows).unwrap_err();
        assert!(matches!(error, TrainError::Ids { row: 1, .. }) && error.to_string().contains(words), "{error}");
    }
}
