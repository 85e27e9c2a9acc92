//! The encoder and the model around it.

use std::sync::Arc;

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use case::{EncoderConfig, NormPlacement, PositionKind};
use kernels::{DropSource, Path, RotaryTable, Scores, dropout, score};
use rand_chacha::ChaCha8Rng;

use crate::{Embeddings, Head, HeadKind, Layer, LayerNorm, LayerPass, Tokens, init};

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
    /// - `tokens`: `[B, T]`, ids alone or with segments; returns `[B, T, D]`, meaningless at padding
    pub fn forward(&self, tokens: impl Into<Tokens>, path: &Path, drop: Option<DropSource>) -> Tensor<3> {
        let tokens = tokens.into();
        let longest = path.longest(tokens.input_ids.dims()[1]);
        let EncoderConfig { d_model, h, rotary_base, local_rotary_base, .. } = self.config;
        let rotary = self.config.position == PositionKind::Rotary;
        let table = |base| rotary.then(|| Arc::new(RotaryTable::new(longest, d_model / h, base)));
        let local_base = self.config.local_window.map(|_| local_rotary_base.unwrap_or(rotary_base));
        let local_rotary = local_base.and_then(table);
        let pass = LayerPass { path: path.clone(), rotary: table(rotary_base), local_rotary, drop };
        let mut hidden = self.embeddings.forward(tokens, path, drop);
        for (index, layer) in self.layers.iter().enumerate() {
            hidden = layer.forward(hidden, index, &pass);
        }
        match &self.norm {
            Some(norm) => norm.forward(hidden, path),
            None => hidden,
        }
    }
}

/// An encoder and what it says of some of its tokens: hidden words, classes, tags.
#[derive(Module, Debug)]
pub struct Model {
    /// Tokens to hidden states.
    pub encoder: Encoder,
    /// Hidden states to words, classes or tags.
    pub head: Head,
}

impl Model {
    /// A model with every weight zero, to be filled from a file.
    ///
    /// `config` must have passed the case's validation; `device` decides whether gradients are recorded.
    pub fn zeros(config: &EncoderConfig, vocab_size: usize, head: HeadKind, device: &Device) -> Self {
        let norm = (config.norm == NormPlacement::Pre).then(|| LayerNorm::zeros(config.d_model, config, device));
        let encoder = Encoder {
            embeddings: Embeddings::zeros(config, vocab_size, device),
            layers: (0..config.n_layers).map(|index| Layer::zeros(config, index, device)).collect(),
            norm,
            config: config.clone(),
        };
        Self { encoder, head: Head::zeros(config, vocab_size, head, device) }
    }

    /// A model with fresh weights; `stream` gives each weight, by name, its own generator.
    pub fn init(
        config: &EncoderConfig,
        vocab_size: usize,
        head: HeadKind,
        stream: impl Fn(&str) -> ChaCha8Rng,
        device: &Device,
    ) -> Self {
        init::fill(Self::zeros(config, vocab_size, head, device), config, stream, device)
    }

    /// Logits of words at the scored positions: gathered first, projected after.
    ///
    /// # Shapes
    /// - `tokens`: `[B, T]`; `positions`: `[K]`, flat indices `b * T + t`; returns `[K, V]`
    pub fn logits(&self, tokens: impl Into<Tokens>, path: &Path, positions: Tensor<1, Int>) -> Tensor<2> {
        let hidden = self.gathered(tokens.into(), path, positions, None);
        self.head.projection(self.encoder.embeddings.token.val()).logits(hidden)
    }

    /// Logits of classes or tags at the scored positions, with dropout before the last matrix too.
    ///
    /// # Shapes
    /// - `tokens`: `[B, T]`; `positions`: `[K]`, flat indices `b * T + t`; returns `[K, C]`
    ///
    /// # Source
    /// Devlin et al. 2018's code, `run_classifier.py`, `create_model`.
    pub fn class_logits(
        &self,
        tokens: impl Into<Tokens>,
        path: &Path,
        positions: Tensor<1, Int>,
        drop: Option<DropSource>,
    ) -> Tensor<2> {
        let hidden = self.gathered(tokens.into(), path, positions, drop);
        let EncoderConfig { dropout: prob, hidden_dropout, n_layers, .. } = self.encoder.config;
        let site = drop.map(|source| source.site(4 * n_layers as u64 + 1)); // behind the last layer's sites
        let hidden = dropout(hidden, hidden_dropout.unwrap_or(prob), site, path);
        self.head.projection(self.encoder.embeddings.token.val()).logits(hidden)
    }

    /// Loss, `scale` times the sum of the scored positions' nats, and what became of each position.
    pub fn score(&self, batch: Scored, path: &Path, drop: Option<DropSource>) -> Scores {
        let hidden = self.gathered(batch.tokens, path, batch.positions, drop);
        let projection = self.head.projection(self.encoder.embeddings.token.val());
        score(hidden, projection, batch.labels, batch.scale, path)
    }

    /// What the head makes of the hidden states at `positions`, `[K, E]`.
    fn gathered(&self, tokens: Tokens, path: &Path, positions: Tensor<1, Int>, drop: Option<DropSource>) -> Tensor<2> {
        let hidden = self.encoder.forward(tokens, path, drop);
        let [batch, tokens, width] = hidden.dims();
        let hidden = hidden.reshape([batch * tokens, width]).select(0, positions); // [K, D]
        self.head.transformed(hidden, path)
    }
}

/// One micro-batch for [`Model::score`].
pub struct Scored {
    /// `[B, T]`.
    pub tokens: Tokens,
    /// `[K]`, flat indices `b * T + t`.
    pub positions: Tensor<1, Int>,
    /// The hidden words, `[K]`.
    pub labels: Tensor<1, Int>,
    /// What the sum of nats is multiplied by.
    pub scale: f64,
}
