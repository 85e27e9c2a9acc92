//! A case file as a tree in which every key and value knows its origin, and the laying of one tree over another.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value as Json};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    Origin, Origins, Problem,
    error::ProblemKind,
    explain::{key_in_table, nearest},
    origin::Source,
};

/// The four keys of [train] that say how long a run is. They are one choice, so a variant's or a flag's replaces
/// whichever of them the case had.
pub(crate) const RUN_LENGTHS: [&str; 4] = ["epochs", "steps", "tokens", "minutes"];

/// A value and where it was written.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// A key, where it was written, and what it holds.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_origin: Origin,
    pub(crate) node: Node,
}

/// What TOML can hold.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Table(Vec<Entry>),
    List(Vec<Node>),
    Text(String),
    Whole(i128),
    Float(f64),
    Flag(bool),
    /// A date, or a number beyond any type, as it was written.
    Other(String),
}

impl Node {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// Removes and returns an entry of a table.
    pub(crate) fn take(&mut self, key: &str) -> Option<Entry> {
        match &mut self.value {
            Value::Table(entries) => {
                let at = entries.iter().position(|entry| entry.key == key)?;
                Some(entries.remove(at))
            }
            _ => None,
        }
    }
}

/// The tree of a parsed table, in the order of the file.
pub(crate) fn tree_of_table(table: &DeTable<'_>, source: &Source<'_>) -> Value {
    let mut entries: Vec<(usize, Entry)> = table
        .iter()
        .map(|(key, value)| {
            let key_origin = Origin::File(source.place(key.span()));
            (key.span().start, Entry { key: key.get_ref().to_string(), key_origin, node: tree_of_value(value, source) })
        })
        .collect();
    entries.sort_by_key(|(start, _)| *start); // the parser's map is alphabetical; people think in the file's order
    Value::Table(entries.into_iter().map(|(_, entry)| entry).collect())
}

fn tree_of_value(value: &Spanned<DeValue<'_>>, source: &Source<'_>) -> Node {
    let origin = Origin::File(source.place(value.span()));
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(whole) => Value::Whole(whole),
            Err(_) => Value::Other(number.to_string()),
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(float) => Value::Float(float),
            Err(_) => Value::Other(number.to_string()),
        },
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(date) => Value::Other(date.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| tree_of_value(item, source)).collect()),
        DeValue::Table(table) => tree_of_table(table, source),
    };
    Node { value, origin }
}

/// Gives every key and value of a tree another origin.
pub(crate) fn relabel(node: &mut Node, label: &impl Fn(&Origin) -> Origin) {
    node.origin = label(&node.origin);
    match &mut node.value {
        Value::Table(entries) => {
            for entry in entries {
                entry.key_origin = label(&entry.key_origin);
                relabel(&mut entry.node, label);
            }
        }
        Value::List(items) => items.iter_mut().for_each(|item| relabel(item, label)),
        _ => {}
    }
}

/// Lays `over` on `base`: tables are merged key by key, everything else is replaced.
///
/// A table laid on a list of named tables reaches into it by name or by index: `data.corpora.ko.fraction = 0.1`.
pub(crate) fn lay_over(base: &mut Node, over: Node, path: &str, problems: &mut Vec<Problem>) {
    let Value::Table(changes) = over.value else {
        *base = over;
        return;
    };
    match &mut base.value {
        Value::Table(entries) => {
            if path == "train" && changes.iter().any(|change| RUN_LENGTHS.contains(&change.key.as_str())) {
                entries.retain(|entry| !RUN_LENGTHS.contains(&entry.key.as_str()));
            }
            for change in changes {
                match entries.iter_mut().find(|entry| entry.key == change.key) {
                    Some(entry) => lay_over(&mut entry.node, change.node, &join(path, &change.key), problems),
                    None => entries.push(change),
                }
            }
        }
        Value::List(items) => {
            for change in changes {
                reach_into(items, change, path, problems);
            }
        }
        _ => *base = Node { value: Value::Table(changes), origin: over.origin },
    }
}

fn reach_into(items: &mut [Node], change: Entry, path: &str, problems: &mut Vec<Problem>) {
    let names: Vec<String> = items.iter().filter_map(name_of).collect();
    let by_name = items.iter().position(|item| name_of(item).as_deref() == Some(&change.key));
    let by_index = change.key.parse().ok().filter(|index| *index < items.len());
    match by_name.or(by_index).and_then(|at| Some((at, items.get_mut(at)?))) {
        Some((at, item)) => lay_over(item, change.node, &join(path, &at.to_string()), problems),
        None => {
            let listed = names.join("`, `");
            let hint = match nearest(&change.key, names.iter().map(String::as_str)) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("the case has `{listed}`"),
            };
            let message = format!("no element `{}` in {}; {hint}", change.key, key_in_table(path));
            problems.push(Problem::at(ProblemKind::UnknownKey, change.key_origin, message));
        }
    }
}

fn name_of(item: &Node) -> Option<String> {
    match item.get("name").map(|entry| &entry.node.value) {
        Some(Value::Text(name)) => Some(name.clone()),
        _ => None,
    }
}

/// `path.key`, or `key` at the root.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_string() } else { format!("{path}.{key}") }
}

/// The values of a tree, for serde. Floats are finite: [`crate::keys::check_layer`] came first.
pub(crate) fn json_of(node: &Node) -> Json {
    match &node.value {
        Value::Table(entries) => {
            Json::Object(entries.iter().map(|entry| (entry.key.clone(), json_of(&entry.node))).collect::<Map<_, _>>())
        }
        Value::List(items) => Json::Array(items.iter().map(json_of).collect()),
        Value::Text(text) | Value::Other(text) => Json::String(text.clone()),
        Value::Whole(whole) => Number::from_i128(*whole).map_or_else(|| Json::String(whole.to_string()), Json::Number),
        Value::Float(float) => Number::from_f64(*float).map_or(Json::Null, Json::Number),
        Value::Flag(flag) => Json::Bool(*flag),
    }
}

/// The origin of every table and value of a tree, by dotted key.
pub(crate) fn origins_of(root: &Node) -> Origins {
    let mut origins = Origins::default();
    let mut left: BTreeMap<String, &Node> = BTreeMap::from([(String::new(), root)]);
    while let Some((path, node)) = left.pop_first() {
        match &node.value {
            Value::Table(entries) => {
                left.extend(entries.iter().map(|entry| (join(&path, &entry.key), &entry.node)));
            }
            Value::List(items) => {
                left.extend(items.iter().enumerate().map(|(at, item)| (join(&path, &at.to_string()), item)));
            }
            _ => {}
        }
        if !path.is_empty() {
            origins.insert(path, node.origin.clone());
        }
    }
    origins
}
