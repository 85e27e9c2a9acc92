//! How long a step takes: a length in minutes becomes steps by it.

use std::time::Instant;

use crate::{
    Report, TrainError,
    batch::Lesson,
    notice::Notice,
    plan::{Plan, Yardstick, needs_timing},
    session::fresh_optimizer,
    setup::Setup,
    update::update,
};

/// Steps that are made before the clock is read: the first ones compile and allocate.
const UNTIMED_STEPS: u64 = 3;
/// Steps timed to turn minutes into steps.
const TIMED_STEPS: u64 = 10;

/// Where a length is in minutes, times some updates on a model that is then thrown away, and plans by that.
pub(crate) fn timed(mut setup: Setup, report: &mut dyn Report) -> Result<Setup, TrainError> {
    if !needs_timing(&setup.config) {
        return Ok(setup);
    }
    let mut model = setup.fresh_model();
    let mut optimizer = fresh_optimizer(&setup, &model);
    let mut state = setup.fresh_state();
    let mut started = Instant::now();
    for step in 0..UNTIMED_STEPS + TIMED_STEPS {
        if step == UNTIMED_STEPS {
            started = Instant::now();
        }
        match update(&setup, model, &mut optimizer, &Lesson::at(&setup, step), 0.0, &mut state)? {
            Ok(done) => model = done.model,
            Err(_) => return Ok(setup), // the run will find the same and say it in its record
        }
    }
    let seconds = started.elapsed().as_secs_f64() / TIMED_STEPS as f64;
    setup.yardstick = Yardstick { seconds_per_step: Some(seconds), ..setup.yardstick };
    setup.timed = Some(seconds);
    setup.plan = Plan::new(&setup.config, &setup.yardstick, None)?;
    report.say(Notice::Fact(format!(
        "timed    {TIMED_STEPS} steps at {seconds:.3} s each: minutes in the case become {} steps",
        setup.plan.total_steps
    )));
    Ok(setup)
}
