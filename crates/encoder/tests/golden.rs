//! Five small encoders against PyTorch: embeddings, first layer, hidden states, logits, loss and every gradient.
//!
//! The fixtures were computed in float64 by `fixtures/make_encoder.py`, which names its versions in each file.

use std::sync::Arc;

use burn::{
    module::Module,
    tensor::{Bool, Device, Int, Tensor, TensorData},
};
use case::EncoderConfig;
use casebook_encoder::{HeadKind, LayerPass, Model, Scored, flat_gradients, flat_weights, from_peer, with_weights};
use kernels::{Path, RotaryTable, Span, Spans};
use safetensors::{Dtype, SafeTensors};

/// Values of order 1 to 10 after two layers of f32 sums in another order than f64's: a few hundred times 6e-8.
const ATOL: f32 = 2e-5;

struct Golden {
    bytes: Vec<u8>,
    config: EncoderConfig,
}

impl Golden {
    fn read(variant: &str) -> Self {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{variant}.safetensors"));
        let bytes = std::fs::read(&path).expect("a committed fixture");
        let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("a safetensors header");
        let made = metadata.metadata().as_ref().expect("metadata")["made"].clone();
        let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
        let mut model = made["model"].clone();
        model["seq_len"] = 12.into();
        model["dropout"] = 0.0.into();
        let config = serde_json::from_value(model).expect("keys of the case file's [model]");
        Self { bytes, config }
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).expect("a safetensors file")
    }

    fn floats(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let tensors = self.tensors();
        let view = tensors.tensor(name).ok()?;
        assert_eq!(view.dtype(), Dtype::F32, "{name}");
        let values = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Some((view.shape().to_vec(), values))
    }

    fn integers(&self, name: &str) -> (Vec<usize>, Vec<i32>) {
        let tensors = self.tensors();
        let view = tensors.tensor(name).expect("in every fixture");
        assert_eq!(view.dtype(), Dtype::I32, "{name}");
        (view.shape().to_vec(), view.data().as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect())
    }

    fn model(&self, device: &Device) -> Model {
        let vocab_size = self.floats("w.tok.weight").expect("a token table").0[0];
        let model = Model::zeros(&self.config, vocab_size, HeadKind::Words, device);
        let values = from_peer(&flat_weights(&model), |name| self.floats(&format!("w.{name}"))).expect("all weights");
        let plain = device.clone().without_autodiff();
        let values = values.into_iter().map(|one| {
            let count = one.len();
            Tensor::from_data(TensorData::new(one, [count]), &plain)
        });
        with_weights(model, values.collect())
    }

    fn input_ids(&self, device: &Device) -> Tensor<2, Int> {
        let (shape, values) = self.integers("input_ids");
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    fn mask_pad(&self, device: &Device) -> Tensor<2, Bool> {
        let (shape, _) = self.integers("input_ids");
        let values =
            self.integers("lengths").1.into_iter().flat_map(|length| (0..shape[1] as i32).map(move |t| t >= length));
        Tensor::from_data(TensorData::new(values.collect::<Vec<_>>(), shape), device)
    }

    /// Holds `[B, T, D]` values against the fixture's, rows at padding left out.
    fn assert_hidden(&self, name: &str, found: Tensor<3>) {
        let (shape, wanted) = self.floats(name).expect("in every fixture");
        let lengths = self.integers("lengths").1;
        let real = |at: usize| (at / shape[2] % shape[1]) < lengths[at / shape[2] / shape[1]] as usize;
        assert_close(name, &values(found), &wanted, real);
    }
}

fn values<const R: usize>(tensor: Tensor<R>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("floats")
}

fn assert_close(name: &str, found: &[f32], wanted: &[f32], counts: impl Fn(usize) -> bool) {
    assert_eq!(found.len(), wanted.len(), "{name}");
    let size = wanted.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
    for (at, (found, wanted)) in found.iter().zip(wanted).enumerate().filter(|(at, _)| counts(*at)) {
        assert!((found - wanted).abs() <= ATOL * size, "{name}[{at}]: {found} where PyTorch has {wanted}");
    }
}

/// Burn's operations on padded rows, or own kernels on rows without padding.
enum Way {
    Composed,
    Own,
}

impl Golden {
    fn lengths(&self) -> Vec<usize> {
        self.integers("lengths").1.into_iter().map(|length| length as usize).collect()
    }

    /// Ids, scored positions and path as `way` wants them.
    fn laid(&self, way: &Way, device: &Device) -> (Tensor<2, Int>, Vec<i32>, Path) {
        let positions = self.integers("positions").1;
        let Way::Own = way else {
            return (self.input_ids(device), positions, Path::Composed { mask_pad: Some(self.mask_pad(device)) });
        };
        let (shape, ids) = self.integers("input_ids");
        let spans = Spans::new(self.lengths());
        let rows = ids.chunks(shape[1]).zip(spans.all());
        let real = rows.flat_map(|(row, span)| row[..span.count].to_vec()).collect::<Vec<_>>();
        let moved = |at: i32| (spans.all()[at as usize / shape[1]].first + at as usize % shape[1]) as i32;
        let ids = Tensor::from_data(TensorData::new(real, [1, spans.total()]), device);
        (ids, positions.into_iter().map(moved).collect(), Path::Own(Arc::new(spans)))
    }

    /// `[1, tokens, D]` of own kernels as `[B, T, D]`, zeros at padding.
    fn padded(&self, way: &Way, hidden: Tensor<3>) -> Tensor<3> {
        let Way::Own = way else { return hidden };
        let (shape, _) = self.integers("input_ids");
        let width = hidden.dims()[2];
        let row = |span: &Span| {
            let real = hidden.clone().narrow(1, span.first, span.count);
            let padding = Tensor::zeros([1, shape[1] - span.count, width], &hidden.device());
            Tensor::cat(vec![real, padding], 1)
        };
        Tensor::cat(Spans::new(self.lengths()).all().iter().map(row).collect(), 0)
    }
}

fn agrees_with_pytorch(variant: &str) {
    for way in [Way::Composed, Way::Own] {
        one_way_agrees_with_pytorch(variant, &way);
    }
}

fn one_way_agrees_with_pytorch(variant: &str, way: &Way) {
    let golden = Golden::read(variant);
    let device = Device::flex().autodiff();
    let model = golden.model(&device);
    let (ids, positions, path) = golden.laid(way, &device);
    let assert_hidden = |name: &str, found| golden.assert_hidden(name, golden.padded(way, found));

    let embeddings = model.encoder.embeddings.forward(ids.clone(), &path, None);
    assert_hidden("embeddings", embeddings.clone());
    let rotary = golden.config.position == case::PositionKind::Rotary;
    let rotary = rotary.then(|| Arc::new(RotaryTable::new(12, golden.config.d_model / golden.config.h, 10_000.0)));
    let pass = LayerPass { path: path.clone(), rotary, local_rotary: None, drop: None };
    assert_hidden("layer0", model.encoder.layers[0].forward(embeddings, 0, &pass));
    assert_hidden("hidden", model.encoder.forward(ids.clone(), &path, None));

    let integers = |values: &[i32]| Tensor::<1, Int>::from_ints(values, &device);
    let logits = model.logits(ids.clone(), &path, integers(&positions));
    assert_close("logits", &values(logits), &golden.floats("logits").expect("logits").1, |_| true);
    let labels = golden.integers("labels").1;
    let scale = 1.0 / labels.len() as f64;
    let scored = Scored { tokens: ids.into(), positions: integers(&positions), labels: integers(&labels), scale };
    let loss = model.score(scored, &path, None).loss;
    assert_close("loss", &values(loss.clone()), &golden.floats("loss").expect("loss").1, |_| true);

    let found = flat_gradients(&model, &mut loss.backward());
    let weights = flat_weights(&model);
    let wanted = from_peer(&weights, |name| golden.floats(&format!("g.{name}"))).expect("a gradient of every weight");
    for ((weight, found), wanted) in weights.iter().zip(found).zip(wanted) {
        let found = found.unwrap_or_else(|| panic!("{} has no gradient", weight.name));
        assert_close(&weight.name, &values(found), &wanted, |_| true);
    }
}

#[test]
fn post_norm_bert_agrees_with_pytorch() {
    agrees_with_pytorch("post-gelu-learned");
}

#[test]
fn pre_norm_agrees_with_pytorch() {
    agrees_with_pytorch("pre-gelu-learned");
}

#[test]
fn relu_with_scaled_embeddings_and_sinusoids_agrees_with_pytorch() {
    agrees_with_pytorch("pre-relu-sinusoidal");
}

#[test]
fn rotary_positions_with_silu_agree_with_pytorch() {
    agrees_with_pytorch("pre-silu-rotary");
}

#[test]
fn geglu_with_an_output_of_its_own_agrees_with_pytorch() {
    agrees_with_pytorch("post-geglu-untied");
}

#[test]
fn a_row_alone_equals_the_row_in_a_batch() {
    let golden = Golden::read("pre-gelu-learned");
    let device = Device::flex();
    let model = golden.model(&device.clone().autodiff()).valid();
    let padded = Path::Composed { mask_pad: Some(golden.mask_pad(&device)) };
    let together = model.encoder.forward(golden.input_ids(&device), &padded, None);
    for (row, length) in golden.integers("lengths").1.into_iter().enumerate() {
        let (length, width) = (length as usize, golden.config.d_model);
        let ids = golden.input_ids(&device).narrow(0, row, 1).narrow(1, 0, length);
        let alone = values(model.encoder.forward(ids, &Path::Composed { mask_pad: None }, None));
        let in_batch = values(together.clone().narrow(0, row, 1).narrow(1, 0, length));
        assert_eq!(alone.len(), length * width);
        assert_close("row", &alone, &in_batch, |_| true);
    }
}

#[test]
fn the_tied_table_is_one_weight() {
    let golden = Golden::read("post-gelu-learned");
    let model = golden.model(&Device::flex());
    let names = flat_weights(&model).into_iter().map(|flat| flat.name).collect::<Vec<_>>();
    assert_eq!(names.iter().filter(|name| name.contains("token")).count(), 1, "{names:?}");
    assert!(!names.contains(&"head.weight".to_string()), "{names:?}");
}

#[test]
fn a_weight_of_another_shape_is_refused_by_name() {
    let golden = Golden::read("post-gelu-learned");
    let model = Model::zeros(&EncoderConfig { ff: 65, ..golden.config.clone() }, 67, HeadKind::Words, &Device::flex());
    let error = from_peer(&flat_weights(&model), |name| golden.floats(&format!("w.{name}"))).expect_err("64, not 65");
    assert_eq!(error.to_string(), "weight `blocks.0.ff1.weight` has shape [32, 64] where the model wants [32, 65]");
    let error = from_peer(&flat_weights(&model), |_| None).expect_err("nothing there");
    assert_eq!(error.to_string(), "the weights have no `tok.weight`");
    let error = casebook_encoder::peer_name("encoder.bogus").expect_err("no such weight");
    assert_eq!(error.to_string(), "weight `encoder.bogus` has no counterpart in the hand-written PyTorch encoder");
}
