//! The encoder and the masked language model around it.

use burn::{
    module::Module,
    tensor::{Bool, Device, Int, Tensor},
};
use case::{EncoderConfig, NormPlacement, PositionKind};
use kernels::DropSource;
use rand_chacha::ChaCha8Rng;

use crate::{Embeddings, Head, Layer, LayerNorm, LayerPass, init};

/// Embeddings and layers.
#[derive(Module, Debug)]
pub struct Encoder {
    /// Tokens and positions to vectors.
    pub embeddings: Embeddings,
    /// In order.
    pub layers: Vec<Layer>,
    /// After the stack, for layers whose norm comes first.
    pub norm: Option<LayerNorm>,
    #[module(skip)]
    config: EncoderConfig,
}

impl Encoder {
    /// Hidden states of every token.
    ///
    /// # Shapes
    /// - `input_ids`: `[B, T]`; `mask_pad`: `[B, T]`, true = padding; returns `[B, T, D]`, meaningless at padding
    pub fn forward(
        &self,
        input_ids: Tensor<2, Int>,
        mask_pad: Option<Tensor<2, Bool>>,
        drop: Option<DropSource>,
    ) -> Tensor<3> {
        let tokens = input_ids.dims()[1];
        let device = input_ids.device();
        let rotary = (self.config.position == PositionKind::Rotary)
            .then(|| kernels::rotary_tables(tokens, self.config.d_model / self.config.h, &device));
        let pass = LayerPass { mask_pad, rotary, drop };
        let mut hidden = self.embeddings.forward(input_ids, drop);
        for (index, layer) in self.layers.iter().enumerate() {
            hidden = layer.forward(hidden, index, &pass);
        }
        match &self.norm {
            Some(norm) => norm.forward(hidden),
            None => hidden,
        }
    }
}

/// An encoder that guesses hidden words.
#[derive(Module, Debug)]
pub struct MaskedLm {
    /// Tokens to hidden states.
    pub encoder: Encoder,
    /// Hidden states to words.
    pub head: Head,
}

impl MaskedLm {
    /// A model with every weight zero, to be filled from a file.
    ///
    /// `config` must have passed the case's validation; `device` decides whether gradients are recorded.
    pub fn zeros(config: &EncoderConfig, vocab_size: usize, device: &Device) -> Self {
        let norm = (config.norm == NormPlacement::Pre)
            .then(|| LayerNorm::zeros(config.d_model, config.layer_norm_eps, device));
        let encoder = Encoder {
            embeddings: Embeddings::zeros(config, vocab_size, device),
            layers: (0..config.n_layers).map(|_| Layer::zeros(config, device)).collect(),
            norm,
            config: config.clone(),
        };
        Self { encoder, head: Head::zeros(config, vocab_size, device) }
    }

    /// A model with fresh weights; `stream` gives each weight, by name, its own generator.
    pub fn init(
        config: &EncoderConfig,
        vocab_size: usize,
        stream: impl Fn(&str) -> ChaCha8Rng,
        device: &Device,
    ) -> Self {
        init::fill(Self::zeros(config, vocab_size, device), config, stream, device)
    }

    /// Logits at the scored positions: gathered first, projected after.
    ///
    /// # Shapes
    /// - `input_ids`: `[B, T]`; `mask_pad`: `[B, T]`, true = padding; `positions`: `[K]`, flat indices `b * T + t`
    /// - returns `[K, V]`
    pub fn forward(
        &self,
        input_ids: Tensor<2, Int>,
        mask_pad: Option<Tensor<2, Bool>>,
        positions: Tensor<1, Int>,
        drop: Option<DropSource>,
    ) -> Tensor<2> {
        let hidden = self.encoder.forward(input_ids, mask_pad, drop);
        let [batch, tokens, width] = hidden.dims();
        let scored = hidden.reshape([batch * tokens, width]).select(0, positions); // [K, D]
        self.head.forward(scored, self.encoder.embeddings.token.val())
    }
}
