//! Every trained weight gets a gradient and moves; frozen ones stand still.

use burn::tensor::Tensor;
use encoder::{Model, flat_weights};

use super::{
    bench::{Bench, FEW, Learner, cut},
    checked::{Advice, Checked},
};
use crate::{
    TrainError,
    batch::Lesson,
    forward::read_floats,
    setup::Setup,
    update::{backward, loss_scale},
};

pub(super) const NAME: &str = "gradients";

/// Rate of the one update: large enough to be seen in any weight of 32 bits, whatever the case's.
const RATE: f64 = 1e-3;
/// Weights named where something is wrong with more.
const NAMED: usize = 6;

const ADVICE: Advice = Advice {
    meaning: "part of the model does not learn, learns numbers that are none, or learns although it should stand still; the loss \
              may fall all the same, and what is missing shows in no curve",
    next: "check the device (`casebook doctor`) and `freeze` in [finetune]; a table that the data never uses can be left out \
           of [model]",
};

/// One weight in one update.
pub(super) struct Moved {
    pub(super) name: String,
    /// The gradient's largest value; not a number where one of them is not.
    pub(super) gradient: f64,
    /// Whether the case trains it in the first update.
    pub(super) is_trained: bool,
    /// Whether the update changed it.
    pub(super) has_moved: bool,
}

/// Makes one update and looks at every weight.
pub(super) fn gradients(bench: &Bench) -> Result<Checked, TrainError> {
    let lesson = cut(bench.setup, &Lesson::at(bench.setup, 0), 4 * FEW);
    Ok(judge(&moved(bench.setup, &bench.model, &lesson)?))
}

/// What one update by `lesson` does to each weight.
pub(super) fn moved(setup: &Setup, model: &Model, lesson: &Lesson) -> Result<Vec<Moved>, TrainError> {
    let scale = loss_scale(&setup.fresh_state().scaler);
    let gradients = backward(setup, model, lesson, scale).gradients;
    let before = flat_weights(model);
    let names = before.iter().map(|weight| weight.name.clone()).collect::<Vec<_>>();
    let rates = setup.rates.at(lesson.step, &names);
    let after = Learner::new(setup, model).learn(lesson, RATE)?.map(|(learner, _)| flat_weights(&learner.model));
    let mut all = Vec::new();
    for (at, (name, gradient)) in names.into_iter().zip(gradients).enumerate() {
        let has_moved = match &after {
            Some(after) => largest(after[at].values.clone() - before[at].values.clone())? != 0.0,
            None => false,
        };
        let is_trained = rates.as_ref().is_none_or(|rates| rates[at] > 0.0);
        all.push(Moved { name, gradient: largest(gradient)? / scale, is_trained, has_moved });
    }
    Ok(all)
}

/// The largest of some values, whatever their sign; not a number where one of them is not.
fn largest(values: Tensor<1>) -> Result<f64, TrainError> {
    let values = read_floats(values)?;
    let larger = |largest: f64, value: f64| if value.is_nan() || value > largest { value } else { largest };
    Ok(values.iter().map(|value| f64::from(value.abs())).fold(0.0, larger))
}

/// Names the weights that are not as they should be.
pub(super) fn judge(all: &[Moved]) -> Checked {
    let named = |what: &str, is: &dyn Fn(&&Moved) -> bool| {
        let found = all.iter().filter(is).map(|weight| weight.name.as_str()).collect::<Vec<_>>();
        (!found.is_empty()).then(|| {
            let more = found.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{what}: {}{more}", found.iter().take(NAMED).copied().collect::<Vec<_>>().join(", "))
        })
    };
    let wrong = [
        named("a gradient that is no number", &|weight| !weight.gradient.is_finite()),
        named("trained, and its gradient is 0", &|weight| weight.is_trained && weight.gradient == 0.0),
        named("trained, and it did not move", &|weight| weight.is_trained && !weight.has_moved),
        named("frozen, and it moved", &|weight| !weight.is_trained && weight.has_moved),
    ];
    let wrong = wrong.into_iter().flatten().collect::<Vec<_>>();
    let trained = all.iter().filter(|weight| weight.is_trained);
    let good =
        trained.clone().filter(|weight| weight.gradient.is_finite() && weight.gradient > 0.0 && weight.has_moved);
    let frozen = all.iter().filter(|weight| !weight.is_trained).count();
    let mut measured = format!("{} of {} trained weights have one and move", good.count(), trained.clone().count());
    if frozen > 0 {
        let still = all.iter().filter(|weight| !weight.is_trained && !weight.has_moved).count();
        measured += &format!("; {still} of {frozen} frozen ones stand still");
    }
    let threshold = if frozen > 0 { "all, and all" } else { "all" };
    let least = trained.min_by(|a, b| a.gradient.total_cmp(&b.gradient));
    let least =
        least.map(|weight| format!("the smallest largest value of one is {:.1e}, of {}", weight.gradient, weight.name));
    Checked::judged(NAME, wrong.is_empty(), measured, threshold.into(), ADVICE).with(wrong).with(least)
}
