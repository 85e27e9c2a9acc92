use proptest::prelude::*;

use crate::log::{Format, NoteKind, Split};
use crate::read_bytes;

fn of(text: &str) -> crate::Log {
    let log = read_bytes("a.csv", text.as_bytes().to_vec());
    assert_eq!(log.sources[0].format, Format::Csv, "{text}");
    log
}

#[test]
fn tables_of_lightning_leave_cells_empty() {
    let log = of(
        "epoch,step,train_loss_step,train_loss_epoch,val_loss\n0,49,7.5,,\n0,99,7.0,,\n0,99,,7.2,6.5\n1,149,6.0,,\n",
    );
    let run = &log.runs[0];
    assert_eq!(run.series(&Split::Train, "loss").iter().map(|point| point.value).collect::<Vec<_>>(), [7.5, 7.0, 6.0]);
    assert_eq!(run.series(&Split::Valid, "loss")[0].step, Some(99));
    assert_eq!(run.series(&Split::Valid, "loss")[0].place.line, 4);
    assert_eq!(log.runs.len(), 1);
}

#[test]
fn tables_of_keras_and_wandb_are_read() {
    let keras = of("epoch,accuracy,loss,val_accuracy,val_loss\n0,0.5,1.0,0.4,1.1\n1,0.6,nan,0.5,inf\n");
    assert_eq!(keras.runs[0].series(&Split::Train, "accuracy").len(), 2);
    assert!(keras.runs[0].series(&Split::Train, "loss")[1].value.is_nan());
    assert_eq!(keras.runs[0].series(&Split::Valid, "loss")[1].value, f64::INFINITY);
    let wandb =
        of("_step,_runtime,train/loss,train/learning_rate,train/epoch,train/global_step\n0,20,1.1,1e-05,3.7,500\n");
    assert_eq!(wandb.runs[0].series(&Split::Train, "lr")[0].step, Some(500));
    let tabs = of("step\teval_loss\n0\t0.65\n0\t0.65\n1\t0.42\n");
    assert_eq!(tabs.runs[0].series(&Split::Valid, "loss").len(), 2);
}

#[test]
fn a_long_table_has_a_metric_a_line() {
    let log = of(
        "step,split,metric,value\n100,train,loss,6.3\n200,train,loss,6.0\n150,valid,loss,6.5\n150,valid,accuracy,0.1\n",
    );
    assert_eq!(log.runs.len(), 1);
    assert_eq!(log.runs[0].series(&Split::Train, "loss").len(), 2);
    assert_eq!(log.runs[0].series(&Split::Valid, "accuracy")[0].step, Some(150));
}

#[test]
fn steps_with_fractions_are_epochs_and_texts_name_runs() {
    let log = of(
        "case,metric,split,colour,x,y\nc1,loss,train,blue,0.81,6.3\nc1,loss,train,blue,1.0,6.2\nc1,loss,train,red,0.5,6.1\nc1,loss,train,blue,1.5,6.0\n",
    );
    assert_eq!(log.runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>(), ["c1 blue", "c1 red"]);
    assert_eq!(log.runs[0].series(&Split::Train, "loss")[1].epoch, Some(1.0));
    assert_eq!(log.notes[0].kind, NoteKind::Reinterpreted);
}

#[test]
fn a_row_of_another_width_is_reported() {
    let log = of("step,loss\n1,0.5\n2,0.4,9\n3,0.3\n");
    assert_eq!((log.unread.count, log.unread.first[0].place.line), (1, 3));
    assert_eq!(log.runs[0].rows.len(), 2);
}

proptest! {
    #[test]
    fn no_table_makes_the_reader_panic(body in "[0-9a-z,;\t.\"\n-]{0,200}") {
        read_bytes("a", format!("step,loss,metric,value\n{body}").into_bytes());
        read_bytes("a", format!("step\tloss\n{body}").into_bytes());
    }
}

#[test]
fn curves_that_stand_one_after_the_other_are_one_run_without_a_seam() {
    let text = "step,metric,value\n10,loss,3\n20,loss,2\n30,loss,1\n15,accuracy,0.2\n25,accuracy,0.4\n";
    let log = crate::read_bytes("curves.csv", text.into());
    assert_eq!((log.runs.len(), log.runs[0].seams.len()), (1, 0));
    let steps: Vec<Option<u64>> = log.runs[0].rows.iter().map(|row| row.step).collect();
    assert_eq!(steps, [10, 15, 20, 25, 30].map(Some));
    assert_eq!(log.runs[0].rows[1].place.line, 5);
}
