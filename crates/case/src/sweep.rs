//! The `[sweep]` table: a grid of values, each point of which is a variant.
//!
//! `"model.n_layers" = [2, 3, 6]` makes the variants `n_layers-2`, `n_layers-3` and `n_layers-6`. Several keys make every
//! combination, the last key changing fastest, their parts joined by `--`. Where the case has `[variant.NAME]` tables too,
//! each is run at every point, as `NAME--n_layers-2`: that is what a grid means. A variant may then not set a swept key.

use crate::{
    Origin, Problem,
    error::ProblemKind,
    explain::{found, number},
    keys::{OF_THE_CASE, check_layer},
    tree::{Entry, Node, RUN_LENGTHS, Value, join, lay_over, relabel},
    variants::Change,
};

/// More variants than this are a slip more likely than a wish; at ten minutes and three seeds each they take two days.
const MOST: usize = 100;

/// A grid of values.
pub(crate) struct Grid {
    axes: Vec<SweptKey>,
    written: Origin,
}

/// A key and its values.
struct SweptKey {
    /// Dotted.
    key: String,
    written: Origin,
    values: Vec<Node>,
}

/// The `[sweep]` table, taken out of the case and checked; `None` where there is none.
pub(crate) fn take_sweep(base: &mut Node, problems: &mut Vec<Problem>) -> Option<Grid> {
    let Entry { mut node, key_origin: written, .. } = base.take("sweep")?;
    relabel(&mut node, &|origin| origin.place().map_or_else(|| origin.clone(), |place| Origin::Sweep(place.clone())));
    let mut axes = Vec::new();
    match &node.value {
        Value::Table(entries) if !entries.is_empty() => collect(entries, "", &mut axes, problems),
        _ => {
            let message = "`sweep` holds lists of values by key, such as [sweep] with \"model.n_layers\" = [2, 3, 6]";
            problems.push(Problem::at(ProblemKind::WrongType, written.clone(), message.into()));
        }
    }
    let mut kept: Vec<SweptKey> = Vec::new();
    for axis in axes {
        let before = problems.len();
        problems.extend(axis.faults(&kept));
        // One fault is said once: a value of a key that does not exist would be refused again below.
        if problems.len() == before {
            problems.extend(axis.values.iter().flat_map(|value| check_layer(&axis.layer(value), true)));
        }
        kept.push(axis);
    }
    Some(Grid { axes: kept, written })
}

/// The lists below a table, however their keys are parted: `"model.n_layers"`, `model.n_layers` or `[sweep.model]`.
fn collect(entries: &[Entry], path: &str, axes: &mut Vec<SweptKey>, problems: &mut Vec<Problem>) {
    for entry in entries {
        let key = join(path, &entry.key);
        match &entry.node.value {
            Value::Table(below) if !below.is_empty() => collect(below, &key, axes, problems),
            Value::List(values) => {
                axes.push(SweptKey { key, written: entry.key_origin.clone(), values: values.clone() });
            }
            _ => {
                let message = format!(
                    "`{key}` in [sweep] wants a list of values to try, such as [2, 3, 6]; found {}",
                    found(&entry.node)
                );
                problems.push(Problem::at(ProblemKind::WrongType, entry.node.origin.clone(), message));
            }
        }
    }
}

impl SweptKey {
    /// What is wrong with the key and the list, whatever the values are.
    fn faults(&self, earlier: &[SweptKey]) -> Vec<Problem> {
        let key = &self.key;
        let at = |kind, message| vec![Problem::at(kind, self.written.clone(), message)];
        if !key.contains('.') || OF_THE_CASE.contains(&key.split('.').next().unwrap_or_default()) {
            let message = format!("[sweep] varies keys of tables, such as \"model.n_layers\"; `{key}` is the case's");
            return at(ProblemKind::WrongTable, message);
        }
        if let Some(twin) = earlier.iter().find(|other| choice(&other.key) == choice(key)) {
            let message = match twin.key == *key {
                true => format!("`{key}` stands twice in [sweep]; keep one"),
                false => format!("`{}` and `{key}` in [sweep] are one choice, a run's length; keep one", twin.key),
            };
            let origins = vec![self.written.clone(), twin.written.clone()];
            return vec![Problem { origins, ..Problem::at(ProblemKind::Contradiction, Origin::Default, message) }];
        }
        if self.values.is_empty() {
            let message = format!("`{key}` in [sweep] is an empty list; name the values to try, such as [2, 3, 6]");
            return at(ProblemKind::OutOfRange, message);
        }
        let mut problems = Vec::new();
        for (index, value) in self.values.iter().enumerate() {
            problems.extend(self.value_fault(index, value));
        }
        problems
    }

    fn value_fault(&self, index: usize, value: &Node) -> Option<Problem> {
        let at = |kind, message| Some(Problem::at(kind, value.origin.clone(), message));
        if matches!(value.value, Value::Table(_) | Value::List(_)) {
            let message = format!(
                "a value of `{}` in [sweep] must be one number, word or text; found {}",
                self.key,
                found(value)
            );
            return at(ProblemKind::WrongType, message);
        }
        let name = value_name(value);
        if name.is_empty() {
            let message = format!(
                "a value of `{}` in [sweep] names a folder; {} has nothing to name it by",
                self.key,
                found(value)
            );
            return at(ProblemKind::OutOfRange, message);
        }
        let same = |other: &&Node| value_name(other).to_lowercase() == name.to_lowercase();
        let twin = self.values[..index].iter().find(same)?;
        let message = format!("two values of `{}` in [sweep] would both be named `{name}`; keep one", self.key);
        let origins = vec![value.origin.clone(), twin.origin.clone()];
        Some(Problem { origins, ..Problem::at(ProblemKind::Contradiction, Origin::Default, message) })
    }

    /// The value at its key, as a layer to lay over a case.
    fn layer(&self, value: &Node) -> Node {
        self.key.rsplit('.').fold(value.clone(), |node, key| {
            let entry = Entry { key: key.to_string(), key_origin: self.written.clone(), node };
            Node { value: Value::Table(vec![entry]), origin: self.written.clone() }
        })
    }
}

impl Grid {
    /// Every variant at every point of the grid. A case without `[variant.NAME]` tables has the points alone.
    pub(crate) fn cross(&self, variants: &[Change], problems: &mut Vec<Problem>) -> Vec<Change> {
        let points = self.axes.iter().map(|axis| axis.values.len()).fold(1, usize::saturating_mul);
        let all = points.saturating_mul(variants.len());
        if all > MOST {
            let sizes: Vec<String> = self.axes.iter().map(|axis| axis.values.len().to_string()).collect();
            let sizes = sizes.join(" × ");
            let times =
                if variants.len() > 1 { format!(" for each of {} variants", variants.len()) } else { String::new() };
            let message = format!(
                "[sweep] makes {sizes} points{times}, {all} in all; at most {MOST} are run, so name fewer values"
            );
            problems.push(Problem::at(ProblemKind::OutOfRange, self.written.clone(), message));
            return variants.to_vec();
        }
        variants.iter().for_each(|variant| self.refuse_shared_keys(variant, problems));
        let mut all = Vec::new();
        for variant in variants {
            all.extend((0..points).map(|at| self.point(at, variant, problems)));
        }
        all
    }

    /// A variant at the point of this number.
    fn point(&self, at: usize, variant: &Change, problems: &mut Vec<Problem>) -> Change {
        let mut left = at;
        let mut chosen: Vec<(&SweptKey, &Node)> = Vec::new();
        for axis in self.axes.iter().rev() {
            chosen.push((axis, &axis.values[left % axis.values.len()]));
            left /= axis.values.len();
        }
        let mut tree = variant.tree.clone();
        let mut parts = Vec::new();
        for (axis, value) in chosen.into_iter().rev() {
            lay_over(&mut tree, axis.layer(value), "", problems);
            parts.push(format!("{}-{}", self.short_key(axis), value_name(value)));
        }
        let is_named = variant.written != Origin::Default;
        let name = is_named.then(|| variant.name.clone()).into_iter().chain(parts).collect::<Vec<_>>().join("--");
        let written = if is_named { variant.written.clone() } else { self.written.clone() };
        Change { name, written, tree }
    }

    /// The key without its table, unless two keys would then have one name.
    fn short_key(&self, axis: &SweptKey) -> String {
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_lowercase();
        let is_alone = self.axes.iter().filter(|other| last(&other.key) == last(&axis.key)).count() == 1;
        if is_alone { last(&axis.key) } else { axis.key.replace('.', "_") }
    }

    fn refuse_shared_keys(&self, variant: &Change, problems: &mut Vec<Problem>) {
        let mut keys = Vec::new();
        leaves(&variant.tree, "", &mut keys);
        for (key, origin) in keys {
            let Some(axis) = self.axes.iter().find(|axis| choice(&axis.key) == choice(&key)) else { continue };
            let message = match axis.key == key {
                true => format!("variant {} sets `{key}`, which [sweep] varies; take it out of one", variant.name),
                false => format!(
                    "variant {} sets `{key}` and [sweep] varies `{}`, which are one choice, a run's length; keep one",
                    variant.name, axis.key
                ),
            };
            let origins = vec![origin, axis.written.clone()];
            problems.push(Problem { origins, ..Problem::at(ProblemKind::Contradiction, Origin::Default, message) });
        }
    }
}

/// Keys of which one replaces the other are one choice.
fn choice(key: &str) -> &str {
    let is_length = key.strip_prefix("train.").is_some_and(|key| RUN_LENGTHS.contains(&key));
    if is_length { "train.epochs" } else { key }
}

/// The dotted keys of a tree's values, and where each was written.
fn leaves(node: &Node, path: &str, out: &mut Vec<(String, Origin)>) {
    let Value::Table(entries) = &node.value else { return };
    for entry in entries {
        let key = join(path, &entry.key);
        match entry.node.value {
            Value::Table(_) => leaves(&entry.node, &key, out),
            _ => out.push((key, entry.key_origin.clone())),
        }
    }
}

/// A value as part of a folder's name: `0_15` for 0.15, `6_pct` for "6 %".
fn value_name(value: &Node) -> String {
    let text = match &value.value {
        Value::Text(text) | Value::Other(text) => text.clone(),
        Value::Whole(whole) => whole.to_string(),
        Value::Float(float) => number(*float),
        Value::Flag(flag) => flag.to_string(),
        Value::Table(_) | Value::List(_) => String::new(),
    };
    let text = text.replace('%', "pct");
    let parts = text.split(|letter: char| !letter.is_alphanumeric() && letter != '-');
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_")
}
