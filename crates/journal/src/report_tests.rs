//! The page: everything a reader asks for, and nothing that a user's text could break.

use super::*;
use crate::synthetic::{alert, ended, epoch_end, eval, finished_run, log, resume, run_info, start};

fn finished_page() -> String {
    page(&run_info(), &finished_run(), &[])
}

#[test]
fn the_page_follows_the_form_of_a_training_record() {
    let page = finished_page();
    for text in [
        "# case1/layer-4/s1\n",
        "- description: Do six layers beat four",
        "- date: 2026-11-21 09:00 ~ 2026-11-21 11:30 (UTC), 10 min 40 s of training",
        "- status: finished at step 1,000 of 1,000: all steps are done",
        "| batch_size ",
        "- trains: 64,000, steps per epoch: 250, valids: 7,110, steps per evaluation: 28",
        "One run, one seed: an anecdote.",
        "casebook 0.1.0, commit `3e4272b`",
        "- best checkpoint: `checkpoints/step-0001000`, step 1,000, 117.7 MiB",
        "charts/loss-by-step.png",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
}

#[test]
fn every_corpus_is_in_the_data_the_results_and_the_findings() {
    let page = finished_page();
    for corpus in ["ko", "en"] {
        let section = |title: &str| {
            let from = page.find(&format!("\n## {title}\n")).unwrap();
            page[from + 4..].split("\n## ").next().unwrap().to_string()
        };
        assert!(section("Datasets").contains(&format!("| {corpus} ")));
        assert_eq!(
            section("Result").matches(&format!("| {corpus} ")).count(),
            2,
            "untrained, and best and last in one"
        );
        assert!(section("What this run allows one to say").contains(&format!("- {corpus}: the run ended below")));
    }
}

#[test]
fn text_of_users_cannot_break_the_page() {
    let evil = "a | b\n## c `d` <script>e</script>";
    let mut info = run_info();
    info.run = evil.into();
    info.question = evil.into();
    info.source = evil.into();
    info.parameters = vec![(evil.into(), evil.into())];
    info.data.corpora[0].name = evil.into();
    info.plan.notes = vec![evil.into()];
    info.machine.device = evil.into();
    info.commit = Some(evil.into());
    let mut events = finished_run();
    events.push(resume(1_000));
    events.push(alert(1_000));
    for event in &mut events {
        match event {
            Event::Eval(eval) => eval.corpora[0].name = evil.into(),
            Event::Alert(alert) => alert.text = evil.into(),
            Event::Resume(resume) => resume.changes = vec![evil.into()],
            _ => {}
        }
    }
    let page = page(&info, &events, &[]);
    let headings = page.lines().filter(|line| line.starts_with('#')).count();
    assert_eq!(headings, finished_page().lines().filter(|line| line.starts_with('#')).count() + 2, "{page}");
    let in_code = |line: &str| line.contains("commit");
    assert!(page.lines().filter(|line| !in_code(line)).all(|line| !line.contains("<script>")), "{page}");
    for paragraph in page.split("\n\n").filter(|paragraph| paragraph.starts_with('|')) {
        let columns = |line: &str| line.replace("\\|", "").matches('|').count();
        assert!(
            paragraph.lines().all(|line| columns(line) == columns(paragraph.lines().next().unwrap())),
            "{paragraph}"
        );
    }
}

#[test]
fn a_run_is_reported_whatever_became_of_it() {
    let status = |events: &[Event]| {
        let page = page(&run_info(), events, &[]);
        page.lines().find_map(|line| line.strip_prefix("- status: ").map(String::from)).unwrap()
    };
    assert_eq!(status(&[]), "planned: nothing is in the journal");
    assert_eq!(
        status(&[start(), log(50)]),
        "running when this was written, or killed without warning: the journal reaches step 50 of 1,000 and holds no end"
    );
    for (become_, reason) in
        [(Status::Stopped, "SIGINT"), (Status::Diverged, "the loss is NaN"), (Status::Failed, "disk full")]
    {
        let events = [start(), ended(70, become_, reason)];
        assert_eq!(status(&events), format!("{become_} at step 70 of 1,000: {reason}"));
        let page = page(&run_info(), &events, &[]);
        assert!(page.contains("The run did not finish") && page.contains("No evaluation was recorded."));
    }
    assert!(status(&[start(), log(50), resume(50)]).starts_with("running"));
}

#[test]
fn fixed_masks_are_proved_fixed_and_new_ones_new() {
    let fixed = |epoch| match epoch_end(epoch, 250 * (epoch + 1)) {
        Event::Epoch(end) => Event::Epoch(EpochEnd { mask_hash: "abcd".into(), ..end }),
        other => other,
    };
    assert!(
        masks(&run_info(), &[fixed(0), fixed(1)]).unwrap().contains("The masks of all 2 epochs are the same: fixed.")
    );
    let new = [epoch_end(0, 250), epoch_end(1, 500)];
    assert!(masks(&run_info(), &new).unwrap().contains("The masks of all 2 epochs differ: drawn anew."));
    assert!(
        masks(&run_info(), &[fixed(0), fixed(1), epoch_end(2, 750)])
            .unwrap()
            .contains("3 epochs have 2 different sets of masks.")
    );
    let mut asked = run_info();
    asked.parameters = vec![("masking".into(), "fixed, 0.15 by token".into())];
    assert!(masks(&asked, &new).unwrap().contains("they are not fixed"), "what is called fixed and is not");
    asked.parameters[0].1 = "per-epoch, 0.15 by token".into();
    assert!(masks(&asked, &[fixed(0), fixed(1)]).unwrap().contains("asks for masks drawn anew, but"));
    assert_eq!(masks(&run_info(), &[start()]), None);
}

#[test]
fn long_runs_keep_a_page_that_can_be_read() {
    let epochs: Vec<Event> = (0..500).map(|epoch| epoch_end(epoch, epoch + 1)).collect();
    let text = masks(&run_info(), &epochs).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with('|')).count(), EPOCHS_SHOWN + 2);
    assert!(text.contains("440 epochs in the middle are left out here.") && text.contains("| 499 "));
    let many: Vec<Event> = (0..80).map(alert).collect();
    assert!(alerts(&many).unwrap().ends_with("- 30 more are in the journal\n"));
}

#[test]
fn interruptions_and_alerts_are_listed() {
    let page = page(&run_info(), &[start(), alert(10), log(50), eval(50), resume(50)], &[]);
    assert!(page.contains("- step 10, slow-data: half the time is spent waiting: raise \\`workers\\`"), "{page}");
    assert!(page.contains("- 2026-11-21 10:00 (UTC): resumed at step 50 from `checkpoints/step-0000050`"));
    assert!(page.contains("  - changed: train.log_every: 50 -&gt; 100"));
}

#[test]
fn remarks_are_listed_with_their_dates_and_never_obeyed() {
    let note = Note { time: "2026-11-22T08:00:00Z".into(), text: "odd\n# at 11,267".into() };
    let page = page(&run_info(), &finished_run(), &[note]);
    assert!(page.contains("\n## Remarks\n\n- 2026-11-22 08:00 (UTC): odd \\# at 11,267\n"), "{page}");
    assert!(!finished_page().contains("Remarks"));
}
