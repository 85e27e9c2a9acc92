//! How it is computed, and the commands that compare it with other programs.

use std::path::PathBuf;

use clap::ValueEnum;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Precision {
    Fp32,
    F16,
    Bf16,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Attend {
    ByShape,
    Products,
    Blocks,
}

impl From<Attend> for train::Attend {
    fn from(word: Attend) -> Self {
        match word {
            Attend::ByShape => Self::ByShape,
            Attend::Products => Self::Products,
            Attend::Blocks => Self::Blocks,
        }
    }
}

impl From<Precision> for case::Precision {
    fn from(word: Precision) -> Self {
        match word {
            Precision::Fp32 => Self::Fp32,
            Precision::F16 => Self::F16,
            Precision::Bf16 => Self::Bf16,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Norm {
    Pre,
    Post,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArguments {
    /// Weights (safetensors).
    #[arg(long)]
    pub(crate) init: PathBuf,
    /// Batches (safetensors, `input_ids` and `labels`).
    #[arg(long)]
    pub(crate) batches: PathBuf,
    #[arg(long)]
    pub(crate) norm: Norm,
    #[arg(long)]
    pub(crate) d_model: usize,
    #[arg(long)]
    pub(crate) heads: usize,
    #[arg(long)]
    pub(crate) ff: usize,
    #[arg(long)]
    pub(crate) layers: usize,
    #[arg(long)]
    pub(crate) vocab: usize,
    /// LayerNorm epsilon.
    #[arg(long, default_value_t = 1e-12)]
    pub(crate) eps: f64,
    #[arg(long)]
    pub(crate) lr: f64,
    #[arg(long, default_value_t = 0)]
    pub(crate) lr_warmup: u64,
    #[arg(long, default_value_t = 0.01)]
    pub(crate) weight_decay: f64,
    #[arg(long, default_value_t = 1.0)]
    pub(crate) clip: f64,
    #[arg(long, default_value_t = 1e-8)]
    pub(crate) adam_eps: f64,
    #[arg(long, default_value_t = 100)]
    pub(crate) steps: usize,
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// Also write the JSON there.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ThroughputArguments {
    #[arg(long, default_value_t = 512)]
    pub(crate) d_model: usize,
    #[arg(long, default_value_t = 8)]
    pub(crate) heads: usize,
    #[arg(long, default_value_t = 2048)]
    pub(crate) ff: usize,
    #[arg(long, default_value_t = 4)]
    pub(crate) layers: usize,
    #[arg(long, default_value_t = 30000)]
    pub(crate) vocab: usize,
    #[arg(long, default_value_t = 256)]
    pub(crate) seq: usize,
    #[arg(long, default_value_t = 8)]
    pub(crate) batch: usize,
    #[arg(long, default_value_t = 0.1)]
    pub(crate) dropout: f64,
    /// Rows are of random lengths from here to `seq`; all full when not given.
    #[arg(long)]
    pub(crate) min_len: Option<usize>,
    #[arg(long, default_value_t = 14)]
    pub(crate) steps: usize,
    #[arg(long, default_value_t = 4)]
    pub(crate) warmup_steps: usize,
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// The framework's operations instead of own kernels.
    #[arg(long)]
    pub(crate) composed: bool,
    /// Number format of matrix products: fp32, f16, bf16.
    #[arg(long, default_value = "fp32")]
    pub(crate) precision: Precision,
    /// How own kernels attend on a GPU: by-shape, products, blocks.
    #[arg(long, default_value = "by-shape")]
    pub(crate) attend: Attend,
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
}
