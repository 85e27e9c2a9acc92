use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use unicode_width::UnicodeWidthStr;

use super::example::{evidence, finding, log, overfitting, run_text};
use super::*;
use crate::judge::{Kind, Weight};
use crate::log::Split;
use crate::recover::Recovered;

fn judged<'a>(log: &'a Log, diagnosis: &'a Diagnosis) -> [Judged<'a>; 1] {
    [Judged { name: "/logs/train.log", log, diagnosis }]
}

fn plain_run() -> String {
    run_text(|_, loss| loss)
}

#[test]
fn the_brief_form_is_the_verdict_and_a_line_a_finding() {
    let log = log(&plain_run());
    let diagnosis = overfitting(&log);
    let shown = text(&judged(&log, &diagnosis), Detail::Brief);
    assert!(shown.starts_with("WATCH  train.log: The held-out loss turned at epoch 1.\n"), "{shown}");
    assert!(shown.contains("\n  watch   overfitting  the held-out loss rose"), "{shown}");
    assert!(shown.contains("(train.log:34)"), "{shown}");
    for part in
        ["next: Take the checkpoint", "not as claimed: learning_rate = 1e-6", "not tested: 2 rules: no gradient norm."]
    {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    assert!(shown.lines().all(|line| line.width() <= 100), "{shown}");
}

#[test]
fn the_full_form_quotes_its_evidence_and_says_what_each_finding_is_and_is_not() {
    let log = log(&plain_run());
    let diagnosis = overfitting(&log);
    let shown = text(&judged(&log, &diagnosis), Detail::Full);
    for part in [
        "Read as text, 34 lines: 1 run of 33 rows with 3 evaluations.",
        "  1  overfitting (watch)\n     The held-out loss rose",
        "evidence  train.log:34  step 300  epoch 3  held-out loss  0.6\n               | {'eval_loss': 0.6000, 'eval_accuracy': 0.83, 'epoch': 3, 'step': 300}\n               train.log:12  step 100  epoch 1",
        "measured  rise over the least: 0.5 (threshold 0.1)",
        "is not    Not divergence",
        "source    Prechelt 1998",
        "  2  best-first (note)",
        "  no gradient norm  gradient-bursts, clipped-always",
        "  steps per epoch      100: steps over epochs (lines 2 and 34)",
        "linear, down to 0 at step 300; 30 rates fit it exactly",
        "  learning_rate = 1e-6  contradicts: ",
    ] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    assert!(shown.lines().all(|line| line.width() <= 100), "{shown}");
}

#[test]
fn several_runs_have_a_table_first_and_of_many_only_those_that_are_not_fine_are_shown() {
    let text_of: String = (1..13).map(|nth| run_text(|_, loss| loss * f64::from(nth))).collect();
    let log = log(&text_of);
    assert_eq!(log.runs.len(), 12);
    let mut diagnosis = overfitting(&log);
    for run in &mut diagnosis.runs[..10] {
        run.verdict = Verdict::Fine;
    }
    diagnosis.runs[11].verdict = Verdict::Broken;
    diagnosis.verdict = Verdict::Broken;
    for detail in [Detail::Brief, Detail::Full] {
        let shown = text(&judged(&log, &diagnosis), detail);
        assert!(shown.starts_with("BROKEN  train.log: 12 runs: 1 BROKEN, 1 WATCH, 10 FINE. Run 12: "), "{shown}");
        let table = shown.lines().filter(|line| {
            line.trim_start().starts_with(|letter: char| letter.is_ascii_digit()) && line.contains("step 300, epoch 3")
        });
        assert_eq!(table.filter(|line| line.contains("overfitting, best-first")).count(), 12, "{shown}");
        assert!(shown.contains("10 runs stand in the table only"), "{shown}");
        assert_eq!(shown.to_lowercase().matches("\nwatch  run ").count(), 1, "{shown}");
    }
}

#[test]
fn what_was_not_read_is_counted_and_cannot_reach_the_terminal_as_a_command() {
    let log = log(&format!("{}{{'loss': \u{1b}[31m0.5 oops', 'eval_loss'\u{7}: ,}}\n", plain_run()));
    assert_eq!(log.unread.count, 1, "{log:?}");
    let mut log = log;
    log.unread.first[0].text.push('\u{1b}');
    let diagnosis = overfitting(&log);
    let brief = text(&judged(&log, &diagnosis), Detail::Brief);
    assert!(brief.contains("1 line could not be read, the first at train.log:35."), "{brief}");
    let full = text(&judged(&log, &diagnosis), Detail::Full);
    assert!(full.contains("Lines that could not be read") && !full.contains(['\u{1b}', '\u{7}']), "{full}");
}

#[test]
fn a_log_without_a_measurement_says_so() {
    let log = log("nothing here\n");
    let diagnosis = Diagnosis { verdict: Verdict::CannotTell, findings: Vec::new(), runs: Vec::new() };
    let all = judged(&log, &diagnosis);
    assert_eq!(text(&all, Detail::Brief), "CANNOT TELL  train.log: No measurement was found in it.\n");
    assert!(markdown(&all, None).contains("# CANNOT TELL: train.log"));
    assert!(html(&all, "0").contains("No measurement was found") && chart(&all).contains("</svg>"));
    assert_eq!(worst(&[]), Verdict::CannotTell);
}

/// Every path in a JSON value, lists by `[]`.
fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| paths(inner, &format!("{path}.{name}"), found)),
        Value::Array(items) => items.iter().for_each(|inner| paths(inner, &format!("{path}[]"), found)),
        _ => found.push(path.into()),
    }
}

#[test]
fn the_fields_of_json_keep_their_names() {
    let log = log(&format!("{}{}{{'loss': 0.5 oops', 'eval_loss': ,}}\n", plain_run(), run_text(|_, loss| 9.0 * loss)));
    let mut diagnosis = overfitting(&log);
    diagnosis.findings.push(finding(Kind::MixedRuns, Weight::Note, Vec::new()));
    let report: Value = serde_json::from_str(&json(&judged(&log, &diagnosis))).unwrap();
    let mut found = Vec::new();
    paths(&report, "", &mut found);
    found.sort();
    found.dedup();
    let finding = "evidence[].epoch evidence[].file evidence[].line evidence[].metric evidence[].split evidence[].step \
                   evidence[].text evidence[].value is_not means next rule source statistic.name statistic.threshold statistic.value weight what";
    let derived = |name: &str| {
        format!("{name}.high {name}.how {name}.low {name}.places[].file {name}.places[].line {name}.value")
    };
    let known = ["steps_per_epoch", "log_every", "eval_every", "last_step", "total_steps"].map(derived).join(" ");
    let recovered = format!(
        "{known} batch_size train_examples eval_examples schedule.end schedule.error schedule.family schedule.first \
         schedule.floor schedule.highest_seen schedule.peak schedule.peak_at_most schedule.peak_is schedule.places[].file \
         schedule.places[].line schedule.points schedule.power schedule.unit schedule.warmup"
    );
    let under =
        |prefix: &str, names: &str| names.split_whitespace().map(|name| format!("{prefix}{name}")).collect::<Vec<_>>();
    let mut wanted = under(".", "schema verdict");
    wanted.extend(under(".logs[].", "name verdict sources[].name sources[].format sources[].lines unread.count notes[].file notes[].line notes[].kind notes[].text"));
    wanted.extend(under(".logs[].unread.first[].", "file line reason text"));
    wanted.extend(under(".logs[].findings[].", finding).into_iter().filter(|path| !path.contains("evidence")));
    wanted.extend(under(".logs[].runs[].findings[].", finding));
    wanted.extend(under(
        ".logs[].runs[].",
        "run name verdict why rows evaluations lacks[] untested[].rule untested[].why",
    ));
    wanted.extend(under(".logs[].runs[].recovered.", &recovered));
    wanted.extend(under(".logs[].runs[].claims[].", "key value bearing why stated_at places[].file places[].line"));
    wanted.sort();
    assert_eq!(found, wanted);
    assert_eq!(report["schema"], SCHEMA);
    assert_eq!(report["logs"][0]["runs"][1]["findings"][0]["evidence"][0]["file"], "/logs/train.log");
}

#[test]
fn numbers_that_json_lacks_are_strings() {
    let log = log(&run_text(|step, loss| if step == 200 { f64::NAN } else { loss }));
    let mut diagnosis = overfitting(&log);
    let mut nan = evidence(&log.runs[0], &Split::Train, "loss", 19);
    nan.epoch = Some(f64::INFINITY);
    diagnosis.runs[0].findings = vec![finding(Kind::NonFinite, Weight::Broken, vec![nan])];
    diagnosis.runs[0].recovered = Recovered::default();
    let report: Value = serde_json::from_str(&json(&judged(&log, &diagnosis))).unwrap();
    let shown = &report["logs"][0]["runs"][0]["findings"][0]["evidence"][0];
    assert_eq!(
        (shown["value"].as_str(), shown["epoch"].as_str(), shown["step"].as_u64()),
        (Some("NaN"), Some("inf"), Some(200))
    );
    assert!(report["logs"][0]["runs"][0]["recovered"]["schedule"].is_null());
}

#[test]
fn markdown_shows_the_picture_and_the_evidence_and_escapes_what_the_log_says() {
    let mut log = log(&plain_run());
    log.runs[0].name = "a*b | <script>".into();
    let diagnosis = overfitting(&log);
    let page = markdown(&judged(&log, &diagnosis), Some("my chart.svg"));
    assert!(page.starts_with(MARK) && page.contains("](<my chart.svg>)"), "{page}");
    for part in [
        "# WATCH: train.log",
        "## WATCH: a\\*b \\| &lt;script&gt;",
        "### 1. overfitting (watch)",
        "| `train.log:34` | 300",
    ] {
        assert!(page.contains(part), "{part} in\n{page}");
    }
}

#[test]
fn the_page_needs_nothing_but_itself_and_obeys_no_text_of_the_log() {
    let hash = BASE64_STANDARD.encode(Sha256::digest(super::html::STYLE.as_bytes()));
    assert_eq!(super::html::STYLE_HASH, hash);
    let mut log = log(&plain_run());
    log.runs[0].name = "<script>x</script>".into();
    let diagnosis = overfitting(&log);
    let page = html(&judged(&log, &diagnosis), "0.1.0");
    for outside in ["<script", "src=", "@import", "url(", " style=\"", "https://", "href="] {
        assert!(!page.contains(outside), "{outside}");
    }
    for part in [
        "casebook diagnose",
        "<svg ",
        "<article class=\"watch\">",
        "&lt;script&gt;",
        "train.log:34",
        "width=device-width",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn the_chart_numbers_the_findings_where_they_are() {
    let log = log(&run_text(|step, loss| if step == 200 { f64::NAN } else { loss }));
    let mut diagnosis = overfitting(&log);
    let nan = evidence(&log.runs[0], &Split::Train, "loss", 19);
    let rate = evidence(&log.runs[0], &Split::Train, "lr", 3);
    diagnosis.runs[0].findings.push(finding(Kind::NonFinite, Weight::Broken, vec![nan]));
    diagnosis.runs[0].findings.push(finding(Kind::RateOffPlan, Weight::Watch, vec![rate]));
    let drawn = chart(&judged(&log, &diagnosis));
    for part in [
        "casebook diagnose",
        "train.log: WATCH",
        "1 overfitting · 2 best-first · 3 non-finite · 4 rate-off-plan",
        ">1, 2</text>",
        ">3 non-finite NaN</text>",
        ">4</text>",
        ">held-out accuracy</text>",
        ">learning rate</text>",
        ">step</text>",
    ] {
        assert!(drawn.contains(part), "{part} in\n{drawn}");
    }
    assert_eq!(drawn.matches("<g transform").count(), 3);
}

#[test]
fn a_chart_of_a_million_rows_stays_small() {
    let mut text_of = String::from("step,train_loss,val_loss\n");
    let mut noise = 1u64;
    for step in 0..1_000_000u32 {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let loss = 2.0 + 3.0 * (-f64::from(step) / 2e5).exp() + f64::from((noise >> 40) as u16) / 1e5;
        text_of +=
            &if step % 1000 == 0 { format!("{step},{loss:.4},{loss:.4}\n") } else { format!("{step},{loss:.4},\n") };
    }
    let log = log(&text_of);
    assert_eq!(log.runs[0].rows.len(), 1_000_000);
    let diagnosis = overfitting(&log);
    let drawn = chart(&judged(&log, &diagnosis));
    assert!((20_000..200_000).contains(&drawn.len()), "{} bytes", drawn.len());
}

#[test]
fn a_run_without_steps_is_drawn_by_epochs_and_one_without_either_by_lines() {
    let shown = |text: &str, label: &str| {
        let log = log(text);
        let mut diagnosis = overfitting(&self::log(&plain_run()));
        diagnosis.runs[0].recovered = Recovered::default();
        let drawn = chart(&judged(&log, &diagnosis));
        assert!(drawn.contains(&format!(">{label}</text>")), "{label} in\n{drawn}");
    };
    shown("{'loss': 0.5, 'epoch': 1.0}\n{'loss': 0.4, 'epoch': 2.0}\n", "epoch");
    shown("loss: 0.5\nloss: 0.4\nloss: 0.3\n", "line of the log");
}
