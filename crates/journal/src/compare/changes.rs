//! The whole difference between two variants, or two runs: what the case meant to change, then everything else.

use serde::{Deserialize, Serialize};

use super::runs::{Group, Run};
use crate::markdown::{bytes, count};

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// A case's dotted key, or what else differs in words.
    pub key: String,
    /// The value before; several, where the seeds differ among themselves.
    pub before: String,
    /// The value after.
    pub after: String,
    /// Where the value before came from: `default`, `configs/case1.toml:14`, `variant layer-4, ...`, `--set`.
    pub before_from: Option<String>,
    /// Where the value after came from.
    pub after_from: Option<String>,
}

/// Everything that differs between two variants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeDifference {
    /// The first's name.
    pub before: String,
    /// The second's name.
    pub after: String,
    /// Keys that a `[variant.NAME]` table of their one case sets.
    pub meant: Vec<Change>,
    /// Every other key that differs: by flag, by an edited case file, by another case.
    pub also: Vec<Change>,
    /// The data and the tokenizer, as they were found.
    pub data: Vec<Change>,
    /// What follows from the configuration: the plan, the model's size.
    pub follows: Vec<Change>,
    /// Version and commit.
    pub code: Vec<Change>,
    /// Processor, device, precision.
    pub machine: Vec<Change>,
}

impl WholeDifference {
    /// Its parts with their headings, in the order in which they are to be read; empty ones too.
    pub fn parts(&self) -> [(&'static str, &[Change]); 6] {
        [
            ("meant by the case", &self.meant),
            ("changed besides", &self.also),
            ("data", &self.data),
            ("follows", &self.follows),
            ("code", &self.code),
            ("machine", &self.machine),
        ]
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.parts().iter().all(|(_, changes)| changes.is_empty())
    }

    /// Whether a key of the configuration differs.
    pub(crate) fn has_key(&self, key: &str) -> bool {
        self.meant.iter().chain(&self.also).any(|change| change.key == key)
    }
}

/// Everything that differs between two variants; for two runs, put each into a group of its own. The configuration is that
/// of each group's first run; what a group's seeds differ in among themselves is a [`Caveat`](super::Caveat).
pub fn whole_difference(before: &Group, after: &Group) -> WholeDifference {
    let (first, second) = (&before.runs[0], &after.runs[0]);
    let is_one_case = first.info.case == second.info.case;
    let change = |difference: case::Difference| {
        let from = |run: &Run| origin(run, &difference.key);
        let (before_from, after_from) = (from(first), from(second));
        Change { key: difference.key, before: difference.before, after: difference.after, before_from, after_from }
    };
    let is_variants = |from: &Option<String>| from.as_ref().is_some_and(|from| from.starts_with("variant "));
    let is_meant =
        |change: &Change| is_one_case && (is_variants(&change.before_from) || is_variants(&change.after_from));
    let differences = case::differences(&first.config, &second.config).into_iter();
    let changes = differences.filter(|difference| !WORDS.contains(&difference.key.as_str())).map(change);
    let (meant, also) = changes.partition(is_meant);
    let facts = |facts: &[Fact]| facts.iter().filter_map(|fact| fact.change(before, after)).collect();
    WholeDifference {
        before: before.name.clone(),
        after: after.name.clone(),
        meant,
        also,
        data: facts(&DATA),
        follows: facts(&FOLLOWS),
        code: facts(&CODE),
        machine: facts(&MACHINE),
    }
}

/// Keys that change no number of any run.
pub const WORDS: [&str; 5] = ["question", "source", "conclusion", "claims", "seeds"];

/// Where a key's value came from; that of the list or table it is in, where that was given as a whole.
fn origin(run: &Run, key: &str) -> Option<String> {
    let mut key = key;
    loop {
        if let Some(from) = run.origins.get(key) {
            return Some(from.clone());
        }
        key = key.rsplit_once(['.', '['])?.0;
    }
}

/// Keys in which the runs of a group differ among themselves, so that they are not one variant with several seeds.
pub(crate) fn differing_keys(group: &Group) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for run in &group.runs[1..] {
        for difference in case::differences(&group.runs[0].config, &run.config) {
            if !WORDS.contains(&difference.key.as_str()) && !keys.contains(&difference.key) {
                keys.push(difference.key);
            }
        }
    }
    keys
}

/// What is looked at besides the configuration.
struct Fact {
    key: &'static str,
    of: fn(&Run) -> String,
}

const DATA: [Fact; 5] = [
    Fact { key: "prepared data (hash)", of: |run| short(&run.info.data.prepared) },
    Fact { key: "tokenizer (hash)", of: |run| short(&run.info.data.tokenizer) },
    Fact { key: "vocabulary", of: |run| count(run.info.data.vocab_size) },
    Fact { key: "corpora (lines)", of: |run| corpora(run) },
    Fact { key: "validation rows", of: |run| count(run.info.plan.valid_rows) },
];

const FOLLOWS: [Fact; 7] = [
    Fact { key: "parameters of the model", of: |run| count(run.info.model.parameters) },
    Fact { key: "steps planned", of: |run| count(run.info.plan.total_steps) },
    Fact { key: "steps per epoch", of: |run| count(run.info.plan.steps_per_epoch) },
    Fact { key: "training rows", of: |run| count(run.info.plan.train_rows) },
    Fact { key: "schedule", of: |run| run.info.plan.schedule.clone() },
    Fact { key: "unigram loss", of: |run| prior_loss(run, false) },
    Fact { key: "loss of class frequencies", of: |run| prior_loss(run, true) },
];

/// The loss of the shares in training, of the one kind of run or of the other.
fn prior_loss(run: &Run, labelled: bool) -> String {
    if run.is_labelled() == labelled { format!("{:.4}", run.info.baselines.unigram) } else { "–".into() }
}

pub(crate) const COMMIT: &str = "commit";

const CODE: [Fact; 2] = [
    Fact { key: "version", of: |run| run.info.version.clone() },
    Fact { key: COMMIT, of: |run| run.info.commit.as_deref().map_or("unknown".into(), short) },
];

const MACHINE: [Fact; 7] = [
    Fact { key: "device", of: |run| run.info.machine.device.clone() },
    Fact { key: "backend", of: |run| run.info.machine.backend.clone() },
    Fact { key: "precision", of: |run| run.info.precision.clone() },
    Fact { key: "processor", of: |run| run.info.machine.cpu.clone() },
    Fact { key: "cores", of: |run| run.info.machine.cores.to_string() },
    Fact { key: "memory", of: |run| bytes(run.info.machine.memory_bytes) },
    Fact { key: "system", of: |run| run.info.machine.os.clone() },
];

impl Fact {
    fn change(&self, before: &Group, after: &Group) -> Option<Change> {
        let (before, after) = (values(before, self.of), values(after, self.of));
        let differs = before.len() > 1 || before != after;
        let change = || Change {
            key: self.key.into(),
            before: before.join(" or "),
            after: after.join(" or "),
            before_from: None,
            after_from: None,
        };
        differs.then(change)
    }
}

/// What the runs of a group have, each value once.
pub(crate) fn values(group: &Group, of: impl Fn(&Run) -> String) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for value in group.runs.iter().map(of) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

pub(crate) fn corpora(run: &Run) -> String {
    let corpus = |corpus: &crate::info::CorpusInfo| format!("{} {}", corpus.name, count(corpus.lines));
    run.info.data.corpora.iter().map(corpus).collect::<Vec<_>>().join(", ")
}

/// A hash's first twelve digits, and what stands behind a commit's.
fn short(hash: &str) -> String {
    let (hash, rest) = hash.split_once('-').map_or((hash, String::new()), |(hash, rest)| (hash, format!("-{rest}")));
    format!("{}{rest}", hash.chars().take(12).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::synthetic::{Made, group};

    fn keys(changes: &[Change]) -> Vec<&str> {
        changes.iter().map(|change| change.key.as_str()).collect()
    }

    #[test]
    fn what_the_case_meant_comes_first_and_nothing_else_that_changed_is_left_out() {
        let (before, mut after) =
            (group("layer-4", &[1, 2], Made::default()), group("layer-6", &[1, 2], Made::default()));
        for run in &mut after.runs {
            run.config.model.n_layers = 6;
            run.config.train.batch_size = 128;
            run.origins.insert("model.n_layers".into(), "variant layer-6, case1.toml:30".into());
            run.origins.insert("train.batch_size".into(), "--set".into());
            run.info.data.corpora[0].lines += 1;
            run.info.model.parameters += 1;
            run.info.machine.cores = 8;
        }
        after.runs[1].info.commit = Some("0123456789abcdef-dirty".into());
        let found = whole_difference(&before, &after);
        assert_eq!(keys(&found.meant), ["model.n_layers"]);
        assert_eq!(found.meant[0].after_from.as_deref(), Some("variant layer-6, case1.toml:30"));
        assert_eq!((keys(&found.also), found.also[0].after_from.as_deref()), (vec!["train.batch_size"], Some("--set")));
        assert_eq!(keys(&found.data), ["corpora (lines)"]);
        assert_eq!(keys(&found.follows), ["parameters of the model"]);
        assert_eq!(keys(&found.code), ["commit"]);
        assert_eq!(found.code[0].after, "3e4272b or 0123456789ab-dirty");
        assert_eq!(keys(&found.machine), ["cores"]);
    }

    #[test]
    fn between_two_cases_nothing_was_meant() {
        let (before, mut after) = (group("a", &[1], Made::default()), group("b", &[1], Made::default()));
        after.runs[0].config.model.n_layers = 6;
        after.runs[0].origins.insert("model.n_layers".into(), "variant b, other.toml:3".into());
        after.runs[0].info.case = "other".into();
        let found = whole_difference(&before, &after);
        assert_eq!((keys(&found.meant), keys(&found.also)), (vec![], vec!["model.n_layers"]));
    }

    #[test]
    fn equal_runs_differ_in_nothing() {
        let group = group("a", &[1, 2], Made::default());
        assert!(whole_difference(&group, &group).is_empty());
    }

    #[test]
    fn seeds_that_are_not_one_variant_are_found() {
        let mut group = group("a", &[1, 2, 3], Made::default());
        assert_eq!(differing_keys(&group), [""; 0]);
        group.runs[1].config.seeds = vec![2];
        group.runs[2].config.optimizer.beta2 = 0.98;
        assert_eq!(differing_keys(&group), ["optimizer.beta2"]);
    }
}
