//! The training record: one document of all cases, in the form in which people keep one by hand, made from the journals.

use std::path::Path;

use crate::axis::Axis;
use crate::case_charts::{case_figures, write_case_charts};
use crate::case_runs::{CaseRuns, Run};
use crate::case_tables::{parameters, runs_table, variants_table};
use crate::chart::PALETTE;
use crate::compare::of_case;
use crate::conclusion::{Conclusion, Judge};
use crate::error::JournalError;
use crate::info::SplitInfo;
use crate::labelled_data::task;
use crate::labelled_tables::legend as legend_of_examples;
use crate::markdown::{code, count, duration, escaped, minute};
use crate::write::{file_name, write_atomically};

/// The document's name in its folder.
pub const TRAINING_RECORD: &str = "training-record.md";
/// The colours of [`PALETTE`] in words, for a reader of a print in grey or of the text alone.
const COLOR_NAMES: [&str; PALETTE.len()] =
    ["blue", "vermilion", "green", "purple", "sky blue", "orange", "black", "yellow"];
/// The marks of validation lines, by colour as the charts draw them.
const MARK_NAMES: [&str; 4] = ["circles", "squares", "triangles", "diamonds"];

/// A case of the record: its runs, and the only words in it that are typed by hand.
#[derive(Debug, Clone, Copy)]
pub struct RecordCase<'a> {
    /// The runs.
    pub runs: &'a CaseRuns,
    /// What the author concludes.
    pub conclusion: &'a Conclusion,
}

/// Writes `training-record.md` and its charts, `images/CASE/*.{png,svg}`, into a folder, the document last. `version` is
/// the program's.
///
/// # Errors
/// [`JournalError::Io`] with the file that could not be written.
pub fn write_training_record(
    folder: &Path,
    cases: &[RecordCase],
    judge: &Judge,
    version: &str,
) -> Result<(), JournalError> {
    for case in cases {
        write_case_charts(case.runs, axis_of(case.runs), &folder.join("images").join(file_name(&case.runs.name)))?;
    }
    write_atomically(&folder.join(TRAINING_RECORD), training_record(cases, judge, version).as_bytes())
}

/// The document, its charts named but not drawn.
pub fn training_record(cases: &[RecordCase], judge: &Judge, version: &str) -> String {
    let mut text = format!(
        "# Training record\n- Record of training encoders like BERT, made by casebook {} from the journals of the runs. Only \
         descriptions, conclusions and remarks are typed by hand.\n\n## Training case\n",
        escaped(version)
    );
    for case in cases {
        text += &one_case(case.runs, case.conclusion, judge);
    }
    text
}

/// Steps, as long as a step is as many rows everywhere; rows otherwise, because steps would compare unlike things. Of
/// labelled examples epochs, where folds or shares of them make epochs of unlike many steps.
fn axis_of(case: &CaseRuns) -> Axis {
    let mut epochs = case.runs.iter().map(|run| run.info.plan.steps_per_epoch);
    let first = epochs.next();
    if case.examples().is_some() && epochs.any(|steps| Some(steps) != first) {
        return Axis::Epochs;
    }
    let mut sizes = case.runs.iter().map(|run| run.info.plan.batch_size);
    let first = sizes.next();
    if sizes.all(|size| Some(size) == first) { Axis::Steps } else { Axis::Examples }
}

fn one_case(case: &CaseRuns, conclusion: &Conclusion, judge: &Judge) -> String {
    let mut text = format!("### {}\n- description: {}\n", escaped(&case.name), escaped(case.question()));
    if case.runs.is_empty() {
        return text + "- result: nothing has been run\n\n";
    }
    if let Some(source) = case.runs.iter().map(|run| &run.info.source).find(|source| !source.is_empty()) {
        text += &format!("- source: {}\n", escaped(source));
    }
    text += &format!("- date: {}\n- params:\n", dates(case));
    for parameter in parameters(case) {
        text += &format!("  > {}: {}  \n", escaped(&parameter.key), escaped(&parameter.text()));
    }
    text += &format!("\n- datasets:\n{}", datasets(case));
    text += &format!("- runs: {}\n", runs(case));
    for caveat in &conclusion.caveats {
        text += &format!("- note: {}\n", escaped(caveat));
    }
    let (folds, curves) = of_case(case);
    text += &format!("- result:\n{}", concluded(case, conclusion, judge));
    text += &folds.iter().map(|folds| format!("  - {}\n", escaped(&folds.text()))).collect::<String>();
    text += &format!("  - {}\n\n", legend(case));
    text += &format!("{}\n{}\n", variants_table(case).escaped().text(), runs_table(case).escaped().text());
    for curve in &curves {
        text += &format!("{}:\n\n{}\n", escaped(&curve.title()), curve.table().text());
    }
    text += &match case.examples() {
        Some(examples) => escaped(&legend_of_examples(examples)),
        None => {
            "Means over finished seeds, with the least and the largest; loss in nats per scored token, accuracy ± one \
                 standard error."
                .to_string()
        }
    };
    text + "\n\n" + &images(case)
}

fn dates(case: &CaseRuns) -> String {
    let summaries: Vec<_> = case.runs.iter().map(Run::summary).collect();
    let began = summaries.iter().filter_map(|run| run.began.as_deref()).min();
    let ended = summaries.iter().filter_map(|run| run.ended.as_deref()).max();
    let trained: f64 = summaries.iter().map(|run| run.time_s).sum();
    match (began, ended) {
        (Some(began), Some(ended)) => {
            format!(
                "{} ~ {} (UTC), {} of training",
                escaped(&minute(began)),
                escaped(&minute(ended)),
                duration(trained)
            )
        }
        (Some(began), None) => format!("{} ~ (UTC), no end is written", escaped(&minute(began))),
        _ => "planned, not begun".into(),
    }
}

/// The data of each variant, once where they share it.
fn datasets(case: &CaseRuns) -> String {
    let mut known: Vec<(String, Vec<&str>)> = Vec::new();
    for run in &case.runs {
        let line = dataset(run);
        let variant = run.info.variant.as_str();
        match known.iter_mut().find(|(other, _)| *other == line) {
            Some((_, variants)) if variants.contains(&variant) => {}
            Some((_, variants)) => variants.push(variant),
            None => known.push((line, vec![variant])),
        }
    }
    let is_shared = known.len() == 1;
    let line = |(line, variants): &(String, Vec<&str>)| {
        let whose = if is_shared { String::new() } else { format!("{}: ", escaped(&variants.join(", "))) };
        format!("  - {whose}{line}\n")
    };
    known.iter().map(line).collect()
}

fn dataset(run: &Run) -> String {
    let (data, plan) = (&run.info.data, &run.info.plan);
    if let Some(examples) = &data.examples {
        let split = |split: &SplitInfo| format!("{} {} examples", escaped(&split.name), count(split.examples));
        let splits: Vec<String> = examples.splits.iter().map(split).collect();
        return format!(
            "{}; {}; {} vocabulary of {}; steps per epoch: {}, steps per evaluation: {}",
            escaped(&task(examples)),
            splits.join(", "),
            escaped(&data.tokenizer_kind),
            count(data.vocab_size),
            count(plan.steps_per_epoch),
            count(plan.valid_steps)
        );
    }
    let corpora: Vec<String> = data
        .corpora
        .iter()
        .map(|corpus| format!("{} ({} training rows)", escaped(&corpus.name), count(corpus.train_rows)))
        .collect();
    format!(
        "{}; {} vocabulary of {}; trains: {}, steps per epoch: {}, valids: {}, steps per evaluation: {}",
        corpora.join(" & "),
        escaped(&data.tokenizer_kind),
        count(data.vocab_size),
        count(plan.train_rows),
        count(plan.steps_per_epoch),
        count(plan.valid_rows),
        count(plan.valid_steps)
    )
}

/// How many runs, what became of them, and at which commits.
fn runs(case: &CaseRuns) -> String {
    let mut commits: Vec<&str> = case.runs.iter().filter_map(|run| run.info.commit.as_deref()).collect();
    commits.sort_unstable();
    commits.dedup();
    let commits: Vec<String> = commits.into_iter().map(code).collect();
    let commits = if commits.is_empty() { "unknown".into() } else { commits.join(", ") };
    format!("{}; commit {commits}", escaped(&case.states()))
}

fn concluded(case: &CaseRuns, conclusion: &Conclusion, judge: &Judge) -> String {
    let mut text = match conclusion.text.as_str() {
        "" => "  - conclusion: none is written\n".to_string(),
        words => format!("  - conclusion: {}\n", escaped(words)),
    };
    for (claim, verdict) in conclusion.claims.iter().zip(judge(case, &conclusion.claims)) {
        let (claim, reason) = (code(&claim.to_string()), escaped(&verdict.reason));
        text += &format!("  - claim {claim}: **{}**. {reason}\n", verdict.standing.word());
    }
    for run in &case.runs {
        for note in &run.notes {
            let name = format!("{} s{}", run.info.variant, run.info.seed);
            let (time, words) = (escaped(&minute(&note.time)), escaped(note.text.trim()));
            text += &format!("  - remark on {}, {time} (UTC): {words}\n", escaped(&name));
        }
    }
    for (folder, error) in &case.unreadable {
        text +=
            &format!("  - {} cannot be read: {}\n", code(&folder.display().to_string()), escaped(&error.to_string()));
    }
    text
}

/// `blue with circles is layer-4, vermilion with squares is layer-6 in the images below`.
fn legend(case: &CaseRuns) -> String {
    let names = case.variants.iter().filter(|variant| case.of_variant(variant).next().is_some()).map(|variant| {
        let color = case.color(variant);
        let round = color / PALETTE.len();
        let dashed = if round % 2 == 1 { "dashed " } else { "" };
        let (name, mark) = (COLOR_NAMES[color % PALETTE.len()], MARK_NAMES[(color + round) % MARK_NAMES.len()]);
        format!("{dashed}{name} with {mark} is {}", escaped(variant))
    });
    let names: Vec<String> = names.collect();
    format!("{} in the images below; thin lines are training", names.join(", "))
}

fn images(case: &CaseRuns) -> String {
    let axis = axis_of(case).name();
    let mut names = vec!["loss".to_string(), "accuracy".into()];
    names.extend(case.corpora().into_iter().map(|corpus| format!("loss-{}", file_name(corpus))));
    names.extend(case_figures(case).iter().map(|figure| file_name(figure)));
    names.push("learning-rate".into());
    let image = |name: &String| {
        let file = attribute(&format!("images/{}/{name}-by-{axis}.png", file_name(&case.name)));
        let about = attribute(&format!("{}: {} by {axis}", case.name, name.replace('-', " ")));
        format!("<p align=\"center\"><img src=\"{file}\" width=\"800\" alt=\"{about}\"/></p>\n\n")
    };
    names.iter().map(image).collect()
}

/// Text inside an attribute of HTML, which Markdown passes on as it is.
fn attribute(text: &str) -> String {
    crate::svg::escaped(text)
}

#[cfg(test)]
#[path = "training_record_tests.rs"]
mod tests;
