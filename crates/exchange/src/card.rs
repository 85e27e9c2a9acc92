//! The model card: what a reader of an exported folder should know.

use std::fmt::Write;

use journal::markdown::{code, escaped};

use crate::{Class, HeadOf, usage};

/// What stands in a card.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Card {
    /// The model's name.
    pub name: String,
    /// Where it came from, in a sentence.
    pub source: String,
    /// The data's and the model's licence, as whoever exports states it.
    pub licence: Option<String>,
    /// The text it was trained on.
    pub corpora: Vec<CardCorpus>,
    /// The labelled examples it was tuned on.
    pub splits: Vec<CardSplit>,
    /// How it was trained: key and value.
    pub settings: Vec<(String, String)>,
    /// Its evaluations, of a head of words.
    pub results: Vec<CardResult>,
    /// Its evaluations, of a head of labels.
    pub figures: Vec<CardFigure>,
    /// What the numbers are of, such as the step and the baselines.
    pub about_results: String,
}

/// One corpus.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardCorpus {
    /// Its name.
    pub name: String,
    /// Documents, all splits.
    pub documents: u64,
    /// Tokens for training.
    pub train_tokens: u64,
    /// Tokens for validation.
    pub valid_tokens: u64,
}

/// One evaluation of one corpus, or of all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardResult {
    /// The split: valid or test.
    pub split: String,
    /// The corpus, or `all`.
    pub corpus: String,
    /// Nats per scored token.
    pub loss: f64,
    /// Share right, 0..=1.
    pub accuracy: f64,
    /// Scored tokens.
    pub scored: u64,
    /// Bits per character, where known.
    pub bits_per_char: Option<f64>,
}

/// One split of labelled examples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardSplit {
    /// Its name: train, valid or test.
    pub name: String,
    /// Texts, sentences or pages.
    pub examples: u64,
    /// Tokens of all of them, as the encoder reads them.
    pub tokens: u64,
}

/// One figure of an evaluation on labelled examples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardFigure {
    /// The split: valid or test.
    pub split: String,
    /// Its name, such as `f1-macro`.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// One standard error, where known.
    pub error: Option<f64>,
    /// The value of always saying what is most frequent in training, where known.
    pub majority: Option<f64>,
    /// Decisions that it is of.
    pub scored: u64,
}

/// What an export adds to a card.
pub(crate) struct Shape<'a> {
    /// Such as `BertForMaskedLM`.
    pub(crate) architecture: &'a str,
    pub(crate) class: Class,
    pub(crate) head: &'a HeadOf,
    pub(crate) parameters: u64,
    pub(crate) vocab_size: usize,
    /// The mask's name.
    pub(crate) mask: &'a str,
    pub(crate) notes: &'a [String],
}

const NOT_STATED: &str = "not stated";

/// More labels than this are counted, not listed: config.json has them all.
const LISTED_LABELS: usize = 30;

impl Card {
    /// The card as Markdown with the hub's head.
    pub(crate) fn markdown(&self, shape: &Shape) -> String {
        let tag = usage::pipeline_tag(shape.head);
        let mut out = format!("---\nlibrary_name: transformers\npipeline_tag: {tag}\n");
        // Quoted: a licence is free text here. Writing to a String cannot fail.
        if let Some(licence) = &self.licence {
            let _ = writeln!(out, "license: {}", quoted(licence));
        }
        let kind = if *shape.head == HeadOf::Words { "masked-lm" } else { tag };
        let _ = writeln!(out, "tags:\n- {kind}\n---\n\n# {}\n\n{}\n", escaped(&self.name), escaped(&self.source));
        self.what_it_is(shape, &mut out);
        let example = usage::example(shape.class, shape.head, shape.mask);
        let _ = writeln!(out, "## Use\n\n```python\n{example}```\n");
        self.data(&mut out);
        self.results_table(&mut out);
        if !self.settings.is_empty() {
            let _ = writeln!(out, "## Training\n\n| key | value |\n|---|---|");
            for (key, value) in &self.settings {
                let _ = writeln!(out, "| {} | {} |", escaped(key), escaped(value));
            }
            out.push('\n');
        }
        if !shape.notes.is_empty() {
            let _ = writeln!(out, "## What the export changed\n");
            shape.notes.iter().for_each(|note| {
                let _ = writeln!(out, "- {}", one_line(note));
            });
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
        out
    }

    fn what_it_is(&self, shape: &Shape, out: &mut String) {
        let Shape { architecture, parameters, vocab_size, .. } = shape;
        let licence = escaped(self.licence.as_deref().unwrap_or(NOT_STATED));
        let _ = writeln!(
            out,
            "A `{architecture}` of {parameters} parameters and {vocab_size} words. Licence: {licence}.\n"
        );
        let Some(labels) = shape.head.labels() else { return };
        let count = labels.names.len();
        let listed = labels.names.iter().take(LISTED_LABELS).map(|name| code(name));
        let listed = listed.collect::<Vec<_>>().join(", ");
        let more = count.saturating_sub(LISTED_LABELS);
        let rest = if more > 0 { format!(" and {more} more, in config.json") } else { String::new() };
        let _ = writeln!(out, "It tells {count} labels apart: {listed}{rest}.\n");
    }

    fn data(&self, out: &mut String) {
        let _ = writeln!(out, "## Data\n");
        if !self.splits.is_empty() {
            let _ = writeln!(out, "| labelled examples | examples | tokens |\n|---|---:|---:|");
            for CardSplit { name, examples, tokens } in &self.splits {
                let _ = writeln!(out, "| {} | {examples} | {tokens} |", escaped(name));
            }
            out.push('\n');
        }
        if self.corpora.is_empty() {
            if self.splits.is_empty() {
                let _ = writeln!(out, "Not stated.\n");
            }
            return;
        }
        let _ =
            writeln!(out, "| corpus | documents | tokens for training | tokens for validation |\n|---|---:|---:|---:|");
        for corpus in &self.corpora {
            let (name, documents) = (escaped(&corpus.name), corpus.documents);
            let _ = writeln!(out, "| {name} | {documents} | {} | {} |", corpus.train_tokens, corpus.valid_tokens);
        }
        out.push('\n');
    }

    fn results_table(&self, out: &mut String) {
        let _ = writeln!(out, "## Results\n");
        if self.results.is_empty() && self.figures.is_empty() {
            let _ = writeln!(out, "Not stated.\n");
            return;
        }
        let _ = writeln!(out, "{}\n", one_line(&self.about_results));
        if !self.figures.is_empty() {
            self.figures_table(out);
        }
        if self.results.is_empty() {
            return;
        }
        let _ = writeln!(
            out,
            "| split | corpus | loss, nats a scored token | accuracy | scored | bits per character |\n|---|---|---:|---:|---:|---:|"
        );
        for result in &self.results {
            let bits = result.bits_per_char.map_or_else(String::new, |bits| format!("{bits:.4}"));
            let _ = writeln!(
                out,
                "| {} | {} | {:.4} | {:.4} | {} | {bits} |",
                escaped(&result.split),
                escaped(&result.corpus),
                result.loss,
                result.accuracy,
                result.scored
            );
        }
        out.push('\n');
    }

    fn figures_table(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "| split | figure | value | standard error | always the most frequent | scored |\n|---|---|---:|---:|---:|---:|"
        );
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.4}"));
        for CardFigure { split, name, value, error, majority, scored } in &self.figures {
            let (split, name, error, majority) = (escaped(split), escaped(name), number(*error), number(*majority));
            let _ = writeln!(out, "| {split} | {name} | {value:.4} | {error} | {majority} | {scored} |");
        }
        out.push('\n');
    }
}

/// What this program says itself, which is Markdown already.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text of others in the head, which is YAML: JSON's strings are YAML's, but for ends of lines that JSON leaves bare.
fn quoted(text: &str) -> String {
    case::json_for_terminal(&serde_json::Value::from(text).to_string())
}

#[cfg(test)]
mod tests {
    use super::{Card, CardCorpus, CardFigure, CardResult, CardSplit, Shape};
    use crate::{Class, HeadOf, LabelTask, Labels};

    fn shape(head: &HeadOf) -> Shape<'_> {
        let (class, architecture) = (Class::Bert, "BertForX");
        Shape { architecture, class, head, parameters: 1234, vocab_size: 99, mask: "[MASK]", notes: &[] }
    }

    #[test]
    fn a_card_says_what_is_known_and_what_is_not() {
        let shape = shape(&HeadOf::Words);
        let bare = Card { name: "x".into(), ..Card::default() }.markdown(&shape);
        assert!(bare.contains("Licence: not stated.") && !bare.contains("license:"), "{bare}");
        assert!(bare.contains("## Data\n\nNot stated.") && bare.contains("## Results\n\nNot stated."), "{bare}");
        let card = Card {
            name: "x".into(),
            licence: Some("CC BY-SA 4.0".into()),
            corpora: vec![CardCorpus { name: "a|b".into(), documents: 3, train_tokens: 20, valid_tokens: 5 }],
            results: vec![CardResult { split: "valid".into(), corpus: "all".into(), loss: 4.25, ..Default::default() }],
            ..Card::default()
        };
        let full = card.markdown(&shape);
        let lines = [
            "license: \"CC BY-SA 4.0\"",
            "pipeline_tag: fill-mask",
            "print(model(\"… [MASK] …\"))",
            "| a\\|b | 3 | 20 | 5 |",
            "| valid | all | 4.2500 |",
        ];
        lines.iter().for_each(|line| assert!(full.contains(line), "{line}: {full}"));
    }

    #[test]
    fn a_card_of_labels_lists_them_with_figures_and_their_errors() {
        let names = (0..40).map(|at| format!("label {at}")).collect();
        let head = HeadOf::Labels(Labels { task: LabelTask::Multi, names });
        let figure = |name: &str, error| CardFigure {
            split: "test".into(),
            name: name.into(),
            value: 0.5,
            error,
            majority: Some(0.25),
            scored: 80,
        };
        let card = Card {
            splits: vec![CardSplit { name: "train".into(), examples: 7, tokens: 300 }],
            figures: vec![figure("f1-macro", None), figure("accuracy", Some(0.0125))],
            ..Card::default()
        };
        let full = card.markdown(&shape(&head));
        let lines = [
            "pipeline_tag: text-classification",
            "tags:\n- text-classification",
            "It tells 40 labels apart: `label 0`,",
            "`label 29` and 10 more",
            "top_k=None",
            "| train | 7 | 300 |",
            "| test | f1-macro | 0.5000 |  | 0.2500 | 80 |",
            "| test | accuracy | 0.5000 | 0.0125 | 0.2500 | 80 |",
        ];
        lines.iter().for_each(|line| assert!(full.contains(line), "{line}: {full}"));
        assert!(!full.contains("Not stated") && !full.contains("nats a scored token"), "{full}");
    }

    #[test]
    fn text_of_others_is_shown_and_never_obeyed() {
        let evil = "<img src=x onerror=alert(1)>|`*a*`\n# b\n---\n![c](http://d) \u{202e}\u{1b}[31m\u{85}license: mit";
        let names = vec![evil.to_string(), "b".into()];
        let head = HeadOf::Labels(Labels { task: LabelTask::Single, names });
        let card = Card {
            name: evil.into(),
            source: evil.into(),
            licence: Some(evil.into()),
            corpora: vec![CardCorpus { name: evil.into(), ..Default::default() }],
            settings: vec![(evil.into(), evil.into())],
            splits: vec![CardSplit { name: evil.into(), ..Default::default() }],
            figures: vec![CardFigure { split: evil.into(), name: evil.into(), ..Default::default() }],
            results: vec![CardResult { split: evil.into(), corpus: evil.into(), ..Default::default() }],
            about_results: "After 1 of 2 steps.".into(),
        };
        let full = card.markdown(&shape(&head));
        assert!(!full.chars().any(|letter| letter != '\n' && case::is_obeyed(letter)), "{full:?}");
        let prose = full.lines().filter(|line| !line.starts_with("license: ") && !line.starts_with("It tells "));
        for line in prose {
            assert!(!line.contains("<img") && !line.contains("![") && !line.contains("*a*"), "{line}");
        }
        assert_eq!(full.matches("\n---\n").count(), 1, "the head has one end: {full}");
        assert_eq!(full.lines().filter(|line| line.starts_with("license: \"<img")).count(), 1);
        // A label stands in backticks of which it has fewer.
        assert!(full.contains("apart: ``<img src=x onerror=alert(1)>\\|`*a*` # b"), "{full}");
    }
}
