//! Tokens and positions to vectors.

use burn::{
    module::{Module, Param},
    tensor::{Device, Int, Tensor, TensorData},
};
use case::{EncoderConfig, PositionKind};
use kernels::{DropSource, Path, dropout, embed};

use crate::{
    page::PageTables,
    parts::{LayerNorm, Linear, matrix},
};

/// What is read: ids, which segment each belongs to, and where on its page it stands.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// `[B, T]`, each below V.
    pub input_ids: Tensor<2, Int>,
    /// `[B, T]`, each below `segments`; all in the first where it is absent. Left alone by an encoder of one segment (RoBERTa)
    /// or none.
    pub token_type_ids: Option<Tensor<2, Int>>,
    /// `[B, T, 4]`, in 0..=1000; all 0 where they are absent. Left alone by an encoder without boxes.
    pub boxes: Option<Tensor<3, Int>>,
}

impl From<Tensor<2, Int>> for Tokens {
    fn from(input_ids: Tensor<2, Int>) -> Self {
        Self { input_ids, token_type_ids: None, boxes: None }
    }
}

/// Token embeddings, positions, segments, boxes, norm and dropout, then the map to the hidden size where the table is narrower.
///
/// # Source
/// Devlin et al. 2018, §3; Vaswani et al. 2017, §3.4 and §3.5 for the scale and the sinusoids; Clark et al. 2020's code for
/// the map, after norm and dropout.
#[derive(Module, Debug)]
pub struct Embeddings {
    /// `[V, E]`, E the embeddings' width; also the output projection when that is tied.
    pub token: Param<Tensor<2>>,
    /// `[seq_len, E]` for learned positions.
    pub position: Option<Param<Tensor<2>>>,
    /// `[segments, E]`, where the case has segments.
    pub segment: Option<Param<Tensor<2>>>,
    /// Where the case has boxes.
    pub page: Option<PageTables>,
    /// After the sum, where the case asks for it.
    pub norm: Option<LayerNorm>,
    /// `[E, D]`, where E is not D.
    pub project: Option<Linear>,
    #[module(skip)]
    config: EncoderConfig,
}

impl Embeddings {
    pub(crate) fn zeros(config: &EncoderConfig, vocab_size: usize, device: &Device) -> Self {
        let width = config.table_width();
        let project = || Linear::zeros(width, config.d_model, config.biases, device);
        Self {
            token: matrix(vocab_size, width, device),
            position: (config.position == PositionKind::Learned).then(|| matrix(config.seq_len, width, device)),
            segment: (config.segments > 0).then(|| matrix(config.segments, width, device)),
            page: config.boxes.then(|| PageTables::zeros(width, device)),
            norm: config.embedding_norm.then(|| LayerNorm::zeros(width, config, device)),
            project: (width != config.d_model).then(project),
            config: config.clone(),
        }
    }

    /// Vectors of the tokens, before any layer.
    ///
    /// # Shapes
    /// - `tokens`: `[B, T]`, T at most `seq_len`; returns `[B, T, D]`
    ///
    /// # Panics
    /// If T is larger than the learned position table.
    pub fn forward(&self, tokens: impl Into<Tokens>, path: &Path, drop: Option<DropSource>) -> Tensor<3> {
        let Tokens { input_ids, token_type_ids, boxes } = tokens.into();
        let [rows, columns] = input_ids.dims();
        let (width, device) = (self.config.table_width(), input_ids.device());
        let longest = path.longest(input_ids.dims()[1]);
        let scale = if self.config.scale_embeddings { (width as f64).sqrt() } else { 1.0 };
        let sinusoidal = self.config.position == PositionKind::Sinusoidal;
        let learned = self.position.as_ref().map(Param::val);
        let positions = learned.or_else(|| sinusoidal.then(|| sinusoid_table(longest, width, &device)));
        let mut hidden = embed(input_ids, self.token.val(), scale, positions, path);
        if let Some(segment) = &self.segment {
            hidden = hidden + segment_vectors(segment.val(), token_type_ids);
        }
        if let Some(page) = &self.page {
            hidden = hidden + page.forward(boxes.unwrap_or_else(|| Tensor::zeros([rows, columns, 4], &device)));
        }
        if let Some(norm) = &self.norm {
            hidden = norm.forward(hidden, path);
        }
        let prob = self.config.hidden_dropout.unwrap_or(self.config.dropout);
        let hidden = dropout(hidden, prob, drop.map(|source| source.site(0)), path);
        match &self.project {
            Some(project) => project.forward(hidden, path),
            None => hidden,
        }
    }
}

/// What segments add: `[B, T, E]`, or `[1, 1, E]` where all tokens are in the first.
fn segment_vectors(table: Tensor<2>, token_type_ids: Option<Tensor<2, Int>>) -> Tensor<3> {
    let Some(ids) = token_type_ids.filter(|_| table.dims()[0] > 1) else {
        return table.narrow(0, 0, 1).unsqueeze::<3>();
    };
    let ([batch, tokens], width) = (ids.dims(), table.dims()[1]);
    table.select(0, ids.reshape([batch * tokens])).reshape([batch, tokens, width]) // [B, T, E]
}

/// Sines in even columns, cosines in odd ones, of `t / 10000^(2i / E)`, on the host.
///
/// # Shapes
/// - returns `[T, E]`, row-major; E is even
///
/// # Source
/// Vaswani et al. 2017, §3.5.
pub fn sinusoids(tokens: usize, width: usize) -> Vec<f32> {
    let value = |at: usize| {
        let (t, column) = (at / width, at % width);
        let angle = t as f64 / 10_000f64.powf((column - column % 2) as f64 / width as f64);
        (if column % 2 == 0 { angle.sin() } else { angle.cos() }) as f32
    };
    (0..tokens * width).map(value).collect()
}

fn sinusoid_table(tokens: usize, width: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(sinusoids(tokens, width), [tokens, width]), device)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Int, Tensor};

    use super::segment_vectors;

    #[test]
    fn the_second_of_two_texts_is_in_the_first_segment_where_there_is_no_other() {
        let device = Device::flex();
        let ids = || Some(Tensor::<2, Int>::from_ints([[0, 1]], &device));
        let one = segment_vectors(Tensor::from_floats([[3.0, 4.0]], &device), ids());
        assert_eq!(one.into_data().try_to_vec::<f32>().unwrap(), [3.0, 4.0]);
        let two = segment_vectors(Tensor::from_floats([[3.0, 4.0], [5.0, 6.0]], &device), ids());
        assert_eq!(two.into_data().try_to_vec::<f32>().unwrap(), [3.0, 4.0, 5.0, 6.0]);
    }
}
