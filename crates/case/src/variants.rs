//! The `[variant.NAME]` tables of a case file.

use std::path::PathBuf;

use crate::{
    Origin, Problem, Variant,
    error::ProblemKind,
    keys::{OF_THE_CASE, is_path_safe, schema_at},
    tree::{Entry, Node, Value, relabel},
};

/// A variant, a `[variant.NAME]` table or a point of a grid, before it is laid over the case.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) name: String,
    pub(crate) written: Origin,
    pub(crate) tree: Node,
}

/// The `[variant.NAME]` tables, relabelled, or one that changes nothing.
pub(crate) fn take_variants(base: &mut Node, problems: &mut Vec<Problem>) -> Vec<Change> {
    let Some(Entry { node, key_origin, .. }) = base.take("variant") else {
        let tree = Node { value: Value::Table(Vec::new()), origin: Origin::Default };
        return vec![Change { name: "base".into(), written: Origin::Default, tree }];
    };
    let entries = match node.value {
        Value::Table(entries) if !entries.is_empty() => entries,
        _ => {
            let message = "`variant` holds named tables, such as [variant.layer-6] with model.n_layers = 6".to_string();
            problems.push(Problem::at(ProblemKind::WrongType, key_origin, message));
            return Vec::new();
        }
    };
    let mut changes: Vec<Change> = Vec::new();
    for Entry { key: name, key_origin: written, node: mut tree } in entries {
        if let Some((kind, message)) = refused_name(&name, &tree, &changes) {
            problems.push(Problem::at(kind, written, message));
            continue;
        }
        relabel(&mut tree, &|origin| match origin.place() {
            Some(place) => Origin::Variant { name: name.clone(), place: place.clone() },
            None => origin.clone(),
        });
        changes.push(Change { name, written, tree });
    }
    changes
}

fn refused_name(name: &str, tree: &Node, others: &[Change]) -> Option<(ProblemKind, String)> {
    if schema_at(&[name]).is_some() {
        let message = format!(
            "`{name}` is a key of the case and no variant's name; write [variant.NAME], such as [variant.layer-6]"
        );
        return Some((ProblemKind::WrongTable, message));
    }
    if !matches!(tree.value, Value::Table(_)) {
        let message = format!("the variant `{name}` must be a table, such as [variant.{name}] with model.n_layers = 6");
        return Some((ProblemKind::WrongType, message));
    }
    if !is_path_safe(name) {
        let message = format!("the variant {name:?} names a folder; use letters, digits, `-` and `_` alone");
        return Some((ProblemKind::OutOfRange, message));
    }
    let twin = others.iter().find(|other| other.name.to_lowercase() == name.to_lowercase())?;
    let message = format!(
        "variants `{}` and `{name}` would share a folder where letter case does not count; rename one",
        twin.name
    );
    Some((ProblemKind::Contradiction, message))
}

/// A variant without the keys that [`check_variant`] has already refused.
pub(crate) fn without_refused(variant: &Node) -> Node {
    let mut rest = variant.clone();
    OF_THE_CASE.iter().for_each(|key| drop(rest.take(key)));
    rest
}

/// Two variants that are one configuration: a comparison of nothing.
pub(crate) fn twins(variants: &[Variant], names: &[Origin]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, variant) in variants.iter().enumerate() {
        if let Some(twin) = variants[..at].iter().position(|other| other.config == variant.config) {
            let message = format!(
                "variants `{}` and `{}` are the same configuration; change one",
                variants[twin].name, variant.name
            );
            let origins = vec![names[at].clone(), names[twin].clone()];
            problems.push(Problem { kind: ProblemKind::Contradiction, message, origins, path: PathBuf::new() });
        }
    }
    problems
}
