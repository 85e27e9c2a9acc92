//! A weight.

use std::collections::BTreeMap;

/// One weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// One or two axes.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Vec<f32>,
}

/// Weights by name.
pub type Weights = BTreeMap<String, Array>;

impl Array {
    /// Zeros of a shape.
    pub fn zeros(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), values: vec![0.0; shape.iter().product()] }
    }

    /// Rows and columns swapped.
    ///
    /// # Panics
    /// With fewer than two axes.
    pub fn transposed(&self) -> Self {
        let (rows, columns) = (self.shape[0], self.shape[1]);
        let column = |column: usize| (0..rows).map(move |row| row * columns + column);
        let values = (0..columns).flat_map(column).map(|at| self.values[at]).collect();
        Self { shape: vec![columns, rows], values }
    }

    /// Rows `from` to the end, or up to `count` of them.
    ///
    /// # Panics
    /// With fewer rows than `from`.
    pub fn rows(&self, from: usize, count: usize) -> Self {
        let width = self.shape[1..].iter().product::<usize>();
        let count = count.min(self.shape[0] - from);
        let mut shape = self.shape.clone();
        shape[0] = count;
        Self { shape, values: self.values[from * width..(from + count) * width].to_vec() }
    }

    /// The same below `count` rows of zeros.
    pub fn below(&self, count: usize) -> Self {
        let width = self.shape[1..].iter().product::<usize>();
        let mut shape = self.shape.clone();
        shape[0] += count;
        Self { shape, values: [vec![0.0; count * width], self.values.clone()].concat() }
    }

    /// One below the other.
    ///
    /// # Panics
    /// For none.
    pub fn stacked(parts: &[Self]) -> Self {
        let mut shape = parts[0].shape.clone();
        shape[0] = parts.iter().map(|part| part.shape[0]).sum();
        Self { shape, values: parts.iter().flat_map(|part| part.values.iter().copied()).collect() }
    }

    /// Every value times a factor.
    pub fn scaled(&self, factor: f64) -> Self {
        let values = self.values.iter().map(|value| (f64::from(*value) * factor) as f32).collect();
        Self { shape: self.shape.clone(), values }
    }
}

#[cfg(test)]
mod tests {
    use super::Array;

    #[test]
    fn rows_are_cut_and_put_below_zeros() {
        let array = Array { shape: vec![3, 2], values: vec![1., 2., 3., 4., 5., 6.] };
        assert_eq!(array.rows(1, 9).below(1), Array { shape: vec![3, 2], values: vec![0., 0., 3., 4., 5., 6.] });
        assert_eq!(array.transposed().values, [1., 3., 5., 2., 4., 6.]);
        assert_eq!(array.transposed().transposed(), array);
    }
}
