//! Scores as Markdown tables.

use super::scores::{Figure, Scores};
use super::tally::Shares;
use crate::markdown::{Table, count, escaped, percent};

/// More classes than this make no readable matrix.
const MOST_IN_MATRIX: usize = 40;
/// Of a larger matrix so many of its confusions are listed.
const WORST_SHOWN: usize = 30;
/// Names of columns that come to more letters than this are replaced by numbers.
const WIDEST: usize = 100;

impl Scores {
    /// The figures with errors and baselines, the classes, the confusion matrix and the notes, as Markdown.
    pub fn markdown(&self) -> String {
        let tables = [self.figure_table(), self.class_table(), self.confusions()];
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

    /// Support, precision, recall and F1 of each class; `None` where there is no class.
    pub(crate) fn class_table(&self) -> Option<String> {
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

    /// The confusion matrix, or of a large one the worst of its confusions; `None` where there is none.
    pub(crate) fn confusions(&self) -> Option<String> {
        match self.confusion.len() {
            0 => None,
            classes if classes > MOST_IN_MATRIX => self.worst_confusions(),
            // Not one this program wrote: a matrix of other classes than are named.
            _ if self.confusion.iter().any(|row| row.len() != self.classes.len()) => self.worst_confusions(),
            _ => Some(self.confusion_table()),
        }
    }

    fn confusion_table(&self) -> String {
        let is_wide = self.classes.iter().map(|class| class.name.chars().count() + 3).sum::<usize>() > WIDEST;
        let row_name = |at: usize, name: &str| match is_wide {
            true => format!("{}: {}", at + 1, escaped(name)),
            false => escaped(name),
        };
        let column =
            |at: usize, name: &str| if is_wide { format!(">{}", at + 1) } else { format!(">{}", escaped(name)) };
        let names: Vec<String> = self.classes.iter().enumerate().map(|(at, class)| column(at, &class.name)).collect();
        let titles: Vec<&str> = std::iter::once("true \\ predicted").chain(names.iter().map(String::as_str)).collect();
        let mut table = Table::new(&titles);
        for (at, (class, row)) in self.classes.iter().zip(&self.confusion).enumerate() {
            let cells = row.iter().map(|cell| count(*cell));
            table.row(std::iter::once(row_name(at, &class.name)).chain(cells).collect());
        }
        table.text()
    }

    /// The classes most often taken for others, by how often; the first pair of equals first.
    fn worst_confusions(&self) -> Option<String> {
        let mut pairs: Vec<(usize, usize, u64)> = Vec::new();
        for (truth, row) in self.confusion.iter().enumerate() {
            let wrong = row.iter().enumerate().filter(|(said, cell)| *said != truth && **cell > 0);
            pairs.extend(wrong.map(|(said, cell)| (truth, said, *cell)));
        }
        let hidden = pairs.len().saturating_sub(WORST_SHOWN);
        pairs.sort_by_key(|(.., cell)| std::cmp::Reverse(*cell));
        pairs.truncate(WORST_SHOWN);
        let name =
            |class: usize| self.classes.get(class).map_or_else(|| class.to_string(), |class| escaped(&class.name));
        let mut table = Table::new(&["true", "taken for", ">times", ">of its examples"]);
        for (truth, said, cell) in pairs {
            let support = self.confusion[truth].iter().sum::<u64>();
            let share = percent(cell as f64 / support as f64); // at least `cell`, which is above 0
            table.row(vec![name(truth), name(said), count(cell), share]);
        }
        let classes = self.confusion.len();
        let more = format!("\nThe matrix of {classes} classes has {} more confusions.\n", count(hidden as u64));
        (!table.is_empty()).then(|| table.text() + if hidden > 0 { &more } else { "" })
    }
}

/// `0.7500 ± 0.2165`.
pub(crate) fn with_error(figure: &Figure) -> String {
    plus_minus(figure.value, figure.error)
}

fn plus_minus(value: f64, error: Option<f64>) -> String {
    error.map_or_else(|| number(value), |error| format!("{} ± {error:.4}", number(value)))
}

/// `0.5000`, or a dash.
pub(crate) fn known(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), number)
}

fn number(value: f64) -> String {
    format!("{value:.4}").replace('-', "−")
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

    /// Classes named like this, each example taken for the class `shift` further on.
    fn shifted(classes: usize, shift: usize, name: &str) -> Scores {
        let labels: Vec<String> = (0..classes).map(|class| format!("{name}{class}")).collect();
        let truth: Vec<usize> = (0..classes * 2).map(|at| at / 2).collect();
        let said = |at: usize| (at / 2 + shift * (at % 2)) % classes;
        let logs: Vec<f64> = (0..classes * 2)
            .flat_map(|at| (0..classes).map(move |class| if class == said(at) { -0.1 } else { -9.0 }))
            .collect();
        let prior = Prior { shares: vec![1.0 / classes as f64; classes] };
        classification_scores(&labels, &logs, Targets::Hard(&truth), &prior)
    }

    #[test]
    fn empty_scores_and_matrices_without_a_confusion_are_notes() {
        let scores = Scores { confusion: vec![vec![0; 41]; 41], notes: vec!["none".into()], ..Scores::default() };
        assert_eq!(scores.markdown(), "none\n");
    }

    #[test]
    fn long_names_of_columns_are_numbers() {
        let text = shifted(12, 1, "a class of a long name, ").confusions().unwrap();
        assert!(text.starts_with("| true \\ predicted") && text.contains("  12 |"), "{text}");
        assert!(text.contains("| 12: a class of a long name, 11 |"), "{text}");
        assert!(shifted(12, 1, "c").confusions().unwrap().contains("| c0  "));
    }

    #[test]
    fn of_a_large_matrix_the_worst_confusions_are_listed() {
        let text = shifted(41, 1, "c").confusions().unwrap();
        assert!(text.contains("| c0   | c1        |     1 |         50.00 % |"), "{text}");
        assert!(text.ends_with("The matrix of 41 classes has 11 more confusions.\n"), "{text}");
        assert_eq!(shifted(41, 0, "c").confusions(), None);
    }
}
