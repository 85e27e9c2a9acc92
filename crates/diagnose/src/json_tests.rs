use crate::log::{Format, NoteKind, Split};
use crate::read_bytes;

fn of(text: &str) -> crate::Log {
    read_bytes("a.json", text.as_bytes().to_vec())
}

#[test]
fn a_trainer_state_is_read_with_lines_and_plan() {
    let log = of(
        "{\n \"epoch\": 2.0,\n \"global_step\": 20,\n \"log_history\": [\n  {\"epoch\": 1.0, \"loss\": NaN, \"learning_rate\": 1e-5, \"step\": 10},\n\
        {\"epoch\": 1.0, \"eval_loss\": 0.5, \"eval_f1\": 0.7, \"step\": 10},\n {\"epoch\": 2.0, \"step\": 20, \"train_loss\": 0.9, \"train_runtime\": 5.0}\n ],\n \"max_steps\": 20\n}\n",
    );
    assert_eq!(log.sources[0].format, Format::TrainerState);
    let run = &log.runs[0];
    assert!(run.series(&Split::Train, "loss")[0].value.is_nan());
    assert_eq!(run.series(&Split::Valid, "f1")[0].place.line, 6);
    assert_eq!(run.number("max_steps"), Some(20.0));
    assert_eq!(run.number("train_mean_loss"), Some(0.9));
    assert_eq!(run.facts.iter().find(|fact| fact.key == "max_steps").unwrap().place.line, 9);
}

#[test]
fn results_are_one_row_and_facts() {
    let log = of(
        "{\n  \"epoch\": 3.0,\n  \"eval_loss\": 0.42,\n  \"eval_samples\": 4485,\n  \"train_loss\": 0.01,\n  \"train_runtime\": 77.5,\n  \"train_samples\": 6505\n}",
    );
    assert_eq!(log.sources[0].format, Format::Results);
    assert_eq!(log.runs[0].series(&Split::Valid, "loss")[0].value, 0.42);
    assert_eq!(log.runs[0].number("eval_examples"), Some(4485.0));
    assert_eq!(log.runs[0].number("train_examples"), Some(6505.0));
}

#[test]
fn a_history_of_lists_is_an_epoch_an_entry() {
    let log = of("{\"loss\": [1.0, 0.5], \"val_loss\": [1.1, 0.6]}");
    assert_eq!(log.runs[0].series(&Split::Valid, "loss")[1].epoch, Some(2.0));
    assert_eq!(log.notes[0].kind, NoteKind::Reinterpreted);
}

#[test]
fn lines_of_json_are_read_and_a_broken_one_is_reported() {
    let log = of(
        "{\"step\": 10, \"loss\": 2.0, \"grad_norm\": 0.8}\n{\"step\": 20, \"loss\": Inf\n{\"step\": 20, \"split\": \"dev\", \"loss\": 1.5}\n{\"step\": 30, \"loss\": 1.0}\n",
    );
    let log2 = of(
        "{\"step\": 10, \"loss\": 2.0}\n{\"step\": 20, \"split\": \"dev\", \"loss\": 1.5}\n{\"step\": 30, \"loss\": 1.0}\n{\"step\": 31}\n{\"step\": 40, \"loss\": 0.5}\n{\"step\": 50, \"lo",
    );
    assert_eq!(log2.sources[0].format, Format::JsonLines);
    assert_eq!(log2.runs[0].series(&Split::Train, "loss").len(), 3);
    assert_eq!(log2.runs[0].series(&Split::Valid, "loss")[0].step, Some(20));
    assert_eq!((log2.unread.count, log2.unread.first[0].place.line), (1, 6));
    // A damage near the top makes it text, where the sound lines are read all the same.
    assert!(log.runs[0].rows.len() >= 2);
}

#[test]
fn outputs_of_a_notebook_are_read_with_cell_and_output() {
    let log = of(
        "{\"cells\": [{\"cell_type\": \"code\", \"source\": [\"x = 1\\n\", \"learning_rate=2e-5,\"], \"outputs\": [\n\
        {\"output_type\": \"stream\", \"text\": [\"{'loss': 0.5, 'epo\"]}, {\"output_type\": \"stream\", \"text\": [\"ch': 1.0}\\n\"]},\n\
        {\"output_type\": \"display_data\", \"data\": {\"text/html\": [\"<progress></progress>[230/230 00:44, Epoch 2/2]<table><tr><th>Epoch</th><th>Training Loss</th><th>Validation Loss</th><th>F1</th></tr><tr><td>2</td><td>0.4</td><td>0.5</td><td>0.7</td></tr></table>\"]}}]}], \"nbformat\": 4}",
    );
    let run = &log.runs[0];
    assert_eq!(run.series(&Split::Train, "loss").len(), 2);
    assert_eq!(run.series(&Split::Valid, "f1")[0].epoch, Some(2.0));
    assert_eq!(run.number("max_steps"), Some(230.0));
    assert_eq!(run.number("learning_rate"), Some(2e-5));
    let place = run.rows[1].place;
    assert_eq!(log.sources[place.source as usize].name, "a.json, cell 1, output 3");
}
