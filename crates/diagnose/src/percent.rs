//! Scores that are written in percent, as shares: rules compare them with shares.

use crate::log::{Note, NoteKind, Place, RunLog, Split};

/// A share above this is none; rounding never makes a 1 so large.
const MORE_THAN_ALL: f64 = 1.001;

/// A column of a file over all of its runs.
struct Figure {
    source: u32,
    split: Split,
    metric: String,
    first: Place,
    low: f64,
    high: f64,
}

/// Divides accuracies, F1 scores and the like by 100 where some value is above 1 and all are at most 100, and says so.
///
/// A file's runs are looked at together: a run that never got beyond 0.9 % is written as its neighbours are.
pub(crate) fn to_shares(runs: &mut [RunLog], notes: &mut Vec<Note>) {
    let mut figures: Vec<Figure> = Vec::new();
    for run in runs.iter() {
        let is_score: Vec<bool> = run.columns.iter().map(|column| is_score(&column.metric)).collect();
        if is_score.contains(&true) {
            take_in(run, &is_score, &mut figures);
        }
    }
    figures.retain(|figure| figure.high > MORE_THAN_ALL && figure.high <= 100.0 && figure.low >= 0.0);
    if figures.is_empty() {
        return;
    }
    for run in runs.iter_mut() {
        divide(run, &figures);
    }
    for figure in figures {
        let Figure { split, metric, first, .. } = figure;
        let text = format!("{split} {metric} is written in percent: divided by 100");
        notes.push(Note { place: first, kind: NoteKind::Reinterpreted, text });
    }
}

/// Whether a metric is a share of right answers, or a mean of such shares.
fn is_score(metric: &str) -> bool {
    const WORDS: [&str; 8] = ["accuracy", "acc", "f1", "fb1", "precision", "recall", "em", "exact"];
    metric.split('_').any(|word| WORDS.contains(&word)) && !metric.contains("loss")
}

fn source(run: &RunLog) -> Option<u32> {
    run.rows.first().map(|row| row.place.source)
}

fn take_in(run: &RunLog, is_score: &[bool], figures: &mut Vec<Figure>) {
    let Some(source) = source(run) else { return };
    let mut of_column: Vec<Option<usize>> = vec![None; run.columns.len()];
    for row in &run.rows {
        for value in run.values_of(row) {
            let at = usize::from(value.column);
            if is_score.get(at) != Some(&true) || value.number.is_nan() {
                continue;
            }
            let known = of_column[at].or_else(|| {
                let column = &run.columns[at];
                let is_it = |figure: &Figure| {
                    figure.source == source && figure.split == column.split && figure.metric == column.metric
                };
                figures.iter().position(is_it)
            });
            let known = known.unwrap_or_else(|| {
                let column = &run.columns[at];
                figures.push(Figure {
                    source,
                    split: column.split.clone(),
                    metric: column.metric.clone(),
                    first: row.place,
                    low: value.number,
                    high: value.number,
                });
                figures.len() - 1
            });
            of_column[at] = Some(known);
            let figure = &mut figures[known];
            (figure.low, figure.high) = (figure.low.min(value.number), figure.high.max(value.number));
        }
    }
}

fn divide(run: &mut RunLog, figures: &[Figure]) {
    let Some(source) = source(run) else { return };
    let is_percent = |split: &Split, metric: &str| {
        figures.iter().any(|figure| figure.source == source && figure.split == *split && figure.metric == metric)
    };
    let columns: Vec<bool> = run.columns.iter().map(|column| is_percent(&column.split, &column.metric)).collect();
    for value in &mut run.values {
        if columns.get(usize::from(value.column)) == Some(&true) {
            value.number /= 100.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_bytes;

    fn accuracies(text: &str) -> (Vec<f64>, usize) {
        let log = read_bytes("log", text.as_bytes().to_vec());
        let all = log.runs.iter().flat_map(|run| run.series(&Split::Valid, "accuracy")).map(|point| point.value);
        (all.collect(), log.notes.iter().filter(|note| note.kind == NoteKind::Reinterpreted).count())
    }

    #[test]
    fn percent_becomes_a_share_and_a_note_says_so() {
        let text = "{'eval_accuracy': 0.5, 'epoch': 1}\n{'eval_accuracy': 88.5, 'epoch': 2}\n";
        assert_eq!(accuracies(text), (vec![0.005, 0.885], 1));
    }

    #[test]
    fn shares_and_what_is_no_percentage_stay() {
        let text = "{'eval_accuracy': 0.5, 'epoch': 1}\n{'eval_accuracy': 1.0, 'epoch': 2}\n";
        assert_eq!(accuracies(text), (vec![0.5, 1.0], 0));
        let text = "{'eval_accuracy': 50, 'epoch': 1}\n{'eval_accuracy': 431, 'epoch': 2}\n";
        assert_eq!(accuracies(text), (vec![50.0, 431.0], 0));
        let log = read_bytes("log", b"{'eval_loss': 5.0, 'eval_bleu': 31.0, 'epoch': 1}\n".to_vec());
        assert_eq!(log.runs[0].series(&Split::Valid, "bleu")[0].value, 31.0);
    }

    #[test]
    fn a_collapsed_run_is_written_as_its_neighbour_is() {
        let one = |accuracy: &str, epoch: u32| {
            format!("{{'loss': 0.5, 'epoch': {epoch}}}\n{{'eval_accuracy': {accuracy}, 'epoch': {epoch}}}\n")
        };
        let text = [one("90.0", 1), one("91.0", 2), one("0.5", 1), one("0.6", 2)].concat();
        assert_eq!(accuracies(&text), (vec![0.9, 0.91, 0.005, 0.006], 1));
    }
}
