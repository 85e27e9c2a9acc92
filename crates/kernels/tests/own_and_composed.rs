//! Own kernels against the same operations composed of Burn's: values and gradients, on shapes that nobody chose.

use std::sync::Arc;

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use case::Activation;
use casebook_kernels::{
    Attention, Branch, DropSource, FeedForward, Path, Projection, RotaryTable, Spans, attention, dropout, embed,
    feed_forward, layer_norm, linear, norm_of_sum, residual_sum, score,
};
use proptest::prelude::*;

/// Sums of up to a thousand f32 products in another order, as a share of the largest value.
const TOLERANCE: f32 = 3e-5;

/// Rows of these lengths, heads of `head` elements, `inner` units, a vocabulary of `words`.
#[derive(Debug, Clone)]
struct Shape {
    lengths: Vec<usize>,
    heads: usize,
    head: usize,
    inner: usize,
    words: usize,
    seed: u64,
}

impl Shape {
    fn width(&self) -> usize {
        self.heads * self.head
    }

    fn longest(&self) -> usize {
        *self.lengths.iter().max().expect("a row")
    }

    fn tokens(&self) -> usize {
        self.lengths.iter().sum()
    }
}

fn shapes(padded: bool) -> impl Strategy<Value = Shape> {
    let longest = prop_oneof![1usize..9, 60usize..70, 250usize..300];
    let rows = (longest, 1usize..4).prop_flat_map(move |(longest, rows)| {
        let one = if padded { (1..=longest).boxed() } else { Just(longest).boxed() };
        prop::collection::vec(one, rows)
    });
    let all = (rows, 1usize..4, 1usize..10, 1usize..40, 6usize..70, any::<u64>());
    all.prop_map(|(lengths, heads, half, inner, words, seed)| Shape {
        lengths,
        heads,
        head: 2 * half,
        inner,
        words,
        seed,
    })
}

/// Numbers in -1..1 that look random: a linear congruential generator's upper bits.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(next).collect()
}

fn device() -> Device {
    Device::flex().autodiff()
}

fn weight<const R: usize>(shape: [usize; R], seed: u64) -> Tensor<R> {
    let values = numbers(shape.iter().product(), seed);
    Tensor::from_data(TensorData::new(values, shape), &device()).require_grad()
}

/// Ids, each below `limit`.
fn words(count: usize, limit: usize, seed: u64) -> Vec<i32> {
    numbers(count, seed).into_iter().map(|x| ((x + 1.0) * 0.4999 * limit as f32) as i32).collect()
}

fn integers(values: Vec<i32>) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), &device())
}

fn vector(tensor: &Tensor<2>) -> Tensor<1> {
    tensor.clone().squeeze_dim::<1>(0)
}

/// One way to compute, and how it wants rows to lie.
struct Way {
    path: Path,
    lengths: Vec<usize>,
}

impl Way {
    fn own(shape: &Shape) -> Self {
        let spans = Spans::new(shape.lengths.iter().copied());
        Self { path: Path::Own(Arc::new(spans)), lengths: shape.lengths.clone() }
    }

    fn composed(shape: &Shape) -> Self {
        let longest = shape.longest();
        let is_padding = shape.lengths.iter().flat_map(|length| (0..longest).map(move |t| t >= *length));
        let values = TensorData::new(is_padding.collect::<Vec<_>>(), [shape.lengths.len(), longest]);
        let mask_pad = Tensor::<2, Bool>::from_data(values, &device());
        Self { path: Path::Composed { mask_pad: Some(mask_pad) }, lengths: shape.lengths.clone() }
    }

    /// `[tokens, W]` as `[1, tokens, W]`, or as `[B, T, W]` with zeros at padding.
    fn lay(&self, tokens: Tensor<2>) -> Tensor<3> {
        if let Path::Own(_) = self.path {
            return tokens.unsqueeze::<3>();
        }
        let (longest, width) = (self.longest(), tokens.dims()[1]);
        let row = |(first, length): (usize, usize)| {
            let real = tokens.clone().narrow(0, first, length);
            let row = match longest - length {
                0 => real,
                missing => Tensor::cat(vec![real, Tensor::zeros([missing, width], &device())], 0),
            };
            row.unsqueeze::<3>()
        };
        Tensor::cat(self.rows().map(row).collect(), 0)
    }

    /// The opposite of [`Way::lay`].
    fn gather(&self, laid: Tensor<3>) -> Tensor<2> {
        if let Path::Own(_) = self.path {
            return laid.squeeze_dim(0);
        }
        let row =
            |(index, length): (usize, usize)| laid.clone().narrow(0, index, 1).squeeze_dim::<2>(0).narrow(0, 0, length);
        Tensor::cat(self.lengths.iter().copied().enumerate().map(row).collect(), 0)
    }

    fn lay_words(&self, ids: &[i32]) -> Tensor<2, Int> {
        if let Path::Own(_) = self.path {
            return integers(ids.to_vec()).unsqueeze::<2>();
        }
        let longest = self.longest();
        let row = |(first, length): (usize, usize)| [&ids[first..first + length], &vec![0; longest - length]].concat();
        integers(self.rows().flat_map(row).collect()).reshape([self.lengths.len(), longest])
    }

    /// First token and length of each row.
    fn rows(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let first = |index: usize| self.lengths[..index].iter().sum();
        self.lengths.iter().enumerate().map(move |(index, length)| (first(index), *length))
    }

    fn longest(&self) -> usize {
        *self.lengths.iter().max().expect("a row")
    }
}

/// Computes both ways and compares the result and the gradient of every input.
///
/// `compute` gets copies of the inputs and returns `[tokens, W]`; the gradient is that of a sum with uneven factors.
fn agree(
    shape: &Shape,
    inputs: &[Tensor<2>],
    compute: impl Fn(&Way, Vec<Tensor<2>>) -> Tensor<2>,
) -> Result<(), TestCaseError> {
    let floats = |tensor: Tensor<2>| tensor.into_data().try_to_vec::<f32>().expect("floats");
    let run = |way: &Way| {
        let out = compute(way, inputs.to_vec());
        let factors = TensorData::new(numbers(out.dims().iter().product(), 5), out.dims());
        let gradients = (out.clone() * Tensor::from_data(factors, &device())).sum().backward();
        let found = inputs.iter().map(|input| input.grad(&gradients).map(floats)).collect::<Vec<_>>();
        (floats(out), found)
    };
    let ((own, own_gradients), (composed, composed_gradients)) = (run(&Way::own(shape)), run(&Way::composed(shape)));
    close("result", &own, &composed)?;
    for (index, (own, composed)) in own_gradients.into_iter().zip(composed_gradients).enumerate() {
        prop_assert_eq!(own.is_some(), composed.is_some(), "a gradient of input {}", index);
        close(&format!("gradient of input {index}"), &own.unwrap_or_default(), &composed.unwrap_or_default())?;
    }
    Ok(())
}

fn close(what: &str, own: &[f32], composed: &[f32]) -> Result<(), TestCaseError> {
    prop_assert_eq!(own.len(), composed.len(), "{}", what);
    let size = composed.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
    for (at, (own, composed)) in own.iter().zip(composed).enumerate() {
        let fine = (own - composed).abs() <= TOLERANCE * size;
        prop_assert!(fine, "{}[{}]: {} where the composed operations give {}", what, at, own, composed);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn linear_maps(shape in shapes(true)) {
        let (width, inner) = (shape.width(), shape.inner);
        let inputs = [weight([shape.tokens(), width], 1), weight([width, inner], 2), weight([1, inner], 3)];
        agree(&shape, &inputs, |way, x| {
            way.gather(linear(way.lay(x[0].clone()), x[1].clone(), vector(&x[2]), &way.path))
        })?;
    }

    #[test]
    fn feed_forward_blocks(shape in shapes(false), kind in 0usize..4, prob in prop_oneof![Just(0.0), Just(0.3)]) {
        let activation = [Activation::Gelu, Activation::Relu, Activation::Silu, Activation::Geglu][kind];
        let first = if activation == Activation::Geglu { 2 * shape.inner } else { shape.inner };
        let width = shape.width();
        let inputs = [
            weight([shape.tokens(), width], 1), weight([width, first], 2), weight([1, first], 3),
            weight([shape.inner, width], 4), weight([1, width], 5),
        ];
        agree(&shape, &inputs, |way, x| {
            let block = FeedForward {
                first: (x[1].clone(), vector(&x[2])),
                second: (x[3].clone(), vector(&x[4])),
                activation,
                dropout: prob,
                drop_site: Some(DropSource { key: shape.seed, on_host: true }.site(3)),
            };
            way.gather(feed_forward(way.lay(x[0].clone()), block, &way.path))
        })?;
    }

    #[test]
    fn attention_over_padded_rows(shape in shapes(true), turned in any::<bool>()) {
        attends(&shape, turned, 0.0, None)?;
    }

    #[test]
    fn attention_with_dropout_over_full_rows(shape in shapes(false), turned in any::<bool>()) {
        attends(&shape, turned, 0.2, None)?;
    }

    #[test]
    fn local_attention(shape in shapes(true), turned in any::<bool>(), reach in 0usize..6) {
        attends(&shape, turned, 0.0, Some(reach))?;
    }

    #[test]
    fn norms_of_sums_with_dropout(shape in shapes(false), prob in prop_oneof![Just(0.0), Just(0.3)], sums in 0usize..3) {
        let width = shape.width().max(4);
        let inputs = [
            weight([shape.tokens(), width], 1), weight([shape.tokens(), width], 2),
            weight([1, width], 3), weight([1, width], 4),
        ];
        agree(&shape, &inputs, |way, x| {
            let (residual, values) = (way.lay(x[0].clone()), way.lay(x[1].clone()));
            let drop_site = Some(DropSource { key: shape.seed, on_host: true }.site(1));
            let branch = Branch { values, dropout: prob, drop_site };
            let (scale, bias) = (vector(&x[2]), vector(&x[3]));
            way.gather(match sums {
                0 => norm_of_sum(residual, branch, scale, bias, 1e-3, &way.path),
                1 => residual_sum(residual, branch, &way.path),
                _ => dropout(layer_norm(residual, scale, bias, 1e-3, &way.path), prob, drop_site, &way.path),
            })
        })?;
    }

    #[test]
    fn embeddings_with_positions(shape in shapes(true), learned in any::<bool>(), scaled in any::<bool>()) {
        let ids = words(shape.tokens(), shape.words, shape.seed);
        let inputs = [weight([shape.words, shape.width()], 1), weight([shape.longest() + 2, shape.width()], 2)];
        let scale = if scaled { 3.5 } else { 1.0 };
        agree(&shape, &inputs, |way, x| {
            let positions = learned.then(|| x[1].clone());
            way.gather(embed(way.lay_words(&ids), x[0].clone(), scale, positions, &way.path))
        })?;
    }

    #[test]
    fn scores_and_likeliest_words(shape in shapes(false), biased in any::<bool>(), tied in any::<bool>()) {
        let labels = words(shape.tokens(), shape.words, shape.seed);
        let table = weight([shape.words, shape.width()], 2);
        let inputs = [weight([shape.tokens(), shape.width()], 1), table, weight([1, shape.words], 3)];
        agree(&shape, &inputs, |way, x| {
            // A table that is used twice collects both gradients.
            let hidden = match tied {
                true => x[0].clone() + way.gather(embed(way.lay_words(&labels), x[1].clone(), 1.0, None, &way.path)),
                false => x[0].clone(),
            };
            let projection = Projection { table: x[1].clone(), bias: biased.then(|| vector(&x[2])) };
            score(hidden, projection, integers(labels.clone()), 0.25, &way.path).loss.unsqueeze::<2>()
        })?;
        let of = |way: Way| {
            let projection = Projection { table: inputs[1].clone(), bias: None };
            let scores = score(inputs[0].clone(), projection, integers(labels.clone()), 1.0, &way.path);
            let best = scores.best.into_data().try_to_vec_as::<i32>().expect("integers");
            (scores.nll.into_data().try_to_vec::<f32>().expect("floats"), best)
        };
        let (own, composed) = (of(Way::own(&shape)), of(Way::composed(&shape)));
        close("nats", &own.0, &composed.0)?;
        prop_assert_eq!(own.1, composed.1);
    }
}

fn attends(shape: &Shape, turned: bool, prob: f64, reach: Option<usize>) -> Result<(), TestCaseError> {
    let inputs = [weight([shape.tokens(), 3 * shape.width()], 1)];
    agree(shape, &inputs, |way, x| {
        let how = Attention {
            heads: shape.heads,
            dropout: prob,
            drop_site: Some(DropSource { key: shape.seed, on_host: true }.site(2)),
            rotary: turned.then(|| Arc::new(RotaryTable::new(shape.longest(), shape.head, 10_000.0))),
            reach,
        };
        way.gather(attention(way.lay(x[0].clone()), &way.path, how))
    })
}

/// More keys than one block of queries has room for: the sums over blocks are tested too.
#[test]
fn long_rows_go_block_by_block() {
    let shape = Shape { lengths: vec![1100], heads: 1, head: 8, inner: 1, words: 1, seed: 3 };
    attends(&shape, true, 0.1, None).expect("both ways agree");
    attends(&shape, true, 0.1, Some(40)).expect("both ways agree in local layers");
}
