//! Scores as Markdown tables.

use super::scores::{Figure, Scores};
use super::tally::Shares;
use crate::markdown::{Table, count, escaped};

/// More classes than this make no readable matrix.
const MOST_IN_MATRIX: usize = 24;

impl Scores {
    /// The figures with errors and baselines, the classes, the confusion matrix and the notes, as Markdown.
    pub fn markdown(&self) -> String {
        let tables = [self.figure_table(), self.class_table(), self.confusion_table()];
        let notes = self.notes.iter().map(|note| format!("{note}\n"));
        tables.into_iter().flatten().chain(notes).collect::<Vec<String>>().join("\n")
    }

    fn figure_table(&self) -> Option<String> {
        let mut table = Table::new(&["figure", ">value ± one standard error", ">majority", ">prior"]);
        for figure in &self.figures {
            table.row(vec![escaped(&figure.name), with_error(figure), known(figure.majority), known(figure.prior)]);
        }
        let legend = format!(
            "{} examples, {} scored. Majority: always what is most frequent in training. Prior: the shares in training as \
             probabilities. Cross-entropy and divergence in nats.\n",
            count(self.examples),
            count(self.scored)
        );
        (!table.is_empty()).then(|| format!("{}\n{legend}", table.text()))
    }

    fn class_table(&self) -> Option<String> {
        let is_strict = self.classes.iter().any(|class| class.strict.is_some());
        let mut titles = vec!["class", ">support", ">predicted", ">precision", ">recall", ">F1 ± one standard error"];
        if is_strict {
            titles.push(">strict F1");
        }
        let mut table = Table::new(&titles);
        for class in &self.classes {
            let Shares { precision, recall, f1 } = class.shares;
            let f1 = plus_minus(f1, class.f1_error);
            let counts = [count(class.support), count(class.predicted)];
            let mut row = vec![escaped(&class.name)];
            row.extend(counts);
            row.extend([number(precision), number(recall), f1]);
            if is_strict {
                row.push(known(class.strict.map(|strict| strict.f1)));
            }
            table.row(row);
        }
        (!table.is_empty()).then(|| table.text())
    }

    fn confusion_table(&self) -> Option<String> {
        if self.confusion.is_empty() || self.confusion.len() > MOST_IN_MATRIX {
            return None;
        }
        let names: Vec<String> = self.classes.iter().map(|class| format!(">{}", escaped(&class.name))).collect();
        let titles: Vec<&str> = std::iter::once("true \\ predicted").chain(names.iter().map(String::as_str)).collect();
        let mut table = Table::new(&titles);
        for (class, row) in self.classes.iter().zip(&self.confusion) {
            table.row(std::iter::once(escaped(&class.name)).chain(row.iter().map(|cell| count(*cell))).collect());
        }
        Some(table.text())
    }
}

fn with_error(figure: &Figure) -> String {
    plus_minus(figure.value, figure.error)
}

fn plus_minus(value: f64, error: Option<f64>) -> String {
    error.map_or_else(|| number(value), |error| format!("{value:.4} ± {error:.4}"))
}

fn known(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), number)
}

fn number(value: f64) -> String {
    format!("{value:.4}")
}

#[cfg(test)]
mod tests {
    use super::super::scores::Prior;
    use super::super::{Targets, classification_scores};
    use super::*;

    #[test]
    fn figures_classes_and_confusion_are_tables() {
        let labels = ["no|", "yes"].map(String::from);
        let logs: Vec<f64> = [0.8, 0.2, 0.6, 0.4, 0.3, 0.7, 0.9, 0.1].map(f64::ln).to_vec();
        let prior = Prior { shares: vec![0.75, 0.25] };
        let text = classification_scores(&labels, &logs, Targets::Hard(&[0, 1, 1, 0]), &prior).markdown();
        assert!(text.contains("| accuracy          |            0.7500 ± 0.2165 |   0.5000 | 0.5000 |"), "{text}");
        assert!(text.contains("| no\\|             |    2 |   0 |"), "{text}");
        assert!(text.contains("4 examples, 4 scored."), "{text}");
        assert!(text.ends_with("the same number.\n"), "{text}");
    }

    #[test]
    fn large_matrices_are_left_out_and_empty_scores_are_notes() {
        let scores = Scores { confusion: vec![vec![0; 25]; 25], notes: vec!["none".into()], ..Scores::default() };
        assert_eq!(scores.markdown(), "none\n");
    }
}
