//! A device without memory for a step: told from other failures, and what would fit.
//!
//! On the CPU there is nothing to catch: the system ends a process that wants more memory than there is.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use crate::{TrainError, batch::Lesson, session::fresh_optimizer, setup::Setup, state::State, update::update};

thread_local! {
    /// Rows that a pass may have on this thread; any number where it is none.
    static LIMIT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Does `body` as if the device had memory for passes of so many rows, and no more, on this thread. For tests: there is no
/// other way to have a device run out of memory at a known moment.
pub fn with_memory_for<T>(rows: usize, body: impl FnOnce() -> T) -> T {
    /// Takes the limit away however `body` ends.
    struct Away(Option<usize>);
    impl Drop for Away {
        fn drop(&mut self) {
            LIMIT.set(self.0);
        }
    }
    let _away = Away(LIMIT.replace(Some(rows)));
    body()
}

/// Fails where a test has set a limit that a pass of so many rows is above.
pub(crate) fn claim(rows: usize) -> Result<(), TrainError> {
    match LIMIT.get() {
        Some(limit) if rows > limit => {
            Err(TrainError::Device { cause: format!("out of device memory: a test allows passes of {limit} rows") })
        }
        _ => Ok(()),
    }
}

/// The words of cubecl 0.12.0-pre.1 and wgpu 30 for want of memory, and for a buffer larger than any the device can have.
const WORDS: [&str; 6] = [
    "can't allocate buffer",
    "out of device memory",
    "out-of-memory",
    "Out of Memory",
    "Not enough memory",
    "greater than the maximum buffer size",
];

fn is_want_of_memory(words: &str) -> bool {
    WORDS.iter().any(|known| words.contains(known))
}

/// Does it; where the framework panics for want of memory, that comes back as an error. Other panics go on.
pub(crate) fn guarded<T>(body: impl FnOnce() -> Result<T, TrainError>) -> Result<T, TrainError> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| match words(panic.as_ref()) {
        Some(cause) if is_want_of_memory(cause) => Err(TrainError::Device { cause: cause.into() }),
        _ => resume_unwind(panic),
    })
}

fn words(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied())
}

/// The same error; where it is want of memory at `step`, with the micro-batch that fits.
pub(crate) fn explained(error: TrainError, setup: &mut Setup, step: u64) -> TrainError {
    match error {
        TrainError::Device { cause } if is_want_of_memory(&cause) => {
            let rows = setup.plan.micro_batch_size;
            // The first line says it; a backtrace of the framework's follows.
            let cause = cause.lines().find(|line| is_want_of_memory(line)).unwrap_or_default().trim().to_string();
            TrainError::OutOfMemory { rows, fits: fits(setup, step), cause }
        }
        other => other,
    }
}

/// The largest micro-batch, by halving, of which a whole update of this step's batch can be made.
fn fits(setup: &mut Setup, step: u64) -> Option<usize> {
    let lesson = Lesson::at(setup, step.min(setup.plan.total_steps - 1));
    while setup.plan.micro_batch_size > 1 {
        setup.plan.micro_batch_size = setup.plan.micro_batch_size.div_ceil(2);
        if guarded(|| one_update(setup, &lesson)).is_ok() {
            return Some(setup.plan.micro_batch_size);
        }
    }
    None
}

/// An update of a model that is then thrown away.
fn one_update(setup: &Setup, lesson: &Lesson) -> Result<(), TrainError> {
    let model = setup.fresh_model();
    let mut optimizer = fresh_optimizer(setup, &model);
    let mut state = setup.fresh_state();
    update(setup, model, &mut optimizer, lesson, 0.0, &mut state).map(|_| ())
}

/// Has the run go on in smaller passes: what it was told to, or what it did when the checkpoint was made. A line of change
/// where that is new.
pub(crate) fn in_passes_of(fitting: Option<usize>, setup: &mut Setup, state: &mut State) -> Option<String> {
    let before = state.micro_batch_size.unwrap_or(setup.plan.micro_batch_size);
    state.micro_batch_size = fitting.or(state.micro_batch_size);
    setup.plan.micro_batch_size = state.micro_batch_size.unwrap_or(before);
    fitting.map(|rows| format!("micro_batch_size: {before} → {rows}, for the device has no memory for more"))
}

/// What helps, for the error's message.
pub(crate) fn remedy(rows: usize, fits: Option<usize>) -> String {
    match fits {
        Some(fits) => format!(
            "an update in passes of {fits} was tried and fits: out_of_memory = \"split\" in [train] goes on so by itself, \
             with the same samples in the same order, and a new run can have micro_batch_size = {fits}"
        ),
        None if rows > 1 => "smaller passes were tried and do not fit either: make the model or its rows smaller, or take another device".into(),
        None => "not even one row fits: make the model or its rows smaller, or take another device".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_for_want_of_memory_is_an_error_and_any_other_goes_on() {
        let of = |words: &'static str| guarded::<()>(|| panic!("{words}"));
        for words in [
            "wgpu error: Out of Memory",
            "can't allocate buffer of size: 99",
            "wgpu error: Buffer size 9 is greater than the maximum buffer size (8)",
        ] {
            assert!(matches!(of(words), Err(TrainError::Device { cause }) if cause == words), "{words}");
        }
        assert!(catch_unwind(|| of("index out of bounds")).is_err());
        assert!(matches!(guarded(|| Ok(7)), Ok(7)));
    }

    #[test]
    fn a_limit_holds_on_its_thread_and_while_its_body_runs() {
        with_memory_for(4, || {
            assert!(claim(4).is_ok() && claim(5).is_err());
            with_memory_for(2, || assert!(claim(3).is_err()));
            assert!(claim(4).is_ok());
            std::thread::spawn(|| assert!(claim(5).is_ok())).join().unwrap();
        });
        assert!(claim(1 << 20).is_ok());
    }

    #[test]
    fn the_remedy_names_what_fits() {
        assert!(remedy(16, Some(4)).contains("passes of 4") && remedy(16, Some(4)).contains("out_of_memory"));
        assert!(remedy(16, None).contains("smaller passes were tried"));
        assert!(remedy(1, None).contains("not even one row"));
    }
}
