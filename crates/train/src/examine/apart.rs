//! Train and validation share nothing.

use std::collections::HashMap;

use corpus::{Split, labelled::repeats};

use super::{
    bench::{Clock, Deadline},
    checked::{Advice, Checked, percent},
};
use crate::{
    labels,
    material::Material,
    setup::Setup,
    words::{Source, Text, Words},
};

pub(super) const NAME: &str = "splits apart";

/// Share of a split that may stand in an earlier one, whatever its size.
const SHARED: f64 = 0.01;
/// Examples shown, and their length in characters.
const SHOWN: usize = 3;
const LETTERS: usize = 60;
/// Shortest line of text in tokens that is worth finding again: shorter ones (a date, "References") meet by chance.
const LINE: usize = 8;
/// Validation lines that are looked for, at most.
const LINES: usize = 1_000_000;
/// Share of all time that may be spent on text.
const TIME: f64 = 0.1;
/// Texts of all splits that are compared, at most: each costs 125 hashes a character.
const TEXTS: usize = 400_000;

const ADVICE: Advice = Advice {
    meaning: "part of what is measured on the later split is memory: scores are too good by up to that share, and the more so the \
              longer one trains",
    next: "take the repeated examples out of training (those shown are some), or split by document or author: `group` in \
           [examples]",
};

/// The texts of train, valid and test, as far as they were kept to be compared.
pub(super) struct Texts {
    splits: [Vec<String>; 3],
}

impl Texts {
    /// Of labelled examples and pages; none of running text, whose lines are looked up in the prepared folder.
    pub(super) fn of(material: &Material) -> Option<Self> {
        let splits = match material {
            Material::Text(_) => return None,
            Material::Examples(examples) => labels::texts(&examples.rows),
            Material::Pages(pages) => {
                let splits = &pages.splits;
                [&splits.train, &splits.valid, &splits.test]
                    .map(|rows| rows.iter().map(|row| row.words.join(" ")).collect())
            }
        };
        Some(Self { splits })
    }
}

/// What a later split has of an earlier one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Shared {
    pub(super) earlier: &'static str,
    pub(super) later: &'static str,
    /// Of the later split: examples, or tokens of text.
    pub(super) all: u64,
    pub(super) exact: u64,
    pub(super) near: u64,
    /// Some of them.
    pub(super) shown: Vec<String>,
}

impl Shared {
    fn share(&self) -> f64 {
        (self.exact + self.near) as f64 / self.all.max(1) as f64
    }

    /// Two standard errors of an accuracy of one half on so many examples: what memory adds below it is not told from noise.
    fn allowed(&self, unit: &str) -> f64 {
        let noise = if unit == "examples" { 1.0 / (self.all.max(1) as f64).sqrt() } else { 0.0 };
        SHARED.max(noise)
    }
}

/// Compares the splits of labelled examples or pages.
///
/// # Source
/// Lee et al. 2022, "Deduplicating training data makes language models better", §6.2: more than 4 % of the validation sets of
/// common corpora stood in their training sets.
pub(super) fn examples_apart(texts: &Texts) -> Checked {
    let count = texts.splits.iter().map(Vec::len).sum::<usize>();
    if count > TEXTS {
        return Checked::not_done(NAME, format!("{count} examples are too many to compare in time ({TEXTS} at most)"));
    }
    let names = ["train", "valid", "test"];
    let pairs = [(0, 1), (0, 2), (1, 2)].into_iter().filter(|(_, later)| !texts.splits[*later].is_empty());
    let found = pairs.map(|(earlier, later)| {
        let of = |at: usize| texts.splits[at].iter().map(String::as_str).collect::<Vec<_>>();
        let found = repeats(&of(earlier), &of(later));
        let example = |repeat: &corpus::labelled::Repeat| shortened(&texts.splits[later][repeat.later]);
        Shared {
            earlier: names[earlier],
            later: names[later],
            all: texts.splits[later].len() as u64,
            exact: found.exact.len() as u64,
            near: found.near.len() as u64,
            shown: found.exact.iter().chain(&found.near).take(SHOWN).map(example).collect(),
        }
    });
    judge(&found.collect::<Vec<_>>(), "examples")
}

/// Whether each pair of splits has little enough in common; `unit` is what is counted.
pub(super) fn judge(found: &[Shared], unit: &str) -> Checked {
    if found.is_empty() {
        return Checked::not_applicable(NAME, "there is one split only");
    }
    let holds = found.iter().all(|shared| shared.share() <= shared.allowed(unit));
    let told = |shared: &Shared| {
        let Shared { earlier, later, exact, near, all, .. } = shared;
        let near = if *near > 0 { format!(" and {near} nearly") } else { String::new() };
        format!("{exact}{near} of {all} {unit} of {later} stand in {earlier} ({})", percent(shared.share()))
    };
    let measured = found.iter().map(told).collect::<Vec<_>>().join("; ");
    let allowed = found.iter().map(|shared| percent(shared.allowed(unit))).collect::<Vec<_>>().join("; ");
    let shown = found.iter().flat_map(|shared| {
        shared.shown.iter().map(|text| format!("in {} and {}: {text}", shared.earlier, shared.later))
    });
    Checked::judged(NAME, holds, measured, format!("at most {allowed}"), ADVICE).with(shown.collect::<Vec<_>>())
}

/// Looks for the lines of validation in training text, token for token.
pub(super) fn text_apart(setup: &Setup, words: &Words, clock: &Clock) -> Checked {
    let Source::Text(text) = &words.source else { return Checked::not_applicable(NAME, "there is no running text") };
    let leak = &text.prepared.manifest().leak;
    let counted = format!(
        "{} of {} validation lines of any length stand word for word in training documents; near repeats of running text are not looked for",
        leak.found, leak.looked_for
    );
    match common_lines(setup, text, &clock.deadline(TIME)) {
        Some(shared) if shared.all > 0 => judge(&[shared], "tokens").with([counted]),
        Some(_) => Checked::not_applicable(NAME, format!("no validation line has {LINE} tokens")).with([counted]),
        None => Checked::not_done(NAME, "reading all text would take too long").with([counted]),
    }
}

/// Tokens of validation lines that stand in training too; nothing where time ran out.
fn common_lines(setup: &Setup, text: &Text, deadline: &Deadline) -> Option<Shared> {
    let mut lines: HashMap<Vec<u32>, (u64, bool)> = HashMap::new();
    let mut shared = Shared { earlier: "train", later: "valid", ..Shared::default() };
    each_line(text, Split::Valid, deadline, &mut |ids| {
        shared.all += ids.len() as u64;
        if lines.len() < LINES {
            lines.entry(ids).or_default().0 += 1;
        }
    })?;
    each_line(text, Split::Train, deadline, &mut |ids| {
        if let Some((_, is_shared)) = lines.get_mut(&ids) {
            *is_shared = true;
        }
    })?;
    let mut found = lines.into_iter().filter(|(_, (_, is_shared))| *is_shared).collect::<Vec<_>>();
    found.sort();
    shared.exact = found.iter().map(|(ids, (times, _))| ids.len() as u64 * times).sum();
    shared.shown = found.iter().take(SHOWN).map(|(ids, _)| shortened(&setup.tokenizer.decode(ids))).collect();
    Some(shared)
}

/// Every line of a split that is long enough; nothing where time ran out.
fn each_line(text: &Text, split: Split, deadline: &Deadline, see: &mut dyn FnMut(Vec<u32>)) -> Option<()> {
    for corpus in 0..text.prepared.manifest().corpora.len() {
        for source in text.prepared.sources(split, corpus) {
            for line in 0..source.line_count() {
                if line % 1_024 == 0 && deadline.is_over() {
                    return None;
                }
                let range = source.line(line);
                if range.end - range.start >= LINE as u64 {
                    let mut ids = Vec::new();
                    source.copy_tokens(range, &mut ids);
                    see(ids);
                }
            }
        }
    }
    Some(())
}

fn shortened(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let start = text.chars().take(LETTERS).collect::<String>();
    if start.len() < text.len() { format!("\"{start}…\"") } else { format!("\"{start}\"") }
}
