//! A configuration written out: every value on its own line, with where it came from or what it means.

use std::fmt::Write;

use serde_json::Value as Json;

use crate::{
    CaseConfig, EncoderConfig, FORMAT, Origins, Task, Variant,
    explain::quoted,
    schema::{CASE, Schema, doc},
    shown::{json_for_terminal, one_line},
    tree::join,
};

impl Variant {
    /// The complete case as TOML, every default written out and every line saying where its value came from.
    ///
    /// [`crate::read_resolved`] reads it back to the same configuration. Optional keys that nobody set are left out.
    pub fn resolved_toml(&self) -> String {
        resolved_toml(&self.config, &self.origins)
    }
}

/// As [`Variant::resolved_toml`], for a configuration whose origins are kept apart.
pub fn resolved_toml(config: &CaseConfig, origins: &Origins) -> String {
    let comment = |path: &str| one_line(&origins.of(path).to_string());
    let mut writer = Writer {
        out: format!("format = {FORMAT}\n"),
        line: &|out, path, _, key, value| {
            let Some(value) = value else { return };
            let _ = writeln!(out, "{key} = {value}  # {}", comment(path)); // writing to a String cannot fail
        },
    };
    writer.table(&CASE, &json(config), "", "");
    writer.out
}

/// A `[model]` table with every value written out; [`crate::read_model`] reads it back to the same.
pub fn model_toml(model: &EncoderConfig) -> String {
    let config = CaseConfig { model: model.clone(), ..CaseConfig::default() };
    let mut writer = Writer {
        out: format!("format = {FORMAT}\n"),
        line: &|out, _, _, key, value| {
            let Some(value) = value else { return };
            let _ = writeln!(out, "{key} = {value}"); // writing to a String cannot fail
        },
    };
    let schema = CASE.field("model").expect("a case has a [model]");
    writer.table(schema, &json(&config)["model"], "model", "[model]");
    writer.out
}

/// Every key with its default, below its explanation. It loads as a case: what has no default stands with an example.
///
/// `configs/defaults.toml` is this text.
pub fn defaults_toml() -> String {
    let least = serde_json::json!({
        "question": "What does this case ask?",
        "data": { "corpora": [{ "name": "text", "path": "data/text.txt" }] },
        "train": { "epochs": 1.0 },
    });
    let config: CaseConfig = serde_json::from_value(least).expect("a case of the required keys is a case");
    let mut writer = Writer {
        out: HEAD.to_string(),
        line: &|out, path, doc, key, value| {
            for line in wrap(doc, 116) {
                let _ = writeln!(out, "# {line}");
            }
            let _ = match value {
                Some(value) if EXAMPLES.contains(&path) => {
                    writeln!(out, "{key} = {value}  # an example: there is no default")
                }
                Some(value) => writeln!(out, "{key} = {value}"),
                None => writeln!(out, "# {key} is not set"),
            };
        },
    };
    writer.table(&CASE, &json(&config), "", "");
    writer.line = &|out, path, doc, key, value| {
        wrap(doc, 116).iter().for_each(|line| *out += &format!("# {line}\n"));
        *out += &match value {
            _ if path == "examples.train" => "# train = \"data/train.tsv\"  # an example: there is no default\n".into(),
            Some(value) => format!("# {key} = {value}\n"),
            None => format!("# {key} is not set\n"),
        };
    };
    writer.out += LABELLED;
    let whole = serde_json::to_value(&config).expect("as in `json`");
    for table in ["examples", "finetune"] {
        let Some(schema) = CASE.field(table) else { continue };
        writer.table(schema, &whole[table], table, &format!("# [{table}]"));
    }
    writer.out
}

const LABELLED: &str = "
# The tables below are read with task = \"classify\" and task = \"tag\", which read no [data] and no [masking]; with
# task = \"page-mlm\" [examples] is read in place of [data].
";

const HEAD: &str = "\
# Every key of a case file with its default. Printed from the program; a test fails when the two differ.
# A case file needs only what its question depends on: question, data.corpora (examples.train for the other
# tasks), and how long the run is.
# [variant.NAME] tables change keys for one variant each. [sweep] holds lists of values by key, such as
# \"model.n_layers\" = [2, 3, 6], and makes a variant of every combination: n_layers-2, n_layers-3, n_layers-6. Where there
# are both, every [variant.NAME] is run at every point of the sweep, as NAME--n_layers-2.
# format = 1 at the top is the version of the file itself, as the resolved cases of runs say it; it may be left out.

";

/// What stands in the defaults only because a case cannot be without it.
const EXAMPLES: [&str; 4] = ["question", "data.corpora.0.name", "data.corpora.0.path", "train.epochs"];

/// The configuration as plain values. JSON and not TOML: its integers hold every u64.
///
/// Tables that the task does not read are left out: nobody may write them, so they hold nothing but defaults.
pub(crate) fn json(config: &CaseConfig) -> Json {
    let mut json = serde_json::to_value(config).expect("derived, with text keys only: nothing in it can fail");
    let unread = match config.task {
        Task::Mlm => ["examples", "finetune"],
        Task::PageMlm => ["data", "finetune"],
        Task::Classify | Task::Tag => ["data", "masking"],
    };
    if let Json::Object(tables) = &mut json {
        unread.iter().for_each(|table| drop(tables.remove(*table)));
    }
    json
}

/// Writes one line: to, dotted path, explanation, key, value if set.
type Line<'a> = &'a dyn Fn(&mut String, &str, &str, &str, Option<String>);

struct Writer<'a> {
    out: String,
    line: Line<'a>,
}

impl Writer<'_> {
    /// Values first, then tables: TOML reads a value below a table's head as that table's.
    fn table(&mut self, schema: &Schema, value: &Json, path: &str, head: &str) {
        let Schema::Table { name, fields } = schema else { return };
        if !head.is_empty() {
            self.out.push_str(&format!("\n{head}\n"));
        }
        let is_table = |field: &Schema, value: Option<&Json>| {
            let is_list =
                field.element().is_some() && value.and_then(Json::as_array).is_some_and(|list| !list.is_empty());
            is_list || !field.fields().is_empty()
        };
        for (key, field) in fields.iter().filter(|(key, field)| !is_table(field, value.get(key))) {
            let words =
                if let Schema::Word(words) = field { format!(" One of {}.", quoted(words)) } else { String::new() };
            let doc = doc(name, key) + &words;
            (self.line)(&mut self.out, &join(path, key), &doc, key, value.get(key).map(toml_value));
        }
        for (key, field) in fields {
            let Some(value) = value.get(key).filter(|value| is_table(field, Some(value))) else { continue };
            let path = join(path, key);
            match (field.element(), value.as_array()) {
                (Some(element), Some(items)) => {
                    for (at, item) in items.iter().enumerate() {
                        self.table(element, item, &join(&path, &at.to_string()), &format!("[[{path}]]"));
                    }
                }
                _ => self.table(field, value, &path, &format!("[{path}]")),
            }
        }
    }
}

/// A value as TOML writes it.
pub(crate) fn toml_value(value: &Json) -> String {
    match value {
        // JSON's escapes are TOML's; DEL, which JSON leaves bare, TOML forbids
        Json::String(_) => json_for_terminal(&value.to_string()),
        Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => format!("{float:?}"),
            None => number.to_string(),
        },
        Json::Array(items) => format!("[{}]", items.iter().map(toml_value).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Words in lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}
