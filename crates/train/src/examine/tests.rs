//! Each check passes on what is sound and fails on what is broken.

use std::sync::atomic::AtomicBool;

use burn::module::Module;
use case::{Freeze, MaskPolicy, MaskingConfig, RowKind};
use corpus::{Batch, MaskKind};
use encoder::{Model, map_weights};

use super::{
    CheckOutcome, apart, arrangement,
    bench::{Bench, Clock, cut, nats},
    boxes,
    checked::Checked,
    examine, first_loss, fit, gradients, masks, overfit, shuffled, sweep, targets,
    testing::{Silent, Tiny},
};
use crate::{
    TrainError,
    batch::{Lesson, Rows},
    material,
    setup::Work,
};

fn is_passed(checked: &Checked) {
    assert!(checked.passed() && checked.meaning.is_none(), "{checked:?}");
}

/// A failure says what it means and what to try.
fn is_failed(checked: &Checked) {
    assert!(checked.failed() && checked.meaning.is_some() && checked.next.is_some(), "{checked:?}");
}

/// The model with one part's weights multiplied.
fn scaled(model: &Model, factor: f64) -> Model {
    map_weights(model.clone(), |_, weight| weight * factor)
}

#[test]
fn a_fresh_models_first_loss_is_that_of_knowing_nothing_and_that_of_large_weights_is_not() {
    for tiny in [Tiny::words(), Tiny::classes(), Tiny::tags(), Tiny::pages()] {
        tiny.with_bench(|bench| {
            is_passed(&first_loss::first_loss(&bench).unwrap());
            let still = scaled(&bench.still, 30.0);
            is_failed(&first_loss::first_loss(&Bench { still, ..bench }).unwrap());
        });
    }
}

#[test]
fn what_goes_on_from_a_start_must_know_more_than_nothing() {
    let mut tiny = Tiny::words();
    tiny.config.train.steps = Some(60);
    let mut spec = tiny.spec();
    spec.run = tiny.folder.path().join("runs/parent");
    crate::train(&spec, &AtomicBool::new(false), &mut Silent).unwrap();
    tiny.config.start = Some("runs/parent".into());
    tiny.with_bench(|bench| {
        let checked = first_loss::first_loss(&bench).unwrap();
        is_passed(&checked);
        assert!(checked.threshold.contains("the head goes on"), "{checked:?}");
        let still = scaled(&bench.still, 30.0);
        is_failed(&first_loss::first_loss(&Bench { still, ..bench }).unwrap());
    });
}

#[test]
fn every_weight_gets_a_gradient_and_one_that_is_cut_off_is_named() {
    for tiny in [Tiny::words(), Tiny::classes(), Tiny::tags(), Tiny::pages()] {
        tiny.with_bench(|bench| {
            is_passed(&gradients::gradients(&bench).unwrap());
            let mut model = bench.model.clone();
            model.encoder.layers[1].ff_in = model.encoder.layers[1].ff_in.clone().no_grad();
            let checked = gradients::gradients(&Bench { model, ..bench }).unwrap();
            is_failed(&checked);
            let named = "its gradient is 0: encoder.layers.1.ff_in.weight, encoder.layers.1.ff_in.bias";
            assert!(checked.remarks[0].contains(named), "{checked:?}");
        });
    }
}

#[test]
fn frozen_weights_that_move_and_gradients_that_are_no_numbers_are_named() {
    let mut tiny = Tiny::classes();
    tiny.config.finetune.freeze = Freeze::Layers(1);
    tiny.with_bench(|bench| {
        let checked = gradients::gradients(&bench).unwrap();
        is_passed(&checked);
        assert!(checked.measured.contains("frozen ones stand still"), "{checked:?}");
        let lesson = cut(bench.setup, &Lesson::at(bench.setup, 0), 8);
        let mut moved = gradients::moved(bench.setup, &bench.model, &lesson).unwrap();
        moved[0].has_moved = true;
        let last = moved.len() - 1;
        moved[last].gradient = f64::NAN;
        let checked = gradients::judge(&moved);
        is_failed(&checked);
        let said = checked.remarks.join("; ");
        assert!(said.contains("frozen, and it moved: encoder.embeddings.token"), "{said}");
        assert!(said.contains("no number: head."), "{said}");
    });
}

#[test]
fn neighbours_padding_and_order_change_nothing_and_attended_padding_is_found() {
    let mut lines = Tiny::words();
    lines.config.data.rows = RowKind::Line;
    for tiny in [Tiny::words(), lines, Tiny::classes(), Tiny::tags(), Tiny::pages()] {
        tiny.with_bench(|bench| {
            is_passed(&arrangement::arrangement(&bench).unwrap());
            let model = arrangement::spoken_up(&bench.still).unwrap();
            let unmasked = |rows: &Rows| {
                let mut rows = rows.clone();
                match &mut rows {
                    Rows::Words(batch) => batch.lengths.fill(batch.width as u32),
                    Rows::Labels(batch) => batch.lengths.fill(batch.width as u32),
                }
                nats(&model, bench.setup, &rows)
            };
            is_failed(&arrangement::compare(bench.setup, &mut |rows| unmasked(rows)).unwrap());
        });
    }
}

#[test]
fn rows_that_see_one_another_are_found() {
    Tiny::words().with_bench(|bench| {
        let seeing = |rows: &Rows| -> Result<Vec<f64>, TrainError> {
            let Rows::Words(batch) = rows else { panic!("a case of words") };
            let first = f64::from(batch.input_ids[1]);
            Ok(nats(&bench.still, bench.setup, rows)?.into_iter().map(|nats| nats + 1e-2 * first).collect())
        };
        is_failed(&arrangement::compare(bench.setup, &mut |rows| seeing(rows)).unwrap());
        let broken = |rows: &Rows| -> Result<Vec<f64>, TrainError> { Ok(vec![f64::NAN; rows.decisions(bench.setup)]) };
        is_failed(&arrangement::compare(bench.setup, &mut |rows| broken(rows)).unwrap());
    });
}

#[test]
fn boxes_that_do_not_reach_the_model_are_found() {
    Tiny::words().with_bench(|bench| {
        assert_eq!(boxes::boxes(&bench).unwrap().outcome, CheckOutcome::NotApplicable);
    });
    let mut blank = Tiny::pages();
    blank.config.examples.boxes = None;
    blank.with_bench(|bench| is_failed(&boxes::boxes(&bench).unwrap()));
    let mut tags = Tiny::pages();
    tags.config.task = case::Task::Tag;
    for tiny in [Tiny::pages(), tags] {
        tiny.with_bench(|bench| {
            is_passed(&boxes::boxes(&bench).unwrap());
            let blind = |rows: &Rows| {
                let mut rows = rows.clone();
                match &mut rows {
                    Rows::Words(batch) => batch.boxes.clear(),
                    Rows::Labels(batch) => batch.boxes.clear(),
                }
                nats(&bench.still, bench.setup, &rows)
            };
            is_failed(&boxes::compare(bench.setup, &mut |rows| blind(rows)).unwrap());
        });
    }
}

#[test]
fn one_batch_is_learned_by_heart_and_one_whose_labels_change_is_not() {
    for tiny in [Tiny::words(), Tiny::classes(), Tiny::tags(), Tiny::pages()] {
        tiny.with_bench(|bench| is_passed(&overfit::overfit(&bench).unwrap()));
    }
    Tiny::words().with_bench(|bench| {
        let mut turn = 0;
        let mut relabel = |rows: &mut Rows| {
            let Rows::Words(batch) = rows else { panic!("a case of words") };
            turn += 1;
            batch
                .labels
                .iter_mut()
                .enumerate()
                .for_each(|(at, label)| *label = 5 + ((at * 31 + turn * 17) % 90) as i32);
        };
        is_failed(&overfit::overfit_tampered(&bench, &mut relabel).unwrap());
    });
}

/// Writes at each hidden place what is hidden there.
fn unhide(batch: &mut Batch) {
    for ((position, label), kind) in batch.positions.iter().zip(&batch.labels).zip(&batch.kinds) {
        if *kind == MaskKind::Mask {
            batch.input_ids[*position as usize] = *label;
        }
    }
}

#[test]
fn words_in_any_order_are_not_guessed_unless_they_are_not_hidden() {
    for tiny in [Tiny::words(), Tiny::pages()] {
        tiny.with_bench(|bench| {
            is_passed(&shuffled::shuffled_words(&bench).unwrap());
            is_failed(&shuffled::shuffled_words_tampered(&bench, &unhide).unwrap());
        });
    }
}

#[test]
fn dealt_labels_are_not_guessed_unless_the_text_gives_them_away() {
    let tiny = Tiny::classes();
    let material::Material::Examples(examples) = tiny.material() else { panic!("a case of examples") };
    let give_away = |rows: &mut material::Rows| {
        let material::Rows::Texts(_, splits) = rows else { panic!("a case of texts") };
        for row in splits.train.iter_mut().chain(&mut splits.valid) {
            let is_first = row.target == corpus::labelled::Target::Single(0);
            let mark = if is_first { "0 0 0" } else { "1 1 1" };
            row.first = format!("{mark} {}", row.first);
        }
    };
    tiny.with_bench(|bench| {
        is_passed(&shuffled::shuffled_labels(&bench, (*examples).clone()).unwrap());
        let told = shuffled::shuffled_labels_tampered(&bench, *examples, &give_away);
        is_failed(&told.unwrap());
    });
}

#[test]
fn dealt_tags_are_not_guessed() {
    let tiny = Tiny::tags();
    let material::Material::Examples(examples) = tiny.material() else { panic!("a case of examples") };
    tiny.with_bench(|bench| is_passed(&shuffled::shuffled_labels(&bench, *examples).unwrap()));
}

#[test]
fn masks_are_those_of_the_case_and_others_are_not() {
    let counted = |tiny: &Tiny, change: &dyn Fn(&mut Batch)| {
        let setup = tiny.setup();
        let Work::Words(words) = &setup.work else { panic!("a case of words") };
        let mut counted = masks::Counted::default();
        for step in 0..words.steps_per_epoch() {
            let mut batch = words.batch(step);
            change(&mut batch);
            counted.add(&batch, &setup);
        }
        counted
    };
    let (stop, asked) = (AtomicBool::new(false), MaskingConfig::default());
    for tiny in [Tiny::words(), Tiny::pages()] {
        let setup = tiny.setup();
        let Work::Words(words) = &setup.work else { panic!("a case of words") };
        let checked = masks::masks(&setup, words, &Clock::start(60.0, &stop));
        is_passed(&checked);
        assert!(checked.measured.contains("others in the second epoch"), "{checked:?}");
        is_failed(&masks::judge_epochs(checked, MaskPolicy::PerEpoch, true));
        is_failed(&counted(&tiny, &unhide).judge(&asked));
        let of_cls = |batch: &mut Batch| batch.labels[0] = setup.tokenizer.special().cls as i32;
        is_failed(&counted(&tiny, &of_cls).judge(&asked));
        is_failed(&counted(&tiny, &|_| {}).judge(&MaskingConfig {
            mask: 0.5,
            random: 0.25,
            keep: 0.25,
            ..asked.clone()
        }));
    }
    let mut often = Tiny::words();
    often.config.masking.rate = 0.4;
    let mut many = counted(&often, &|_| {});
    many.planned = counted(&Tiny::words(), &|_| {}).planned;
    is_failed(&many.judge(&asked));
}

#[test]
fn labels_are_those_of_the_data_and_shifted_ones_are_not() {
    let stop = AtomicBool::new(false);
    for tiny in [Tiny::classes(), Tiny::tags()] {
        let setup = tiny.setup();
        let Work::Labels(labels) = &setup.work else { panic!("a case of labels") };
        is_passed(&targets::targets(&setup, labels, &Clock::start(60.0, &stop)));
        let meant = targets::meant(&labels.train, setup.config.examples.scored);
        let names = &labels.speech.names;
        let counted = |change: &dyn Fn(&mut corpus::labelled::LabelledBatch)| {
            let mut counted = targets::Counted::default();
            meant.iter().flatten().flatten().for_each(|label| *counted.in_data.entry(*label).or_default() += 1);
            for step in 0..labels.plan.steps_per_epoch() {
                let Rows::Labels(mut batch) = Lesson::at(&setup, step).sheet else { panic!("a case of labels") };
                change(&mut batch);
                counted.add(&batch, &meant);
            }
            counted
        };
        is_passed(&counted(&|_| {}).judge(names));
        is_failed(&counted(&|batch| batch.labels.rotate_left(1)).judge(names));
        let mut skewed = counted(&|_| {});
        *skewed.in_batches.entry(0).or_default() += 400;
        is_failed(&skewed.judge(names));
        let lost = targets::Counted { lost: (90, 1000), ..counted(&|_| {}) };
        is_failed(&lost.judge(names));
    }
}

#[test]
fn tags_one_token_late_are_found() {
    let setup = Tiny::tags().setup();
    let Work::Labels(labels) = &setup.work else { panic!("a case of labels") };
    let meant = targets::meant(&labels.train, setup.config.examples.scored);
    let Rows::Labels(mut batch) = Lesson::at(&setup, 0).sheet else { panic!("a case of labels") };
    let mut sound = targets::Counted::default();
    sound.add(&batch, &meant);
    assert_eq!(sound.wrong, 0);
    batch.positions.iter_mut().for_each(|position| *position += 1);
    let mut late = targets::Counted::default();
    late.add(&batch, &meant);
    assert!(late.wrong > 0);
}

#[test]
fn splits_that_share_examples_are_found() {
    for mut tiny in [Tiny::classes(), Tiny::tags(), Tiny::pages()] {
        let texts = apart::Texts::of(&tiny.material()).unwrap();
        let sound = apart::examples_apart(&texts);
        let file = if tiny.config.task == case::Task::Classify { "train.tsv" } else { "train.jsonl" };
        let copy = std::fs::read_to_string(tiny.folder.path().join(file)).unwrap();
        tiny.write(&file.replace("train", "valid"), &copy);
        let texts = apart::Texts::of(&tiny.material()).unwrap();
        let broken = apart::examples_apart(&texts);
        is_failed(&broken);
        assert!(broken.measured.contains("of valid stand in train (100.0 %)"), "{broken:?}");
        assert!(broken.remarks.iter().any(|remark| remark.contains("in train and valid: \"")), "{broken:?}");
        // Made-up tagged rows differ in numbers alone, which nearly repeats are.
        if tiny.config.task == case::Task::Classify {
            is_passed(&sound);
        }
    }
}

#[test]
fn lines_of_text_that_stand_in_both_splits_are_found() {
    let stop = AtomicBool::new(false);
    let check = |tiny: &Tiny| {
        let setup = tiny.setup();
        let Work::Words(words) = &setup.work else { panic!("a case of words") };
        apart::text_apart(&setup, words, &Clock::start(60.0, &stop))
    };
    let mut tiny = Tiny::words();
    is_passed(&check(&tiny));
    let same = "the cat sees a red house and then it sleeps on the mat and the cat sees the mat";
    let documents =
        (0..300).map(|at| format!("a cat {at} sees house {at} and mat {at}\n{same}\n\n")).collect::<String>();
    tiny.write("en.txt", &documents);
    tiny.config.data.corpora[1].documents = case::DocumentKind::BlankLine;
    let checked = check(&tiny);
    is_failed(&checked);
    assert!(checked.remarks.iter().any(|remark| remark.contains("the cat sees a red house")), "{checked:?}");
}

#[test]
fn texts_that_are_cut_and_letters_that_are_unknown_are_found() {
    let mut tiny = Tiny::classes();
    is_passed(&fit::unknown_words(&tiny.setup()));
    tiny.config.examples.max_tokens = Some(64);
    tiny.config.model.seq_len = 64;
    is_passed(&fit::cut_examples(&tiny.setup()));
    tiny.config.examples.max_tokens = Some(8);
    is_failed(&fit::cut_examples(&tiny.setup()));
    let mut lines = Tiny::words();
    assert_eq!(fit::cut_examples(&lines.setup()).outcome, CheckOutcome::NotApplicable);
    is_passed(&fit::unknown_words(&lines.setup()));
    lines.config.data.rows = RowKind::Line;
    lines.config.model.seq_len = 8;
    is_failed(&fit::cut_examples(&lines.setup()));
    let mut foreign = Tiny::tags();
    let row = r#"{"tokens": ["Ωμέγα", "ψ", "cat"], "tags": ["O", "O", "B-ANIMAL"], "boxes": [[0,0,1,1],[0,0,1,1],[0,0,1,1]], "width": 9, "height": 9}"#;
    foreign.write("valid.jsonl", &format!("{row}\n"));
    is_failed(&fit::unknown_words(&foreign.setup()));
}

#[test]
fn a_sweep_finds_where_it_learns_and_fails_a_case_whose_rate_is_past_it() {
    for mut tiny in [Tiny::words(), Tiny::classes()] {
        tiny.with_bench(|bench| {
            let (checked, found) = sweep::sweep(&bench).unwrap();
            is_passed(&checked);
            let found = found.unwrap();
            let [low, high] = found.learns.unwrap();
            assert!(low > 1e-5 && high >= 1e-3, "{found:?}");
            assert_eq!(found.rates.iter().filter(|rate| rate.rate == 3e-3).count(), 1, "the case's own is among them");
        });
        tiny.config.schedule.learning_rate = 30.0;
        tiny.with_bench(|bench| is_failed(&sweep::sweep(&bench).unwrap().0));
    }
}

#[test]
fn an_examination_makes_every_check_in_its_time_and_writes_no_run() {
    for tiny in [Tiny::words(), Tiny::classes()] {
        let stop = AtomicBool::new(false);
        let found = examine(&tiny.spec(), 60.0, &stop, &mut Silent).unwrap();
        assert_eq!(found.checks.len(), 12);
        assert!(!found.failed(), "{:?}", found.checks);
        assert_eq!(found.count(CheckOutcome::NotDone), 0, "{:?}", found.checks);
        assert!(found.sweep.is_some() && found.seconds_per_update.is_some());
        assert!(!tiny.folder.path().join("runs").exists());
        let json: serde_json::Value = serde_json::to_value(&found).unwrap();
        assert_eq!(json["checks"][0]["outcome"], "passed");

        let short = examine(&tiny.spec(), 1e-9, &stop, &mut Silent).unwrap();
        assert_eq!((short.checks.len(), short.count(CheckOutcome::Passed)), (12, 0), "{:?}", short.checks);
        assert!(short.sweep.is_none() && !short.failed());
    }
}
