//! The labelled examples of a run, as its record lists them.

use crate::info::{ExamplesInfo, RunInfo};
use crate::markdown::{Table, count, escaped, percent};

/// More labels than this are shown by the most frequent of them.
const LABELS_SHOWN: usize = 60;

/// `classify, a label for each example: 4 classes`.
pub(crate) fn task(examples: &ExamplesInfo) -> String {
    let what = match (examples.task.as_str(), examples.target.as_str()) {
        ("tag", _) => "a tag for each word",
        (_, "multi") => "any number of labels for each example",
        (_, "soft") => "probabilities of the classes for each example",
        _ => "one class for each example",
    };
    let noun = if examples.task == "tag" { "tags" } else { "classes" };
    format!(
        "{}, {what}: {} {noun}; the best checkpoint is told by {}",
        examples.task,
        count(examples.labels.len() as u64),
        examples.best_by
    )
}

/// The splits, what repeats between them, and the labels.
pub(crate) fn examples_section(info: &RunInfo, examples: &ExamplesInfo) -> String {
    let mut text = repeats(examples);
    for note in &examples.notes {
        text += &format!("- {}\n", escaped(note));
    }
    text += &format!("\n{}\n{}", splits(examples), labels(examples));
    let (uniform, prior) = (info.baselines.uniform, info.baselines.unigram);
    text + &format!(
        "\nLoss without looking, in nats: {prior:.4} from class frequencies, which is the cross-entropy of the shares above; \
         {uniform:.4} from guessing.\n"
    )
}

fn repeats(examples: &ExamplesInfo) -> String {
    if examples.repeats.iter().all(|repeat| repeat.exact + repeat.near == 0) {
        return "- no example stands in two splits\n".into();
    }
    let found = examples.repeats.iter().filter(|repeat| repeat.exact + repeat.near > 0);
    found
        .map(|repeat| {
            let (earlier, later) = (escaped(&repeat.earlier), escaped(&repeat.later));
            let (exact, near) = (count(repeat.exact), count(repeat.near));
            format!("- examples of {later} that stand in {earlier} too: {exact} but for case and white space, {near} nearly\n")
        })
        .collect()
}

fn splits(examples: &ExamplesInfo) -> String {
    let mut titles = vec!["split", ">examples", ">inputs", ">tokens", ">cut"];
    let is_tagged = examples.task == "tag";
    if is_tagged {
        titles.push(">lost words");
    }
    let mut table = Table::new(&titles);
    for split in &examples.splits {
        let mut row = vec![escaped(&split.name)];
        row.extend([split.examples, split.inputs, split.tokens, split.cut].map(count));
        if is_tagged {
            row.push(count(split.lost));
        }
        table.row(row);
    }
    let lost = if is_tagged { "; lost: words whose tag no token can say" } else { "" };
    format!(
        "{}\nInputs: what the encoder is given, one an example or one a window; cut: examples of which not all tokens fit{lost}.\n",
        table.text()
    )
}

fn labels(examples: &ExamplesInfo) -> String {
    let what = match (examples.task.as_str(), examples.target.as_str()) {
        ("tag", _) => ["tag", ">share of training words"],
        (_, "multi") => ["label", ">share of training examples that have it"],
        _ => ["class", ">share of training examples"],
    };
    let mut table = Table::new(&what);
    let mut all: Vec<(&String, Option<&f64>)> =
        examples.labels.iter().enumerate().map(|(at, label)| (label, examples.shares.get(at))).collect();
    let hidden = all.len().saturating_sub(LABELS_SHOWN);
    if hidden > 0 {
        all.sort_by(|a, b| b.1.unwrap_or(&0.0).total_cmp(a.1.unwrap_or(&0.0)));
        all.truncate(LABELS_SHOWN);
    }
    for (label, share) in all {
        table.row(vec![escaped(label), share.map_or_else(|| "–".into(), |share| percent(*share))]);
    }
    let more =
        if hidden > 0 { format!("\n{} rarer ones are not listed.\n", count(hidden as u64)) } else { String::new() };
    table.text() + &more
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic_labelled::{labelled_info, tagged_info};

    fn section(info: &RunInfo) -> String {
        examples_section(info, info.data.examples.as_ref().unwrap())
    }

    #[test]
    fn splits_labels_repeats_and_notes_are_listed() {
        let text = section(&labelled_info());
        assert!(text.contains("| valid |      400 |    400 |  9,200 |   4 |"), "{text}");
        assert!(text.contains("| price \\| value |                    30.00 % |"), "{text}");
        assert!(text.contains("examples of valid that stand in train too: 3 but for case and white space, 2 nearly"));
        assert!(text.contains("- labels are those of the training examples, sorted\n"), "{text}");
        assert!(text.contains("1.2799 from class frequencies") && text.contains("1.3863 from guessing."), "{text}");
        assert!(!text.contains("lost") && !text.contains("unigram"), "{text}");
    }

    #[test]
    fn tags_have_lost_words_and_many_labels_are_cut() {
        let mut info = tagged_info();
        let text = section(&info);
        assert!(text.contains("lost words") && text.contains("no example stands in two splits"), "{text}");
        assert_eq!(
            task(info.data.examples.as_ref().unwrap()),
            "tag, a tag for each word: 5 tags; the best checkpoint is told by strict-f1-micro"
        );
        let examples = info.data.examples.as_mut().unwrap();
        examples.labels = (0..70).map(|at| format!("B-{at}")).collect();
        examples.shares = (0..70).map(|at| f64::from(at) / 2415.0).collect();
        let text = section(&info);
        assert!(text.contains("| B-69 ") && !text.contains("| B-9 ") && text.contains("10 rarer ones"), "{text}");
    }
}
