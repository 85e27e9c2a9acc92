//! From a file, its variants and the command line to checked cases.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use toml::de::DeTable;

use crate::{
    CaseConfig, CaseError, EncoderConfig, Origin, Origins, Problem,
    check::check,
    claim::check_claims,
    error::ProblemKind,
    explain::nearest,
    keys::{check_layer, check_required, check_variant, invalid, own_fault},
    origin::Source,
    sweep::take_sweep,
    syntax,
    tree::{Entry, Node, Value, json_of, lay_over, origins_of, relabel, tree_of_table},
    variants::{Change, take_variants, twins, without_refused},
};

/// A case file, read and checked: one question and its variants.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The file's name without its ending.
    pub name: String,
    /// The file, as it was named.
    pub path: PathBuf,
    /// The file's text as it was read.
    pub text: String,
    /// In the file's order; one named `base` when the file has none. Never empty.
    pub variants: Vec<Variant>,
}

/// One configuration of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// `NAME` of `[variant.NAME]`, or `base`.
    pub name: String,
    /// The configuration, complete and checked.
    pub config: CaseConfig,
    /// Where each value came from.
    pub origins: Origins,
}

/// Reads and checks a case file and lays `--set key=value` overrides over every variant.
///
/// # Errors
/// Everything found wrong, each problem with its place. Files named by the case are not looked for: that is
/// [`Variant::check_files`].
pub fn load(path: &Path, overrides: &[String]) -> Result<Case, CaseError> {
    let text = read(path)?;
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    if matches!(name.as_str(), "." | "..") {
        let message =
            format!("without its ending the file is called {name:?}, which names the folder of its runs; rename it");
        let kind = ProblemKind::OutOfRange;
        return Err(invalid(vec![Problem { kind, message, origins: Vec::new(), path: path.to_path_buf() }]));
    }
    let variants = variants_of(&text, path, overrides)?;
    let names: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
    let problems = variants.first().map_or_else(Vec::new, |first| check_claims(first, &names));
    if !problems.is_empty() {
        return Err(invalid(problems));
    }
    Ok(Case { name, path: path.to_path_buf(), text, variants })
}

/// Reads the resolved case of a run, to go on with it under `--set key=value` overrides. Its claims are about the whole case,
/// of which it is one variant, so they are not held against the variants in it.
///
/// # Errors
/// As [`load`].
pub fn load_run(path: &Path, overrides: &[String]) -> Result<Variant, CaseError> {
    let mut variants = variants_of(&read(path)?, path, overrides)?;
    if variants.len() == 1 {
        return Ok(variants.remove(0));
    }
    let message = "a resolved case has no variants; read the case file it came from".to_string();
    Err(invalid(vec![Problem::at(ProblemKind::WrongTable, Origin::Default, message)]))
}

/// Reads a resolved case, the `case.toml` of a run, with the same checks.
///
/// # Errors
/// As [`load`]; also when the text holds variants, which a resolved case has not.
pub fn read_resolved(text: &str) -> Result<CaseConfig, CaseError> {
    let path = Path::new("case.toml");
    let mut root = parse(text, path)?;
    for key in ["variant", "sweep"] {
        if let Some(entry) = root.take(key) {
            let message = "a resolved case has no variants; read the case file it came from".to_string();
            return Err(invalid(vec![Problem::at(ProblemKind::WrongTable, entry.key_origin, message)]));
        }
    }
    let problems = check_layer(&root, false);
    if !problems.is_empty() {
        return Err(invalid(problems));
    }
    resolve(&root, path).map(|(config, _)| config).map_err(invalid)
}

fn variants_of(text: &str, path: &Path, overrides: &[String]) -> Result<Vec<Variant>, CaseError> {
    let mut base = parse(text, path)?;
    let mut problems = Vec::new();
    let written = take_variants(&mut base, &mut problems);
    let grid = take_sweep(&mut base, &mut problems);
    problems.extend(check_layer(&base, false));
    for variant in &written {
        problems.extend(check_variant(&variant.name, &variant.tree));
        problems.extend(check_layer(&without_refused(&variant.tree), true));
    }
    let variants = grid.map_or_else(|| written.clone(), |grid| grid.cross(&written, &mut problems));
    let flags: Vec<Node> =
        overrides.iter().filter_map(|text| flag(text).map_err(|found| problems.push(found)).ok()).collect();
    flags.iter().for_each(|flag| problems.extend(check_layer(flag, true)));
    if !problems.is_empty() {
        return Err(invalid(problems));
    }
    let mut resolved = Vec::new();
    let names: Vec<Origin> = variants.iter().map(|variant| variant.written.clone()).collect();
    for Change { name, tree: variant, .. } in variants {
        let mut tree = base.clone();
        for layer in std::iter::once(variant).chain(flags.iter().cloned()) {
            lay_over(&mut tree, layer, "", &mut problems);
        }
        match resolve(&tree, path) {
            Ok((config, origins)) => resolved.push(Variant { name, config, origins }),
            Err(found) => problems.extend(found),
        }
    }
    // flags may well make variants alike, to try one of them in small
    if overrides.is_empty() && problems.is_empty() {
        problems.extend(twins(&resolved, &names));
    }
    if problems.is_empty() { Ok(resolved) } else { Err(invalid(problems)) }
}

/// What a case needs besides its `[model]`.
const REST_OF_A_CASE: [&str; 3] =
    ["question=an encoder by itself", "data.corpora=[{ name = \"none\", path = \"none\" }]", "train.epochs=1"];

/// Reads the `[model]` table that [`crate::model_toml`] wrote, with a case's checks.
///
/// # Errors
/// Everything wrong with it, each problem with its place; a table besides `[model]`.
pub fn read_model(text: &str, path: &Path) -> Result<EncoderConfig, CaseError> {
    let mut root = parse(text, path)?;
    let mut problems = check_layer(&root, false);
    if let Value::Table(entries) = &root.value {
        for entry in entries.iter().filter(|entry| entry.key != "model") {
            let message = format!("`{}` has no place here: this file holds a [model] and nothing else", entry.key);
            problems.push(Problem::at(ProblemKind::WrongTable, entry.key_origin.clone(), message));
        }
    }
    if !problems.is_empty() {
        return Err(invalid(problems));
    }
    for text in REST_OF_A_CASE {
        let rest = flag(text).map_err(|problem| invalid(vec![problem]))?;
        lay_over(&mut root, rest, "", &mut problems);
    }
    resolve(&root, path).map(|(config, _)| config.model).map_err(invalid)
}

/// A merged tree as a configuration, with everything that is wrong with it.
fn resolve(tree: &Node, path: &Path) -> Result<(CaseConfig, Origins), Vec<Problem>> {
    let problems = check_required(tree, path);
    if !problems.is_empty() {
        return Err(problems);
    }
    let config: CaseConfig = serde_path_to_error::deserialize(json_of(tree)).map_err(|error| {
        let key = error.path().to_string().replace('[', ".").replace(']', "");
        vec![own_fault(tree, &key, &error.inner().to_string())]
    })?;
    let origins = origins_of(tree);
    let problems = check(&config, &origins, path);
    if problems.is_empty() { Ok((config, origins)) } else { Err(problems) }
}

/// `--set key=value` as a tree; a value that is not TOML is taken as text.
fn flag(text: &str) -> Result<Node, Problem> {
    let origin = Origin::Set { text: text.to_string() };
    let refuse = |message: &str| Problem::at(ProblemKind::Syntax, origin.clone(), message.to_string());
    let (key, value) = text.split_once('=').ok_or_else(|| refuse("write key=value, such as model.n_layers=6"))?;
    let keys: Vec<&str> = key.split('.').map(str::trim).collect();
    if keys.iter().any(|key| key.is_empty()) {
        return Err(refuse("the key is a dotted path, such as model.n_layers"));
    }
    if keys.first().is_some_and(|first| ["variant", "sweep"].contains(first)) {
        return Err(refuse("a flag cannot change a variant; set the key itself, such as model.n_layers=6"));
    }
    let line = format!("value = {}", value.trim());
    let parsed =
        DeTable::parse(&line).ok().map(|table| tree_of_table(table.get_ref(), &Source::new(PathBuf::new(), &line)));
    let value = match parsed {
        Some(Value::Table(mut entries)) if entries.len() == 1 => entries.remove(0).node.value,
        _ => Value::Text(value.trim().to_string()), // device=gpu: quotes are a burden in a shell
    };
    let mut node = Node { value, origin: origin.clone() };
    for key in keys.into_iter().rev() {
        let entry = Entry { key: key.to_string(), key_origin: origin.clone(), node };
        node = Node { value: Value::Table(vec![entry]), origin: origin.clone() };
    }
    relabel(&mut node, &|_| origin.clone());
    Ok(node)
}

fn parse(text: &str, path: &Path) -> Result<Node, CaseError> {
    let source = Source::new(path.to_path_buf(), text);
    let table = syntax::parse(text, path, &source)?;
    let mut root = Node { value: tree_of_table(table.get_ref(), &source), origin: Origin::Default };
    let format = root.take("format").map_or(Ok(()), |entry| check_format(&entry));
    format.map_err(|problem| invalid(vec![problem])).map(|()| root)
}

/// The format of case files and of the resolved ones of runs. Every one from 1 on is read; a file that says none has the first.
pub const FORMAT: u32 = 1;

/// Refuses a later format before anything else of the file is looked at, which may well be unknown here.
fn check_format(entry: &Entry) -> Result<(), Problem> {
    let problem = |kind, message| Err(Problem::at(kind, entry.node.origin.clone(), message));
    match entry.node.value {
        Value::Whole(found) if (1..=i128::from(FORMAT)).contains(&found) => Ok(()),
        Value::Whole(found) if found > i128::from(FORMAT) => problem(
            ProblemKind::NewerFormat,
            format!(
                "this file has format {found}, and this program knows {FORMAT} at most: use the version of casebook that wrote it, or a newer one"
            ),
        ),
        Value::Whole(found) => problem(ProblemKind::OutOfRange, format!("`format` is {found}; the first was 1")),
        _ => problem(
            ProblemKind::WrongType,
            format!(
                "`format` at the top is the number of this file's own format, {FORMAT}; that of data belongs in its table"
            ),
        ),
    }
}

/// A thousand times the longest case file there is.
const MAX_BYTES: u64 = 4 << 20;

fn read(path: &Path) -> Result<String, CaseError> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => CaseError::Missing { path: path.to_path_buf(), hint: like_named(path) },
        _ => CaseError::Unreadable { path: path.to_path_buf(), source },
    })?;
    let refuse = |message: String| CaseError::Encoding { path: path.to_path_buf(), message };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(refuse(format!("is longer than {} MiB, which no case file is; name a case file", MAX_BYTES >> 20)));
    }
    match bytes.as_slice() {
        [0xef, 0xbb, 0xbf, ..] => Err(refuse("opens with a byte order mark; save it as UTF-8 without one".into())),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(refuse("is UTF-16; save it as UTF-8".into())),
        _ => String::from_utf8(bytes).map_err(|error| {
            let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
            let byte = error.as_bytes().get(good.len()).copied().unwrap_or(0);
            refuse(format!("line {line} is not UTF-8 (byte 0x{byte:02x}); save the file as UTF-8"))
        }),
    }
}

/// A toml file of a like name in the same folder, or one of the same name with the ending.
fn like_named(path: &Path) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names: Vec<String> = fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    let mut cases: Vec<&str> = names.iter().map(String::as_str).filter(|name| name.ends_with(".toml")).collect();
    cases.sort_unstable();
    let wanted = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let wanted = if wanted.ends_with(".toml") { wanted } else { format!("{wanted}.toml") };
    match nearest(&wanted, cases.into_iter()) {
        Some(name) => format!("; did you mean {}?", path.with_file_name(name).display()),
        None => String::new(),
    }
}
