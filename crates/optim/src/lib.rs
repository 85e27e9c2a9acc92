//! The optimizers, their parameter groups, clipping by global norm, and schedules as pure functions of the step.

mod clip;
mod optimizer;
mod scaler;
mod schedule;

pub use clip::{clip_factor, clip_on_device, global_norm, squared_sums};
pub use optimizer::{Optimizer, Update, WeightInfo, decays};
pub use scaler::LossScaler;
pub use schedule::{Schedule, ScheduleError, Spans};
