//! What a reader of a case's record must know before its numbers.

use super::changes::{Change, WholeDifference, whole_difference};
use super::comparison::{Options, compare};
use super::runs::{Group, Run, grouped};
use crate::case_runs::CaseRuns;

/// What the configurations warn of, in what the variants differ, and what makes their figures incomparable or weak: what
/// `train` and `compare` say in a terminal, for the record. Runs that cannot be read are left out.
pub fn case_caveats(case: &CaseRuns) -> Vec<String> {
    let begun = case.runs.iter().filter(|run| !run.events.is_empty());
    let runs: Vec<Run> = begun.filter_map(|run| Run::of(run).ok()).collect();
    if runs.is_empty() {
        return Vec::new();
    }
    let mut groups = grouped(runs);
    let place = |name: &str| case.variants.iter().position(|variant| variant == name).unwrap_or(case.variants.len());
    groups.sort_by_key(|group| place(&group.name));
    remarks(&groups)
}

fn remarks(groups: &[Group]) -> Vec<String> {
    let mut said = warned(groups);
    said.extend(groups.iter().skip(1).filter_map(|group| differs(&whole_difference(&groups[0], group))));
    if let Ok(comparison) = compare(groups, &Options::default()) {
        said.extend(comparison.caveats.into_iter().map(|caveat| caveat.text));
    }
    said
}

/// Warnings of the configurations, each once, with the variants it is of where that is not all.
fn warned(groups: &[Group]) -> Vec<String> {
    let mut known: Vec<(String, Vec<&str>)> = Vec::new();
    for group in groups {
        for warning in case::warnings(&group.runs[0].config) {
            match known.iter_mut().find(|(text, _)| *text == warning) {
                Some((_, names)) => names.push(&group.name),
                None => known.push((warning, vec![&group.name])),
            }
        }
    }
    let say = |(text, names): (String, Vec<&str>)| {
        if names.len() == groups.len() { text } else { format!("{}: {text}", names.join(", ")) }
    };
    known.into_iter().map(say).collect()
}

/// `layer-6 differs from layer-4 in model.n_layers (4 → 6)`; nothing where the configurations are alike.
fn differs(whole: &WholeDifference) -> Option<String> {
    let change = |change: &Change| format!("{} ({} → {})", change.key, change.before, change.after);
    let changes: Vec<String> = whole.meant.iter().chain(&whole.also).map(change).collect();
    (!changes.is_empty()).then(|| format!("{} differs from {} in {}", whole.after, whole.before, changes.join(", ")))
}

#[cfg(test)]
mod tests {
    use case::OptimizerKind;

    use super::*;
    use crate::compare::synthetic::{Made, group};

    #[test]
    fn warnings_differences_and_what_is_not_alike_are_said_once_each() {
        let seeds = [1, 2, 3, 4, 5, 6];
        let (mut first, mut second) = (group("a", &seeds, Made::default()), group("b", &seeds, Made::default()));
        for run in first.runs.iter_mut().chain(&mut second.runs) {
            run.config.data.order = case::OrderKind::InOrder;
        }
        for run in &mut second.runs {
            run.config.optimizer.kind = OptimizerKind::Adam;
            run.config.optimizer.weight_decay = 0.01;
            run.info.plan.batch_size = 128;
        }
        let said = remarks(&[first, second]);
        let with = |part: &str| said.iter().filter(|text| text.contains(part)).collect::<Vec<_>>();
        assert_eq!(with("square wave").len(), 1, "{said:#?}");
        assert!(with("the decay is added to the gradient")[0].starts_with("b: "), "{said:#?}");
        assert!(with("b differs from a in")[0].contains("optimizer.kind ("), "{said:#?}");
        assert_eq!(with("rows per update differ").len(), 1, "{said:#?}");
    }

    #[test]
    fn like_runs_have_nothing_to_remark_on() {
        let seeds = [1, 2, 3, 4, 5, 6];
        let like = [group("a", &seeds, Made::default()), group("b", &seeds, Made::default())];
        assert_eq!(remarks(&like), [""; 0]);
    }
}
