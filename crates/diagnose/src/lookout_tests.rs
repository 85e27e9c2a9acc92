//! Committed runs, event by event, as if they went on now.

use std::path::{Path, PathBuf};

use journal::{Event, Resume};

use super::*;

fn run(name: &str) -> (RunInfo, Vec<Event>) {
    let folder = PathBuf::from("../../runs").join(name);
    (RunInfo::read(&folder).unwrap(), journal::read(&folder.join("journal.jsonl")).unwrap())
}

/// The events of a run without the alerts it had.
fn quiet(name: &str) -> (RunInfo, Vec<Event>) {
    let (info, mut events) = run(name);
    events.retain(|event| !matches!(event, Event::Alert(_)));
    (info, events)
}

fn alerts(lookout: &mut Lookout, events: &[Event]) -> Vec<Alert> {
    events.iter().flat_map(|event| lookout.see(event)).collect()
}

#[test]
fn a_collapse_is_said_before_half_of_the_run_is_spent() {
    let (info, events) = quiet("case2-small/adam-layer-4/s1");
    let end = info.plan.total_steps;
    let raised = alerts(&mut Lookout::new(info), &events);
    let plateau: Vec<&Alert> = raised.iter().filter(|alert| alert.kind == "unigram-plateau").collect();
    assert_eq!(plateau.len(), 1, "{raised:?}");
    assert!(plateau[0].step <= end / 2 && plateau[0].text.contains("AdamW"), "{plateau:?}");
}

#[test]
fn runs_that_learn_are_left_alone() {
    let learned = |case: &str| Path::new("../../runs").join(case);
    for case in ["case1-small", "case5-small", "case6-small"] {
        for variant in std::fs::read_dir(learned(case)).unwrap().map(|entry| entry.unwrap().path()) {
            let name = format!("{case}/{}/s1", variant.file_name().unwrap().to_string_lossy());
            if !variant.join("s1").is_dir() {
                continue;
            }
            let (info, events) = quiet(&name);
            let raised = alerts(&mut Lookout::new(info), &events);
            assert!(raised.iter().all(|alert| alert.kind == "overfitting"), "{name}: {raised:?}");
        }
    }
}

#[test]
fn a_resumed_run_has_the_alerts_of_one_never_stopped() {
    let (info, events) = quiet("case2-small/adam-layer-4/s1");
    let whole = alerts(&mut Lookout::new(info.clone()), &events);
    assert!(!whole.is_empty());
    for cut in (1..events.len()).step_by(7) {
        let mut lookout = Lookout::new(info.clone());
        let mut raised = alerts(&mut lookout, &events[..cut]);
        // What the journal holds when the run is taken up again, and then the rest.
        let mut journal = events[..cut].to_vec();
        journal.extend(raised.iter().cloned().map(Event::Alert));
        let mut again = Lookout::resumed(info.clone(), journal);
        raised.extend(alerts(&mut again, &events[cut..]));
        assert_eq!(raised, whole, "cut at {cut}");
    }
}

#[test]
fn what_was_said_after_the_step_of_a_resume_is_said_again() {
    let (info, events) = quiet("case2-small/adam-layer-4/s1");
    let mut lookout = Lookout::new(info);
    let whole = alerts(&mut lookout, &events);
    let resume = Resume {
        format: journal::FORMAT,
        time: "2026-01-01T00:00:00Z".into(),
        step: 0,
        checkpoint: "step-0000000".into(),
        changes: Vec::new(),
        version: None,
        commit: None,
        device: None,
    };
    lookout.see(&Event::Resume(resume));
    let again = alerts(&mut lookout, &events[1..]);
    assert_eq!(again, whole);
}
