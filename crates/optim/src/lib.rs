//! The optimizers, their parameter groups, clipping by global norm, and schedules as pure functions of the step.

mod schedule;

pub use schedule::{Schedule, ScheduleError, Spans};
