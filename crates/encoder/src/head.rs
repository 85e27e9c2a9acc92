//! From hidden states to words, classes or tags.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, activation::gelu},
};
use case::{EncoderConfig, PositionKind};
use kernels::{Path, Projection};

use crate::parts::{LayerNorm, Linear, matrix, vector};

/// What a head says of a hidden state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadKind {
    /// The word that stood there, of the vocabulary.
    Words,
    /// One of so many classes of the whole text, at its first token.
    Classes(usize),
    /// One of so many tags of the token.
    Tags(usize),
}

/// Hidden states to words, classes or tags.
///
/// # Source
/// Words: Devlin et al. 2018's code, `get_masked_lm_output`: dense, GELU, LayerNorm, then the embedding table and a bias.
/// Classes and tags: §4.1 and §5.3 there, one matrix after the pooler (dense, tanh) or after nothing. Encoders of ELECTRA's
/// and ModernBERT's form have the heads of Clark et al. 2020's code (GELU for tanh) and Warner et al. 2024's (dense, GELU,
/// LayerNorm, for tags as well), so that those classes compute the same.
#[derive(Module, Debug)]
pub struct Head {
    /// Before the projection, where the case or the form asks for it.
    pub transform: Option<Transform>,
    /// `[V, E]` when the output is not tied to the embeddings; `[C, D]` for C classes or tags.
    pub weight: Option<Param<Tensor<2>>>,
    /// `[V]`, where the case asks for it; `[C]`.
    pub bias: Option<Param<Tensor<1>>>,
}

/// A layer of the head's own.
#[derive(Module, Debug)]
pub struct Transform {
    /// `[D, E]`, E the embeddings' width: D, or less; `[D, D]` for classes and tags.
    pub dense: Linear,
    /// After the activation.
    pub norm: Option<LayerNorm>,
    /// tanh in place of GELU.
    #[module(skip)]
    is_tanh: bool,
}

impl Head {
    pub(crate) fn zeros(config: &EncoderConfig, vocab_size: usize, kind: HeadKind, device: &Device) -> Self {
        match kind {
            HeadKind::Words => Self::of_words(config, vocab_size, device),
            HeadKind::Classes(count) | HeadKind::Tags(count) => {
                let is_modern = config.position == PositionKind::Rotary;
                let is_electra = config.table_width() != config.d_model;
                let transform = || Transform {
                    dense: Linear::zeros(config.d_model, config.d_model, config.biases, device),
                    norm: is_modern.then(|| LayerNorm::zeros(config.d_model, config, device)),
                    is_tanh: !is_modern && !is_electra,
                };
                Self {
                    transform: (is_modern || matches!(kind, HeadKind::Classes(_))).then(transform),
                    weight: Some(matrix(count, config.d_model, device)),
                    bias: Some(vector(count, device)),
                }
            }
        }
    }

    fn of_words(config: &EncoderConfig, vocab_size: usize, device: &Device) -> Self {
        let width = config.table_width();
        let transform = || Transform {
            dense: Linear::zeros(config.d_model, width, config.biases, device),
            norm: Some(LayerNorm::zeros(width, config, device)),
            is_tanh: false,
        };
        Self {
            transform: config.head_transform.then(transform),
            weight: (!config.tied_output).then(|| matrix(vocab_size, width, device)),
            bias: config.output_bias.then(|| vector(vocab_size, device)),
        }
    }

    /// Gathered hidden states after the head's own layer, `[K, D]` to `[K, E]`.
    pub fn transformed(&self, hidden: Tensor<2>, path: &Path) -> Tensor<2> {
        let Some(Transform { dense, norm, is_tanh }) = &self.transform else { return hidden };
        let hidden = dense.forward(hidden.unsqueeze::<3>(), path).squeeze_dim::<2>(0);
        let hidden = if *is_tanh { hidden.tanh() } else { gelu(hidden) };
        match norm {
            Some(norm) => norm.forward(hidden, path),
            None => hidden,
        }
    }

    /// The projection on words, classes or tags; `table`: `[V, E]`, the token embeddings.
    pub fn projection(&self, table: Tensor<2>) -> Projection {
        Projection { table: self.weight.as_ref().map_or(table, Param::val), bias: self.bias.as_ref().map(Param::val) }
    }
}
