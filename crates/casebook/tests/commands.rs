//! The binary as a user has it: commands, exit codes, messages, signals.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

const CASE: &str = r#"
question = "Does the binary do what it says?"

[model]
d_model = 32
h = 2
ff = 64
n_layers = 1
seq_len = 16

[data]
corpora = [{ name = "mine", path = "mine.txt" }]
valid = 0.2

[tokenizer]
vocab_size = 120

[train]
batch_size = 8
steps = 30
log_every = 10
eval_every = 15
checkpoint_every = 10
"#;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let words = ["seoul", "is", "the", "capital", "of", "south", "korea", "and", "has", "a", "river"];
    let line = |index: usize| (0..9).map(|at| words[(index * 3 + at) % words.len()]).collect::<Vec<_>>().join(" ");
    let text = (0..200).map(|index| format!("{} {index}\n", line(index))).collect::<String>();
    fs::write(folder.path().join("mine.txt"), text).unwrap();
    fs::write(folder.path().join("case.toml"), CASE).unwrap();
    folder
}

fn casebook(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_casebook")).current_dir(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_case_is_trained_resumed_and_used_by_the_commands_of_the_readme() {
    let folder = folder();
    let at = folder.path();
    let train = casebook(at, &["train", "case.toml"]);
    let shown = text(&train.stdout);
    assert!(train.status.success(), "{shown}{}", text(&train.stderr));
    for part in ["to beat  uniform", "valid      0", "epoch    0 ended", "finished  at step 30"] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
    let again = casebook(at, &["train", "case.toml"]);
    assert!(again.status.success() && text(&again.stdout).contains("is finished"), "{}", text(&again.stdout));

    let run = "runs/case/base/s1";
    let more = casebook(at, &["resume", run, "--set", "train.steps=40", "--json"]);
    assert!(more.status.success(), "{}", text(&more.stderr));
    let events = text(&more.stdout);
    assert!(events.lines().all(|line| line.starts_with(r#"{"event":""#)), "not only JSON lines:\n{events}");
    assert!(events.contains(r#""train.steps: 30 → 40""#), "{events}");

    let filled = casebook(at, &["fill-mask", run, "seoul is the [MASK] of south korea", "--top", "3"]);
    assert!(filled.status.success() && text(&filled.stdout).lines().count() == 5, "{}", text(&filled.stdout));
    let scored = casebook(at, &["evaluate", run, "--data", "mine.txt"]);
    assert!(scored.status.success() && text(&scored.stdout).contains("accuracy"), "{}", text(&scored.stderr));
    fs::remove_file(at.join(run).join("record.md")).unwrap();
    assert!(casebook(at, &["record", run]).status.success() && at.join(run).join("record.md").exists());
    let doctor = casebook(at, &["doctor", "--device", "cpu"]);
    assert!(doctor.status.success() && text(&doctor.stdout).contains("passed: all"), "{}", text(&doctor.stdout));
}

#[test]
fn variants_and_seeds_are_planned_trained_listed_compared_and_reported() {
    let folder = folder();
    let at = folder.path();
    let variants =
        "\nconclusion = \"Two layers are better.\"\nclaims = [\"two < one on valid.loss\"]\nseeds = [1, 2]\n";
    let tail = "\n[variant.one]\nmodel.n_layers = 1\n\n[variant.two]\nmodel.n_layers = 2\n";
    fs::write(at.join("both.toml"), format!("{variants}{CASE}{tail}")).unwrap();
    let said = |arguments: &[&str]| {
        let output = casebook(at, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    said(&["train", "both.toml", "--variant", "one"]);
    let half = said(&["journal", "--json"]);
    assert_eq!(half.matches(r#""finished""#).count(), 2, "{half}");
    // A case that was stopped on the way: what is missing stands in the list.
    fs::remove_file(at.join("runs/both/one/s2/journal.jsonl")).unwrap();
    fs::remove_dir_all(at.join("runs/both/one/s2/checkpoints")).unwrap();
    assert!(said(&["journal", "--state", "planned"]).contains("both"), "a run without a journal is planned");
    said(&["train", "both.toml"]);
    assert_eq!(said(&["journal", "--state", "finished"]).lines().filter(|line| line.contains("both")).count(), 4);

    let longer = said(&["resume", "runs/both/two/s2", "--set", "train.log_every=3"]);
    assert!(longer.contains("runs/both/two/s2"), "claims about other variants are no bar to going on: {longer}");
    said(&["note", "runs/both/two/s1", "looked at it: fine"]);
    assert!(said(&["journal", "--variant", "two", "--seed", "1", "--json"]).contains(r#""notes": 1"#));
    let compared = said(&["compare", "both.toml"]);
    for part in ["model.n_layers", "one", "two", "cannot tell"] {
        assert!(compared.to_lowercase().contains(part), "no `{part}` in\n{compared}");
    }
    let object: serde_json::Value =
        serde_json::from_str(&said(&["compare", "both", "--json", "--by", "tokens"])).unwrap();
    assert_eq!((object["axis"].as_str(), object["baseline"].as_str()), (Some("tokens"), Some("one")));

    said(&["report", "both.toml"]);
    let page = fs::read_to_string(at.join("runs/both/report.html")).unwrap();
    assert!(
        page.contains("Two layers are better.") && page.contains("CANNOT TELL"),
        "claims are held against the runs"
    );
    let pair = ["compare", "runs/both/two/s1", "runs/both/two/s2"];
    assert!(said(&pair).contains("both/two/s1"), "two runs named one by one are compared with one another");
    let twice = casebook(at, &["compare", "runs/both/two/s1", "runs/both/two/s1"]);
    assert!(!twice.status.success() && text(&twice.stderr).contains("named twice"), "{}", text(&twice.stderr));
    said(&["record", "both.toml"]);
    let record = fs::read_to_string(at.join("runs/training-record.md")).unwrap();
    assert!(record.contains("two &lt; one on valid.loss") || record.contains("two < one on valid.loss"), "{record}");
    assert!(
        record.contains("two differs from one in model.n\\_layers")
            || record.contains("two differs from one in model.n_layers"),
        "{record}"
    );
    fs::write(at.join("other.toml"), CASE).unwrap();
    said(&["train", "other.toml"]);
    let fewer = casebook(at, &["record", "other.toml"]);
    assert!(!fewer.status.success() && text(&fewer.stderr).contains("holds both too"), "{}", text(&fewer.stderr));
    said(&["record", "other.toml", "--out", "elsewhere"]);
    assert!(at.join("runs/images/both").read_dir().unwrap().count() >= 4, "charts beside the record");
}

#[test]
fn a_case_is_probed_without_a_run_and_a_rate_that_diverges_has_its_own_exit_status() {
    let folder = folder();
    let at = folder.path();
    let fine = casebook(at, &["probe", "case.toml", "--chart", "rates.svg"]);
    let shown = text(&fine.stdout);
    assert_eq!(fine.status.code(), Some(0), "{shown}{}", text(&fine.stderr));
    for part in ["first loss", "one batch overfitted", "wanted: ", "the case's own", "0 FAILED", "0 not done"] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
    assert!(fs::read_to_string(at.join("rates.svg")).unwrap().contains("learning rate"));
    let wild = casebook(at, &["probe", "case.toml", "--json", "--set", "schedule.learning_rate=100"]);
    assert_eq!(wild.status.code(), Some(20), "{}", text(&wild.stdout));
    let found: serde_json::Value = serde_json::from_str(&text(&wild.stdout)).unwrap();
    let failed = found["checks"].as_array().unwrap().iter().filter(|check| check["outcome"] == "failed");
    let failed = failed.map(|check| check["name"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(failed, ["learning rate"], "{found}");
    assert!(!at.join("runs").exists(), "a probe writes no run");
    let none = casebook(at, &["probe", "case.toml", "--minutes", "0"]);
    assert!(!none.status.success() && text(&none.stderr).contains("a number of minutes above 0"));
    let other = casebook(at, &["probe", "case.toml", "--variant", "large"]);
    assert!(other.status.code() == Some(1) && text(&other.stderr).contains("has no variant `large`"));
}

#[test]
fn mistakes_are_said_on_standard_error_with_a_failing_exit() {
    let folder = folder();
    let at = folder.path();
    fs::write(at.join("typo.toml"), CASE.replace("n_layers", "n_layer")).unwrap();
    let cases: [(&[&str], &str); 15] = [
        (&["train", "typo.toml"], "did you mean `n_layers`?"),
        (&["train", "absent.toml"], "absent.toml"),
        (&["train", "case.toml", "--variant", "large"], "has no variant `large`; it has base"),
        (&["train", "case.toml", "--seed", "7"], "has no seed 7"),
        (&["train", "case.toml", "--set", "train.device=gpu:9"], "no device `gpu:9`"),
        (&["train", "case.toml", "--set", "start=."], "is not a run"),
        (&["fill-mask", "runs/none", "a [MASK]"], "is not a run"),
        (&["resume", "runs/none"], "is not a run"),
        (&["compare", "none"], "is no folder, no case file, and no case in runs"),
        (&["report", "case.toml"], "case has no runs in runs"),
        (&["note", "runs/none", "a remark"], "holds no run"),
        (&["journal", "--state", "dead"], "planned, running, killed"),
        (&["journal", "--since", "yesterday"], "write a date as in the journal"),
        (&["journal", "--runs", "nowhere"], "there is no folder nowhere"),
        (&["compare", "case.toml"], "case has no runs in runs"),
    ];
    for (arguments, part) in cases {
        let output = casebook(at, arguments);
        let message = text(&output.stderr);
        assert!(!output.status.success() && message.contains(part), "{arguments:?} says\n{message}");
        assert!(!message.contains("panicked"), "{arguments:?} panicked:\n{message}");
    }
    assert!(!at.join("runs/none").exists(), "a mistake must leave nothing behind");
}

#[test]
fn a_log_is_diagnosed_into_every_form_and_nothing_of_others_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let row =
        |step: u32| format!("{{'loss': {:.4}, 'learning_rate': 5e-05, 'epoch': {}}}\n", 1.0 / f64::from(step), step);
    fs::write(at.join("train.log"), (1..20).map(row).collect::<String>()).unwrap();
    fs::write(at.join("empty.log"), "nothing is measured here\n").unwrap();
    fs::write(at.join("training_args.json"), r#"{"learning_rate": 0.001}"#).unwrap();
    let empty = casebook(at, &["diagnose", "empty.log"]);
    assert_eq!(empty.status.code(), Some(30), "{}", text(&empty.stderr));
    assert!(text(&empty.stdout).starts_with("CANNOT TELL  empty.log: "), "{}", text(&empty.stdout));
    let files = ["--markdown", "d.md", "--html", "d.html", "--chart", "d.svg"];
    let claims = ["--claim", "learning rate 6.25e-6", "--plan", "training_args.json"];
    let all = [["diagnose", "train.log", "empty.log", "--json"].as_slice(), &files, &claims].concat();
    for _ in 0..2 {
        let said = casebook(at, &all);
        assert!([10, 20, 30].contains(&said.status.code().unwrap()), "{}", text(&said.stderr));
        let report: serde_json::Value = serde_json::from_str(&text(&said.stdout)).unwrap();
        assert_eq!(report["schema"], "casebook-diagnosis/1");
        assert_eq!(report["logs"].as_array().unwrap().len(), 2);
    }
    for (file, part) in [("d.md", "](<d.svg>)"), ("d.html", "</html>"), ("d.svg", "</svg>")] {
        assert!(fs::read_to_string(at.join(file)).unwrap().contains(part), "{file}");
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_casebook"))
        .args(["diagnose", "-", "--explain"])
        .stdin(fs::File::open(at.join("train.log")).unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = String::new();
    std::io::Read::read_to_string(child.stdout.as_mut().unwrap(), &mut shown).unwrap();
    assert!(child.wait().unwrap().code().is_some_and(|code| code != 1 && code != 2));
    assert!(shown.contains("standard input"), "{shown}");
    fs::write(at.join("training_args.bin"), b"PK\x03\x04").unwrap();
    for (arguments, code, part) in [
        (["diagnose", "train.log", "--markdown", "train.log"].as_slice(), 1, "is no diagnosis"),
        (&["diagnose", "train.log", "--html", "a", "--chart", "a"], 1, "named twice"),
        (&["diagnose", "none.log"], 1, "none.log"),
        (&["diagnose", "train.log", "--plan", "training_args.bin"], 1, "is a pickle"),
        (&["diagnose", "train.log", "--claim", "colour=blue"], 2, "learning_rate"),
    ] {
        let output = casebook(at, arguments);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} says\n{message}");
        assert!(message.contains(part), "{arguments:?} says\n{message}");
    }
    assert!(fs::read_to_string(at.join("train.log")).unwrap().starts_with("{'loss'"), "the log is as it was");
}

/// Every file below a folder, `.git` left out.
fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| !path.ends_with(".git"))
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] })
        .collect()
}

#[test]
fn credentials_of_the_environment_reach_no_file_and_no_screen() {
    const SECRET: &str = "pl4nt3d-s3cr3t";
    let folder = folder();
    let at = folder.path();
    let url = format!("https://me:{SECRET}@example.org/private.git");
    let variables = [
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("HF_TOKEN", SECRET),
        ("GITHUB_TOKEN", SECRET),
        ("WANDB_API_KEY", SECRET),
        ("HTTPS_PROXY", &url),
        ("DATABASE_URL", &url),
        ("USER", SECRET),
        ("HOSTNAME", SECRET),
        ("GIT_AUTHOR_EMAIL", SECRET),
        ("GIT_COMMITTER_EMAIL", SECRET),
        ("GIT_AUTHOR_NAME", "a"),
        ("GIT_COMMITTER_NAME", "a"),
    ];
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let output = command.current_dir(at).args(arguments).env("HOME", at).envs(variables).output().unwrap();
        assert!(output.status.code().is_some_and(|code| code != 1), "{arguments:?}: {}", text(&output.stderr));
        output
    };
    // The commit is recorded, so git is asked: by it, and not by what it knows of people and places.
    for arguments in [
        ["init", "-q"].as_slice(),
        &["remote", "add", "origin", &url],
        &["config", "user.email", SECRET],
        &["add", "case.toml"],
        &["commit", "-q", "-m", SECRET],
    ] {
        run("git", arguments);
    }
    let casebook = env!("CARGO_BIN_EXE_casebook");
    let name = "runs/case/base/s1";
    for arguments in [
        ["train", "case.toml", "--json"].as_slice(),
        &["resume", name, "--set", "train.steps=35"],
        &["note", name, "seen"],
        &["journal"],
        &["report", "case.toml"],
        &["record", "case.toml"],
        &["export", name, "--to", "exported"],
        &["diagnose", name, "--json", "--html", "d.html", "--markdown", "d.md"],
        &["probe", "case.toml", "--minutes", "0.05", "--json"],
        &["doctor", "--device", "cpu"],
    ] {
        let output = run(casebook, arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!said.contains(SECRET), "{arguments:?} says\n{said}");
    }
    let info: serde_json::Value = serde_json::from_slice(&fs::read(at.join(name).join("run.json")).unwrap()).unwrap();
    assert_eq!(info["commit"].as_str().map(str::len), Some(12));
    let files = files_below(at);
    assert!(files.len() > 20, "{files:?}");
    for path in files {
        let bytes = fs::read(&path).unwrap();
        let is_there = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
        assert!(!is_there, "{} holds a credential", path.display());
    }
}

#[test]
fn nothing_that_others_wrote_moves_the_terminals_cursor() {
    const NASTY: &str = "\u{1b}[31m\u{1b}]0;t\u{7}\u{9b}2J\u{202e}x\r";
    let folder = folder();
    let at = folder.path();
    fs::write(at.join("bad.toml"), format!("{CASE}\n\"{NASTY}\" = 1\n").replace('\r', "")).unwrap();
    fs::write(
        at.join("log.jsonl"),
        format!("{{\"step\": 1, \"loss\": 2.0, \"{}\": 3.0}}\n", "a\\u001b[31mloss").repeat(9),
    )
    .unwrap();
    fs::write(at.join(format!("{NASTY}.log")), format!("step 1 loss nan {NASTY}\n").repeat(9)).unwrap();
    let named = format!("{NASTY}.log");
    let missing = format!("path={NASTY}");
    for arguments in [
        ["check", "bad.toml"].as_slice(),
        &["check", NASTY],
        &["check", "case.toml", "--set", &missing],
        &["check", "case.toml", "--set", &format!("question={NASTY}"), "--resolved"],
        &["diagnose", &named, "--explain"],
        &["diagnose", "log.jsonl", "--json"],
        &["resume", NASTY],
        &["compare", NASTY],
        &["fill-mask", NASTY, "[MASK]"],
        &["evaluate", NASTY, "--data", NASTY],
        &["import", NASTY, "--to", "x"],
        &["journal", "--runs", NASTY],
        &["note", NASTY, NASTY],
    ] {
        let output = casebook(at, arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        let obeyed = said.chars().find(|letter| !matches!(letter, '\n' | '\t') && case::is_obeyed(*letter));
        assert!(obeyed.is_none() && said.len() > 10, "{arguments:?} says {said:?}");
    }
}

#[test]
fn a_signal_saves_and_leaves_and_the_same_command_goes_on() {
    let folder = folder();
    let at = folder.path();
    let mut child = Command::new(env!("CARGO_BIN_EXE_casebook"))
        .current_dir(at)
        .args(["train", "case.toml", "--set", "train.steps=100000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The journal's first log line says that the loop is running.
    let journal = at.join("runs/case/base/s1/journal.jsonl");
    let running = || fs::read_to_string(&journal).is_ok_and(|text| text.contains(r#""event":"log""#));
    for _ in 0..600 {
        if running() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    assert!(running(), "the loop did not start within a minute");
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(75), "stopped is neither finished nor failed");
    let events = fs::read_to_string(&journal).unwrap();
    let last = events.lines().last().unwrap();
    assert!(last.contains(r#""status":"stopped""#), "{last}");
    let step = |line: &str| line.split(r#""step":"#).nth(1).unwrap().split(',').next().unwrap().parse::<u64>().unwrap();
    let stopped = step(last);
    let length = format!("train.steps={}", stopped + 5);
    let resumed = casebook(at, &["train", "case.toml", "--set", &length]);
    let shown = text(&resumed.stdout);
    assert!(resumed.status.success(), "{shown}{}", text(&resumed.stderr));
    assert!(shown.contains("resumed  at step") && shown.contains("finished"), "{shown}");
}

/// Starts the binary; standard error can be read. It hears a hangup even where whoever started the tests ignores it.
fn started(folder: &Path, program: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new("env");
    command
        .args(["--default-signal=HUP", program])
        .current_dir(folder)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn send(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..1200 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{what} did not come within a minute");
}

const BINARY: &str = env!("CARGO_BIN_EXE_casebook");

#[test]
fn a_signal_while_text_is_prepared_leaves_nothing_half_written_and_the_same_command_goes_on() {
    let folder = folder();
    let at = folder.path();
    // Enough text that reading it takes a while; the unigram's training does not look at signals.
    let line = |index: usize| format!("{} {} word{index} and {}\n", index * 7, index % 91, index * index);
    fs::write(at.join("mine.txt"), (0..400_000).map(line).collect::<String>()).unwrap();
    let long = ["train", "case.toml", "--set", "tokenizer.kind=unigram", "--set", "tokenizer.vocab_size=8000"];
    let building = || {
        let entries = fs::read_dir(at.join("data/prepared")).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "building")).count()
    };
    for signal in ["-HUP", "-INT", "-TERM"] {
        let child = started(at, BINARY, &long);
        wait_until("preparation", || building() == 1);
        thread::sleep(Duration::from_millis(300));
        send(&child, signal);
        let asked = Instant::now();
        let output = child.wait_with_output().unwrap();
        assert!(asked.elapsed() < Duration::from_secs(10), "{signal} took {:?}", asked.elapsed());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(75), "{signal}: {said}");
        assert!(said.contains(&format!("stopped by SIG{}", &signal[1..])), "{said}");
        assert!(building() == 0 && !at.join("runs/case").exists(), "{signal}");
    }
    let done = casebook(at, &["train", "case.toml", "--set", "data.corpora.mine.fraction=0.01"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
}

#[test]
fn a_hangup_is_a_signal_unless_whoever_started_the_run_has_it_ignored() {
    let folder = folder();
    let at = folder.path();
    let logs = |run: &str| {
        let journal = at.join(run).join("case/base/s1/journal.jsonl");
        fs::read_to_string(journal).unwrap_or_default().matches(r#""event":"log""#).count()
    };
    let long = ["train", "case.toml", "--set", "train.steps=100000", "--runs", "heard"];
    let child = started(at, BINARY, &long);
    wait_until("the loop", || logs("heard") > 0);
    send(&child, "-HUP");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75));
    assert!(text(&output.stderr).contains("asked to stop"), "{}", text(&output.stderr));

    let ignoring = [&[BINARY], &long[..5], &["ignored"]].concat();
    let child = started(at, "nohup", &ignoring);
    wait_until("the loop", || logs("ignored") > 0);
    send(&child, "-HUP");
    let before = logs("ignored");
    wait_until("more of the run", || logs("ignored") > before + 2);
    send(&child, "-TERM");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(75));
}

#[test]
fn a_second_signal_ends_the_process_where_it_stands() {
    let folder = folder();
    let at = folder.path();
    // Steps so long that the first signal cannot have been answered yet.
    let long = ["train", "case.toml", "--set", "train.batch_size=4096", "--set", "train.steps=20"];
    let child = started(at, BINARY, &[&long[..], &["--set", "model.d_model=256"]].concat());
    let journal = at.join("runs/case/base/s1/journal.jsonl");
    wait_until("the first evaluation", || {
        fs::read_to_string(&journal).is_ok_and(|text| text.contains(r#""event":"eval""#))
    });
    send(&child, "-TERM");
    thread::sleep(Duration::from_millis(5));
    send(&child, "-INT");
    let code = child.wait_with_output().unwrap().status.code();
    assert!(code == Some(130) || code == Some(75), "{code:?}");
}

#[test]
fn what_only_reads_leaves_at_once() {
    let folder = folder();
    let at = folder.path();
    assert!(casebook(at, &["train", "case.toml"]).status.success());
    let line = "seoul is the capital of south korea and has a river\n".repeat(400_000);
    fs::write(at.join("long.txt"), line).unwrap();
    let child = started(at, BINARY, &["evaluate", "runs/case/base/s1", "--data", "long.txt"]);
    thread::sleep(Duration::from_millis(700));
    send(&child, "-TERM");
    let asked = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert_eq!(output.status.code(), Some(75), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("stopped by SIGTERM"), "{}", text(&output.stderr));
}
