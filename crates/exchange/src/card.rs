//! The model card: what a reader of an exported folder should know.

use std::fmt::Write;

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
    /// How it was trained: key and value.
    pub settings: Vec<(String, String)>,
    /// Its evaluations.
    pub results: Vec<CardResult>,
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

/// What an export adds to a card.
pub(crate) struct Shape<'a> {
    pub(crate) class: &'a str,
    pub(crate) parameters: u64,
    pub(crate) vocab_size: usize,
    pub(crate) notes: &'a [String],
}

const NOT_STATED: &str = "not stated";

impl Card {
    /// The card as Markdown with the hub's head.
    pub(crate) fn markdown(&self, shape: &Shape) -> String {
        let mut out = String::from("---\nlibrary_name: transformers\npipeline_tag: fill-mask\n");
        // Quoted: a licence is free text here. Writing to a String cannot fail.
        if let Some(licence) = &self.licence {
            let _ = writeln!(out, "license: {}", serde_json::Value::from(licence.as_str()));
        }
        let _ = writeln!(out, "tags:\n- masked-lm\n---\n\n# {}\n\n{}\n", one_line(&self.name), one_line(&self.source));
        let licence = self.licence.as_deref().unwrap_or(NOT_STATED);
        let _ = writeln!(
            out,
            "A `{}` of {} parameters and {} words. Licence: {}.\n",
            shape.class,
            shape.parameters,
            shape.vocab_size,
            one_line(licence)
        );
        self.data(&mut out);
        self.results_table(&mut out);
        if !self.settings.is_empty() {
            let _ = writeln!(out, "## Training\n\n| key | value |\n|---|---|");
            for (key, value) in &self.settings {
                let _ = writeln!(out, "| {} | {} |", cell(key), cell(value));
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

    fn data(&self, out: &mut String) {
        let _ = writeln!(out, "## Data\n");
        if self.corpora.is_empty() {
            let _ = writeln!(out, "Not stated.\n");
            return;
        }
        let _ =
            writeln!(out, "| corpus | documents | tokens for training | tokens for validation |\n|---|---:|---:|---:|");
        for corpus in &self.corpora {
            let (name, documents) = (cell(&corpus.name), corpus.documents);
            let _ = writeln!(out, "| {name} | {documents} | {} | {} |", corpus.train_tokens, corpus.valid_tokens);
        }
        out.push('\n');
    }

    fn results_table(&self, out: &mut String) {
        let _ = writeln!(out, "## Results\n");
        if self.results.is_empty() {
            let _ = writeln!(out, "Not stated.\n");
            return;
        }
        let _ = writeln!(
            out,
            "{}\n\n| split | corpus | loss, nats a scored token | accuracy | scored | bits per character |\n|---|---|---:|---:|---:|---:|",
            one_line(&self.about_results)
        );
        for result in &self.results {
            let bits = result.bits_per_char.map_or_else(String::new, |bits| format!("{bits:.4}"));
            let _ = writeln!(
                out,
                "| {} | {} | {:.4} | {:.4} | {} | {bits} |",
                cell(&result.split),
                cell(&result.corpus),
                result.loss,
                result.accuracy,
                result.scored
            );
        }
        out.push('\n');
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cell(text: &str) -> String {
    one_line(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::{Card, CardCorpus, CardResult, Shape};

    #[test]
    fn a_card_says_what_is_known_and_what_is_not() {
        let shape = Shape { class: "BertForMaskedLM", parameters: 1234, vocab_size: 99, notes: &[] };
        let bare = Card { name: "x".into(), ..Card::default() }.markdown(&shape);
        assert!(bare.contains("Licence: not stated.") && !bare.contains("license:"), "{bare}");
        assert!(bare.contains("## Data\n\nNot stated."), "{bare}");
        let card = Card {
            name: "x".into(),
            licence: Some("CC BY-SA 4.0".into()),
            corpora: vec![CardCorpus { name: "a|b".into(), documents: 3, train_tokens: 20, valid_tokens: 5 }],
            results: vec![CardResult { split: "valid".into(), corpus: "all".into(), loss: 4.25, ..Default::default() }],
            ..Card::default()
        };
        let full = card.markdown(&shape);
        for line in ["license: \"CC BY-SA 4.0\"", "| a\\|b | 3 | 20 | 5 |", "| valid | all | 4.2500 |"] {
            assert!(full.contains(line), "{line}: {full}");
        }
    }
}
