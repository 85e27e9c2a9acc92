//! Parts the rows of a file into runs: where positions fall back, a run began anew or went on from a checkpoint.

use crate::collect::Part;
use crate::log::{Fact, Note, NoteKind, Place, Row, RunLog, Seam, Split, Standing, Value};

/// Beyond this many runs in one file, what falls back is noise: the rest stays in the last.
const MAX_RUNS: usize = 256;
/// Rows that are compared with rows before them, over all falls: lines of processes that take turns fall at every other.
const MAX_WORK: usize = 10_000_000;

/// What comes after a fall of the position.
enum Turn {
    /// Another run.
    NewRun,
    /// The same run, again from an earlier position.
    Restart,
    /// Rows that are there already.
    Repeat,
    /// An evaluation after the end.
    Continue,
}

/// Adds a part's runs.
pub(crate) fn part_into_runs(part: Part, runs: &mut Vec<RunLog>, notes: &mut Vec<Note>) {
    let mut run =
        RunLog { name: part.name, columns: part.columns, rows: part.rows, values: part.values, ..RunLog::default() };
    steps_of_epochs(&mut run, notes);
    mark_repeats(&mut run, notes);
    let starts = falls(&run, &part.ends);
    let mut firsts = vec![0usize];
    let mut work = 0usize;
    for (nth, &start) in starts.iter().enumerate() {
        let end = starts.get(nth + 1).copied().unwrap_or(run.rows.len());
        let begin = firsts.last().copied().unwrap_or(0);
        work += start - begin;
        if work > MAX_WORK {
            let text =
                format!("positions fall {} times: from here on the order of the lines is not trusted", starts.len());
            add(notes, note(&run, start, NoteKind::Damage, &text));
            break;
        }
        match turn(&run, begin, start, end) {
            Turn::NewRun if firsts.len() < MAX_RUNS => {
                add(notes, note(&run, start, NoteKind::SeveralRuns, "another run begins here"));
                firsts.push(start);
            }
            Turn::NewRun | Turn::Continue => {}
            Turn::Restart => restart(&mut run, begin, start, notes),
            Turn::Repeat => {
                add(
                    notes,
                    note(&run, start, NoteKind::Repeats, &format!("{} rows stand here a second time", end - start)),
                );
                stand(&mut run.rows[start..end], Standing::Repeat);
            }
        }
    }
    for &(row, step) in &part.resumes {
        let row = row.min(run.rows.len());
        for before in run.rows[..row].iter_mut().filter(|before| before.step.is_some_and(|at| at > step)) {
            before.standing = Standing::Superseded;
        }
        #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
        let from = run.rows[..row].iter().filter_map(|row| row.step).max().unwrap_or(step) as f64;
        #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
        run.seams.push(Seam { row, from, to: step as f64 });
    }
    share_out(run, &firsts, part.facts, runs);
}

/// Notes beyond this many say nothing new.
const MAX_NOTES: usize = 200;

fn add(notes: &mut Vec<Note>, note: Note) {
    if notes.len() < MAX_NOTES {
        notes.push(note);
    }
}

fn note(run: &RunLog, row: usize, kind: NoteKind, text: &str) -> Note {
    let place = run.rows.get(row).map_or(Place { source: 0, line: 0 }, |row| row.place);
    Note { place, kind, text: text.into() }
}

fn stand(rows: &mut [Row], standing: Standing) {
    rows.iter_mut().for_each(|row| row.standing = standing);
}

/// Takes steps that begin anew with every epoch for what they are: no positions in the run.
fn steps_of_epochs(run: &mut RunLog, notes: &mut Vec<Note>) {
    let mut last: Option<(u64, f64)> = None;
    let mut first_fall = None;
    let (mut with_epoch, mut alone) = (0usize, 0usize);
    for (at, row) in run.rows.iter().enumerate() {
        let (Some(step), Some(epoch)) = (row.step, row.epoch) else { continue };
        if let Some((step_before, epoch_before)) = last
            && step < step_before
        {
            first_fall = first_fall.or(Some(at));
            if epoch > epoch_before { with_epoch += 1 } else { alone += 1 }
        }
        last = Some((step, epoch));
    }
    let Some(first_fall) = first_fall.filter(|_| with_epoch > 0 && alone == 0) else { return };
    add(
        notes,
        note(run, first_fall, NoteKind::Reinterpreted, "steps begin anew with each epoch: epochs alone are positions"),
    );
    run.rows.iter_mut().filter(|row| row.epoch.is_some()).for_each(|row| row.step = None);
}

/// Position of a row: steps where they are known, or else epochs. The flag tells which.
fn position(row: &Row) -> Option<(bool, f64)> {
    #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
    let step = row.step.map(|step| (true, step as f64));
    step.or(row.epoch.map(|epoch| (false, epoch)))
}

/// Rows that repeat, number for number, the last ones of the same columns at the same position.
fn mark_repeats(run: &mut RunLog, notes: &mut Vec<Note>) {
    let mut last: Vec<Option<((bool, f64), f64)>> = vec![None; run.columns.len()];
    let mut repeated: Option<usize> = None;
    let mut count = 0usize;
    for at in 0..run.rows.len() {
        let row = run.rows[at];
        let Some(here) = position(&row) else { continue };
        let values = run.values_of(&row);
        let same = |value: &Value| {
            last.get(usize::from(value.column))
                .copied()
                .flatten()
                .is_some_and(|(there, number)| there == here && number.to_bits() == value.number.to_bits())
        };
        let is_repeat = !values.is_empty() && values.iter().all(same);
        for value in values {
            if let Some(slot) = last.get_mut(usize::from(value.column)) {
                *slot = Some((here, value.number));
            }
        }
        if is_repeat {
            run.rows[at].standing = Standing::Repeat;
            repeated = repeated.or(Some(at));
            count += 1;
        }
    }
    if let Some(at) = repeated {
        add(
            notes,
            note(run, at, NoteKind::Repeats, &format!("{count} rows repeat the one before them, the first here")),
        );
    }
}

/// Rows at which the position of some column falls, or, after an announced end, does not rise.
fn falls(run: &RunLog, ends: &[usize]) -> Vec<usize> {
    let mut last: Vec<Option<(bool, f64)>> = vec![None; run.columns.len()];
    let mut ends = ends.iter().copied().peekable();
    let mut is_ended = false;
    let mut starts = Vec::new();
    for (at, row) in run.rows.iter().enumerate() {
        while ends.next_if(|&end| end <= at).is_some() {
            is_ended = at > 0;
        }
        let Some(here) = position(row) else { continue };
        let values = run.values_of(row);
        let falls = values.iter().any(|value| {
            last.get(usize::from(value.column))
                .copied()
                .flatten()
                .is_some_and(|there| there.0 == here.0 && (here.1 < there.1 || (is_ended && here.1 <= there.1)))
        });
        if falls && row.standing == Standing::Counts {
            starts.push(at);
            last.fill(None);
        }
        is_ended &= !falls && !has_training(run, row);
        for value in values {
            if let Some(slot) = last.get_mut(usize::from(value.column)) {
                *slot = Some(here);
            }
        }
    }
    starts
}

fn has_training(run: &RunLog, row: &Row) -> bool {
    let is_training = |value: &Value| {
        run.columns.get(usize::from(value.column)).is_some_and(|column| {
            column.split == Split::Train && matches!(column.metric.as_str(), "loss" | "lr" | "grad_norm")
        })
    };
    run.values_of(row).iter().any(is_training)
}

/// What the rows from `start` to `end` are to those from `begin` to `start`.
fn turn(run: &RunLog, begin: usize, start: usize, end: usize) -> Turn {
    let before = &run.rows[begin..start];
    let after = &run.rows[start..end];
    let is_step = after.first().and_then(position).is_some_and(|(is_step, _)| is_step);
    let place = |row: &Row| position(row).filter(|(kind, _)| *kind == is_step).map(|(_, place)| place);
    let (Some(first), Some(last), Some(here)) =
        (before.iter().find_map(place), before.iter().filter_map(place).reduce(f64::max), after.iter().find_map(place))
    else {
        return Turn::NewRun;
    };
    let (equal, different, compared) = against(run, before, after, &place);
    if compared > 0 && different == 0 && equal >= after.len().min(3) {
        return Turn::Repeat;
    }
    if !after.iter().any(|row| has_training(run, row)) && here >= last {
        return Turn::Continue;
    }
    let began = first + 0.02 * (last - first);
    // Other numbers, a rate far from what it was at the same position above all: another run.
    let is_other = compared > 0 && different * 2 > compared;
    if here > began && here <= last && !is_other { Turn::Restart } else { Turn::NewRun }
}

/// Values at positions that both have: how many are equal to four digits, how many are far apart, how many there are.
fn against(run: &RunLog, before: &[Row], after: &[Row], place: &dyn Fn(&Row) -> Option<f64>) -> (usize, usize, usize) {
    let mut sorted: Vec<(f64, &Row)> = before.iter().filter_map(|row| Some((place(row)?, row))).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut equal, mut different, mut compared) = (0, 0, 0);
    for row in after.iter().take(200) {
        let Some(here) = place(row) else { continue };
        let from = sorted.partition_point(|(there, _)| *there < here);
        for (_, twin) in sorted[from..].iter().take_while(|(there, _)| *there == here).take(8) {
            let shared = run.values_of(row).iter().filter_map(|value| {
                let other = run.values_of(twin).iter().find(|other| other.column == value.column)?;
                Some((run.columns.get(usize::from(value.column))?.metric.as_str(), value.number, other.number))
            });
            let (mut is_compared, mut is_equal, mut is_far) = (false, true, false);
            for (metric, a, b) in shared {
                is_compared = true;
                let apart = (a - b).abs() / a.abs().max(b.abs()).max(1e-12);
                is_equal &= apart < 5e-4 || (a - b).abs() < 6e-5 || a.to_bits() == b.to_bits();
                is_far |= (metric == "lr" && apart > 0.01) || (metric == "loss" && apart > 0.5);
            }
            if is_compared {
                compared += 1;
                equal += usize::from(is_equal);
                different += usize::from(is_far);
            }
        }
    }
    if equal < compared && different == 0 && equal > 0 {
        return (0, 0, compared);
    }
    (equal, different.max(usize::from(equal == 0 && compared > 0 && different > 0)), compared)
}

/// Marks what the run measured anew.
fn restart(run: &mut RunLog, begin: usize, start: usize, notes: &mut Vec<Note>) {
    let Some((is_step, to)) = run.rows.get(start).and_then(position) else { return };
    let places = run.rows[begin..start].iter().filter_map(position);
    let from = places.filter(|(kind, _)| *kind == is_step).map(|(_, place)| place).fold(to, f64::max);
    for row in &mut run.rows[begin..start] {
        if position(row).is_some_and(|(kind, place)| kind == is_step && place >= to) && row.standing == Standing::Counts
        {
            row.standing = Standing::Superseded;
        }
    }
    let unit = if is_step { "step" } else { "epoch" };
    add(notes, note(run, start, NoteKind::Restart, &format!("goes back from {unit} {from} to {to} and on from there")));
    run.seams.push(Seam { row: start, from, to });
}

/// Cuts the rows at `firsts`; each fact goes to the run it stands in or before.
fn share_out(mut whole: RunLog, firsts: &[usize], facts: Vec<(usize, bool, Fact)>, runs: &mut Vec<RunLog>) {
    let first_of_all = runs.len();
    if whole.rows.is_empty() && facts.is_empty() {
        return;
    }
    if firsts.len() == 1 {
        runs.push(RunLog { facts: facts.into_iter().map(|(_, _, fact)| fact).collect(), ..whole });
        return;
    }
    for (nth, &first) in firsts.iter().enumerate() {
        let end = firsts.get(nth + 1).copied().unwrap_or(whole.rows.len());
        let mut rows = whole.rows[first..end].to_vec();
        let offset = rows.first().map_or(0, |row| row.first);
        let until = rows.last().map_or(0, |row| row.first + u32::from(row.len));
        rows.iter_mut().for_each(|row| row.first -= offset);
        let values = whole.values[offset as usize..until as usize].to_vec();
        let seams = whole.seams.extract_if(.., |seam| (first..end).contains(&seam.row));
        let seams = seams.map(|seam| Seam { row: seam.row - first, ..seam }).collect();
        runs.push(used_columns(RunLog {
            name: whole.name.clone(),
            columns: whole.columns.clone(),
            rows,
            values,
            facts: Vec::new(),
            seams,
        }));
    }
    for (rows, past, fact) in facts {
        // Rows before the fact: what stands before the first row of a run, or between its rows, is about that run.
        let at = if past { rows.saturating_sub(1) } else { rows };
        let run = firsts.partition_point(|&first| first <= at).saturating_sub(1);
        if let Some(run) = runs.get_mut(first_of_all + run) {
            run.facts.push(fact);
        }
    }
}

/// The run without columns that no row of it uses.
fn used_columns(mut run: RunLog) -> RunLog {
    let mut is_used = vec![false; run.columns.len()];
    for value in &run.values {
        if let Some(used) = is_used.get_mut(usize::from(value.column)) {
            *used = true;
        }
    }
    let mut next = 0u16;
    let renamed: Vec<u16> = is_used
        .iter()
        .map(|&used| {
            let here = next;
            next += u16::from(used);
            here
        })
        .collect();
    for value in &mut run.values {
        value.column = renamed.get(usize::from(value.column)).copied().unwrap_or(0);
    }
    let mut used = is_used.iter();
    run.columns.retain(|_| used.next() == Some(&true));
    run
}
