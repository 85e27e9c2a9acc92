//! Linear maps and the feed-forward block.

use burn::{
    backend::Dispatch,
    tensor::{Tensor, activation},
};
use case::Activation;

use crate::{
    DropSite, Path, dropout,
    ops::{self, KernelOps},
    product::product,
};

/// `input · weight + bias`.
///
/// # Shapes
/// - `input`: `[B, T, In]`; `weight`: `[In, Out]`; `bias`: `[Out]`
/// - returns `[B, T, Out]`
pub fn linear(input: Tensor<3>, weight: Tensor<2>, bias: Tensor<1>, path: &Path) -> Tensor<3> {
    if let Path::Own(_) = path {
        let (weight, bias) = (weight.into_dispatch(), bias.into_dispatch());
        return Tensor::from_dispatch(Dispatch::affine(input.into_dispatch(), weight, bias));
    }
    let [batch, tokens, width] = input.dims();
    let out = weight.dims()[1];
    // One product over all tokens: a batched product would be B small ones.
    let flat = product(input.reshape([batch * tokens, width]), weight, path.precision()) + bias.unsqueeze::<2>();
    flat.reshape([batch, tokens, out]) // [B, T, Out]
}

/// The weights of a feed-forward block and what stands between its products.
pub struct FeedForward {
    /// `[D, F]` and `[F]`, or `[D, 2F]` and `[2F]` for a gated activation: gate first, value second.
    pub first: (Tensor<2>, Tensor<1>),
    /// `[F, D]` and `[D]`.
    pub second: (Tensor<2>, Tensor<1>),
    /// After the first product.
    pub activation: Activation,
    /// Drop probability of the activations, 0..1.
    pub dropout: f64,
    /// Where the dropped activations are drawn from; none in evaluation.
    pub drop_site: Option<DropSite>,
}

/// `drop(activation(input · w_in + b_in)) · w_out + b_out`, `[B, T, D]` to the same.
///
/// # Source
/// Vaswani et al. 2017, §3.3, equation 2; gated: Shazeer 2020, equation 6.
pub fn feed_forward(input: Tensor<3>, block: FeedForward, path: &Path) -> Tensor<3> {
    let FeedForward { first: (w_in, b_in), second: (w_out, b_out), activation, dropout: prob, drop_site } = block;
    if let Path::Own(_) = path {
        let [w_in, w_out] = [w_in.into_dispatch(), w_out.into_dispatch()];
        let [b_in, b_out] = [b_in.into_dispatch(), b_out.into_dispatch()];
        let how = ops::FeedForward { activation, drop: drop_site.and_then(|site| site.dropper(prob)) };
        return Tensor::from_dispatch(Dispatch::feed_forward(input.into_dispatch(), w_in, b_in, w_out, b_out, how).0);
    }
    let inner = activate(linear(input, w_in, b_in, path), activation); // [B, T, F]
    linear(dropout(inner, prob, drop_site, path), w_out, b_out, path)
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
