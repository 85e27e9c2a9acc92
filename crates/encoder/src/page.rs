//! Where on a page a token stands.

use burn::{
    module::{Module, Param},
    tensor::{Device, Int, Tensor},
};

use crate::parts::matrix;

/// Rows of each table: boxes lie in 0..=1000.
///
/// # Source
/// Xu et al. 2020's code, `max_2d_position_embeddings`.
pub const PAGE_POSITIONS: usize = 1024;

/// Vectors of a token's box: of its four edges, its height and its width.
///
/// # Source
/// Xu et al. 2020, LayoutLM, §2.2: left and right edge share a table, and so do upper and lower; height and width as in the
/// published code.
#[derive(Module, Debug)]
pub struct PageTables {
    /// Of the left and of the right edge, `[1024, E]`.
    pub x: Param<Tensor<2>>,
    /// Of the upper and of the lower edge, `[1024, E]`.
    pub y: Param<Tensor<2>>,
    /// `[1024, E]`.
    pub height: Param<Tensor<2>>,
    /// `[1024, E]`.
    pub width: Param<Tensor<2>>,
}

impl PageTables {
    pub(crate) fn zeros(width: usize, device: &Device) -> Self {
        let table = || matrix(PAGE_POSITIONS, width, device);
        Self { x: table(), y: table(), height: table(), width: table() }
    }

    /// What boxes add to their tokens.
    ///
    /// # Shapes
    /// - `boxes`: `[B, T, 4]`, `x0, y0, x1, y1` in 0..=1000, with `x0 <= x1` and `y0 <= y1`; returns `[B, T, E]`
    pub fn forward(&self, boxes: Tensor<3, Int>) -> Tensor<3> {
        let [batch, tokens, _] = boxes.dims();
        let edge = |at: usize| boxes.clone().narrow(2, at, 1).reshape([batch * tokens]);
        let [left, upper, right, lower] = [0, 1, 2, 3].map(edge);
        let vectors = |table: &Param<Tensor<2>>, at: Tensor<1, Int>| table.val().select(0, at); // [B * T, E]
        let sum = vectors(&self.x, left.clone())
            + vectors(&self.y, upper.clone())
            + vectors(&self.x, right.clone())
            + vectors(&self.y, lower.clone())
            + vectors(&self.height, lower - upper)
            + vectors(&self.width, right - left);
        let width = sum.dims()[1];
        sum.reshape([batch, tokens, width])
    }
}
