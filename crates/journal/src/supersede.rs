//! What a resume takes back.

use crate::event::Event;

/// The events that count, in order.
///
/// A resume at step `s` takes back every earlier log, eval, epoch, checkpoint and alert with a step above `s`, and every
/// earlier end: that part of the run is done again. What was done at step `s` itself is kept; where the resumed run does
/// it again (the evaluation of a split at a step, the end of an epoch, a checkpoint, a log line), the later one stands
/// in place of the earlier. Starts and resumes are always kept.
pub fn drop_superseded(events: Vec<Event>) -> Vec<Event> {
    let mut kept: Vec<Event> = Vec::with_capacity(events.len());
    let mut resumed = false;
    for event in events {
        if let Event::Resume(resume) = &event {
            kept.retain(|earlier| survives(earlier, resume.step));
            resumed = true;
        } else if resumed && let Some(at) = earlier_twin(&kept, &event) {
            kept.remove(at);
        }
        kept.push(event);
    }
    kept
}

fn survives(earlier: &Event, step: u64) -> bool {
    match earlier {
        Event::Start(_) | Event::Resume(_) => true,
        Event::End(_) => false,
        Event::Log(_) | Event::Eval(_) | Event::Epoch(_) | Event::Checkpoint(_) | Event::Alert(_) => {
            earlier.step() <= step
        }
    }
}

/// Where the same thing was recorded before. Steps never fall between resumes, so the search ends at a lower one.
fn earlier_twin(kept: &[Event], event: &Event) -> Option<usize> {
    let same_step = kept.iter().rev().take_while(|earlier| earlier.step() >= event.step());
    let distance = same_step.into_iter().position(|earlier| is_twin(earlier, event))?;
    Some(kept.len() - 1 - distance)
}

fn is_twin(earlier: &Event, event: &Event) -> bool {
    match (earlier, event) {
        (Event::Eval(a), Event::Eval(b)) => a.step == b.step && a.split == b.split,
        (Event::Epoch(a), Event::Epoch(b)) => a.step == b.step && a.epoch == b.epoch,
        (Event::Checkpoint(a), Event::Checkpoint(b)) => a.step == b.step && a.folder == b.folder,
        (Event::Log(a), Event::Log(b)) => a.step == b.step,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{alert, checkpoint, end, epoch_end, eval, log, resume, start};

    fn names(events: &[Event]) -> Vec<String> {
        events.iter().map(|event| format!("{}@{}", event.name(), event.step())).collect()
    }

    #[test]
    fn a_resume_takes_back_what_came_after_its_step_and_the_end() {
        let events = vec![
            start(),
            eval(0),
            log(50),
            log(100),
            checkpoint(100),
            alert(120),
            log(150),
            eval(150),
            epoch_end(1, 150),
            end(160),
            resume(100),
            log(150),
            eval(200),
        ];
        let kept = names(&drop_superseded(events));
        let expected = "start@0 eval@0 log@50 log@100 checkpoint@100 resume@100 log@150 eval@200";
        assert_eq!(kept.join(" "), expected);
    }

    #[test]
    fn an_evaluation_at_the_step_of_the_resume_is_kept_and_replaced_only_when_repeated() {
        let mut first = eval(100);
        if let Event::Eval(eval) = &mut first {
            eval.loss = 9.0;
        }
        let kept = drop_superseded(vec![start(), first.clone(), resume(100), log(150)]);
        assert_eq!(names(&kept), ["start@0", "eval@100", "resume@100", "log@150"]);
        let kept = drop_superseded(vec![start(), first, resume(100), eval(100)]);
        assert_eq!(names(&kept), ["start@0", "resume@100", "eval@100"]);
        assert_eq!(kept[2], eval(100));
    }

    #[test]
    fn evaluations_of_different_splits_at_one_step_are_both_kept() {
        let mut test = eval(100);
        if let Event::Eval(eval) = &mut test {
            eval.split = "test".into();
        }
        let kept = drop_superseded(vec![start(), eval(100), resume(100), test]);
        assert_eq!(names(&kept), ["start@0", "eval@100", "resume@100", "eval@100"]);
    }

    #[test]
    fn a_second_resume_further_back_takes_back_the_first_continuation() {
        let events = vec![start(), log(100), log(200), resume(200), log(300), resume(100), log(200)];
        assert_eq!(names(&drop_superseded(events)), ["start@0", "log@100", "resume@200", "resume@100", "log@200"]);
    }

    #[test]
    fn without_a_resume_nothing_is_dropped() {
        let events = vec![start(), eval(100), eval(100), end(100)];
        assert_eq!(drop_superseded(events.clone()), events);
    }

    #[test]
    fn an_epoch_or_checkpoint_repeated_at_the_step_of_the_resume_is_not_counted_twice() {
        let events = vec![start(), checkpoint(100), epoch_end(0, 100), resume(100), epoch_end(0, 100), checkpoint(100)];
        assert_eq!(names(&drop_superseded(events)), ["start@0", "resume@100", "epoch@100", "checkpoint@100"]);
    }

    #[test]
    fn a_log_line_repeated_at_the_step_of_the_resume_stands_in_place_of_the_earlier() {
        let mut again = log(100);
        if let Event::Log(log) = &mut again {
            log.loss = 9.0;
        }
        let kept = drop_superseded(vec![start(), log(50), log(100), resume(100), again.clone(), log(150)]);
        assert_eq!(names(&kept), ["start@0", "log@50", "resume@100", "log@100", "log@150"]);
        assert_eq!(kept[3], again);
    }

    #[test]
    fn another_epoch_or_folder_at_the_same_step_is_no_repetition() {
        let mut other = checkpoint(100);
        if let Event::Checkpoint(saved) = &mut other {
            saved.folder = "checkpoints/other".into();
        }
        let kept =
            drop_superseded(vec![start(), checkpoint(100), epoch_end(0, 100), resume(100), other, epoch_end(1, 100)]);
        let expected = ["start@0", "checkpoint@100", "epoch@100", "resume@100", "checkpoint@100", "epoch@100"];
        assert_eq!(names(&kept), expected);
    }
}
