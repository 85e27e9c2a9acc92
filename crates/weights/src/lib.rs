//! Named weights as plain floats, and safetensors files of them.
//!
//! Weights are data: nothing in a file of them is ever run, and a file that could be run by others is refused by its name
//! ([`WeightsError::Pickle`]). No tensor library stands behind this, so that what reads other people's files can be tried
//! without one.

mod array;
mod file;

pub use array::{Array, Weights};
pub use file::{WeightsError, bytes, open, parse};
