//! What two configurations differ in.

use serde_json::Value as Json;

use crate::{
    CaseConfig,
    resolve::{json, toml_value},
    schema::{CASE, Schema},
    tree::join,
};

/// What stands for a key that is not set.
const NOT_SET: &str = "not set";

/// One key on which two configurations differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Dotted key; a corpus goes by its name: `data.corpora.ko.fraction`.
    pub key: String,
    /// As a case file would write it, or `not set`.
    pub before: String,
    /// As a case file would write it, or `not set`.
    pub after: String,
}

/// Every key on which two configurations differ, in a case file's order; empty when they are equal.
///
/// The corpora's names come first, as `data.corpora`, where their set or their order differs.
pub fn differences(before: &CaseConfig, after: &CaseConfig) -> Vec<Difference> {
    let (before, after) = (flat(before), flat(after));
    let keys = before.iter().chain(after.iter().filter(|(key, _)| value_of(&before, key) == NOT_SET));
    let mut found: Vec<(Vec<usize>, Difference)> = keys
        .filter(|(key, _)| value_of(&before, key) != value_of(&after, key))
        .map(|(key, _)| {
            let (before, after) = (value_of(&before, key).to_string(), value_of(&after, key).to_string());
            (rank(key), Difference { key: key.clone(), before, after })
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0)); // stable: the corpora stay in their own order
    found.into_iter().map(|(_, difference)| difference).collect()
}

fn value_of<'a>(flat: &'a [(String, String)], key: &str) -> &'a str {
    flat.iter().find(|(other, _)| other == key).map_or(NOT_SET, |(_, value)| value)
}

/// The place of a key in the case file, table by table.
fn rank(key: &str) -> Vec<usize> {
    let mut schema: &Schema = &CASE;
    let mut places = Vec::new();
    for step in key.split('.') {
        match schema.element() {
            Some(element) => schema = element, // a corpus's name has no place of its own
            None => {
                places.push(schema.fields().iter().position(|(field, _)| *field == step).unwrap_or(usize::MAX));
                schema = schema.field(step).unwrap_or(schema);
            }
        }
    }
    places
}

/// Dotted keys and values in the file's order.
fn flat(config: &CaseConfig) -> Vec<(String, String)> {
    let mut out = Vec::new();
    flatten(&CASE, &json(config), "", &mut out);
    out
}

fn flatten(schema: &Schema, value: &Json, path: &str, out: &mut Vec<(String, String)>) {
    if let Some((element, items)) = schema.element().zip(value.as_array()) {
        let names: Vec<String> =
            items.iter().map(|item| item["name"].as_str().unwrap_or_default().to_string()).collect();
        out.push((path.to_string(), format!("[{}]", names.join(", "))));
        for (item, name) in items.iter().zip(names) {
            flatten(element, item, &join(path, &name), out);
        }
    } else if schema.fields().is_empty() {
        out.push((path.to_string(), toml_value(value)));
    } else {
        for (key, field) in schema.fields() {
            value.get(key).into_iter().for_each(|value| flatten(field, value, &join(path, key), out));
        }
    }
}
