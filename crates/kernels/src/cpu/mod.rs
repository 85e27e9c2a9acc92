//! The kernels on the CPU: all cores, vector instructions, every large piece of memory passed over as seldom as can be.
//!
//! Sums are added up in blocks of a fixed size, so that a result does not depend on the number of threads.

mod adam;
mod attention;
mod embedding;
mod feed_forward;
mod flex;
mod linear;
mod matrix;
mod norm;
mod score;
mod wide;

/// Rows that one task takes.
const ROWS: usize = 64;
