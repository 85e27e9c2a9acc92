//! A list of runs, chosen and shown.

use serde::Serialize;

use crate::markdown::{Table, count, duration, minute};
use crate::summary::{Evaluated, RunState, RunSummary};

/// Which runs are wanted; what is not set asks for nothing. In names, `*` stands for any letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The case's name.
    pub case: Option<String>,
    /// The variant's name.
    pub variant: Option<String>,
    /// The seed.
    pub seed: Option<u64>,
    /// Any of these states; none of them asks for nothing.
    pub states: Vec<RunState>,
    /// The commit, or its beginning.
    pub commit: Option<String>,
    /// Planned at this time or later: RFC 3339, UTC, or its beginning, such as `2026-11`.
    pub since: Option<String>,
}

impl Filter {
    /// Whether a run is wanted.
    pub fn matches(&self, run: &RunSummary) -> bool {
        let named =
            |pattern: &Option<String>, name: &str| pattern.as_ref().is_none_or(|pattern| is_like(name, pattern));
        named(&self.case, &run.case)
            && named(&self.variant, &run.variant)
            && self.seed.is_none_or(|seed| seed == run.seed)
            && (self.states.is_empty() || self.states.contains(&run.state))
            && self
                .commit
                .as_ref()
                .is_none_or(|begin| run.commit.as_ref().is_some_and(|commit| commit.starts_with(begin)))
            && self.since.as_ref().is_none_or(|since| run.created >= *since)
    }
}

/// Whether a name is what a pattern says, `*` standing for any letters.
fn is_like(name: &str, pattern: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return name == pattern };
    let Some(rest) = name.strip_prefix(head) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| is_like(&rest[at..], tail))
}

/// The runs as a table for a terminal, a line each, ending in a newline.
pub fn runs_table(runs: &[RunSummary]) -> String {
    let has_figures = runs.iter().any(|run| run.best.as_ref().is_some_and(|best| best.figure.is_some()));
    let mut titles = vec![
        "case",
        "variant",
        ">seed",
        "state",
        ">step",
        ">of",
        ">best loss",
        ">at step",
        ">last loss",
        ">accuracy",
        "began",
        "took",
        "commit",
        ">notes",
    ];
    if has_figures {
        titles.insert(BEST_LOSS, ">best figure");
    }
    let mut table = Table::new(&titles);
    for run in runs {
        let mut cells = cells(run);
        if has_figures {
            cells.insert(BEST_LOSS, best_figure(run));
        }
        // A name from a file must not move the terminal's cursor.
        table.row(cells.iter().map(|cell| case::one_line(cell)).collect());
    }
    table.plain()
}

/// Where the best loss stands, before which there is room for the best figure.
const BEST_LOSS: usize = 6;

/// `accuracy 0.8123`, of labelled examples.
fn best_figure(run: &RunSummary) -> String {
    let figure = run.best.as_ref().and_then(|best| best.figure.as_ref());
    figure.map_or("–".into(), |figure| format!("{} {:.4}", figure.name, figure.value))
}

fn cells(run: &RunSummary) -> Vec<String> {
    let known = |value: Option<&Evaluated>, show: fn(&Evaluated) -> String| value.map_or("–".into(), show);
    let (best, last) = (run.best.as_ref(), run.last.as_ref());
    let is_begun = run.began.is_some();
    vec![
        run.case.clone(),
        run.variant.clone(),
        run.seed.to_string(),
        run.state.to_string(),
        count(run.step),
        count(run.total_steps),
        // Of labelled examples the best is not told by the loss.
        known(best.filter(|best| best.figure.is_none()), |eval| format!("{:.4}", eval.loss)),
        known(best, |eval| count(eval.step)),
        known(last, |eval| format!("{:.4}", eval.loss)),
        known(last, |eval| format!("{:.4}", eval.accuracy)),
        run.began.as_deref().map_or("–".into(), minute),
        if is_begun { duration(run.time_s) } else { "–".into() },
        run.commit.as_ref().map_or("–".into(), |commit| commit.chars().take(9).collect()),
        if run.notes > 0 { count(run.notes) } else { String::new() },
    ]
}

/// The format of [`runs_json`]; it changes when a field is taken away or changes its meaning.
pub const LIST_FORMAT: u32 = 1;

/// A run of the list as JSON.
#[derive(Serialize)]
struct Listed<'a> {
    format: u32,
    #[serde(flatten)]
    run: &'a RunSummary,
}

/// The runs as JSON, a list of [`RunSummary`] with [`LIST_FORMAT`], ending in a newline.
pub fn runs_json(runs: &[RunSummary]) -> String {
    let listed: Vec<Listed<'_>> = runs.iter().map(|run| Listed { format: LIST_FORMAT, run }).collect();
    serde_json::to_string_pretty(&listed).expect("a summary holds strings, numbers and lists only") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::summary;
    use crate::synthetic::{finished_run, written_run};
    use crate::synthetic_labelled::{labelled_info, labelled_run};

    fn run() -> RunSummary {
        summary(written_run(&finished_run()).path(), "case1/layer-4/s1")
    }

    #[test]
    fn names_are_matched_whole_or_by_stars() {
        for (pattern, is_match) in [
            ("layer-4", true),
            ("layer", false),
            ("layer*", true),
            ("*4", true),
            ("l*r*", true),
            ("*6*", false),
            ("*", true),
        ] {
            assert_eq!(is_like("layer-4", pattern), is_match, "{pattern}");
        }
        assert!(is_like("한국어", "*국*"));
    }

    #[test]
    fn each_condition_must_hold() {
        let run = run();
        assert!(Filter::default().matches(&run));
        let wanted = Filter {
            case: Some("case*".into()),
            variant: Some("layer-4".into()),
            seed: Some(1),
            states: vec![RunState::Failed, RunState::Finished],
            commit: Some("3e4".into()),
            since: Some("2026-11-21".into()),
        };
        assert!(wanted.matches(&run));
        assert!(!Filter { case: Some("case".into()), ..wanted.clone() }.matches(&run));
        assert!(!Filter { seed: Some(2), ..wanted.clone() }.matches(&run));
        assert!(!Filter { states: vec![RunState::Killed], ..wanted.clone() }.matches(&run));
        assert!(!Filter { since: Some("2026-12".into()), ..wanted.clone() }.matches(&run));
        assert!(!wanted.matches(&RunSummary { commit: None, ..run }));
    }

    #[test]
    fn the_table_has_a_line_a_run_and_no_control_signs() {
        let odd = RunSummary { variant: "a\u{1b}[31m\nb".into(), ..run() };
        let text = runs_table(&[run(), odd]);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(!text.contains('\u{1b}'));
        let line = text.lines().nth(1).unwrap();
        for cell in ["case1", "layer-4", "finished", "1,000", "4.7290", "2026-11-21 09:00", "10 min 40 s", "3e4272b"] {
            assert!(line.contains(cell), "{cell} in {line}");
        }
    }

    #[test]
    fn json_reads_back_as_the_runs() {
        assert_eq!(serde_json::from_str::<Vec<RunSummary>>(&runs_json(&[run()])).unwrap(), [run()]);
    }

    #[test]
    fn labelled_runs_have_the_best_figure_in_place_of_the_best_loss() {
        let folder = tempfile::tempdir().unwrap();
        crate::synthetic::write_run(folder.path(), &labelled_info(), &labelled_run());
        let labelled = summary(folder.path(), "reviews/pretrained/s1");
        let best = labelled.best.as_ref().and_then(|best| best.figure.clone()).unwrap();
        assert!(best.name == "accuracy" && best.error.is_some() && labelled.test.is_some());
        let text = runs_table(&[labelled.clone(), run()]);
        assert!(text.lines().next().unwrap().contains("best figure"), "{text}");
        let line = text.lines().nth(1).unwrap();
        assert!(line.contains(&format!("accuracy {:.4}", best.value)) && line.contains("–"), "{text}");
        assert!(!runs_table(&[run()]).contains("best figure"));
        assert!(!runs_json(&[run()]).contains("figure"));
        assert_eq!(
            serde_json::from_str::<Vec<RunSummary>>(&runs_json(std::slice::from_ref(&labelled))).unwrap(),
            [labelled]
        );
    }
}
