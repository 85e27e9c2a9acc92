//! Sums over a cube, and over rows, in an order that no scheduler changes.

use burn::tensor::Shape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{UNITS, buffer, count, cubes, empty, units};

/// The sum of what the units of a cube bring; every unit gets it. All units of the cube must call it.
#[cube]
pub(crate) fn cube_sum(value: f32) -> f32 {
    let mut shared = Shared::<[f32]>::new_slice(256usize); // UNITS
    let unit = UNIT_POS as usize;
    shared[unit] = value;
    sync_cube();
    let mut half = CUBE_DIM as usize / 2;
    while half > 0 {
        if unit < half {
            let more = shared[unit + half];
            shared[unit] += more;
        }
        sync_cube();
        half /= 2;
    }
    let sum = shared[0];
    sync_cube(); // whoever calls again writes over it
    sum
}

/// The largest of what the units of a cube bring; every unit gets it. All units of the cube must call it.
#[cube]
pub(crate) fn cube_max(value: f32) -> f32 {
    let mut shared = Shared::<[f32]>::new_slice(256usize); // UNITS
    let unit = UNIT_POS as usize;
    shared[unit] = value;
    sync_cube();
    let mut half = CUBE_DIM as usize / 2;
    while half > 0 {
        if unit < half {
            let more = shared[unit + half];
            if more > shared[unit] {
                shared[unit] = more;
            }
        }
        sync_cube();
        half /= 2;
    }
    let largest = shared[0];
    sync_cube();
    largest
}

/// The smallest of the numbers that the units of a cube bring; every unit gets it. All units of the cube must call it.
#[cube]
pub(crate) fn cube_first(value: u32) -> u32 {
    let mut shared = Shared::<[u32]>::new_slice(256usize); // UNITS
    let unit = UNIT_POS as usize;
    shared[unit] = value;
    sync_cube();
    let mut half = CUBE_DIM as usize / 2;
    while half > 0 {
        if unit < half {
            let more = shared[unit + half];
            if more < shared[unit] {
                shared[unit] = more;
            }
        }
        sync_cube();
        half /= 2;
    }
    let smallest = shared[0];
    sync_cube();
    smallest
}

/// Columns that a cube of [`column_sums_kernel`] sums; its units stand in [`UNITS`] / COLUMNS groups of rows.
const COLUMNS: usize = 32;

/// `[rows, width]` to `[width]`.
#[cube(launch)]
fn column_sums_kernel(values: &[f32], sums: &mut [f32], rows: u32, #[comptime] width: usize) {
    let unit = UNIT_POS as usize;
    let column = CUBE_POS * 32usize + unit % 32usize; // COLUMNS
    let groups = 8usize; // UNITS / COLUMNS
    let mut shared = Shared::<[f32]>::new_slice(256usize);
    let mut sum = 0.0f32;
    if column < width {
        let mut row = unit / 32usize;
        while row < rows as usize {
            sum += values[row * width + column];
            row += groups;
        }
    }
    shared[unit] = sum;
    sync_cube();
    if unit < 32usize && column < width {
        let mut all = 0.0f32;
        let mut group = 0usize.runtime();
        while group < groups {
            all += shared[group * 32usize + unit];
            group += 1usize;
        }
        sums[column] = all;
    }
}

/// The sum of the rows of `[rows, width]`, `[width]`.
pub(crate) fn column_sums(values: &CubeTensor, width: usize) -> CubeTensor {
    let sums = empty(values, Shape::new([width]));
    let rows = (count(values) / width) as u32;
    let count = cubes(&values.client, width.div_ceil(COLUMNS));
    column_sums_kernel::launch(&values.client, count, units(), buffer(values), buffer(&sums), rows, width);
    sums
}

/// Sum of squares of this cube's share of `values`.
#[cube(launch)]
fn squares_kernel(values: &[f32], sums: &mut [f32]) {
    let mut sum = 0.0f32;
    let mut at = CUBE_POS * CUBE_DIM as usize + UNIT_POS as usize;
    let step = sums.len() * CUBE_DIM as usize;
    if CUBE_POS < sums.len() {
        while at < values.len() {
            let value = values[at];
            sum += value * value;
            at += step;
        }
    }
    let sum = cube_sum(sum);
    if UNIT_POS == 0 && CUBE_POS < sums.len() {
        sums[CUBE_POS] = sum;
    }
}

/// Elements that a unit squares before more cubes are started, and the most cubes there may be.
const SQUARES: usize = 16;
const SQUARES_CUBES: usize = 1024;

/// Sum of squares, `[1]`.
pub(crate) fn squared_sum(values: &CubeTensor) -> CubeTensor {
    let parts = count(values).div_ceil(UNITS * SQUARES).clamp(1, SQUARES_CUBES);
    let sums = empty(values, Shape::new([parts]));
    let count = cubes(&values.client, parts);
    squares_kernel::launch(&values.client, count, units(), buffer(values), buffer(&sums));
    column_sums(&sums, 1)
}
