//! Token vectors with their positions.

use std::sync::Arc;

use burn::{
    backend::Dispatch,
    tensor::{Int, Tensor},
};
use case::Kernels;

use crate::{
    Mixed, Path, Spans,
    ops::{EmbedHow, KernelOps},
};

/// `scale · table[id] + positions[place in its row]`.
///
/// # Shapes
/// - `input_ids`: `[B, T]`, each below V; `table`: `[V, D]`; `positions`: `[P, D]`, P at least the longest row's tokens
/// - returns `[B, T, D]`
///
/// # Panics
/// If an id lies outside the table or a row is longer than there are positions.
pub fn embed(
    input_ids: Tensor<2, Int>,
    table: Tensor<2>,
    scale: f64,
    positions: Option<Tensor<2>>,
    path: &Path,
) -> Tensor<3> {
    let [batch, tokens] = input_ids.dims();
    let width = table.dims()[1];
    let host = match path {
        Path::Own(spans) => Some((spans.clone(), None)),
        Path::Mixed(Mixed { kernels: Kernels::Own, ids: Some(ids), .. }) => {
            assert_eq!(ids.len(), batch * tokens, "the ids on the host are those on the device");
            Some((Arc::new(Spans::new(vec![tokens; batch])), Some(ids.clone())))
        }
        Path::Composed { .. } | Path::Mixed(_) => None,
    };
    if let Some((spans, ids)) = host {
        let positions = positions.unwrap_or_else(|| Tensor::zeros([spans.longest(), width], &table.device()));
        let how = EmbedHow { scale: scale as f32, spans, ids };
        let (table, positions) = (table.into_dispatch(), positions.into_dispatch());
        return Tensor::from_dispatch(Dispatch::embed(input_ids.into_dispatch(), table, positions, how));
    }
    let rows = table.select(0, input_ids.reshape([batch * tokens]));
    let mut hidden = rows.reshape([batch, tokens, width]); // [B, T, D]
    if scale != 1.0 {
        hidden = hidden * scale;
    }
    match positions {
        Some(positions) => hidden + positions.narrow(0, 0, tokens).unsqueeze::<3>(),
        None => hidden,
    }
}
