//! The facts of labelled examples: sizes, shares, what repeats, what a reader should know.

use case::{CaseConfig, Task};
use corpus::labelled::{ModelInput, TextRow, repeats};
use journal::{ExamplesInfo, RepeatInfo, SplitInfo};

use super::{Part, Speech, Target, Truth};
use crate::material::Rows;

/// The texts of train, valid and test, a pair as two lines, words parted by spaces.
pub(crate) fn texts(rows: &Rows) -> [Vec<String>; 3] {
    match rows {
        Rows::Texts(_, splits) => {
            let text = |row: &TextRow| match &row.second {
                Some(second) => format!("{}\n{second}", row.first),
                None => row.first.clone(),
            };
            [&splits.train, &splits.valid, &splits.test].map(|rows| rows.iter().map(text).collect())
        }
        Rows::Tagged(_, splits, _) => [&splits.train, &splits.valid, &splits.test]
            .map(|rows| rows.iter().map(|row| row.words.join(" ")).collect()),
    }
}

/// Each split that repeats an earlier one.
pub(super) fn repeated(rows: &Rows) -> Vec<RepeatInfo> {
    let texts = texts(rows);
    let names = ["train", "valid", "test"];
    let pairs = [(0, 1), (0, 2), (1, 2)].into_iter().filter(|(_, later)| !texts[*later].is_empty());
    let found = pairs.map(|(earlier, later)| {
        let of = |at: usize| texts[at].iter().map(String::as_str).collect::<Vec<_>>();
        let found = repeats(&of(earlier), &of(later));
        RepeatInfo {
            earlier: names[earlier].into(),
            later: names[later].into(),
            exact: found.exact.len() as u64,
            near: found.near.len() as u64,
        }
    });
    found.filter(|repeat| repeat.exact + repeat.near > 0).collect()
}

/// What `run.json` says of the examples.
pub(super) fn examples_info(
    config: &CaseConfig,
    speech: &Speech,
    parts: [Option<&Part>; 3],
    repeats: Vec<RepeatInfo>,
    stray: u64,
) -> ExamplesInfo {
    let target = match speech.target {
        Target::One | Target::Tags => "single",
        Target::Many => "multi",
        Target::Soft => "soft",
    };
    let has_boxes = parts[0].is_some_and(|part| part.inputs.iter().any(|input| !input.boxes.is_empty()));
    let mut notes = Vec::new();
    if stray > 0 {
        notes.push(format!("{stray} `I-` tags go on with no entity of their type; they count as seqeval counts them"));
    }
    if config.model.boxes && !has_boxes {
        notes.push("`boxes` in [model] is true and the examples have none: every token's box is 0, 0, 0, 0".into());
    }
    ExamplesInfo {
        task: if config.task == Task::Tag { "tag" } else { "classify" }.into(),
        target: target.into(),
        labels: speech.names.clone(),
        shares: speech.prior.shares.clone(),
        best_by: config.best_by().name().into(),
        splits: parts.into_iter().flatten().map(|part| split(part, speech)).collect(),
        repeats,
        notes,
    }
}

fn split(part: &Part, speech: &Speech) -> SplitInfo {
    let lost = match (&part.truth, &speech.tags) {
        (Truth::Tags(sequences), Some(set)) => {
            sequences.iter().map(|sequence| sequence.alignment.lost(&sequence.tags, set) as u64).sum()
        }
        _ => 0,
    };
    SplitInfo {
        name: part.name.into(),
        examples: part.examples() as u64,
        inputs: part.inputs.len() as u64,
        tokens: part.tokens(),
        cut: part.inputs.iter().filter(|input| input.cut > 0).count() as u64,
        lost,
    }
}

/// blake3 of all inputs and of what is true of them.
pub(super) fn hash(speech: &Speech, parts: [Option<&Part>; 3]) -> String {
    let mut hasher = blake3::Hasher::new();
    speech.names.iter().for_each(|name| _ = hasher.update(name.as_bytes()).update(&[0]));
    for part in parts.into_iter().flatten() {
        hasher.update(part.name.as_bytes());
        hash_inputs(&mut hasher, &part.inputs);
        match &part.truth {
            Truth::Texts(truths) => truths.iter().for_each(|truth| _ = hasher.update(format!("{truth:?}").as_bytes())),
            Truth::Tags(sequences) => {
                let tags = sequences.iter().flat_map(|sequence| &sequence.tags);
                tags.for_each(|tag| _ = hasher.update(&(*tag as u64).to_le_bytes()));
            }
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// Adds ids and boxes of inputs to a hash.
pub(crate) fn hash_inputs(hasher: &mut blake3::Hasher, inputs: &[ModelInput]) {
    for input in inputs {
        hasher.update(&(input.ids.len() as u64).to_le_bytes());
        input.ids.iter().for_each(|id| _ = hasher.update(&id.to_le_bytes()));
        input.boxes.iter().flatten().for_each(|edge| _ = hasher.update(&edge.to_le_bytes()));
    }
}
