//! The classes of transformers that are read and written.

use crate::LabelTask;

/// A class of encoders, by what it computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Post-norm, learned positions (Devlin et al. 2018).
    Bert,
    /// The same with positions counted from behind the padding's id; XLM-R and CamemBERT too (Liu et al. 2019).
    Roberta,
    /// The same with norms before the blocks.
    RobertaPreLayerNorm,
    /// BERT with narrower embeddings (Clark et al. 2020).
    Electra,
    /// Pre-norm, rotary positions, GeGLU, local layers (Warner et al. 2024).
    ModernBert,
    /// BERT with the boxes of its tokens on the page (Xu et al. 2020).
    LayoutLm,
}

impl Class {
    /// All, in the order in which an export tries them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Bert, Self::Roberta, Self::RobertaPreLayerNorm, Self::Electra, Self::ModernBert, Self::LayoutLm];

    /// The class of a `model_type`.
    pub(crate) fn of_model_type(word: &str) -> Option<Self> {
        match word {
            "bert" => Some(Self::Bert),
            "roberta" | "xlm-roberta" | "camembert" => Some(Self::Roberta),
            "roberta-prelayernorm" => Some(Self::RobertaPreLayerNorm),
            "electra" => Some(Self::Electra),
            "modernbert" => Some(Self::ModernBert),
            "layoutlm" => Some(Self::LayoutLm),
            _ => None,
        }
    }

    /// The `model_type` that an export writes.
    pub(crate) fn model_type(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::Roberta => "roberta",
            Self::RobertaPreLayerNorm => "roberta-prelayernorm",
            Self::Electra => "electra",
            Self::ModernBert => "modernbert",
            Self::LayoutLm => "layoutlm",
        }
    }

    /// The class with a head of words, classes or tags, such as `BertForMaskedLM`.
    pub fn architecture(self, task: Option<LabelTask>) -> String {
        let name = match self {
            Self::Bert => "Bert",
            Self::Roberta => "Roberta",
            Self::RobertaPreLayerNorm => "RobertaPreLayerNorm",
            Self::Electra => "Electra",
            Self::ModernBert => "ModernBert",
            Self::LayoutLm => "LayoutLM",
        };
        let head = match task {
            None => "MaskedLM",
            Some(LabelTask::Single | LabelTask::Multi) => "SequenceClassification",
            Some(LabelTask::Tags) => "TokenClassification",
        };
        format!("{name}For{head}")
    }

    /// What the encoder's weights begin with inside a class with a head; a file of the bare encoder leaves it out.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Bert => "bert.",
            Self::Roberta => "roberta.",
            Self::RobertaPreLayerNorm => "roberta_prelayernorm.",
            Self::Electra => "electra.",
            Self::ModernBert => "model.",
            Self::LayoutLm => "layoutlm.",
        }
    }

    /// Whether positions are counted from behind the padding's id, and their table has as many rows more.
    pub(crate) fn counts_from_padding(self) -> bool {
        matches!(self, Self::Roberta | Self::RobertaPreLayerNorm)
    }
}
