//! Checkpoints of every released format are read, and one of today's is written no other way than it always was.
//!
//! `tests/formats/N` holds runs of format N, made as `tests/formats.rs` says.

use case::{Kernels, OptimizerConfig, Precision};
use encoder::HeadKind;
use journal::RunInfo;
use optim::LossScaler;

use super::*;
use crate::{device::Place, folder::read_case, session::weight_infos};

fn released(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(format.to_string())
}

#[test]
fn a_released_checkpoint_is_read_and_written_anew_to_the_byte() {
    let run = released(FORMAT);
    let checkpoint = list(&run).pop().expect("a checkpoint is committed");
    let loaded = load(&checkpoint).expect("it is whole");
    let device = Place::open("cpu", Kernels::Own).expect("there is a CPU").plain();
    let vocab_size = RunInfo::read(&run).expect("a description").data.vocab_size as usize;
    let config = read_case(&run).expect("a case");
    let model = Model::zeros(&config.model, vocab_size, HeadKind::Words, &device);
    let model = loaded.model(model, &device).expect("all weights are there");
    let mut optimizer = Optimizer::new(&OptimizerConfig::default(), &weight_infos(&model), &device, Kernels::Own);
    loaded.optimizer(&mut optimizer, &model, &device).expect("all moments are there");
    assert_eq!(optimizer.updates(), 20);
    let folder = tempfile::tempdir().expect("a folder");
    let (again, _) = save(folder.path(), &model, &optimizer, &loaded.state).expect("it is written");
    for file in FILES.into_iter().chain(["manifest.json"]) {
        let [ours, theirs] =
            [&again.folder, &checkpoint.folder].map(|folder| fs::read(folder.join(file)).expect("a file"));
        assert!(
            ours == theirs,
            "{file} is written otherwise than format {FORMAT} was: count its format up, and read both"
        );
    }
}

#[test]
fn the_state_of_every_released_format_is_read() {
    for format in 1..=FORMAT {
        let checkpoint = list(&released(format)).pop().expect("a checkpoint is committed");
        let state = load(&checkpoint).expect("it is whole").state;
        assert_eq!((checkpoint.step, state.step, state.tokens_seen), (20, 20, 4_896));
        assert_eq!((state.evaluated, state.best.map(|best| best.step)), (Some(10), Some(10)));
        // Logged last at 18; all rows of one epoch.
        assert_eq!((state.window.norms.len(), state.epoch.rows, state.scaler), (2, 80, None));
    }
}

#[test]
fn the_loss_scale_of_a_run_in_16_bits_has_its_names() {
    let scaler = serde_json::to_string(&LossScaler::new(Precision::F16)).expect("numbers");
    assert_eq!(scaler, r#"{"scale":65536.0,"good_steps":0,"skipped":0}"#);
}

#[test]
fn weights_that_are_no_numbers_are_not_kept() {
    let device = Place::open("cpu", Kernels::Own).expect("there is a CPU").plain();
    let config = read_case(&released(FORMAT)).expect("a case").model;
    let model = Model::zeros(&config, 50, HeadKind::Words, &device);
    let optimizer = Optimizer::new(&OptimizerConfig::default(), &weight_infos(&model), &device, Kernels::Own);
    let mut values: Vec<Tensor<1>> = flat_weights(&model).into_iter().map(|weight| weight.values).collect();
    let spoiled = flat_weights(&model)[1].name.clone();
    values[1] = values[1].clone() + f32::NAN;
    let model = with_weights(model, values);
    let folder = tempfile::tempdir().expect("a folder");
    let error = save(folder.path(), &model, &optimizer, &State::new(1, Precision::Fp32)).expect_err("a NaN");
    assert!(matches!(&error, TrainError::NotFinite { name } if *name == spoiled), "{error}");
    let left = fs::read_dir(folder_of(folder.path())).expect("the folder of checkpoints").count();
    assert_eq!(left, 0, "nothing is left of it");
}
