//! A number that is none stops the update that it would be part of, wherever it comes from: a thousand of them in all, or as
//! many of each kind as `CASEBOOK_NANS` says.

use encoder::with_weights;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{checkpoint::tensor, examine::testing::Tiny, session::fresh_optimizer};

/// A place below `bound`, drawn.
fn below(places: &mut ChaCha8Rng, bound: usize) -> usize {
    (places.next_u64() % bound as u64) as usize
}

fn how_many() -> usize {
    std::env::var("CASEBOOK_NANS").map_or(340, |number| number.parse().expect("a number of injections"))
}

fn host(values: &Tensor<1>) -> Vec<f32> {
    read_floats(values.clone()).expect("the CPU does not fail")
}

fn bits(values: &[Tensor<1>]) -> Vec<Vec<u32>> {
    values.iter().map(|one| host(one).into_iter().map(f32::to_bits).collect()).collect()
}

fn weights(model: &Model) -> Vec<Tensor<1>> {
    flat_weights(model).into_iter().map(|weight| weight.values).collect()
}

/// The model with one value of one weight replaced.
fn poisoned(setup: &Setup, model: &Model, (index, at): (usize, usize), value: f32) -> Model {
    let mut values = Vec::new();
    for (nth, weight) in weights(model).iter().enumerate() {
        let mut floats = host(weight);
        if nth == index {
            floats[at] = value;
        }
        values.push(tensor(&floats, &setup.place.plain()));
    }
    with_weights(model.clone(), values)
}

/// Whether training on `lesson` refuses the update.
fn is_refused(setup: &Setup, model: &Model, lesson: &Lesson) -> bool {
    let (mut optimizer, mut state) = (fresh_optimizer(setup, model), setup.fresh_state());
    let done = update(setup, model.clone(), &mut optimizer, lesson, 1e-3, &mut state).expect("the CPU does not fail");
    done.is_err()
}

#[test]
fn a_weight_that_is_no_number_stops_the_step_that_uses_it() {
    let setup = Tiny::words().setup();
    let model = setup.fresh_model();
    let lengths: Vec<usize> = flat_weights(&model).iter().map(|weight| weight.shape.iter().product()).collect();
    assert!(!is_refused(&setup, &model, &Lesson::at(&setup, 0)), "the model as it is");
    let mut places = stream(1, Purpose::Masks, 0, 0);
    for nth in 0..how_many() {
        let index = below(&mut places, lengths.len());
        let place = (index, below(&mut places, lengths[index]));
        let name = &flat_weights(&model)[index].name;
        let lesson = Lesson::at(&setup, nth as u64 % 7);
        assert!(is_refused(&setup, &poisoned(&setup, &model, place, f32::NAN), &lesson), "{name} at {}", place.1);
    }
}

#[test]
fn a_vector_of_a_word_read_that_is_no_number_stops_the_step() {
    // Words go in as whole numbers; the first numbers that could be none are their vectors.
    let setup = Tiny::classes().setup();
    let model = setup.fresh_model();
    let names: Vec<String> = flat_weights(&model).into_iter().map(|weight| weight.name).collect();
    let table = names.iter().position(|name| name == "encoder.embeddings.token").expect("a table of words");
    let width = setup.config.model.d_model;
    let mut places = stream(2, Purpose::Masks, 0, 0);
    for nth in 0..how_many() {
        let lesson = Lesson::at(&setup, nth as u64 % 7);
        let Rows::Labels(batch) = &lesson.sheet else { panic!("rows of labels") };
        // The first token of a row is no padding.
        let row = below(&mut places, lesson.rows.len());
        let token = batch.input_ids[row * (batch.input_ids.len() / lesson.rows.len())];
        let place = (table, token as usize * width + below(&mut places, width));
        assert!(is_refused(&setup, &poisoned(&setup, &model, place, f32::NAN), &lesson), "word {token}");
    }
}

#[test]
fn a_gradient_or_a_loss_that_is_no_number_leaves_weights_and_moments_as_they_were() {
    let setup = Tiny::words().setup();
    let model = setup.fresh_model();
    let lesson = Lesson::at(&setup, 0);
    let sound = backward(&setup, &model, &lesson, 1.0).gradients;
    let mut places = stream(3, Purpose::Masks, 0, 0);
    for nth in 0..how_many() {
        let mut optimizer = fresh_optimizer(&setup, &model);
        let stride = Stride { lr: 1e-3, clip_norm: 1.0, loss_scale: 1.0, on_device: setup.place.clips(), rates: None };
        // One sound update first, so that there are moments to spoil.
        let done = apply(model.clone(), &mut optimizer, sound.clone(), stride).expect("the CPU does not fail");
        assert!(done.gradient.is_some(), "a sound gradient is taken");
        let before = (bits(&weights(&done.model)), bits(optimizer.moments().0), bits(optimizer.moments().1));

        let gradients = if nth % 8 == 0 {
            backward(&setup, &model, &lesson, f64::NAN).gradients // the loss itself is no number
        } else {
            let mut gradients = sound.clone();
            let index = below(&mut places, gradients.len());
            let mut floats = host(&gradients[index]);
            let at = below(&mut places, floats.len());
            floats[at] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][nth % 3];
            gradients[index] = tensor(&floats, &setup.place.plain());
            gradients
        };
        let updates = optimizer.updates();
        let done = apply(done.model, &mut optimizer, gradients, stride).expect("the CPU does not fail");
        assert!(done.gradient.is_none(), "injection {nth} has a norm");
        let after = (bits(&weights(&done.model)), bits(optimizer.moments().0), bits(optimizer.moments().1));
        assert!(before == after, "injection {nth} changed weights or moments");
        assert_eq!(optimizer.updates(), updates, "an update that was not made is not counted");
    }
}
