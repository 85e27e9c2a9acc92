//! Names and layouts of weights in other programs.

use crate::{Flat, WeightError};

/// The name in the hand-written PyTorch encoder for each weight of ours, and whether its matrix is transposed there.
///
/// | ours | PyTorch |
/// |---|---|
/// | `encoder.embeddings.token` | `tok.weight` |
/// | `encoder.embeddings.position` | `pos.weight` |
/// | `encoder.embeddings.norm.*` | `emb_norm.*` |
/// | `encoder.layers.I.qkv.*` | `blocks.I.qkv.*` |
/// | `encoder.layers.I.attention_out.*` | `blocks.I.out.*` |
/// | `encoder.layers.I.attention_norm.*` | `blocks.I.norm1.*` |
/// | `encoder.layers.I.ff_in.*` | `blocks.I.ff1.*` |
/// | `encoder.layers.I.ff_out.*` | `blocks.I.ff2.*` |
/// | `encoder.layers.I.ff_norm.*` | `blocks.I.norm2.*` |
/// | `encoder.norm.*` | `final_norm.*` |
/// | `head.transform.dense.*` | `head_dense.*` |
/// | `head.transform.norm.*` | `head_norm.*` |
/// | `head.weight` | `out.weight` |
/// | `head.bias` | `head_bias` |
///
/// # Errors
/// [`WeightError::NoCounterpart`] for a name that is in no row of the table.
pub fn peer_name(ours: &str) -> Result<(String, bool), WeightError> {
    let no = || WeightError::NoCounterpart { ours: ours.to_string() };
    let dense = |name: &str, part: &str| Ok((format!("{name}.{part}"), part == "weight"));
    let plain = |name: String| Ok((name, false));
    let path = ours.split('.').collect::<Vec<_>>();
    match path[..] {
        ["encoder", "embeddings", "token"] => plain("tok.weight".into()),
        ["encoder", "embeddings", "position"] => plain("pos.weight".into()),
        ["encoder", "embeddings", "norm", part] => plain(format!("emb_norm.{part}")),
        ["encoder", "norm", part] => plain(format!("final_norm.{part}")),
        ["encoder", "layers", index, block, part] => match block {
            "qkv" => dense(&format!("blocks.{index}.qkv"), part),
            "attention_out" => dense(&format!("blocks.{index}.out"), part),
            "attention_norm" => plain(format!("blocks.{index}.norm1.{part}")),
            "ff_in" => dense(&format!("blocks.{index}.ff1"), part),
            "ff_out" => dense(&format!("blocks.{index}.ff2"), part),
            "ff_norm" => plain(format!("blocks.{index}.norm2.{part}")),
            _ => Err(no()),
        },
        ["head", "transform", "dense", part] => dense("head_dense", part),
        ["head", "transform", "norm", part] => plain(format!("head_norm.{part}")),
        ["head", "weight"] => plain("out.weight".into()),
        ["head", "bias"] => plain("head_bias".into()),
        _ => Err(no()),
    }
}

/// Values for the weights of a model, in its order, out of a file of the hand-written PyTorch encoder.
///
/// `lookup` gives the shape and the row-major values of a weight by its name there.
///
/// # Errors
/// [`WeightError`] where a weight is missing or has another shape.
pub fn from_peer(
    weights: &[Flat],
    lookup: impl Fn(&str) -> Option<(Vec<usize>, Vec<f32>)>,
) -> Result<Vec<Vec<f32>>, WeightError> {
    let one = |weight: &Flat| {
        let (name, transposed) = peer_name(&weight.name)?;
        let (mut found, values) = lookup(&name).ok_or(WeightError::Missing { name: name.clone() })?;
        let (rows, columns) = (found[0], *found.get(1).unwrap_or(&1));
        let values = if transposed { transpose(&values, rows, columns) } else { values };
        if transposed {
            found.reverse();
        }
        if found != weight.shape {
            return Err(WeightError::Shape { name, found, wanted: weight.shape.clone() });
        }
        Ok(values)
    };
    weights.iter().map(one).collect()
}

fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}
