//! From hidden states to words.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, activation::gelu},
};
use case::EncoderConfig;
use kernels::{Path, Projection};

use crate::parts::{LayerNorm, Linear, matrix, vector};

/// The masked-language-model head.
///
/// # Source
/// Devlin et al. 2018's code, `get_masked_lm_output`: dense, GELU, LayerNorm, then the embedding table and a bias.
#[derive(Module, Debug)]
pub struct Head {
    /// Before the projection, where the case asks for it.
    pub transform: Option<Transform>,
    /// `[V, E]` when the output is not tied to the embeddings.
    pub weight: Option<Param<Tensor<2>>>,
    /// `[V]`, where the case asks for it.
    pub bias: Option<Param<Tensor<1>>>,
}

/// Dense, GELU and LayerNorm.
#[derive(Module, Debug)]
pub struct Transform {
    /// `[D, E]`, E the embeddings' width: D, or less.
    pub dense: Linear,
    /// After the activation.
    pub norm: LayerNorm,
}

impl Head {
    pub(crate) fn zeros(config: &EncoderConfig, vocab_size: usize, device: &Device) -> Self {
        let width = config.table_width();
        let transform = || Transform {
            dense: Linear::zeros(config.d_model, width, config.biases, device),
            norm: LayerNorm::zeros(width, config, device),
        };
        Self {
            transform: config.head_transform.then(transform),
            weight: (!config.tied_output).then(|| matrix(vocab_size, width, device)),
            bias: config.output_bias.then(|| vector(vocab_size, device)),
        }
    }

    /// Gathered hidden states after the head's own layer, `[K, D]` to `[K, E]`.
    pub fn transformed(&self, hidden: Tensor<2>, path: &Path) -> Tensor<2> {
        let Some(Transform { dense, norm }) = &self.transform else { return hidden };
        norm.forward(gelu(dense.forward(hidden.unsqueeze::<3>(), path).squeeze_dim::<2>(0)), path)
    }

    /// The projection on the vocabulary; `table`: `[V, E]`, the token embeddings.
    pub fn projection(&self, table: Tensor<2>) -> Projection {
        Projection { table: self.weight.as_ref().map_or(table, Param::val), bias: self.bias.as_ref().map(Param::val) }
    }
}
