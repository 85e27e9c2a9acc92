//! A comparison as Markdown, for a record.

use super::changes::WholeDifference;
use super::comparison::{Comparison, Difference, MetricResult, VariantResult};
use super::folds::examples_markdown;
use super::words::{
    chance, digits, interval, legend, limits, noise, noise_title, place, seed, sense, signed, title, verdict,
};
use crate::markdown::{Table, escaped};

impl Comparison {
    /// Markdown, every text of users escaped; headings begin at the second level.
    pub fn markdown(&self) -> String {
        let questions = self.questions.iter().filter(|question| !question.is_empty());
        let mut page: String = questions.map(|question| format!("{}\n\n", escaped(question))).collect();
        page += &format!("## Before the numbers\n\n{}", self.caveat_list());
        for changes in &self.changes {
            let (after, before) = (escaped(&changes.after), escaped(&changes.before));
            page += &format!("\n## What differs: {after} against {before}\n\n{}", change_table(changes));
        }
        page += &format!("\n## Figures\n\n{}\n", place(self));
        for result in &self.results {
            page += &figures(result, &self.baseline);
        }
        page += &examples_markdown(&self.folds, &self.learning_curves);
        page += "\n## How to read this\n\n";
        page + &legend(self).iter().map(|text| format!("- {}\n", escaped(text))).collect::<String>()
    }

    fn caveat_list(&self) -> String {
        if self.caveats.is_empty() {
            return "- The runs are alike in length, batch, vocabulary, data and validation.\n".into();
        }
        self.caveats.iter().map(|caveat| format!("- {}\n", escaped(&caveat.text))).collect()
    }
}

fn change_table(changes: &WholeDifference) -> String {
    let (before, after) = (escaped(&changes.before), escaped(&changes.after));
    let mut table = Table::new(&["", "key", &before, &after, "from", "to"]);
    for (name, part) in changes.parts() {
        for change in part {
            let from = |from: &Option<String>| from.as_deref().map_or(String::new(), escaped);
            let texts = [&change.key, &change.before, &change.after].map(|text| escaped(text));
            let origins = [from(&change.before_from), from(&change.after_from)];
            table.row([name.to_string()].into_iter().chain(texts).chain(origins).collect());
        }
    }
    if table.is_empty() { "Nothing but the seed.\n".into() } else { table.text() }
}

fn figures(result: &MetricResult, baseline: &str) -> String {
    let noise_title = format!(">{}", noise_title(result));
    let mut table = Table::new(&["variant", ">seeds", ">diverged", ">mean", ">deviation", &noise_title, "every seed"]);
    for variant in &result.variants {
        table.row(row(variant, result));
    }
    let differences: String = result.differences.iter().map(|difference| said(difference, result)).collect();
    let (title, sense) = (escaped(&title(result)), sense(result.metric));
    let baseline = escaped(baseline);
    format!("\n### {title} ({sense})\n\n{}\nDifferences from {baseline}, seed by seed:\n\n{differences}", table.text())
}

fn row(variant: &VariantResult, result: &MetricResult) -> Vec<String> {
    let digits = digits(result.metric, variant.deviation);
    let number = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.digits$}"));
    let counted = variant.seeds.iter().filter(|reading| reading.value.is_some()).count();
    let seeds: Vec<String> =
        variant.seeds.iter().map(|reading| format!("s{} {}", reading.seed, seed(reading, digits))).collect();
    vec![
        escaped(&variant.variant),
        counted.to_string(),
        variant.failed.to_string(),
        number(variant.mean),
        number(variant.deviation),
        noise(variant, result),
        seeds.join(", "),
    ]
}

/// One item of a list: the verdict, why, the figures, the limits.
fn said(difference: &Difference, result: &MetricResult) -> String {
    let study = &difference.study;
    let digits = digits(result.metric, study.deviation);
    let mut sentences = vec![difference.reason.clone()];
    let mean = study.mean.map(|mean| format!("mean difference {}", signed(mean, digits)));
    let ends = interval(study, digits).map(|ends| format!("95 % interval {ends}"));
    let figures: Vec<String> = [mean, ends, chance(study)].into_iter().flatten().collect();
    sentences.extend((!figures.is_empty()).then(|| figures.join(", ")));
    sentences.extend(limits(study, result.metric));
    let (variant, verdict) = (escaped(&difference.variant), verdict(study.verdict));
    format!("- {variant}: **{verdict}**: {}.\n", escaped(&sentences.join(". ")))
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
