//! The moments of a run that explain its curves.

use crate::axis::Scale;
use crate::case_runs::{CaseRuns, Run};
use crate::chart::VerticalMark;
use crate::event::{Event, Status};
use crate::info::RunInfo;
use crate::results::{VALID, best, evals};

/// A rate that rises by less than this, after warm-up, is rounding and no restart.
const RISE: f64 = 1.02;

/// The end of warm-up, restarts of the schedule, resumes that still count, the best evaluation, and where a run ended that
/// did not finish.
pub(crate) fn run_marks(info: &RunInfo, events: &[Event], scale: &Scale) -> Vec<VerticalMark> {
    let mark = |(label, step): Moment| VerticalMark { label, x: scale.of_step(step) };
    let mut marks: Vec<VerticalMark> = planned_moments(info).into_iter().map(mark).collect();
    let evals = evals(events, VALID);
    if let (Some(best), Some(last)) = (best(info, &evals), evals.last())
        && best.step != last.step
        && best.step > 0
    {
        let what = info.data.examples.as_ref().map_or("loss", |examples| examples.best_by.as_str());
        marks.push(VerticalMark { label: format!("best validation {what}"), x: scale.of_eval(best) });
    }
    marks.extend(interruptions(events, scale));
    marks
}

/// The same for all runs of a case, but for the best evaluations, each with whose it is where it is not everyone's.
pub(crate) fn case_marks<'a>(case: &'a CaseRuns, scales: &'a [Scale<'a>]) -> Vec<VerticalMark> {
    let all = || case.runs.iter().zip(scales);
    let named = |name: &str, mark: VerticalMark| match case.runs.len() {
        1 => mark,
        _ => VerticalMark { label: format!("{name}: {}", mark.label), ..mark },
    };
    // By place in the runs, so that seeds and variants of one plan have one group.
    let mut groups: Vec<Group> = Vec::new();
    for (run, scale) in all() {
        let plan = planned_moments(&run.info);
        match groups.iter_mut().find(|(known, _)| *known == plan) {
            Some((_, runs)) => runs.push((run, scale)),
            None => groups.push((plan, vec![(run, scale)])),
        }
    }
    let is_shared = groups.len() == 1;
    let mut marks = Vec::new();
    for (plan, runs) in &groups {
        let mut variants: Vec<&str> = runs.iter().map(|(run, _)| run.info.variant.as_str()).collect();
        variants.dedup();
        for (label, step) in plan {
            // One step is at other hours in each run: the mean of them stands for all.
            let places: Vec<f64> =
                runs.iter().map(|(_, scale)| scale.of_step(*step)).filter(|x| x.is_finite()).collect();
            let x = places.iter().sum::<f64>() / places.len() as f64;
            let mark = VerticalMark { label: label.clone(), x };
            marks.push(if is_shared { mark } else { named(&variants.join(", "), mark) });
        }
    }
    for (run, scale) in all() {
        let name = format!("{} s{}", run.info.variant, run.info.seed);
        marks.extend(interruptions(&run.events, scale).into_iter().map(|mark| named(&name, mark)));
    }
    marks
}

/// Something that a plan says of a step.
type Moment = (String, u64);
/// A plan, and the runs that have it.
type Group<'a> = (Vec<Moment>, Vec<(&'a Run, &'a Scale<'a>)>);

/// What the plan says: the end of warm-up, and where the schedule begins anew.
fn planned_moments(info: &RunInfo) -> Vec<Moment> {
    let warmup = info.plan.warmup_steps;
    let mut moments = Vec::new();
    if warmup > 0 {
        moments.push(("end of warm-up".into(), warmup));
    }
    for pair in info.plan.rates.windows(2) {
        if pair[0].0 >= warmup && pair[1].1 > RISE * pair[0].1 {
            moments.push(("restart of the schedule".into(), pair[1].0));
        }
    }
    moments.extend(corpora_in_order(info));
    moments
}

/// More changes of corpus than this would hide the curves: the first are shown.
const CHANGES_SHOWN: usize = 6;

/// Where one corpus ends and the next begins, in runs that read them in order: what makes their loss a square wave.
fn corpora_in_order(info: &RunInfo) -> Vec<Moment> {
    let is_in_order = info.parameters.iter().any(|(key, value)| key == "order" && value == "in-order");
    let (plan, corpora) = (&info.plan, &info.data.corpora);
    if !is_in_order || corpora.len() < 2 || plan.batch_size == 0 || plan.steps_per_epoch == 0 {
        return Vec::new();
    }
    let mut moments = Vec::new();
    for epoch in 0..=plan.total_steps / plan.steps_per_epoch {
        let mut rows = 0;
        for corpus in corpora {
            let step = epoch * plan.steps_per_epoch + rows / plan.batch_size;
            rows += corpus.train_rows;
            if step > 0 && step < plan.total_steps && moments.len() < CHANGES_SHOWN {
                moments.push((format!("{} begins", corpus.name), step));
            }
        }
    }
    moments
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
    use crate::synthetic::{case_runs, ended, log, resume, run_info, start};

    fn labels(marks: &[VerticalMark]) -> Vec<&str> {
        marks.iter().map(|mark| mark.label.as_str()).collect()
    }

    #[test]
    fn a_schedule_that_begins_anew_is_marked_where_it_rises() {
        let mut info = run_info();
        info.plan.rates = vec![(0, 0.0), (60, 5e-4), (499, 0.0), (500, 4e-4), (999, 0.0)];
        let found = run_marks(&info, &[], &Scale::new(Axis::Steps, &info, &[]));
        assert_eq!(labels(&found), ["end of warm-up", "restart of the schedule"]);
        assert_eq!(found[1].x, 500.0);
    }

    #[test]
    fn corpora_read_in_order_are_marked_where_each_begins() {
        let mut info = run_info();
        let begins = |info: &RunInfo| corpora_in_order(info).into_iter().map(|(label, _)| label).collect::<Vec<_>>();
        assert_eq!(begins(&info), [""; 0], "mixed corpora begin nowhere");
        info.parameters = vec![("order".into(), "in-order".into())];
        info.plan.steps_per_epoch = 400;
        info.plan.batch_size = 10;
        info.data.corpora[0].train_rows = 1_500;
        info.data.corpora[1].train_rows = 2_500;
        let steps = corpora_in_order(&info).into_iter().map(|(_, step)| step).collect::<Vec<_>>();
        assert_eq!(steps, [150, 400, 550, 800, 950]);
        assert_eq!(begins(&info), ["en begins", "ko begins", "en begins", "ko begins", "en begins"]);
    }

    fn of(case: &CaseRuns) -> Vec<VerticalMark> {
        let scales: Vec<Scale> = case.runs.iter().map(|run| Scale::new(Axis::Steps, &run.info, &run.events)).collect();
        case_marks(case, &scales)
    }

    #[test]
    fn a_plan_that_all_share_is_marked_once_though_the_runs_were_not_equally_fast() {
        let mut case = case_runs();
        for event in &mut case.runs[0].events {
            if let crate::event::Event::Log(log) = event {
                log.time_s *= 3.0;
            }
        }
        let scales: Vec<Scale> = case.runs.iter().map(|run| Scale::new(Axis::Hours, &run.info, &run.events)).collect();
        let marks = case_marks(&case, &scales);
        assert_eq!(labels(&marks), ["end of warm-up"]);
        let hours = 60.0 * 0.64 / 3_600.0;
        assert!((marks[0].x - hours * (3.0 + 4.0) / 5.0).abs() < 1e-9, "{marks:?}");
    }

    #[test]
    fn what_all_runs_share_is_marked_once_and_the_rest_with_its_run() {
        let mut case = case_runs();
        assert_eq!(labels(&of(&case)), ["end of warm-up"]);
        case.runs[0].events = vec![start(), log(50), resume(50), log(100), ended(100, Status::Diverged, "NaN")];
        assert_eq!(labels(&of(&case)), ["end of warm-up", "layer-6 s1: resumed", "layer-6 s1: diverged"]);
        for run in case.runs.iter_mut().filter(|run| run.info.variant == "layer-6") {
            run.info.plan.warmup_steps = 100;
        }
        case.runs[0].events.clear();
        assert_eq!(labels(&of(&case)), ["layer-6: end of warm-up", "layer-4: end of warm-up"]);
    }
}
