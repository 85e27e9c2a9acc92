//! What does not fit: examples that are cut, words that the vocabulary does not have.

use super::checked::{Advice, Checked, percent};
use crate::{
    labels::{Labels, Part},
    setup::{Setup, Work},
    words::{Source, Words},
};

pub(super) const CUT_NAME: &str = "cut examples";
pub(super) const UNKNOWN_NAME: &str = "unknown words";

/// Share of examples, or of lines, that may be cut.
const CUT: f64 = 0.1;
/// Share of a corpus's or a split's tokens that may be `[UNK]`: one in fifty is a word in every second sentence that the model
/// can neither read nor say.
const UNKNOWN: f64 = 0.02;

const CUT_ADVICE: Advice = Advice {
    meaning: "the model never sees the ends of many examples, and what stands there it cannot know",
    next: "raise max_tokens in [examples] or seq_len in [model], or cut texts into parts that fit before training",
};

const UNKNOWN_ADVICE: Advice = Advice {
    meaning: "many words have become [UNK], all of them the same to the model: the tokenizer does not know this text's letters",
    next: "train the tokenizer on this text (kind = \"byte-bpe\" in [tokenizer] has no unknown token), or start from a model of \
           its language",
};

/// A part of the data and what is amiss with some of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Amiss {
    pub(super) of: String,
    pub(super) all: u64,
    pub(super) amiss: u64,
}

impl Amiss {
    fn share(&self) -> f64 {
        self.amiss as f64 / self.all.max(1) as f64
    }
}

/// The share of examples that are cut.
pub(super) fn cut_examples(setup: &Setup) -> Checked {
    match &setup.work {
        Work::Labels(labels) if labels.speech.tags.is_some() => {
            Checked::not_applicable(CUT_NAME, "longer sequences are read in windows")
        }
        Work::Labels(labels) => {
            let lost = parts(labels).map(|part| {
                let (cut, kept) =
                    part.inputs.iter().fold((0, 0), |(cut, kept), input| (cut + input.cut, kept + input.ids.len()));
                format!("of {}'s tokens {} are cut off", part.name, percent(cut as f64 / (cut + kept).max(1) as f64))
            });
            judge_cut(&parts(labels).map(cut).collect::<Vec<_>>(), "examples").with(lost.collect::<Vec<_>>())
        }
        Work::Words(words) => cut_lines(words),
    }
}

fn parts(labels: &Labels) -> impl Iterator<Item = &Part> {
    [Some(&labels.train), Some(&labels.valid), labels.test.as_ref()].into_iter().flatten()
}

fn cut(part: &Part) -> Amiss {
    let cut = part.inputs.iter().filter(|input| input.cut > 0).count() as u64;
    Amiss { of: part.name.into(), all: part.inputs.len() as u64, amiss: cut }
}

fn cut_lines(words: &Words) -> Checked {
    let Source::Text(text) = &words.source else {
        return Checked::not_applicable(CUT_NAME, "longer pages are read in windows");
    };
    if text.batches.rows().kind() == case::RowKind::Packed {
        return Checked::not_applicable(CUT_NAME, "rows are packed: lines go on in the next row");
    }
    let summary = text.batches.rows().summary();
    let of = |corpus: &corpus::CorpusRows| Amiss { of: corpus.name.clone(), all: corpus.rows, amiss: corpus.lines_cut };
    judge_cut(&summary.corpora.iter().map(of).collect::<Vec<_>>(), "lines")
}

/// Whether few enough are cut.
pub(super) fn judge_cut(all: &[Amiss], unit: &str) -> Checked {
    judge(CUT_NAME, all, CUT, unit, CUT_ADVICE)
}

/// The share of tokens that are `[UNK]`.
pub(super) fn unknown_words(setup: &Setup) -> Checked {
    let unk = setup.tokenizer.special().unk;
    let of_inputs = |name: &str, inputs: &[corpus::labelled::ModelInput]| {
        let ids = inputs.iter().flat_map(|input| &input.ids);
        let all = ids.clone().count() as u64 - 2 * inputs.len() as u64;
        Amiss { of: name.into(), all, amiss: ids.filter(|id| **id == unk).count() as u64 }
    };
    let all = match &setup.work {
        Work::Labels(labels) => parts(labels).map(|part| of_inputs(part.name, &part.inputs)).collect(),
        Work::Words(words) => match &words.source {
            Source::Pages(pages) => vec![of_inputs("train", &pages.train), of_inputs("valid", &pages.valid)],
            Source::Text(text) => {
                let of = |corpus: &corpus::CorpusFacts| Amiss {
                    of: corpus.name.clone(),
                    all: corpus.train.tokens + corpus.valid.tokens,
                    amiss: corpus.train.unknown + corpus.valid.unknown,
                };
                text.prepared.manifest().corpora.iter().map(of).collect::<Vec<_>>()
            }
        },
    };
    judge_unknown(&all)
}

/// Whether few enough are unknown.
pub(super) fn judge_unknown(all: &[Amiss]) -> Checked {
    judge(UNKNOWN_NAME, all, UNKNOWN, "tokens", UNKNOWN_ADVICE)
}

fn judge(name: &'static str, all: &[Amiss], allowed: f64, unit: &str, advice: Advice) -> Checked {
    let holds = all.iter().all(|one| one.share() <= allowed);
    let told = |one: &Amiss| format!("{} {} ({} of {})", one.of, percent(one.share()), one.amiss, one.all);
    let measured = all.iter().filter(|one| one.all > 0).map(told).collect::<Vec<_>>().join(", ");
    Checked::judged(name, holds, measured, format!("at most {} of {unit}", percent(allowed)), advice)
}
