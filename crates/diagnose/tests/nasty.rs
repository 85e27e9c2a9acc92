//! Logs and names of files that browsers, Markdown and terminals would obey if they were let.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use std::collections::BTreeSet;
use std::fs;

use case::is_obeyed;
use casebook_diagnose::show::{Detail, Judged, chart, html, json, markdown, text};
use casebook_diagnose::{Diagnosis, Log, judge, read};

const NASTY: &str = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>]]><!-- `a` | *b* ![c](http://d) \u{1b}[31m\u{1b}]0;t\u{7}\u{9b}2J \u{202e}x\u{2066}\u{2028} &lt;i&gt;";

/// A run that overfits, its lines, its metrics' names and its settings full of what is not theirs to say.
fn log_text(nasty: &str) -> String {
    let mut text = format!("learning_rate = 5e-05 {nasty}\nrun_name = {nasty}\n");
    for step in (10..=300).step_by(10) {
        let epoch = f64::from(step) / 100.0;
        let loss = 0.7 * (-epoch).exp() + 0.1;
        text += &format!("{nasty} {{'loss': {loss:.4}, 'epoch': {epoch}, 'step': {step}}} {nasty}\n");
        if step % 50 == 0 {
            let held_out = 0.3 + epoch;
            let name = nasty.replace(['\'', '"', '{', '}', '|', ' '], "_");
            text += &format!(
                "{{'eval_loss': {held_out:.4}, 'eval_{name}_loss': {held_out:.4}, 'epoch': {epoch}, 'step': {step}}} {nasty}\n"
            );
        }
    }
    text + &format!(
        "{{'loss': {nasty}, 'epoch': 3.1, 'step': 310}}\n{{'loss': nan, 'epoch': 3.2, 'step': 320}} {nasty}\n"
    )
}

/// The same as JSON lines, whose keys may hold anything.
fn json_text(nasty: &str) -> String {
    let row = |step: u32| {
        let loss = 1.0 / f64::from(step) + if step > 15 { f64::from(step) } else { 0.0 };
        let row = serde_json::json!({"step": step, "loss": loss, format!("valid/{nasty}/loss"): loss, "eval_loss": loss, "run": nasty});
        format!("{row}\n")
    };
    (1..30).map(row).collect()
}

/// What is read of a folder whose files have nasty names, and what is said of it.
fn judged(nasty: &str) -> (String, Log, Diagnosis) {
    let folder = tempfile::tempdir().unwrap();
    let name = nasty.replace('/', "\u{1b}").replace('\0', "");
    let at = folder.path().join(&name);
    fs::create_dir(&at).unwrap();
    fs::write(at.join(format!("a{name}.log")), log_text(nasty)).unwrap();
    fs::write(at.join("b.jsonl"), json_text(nasty)).unwrap();
    let log = read(&at).unwrap();
    let diagnosis = judge(&log, &[]);
    (at.display().to_string(), log, diagnosis)
}

fn is_harmless(shown: &str) -> bool {
    !shown.chars().any(|letter| letter != '\n' && is_obeyed(letter))
}

fn shown(nasty: &str, show: impl Fn(&[Judged<'_>]) -> String) -> String {
    let (name, log, diagnosis) = judged(nasty);
    assert!(log.runs.len() >= 2 && diagnosis.runs.iter().any(|run| !run.findings.is_empty()));
    show(&[Judged { name: &name, log: &log, diagnosis: &diagnosis }])
}

#[test]
fn a_terminal_is_moved_by_nothing_in_a_log() {
    for detail in [Detail::Brief, Detail::Full] {
        let shown = shown(NASTY, |logs| text(logs, detail));
        assert!(is_harmless(&shown), "{shown:?}");
    }
    let full = shown(NASTY, |logs| text(logs, Detail::Full));
    assert!(full.contains("evidence") && full.contains("<script>"), "the lines are quoted all the same: {full}");
}

#[test]
fn json_says_what_stands_there_by_escapes() {
    let (name, log, diagnosis) = judged(NASTY);
    let report = json(&[Judged { name: &name, log: &log, diagnosis: &diagnosis }]);
    assert!(is_harmless(&report));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["logs"][0]["name"].as_str(), Some(name.as_str()));
}

/// The tags of a page, each with the names of its attributes, once.
fn tags(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in page.split('<').skip(1) {
        let (mut tag, mut is_quoted) = (String::new(), false);
        for letter in rest.chars() {
            match letter {
                '"' => is_quoted = !is_quoted,
                '>' if !is_quoted => break,
                letter if !is_quoted => tag.push(letter),
                _ => {}
            }
        }
        found.insert(tag);
    }
    found
}

#[test]
fn a_page_and_its_charts_have_the_same_elements_whatever_a_log_says() {
    let page = |nasty: &str| shown(nasty, |logs| html(logs, "0.1.0"));
    let (nasty, plain) = (page(NASTY), page("plain"));
    assert_eq!(tags(&nasty).difference(&tags(&plain)).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(nasty.contains("content=\"default-src 'none'; style-src 'sha256-") && !nasty.contains("<script"));
    assert!(is_harmless(&nasty), "{nasty:?}");
    // Nothing is fetched or run, whatever the policy says of it.
    let is_outside =
        |tag: &&String| [" src=", " href=", " style=", " on", "script", "image"].iter().any(|part| tag.contains(part));
    assert_eq!(tags(&nasty).iter().find(is_outside), None);
    let (nasty, plain) = (shown(NASTY, chart), shown("plain", chart));
    assert!(is_harmless(&nasty) && !nasty.contains("]]>"), "{nasty}");
    assert_eq!(tags(&nasty).difference(&tags(&plain)).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// The line without its escapes and its inline code: from a run of backticks to the next of as many.
fn without_code(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        let fence = &rest[..rest.len() - rest.trim_start_matches('`').len()];
        if letter == '\\' {
            rest = rest.get(2..).unwrap_or_default(); // what is escaped is a sign of ASCII
        } else if fence.is_empty() {
            out.push(letter);
            rest = &rest[letter.len_utf8()..];
        } else {
            let inside = &rest[fence.len()..];
            let mut runs = inside.match_indices(fence).map(|(at, _)| at);
            let end = runs.find(|at| !inside[..*at].ends_with('`') && !inside[at + fence.len()..].starts_with('`'));
            rest = &inside[end.expect("code ends on its line") + fence.len()..];
        }
    }
    out
}

#[test]
fn markdown_shows_a_logs_text() {
    let page = shown(NASTY, |logs| markdown(logs, Some("d.svg")));
    assert!(is_harmless(&page), "{page:?}");
    for line in page.lines().skip(3) {
        let line = without_code(line);
        assert!(!line.contains("<script") && !line.contains("<img") && !line.contains("!["), "{line}");
    }
}
