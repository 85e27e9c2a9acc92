//! One transformer layer.

use burn::{
    module::Module,
    tensor::{Bool, Device, Tensor, activation},
};
use case::{Activation, EncoderConfig, NormPlacement};
use kernels::{Attention, DropSource, attention, dropout};

use crate::parts::{LayerNorm, Linear};

/// Attention and feed-forward, each with a residual sum and a norm before it (pre) or after it (post).
///
/// # Source
/// Post: Devlin et al. 2018, §3, after Vaswani et al. 2017, §3.1. Pre: Xiong et al. 2020, figure 1b.
#[derive(Module, Debug)]
pub struct Layer {
    /// `[D, 3D]`: queries, keys and values in one product.
    pub qkv: Linear,
    /// `[D, D]`.
    pub attention_out: Linear,
    /// Of the attention block.
    pub attention_norm: LayerNorm,
    /// `[D, F]`, or `[D, 2F]` for a gated activation: gate first, value second.
    pub ff_in: Linear,
    /// `[F, D]`.
    pub ff_out: Linear,
    /// Of the feed-forward block.
    pub ff_norm: LayerNorm,
    #[module(skip)]
    config: EncoderConfig,
}

/// What every layer of one forward pass shares.
#[derive(Clone)]
pub struct LayerPass {
    /// `[B, T]`, true = padding.
    pub mask_pad: Option<Tensor<2, Bool>>,
    /// Cosines and sines of rotary positions, `[T, H]` each.
    pub rotary: Option<(Tensor<2>, Tensor<2>)>,
    /// Where dropped elements are drawn from; none in evaluation.
    pub drop: Option<DropSource>,
}

impl Layer {
    pub(crate) fn zeros(config: &EncoderConfig, device: &Device) -> Self {
        let (width, ff, eps) = (config.d_model, config.ff, config.layer_norm_eps);
        let ff_in = if config.activation == Activation::Geglu { 2 * ff } else { ff };
        Self {
            qkv: Linear::zeros(width, 3 * width, device),
            attention_out: Linear::zeros(width, width, device),
            attention_norm: LayerNorm::zeros(width, eps, device),
            ff_in: Linear::zeros(width, ff_in, device),
            ff_out: Linear::zeros(ff, width, device),
            ff_norm: LayerNorm::zeros(width, eps, device),
            config: config.clone(),
        }
    }

    /// The layer's output.
    ///
    /// # Shapes
    /// - `hidden`: `[B, T, D]`; `index`: the layer's number, which parts its dropout from the others'
    /// - returns `[B, T, D]`; rows at padding are finite and meaningless
    pub fn forward(&self, hidden: Tensor<3>, index: usize, pass: &LayerPass) -> Tensor<3> {
        match self.config.norm {
            NormPlacement::Pre => {
                let attended = self.attend(self.attention_norm.forward(hidden.clone()), index, pass);
                let hidden = hidden + attended;
                hidden.clone() + self.feed(self.ff_norm.forward(hidden), index, pass)
            }
            NormPlacement::Post => {
                let attended = self.attend(hidden.clone(), index, pass);
                let hidden = self.attention_norm.forward(hidden + attended);
                self.ff_norm.forward(hidden.clone() + self.feed(hidden, index, pass))
            }
        }
    }

    /// The attention block's addition to the residual stream, `[B, T, D]`.
    fn attend(&self, hidden: Tensor<3>, index: usize, pass: &LayerPass) -> Tensor<3> {
        let how = Attention {
            heads: self.config.h,
            dropout: self.config.attention_dropout.unwrap_or(self.config.dropout),
            drop_site: pass.drop.map(|source| source.site(4 * index as u64 + 1)),
            rotary: pass.rotary.clone(),
        };
        let attended = attention(self.qkv.forward(hidden), pass.mask_pad.clone(), how);
        self.drop_residual(self.attention_out.forward(attended), 4 * index as u64 + 2, pass)
    }

    /// The feed-forward block's addition to the residual stream, `[B, T, D]`.
    fn feed(&self, hidden: Tensor<3>, index: usize, pass: &LayerPass) -> Tensor<3> {
        let inner = activate(self.ff_in.forward(hidden), self.config.activation); // [B, T, F]
        let site = pass.drop.map(|source| source.site(4 * index as u64 + 3));
        let inner = dropout(inner, self.config.hidden_dropout.unwrap_or(0.0), site);
        self.drop_residual(self.ff_out.forward(inner), 4 * index as u64 + 4, pass)
    }

    fn drop_residual(&self, hidden: Tensor<3>, place: u64, pass: &LayerPass) -> Tensor<3> {
        let prob = self.config.residual_dropout.unwrap_or(self.config.dropout);
        dropout(hidden, prob, pass.drop.map(|source| source.site(place)))
    }
}

fn activate(inner: Tensor<3>, kind: Activation) -> Tensor<3> {
    match kind {
        Activation::Gelu => activation::gelu(inner),
        Activation::Relu => activation::relu(inner),
        Activation::Silu => activation::silu(inner),
        Activation::Geglu => {
            let ff = inner.dims()[2] / 2;
            activation::gelu(inner.clone().narrow(2, 0, ff)) * inner.narrow(2, ff, ff)
        }
    }
}
