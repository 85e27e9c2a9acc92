//! Views of matrices in memory, and their products.
//!
//! The only unsafe code of the CPU kernels: a head's columns of `[T, 3D]` lie between other heads', so heads are worked on
//! in parallel through views with a stride, which slices cannot express.

use std::marker::PhantomData;

use gemm::Parallelism;
use rayon::prelude::*;

use super::ROWS;
use crate::spans::{Span, Spans};

/// A matrix that is read.
#[derive(Clone, Copy)]
pub(crate) struct Mat<'a> {
    start: *const f32,
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
    life: PhantomData<&'a [f32]>,
}

/// A matrix that is written; its columns are neighbours in memory.
pub(crate) struct MatMut<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    row_stride: usize,
    life: PhantomData<&'a mut [f32]>,
}

// SAFETY: a `Mat` is a shared borrow of floats, a `MatMut` an exclusive one; both may go to another thread as slices may.
#[allow(unsafe_code)]
unsafe impl Send for Mat<'_> {}
#[allow(unsafe_code)]
unsafe impl Sync for Mat<'_> {}
#[allow(unsafe_code)]
unsafe impl Send for MatMut<'_> {}

impl<'a> Mat<'a> {
    /// All of `values`, row by row.
    pub(crate) fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns, "values of a {rows} x {columns} matrix");
        Self { start: values.as_ptr(), rows, columns, row_stride: columns, column_stride: 1, life: PhantomData }
    }

    /// `count` rows from `first` on.
    pub(crate) fn rows(self, first: usize, count: usize) -> Self {
        assert!(first + count <= self.rows, "rows {first} + {count} of {}", self.rows);
        Self { start: self.start.wrapping_add(first * self.row_stride), rows: count, ..self }
    }

    /// `count` columns from `first` on.
    pub(crate) fn columns(self, first: usize, count: usize) -> Self {
        assert!(first + count <= self.columns, "columns {first} + {count} of {}", self.columns);
        Self { start: self.start.wrapping_add(first * self.column_stride), columns: count, ..self }
    }

    /// The transpose, without moving anything.
    pub(crate) fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// One row.
    ///
    /// # Panics
    /// If the matrix is a transpose.
    #[allow(unsafe_code)]
    pub(crate) fn row(&self, index: usize) -> &'a [f32] {
        assert!(index < self.rows && self.column_stride == 1, "row {index} of {}", self.rows);
        // SAFETY: every constructor keeps row `index` < rows, of `columns` neighbouring floats, inside the borrowed slice.
        unsafe { std::slice::from_raw_parts(self.start.add(index * self.row_stride), self.columns) }
    }
}

impl<'a> MatMut<'a> {
    /// All of `values`, row by row.
    pub(crate) fn new(values: &'a mut [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns, "values of a {rows} x {columns} matrix");
        Self { start: values.as_mut_ptr(), rows, columns, row_stride: columns, life: PhantomData }
    }

    /// How many rows it has.
    pub(crate) fn count(&self) -> usize {
        self.rows
    }

    /// Side by side matrices of `width` columns each.
    pub(crate) fn split_columns(self, width: usize) -> Vec<MatMut<'a>> {
        assert!(width > 0 && self.columns.is_multiple_of(width), "{} columns in parts of {width}", self.columns);
        let part = |index: usize| MatMut {
            start: self.start.wrapping_add(index * width),
            rows: self.rows,
            columns: width,
            row_stride: self.row_stride,
            life: PhantomData,
        };
        (0..self.columns / width).map(part).collect()
    }

    /// One matrix for the rows of each span, in order.
    pub(crate) fn split_rows(self, spans: &Spans) -> Vec<MatMut<'a>> {
        assert_eq!(spans.total(), self.rows, "spans cover the rows");
        let part = |span: &Span| MatMut {
            start: self.start.wrapping_add(span.first * self.row_stride),
            rows: span.count,
            columns: self.columns,
            row_stride: self.row_stride,
            life: PhantomData,
        };
        spans.all().iter().map(part).collect()
    }

    /// A shorter borrow of `count` rows from `first` on.
    pub(crate) fn rows(&mut self, first: usize, count: usize) -> MatMut<'_> {
        assert!(first + count <= self.rows, "rows {first} + {count} of {}", self.rows);
        MatMut {
            start: self.start.wrapping_add(first * self.row_stride),
            rows: count,
            columns: self.columns,
            row_stride: self.row_stride,
            life: PhantomData,
        }
    }

    /// One row.
    #[allow(unsafe_code)]
    pub(crate) fn row(&mut self, index: usize) -> &mut [f32] {
        assert!(index < self.rows, "row {index} of {}", self.rows);
        // SAFETY: as in `Mat::row`, and the borrow of `self` keeps the row from being handed out twice.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(index * self.row_stride), self.columns) }
    }
}

/// What a product does with what was in its destination.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Onto {
    /// Nothing: it is overwritten.
    Replace,
    /// The product is added to it.
    Add,
}

/// Who computes a product.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The caller, one of several at work.
    One,
    /// All of them together.
    All,
}

/// `destination (+)= factor · a · b`.
///
/// # Shapes
/// - `a`: `[m, k]`; `b`: `[k, n]`; `destination`: `[m, n]`
pub(crate) fn product(destination: MatMut, into: Onto, factor: f32, a: Mat, b: Mat, threads: Threads) {
    assert_eq!((a.columns, destination.rows, destination.columns), (b.rows, a.rows, b.columns), "shapes of a product");
    raw_product(destination.start, destination.row_stride, into, factor, a, b, threads);
}

/// `a · b` in memory of its own.
pub(crate) fn new_product(a: Mat, b: Mat) -> Vec<f32> {
    assert_eq!(a.columns, b.rows, "shapes of a product");
    let count = a.rows * b.columns;
    let mut values = Vec::<f32>::with_capacity(count);
    if a.columns == 0 {
        values.resize(count, 0.0);
        return values;
    }
    raw_product(values.as_mut_ptr(), b.columns, Onto::Replace, 1.0, a, b, Threads::All);
    // SAFETY: the capacity was asked for above, and a product that replaces writes every element of its destination.
    #[allow(unsafe_code)]
    unsafe {
        values.set_len(count);
    }
    values
}

/// `count` copies of a row in memory of their own, written by all threads.
pub(crate) fn copies(row: &[f32], count: usize) -> Vec<f32> {
    let mut values = Vec::<f32>::with_capacity(row.len() * count);
    if row.is_empty() {
        return values;
    }
    let spare = &mut values.spare_capacity_mut()[..row.len() * count];
    spare.par_chunks_mut(row.len() * ROWS).for_each(|rows| {
        for one in rows.chunks_exact_mut(row.len()) {
            one.write_copy_of_slice(row);
        }
    });
    // SAFETY: the chunks above cover `count` rows of the spare capacity, and each is written whole.
    #[allow(unsafe_code)]
    unsafe {
        values.set_len(row.len() * count);
    }
    values
}

#[allow(unsafe_code)]
fn raw_product(start: *mut f32, row_stride: usize, into: Onto, factor: f32, a: Mat, b: Mat, threads: Threads) {
    let parallelism = match threads {
        Threads::One => Parallelism::None,
        Threads::All => Parallelism::Rayon(0),
    };
    let (a_row, a_column) = (a.row_stride as isize, a.column_stride as isize);
    let (b_row, b_column) = (b.row_stride as isize, b.column_stride as isize);
    let add = into == Onto::Add;
    // SAFETY: the callers checked the shapes; each view's elements lie inside the slice it borrows (or, for `new_product`,
    // inside the vector's capacity), and the destination is borrowed exclusively, so it overlaps neither factor.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            start,
            1,
            row_stride as isize,
            add,
            a.start,
            a_column,
            a_row,
            b.start,
            b_column,
            b_row,
            1.0,
            factor,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{Mat, MatMut, Onto, Threads, copies, new_product, product};

    fn counted(count: usize) -> Vec<f32> {
        (0..count).map(|at| (at % 7) as f32 - 3.0).collect()
    }

    #[test]
    fn a_product_of_views_is_the_sum_over_the_inner_axis() {
        let (a, b) = (counted(6 * 10), counted(5 * 8));
        // Columns 2..7 of a [6, 10], rows 1..4, times columns 3..5 of a [5, 8].
        let left = Mat::new(&a, 6, 10).rows(1, 3).columns(2, 5);
        let right = Mat::new(&b, 5, 8).columns(3, 2);
        let mut out = vec![1.0; 3 * 2];
        product(MatMut::new(&mut out, 3, 2), Onto::Add, 2.0, left, right, Threads::One);
        for i in 0..3 {
            for j in 0..2 {
                let sum = (0..5).map(|k| a[(1 + i) * 10 + 2 + k] * b[k * 8 + 3 + j]).sum::<f32>();
                assert_eq!(out[i * 2 + j], 1.0 + 2.0 * sum);
            }
        }
        assert_eq!(new_product(right.t(), left.t()).len(), 6);
    }

    #[test]
    fn copies_are_rows_of_the_same_numbers() {
        let row = counted(5);
        let many = copies(&row, 700);
        assert!(many.len() == 3500 && many.chunks(5).all(|one| one == row));
        assert!(copies(&[], 3).is_empty() && copies(&row, 0).is_empty());
    }

    #[test]
    fn columns_split_into_parts_that_do_not_meet() {
        let mut values = vec![0.0; 2 * 6];
        for (index, mut part) in MatMut::new(&mut values, 2, 6).split_columns(2).into_iter().enumerate() {
            for row in 0..2 {
                part.row(row).fill(index as f32);
            }
        }
        assert_eq!(values, [0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
    }

    #[test]
    #[should_panic(expected = "shapes of a product")]
    fn shapes_that_do_not_meet_are_a_defect() {
        let values = counted(6);
        new_product(Mat::new(&values, 2, 3), Mat::new(&values, 2, 3));
    }
}
