//! Named weights as plain floats, and safetensors files of them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::ExchangeError;

/// One weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// One or two axes.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Vec<f32>,
}

/// Weights by name.
pub type Weights = BTreeMap<String, Array>;

impl Array {
    /// Zeros of a shape.
    pub(crate) fn zeros(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), values: vec![0.0; shape.iter().product()] }
    }

    /// Rows and columns swapped.
    pub(crate) fn transposed(&self) -> Self {
        let (rows, columns) = (self.shape[0], self.shape[1]);
        let column = |column: usize| (0..rows).map(move |row| row * columns + column);
        let values = (0..columns).flat_map(column).map(|at| self.values[at]).collect();
        Self { shape: vec![columns, rows], values }
    }

    /// Rows `from` to the end, or up to `count` of them.
    pub(crate) fn rows(&self, from: usize, count: usize) -> Self {
        let width = self.shape[1..].iter().product::<usize>();
        let count = count.min(self.shape[0] - from);
        let mut shape = self.shape.clone();
        shape[0] = count;
        Self { shape, values: self.values[from * width..(from + count) * width].to_vec() }
    }

    /// The same below `count` rows of zeros.
    pub(crate) fn below(&self, count: usize) -> Self {
        let width = self.shape[1..].iter().product::<usize>();
        let mut shape = self.shape.clone();
        shape[0] += count;
        Self { shape, values: [vec![0.0; count * width], self.values.clone()].concat() }
    }

    /// One below the other.
    pub(crate) fn stacked(parts: &[Self]) -> Self {
        let mut shape = parts[0].shape.clone();
        shape[0] = parts.iter().map(|part| part.shape[0]).sum();
        Self { shape, values: parts.iter().flat_map(|part| part.values.iter().copied()).collect() }
    }

    /// Every value times a factor.
    pub(crate) fn scaled(&self, factor: f64) -> Self {
        let values = self.values.iter().map(|value| (f64::from(*value) * factor) as f32).collect();
        Self { shape: self.shape.clone(), values }
    }
}

/// Reads all tensors of floats of a safetensors file; 16-bit and 64-bit ones become 32-bit. Others (position ids), and those
/// without an axis, are left out.
///
/// # Errors
/// [`ExchangeError::Read`], [`ExchangeError::Weights`].
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Weights, ExchangeError> {
    let wrong = |why: String| ExchangeError::Weights { path: path.into(), why };
    let tensors = SafeTensors::deserialize(bytes).map_err(|cause| wrong(cause.to_string()))?;
    let mut found = Weights::new();
    for (name, view) in tensors.iter() {
        let values = floats(view.dtype(), view.data()).filter(|_| !view.shape().is_empty());
        let Some(values) = values else { continue };
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(wrong(format!("value {at} of `{name}` is {}", values[at])));
        }
        found.insert(name.to_string(), Array { shape: view.shape().to_vec(), values });
    }
    Ok(found)
}

fn floats(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    match dtype {
        Dtype::F32 => Some(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()),
        Dtype::F64 => Some(bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect()),
        Dtype::BF16 => Some(bytes.as_chunks().0.iter().map(|bytes| bf16(u16::from_le_bytes(*bytes))).collect()),
        Dtype::F16 => Some(bytes.as_chunks().0.iter().map(|bytes| f16(u16::from_le_bytes(*bytes))).collect()),
        _ => None,
    }
}

/// The upper half of a 32-bit float.
fn bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// One sign, five exponent and ten fraction bits (IEEE 754 binary16).
fn f16(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

/// The bytes of a safetensors file; `format: pt` among its metadata, without which older versions of transformers refuse
/// it.
pub(crate) fn bytes(weights: &Weights) -> Vec<u8> {
    let raw = |array: &Array| array.values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let raw = weights.iter().map(|(name, array)| (name, array, raw(array))).collect::<Vec<_>>();
    let views = raw.iter().map(|(name, array, bytes)| {
        let view = TensorView::new(Dtype::F32, array.shape.clone(), bytes).expect("as many bytes as the shape holds");
        ((*name).clone(), view)
    });
    let metadata = [("format".to_string(), "pt".to_string())].into();
    safetensors::serialize(views, Some(metadata)).expect("no tensor name is given twice")
}

/// The safetensors files of a folder in the hub's layout: one, or the shards that an index lists.
///
/// # Errors
/// [`ExchangeError::Pickle`], [`ExchangeError::Lacks`], [`ExchangeError::Config`] for a broken index.
pub(crate) fn files_of(folder: &Path) -> Result<Vec<PathBuf>, ExchangeError> {
    let single = folder.join("model.safetensors");
    if single.is_file() {
        return Ok(vec![single]);
    }
    let index = folder.join("model.safetensors.index.json");
    if index.is_file() {
        return shards(&index, folder);
    }
    let is_pickle = |name: &str| [".bin", ".pt", ".pth", ".ckpt", ".pkl"].iter().any(|ending| name.ends_with(ending));
    let entries = fs::read_dir(folder).map_err(|cause| ExchangeError::Read { path: folder.into(), cause })?;
    let mut names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>();
    names.sort();
    Err(match names.into_iter().find(|name| is_pickle(name)) {
        Some(file) => ExchangeError::Pickle { folder: folder.into(), file },
        None => ExchangeError::Lacks {
            folder: folder.into(),
            wanted: "model.safetensors".into(),
            hint: "name the folder that holds a model's config.json, weights and tokenizer.json".into(),
        },
    })
}

fn shards(index: &Path, folder: &Path) -> Result<Vec<PathBuf>, ExchangeError> {
    let wrong = |why: String| ExchangeError::Config { path: index.into(), why };
    let json = crate::files::read_json(index)?;
    let map = json["weight_map"].as_object().ok_or_else(|| wrong("it has no `weight_map`".into()))?;
    let mut names = map.values().filter_map(|name| name.as_str()).collect::<Vec<_>>();
    names.sort_unstable();
    names.dedup();
    let is_plain = |name: &str| Path::new(name).file_name().is_some_and(|file| file == name);
    match names.iter().find(|name| !is_plain(name)) {
        Some(name) => Err(wrong(format!("it names {name:?}, which is no file of its folder"))),
        None => Ok(names.into_iter().map(|name| folder.join(name)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Array, bf16, f16};

    #[test]
    fn sixteen_bits_become_the_numbers_they_stand_for() {
        let halves = [0x0000, 0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x3555].map(f16);
        assert_eq!(halves, [0.0, 1.0, -2.0, 65504.0, 6.103_515_6e-5, 5.960_464_5e-8, 0.333_251_95]);
        assert!(f16(0x7c00).is_infinite() && f16(0x7e00).is_nan());
        assert_eq!([bf16(0x3f80), bf16(0xc049)], [1.0, -3.140_625]);
    }

    #[test]
    fn rows_are_cut_and_put_below_zeros() {
        let array = Array { shape: vec![3, 2], values: vec![1., 2., 3., 4., 5., 6.] };
        assert_eq!(array.rows(1, 9).below(1), Array { shape: vec![3, 2], values: vec![0., 0., 3., 4., 5., 6.] });
        assert_eq!(array.transposed().values, [1., 3., 5., 2., 4., 6.]);
        assert_eq!(array.transposed().transposed(), array);
    }
}
