//! A plan that lies beside a log, as claims: a case file, a `run.json`, the Hugging Face Trainer's arguments as JSON.

use std::fs::File;
use std::path::Path;

use crate::error::DiagnoseError;
use crate::facts::{amount, fact_key};
use crate::literal::{Literal, Node, parse};
use crate::read::bytes_of;
use crate::recover::{Claim, PLANNED};

/// Sizes that a log can bear out besides what is [`PLANNED`]; where it states them itself, they are taken from there.
const SIZES: [&str; 3] = ["batch_size", "train_examples", "eval_examples"];
/// Settings of one file that are kept.
const MAX_SETTINGS: usize = 10_000;

/// What a plan says of its run, as far as a log can bear it out: TOML, JSON, or lines of `name: value` and `name=value`.
///
/// Nothing is evaluated. Settings that others overrule are left out, as the Trainer does: epochs where there are steps,
/// a warm-up of no steps where there is a share, intervals in steps where the strategy is the epoch.
///
/// # Errors
/// [`DiagnoseError::Pickle`] for `training_args.bin`; [`DiagnoseError::Toml`]; [`DiagnoseError::Plan`] where it names none
/// of the known keys; [`DiagnoseError::Io`], [`DiagnoseError::TooLarge`].
pub fn read_plan(path: &Path) -> Result<Vec<Claim>, DiagnoseError> {
    let io = |source| DiagnoseError::Io { attempt: "open", path: path.into(), source };
    let bytes = bytes_of(&path.display().to_string(), path, File::open(path).map_err(io)?)?;
    if is_pickle(&bytes) {
        return Err(DiagnoseError::Pickle { path: path.into() });
    }
    let text = String::from_utf8_lossy(&bytes);
    let settings = if path.extension().is_some_and(|ending| ending == "toml") {
        of_toml(path, &text)?
    } else {
        let begin = text.len() - text.trim_start().len();
        let whole =
            parse(&text, begin).ok().filter(|(_, end)| text.get(*end..).is_some_and(|rest| rest.trim().is_empty()));
        match whole {
            Some((node, _)) => of_json(&node),
            None => Claim::of_settings(&text)
                .into_iter()
                .map(|claim| Setting::new(&claim.key, &claim.value.to_string()))
                .collect(),
        }
    };
    let claims = claims(&settings);
    if claims.is_empty() {
        return Err(DiagnoseError::Plan {
            path: path.into(),
            looked_for: [&PLANNED[..], &SIZES[..]].concat().join(", "),
        });
    }
    Ok(claims)
}

/// A pickle begins with its protocol, one that torch wrote is a zip archive.
fn is_pickle(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || matches!(bytes, [0x80, protocol, ..] if *protocol <= 5)
}

/// A name with the table it stands in, and what is written there.
#[derive(Debug)]
struct Setting {
    table: String,
    name: String,
    text: String,
}

impl Setting {
    fn new(name: &str, text: &str) -> Self {
        Self { table: String::new(), name: name.into(), text: text.into() }
    }
}

fn of_toml(path: &Path, text: &str) -> Result<Vec<Setting>, DiagnoseError> {
    let table: toml::Table =
        text.parse().map_err(|source| DiagnoseError::Toml { path: path.into(), source: Box::new(source) })?;
    let mut settings = Vec::new();
    toml_table("", &table, 0, &mut settings);
    Ok(settings)
}

fn toml_table(within: &str, table: &toml::Table, depth: usize, settings: &mut Vec<Setting>) {
    for (name, value) in table {
        // What a variant changes is the plan of that variant alone.
        if settings.len() >= MAX_SETTINGS || depth > 6 || name == "variant" {
            continue;
        }
        let text = match value {
            toml::Value::Table(inner) => {
                toml_table(name, inner, depth + 1, settings);
                continue;
            }
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            _ => continue,
        };
        settings.push(Setting { table: within.into(), name: name.clone(), text });
    }
}

fn of_json(node: &Node<'_>) -> Vec<Setting> {
    let mut settings = Vec::new();
    json_node("", node, 0, &mut settings);
    settings
}

/// The names of maps; and lists of a name and its value, as `run.json` has them.
fn json_node(within: &str, node: &Node<'_>, depth: usize, settings: &mut Vec<Setting>) {
    if depth > 6 || settings.len() >= MAX_SETTINGS {
        return;
    }
    for (name, inner) in node.entries() {
        match (&inner.value, inner.number(), inner.text()) {
            (Literal::Map(_) | Literal::List(_), _, _) => json_node(name, inner, depth + 1, settings),
            (_, Some(number), _) => {
                settings.push(Setting { table: within.into(), name: name.to_string(), text: number.to_string() });
            }
            (_, None, Some(text)) => {
                settings.push(Setting { table: within.into(), name: name.to_string(), text: text.into() });
            }
            _ => {}
        }
    }
    for pair in node.list() {
        if let [name, value] = pair.list()
            && let (Some(name), Some(value)) = (name.text(), value.text())
        {
            settings.push(Setting { table: within.into(), name: name.into(), text: value.into() });
        }
    }
}

/// What a setting claims, in our words.
fn claim_of(setting: &Setting) -> Option<(&'static str, f64)> {
    let text = setting.text.trim();
    let (digits, unit) = text.split_once(' ').map_or((text, ""), |(digits, unit)| (digits, unit.trim()));
    let digits = digits.strip_suffix('%').unwrap_or(digits);
    let is_percent = unit == "%" || text.ends_with('%');
    let number = amount(digits).filter(|number| number.is_finite())?;
    let key = match (setting.table.as_str(), setting.name.as_str()) {
        ("train", "steps") => "max_steps",
        (_, "warmup") if is_percent || number < 1.0 => "warmup_frac",
        (_, "warmup") => "warmup_steps",
        (_, name) => fact_key(name)?,
    };
    let is_length = unit.is_empty() || unit == "steps" || unit == "step";
    match key {
        "warmup_frac" if is_percent => Some((key, number / 100.0)),
        _ if is_percent || !is_length => None,
        _ => Some((key, number)),
    }
}

fn claims(settings: &[Setting]) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for (key, value) in settings
        .iter()
        .filter_map(claim_of)
        .filter(|(key, value)| (PLANNED.contains(key) || SIZES.contains(key)) && *value >= 0.0)
    {
        if !claims.iter().any(|claim| claim.key == key && claim.value == value) {
            claims.push(Claim { key: key.into(), value, place: None });
        }
    }
    let strategy_is_steps = |name: &str| {
        let strategy = settings.iter().find(|setting| setting.name.ends_with(name));
        strategy.is_none_or(|strategy| strategy.text.trim_matches('"').ends_with("steps"))
    };
    let is_set = |key: &str| claims.iter().any(|claim| claim.key == key && claim.value > 0.0);
    let (has_steps, has_warmup, has_share) = (is_set("max_steps"), is_set("warmup_steps"), is_set("warmup_frac"));
    let (by_eval, by_log) = (
        strategy_is_steps("eval_strategy") && strategy_is_steps("evaluation_strategy"),
        strategy_is_steps("logging_strategy"),
    );
    claims.retain(|claim| match claim.key.as_str() {
        "num_epochs" => !has_steps && claim.value > 0.0,
        "warmup_steps" => claim.value > 0.0 || !has_share,
        "warmup_frac" => claim.value > 0.0 && !has_warmup,
        // Below 1 they are shares of the whole.
        "eval_every" => by_eval && claim.value >= 1.0,
        "log_every" => by_log && claim.value >= 1.0,
        "max_steps" | "steps_per_epoch" | "batch_size" | "total_batch_size" => claim.value > 0.0,
        _ => true,
    });
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(name: &str, text: &[u8]) -> Result<Vec<(String, f64)>, DiagnoseError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Ok(read_plan(&path)?.into_iter().map(|claim| (claim.key, claim.value)).collect())
    }

    fn is(found: Result<Vec<(String, f64)>, DiagnoseError>, wanted: &[(&str, f64)]) {
        let wanted: Vec<(String, f64)> = wanted.iter().map(|(key, value)| ((*key).to_string(), *value)).collect();
        assert_eq!(found.unwrap(), wanted);
    }

    #[test]
    fn a_case_file_claims_what_its_tables_say() {
        let case =
            b"question = 'x'\nseeds = [1]\n[schedule]\nlearning_rate = 5e-4\nwarmup = '6 %'\n[train]\nsteps = 300\n\
                     batch_size = 8\nlog_every = 10\neval_every = '1 epoch'\n[variant.two]\ntrain.steps = 9\n";
        let wanted = [
            ("learning_rate", 5e-4),
            ("warmup_frac", 0.06),
            ("batch_size", 8.0),
            ("log_every", 10.0),
            ("max_steps", 300.0),
        ];
        let mut found = plan("case.toml", case).unwrap();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let mut wanted: Vec<(String, f64)> = wanted.iter().map(|(key, value)| ((*key).to_string(), *value)).collect();
        wanted.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(found, wanted);
        is(plan("a.toml", b"[schedule]\nwarmup = '200 steps'\n"), &[("warmup_steps", 200.0)]);
        is(plan("a.toml", b"[schedule]\nwarmup = 200\n"), &[("warmup_steps", 200.0)]);
    }

    #[test]
    fn arguments_of_the_trainer_are_read_as_it_reads_them() {
        let json = br#"{"learning_rate": 5e-05, "max_steps": -1, "num_train_epochs": 3.0, "warmup_steps": 0,
            "warmup_ratio": 0.1, "eval_strategy": "epoch", "eval_steps": 500, "logging_steps": 50, "seed": 42}"#;
        is(
            plan("training_args.json", json),
            &[("learning_rate", 5e-5), ("num_epochs", 3.0), ("warmup_frac", 0.1), ("log_every", 50.0)],
        );
        let json = br#"{"max_steps": 100, "num_train_epochs": 3.0, "warmup_steps": 0, "warmup_ratio": 0.0}"#;
        is(plan("x.json", json), &[("max_steps", 100.0), ("warmup_steps", 0.0)]);
    }

    #[test]
    fn our_own_run_json_is_a_plan() {
        let json = br#"{"seed": 1, "parameters": [["learning_rate", "0.002"], ["warmup", "6 %"]],
            "plan": {"batch_size": 16, "total_steps": 400, "warmup_steps": 24, "epochs": 2.0}}"#;
        is(
            plan("run.json", json),
            &[("learning_rate", 0.002), ("batch_size", 16.0), ("max_steps", 400.0), ("warmup_steps", 24.0)],
        );
    }

    #[test]
    fn a_script_is_read_line_by_line() {
        is(plan("train.yaml", b"learning_rate: 2e-5\n# lr: 3\nseed: 1\n"), &[("learning_rate", 2e-5)]);
    }

    #[test]
    fn a_pickle_is_refused_with_the_way_to_convert_it() {
        for bytes in [b"PK\x03\x04rest".as_slice(), b"\x80\x02}q".as_slice()] {
            let error = plan("training_args.bin", bytes).unwrap_err().to_string();
            assert!(error.contains("a pickle") && error.contains("to_dict()"), "{error}");
        }
    }

    #[test]
    fn what_is_no_plan_is_said_to_be_none() {
        assert!(matches!(plan("a.toml", b"[oops"), Err(DiagnoseError::Toml { .. })));
        let error = plan("a.json", b"{\"seed\": 1}").unwrap_err();
        assert!(matches!(error, DiagnoseError::Plan { .. }) && error.to_string().contains("learning_rate"));
        assert!(matches!(read_plan(Path::new("/nowhere/a.json")), Err(DiagnoseError::Io { .. })));
    }
}
