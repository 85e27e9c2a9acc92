//! The operations an encoder spends its time in.
//!
//! Each exists twice: composed of Burn's operations, which runs and differentiates on every device, and as a kernel of our
//! own with a hand-written backward ([`Path`] chooses). Shape legend: B sequences, T tokens per sequence, K scored
//! positions, D hidden size, N heads, H = D / N, F intermediate size, V vocabulary.

mod attention;
mod autodiff;
mod cpu;
mod dropout;
mod embed;
mod gpu;
mod linear;
mod loss;
mod memory;
mod norm;
mod ops;
mod path;
mod product;
mod rotary;
mod spans;
mod update;
mod words;

pub use attention::{Attention, attention};
pub use dropout::{DropSite, DropSource, dropout};
pub use embed::embed;
pub use linear::{FeedForward, feed_forward, linear};
pub use loss::{Projection, Scores, score};
pub use memory::keep_memory;
pub use norm::{Branch, layer_norm, norm_of_sum, residual_sum};
pub use ops::AdamStep;
pub use path::{Attend, Mixed, Path};
pub use rotary::{RotaryTable, rotate};
pub use spans::{Span, Spans};
pub use update::{adam, adam_by, adam_composed, clip, squared_sum};
