//! Safetensors: a header of names, types, shapes and places, and the numbers behind it.

use safetensors::tensor::{SafeTensorError, TensorView};
use safetensors::{Dtype, SafeTensors};

use crate::{Array, Weights};

/// Why bytes are no weights.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// Python's own format, which can run programs when it is read.
    #[error(
        "it is a Python pickle or an archive of one, which may run any program when it is read, and is never read here; \
         convert it to safetensors where you trust it: in Python, safetensors.torch.save_file(torch.load(FILE, \
         weights_only=True), 'model.safetensors')"
    )]
    Pickle,
    /// No file of the format, or a damaged one.
    #[error("it is no safetensors file, or a damaged one: {0}; get it anew")]
    Format(#[source] SafeTensorError),
    /// A value that no sound training leaves behind.
    #[error("value {at} of `{name}` is {value}")]
    NotFinite {
        /// The weight.
        name: String,
        /// Where in it.
        at: usize,
        /// NaN or an infinity.
        value: f32,
    },
}

/// How pickles of protocol 2 and above begin, and how archives do: PyTorch's files are one or the other.
const PICKLES: [&[u8]; 5] = [b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04"];

/// The tensors of a safetensors file, their places checked against the bytes there are: nothing is read or taken memory for
/// before its size is known to be true.
///
/// # Errors
/// [`WeightsError::Pickle`], [`WeightsError::Format`].
pub fn open(bytes: &[u8]) -> Result<SafeTensors<'_>, WeightsError> {
    SafeTensors::deserialize(bytes).map_err(|cause| match PICKLES.iter().any(|start| bytes.starts_with(start)) {
        true => WeightsError::Pickle,
        false => WeightsError::Format(cause),
    })
}

/// All tensors of floats of a safetensors file; 16-bit and 64-bit ones become 32-bit. Others (position ids), those without an
/// axis and those without a value are left out.
///
/// # Errors
/// [`WeightsError`].
pub fn parse(bytes: &[u8]) -> Result<Weights, WeightsError> {
    let tensors = open(bytes)?;
    let mut found = Weights::new();
    for (name, view) in tensors.iter() {
        // An axis of none may stand beside one of 2^60, which somebody would count along.
        let values = floats(view.dtype(), view.data()).filter(|values| !view.shape().is_empty() && !values.is_empty());
        let Some(values) = values else { continue };
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(WeightsError::NotFinite { name: name.into(), at, value: values[at] });
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
pub fn bytes(weights: &Weights) -> Vec<u8> {
    let raw = |array: &Array| array.values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let raw = weights.iter().map(|(name, array)| (name, array, raw(array))).collect::<Vec<_>>();
    let views = raw.iter().map(|(name, array, bytes)| {
        let view = TensorView::new(Dtype::F32, array.shape.clone(), bytes).expect("as many bytes as the shape holds");
        ((*name).clone(), view)
    });
    let metadata = [("format".to_string(), "pt".to_string())].into();
    safetensors::serialize(views, Some(metadata)).expect("no tensor name is given twice")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let array = Array { shape: vec![2, 2], values: vec![1.0, -2.5, 3.25, 0.0] };
        let weights = Weights::from([("a".to_string(), array)]);
        assert_eq!(parse(&bytes(&weights)).unwrap(), weights);
    }

    #[test]
    fn sizes_that_are_not_true_are_refused() {
        let one = |shape: &str, from: u64, to: u64| {
            file(&format!("{{\"a\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[{from},{to}]}}}}"), &[0; 8])
        };
        assert_eq!(parse(&one("[2]", 0, 8)).unwrap()["a"].shape, [2]);
        let mut too_long = one("[2]", 0, 8);
        too_long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        let shapes = ["[3]", "[2,18446744073709551615]", "[4294967296,4294967296,2]", "[-1]", "[1.5]"];
        let mut broken: Vec<Vec<u8>> = shapes.map(|shape| one(shape, 0, 8)).to_vec();
        broken.extend([one("[2]", 0, 16), one("[2]", 8, 0), one("[0]", u64::MAX, u64::MAX), too_long, Vec::new()]);
        for bytes in broken {
            let error = parse(&bytes).unwrap_err();
            assert!(matches!(error, WeightsError::Format(_)), "{error}");
            assert!(error.to_string().starts_with("it is no safetensors file, or a damaged one: "), "{error}");
        }
    }

    #[test]
    fn pickles_are_told_by_their_first_bytes_and_never_read() {
        for bytes in [&b"\x80\x02}q\x00."[..], b"\x80\x04\x95", b"PK\x03\x04\x00\x00archive/data.pkl"] {
            let error = parse(bytes).unwrap_err();
            assert!(matches!(error, WeightsError::Pickle) && error.to_string().contains("convert it to safetensors"));
        }
        assert!(matches!(parse(b"\x93NUMPY").unwrap_err(), WeightsError::Format(_)));
    }

    #[test]
    fn a_tensor_of_nothing_is_left_out_and_one_that_is_not_finite_refused() {
        let header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[0,1152921504606846976],\"data_offsets\":[0,0]}}";
        assert!(parse(&file(header, &[])).unwrap().is_empty());
        let header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
        let error = parse(&file(header, &f32::INFINITY.to_le_bytes())).unwrap_err();
        assert_eq!(error.to_string(), "value 0 of `a` is inf");
    }

    #[test]
    fn sixteen_bits_become_the_numbers_they_stand_for() {
        let halves = [0x0000, 0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x3555].map(f16);
        assert_eq!(halves, [0.0, 1.0, -2.0, 65504.0, 6.103_515_6e-5, 5.960_464_5e-8, 0.333_251_95]);
        assert!(f16(0x7c00).is_infinite() && f16(0x7e00).is_nan());
        assert_eq!([bf16(0x3f80), bf16(0xc049)], [1.0, -3.140_625]);
    }
}
