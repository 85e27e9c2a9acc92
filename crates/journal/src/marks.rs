//! The moments of a run that explain its curves.

use crate::axis::Scale;
use crate::chart::VerticalMark;
use crate::event::{Event, Status};
use crate::info::RunInfo;
use crate::results::{VALID, best, evals};
use crate::study::{Run, Study};

/// A rate that rises by less than this, after warm-up, is rounding and no restart.
const RISE: f64 = 1.02;

/// The end of warm-up, restarts of the schedule, resumes that still count, the best evaluation, and where a run ended that
/// did not finish.
pub(crate) fn run_marks(info: &RunInfo, events: &[Event], scale: &Scale) -> Vec<VerticalMark> {
    let mut marks = planned(info, scale);
    let evals = evals(events, VALID);
    if let (Some(best), Some(last)) = (best(&evals), evals.last())
        && best.step != last.step
        && best.step > 0
    {
        marks.push(VerticalMark { label: "best validation loss".into(), x: scale.of_eval(best) });
    }
    marks.extend(interruptions(events, scale));
    marks
}

/// The same for all runs of a case, but for the best evaluations, each with whose it is where it is not everyone's.
pub(crate) fn study_marks(study: &Study, scales: &[Scale]) -> Vec<VerticalMark> {
    let mut marks: Vec<VerticalMark> = Vec::new();
    let all = || study.runs.iter().zip(scales);
    let plans: Vec<Vec<VerticalMark>> = all().map(|(run, scale)| planned(&run.info, scale)).collect();
    let is_shared = plans.windows(2).all(|pair| pair[0] == pair[1]);
    let named = |run: &Run, name: String, mut mark: VerticalMark| {
        if study.runs.len() > 1 {
            mark.label = format!("{name}: {}", mark.label);
        }
        (run.info.variant.clone(), mark)
    };
    match plans.first() {
        Some(first) if is_shared => marks.extend(first.clone()),
        _ => {
            let own = all().zip(plans).flat_map(|((run, _), plan)| {
                plan.into_iter().map(|mark| named(run, run.info.variant.clone(), mark)).collect::<Vec<_>>()
            });
            let mut own: Vec<(String, VerticalMark)> = own.collect();
            own.dedup(); // the seeds of a variant share a plan
            marks.extend(own.into_iter().map(|(_, mark)| mark));
        }
    }
    for (run, scale) in all() {
        let name = format!("{} s{}", run.info.variant, run.info.seed);
        marks.extend(interruptions(&run.events, scale).into_iter().map(|mark| named(run, name.clone(), mark).1));
    }
    marks
}

/// What the plan says: the end of warm-up, and where the schedule begins anew.
fn planned(info: &RunInfo, scale: &Scale) -> Vec<VerticalMark> {
    let warmup = info.plan.warmup_steps;
    let mut marks = Vec::new();
    let mut mark = |label: &str, step| marks.push(VerticalMark { label: label.into(), x: scale.of_step(step) });
    if warmup > 0 {
        mark("end of warm-up", warmup);
    }
    for pair in info.plan.rates.windows(2) {
        if pair[0].0 >= warmup && pair[1].1 > RISE * pair[0].1 {
            mark("restart of the schedule", pair[1].0);
        }
    }
    marks
}

fn interruptions(events: &[Event], scale: &Scale) -> Vec<VerticalMark> {
    let mark = |(index, event): (usize, &Event)| match event {
        Event::Resume(resume) if !taken_back(resume.step, &events[index + 1..]) => {
            Some(VerticalMark { label: "resumed".into(), x: scale.of_step(resume.step) })
        }
        Event::End(end) if end.status != Status::Finished => {
            Some(VerticalMark { label: end.status.to_string(), x: scale.of_step(end.step) })
        }
        _ => None,
    };
    events.iter().enumerate().filter_map(mark).collect()
}

/// Whether a later resume went back to before this step.
fn taken_back(step: u64, later: &[Event]) -> bool {
    later.iter().any(|event| matches!(event, Event::Resume(resume) if resume.step < step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::Axis;
    use crate::synthetic::{ended, log, resume, run_info, start, study};

    fn labels(marks: &[VerticalMark]) -> Vec<&str> {
        marks.iter().map(|mark| mark.label.as_str()).collect()
    }

    #[test]
    fn a_schedule_that_begins_anew_is_marked_where_it_rises() {
        let mut info = run_info();
        info.plan.rates = vec![(0, 0.0), (60, 5e-4), (499, 0.0), (500, 4e-4), (999, 0.0)];
        let found = run_marks(&info, &[], &Scale::new(Axis::Step, &info, &[]));
        assert_eq!(labels(&found), ["end of warm-up", "restart of the schedule"]);
        assert_eq!(found[1].x, 500.0);
    }

    fn of(study: &Study) -> Vec<VerticalMark> {
        let scales: Vec<Scale> = study.runs.iter().map(|run| Scale::new(Axis::Step, &run.info, &run.events)).collect();
        study_marks(study, &scales)
    }

    #[test]
    fn what_all_runs_share_is_marked_once_and_the_rest_with_its_run() {
        let mut study = study();
        assert_eq!(labels(&of(&study)), ["end of warm-up"]);
        study.runs[0].events = vec![start(), log(50), resume(50), log(100), ended(100, Status::Diverged, "NaN")];
        assert_eq!(labels(&of(&study)), ["end of warm-up", "layer-6 s1: resumed", "layer-6 s1: diverged"]);
        for run in study.runs.iter_mut().filter(|run| run.info.variant == "layer-6") {
            run.info.plan.warmup_steps = 100;
        }
        study.runs[0].events.clear();
        assert_eq!(labels(&of(&study)), ["layer-6: end of warm-up", "layer-4: end of warm-up"]);
    }
}
