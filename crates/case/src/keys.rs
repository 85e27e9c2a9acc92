//! Checks one layer of a case (the file, a variant, a flag) against the schema: keys, types and words.
//!
//! serde would stop at the first fault and know only its path; here all are found, each at its place.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use crate::{
    CaseError, Origin, Problem,
    error::ProblemKind,
    explain::{found, key_in_table, nearest, quoted, repair, short, wanted, where_key_belongs},
    schema::{CASE, Schema},
    tree::{Node, Value, join},
};

/// Every unknown key, misplaced key, wrong type and unknown word of a layer.
///
/// A layer that lies over another may reach into a list of tables by name: `data.corpora.ko.fraction = 0.1`.
pub(crate) fn check_layer(root: &Node, lies_over: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    check(root, &CASE, "", lies_over, &mut problems);
    problems
}

/// What `path` may hold, a list's elements being reached by name or index.
pub(crate) fn schema_at(path: &[&str]) -> Option<&'static Schema> {
    let mut schema: &Schema = &CASE;
    for key in path {
        schema = match schema.element() {
            Some(element) => element,
            None => schema.field(key)?,
        };
    }
    Some(schema)
}

fn check(node: &Node, schema: &Schema, path: &str, lies_over: bool, problems: &mut Vec<Problem>) {
    match (schema, &node.value) {
        (Schema::Table { fields, .. }, Value::Table(entries)) => {
            let keys: Vec<&str> = fields.iter().map(|(key, _)| *key).collect();
            for entry in entries {
                match schema.field(&entry.key) {
                    Some(field) => check(&entry.node, field, &join(path, &entry.key), lies_over, problems),
                    None => {
                        let is_table = matches!(entry.node.value, Value::Table(_));
                        let (misplaced, message) = where_key_belongs(path, &entry.key, is_table, &keys);
                        let kind = if misplaced { ProblemKind::WrongTable } else { ProblemKind::UnknownKey };
                        problems.push(Problem::at(kind, entry.key_origin.clone(), message));
                    }
                }
            }
        }
        (Schema::List(element), Value::List(items)) => {
            for (at, item) in items.iter().enumerate() {
                check(item, element, &join(path, &at.to_string()), lies_over, problems);
            }
        }
        (Schema::List(element), Value::Table(entries)) if lies_over && schema.element().is_some() => {
            for entry in entries {
                check(&entry.node, element, &join(path, &entry.key), lies_over, problems);
            }
        }
        (Schema::Own, _) => {}
        _ => check_value(node, schema, path, problems),
    }
}

fn check_value(node: &Node, schema: &Schema, path: &str, problems: &mut Vec<Problem>) {
    let mut fault = |kind, message: String| problems.push(Problem::at(kind, node.origin.clone(), message));
    match (schema, &node.value) {
        (Schema::Word(words), Value::Text(text)) if !words.contains(&text.as_str()) => {
            let advice = match nearest(text, words.iter().copied()) {
                Some(word) => format!("did you mean \"{word}\"? (one of {})", quoted(words)),
                None => format!("write one of {}", quoted(words)),
            };
            fault(ProblemKind::UnknownWord, format!("{} does not know {}; {advice}", key_in_table(path), short(text)));
        }
        (Schema::Whole { .. }, Value::Whole(whole)) if *whole < 0 => {
            fault(ProblemKind::OutOfRange, format!("{} is {whole}; it must not be negative", key_in_table(path)));
        }
        (Schema::Whole { max }, Value::Whole(whole)) if whole > max => {
            fault(ProblemKind::OutOfRange, format!("{} is {whole}; it must be at most {max}", key_in_table(path)));
        }
        (Schema::Number, Value::Float(float)) if !float.is_finite() => {
            let written = float.to_string().to_lowercase();
            let message = format!("{} is {written}; it must be a finite number", key_in_table(path));
            fault(ProblemKind::OutOfRange, message);
        }
        (Schema::Word(_) | Schema::Text, Value::Text(_))
        | (Schema::Whole { .. } | Schema::Number, Value::Whole(_))
        | (Schema::Number, Value::Float(_))
        | (Schema::Flag, Value::Flag(_)) => {}
        _ => {
            let repair = repair(schema, node).map_or(String::new(), |way| format!("; {way}"));
            let message = format!("{} wants {}; found {}{repair}", key_in_table(path), wanted(schema), found(node));
            fault(ProblemKind::WrongType, message);
        }
    }
}

/// What every case asks for, with what to write.
const QUESTION: (&str, &str) =
    ("question", "say in a sentence what the case asks, such as question = \"Do six layers beat four?\"");

/// The keys without which there is no case of labelled examples.
const REQUIRED_LABELLED: [(&str, &str); 3] = [
    QUESTION,
    ("examples", "name the labelled files, such as [examples] with train = \"data/train.tsv\""),
    ("examples.train", "name the labelled files to train on, such as train = \"data/train.tsv\""),
];

/// The keys without which there is no case of running text.
const REQUIRED: [(&str, &str); 5] = [
    QUESTION,
    ("data", "name the text, such as [data] with corpora = [{ name = \"ko\", path = \"data/ko.txt\" }]"),
    ("data.corpora", "name the text, such as corpora = [{ name = \"ko\", path = \"data/ko.txt\" }]"),
    ("data.corpora.*.name", "name the corpus, such as name = \"ko\""),
    ("data.corpora.*.path", "say which file or glob to read, such as path = \"data/ko.txt\""),
];

/// Keys that must be there and are not.
pub(crate) fn check_required(root: &Node, path: &std::path::Path) -> Vec<Problem> {
    let mut problems = Vec::new();
    let task = root.get("task").map(|entry| &entry.node.value);
    let is_labelled =
        matches!(task, Some(Value::Text(task)) if task == "classify" || task == "tag" || task == "page-mlm");
    let required: &[(&str, &str)] = if is_labelled { &REQUIRED_LABELLED } else { &REQUIRED };
    for (key, advice) in required {
        let steps: Vec<&str> = key.split('.').collect();
        let Some((last, parents)) = steps.split_last() else { continue };
        for holder in holders(root, parents).into_iter().filter(|holder| holder.get(last).is_none()) {
            let table = if parents.is_empty() {
                String::new()
            } else {
                format!(" in [{}]", parents.iter().take(2).copied().collect::<Vec<_>>().join("."))
            };
            let table = table.replace("[data.corpora]", "[[data.corpora]]");
            let origin = if parents.is_empty() { Origin::Default } else { holder.origin.clone() };
            let mut problem =
                Problem::at(ProblemKind::MissingKey, origin, format!("`{last}` is missing{table}; {advice}"));
            problem.path = path.to_path_buf();
            problems.push(problem);
        }
    }
    problems
}

fn holders<'a>(root: &'a Node, parents: &[&str]) -> Vec<&'a Node> {
    let mut nodes = vec![root];
    for parent in parents {
        nodes = nodes
            .into_iter()
            .flat_map(|node| match &node.value {
                Value::List(items) if *parent == "*" => items.iter().collect(),
                _ => node.get(parent).map(|entry| &entry.node).into_iter().collect::<Vec<_>>(),
            })
            .collect();
    }
    nodes
}

/// What serde still refuses after the layers were found right: lengths and paths, which read themselves.
pub(crate) fn own_fault(root: &Node, path: &str, message: &str) -> Problem {
    let node = path.split('.').try_fold(root, |node, step| match &node.value {
        Value::List(items) => step.parse::<usize>().ok().and_then(|at| items.get(at)),
        _ => node.get(step).map(|entry| &entry.node),
    });
    let key = key_in_table(path);
    let Some(node) = node else {
        return Problem::at(ProblemKind::WrongType, Origin::Default, format!("{key}: {message}"));
    };
    let message = match message.split_once(", expected ") {
        Some((_, wants)) => format!("{key} wants {wants}; found {}", found(node)),
        None if message.starts_with("wants ") => format!("{key} {message}; found {}", found(node)),
        None => format!("{key}: {message}"),
    };
    Problem::at(ProblemKind::WrongType, node.origin.clone(), message)
}

/// What is one for all variants of a case.
pub(crate) const OF_THE_CASE: [&str; 5] = ["seeds", "conclusion", "claims", "variant", "sweep"];

/// Refuses what a variant may not set.
pub(crate) fn check_variant(name: &str, root: &Node) -> Vec<Problem> {
    OF_THE_CASE
        .iter()
        .filter_map(|key| root.get(key))
        .map(|entry| {
            let message = match entry.key.as_str() {
                "variant" => format!("variant {name} holds a variant; write [variant.NAME] tables beside one another"),
                "sweep" => format!(
                    "variant {name} holds a sweep; [sweep] stands at the file's top and is crossed with every variant"
                ),
                "seeds" => format!(
                    "variant {name} sets `seeds`; every variant runs the same seeds, so set them at the file's top"
                ),
                key => format!("variant {name} sets `{key}`, which is the case's; set it at the file's top"),
            };
            Problem::at(ProblemKind::WrongTable, entry.key_origin.clone(), message)
        })
        .collect()
}

/// An error of these problems, in the file's order and each once.
pub(crate) fn invalid(mut problems: Vec<Problem>) -> CaseError {
    problems.sort_by_key(|problem| {
        let written = problem.origins.iter().find(|origin| **origin != Origin::Default);
        let place = written.and_then(Origin::place).map(|place| (place.line, place.column));
        (matches!(written, Some(Origin::Set { .. })), place) // flags last, as given
    });
    problems.dedup();
    CaseError::Invalid { problems }
}

/// Names that can be folders: letters and digits of any script, `-` and `_`.
pub(crate) fn is_path_safe(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
}

#[cfg(test)]
mod tests {
    use super::{REQUIRED, is_path_safe};
    use crate::CaseConfig;

    #[test]
    fn required_keys_are_those_that_serde_demands() {
        let whole = serde_json::json!({"question": "q", "data": {"corpora": [{"name": "n", "path": "p"}]}});
        assert!(serde_json::from_value::<CaseConfig>(whole.clone()).is_ok(), "nothing else is required");
        for (key, _) in REQUIRED {
            let mut less = whole.clone();
            let pointer = format!("/{}", key.replace('*', "0").replace('.', "/"));
            let (parent, last) = pointer.rsplit_once('/').expect("a pointer has a slash");
            let holder =
                less.pointer_mut(parent).and_then(|holder| holder.as_object_mut()).expect("the parent is there");
            assert!(holder.remove(last).is_some());
            // Whether [data] must be there depends on the task, which serde does not ask.
            let is_refused = serde_json::from_value::<CaseConfig>(less).is_err();
            assert_eq!(is_refused, key != "data", "{key} is required");
        }
    }

    #[test]
    fn names_of_any_script_are_path_safe_and_dots_are_not() {
        assert!(is_path_safe("layer-6") && is_path_safe("한국어_2"));
        assert!(
            !is_path_safe("")
                && !is_path_safe("a.b")
                && !is_path_safe("a/b")
                && !is_path_safe("..")
                && !is_path_safe("a b")
        );
    }
}
