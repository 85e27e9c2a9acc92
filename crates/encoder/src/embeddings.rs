//! Tokens and positions to vectors.

use burn::{
    module::{Module, Param},
    tensor::{Device, Int, Tensor, TensorData},
};
use case::{EncoderConfig, PositionKind};
use kernels::{DropSource, Path, dropout, embed};

use crate::parts::{LayerNorm, matrix};

/// Token embeddings, positions, norm and dropout.
///
/// # Source
/// Devlin et al. 2018, §3, without segments; Vaswani et al. 2017, §3.4 and §3.5 for the scale and the sinusoids.
#[derive(Module, Debug)]
pub struct Embeddings {
    /// `[V, D]`; also the output projection when that is tied.
    pub token: Param<Tensor<2>>,
    /// `[seq_len, D]` for learned positions.
    pub position: Option<Param<Tensor<2>>>,
    /// After the sum, where the case asks for it.
    pub norm: Option<LayerNorm>,
    #[module(skip)]
    config: EncoderConfig,
}

impl Embeddings {
    pub(crate) fn zeros(config: &EncoderConfig, vocab_size: usize, device: &Device) -> Self {
        let width = config.d_model;
        Self {
            token: matrix(vocab_size, width, device),
            position: (config.position == PositionKind::Learned).then(|| matrix(config.seq_len, width, device)),
            norm: config.embedding_norm.then(|| LayerNorm::zeros(width, config.layer_norm_eps, device)),
            config: config.clone(),
        }
    }

    /// Vectors of the tokens, before any layer.
    ///
    /// # Shapes
    /// - `input_ids`: `[B, T]`, each below V, T at most `seq_len`; returns `[B, T, D]`
    ///
    /// # Panics
    /// If T is larger than the learned position table.
    pub fn forward(&self, input_ids: Tensor<2, Int>, path: &Path, drop: Option<DropSource>) -> Tensor<3> {
        let (width, device) = (self.config.d_model, input_ids.device());
        let longest = path.longest(input_ids.dims()[1]);
        let scale = if self.config.scale_embeddings { (width as f64).sqrt() } else { 1.0 };
        let sinusoidal = self.config.position == PositionKind::Sinusoidal;
        let learned = self.position.as_ref().map(Param::val);
        let positions = learned.or_else(|| sinusoidal.then(|| sinusoids(longest, width, &device)));
        let mut hidden = embed(input_ids, self.token.val(), scale, positions, path);
        if let Some(norm) = &self.norm {
            hidden = norm.forward(hidden, path);
        }
        let prob = self.config.hidden_dropout.unwrap_or(self.config.dropout);
        dropout(hidden, prob, drop.map(|source| source.site(0)), path)
    }
}

/// Sines in even columns, cosines in odd ones, of `t / 10000^(2i / D)`.
///
/// # Shapes
/// - returns `[T, D]`; D is even
///
/// # Source
/// Vaswani et al. 2017, §3.5.
fn sinusoids(tokens: usize, width: usize, device: &Device) -> Tensor<2> {
    let value = |at: usize| {
        let (t, column) = (at / width, at % width);
        let angle = t as f64 / 10_000f64.powf((column - column % 2) as f64 / width as f64);
        (if column % 2 == 0 { angle.sin() } else { angle.cos() }) as f32
    };
    Tensor::from_data(TensorData::new((0..tokens * width).map(value).collect::<Vec<_>>(), [tokens, width]), device)
}
