use proptest::prelude::*;

use crate::log::{Format, Log, NoteKind, Split, Standing};
use crate::read_bytes;

fn log_of(text: &str) -> Log {
    let log = read_bytes("a.log", text.as_bytes().to_vec());
    assert_eq!(log.sources[0].format, Format::Text, "{text}");
    log
}

/// `(split, metric)` as step or epoch and value, of the first run.
fn series(log: &Log, split: Split, metric: &str) -> Vec<(Option<u64>, Option<f64>, f64)> {
    let points = log.runs[0].series(&split, metric);
    points.iter().map(|point| (point.step, point.epoch, point.value)).collect()
}

fn losses(text: &str) -> Vec<f64> {
    let log = log_of(text);
    log.runs.iter().flat_map(|run| run.series(&Split::Train, "loss")).map(|point| point.value).collect()
}

#[test]
fn dictionaries_of_the_trainer_are_rows_with_their_lines() {
    let log = log_of(
        "hello\n{'loss': 0.5, 'grad_norm': nan, 'learning_rate': 1e-05, 'epoch': 0.5}\n\
        {'eval_loss': 0.4, 'eval_accuracy': 0.75, 'eval_runtime': 1.5, 'epoch': 1.0}\n",
    );
    let run = &log.runs[0];
    assert_eq!(series(&log, Split::Train, "loss"), [(None, Some(0.5), 0.5)]);
    assert_eq!(series(&log, Split::Valid, "accuracy"), [(None, Some(1.0), 0.75)]);
    assert!(run.series(&Split::Train, "grad_norm")[0].value.is_nan());
    assert_eq!(run.series(&Split::Valid, "loss")[0].place.line, 3);
    assert_eq!(log.sources[0].lines, 3);
    assert_eq!(log.unread.count, 0);
}

#[test]
fn quoted_numbers_and_dictionaries_behind_progress_bars_are_read() {
    let text = "  1%|▏         | 20/1233 [14:40<13:43:48, 40.75s/it]\r                        \r\
        {'loss': '0.0026', 'learning_rate': '3.24e-05', 'epoch': '1.3'}  1%|▏  | 20/1233 [14:40<13:43, 40.75s/it]{'loss': 0.5, 'epoch': 1.4}\n";
    let log = log_of(text);
    assert_eq!(losses(text), [0.0026, 0.5]);
    assert_eq!(log.runs[0].number("max_steps"), Some(1233.0));
}

#[test]
fn colours_quotes_and_escapes_do_not_hide_a_row() {
    assert_eq!(losses("\u{1b}[32m{'loss': 0.5, 'epoch': 1.0}\u{1b}[0m\n"), [0.5]);
    assert_eq!(losses("> > {'loss': 0.25, 'epoch': 1.0}\n>{'loss': 0.125, 'epoch': 2.0}"), [0.25, 0.125]);
    assert_eq!(losses("{\\'loss\\': 0.5, \\'learning\\_rate\\': 1e-5, \\'epoch\\': 1.0}"), [0.5]);
    assert_eq!(losses("{‘loss’: 0.5, ‘epoch’: 1.0}"), [0.5]);
    assert_eq!(losses("{&#39;loss&#39;: 0.5, &#39;epoch&#39;: 1.0}"), [0.5]);
}

#[test]
fn a_dictionary_broken_over_lines_is_mended_and_quoted_where_it_begins() {
    let log = log_of("x\n{'loss': 0.12\n34, 'learning_ra\nte': 1e-05, 'epoch': 1.0}\n{'loss': 0.5, 'epoch': 2.0}\n");
    assert_eq!(series(&log, Split::Train, "loss"), [(None, Some(1.0), 0.1234), (None, Some(2.0), 0.5)]);
    assert_eq!(log.runs[0].rows[0].place.line, 2);
    assert_eq!(losses("{'eval_loss': 0.3,\n 'eval_f1': 0.5,\n 'epoch': 3.0}").len(), 0);
    assert_eq!(log.unread.count, 0);
}

#[test]
fn a_dictionary_that_never_ends_is_reported_and_the_next_is_read() {
    let log = log_of("{'loss': 0.12, 'learning\n{'loss': 0.5, 'epoch': 2.0}\n");
    assert_eq!(series(&log, Split::Train, "loss").len(), 1);
    assert_eq!((log.unread.count, log.unread.first[0].place.line), (1, 1));
}

#[test]
fn examples_of_the_data_and_settings_are_no_rows() {
    let log = log_of(
        "{'sentence': 'a loss', 'label': 1, 'idx': 0}\n[{'label': 'POSITIVE', 'score': 0.9}]\n\
        {'learning_rate': 5e-05, 'batch_size': 16, 'num_train_epochs': 3}\n{'loss': 1.0, 'epoch': 1}\n",
    );
    assert_eq!(log.runs[0].rows.len(), 1);
    assert_eq!(log.runs[0].number("learning_rate"), Some(5e-5));
    assert_eq!(log.runs[0].number("num_epochs"), Some(3.0));
}

#[test]
fn a_restart_that_overlaps_is_one_run_with_a_seam() {
    let row = |epoch: f64, loss: f64| {
        format!("{{'loss': {loss}, 'learning_rate': {}, 'epoch': {epoch}}}\n", 1e-3 - epoch * 1e-4)
    };
    let before: String = (1..=5).map(|at| row(f64::from(at), 3.0 - 0.3 * f64::from(at))).collect();
    let after: String = (4..=8).map(|at| row(f64::from(at), 3.01 - 0.3 * f64::from(at))).collect();
    let log = log_of(&(before + "Traceback: killed\n" + &after));
    assert_eq!(log.runs.len(), 1);
    assert_eq!((log.runs[0].seams[0].from, log.runs[0].seams[0].to, log.runs[0].seams[0].row), (5.0, 4.0, 5));
    assert_eq!(log.runs[0].series(&Split::Train, "loss").len(), 8);
    assert_eq!(log.notes[0].kind, NoteKind::Restart);
}

#[test]
fn another_rate_at_the_same_place_is_another_run() {
    let row = |epoch: f64, peak: f64| {
        format!("{{'loss': 1.{epoch}, 'learning_rate': {}, 'epoch': {epoch}}}\n", peak * (10.0 - epoch))
    };
    let one: String = (1..=9).map(|at| row(f64::from(at), 1e-5)).collect();
    let other: String = (4..=9).map(|at| row(f64::from(at), 1e-3)).collect();
    let log = log_of(&(one + &other));
    assert_eq!(log.runs.len(), 2);
    assert_eq!((log.runs[0].rows.len(), log.runs[1].rows.len()), (9, 6));
    assert_eq!(log.notes[0].kind, NoteKind::SeveralRuns);
}

#[test]
fn a_run_that_begins_anew_is_another_run_with_its_own_facts() {
    let log = log_of(
        "- learning_rate: 1e-5\n{'loss': 2.0, 'epoch': 1.0}\n{'loss': 1.0, 'epoch': 2.0}\n\
        {'train_runtime': 60.0, 'train_samples_per_second': 10.0, 'train_loss': 1.5, 'epoch': 2.0}\n\
        learning_rate = 2e-5\n{'loss': 2.1, 'epoch': 1.0}\n{'loss': 1.1, 'epoch': 2.0}\n",
    );
    assert_eq!(log.runs.len(), 2);
    assert_eq!(log.runs[0].number("learning_rate"), Some(1e-5));
    assert_eq!(log.runs[0].number("train_mean_loss"), Some(1.5));
    assert_eq!(log.runs[1].number("learning_rate"), Some(2e-5));
}

#[test]
fn a_row_printed_twice_counts_once() {
    let log = log_of("step 1: loss 0.5\nstep 1: loss 0.5\nstep 2: loss 0.4\n");
    assert_eq!(log.runs[0].rows[1].standing, Standing::Repeat);
    assert_eq!(series(&log, Split::Train, "loss").len(), 2);
}

#[test]
fn a_model_card_gives_its_table_its_final_figures_and_its_settings() {
    let log = log_of(
        "It achieves the following results on the evaluation set:\n- Loss: 0.4\n- F1: 0.8\n\n## Training\n\
        - learning_rate: 2e-05\n- lr_scheduler_type: linear\n- num_epochs: 2.0\n\n\
        | Training Loss | Epoch | Step | Validation Loss | F1 |\n|:---:|:---:|:---:|:---:|:---:|\n\
        | No log | 1.0 | 100 | 0.5 | 0.7 |\n| 0.3 | 2.0 | 200 | 0.4 | 0.8 |\n",
    );
    assert_eq!(series(&log, Split::Train, "loss"), [(Some(200), Some(2.0), 0.3)]);
    // The final figures are those of the table's last row.
    assert_eq!(series(&log, Split::Valid, "f1").len(), 2);
    assert_eq!(log.runs[0].rows[2].standing, Standing::Repeat);
    assert_eq!(log.runs[0].fact("schedule").map(|fact| fact.text.as_str()), Some("linear"));
}

#[test]
fn blocks_of_metrics_are_a_row_and_facts() {
    let log = log_of(
        "***** train metrics *****\n  epoch = 3.0\n  train_loss = 0.25\n  train_runtime = 0:01:00.0\n  train_samples = 800\n\
        ***** eval metrics *****\n#   eval_loss   =  0.5\n#   eval_f1 = 0.75\n  eval_samples = 522\n\nbye\n",
    );
    assert_eq!(series(&log, Split::Valid, "loss")[0].2, 0.5);
    assert_eq!(log.runs[0].number("train_runtime"), Some(60.0));
    assert_eq!(log.runs[0].number("train_examples"), Some(800.0));
    assert_eq!(log.runs[0].number("eval_examples"), Some(522.0));
}

#[test]
fn sizes_of_an_evaluation_are_not_those_of_the_training_even_from_windows() {
    let log = log_of(
        "***** Running training *****\r\n  Num examples = 3,290\r\n  Total optimization steps = 5,490\r\n{'loss': 1.0, 'epoch': 1.0}\r\n\
        ***** Running Evaluation *****\r\n  Num examples = 1098\r\n  Batch size = 6\r\n{'eval_loss': 0.5, 'epoch': 1.0}\r\n",
    );
    let numbers = |key: &str| {
        log.runs[0].facts.iter().filter(|fact| fact.key == key).filter_map(|fact| fact.number).collect::<Vec<_>>()
    };
    assert_eq!((numbers("train_examples"), numbers("max_steps")), (vec![3290.0], vec![5490.0]));
    assert_eq!((numbers("eval_examples"), numbers("eval_batch_size")), (vec![1098.0], vec![6.0]));
}

#[test]
fn logs_of_google_bert_fairseq_nanogpt_and_keras_are_read() {
    let bert = log_of(
        "INFO:tensorflow:loss = 0.69, step = 100 (12.3 sec)\nINFO:tensorflow:global_step/sec: 8.1\n\
        INFO:tensorflow:***** Eval results *****\nINFO:tensorflow:  eval_accuracy = 0.86\nINFO:tensorflow:  eval_loss = 0.5\n\
        INFO:tensorflow:  global_step = 343\nINFO:tensorflow:  loss = 0.55\n",
    );
    assert_eq!(series(&bert, Split::Train, "loss"), [(Some(100), None, 0.69)]);
    assert_eq!(series(&bert, Split::Valid, "accuracy"), [(Some(343), None, 0.86)]);
    let fairseq = log_of(
        "| epoch 002:    50 / 200 loss=11.5, nll_loss=10.8, ppl=1886, num_updates=250, lr=1e-05, gnorm=1.5, clip=0%\n\
        | epoch 002 | valid on 'valid' subset | loss 8.1 | nll_loss 6.8 | ppl 118 | num_updates 400\n",
    );
    assert_eq!(series(&fairseq, Split::Train, "loss"), [(Some(250), Some(1.25), 11.5)]);
    assert_eq!(series(&fairseq, Split::Valid, "perplexity"), [(Some(400), Some(2.0), 118.0)]);
    let nano = log_of("step 0: train loss 10.9, val loss 10.8\niter 10: loss nan, time 1099.34ms, mfu 15.34%\n");
    assert_eq!(series(&nano, Split::Valid, "loss"), [(Some(0), None, 10.8)]);
    assert!(series(&nano, Split::Train, "loss")[1].2.is_nan());
    let keras = log_of(
        "Epoch 1/2\n 20/100 [==>....] - ETA: 3s - loss: 0.9\r100/100 [=====] - 5s 50ms/step - loss: 0.7 - accuracy: 0.5 - val_loss: 0.6\n\
        Epoch 2/2\n100/100 [=====] - 5s - loss: 0.5 - accuracy: 0.6 - val_loss: 0.5\n",
    );
    assert_eq!(series(&keras, Split::Train, "loss"), [(None, Some(1.0), 0.7), (None, Some(2.0), 0.5)]);
    assert_eq!(series(&keras, Split::Train, "accuracy").len(), 2);
    assert_eq!(keras.runs[0].number("num_epochs"), Some(2.0));
}

#[test]
fn steps_that_begin_anew_with_each_epoch_are_no_new_runs() {
    let tutorial = log_of(
        "Epoch [1/2], Step [100/200], Loss: 0.9\nEpoch [1/2], Step [200/200], Loss: 0.8\nEpoch [2/2], Step [100/200], Loss: 0.7\n",
    );
    assert_eq!(
        series(&tutorial, Split::Train, "loss"),
        [(None, Some(0.5), 0.9), (None, Some(1.0), 0.8), (None, Some(1.5), 0.7)]
    );
    assert_eq!(tutorial.runs[0].number("batches_per_epoch"), Some(200.0));
    let bare = log_of(
        "epoch 1 step 50: loss 0.9\nepoch 1 step 100: loss 0.8\nepoch 2 step 50: loss 0.7\nepoch 2 step 100: loss 0.6\n",
    );
    assert_eq!((bare.runs.len(), bare.notes[0].kind), (1, NoteKind::Reinterpreted));
    assert_eq!(series(&bare, Split::Train, "loss")[2], (None, Some(2.0), 0.7));
}

#[test]
fn a_header_of_names_above_numbers_is_a_table() {
    let log = log_of(
        "Epoch: 01 | Epoch Time: 0m 57s\n*****train_loss,train_acc,valid_loss*****\n5.2\t2.7\t4.9\nx\n\
        Epoch\tTraining Loss\tValidation Loss\n2\t0.5\t0.6\n",
    );
    // Names with commas above numbers with tabs do not fit together; with tabs above tabs they do.
    assert_eq!(series(&log, Split::Valid, "loss").last(), Some(&(None, Some(2.0), 0.6)));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}", like in "[{}'\":,.|*=<>/\\[\\]0-9a-z\n\r\u{1b}-]{0,200}") {
        read_bytes("a", text.into_bytes());
        read_bytes("b", like.into_bytes());
    }

    #[test]
    fn pieces_of_real_logs_in_any_order_do_not_panic(pieces in proptest::collection::vec(0usize..14, 0..20), cut in 0usize..200) {
        const PIECES: [&str; 14] = ["{'loss': ", "0.5", ", 'epoch': 1.0}", "\n", "***** eval metrics *****\n", "| a | loss |\n|---|---|\n",
            "<table><tr><th>loss<td>1", "</table>", "\u{1b}[", "\r", "{\"a\": [", "iter 1/2: loss nan", "é", "Epoch 3/"];
        let text: String = pieces.iter().map(|&piece| PIECES[piece]).collect();
        let bytes: Vec<u8> = text.bytes().take(cut).collect();
        read_bytes("a", bytes);
    }
}

#[test]
fn lines_of_processes_that_take_turns_end_the_search_for_restarts() {
    let text: String =
        (0..40_000).map(|at| format!("step {}: loss {at}.5\n", if at % 2 == 0 { at + 10 } else { at - 1 })).collect();
    let log = log_of(&text);
    assert_eq!(log.runs.iter().map(|run| run.rows.len()).sum::<usize>(), 40_000);
    assert!(log.notes.len() <= 200);
}
