//! One transformer layer.

use std::sync::Arc;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use case::{Activation, EncoderConfig, NormPlacement};
use kernels::{Attention, Branch, DropSource, FeedForward, Path, RotaryTable, attention, feed_forward, residual_sum};

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
    /// Of the attention block; none in a first layer that has none.
    pub attention_norm: Option<LayerNorm>,
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
    /// Who computes, and where the rows' tokens lie.
    pub path: Path,
    /// Where queries and keys are turned in layers that see all tokens.
    pub rotary: Option<Arc<RotaryTable>>,
    /// The same in local layers.
    pub local_rotary: Option<Arc<RotaryTable>>,
    /// Where dropped elements are drawn from; none in evaluation.
    pub drop: Option<DropSource>,
}

impl Layer {
    pub(crate) fn zeros(config: &EncoderConfig, index: usize, device: &Device) -> Self {
        let (width, ff) = (config.d_model, config.ff);
        let ff_in = if config.activation == Activation::Geglu { 2 * ff } else { ff };
        let linear = |input, output| Linear::zeros(input, output, config.biases, device);
        Self {
            qkv: linear(width, 3 * width),
            attention_out: linear(width, width),
            attention_norm: (index > 0 || config.first_norm).then(|| LayerNorm::zeros(width, config, device)),
            ff_in: linear(width, ff_in),
            ff_out: linear(ff, width),
            ff_norm: LayerNorm::zeros(width, config, device),
            config: config.clone(),
        }
    }

    /// The layer's output.
    ///
    /// # Shapes
    /// - `hidden`: `[B, T, D]`; `index`: the layer's number, which parts its dropout from the others'
    /// - returns `[B, T, D]`; rows at padding are finite and meaningless
    pub fn forward(&self, hidden: Tensor<3>, index: usize, pass: &LayerPass) -> Tensor<3> {
        let path = &pass.path;
        match self.config.norm {
            NormPlacement::Pre => {
                let normed = match &self.attention_norm {
                    Some(norm) => norm.forward(hidden.clone(), path),
                    None => hidden.clone(),
                };
                let attended = self.attend(normed, index, pass);
                let hidden = residual_sum(hidden, attended, path);
                let fed = self.feed(self.ff_norm.forward(hidden.clone(), path), index, pass);
                residual_sum(hidden, fed, path)
            }
            NormPlacement::Post => {
                let attended = self.attend(hidden.clone(), index, pass);
                let norm =
                    self.attention_norm.as_ref().expect("a checked case leaves a norm out of pre-norm layers only");
                let hidden = norm.of_sum(hidden, attended, path);
                let fed = self.feed(hidden.clone(), index, pass);
                self.ff_norm.of_sum(hidden, fed, path)
            }
        }
    }

    /// The attention block's addition to the residual stream.
    fn attend(&self, hidden: Tensor<3>, index: usize, pass: &LayerPass) -> Branch {
        let reach = self.config.reach(index);
        let how = Attention {
            heads: self.config.h,
            dropout: self.config.attention_dropout.unwrap_or(self.config.dropout),
            drop_site: pass.drop.map(|source| source.site(4 * index as u64 + 1)),
            rotary: if reach.is_some() { pass.local_rotary.clone() } else { pass.rotary.clone() },
            reach,
        };
        let attended = attention(self.qkv.forward(hidden, &pass.path), &pass.path, how);
        self.branch(self.attention_out.forward(attended, &pass.path), 4 * index as u64 + 2, pass)
    }

    /// The feed-forward block's addition to the residual stream.
    fn feed(&self, hidden: Tensor<3>, index: usize, pass: &LayerPass) -> Branch {
        let block = FeedForward {
            first: self.ff_in.values(),
            second: self.ff_out.values(),
            activation: self.config.activation,
            dropout: self.config.hidden_dropout.unwrap_or(0.0),
            drop_site: pass.drop.map(|source| source.site(4 * index as u64 + 3)),
        };
        self.branch(feed_forward(hidden, block, &pass.path), 4 * index as u64 + 4, pass)
    }

    fn branch(&self, values: Tensor<3>, place: u64, pass: &LayerPass) -> Branch {
        let dropout = self.config.residual_dropout.unwrap_or(self.config.dropout);
        Branch { values, dropout, drop_site: pass.drop.map(|source| source.site(place)) }
    }
}
