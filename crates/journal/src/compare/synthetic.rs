//! Made-up runs for tests of comparing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use case::{CaseConfig, Task};

use super::runs::{Group, Run};
use crate::event::{Eval, Event, Status};
use crate::synthetic::{checkpoint, ended, eval, log, run_info, start};
use crate::synthetic_labelled::{labelled_info, labelled_run};

/// What a made-up run is to be like.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) seed: u64,
    /// At the last step.
    pub(crate) loss: f64,
    pub(crate) steps: u64,
    pub(crate) status: Status,
    pub(crate) batch_size: u64,
    /// The step of the lowest loss, where that is not the last.
    pub(crate) rises_after: Option<u64>,
}

impl Default for Made {
    fn default() -> Self {
        Self { seed: 1, loss: 4.5, steps: 1_000, status: Status::Finished, batch_size: 256, rises_after: None }
    }
}

/// A run with a log line every 50 steps, a validation every 250, and a checkpoint every 500.
pub(crate) fn run(made: &Made) -> Run {
    let mut info = run_info();
    info.seed = made.seed;
    info.plan.batch_size = made.batch_size;
    info.run = format!("case1/layer-4/s{}", made.seed);
    let mut events = vec![start(), validation(made, 0)];
    for step in (50..=made.steps).step_by(50) {
        events.push(log(step));
        if step % 250 == 0 {
            events.push(validation(made, step));
        }
        if step % 500 == 0 {
            events.push(checkpoint(step));
        }
    }
    events.push(ended(made.steps, made.status, "so it was"));
    let mut config = CaseConfig { seeds: vec![1, 2, 3], ..CaseConfig::default() };
    config.train.batch_size = made.batch_size as usize;
    Run { dir: PathBuf::from(&info.run), info, config, origins: BTreeMap::new(), events }
}

/// The shared curve, moved so that it ends at the loss asked for.
fn validation(made: &Made, step: u64) -> Event {
    let of = |step| match eval(step) {
        Event::Eval(eval) => eval,
        _ => unreachable!("a validation was asked for"),
    };
    let moved = made.loss - of(made.steps.max(1) / 250 * 250).loss;
    let risen = made.rises_after.map_or(0.0, |lowest| 0.01 * step.saturating_sub(lowest) as f64);
    let whole = of(step);
    let corpora = whole.corpora.iter().cloned().map(|mut score| {
        score.loss += moved + risen;
        score
    });
    let loss = whole.loss + moved + risen;
    Event::Eval(Eval { loss, perplexity: loss.exp(), corpora: corpora.collect(), ..whole })
}

/// A variant with these seeds.
pub(crate) fn group(name: &str, seeds: &[u64], made: Made) -> Group {
    let with_name = |seed: &u64| {
        let mut run = run(&Made { seed: *seed, ..made.clone() });
        run.info.variant = name.into();
        run.dir = PathBuf::from(format!("runs/case1/{name}/s{seed}"));
        run
    };
    Group { name: name.into(), runs: seeds.iter().map(with_name).collect() }
}

/// A variant with a seed for each last loss.
pub(crate) fn group_of(name: &str, losses: &[f64]) -> Group {
    let seeds: Vec<u64> = (1..=losses.len() as u64).collect();
    let mut group = group(name, &seeds, Made::default());
    for (of_group, loss) in group.runs.iter_mut().zip(losses) {
        of_group.events = run(&Made { loss: *loss, ..Made::default() }).events;
    }
    group
}

/// A variant on labelled examples, with a seed for each last accuracy; its standard error is 0.02 everywhere.
pub(crate) fn labelled_group(name: &str, accuracies: &[f64]) -> Group {
    let seeded = |(at, accuracy): (usize, &f64)| {
        let mut info = labelled_info();
        info.seed = at as u64 + 1;
        info.variant = name.into();
        let mut events = labelled_run();
        for event in &mut events {
            let Event::Eval(eval) = event else { continue };
            let below = 0.1 * (1.0 - eval.step as f64 / 500.0);
            let scores = eval.scores.as_mut().expect("a labelled run has scores");
            for figure in &mut scores.figures {
                let value = if figure.name == "cross-entropy" { 1.2 - accuracy + below } else { accuracy - below };
                (figure.value, figure.error) = (value, Some(0.02));
            }
            eval.accuracy = accuracy - below;
        }
        let mut config = CaseConfig { task: Task::Classify, ..CaseConfig::default() };
        config.train.batch_size = 32;
        let dir = PathBuf::from(format!("runs/reviews/{name}/s{}", info.seed));
        Run { dir, info, config, origins: BTreeMap::new(), events }
    };
    Group { name: name.into(), runs: accuracies.iter().enumerate().map(seeded).collect() }
}
