//! A printed dictionary, or a JSON object, as a row: what is in it decides what it is.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use crate::collect::{Collector, Context};
use crate::facts::fact_key;
use crate::literal::{Literal, Node};
use crate::log::Place;
use crate::names::{Role, split_of};

/// Nested figures are named `outer_inner`; deeper ones are left out.
const MAX_NAMES: usize = 4096;

/// The numbers and texts of a dictionary.
#[derive(Debug, Default)]
pub(crate) struct Dictionary<'a> {
    numbers: Vec<(&'a str, f64)>,
    nested: Vec<(String, f64)>,
    texts: Vec<(&'a str, &'a str)>,
}

impl<'a> Dictionary<'a> {
    pub(crate) fn of(node: &'a Node<'a>) -> Self {
        let mut all = Self::default();
        all.numbers.reserve(node.entries().len());
        for (name, node) in node.entries().iter().take(MAX_NAMES) {
            match &node.value {
                Literal::Map(entries) => {
                    let inner =
                        entries.iter().filter_map(|(key, node)| Some((format!("{name}_{key}"), node.number()?)));
                    all.nested.extend(inner.take(256));
                }
                Literal::Text(text) => match node.number() {
                    Some(number) => all.numbers.push((name, number)),
                    None => all.texts.push((name, text)),
                },
                _ => all.numbers.extend(node.number().map(|number| (name.as_ref(), number))),
            }
        }
        all
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.numbers.iter().any(|(other, _)| *other == name)
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, f64)> + Clone {
        self.numbers.iter().copied().chain(self.nested.iter().map(|(name, number)| (name.as_str(), *number)))
    }
}

/// Takes a dictionary in as a row, as final figures or as settings. False where it is none of them.
pub(crate) fn take_in(collector: &mut Collector, place: Place, context: &Context, dictionary: &Dictionary<'_>) -> bool {
    if dictionary.has("train_runtime") {
        for &(name, number) in &dictionary.numbers {
            final_figure(collector, name, number, place);
        }
        collector.end_of_run();
        let has_eval = dictionary.numbers.iter().any(|(name, _)| *name == "eval_loss");
        if has_eval {
            let held_out =
                dictionary.numbers.iter().copied().filter(|(name, _)| name.starts_with("eval_") || *name == "epoch");
            collector.row(place, context, held_out);
        }
        return true;
    }
    if !is_measurement(collector, dictionary) {
        let settings = dictionary.numbers.iter().filter(|(name, _)| fact_key(name).is_some()).count();
        if settings < 2 {
            return false;
        }
        for (name, number) in &dictionary.numbers {
            collector.fact(name, &number.to_string(), place, false);
        }
        for (name, text) in &dictionary.texts {
            collector.fact(name, text, place, false);
        }
        return true;
    }
    let named =
        dictionary.texts.iter().find(|(name, _)| matches!(*name, "split" | "subset" | "phase" | "mode" | "stage"));
    match named {
        Some((_, split)) => {
            let context = Context { split: Some(split_of(split)), ..context.clone() };
            collector.row(place, &context, dictionary.pairs())
        }
        None => collector.row(place, context, dictionary.pairs()),
    }
}

/// Whether a dictionary is a measurement, and neither an example of the data nor settings.
fn is_measurement(collector: &mut Collector, dictionary: &Dictionary<'_>) -> bool {
    let mut has_position = false;
    let mut has_figure = false;
    let mut has_named_figure = false;
    for (name, _) in dictionary.pairs() {
        let known = collector.known(name);
        match &known.role {
            Role::Step | Role::Epoch | Role::WeakStep => has_position = true,
            Role::Metric(split, metric) if metric != "lr" && known.is_measured => {
                has_figure = true;
                has_named_figure |=
                    split.is_some() || metric.contains("loss") || metric == "accuracy" || metric == "f1";
            }
            _ => {}
        }
    }
    (has_figure && (has_position || has_named_figure)) || (has_position && dictionary.has("learning_rate"))
}

/// A figure that the trainer prints when it has ended.
pub(crate) fn final_figure(collector: &mut Collector, name: &str, number: f64, place: Place) {
    let name = match name {
        "train_loss" => "train_mean_loss",
        "epoch" => "end_epoch",
        "step" => "end_step",
        other => other,
    };
    collector.fact(name, &number.to_string(), place, true);
}

/// Whether a text that could not be parsed looks like a measurement.
pub(crate) fn is_log(text: &str) -> bool {
    let head: String = text.chars().take(400).collect();
    (head.contains("loss'") || head.contains("loss\"") || head.contains("_accuracy"))
        && head.bytes().any(|byte| byte.is_ascii_digit())
}
