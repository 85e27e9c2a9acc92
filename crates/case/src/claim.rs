//! What a case's author claims of its variants, in a form that can be held against the runs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    BestBy, CaseConfig, Problem, TargetKind, Task, Variant,
    error::ProblemKind,
    explain::{list, nearest},
};

/// What an author may claim of the runs of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// One variant is below or above another: `layer-6 < layer-4 on valid.loss`.
    Variants {
        /// The variant that the claim is about.
        left: String,
        /// How it stands to the other.
        relation: Relation,
        /// The variant it is held against.
        right: String,
        /// On what.
        metric: Metric,
    },
    /// One corpus is below or above another in one variant's runs: `en < ko on valid.loss in mixed`.
    Corpora {
        /// The corpus that the claim is about.
        left: String,
        /// How it stands to the other.
        relation: Relation,
        /// The corpus it is held against.
        right: String,
        /// On what; names no corpus itself.
        metric: Metric,
        /// Whose runs.
        variant: String,
    },
    /// A variant's validation loss rises while its training loss falls: `layer-4 overfits`.
    Overfits {
        /// Whose runs.
        variant: String,
    },
}

/// How one variant's values stand to another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `<`: lower.
    Less,
    /// `>`: higher.
    Greater,
}

/// What two variants are held against each other on: `valid.loss`, or `valid.ko.loss` on one corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// `valid` or `test`.
    pub split: String,
    /// One corpus of the split; all together when absent.
    pub corpus: Option<String>,
    /// The number.
    pub measure: Measure,
}

/// A number of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Nats per scored token.
    Loss,
    /// Share of scored tokens predicted right.
    Accuracy,
    /// e to the loss.
    Perplexity,
    /// Bits per character of text.
    BitsPerChar,
    /// A figure of labelled examples, but for accuracy, which has its own word above.
    Figure(BestBy),
}

const SPLITS: [&str; 2] = ["valid", "test"];
/// Numbers of running text.
const MEASURES: [Measure; 4] = [Measure::Loss, Measure::Accuracy, Measure::Perplexity, Measure::BitsPerChar];
/// Figures of labelled examples that a claim may be about, besides the loss and accuracy.
const FIGURES: [BestBy; 9] = [
    BestBy::SubsetAccuracy,
    BestBy::F1Macro,
    BestBy::F1Micro,
    BestBy::F1Weighted,
    BestBy::F1Samples,
    BestBy::StrictF1Micro,
    BestBy::Mcc,
    BestBy::CrossEntropy,
    BestBy::KlDivergence,
];

impl Measure {
    /// Every number that some task has.
    fn all() -> impl Iterator<Item = Self> {
        MEASURES.into_iter().chain(FIGURES.into_iter().map(Self::Figure))
    }

    /// As it is written in a claim.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Accuracy => "accuracy",
            Self::Perplexity => "perplexity",
            Self::BitsPerChar => "bits_per_char",
            Self::Figure(figure) => figure.name(),
        }
    }

    /// The numbers that the evaluations of a task have: of running text those of its tokens, of labelled examples the loss
    /// and the figures by which a best checkpoint may be told.
    pub fn of(task: Task, target: TargetKind) -> Vec<Self> {
        let figure = |figure: &BestBy| match figure {
            BestBy::Accuracy => Self::Accuracy,
            figure => Self::Figure(*figure),
        };
        match task {
            Task::Mlm | Task::PageMlm => MEASURES.to_vec(),
            Task::Classify | Task::Tag => {
                std::iter::once(Self::Loss).chain(BestBy::of(task, target).iter().map(figure)).collect()
            }
        }
    }
}

/// Why a text is not a [`Claim`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// It has not the form of one.
    #[error(
        "{text:?} is not a claim; write two variants, `<` or `>`, and what on, such as \"{}\"; or two corpora, such as \
         \"en < ko on valid.loss in mixed\"; or \"layer-4 overfits\"",
        Claim::EXAMPLE
    )]
    Form {
        /// What was written.
        text: String,
    },
    /// A variant or a corpus is held against itself.
    #[error("{text:?} holds something against itself; name two")]
    Itself {
        /// What was written.
        text: String,
    },
    /// What it is about is not measured.
    #[error("nothing is measured as {metric:?}; {advice}")]
    Metric {
        /// What was written behind `on`.
        metric: String,
        /// What can be written.
        advice: String,
    },
}

impl Claim {
    /// A claim as it may be written.
    pub const EXAMPLE: &'static str = "layer-6 < layer-4 on valid.loss";

    /// The variants whose runs it is about.
    pub fn variants(&self) -> Vec<&str> {
        match self {
            Self::Variants { left, right, .. } => vec![left, right],
            Self::Corpora { variant, .. } | Self::Overfits { variant } => vec![variant],
        }
    }

    /// The corpora it names.
    fn corpora(&self) -> Vec<&str> {
        match self {
            Self::Variants { metric, .. } => metric.corpus.as_deref().into_iter().collect(),
            Self::Corpora { left, right, .. } => vec![left, right],
            Self::Overfits { .. } => Vec::new(),
        }
    }

    /// What it is measured on; none where that is not for the author to choose.
    fn metric(&self) -> Option<&Metric> {
        match self {
            Self::Variants { metric, .. } | Self::Corpora { metric, .. } => Some(metric),
            Self::Overfits { .. } => None,
        }
    }
}

impl FromStr for Claim {
    type Err = ClaimError;

    fn from_str(text: &str) -> Result<Self, ClaimError> {
        let text = text.trim();
        let form = || ClaimError::Form { text: text.to_string() };
        let words: Vec<&str> = text.split_whitespace().collect();
        if let [variant, "overfits"] = words.as_slice() {
            return Ok(Self::Overfits { variant: variant.to_string() });
        }
        let (left, sign, right, metric, variant) = match words.as_slice() {
            [left, sign, right, "on", metric] => (*left, *sign, *right, *metric, None),
            [left, sign, right, "on", metric, "in", variant] => (*left, *sign, *right, *metric, Some(*variant)),
            _ => return Err(form()),
        };
        let relation = match sign {
            "<" => Relation::Less,
            ">" => Relation::Greater,
            _ => return Err(form()),
        };
        if left == right {
            return Err(ClaimError::Itself { text: text.to_string() });
        }
        let (left, right, metric) = (left.to_string(), right.to_string(), metric.parse::<Metric>()?);
        match variant {
            None => Ok(Self::Variants { left, relation, right, metric }),
            Some(_) if metric.corpus.is_some() => {
                let advice =
                    "where two corpora are compared, write the split and the measure alone, such as valid.loss";
                Err(ClaimError::Metric { metric: metric.to_string(), advice: advice.into() })
            }
            Some(variant) => Ok(Self::Corpora { left, relation, right, metric, variant: variant.to_string() }),
        }
    }
}

impl FromStr for Metric {
    type Err = ClaimError;

    fn from_str(text: &str) -> Result<Self, ClaimError> {
        let refuse = |advice: String| ClaimError::Metric { metric: text.to_string(), advice };
        let parts: Vec<&str> = text.split('.').collect();
        let (split, corpus, measure) = match parts.as_slice() {
            [split, measure] => (*split, None, *measure),
            [split, corpus, measure] if !corpus.is_empty() => (*split, Some(corpus.to_string()), *measure),
            _ => return Err(refuse("write a split and a measure, such as valid.loss, or valid.ko.loss".into())),
        };
        if !SPLITS.contains(&split) {
            return Err(refuse(format!("the splits are {}", list(&SPLITS))));
        }
        let Some(found) = Measure::all().find(|known| known.name() == measure) else {
            let names: Vec<&str> = Measure::all().map(Measure::name).collect();
            return Err(refuse(match nearest(measure, names.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("the measures are {}", list(&names)),
            }));
        };
        Ok(Self { split: split.to_string(), corpus, measure: found })
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variants { left, relation, right, metric } => write!(f, "{left} {relation} {right} on {metric}"),
            Self::Corpora { left, relation, right, metric, variant } => {
                write!(f, "{left} {relation} {right} on {metric} in {variant}")
            }
            Self::Overfits { variant } => write!(f, "{variant} overfits"),
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::Greater => ">",
        })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.corpus {
            Some(corpus) => write!(f, "{}.{corpus}.{}", self.split, self.measure),
            None => write!(f, "{}.{}", self.split, self.measure),
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Claim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string())
    }
}

impl<'de> Deserialize<'de> for Claim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Claim;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a claim such as \"{}\"", Claim::EXAMPLE)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Claim, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// Claims about variants, corpora or splits that the case has not.
pub(crate) fn check_claims(variant: &Variant, variants: &[&str]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, claim) in variant.config.claims.iter().enumerate() {
        let origin = variant.origins.of(&format!("claims.{at}"));
        let mut fault = |message| problems.push(Problem::at(ProblemKind::UnknownWord, origin.clone(), message));
        for name in claim.variants().into_iter().filter(|name| !variants.contains(name)) {
            fault(format!("the claim names `{name}`, which is no variant of the case; {}", advice(name, variants)));
        }
        fault_of_metric(&variant.config, claim).into_iter().for_each(&mut fault);
        let corpora: Vec<&str> = variant.config.data.corpora.iter().map(|corpus| corpus.name.as_str()).collect();
        let has_corpora = variant.config.task == Task::Mlm;
        for name in claim.corpora().into_iter().filter(|_| !has_corpora) {
            fault(format!("the claim names the corpus `{name}`; labelled examples have no corpora"));
        }
        for name in claim.corpora().into_iter().filter(|name| has_corpora && !corpora.contains(name)) {
            fault(format!("the claim names `{name}`, which is no corpus of the case; {}", advice(name, &corpora)));
        }
        if claim.metric().is_some_and(|metric| metric.split == "test") && !variant.config.has_test() {
            let table = if has_corpora { "data" } else { "examples" };
            fault(format!(
                "the claim is about the test split, which is empty; set `test` in [{table}], or write valid"
            ));
        }
    }
    problems
}

/// What a claim is measured on, where the evaluations of the case's task have no such number.
fn fault_of_metric(config: &CaseConfig, claim: &Claim) -> Option<String> {
    let measure = claim.metric()?.measure;
    let known = Measure::of(config.task, config.examples.target);
    let names: Vec<&str> = known.iter().map(|measure| measure.name()).collect();
    (!known.contains(&measure))
        .then(|| format!("the claim is about {measure}, which this task has not; it has {}", list(&names)))
}

fn advice(name: &str, names: &[&str]) -> String {
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.len() > 12 => format!("it has {} others", names.len()),
        None => format!("it has {}", list(names)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_reads_back_as_it_is_written() {
        for text in [
            Claim::EXAMPLE,
            "a > b on test.bits_per_char",
            "한국어 < b--n_layers-2 on valid.ko.accuracy",
            "en < ko on valid.loss in mixed",
            "layer-4 overfits",
            "pretrained > scratch on valid.f1-macro",
            "a < b on valid.cross-entropy",
            "pretrained > scratch on test.strict-f1-micro",
        ] {
            let claim: Claim = text.parse().unwrap();
            assert_eq!(claim.to_string(), text);
            let json = serde_json::to_value(&claim).unwrap();
            assert_eq!(serde_json::from_value::<Claim>(json).unwrap(), claim);
        }
        let claim: Claim = "  a   <  b on valid.ko.perplexity ".parse().unwrap();
        let metric = Metric { split: "valid".into(), corpus: Some("ko".into()), measure: Measure::Perplexity };
        let (left, right) = ("a".into(), "b".into());
        assert_eq!(claim, Claim::Variants { left, relation: Relation::Less, right, metric });
    }

    #[test]
    fn what_is_no_claim_says_what_one_is() {
        let said = |text: &str| text.parse::<Claim>().unwrap_err().to_string();
        for text in
            ["", "layer-6 is better", "a < b", "a <= b on valid.loss", "a<b on valid.loss", "a < b on valid.loss c"]
        {
            assert!(said(text).contains("is not a claim; write two variants"), "{text}: {}", said(text));
        }
        assert!(said("a < a on valid.loss").contains("against itself"));
        assert!(said("en < ko on valid.ko.loss in a").contains("write the split and the measure alone"));
        assert!(said("a < b on valid.los").ends_with("did you mean `loss`?"));
        assert!(said("a > b on valid.f1-makro").ends_with("did you mean `f1-macro`?"));
        assert!(said("a < b on train.loss").ends_with("the splits are `valid` and `test`"));
        assert!(said("a < b on loss").contains("such as valid.loss"));
        assert!(said("a < b on valid..loss").contains("such as valid.loss"));
    }

    #[test]
    fn every_task_has_its_measures_and_every_figure_of_a_case_file_is_one() {
        for (task, target) in [
            (Task::Classify, TargetKind::Single),
            (Task::Classify, TargetKind::Multi),
            (Task::Classify, TargetKind::Soft),
            (Task::Tag, TargetKind::Single),
        ] {
            let names: Vec<&str> = Measure::of(task, target).into_iter().map(Measure::name).collect();
            assert!(BestBy::of(task, target).iter().all(|figure| names.contains(&figure.name())), "{names:?}");
            assert!(names.iter().all(|name| format!("valid.{name}").parse::<Metric>().is_ok()), "{names:?}");
            assert!(names.contains(&"loss") && !names.contains(&"perplexity"), "{names:?}");
        }
        assert!(!Measure::of(Task::Classify, TargetKind::Multi).contains(&Measure::Accuracy));
    }

    #[test]
    fn a_figure_that_the_task_has_not_is_refused_with_those_it_has() {
        let fault = |task, target, claim: &str| {
            let mut config = CaseConfig { task, ..CaseConfig::default() };
            config.examples.target = target;
            fault_of_metric(&config, &claim.parse().unwrap())
        };
        let said = fault(Task::Tag, TargetKind::Single, "a > b on valid.mcc").unwrap();
        assert!(
            said.starts_with("the claim is about mcc, which this task has not; it has `loss`, `f1-micro`"),
            "{said}"
        );
        assert!(fault(Task::Mlm, TargetKind::Single, "a > b on valid.f1-macro").unwrap().contains("`bits_per_char`"));
        assert!(fault(Task::Classify, TargetKind::Single, "a < b on valid.perplexity").is_some());
        assert_eq!(fault(Task::Classify, TargetKind::Single, "a > b on test.mcc"), None);
        assert_eq!(fault(Task::Mlm, TargetKind::Single, "a < b on valid.ko.bits_per_char"), None);
    }
}
