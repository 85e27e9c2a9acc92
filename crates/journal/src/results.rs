//! The results of a run: its first, best and last evaluation beside what could be had without looking.

use crate::event::{Eval, Event, Kinds, Score};
use crate::info::RunInfo;
use crate::labelled::best_by;
use crate::markdown::{Table, count, escaped};
use crate::statistics::standard_error;
use crate::ticks::grouped;

/// The split that decides what is best.
pub(crate) const VALID: &str = "valid";

/// The evaluations of a split, in order.
pub(crate) fn evals<'a>(events: &'a [Event], split: &str) -> Vec<&'a Eval> {
    let of_split = |event: &'a Event| match event {
        Event::Eval(eval) if eval.split == split => Some(eval),
        _ => None,
    };
    events.iter().filter_map(of_split).collect()
}

/// The evaluation of the lowest loss, or of labelled examples that of the best named figure; the earliest of equals.
pub(crate) fn best<'a>(info: &RunInfo, evals: &[&'a Eval]) -> Option<&'a Eval> {
    let by_figure = info.data.examples.as_ref().and_then(|examples| best_by(&examples.best_by, evals));
    by_figure.or_else(|| evals.iter().copied().min_by(|a, b| a.loss.total_cmp(&b.loss)))
}

/// First, best and last of a split, each once, with what it is called: `best, last` when one is both.
fn chosen<'a>(info: &RunInfo, evals: &[&'a Eval]) -> Vec<(String, &'a Eval)> {
    let (Some(first), Some(best), Some(last)) = (evals.first(), best(info, evals), evals.last()) else {
        return Vec::new();
    };
    let first_name = if first.step == 0 { "untrained" } else { "first" };
    let mut chosen: Vec<(String, &Eval)> = Vec::new();
    for (name, eval) in [(first_name, *first), ("best", best), ("last", *last)] {
        match chosen.iter_mut().find(|(_, earlier)| std::ptr::eq(*earlier, eval)) {
            Some((names, _)) => *names = format!("{names}, {name}"),
            None => chosen.push((name.into(), eval)),
        }
    }
    chosen
}

/// Validation, or whatever was evaluated when that was not; then the other splits.
fn splits(events: &[Event]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for event in events {
        if let Event::Eval(eval) = event
            && !names.contains(&eval.split.as_str())
        {
            names.push(&eval.split);
        }
    }
    names.sort_by_key(|name| *name != VALID);
    names
}

/// Loss, accuracy, perplexity and bits per character of the chosen evaluations, all together and corpus by corpus.
pub(crate) fn results(info: &RunInfo, events: &[Event]) -> String {
    let mut table = Table::new(&[
        "evaluation",
        ">step",
        ">epoch",
        "corpus",
        ">loss",
        ">unigram",
        ">uniform",
        ">accuracy",
        ">perplexity",
        ">bits/char",
        ">scored",
    ]);
    for split in splits(events) {
        for (name, eval) in chosen(info, &evals(events, split)) {
            let name = if split == VALID { name } else { format!("{}: {name}", escaped(split)) };
            for row in rows(info, &name, eval) {
                table.row(row);
            }
        }
    }
    if table.is_empty() {
        return "No evaluation was recorded.\n".into();
    }
    let legend = "Loss, unigram and uniform in nats per scored token: what the model reached, what word frequencies alone \
                  reach, what guessing reaches (ln V). Accuracy as share of scored tokens ± one standard error, \
                  sqrt(p (1 − p) / n).\n";
    format!("{}\n{legend}", table.text())
}

fn rows(info: &RunInfo, name: &str, eval: &Eval) -> Vec<Vec<String>> {
    let place = [name.to_string(), count(eval.step), format!("{:.2}", eval.epoch)];
    let row = |corpus: String, loss, unigram: Option<f64>, accuracy, perplexity, bits: Option<f64>, scored| {
        let known =
            |value: Option<f64>, decimals: usize| value.map_or("–".into(), |value| format!("{value:.decimals$}"));
        let uniform = format!("{:.4}", info.baselines.uniform);
        let rest = [corpus, format!("{loss:.4}"), known(unigram, 4), uniform, with_error(accuracy, scored)];
        let tail = [self::perplexity(perplexity), known(bits, 3), count(scored)];
        place.iter().cloned().chain(rest).chain(tail).collect::<Vec<String>>()
    };
    let all = row(
        "all".into(),
        eval.loss,
        Some(info.baselines.unigram),
        eval.accuracy,
        eval.perplexity,
        Some(eval.bits_per_char),
        eval.scored,
    );
    let corpora = eval.corpora.iter().map(|score| {
        let unigram = info.baselines.corpus(&score.name);
        row(
            escaped(&score.name),
            score.loss,
            unigram,
            score.accuracy,
            score.loss.exp(),
            score.bits_per_char,
            score.scored,
        )
    });
    std::iter::once(all).chain(corpora).collect()
}

/// `0.3256 ± 0.0013`.
pub(crate) fn with_error(accuracy: f64, scored: u64) -> String {
    match standard_error(accuracy, scored) {
        Some(error) => format!("{accuracy:.4} ± {error:.4}"),
        None => format!("{accuracy:.4}"),
    }
}

fn perplexity(value: f64) -> String {
    match value {
        value if value < 100.0 => format!("{value:.2}"),
        value if value < 1e9 => grouped(&format!("{value:.0}")),
        value => format!("{value:.2e}"),
    }
}

/// Scores by what stood at the position, of the best and the last validation.
pub(crate) fn by_kind(info: &RunInfo, events: &[Event]) -> Option<String> {
    let mut table = Table::new(&["evaluation", "at the position stood", ">loss", ">accuracy", ">scored"]);
    for split in splits(events) {
        for (name, eval) in chosen(info, &evals(events, split)) {
            let name = if split == VALID { name } else { format!("{}: {name}", escaped(split)) };
            let Kinds { mask, random, kept } = &eval.kinds;
            for (kind, score) in [("`[MASK]`", mask), ("a random token", random), ("the token itself", kept)] {
                let Some(Score { loss, accuracy, scored }) = score else { continue };
                let cells = [format!("{loss:.4}"), with_error(*accuracy, *scored), count(*scored)];
                table.row([name.clone(), kind.to_string()].into_iter().chain(cells).collect());
            }
        }
    }
    (!table.is_empty()).then(|| table.text())
}

/// What the numbers allow one to say, as a list: against the unigram loss in each corpus, and from best to last.
pub(crate) fn findings(info: &RunInfo, events: &[Event]) -> String {
    let evals = evals(events, VALID);
    let Some(last) = evals.last() else {
        return "- Without a validation nothing can be said of what was learned.\n".into();
    };
    let mut lines = String::new();
    let corpora =
        last.corpora.iter().map(|score| (escaped(&score.name), score.loss, info.baselines.corpus(&score.name)));
    let all = [("all corpora together".to_string(), last.loss, Some(info.baselines.unigram))];
    for (name, loss, unigram) in all.into_iter().chain(corpora) {
        lines += &format!("- {name}: {}\n", against_unigram(loss, unigram));
    }
    if let Some(best) = best(info, &evals)
        && best.step != last.step
    {
        let (step, rise) = (count(best.step), last.loss - best.loss);
        lines += &format!(
            "- The lowest validation loss, {:.4}, was at step {step}; the last lies {rise:.4} nats above it.\n",
            best.loss
        );
    }
    lines
}

fn against_unigram(loss: f64, unigram: Option<f64>) -> String {
    match unigram {
        None => format!("the last validation loss is {loss:.4}; no unigram loss is known to compare it with."),
        Some(unigram) if loss < unigram => {
            let below = unigram - loss;
            format!("the run ended below the unigram loss, {loss:.4} against {unigram:.4} ({below:.4} nats below).")
        }
        Some(unigram) => format!(
            "**the run did not end below the unigram loss**, {loss:.4} against {unigram:.4}: the model predicts no better \
             than word frequencies alone."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{eval, finished_run, run_info, start};

    fn with_loss(event: Event, loss: f64) -> Event {
        let Event::Eval(eval) = event else { panic!("not an evaluation") };
        Event::Eval(Eval { loss, ..eval })
    }

    #[test]
    fn first_best_and_last_are_chosen_and_named_once() {
        let events = [eval(0), with_loss(eval(250), 4.0), with_loss(eval(500), 5.0)];
        let names = |events: &[Event]| {
            let chosen: Vec<String> = chosen(&run_info(), &evals(events, VALID))
                .iter()
                .map(|(name, eval)| format!("{name}@{}", eval.step))
                .collect();
            chosen.join(" ")
        };
        assert_eq!(names(&events), "untrained@0 best@250 last@500");
        assert_eq!(names(&events[..2]), "untrained@0 best, last@250");
        assert_eq!(names(&events[..1]), "untrained, best, last@0");
        assert_eq!(names(&events[1..]), "first, best@250 last@500");
        assert_eq!(names(&[]), "");
    }

    #[test]
    fn every_corpus_stands_beside_its_own_unigram_loss() {
        let text = results(&run_info(), &finished_run());
        let row = |corpus: &str| text.lines().find(|line| line.contains(corpus)).unwrap().to_string();
        assert!(row("| ko ").contains("6.7100") && row("| en ").contains("6.2900") && row("| all ").contains("6.5000"));
        assert!(text.contains("9.0109"), "uniform is ln 8192");
    }

    #[test]
    fn accuracy_carries_its_standard_error() {
        assert_eq!(with_error(0.5, 2_500), "0.5000 ± 0.0100");
        assert_eq!(with_error(0.0, 0), "0.0000");
    }

    #[test]
    fn an_end_above_the_unigram_loss_is_said() {
        let events = [start(), with_loss(eval(1_000), 6.6)];
        let text = findings(&run_info(), &events);
        assert!(
            text.contains(
                "all corpora together: **the run did not end below the unigram loss**, 6.6000 against 6.5000"
            )
        );
        let text = findings(&run_info(), &finished_run());
        assert!(text.contains("- ko: the run ended below the unigram loss"), "{text}");
        assert!(findings(&run_info(), &[start()]).contains("Without a validation"));
    }

    #[test]
    fn a_rise_after_the_best_is_said_with_its_size() {
        let events = [with_loss(eval(250), 4.0), with_loss(eval(500), 5.5)];
        assert!(findings(&run_info(), &events).contains("was at step 250; the last lies 1.5000 nats above it"));
    }

    #[test]
    fn a_corpus_without_a_unigram_loss_is_not_judged() {
        let mut info = run_info();
        info.baselines.corpora.clear();
        assert!(findings(&info, &finished_run()).contains("ko: the last validation loss is"));
    }

    #[test]
    fn kinds_are_listed_and_missing_ones_left_out() {
        let mut event = eval(100);
        if let Event::Eval(eval) = &mut event {
            eval.kinds.random = None;
        }
        let text = by_kind(&run_info(), &[event.clone()]).unwrap();
        assert!(text.contains("`[MASK]`") && text.contains("the token itself") && !text.contains("random"));
        if let Event::Eval(eval) = &mut event {
            eval.kinds = Kinds::default();
        }
        assert_eq!(by_kind(&run_info(), &[event]), None);
    }
}
