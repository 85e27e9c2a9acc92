//! A comparison as plain text for a terminal.

use unicode_width::UnicodeWidthStr;

use super::changes::{Change, WholeDifference};
use super::comparison::{Comparison, Difference, MetricResult, VariantResult};
use super::words::{
    chance, digits, interval, legend, limits, noise, noise_title, place, seed, sense, signed, title, verdict,
};

/// Narrower than this nothing lines up.
const NARROWEST: usize = 60;

impl Comparison {
    /// Plain text in lines of at most `width` columns, 80 to 100 being meant; at least 60. A name or a path longer than a
    /// line is left whole.
    pub fn text(&self, width: usize) -> String {
        let mut page = Page { out: String::new(), width: width.max(NARROWEST) };
        for question in self.questions.iter().filter(|question| !question.is_empty()) {
            page.paragraph(question, "", "");
        }
        page.head("Before the numbers");
        if self.caveats.is_empty() {
            page.paragraph("The runs are alike in length, batch, vocabulary, data and validation.", "  ", "  ");
        }
        for caveat in &self.caveats {
            page.paragraph(&caveat.text, "  ! ", "    ");
        }
        for changes in &self.changes {
            page.head(&format!("What differs: {} against {}", changes.after, changes.before));
            page.changes(changes);
        }
        page.head(&place(self));
        for result in &self.results {
            page.result(result, &self.baseline);
        }
        for folds in &self.folds {
            page.head(&folds.text());
        }
        for curve in &self.learning_curves {
            page.head(&curve.title());
            page.table(&curve.rows());
        }
        page.head("How to read this");
        legend(self).iter().for_each(|text| page.paragraph(text, "  ", "  "));
        page.out
    }
}

struct Page {
    out: String,
    width: usize,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn head(&mut self, text: &str) {
        self.line("");
        self.paragraph(text, "", "");
    }

    /// Words in lines, the first behind one indent and the others behind another.
    fn paragraph(&mut self, text: &str, first: &str, others: &str) {
        let mut line = first.to_string();
        let mut is_empty = true;
        for word in text.split_whitespace() {
            if !is_empty && line.width() + 1 + word.width() > self.width {
                self.line(&line);
                (line, is_empty) = (others.to_string(), true);
            }
            if !is_empty {
                line.push(' ');
            }
            line.push_str(word);
            is_empty = false;
        }
        self.line(&line);
    }

    /// Rows whose columns line up; all but the first column are numbers and stand right.
    fn table(&mut self, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
        let widths: Vec<usize> = (0..columns).map(|column| widest(column).unwrap_or(0)).collect();
        for row in rows {
            let cell = |(column, cell): (usize, &String)| {
                let space = " ".repeat(widths[column] - cell.width());
                if column == 0 { format!("{cell}{space}") } else { format!("{space}{cell}") }
            };
            let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
            self.line(&format!("  {}", cells.join("  ")));
        }
    }

    fn changes(&mut self, changes: &WholeDifference) {
        if changes.is_empty() {
            self.paragraph("nothing but the seed", "  ", "  ");
        }
        for (name, part) in changes.parts().into_iter().filter(|(_, part)| !part.is_empty()) {
            self.paragraph(&format!("{name}:"), "  ", "  ");
            for change in part {
                self.paragraph(&said(change), "    ", "      ");
            }
        }
    }

    fn result(&mut self, result: &MetricResult, baseline: &str) {
        self.head(&format!("{} ({})", title(result), sense(result.metric)));
        let header = ["variant", "seeds", "mean", "deviation", noise_title(result)].map(String::from).to_vec();
        let rows = result.variants.iter().map(|variant| row(variant, result));
        self.table(&std::iter::once(header).chain(rows).collect::<Vec<_>>());
        for variant in &result.variants {
            let figures: Vec<String> = variant
                .seeds
                .iter()
                .map(|reading| format!("s{} {}", reading.seed, seed(reading, digits(result.metric, variant.deviation))))
                .collect();
            self.paragraph(&format!("{}: {}", variant.variant, figures.join(", ")), "  ", "    ");
        }
        self.paragraph(&format!("Differences from {baseline}, seed by seed:"), "  ", "  ");
        for difference in &result.differences {
            self.difference(difference, result);
        }
    }

    fn difference(&mut self, difference: &Difference, result: &MetricResult) {
        let study = &difference.study;
        let digits = digits(result.metric, study.deviation);
        let mut figures: Vec<String> = Vec::new();
        figures.extend(study.mean.map(|mean| format!("mean {}", signed(mean, digits))));
        figures.extend(interval(study, digits).map(|ends| format!("95 % {ends}")));
        figures.extend(chance(study));
        let (variant, verdict) = (&difference.variant, verdict(study.verdict).to_uppercase());
        self.paragraph(&format!("{variant}: {verdict}. {}", difference.reason), "    ", "      ");
        if !figures.is_empty() {
            self.paragraph(&figures.join(", "), "      ", "      ");
        }
        for limit in limits(study, result.metric) {
            self.paragraph(&limit, "      ", "      ");
        }
    }
}

fn row(variant: &VariantResult, result: &MetricResult) -> Vec<String> {
    let digits = digits(result.metric, variant.deviation);
    let number = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.digits$}"));
    let counted = variant.seeds.iter().filter(|reading| reading.value.is_some()).count();
    let seeds = match variant.failed {
        0 => counted.to_string(),
        failed => format!("{counted} + {failed} diverged"),
    };
    vec![variant.variant.clone(), seeds, number(variant.mean), number(variant.deviation), noise(variant, result)]
}

/// `train.batch_size: 256 -> 128 (configs/case1.toml:9 -> --set)`.
fn said(change: &Change) -> String {
    let from = match (&change.before_from, &change.after_from) {
        (Some(before), Some(after)) if before == after => format!("  ({before})"),
        (Some(before), Some(after)) => format!("  ({before} -> {after})"),
        _ => String::new(),
    };
    format!("{}: {} -> {}{from}", change.key, change.before, change.after)
}

#[cfg(test)]
#[path = "terminal_tests.rs"]
mod tests;
