//! The question: the case file, typed and checked before anything is loaded.
//!
//! No tensor library stands behind these types, so a case is read, checked, planned and compared in a build of seconds.

mod config;
mod length;

pub use config::*;
pub use length::{Length, LengthError};
