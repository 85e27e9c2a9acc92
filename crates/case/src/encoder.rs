//! The keys of `[model]`: the encoder's shape.

use serde::{Deserialize, Serialize};

/// The encoder's shape.
///
/// # Source
/// Devlin et al. 2018, §3 and appendix A.2; Vaswani et al. 2017, §3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderConfig {
    /// Hidden size D.
    pub d_model: usize,
    /// Attention heads N; divides `d_model`.
    pub h: usize,
    /// Feed-forward size F.
    pub ff: usize,
    /// Layers.
    pub n_layers: usize,
    /// Drop probability, 0..1, wherever no narrower key is set.
    pub dropout: f64,
    /// Drop probability of attention weights; `dropout` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention_dropout: Option<f64>,
    /// Drop probability after the embeddings and inside the feed-forward block's hidden layer (`dropout` after the
    /// embeddings and 0 inside the block when absent, as BERT does).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_dropout: Option<f64>,
    /// Drop probability of each block's output before it is added to the residual stream; `dropout` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residual_dropout: Option<f64>,
    /// Tokens per row T, special tokens included.
    pub seq_len: usize,
    /// LayerNorm before each block with one after the stack (`pre`), or after each residual sum (`post`, BERT).
    pub norm: NormPlacement,
    /// LayerNorm epsilon.
    pub layer_norm_eps: f64,
    /// How positions enter.
    pub position: PositionKind,
    /// Multiply token embeddings by the square root of their width (Vaswani et al. 2017, §3.4).
    pub scale_embeddings: bool,
    /// LayerNorm after the embeddings (BERT: yes).
    pub embedding_norm: bool,
    /// Segments (token types), each with a trained vector that is added to its tokens; 0 for none. Pre-training puts all
    /// text into the first (BERT: 2).
    pub segments: usize,
    /// 2-D positions: each token has the vectors of its box on the page, in 0..=1000 (Xu et al. 2020, LayoutLM). Text without
    /// pages has the box 0, 0, 0, 0.
    pub boxes: bool,
    /// Width of the embeddings where it is not `d_model`: one linear map leads from it to `d_model`, and `head_transform`
    /// back (ELECTRA).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_width: Option<usize>,
    /// Biases in linear maps and norms; the output projection's is `output_bias` (ModernBERT: no).
    pub biases: bool,
    /// With norm = "pre": LayerNorm before the first layer's attention (ModernBERT: no, the embeddings' stands there).
    pub first_norm: bool,
    /// Base of the angles of position = "rotary", above 1 (ModernBERT: 160000).
    pub rotary_base: f64,
    /// Local layers: a token sees those at most half so many tokens away. Every layer sees all tokens when absent. What is
    /// not seen is computed and hidden: no time is saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_window: Option<usize>,
    /// With `local_window`: every so many-th layer sees all tokens, the first among them; the others are local.
    pub global_every: usize,
    /// Base of rotary angles in local layers, above 1; `rotary_base` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_rotary_base: Option<f64>,
    /// Activation of the feed-forward block.
    pub activation: Activation,
    /// The output projection is the token embedding table.
    pub tied_output: bool,
    /// Dense, activation and LayerNorm before the output projection (BERT: yes).
    pub head_transform: bool,
    /// A bias on the output projection (BERT: yes).
    pub output_bias: bool,
    /// How weights are drawn.
    pub init: InitKind,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self {
            d_model: 256,
            h: 4,
            ff: 1024,
            n_layers: 4,
            dropout: 0.1,
            attention_dropout: None,
            hidden_dropout: None,
            residual_dropout: None,
            seq_len: 128,
            norm: NormPlacement::Pre,
            layer_norm_eps: 1e-12,
            position: PositionKind::Learned,
            scale_embeddings: false,
            embedding_norm: true,
            segments: 0,
            boxes: false,
            embedding_width: None,
            biases: true,
            first_norm: true,
            rotary_base: 10_000.0,
            local_window: None,
            global_every: 3,
            local_rotary_base: None,
            activation: Activation::Gelu,
            tied_output: true,
            head_transform: true,
            output_bias: true,
            init: InitKind::Bert,
        }
    }
}

impl EncoderConfig {
    /// Width of the token table: `embedding_width`, or `d_model`.
    pub fn table_width(&self) -> usize {
        self.embedding_width.unwrap_or(self.d_model)
    }

    /// How many tokens to either side layer `index` sees; none where it sees all.
    pub fn reach(&self, index: usize) -> Option<usize> {
        let is_global = index.is_multiple_of(self.global_every);
        self.local_window.filter(|_| !is_global).map(|window| window / 2)
    }
}

/// Where LayerNorm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormPlacement {
    /// Before each block, and once after the stack (Xiong et al. 2020).
    Pre,
    /// After each residual sum (Vaswani et al. 2017; BERT).
    Post,
}

/// How positions enter the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PositionKind {
    /// A trained table of `seq_len` rows (BERT).
    Learned,
    /// Sines and cosines added to the embeddings (Vaswani et al. 2017, §3.5).
    Sinusoidal,
    /// Queries and keys rotated (Su et al. 2021, §3.2, halves rotated as in published code).
    Rotary,
}

/// Activation of the feed-forward block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Exact, by erf (Hendrycks and Gimpel 2016).
    Gelu,
    /// max(0, x).
    Relu,
    /// x · sigmoid(x).
    Silu,
    /// GELU of one projection times another (Shazeer 2020); the first projection is twice as wide.
    Geglu,
}

/// How weights are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitKind {
    /// Normal of deviation 0.02 cut at two deviations; biases 0 (Devlin et al. 2018's code).
    Bert,
    /// Uniform by fan-in and fan-out (Glorot and Bengio 2010); biases 0; embeddings as [`InitKind::Bert`].
    Xavier,
}
