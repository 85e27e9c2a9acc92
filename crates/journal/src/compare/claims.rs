//! A claim of a case's author, held against the runs.

use case::{Claim, Measure, Relation};

use super::{
    comparison::{Options, compare},
    metric::Metric,
    overfitting::overfits,
    runs::{Group, Run, grouped},
    words,
};
use crate::{
    case_runs::CaseRuns,
    conclusion::{ClaimVerdict, Standing},
    error::JournalError,
    event::Status,
    inference::{Outcome, Verdict, judge, study},
};

/// What the runs of a case say to a claim: it stands, or falls, only where a test over the seeds tells.
pub fn claim_verdict(case: &CaseRuns, claim: &Claim) -> ClaimVerdict {
    match groups(case, claim) {
        Ok(groups) => verdict(&groups, claim),
        Err(error) => cannot_tell(format!("The runs cannot be read: {error}.")),
    }
}

/// The same for runs that have been read.
pub(crate) fn verdict(groups: &[Group], claim: &Claim) -> ClaimVerdict {
    let group = |name: &str| {
        groups.iter().find(|group| group.name == name).ok_or_else(|| format!("There is no run of `{name}`."))
    };
    let held = match claim {
        Claim::Variants { left, relation, right, metric } => {
            group(left).and_then(|_| group(right)).and_then(|_| variants(groups, right, *relation, metric))
        }
        Claim::Corpora { left, relation, right, metric, variant } => {
            group(variant).and_then(|group| corpora(group, [left, right], *relation, metric))
        }
        Claim::Overfits { variant } => group(variant).and_then(overfits),
    };
    held.unwrap_or_else(cannot_tell)
}

/// Two variants, held against each other as `compare` would.
fn variants(
    groups: &[Group],
    baseline: &str,
    relation: Relation,
    metric: &case::Metric,
) -> Result<ClaimVerdict, String> {
    let measure = measured(metric)?;
    let options = Options { metrics: vec![measure], baseline: Some(baseline.to_string()), ..Options::default() };
    let comparison = compare(groups, &options).map_err(|error| format!("{error}."))?;
    let result = comparison.results.iter().find(|result| result.corpus == metric.corpus);
    let result = result.ok_or_else(|| "The corpus was not validated on apart.".to_string())?;
    if result.metric != measure {
        return Err(format!("The vocabularies differ: only {} could be compared.", result.metric.name()));
    }
    let difference = result.differences.first().ok_or_else(|| "There is nothing to compare.".to_string())?;
    let standing = standing(difference.study.verdict, measure, relation);
    Ok(ClaimVerdict { standing, reason: sentence(&difference.reason) })
}

/// Two corpora at the end of one variant's finished runs, paired by seed.
fn corpora(
    group: &Group,
    names: [&String; 2],
    relation: Relation,
    metric: &case::Metric,
) -> Result<ClaimVerdict, String> {
    let measure = measured(metric)?;
    let last = |run: &Run, name: &str| measure.of(run.last_eval()?, Some(name)).map(|figure| figure.value);
    let finished = group.runs.iter().filter(|run| run.status() == Status::Finished);
    let pairs: Vec<_> = finished.filter_map(|run| Some((last(run, names[0])?, last(run, names[1])?))).collect();
    if pairs.is_empty() {
        return Err(format!("No finished run of `{}` was validated on both corpora.", group.name));
    }
    let outcomes: Vec<_> = pairs.iter().map(|(a, b)| (Outcome::Value(*a), Outcome::Value(*b))).collect();
    let mut studies = [study(&outcomes, measure.lower_is_better())];
    judge(&mut studies);
    let mean = |pick: fn(&(f64, f64)) -> f64| pairs.iter().map(pick).sum::<f64>() / pairs.len() as f64;
    let standing = standing(studies[0].verdict, measure, relation);
    let means = format!("On average {:.4} on {} and {:.4} on {}", mean(|p| p.0), names[0], mean(|p| p.1), names[1]);
    let reason = format!("{means}; {}.{}", words::reason(&studies[0]), unigrams(&group.runs[0], names));
    Ok(ClaimVerdict { standing, reason })
}

/// A reminder that two corpora are two texts.
fn unigrams(run: &Run, names: [&String; 2]) -> String {
    match names.map(|name| run.info.baselines.corpus(name)) {
        [Some(a), Some(b)] => format!(
            " These are two texts, and one is harder than the other from the start: word frequencies alone give a loss of \
             {a:.4} on {} and {b:.4} on {}.",
            names[0], names[1]
        ),
        _ => String::new(),
    }
}

fn measured(metric: &case::Metric) -> Result<Metric, String> {
    if metric.split != "valid" {
        return Err(format!("Runs are compared on the validation split, not on `{}`.", metric.split));
    }
    Ok(match metric.measure {
        Measure::Loss => Metric::Loss,
        Measure::Accuracy => Metric::Accuracy,
        Measure::Perplexity => Metric::Perplexity,
        Measure::BitsPerChar => Metric::BitsPerChar,
    })
}

/// Whether the left side's being better or worse bears the relation out.
fn standing(verdict: Verdict, metric: Metric, relation: Relation) -> Standing {
    let lower = match verdict {
        Verdict::CannotTell => return Standing::CannotTell,
        Verdict::Better => metric.lower_is_better(),
        Verdict::Worse => !metric.lower_is_better(),
    };
    if lower == (relation == Relation::Less) { Standing::Stands } else { Standing::Falls }
}

fn groups(case: &CaseRuns, claim: &Claim) -> Result<Vec<Group>, JournalError> {
    let named = case.runs.iter().filter(|run| claim.variants().contains(&run.info.variant.as_str()));
    // A run that was planned only has nothing to say.
    let begun = named.filter(|run| !run.events.is_empty());
    Ok(grouped(begun.map(|run| Run::read(&run.folder)).collect::<Result<_, _>>()?))
}

fn cannot_tell(reason: String) -> ClaimVerdict {
    ClaimVerdict { standing: Standing::CannotTell, reason }
}

/// With a capital and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::synthetic::{Made, group, group_of};

    const SEEDS: [u64; 6] = [1, 2, 3, 4, 5, 6];

    fn said(groups: &[Group], claim: &str) -> ClaimVerdict {
        verdict(groups, &claim.parse().unwrap())
    }

    #[test]
    fn a_claim_of_two_variants_stands_or_falls_as_they_compare() {
        let base = [4.50, 4.52, 4.48, 4.51, 4.49, 4.53];
        let lower: Vec<f64> = base.iter().enumerate().map(|(at, loss)| loss - 0.1 - 0.002 * at as f64).collect();
        let groups = [group_of("a", &base), group_of("b", &lower)];
        for (claim, standing) in [
            ("b < a on valid.loss", Standing::Stands),
            ("a < b on valid.loss", Standing::Falls),
            ("b > a on valid.loss", Standing::Falls),
        ] {
            let held = said(&groups, claim);
            assert_eq!(held.standing, standing, "{claim}: {}", held.reason);
        }
        assert_eq!(said(&groups, "b < c on valid.loss").reason, "There is no run of `c`.");
        assert_eq!(said(&groups[..1], "b < a on valid.loss").standing, Standing::CannotTell);
    }

    #[test]
    fn a_claim_of_two_corpora_is_paired_by_seed_and_says_that_they_are_two_texts() {
        let groups = [group("a", &SEEDS, Made::default())];
        let held = said(&groups, "en < ko on valid.loss in a");
        assert_eq!(held.standing, Standing::Stands, "{}", held.reason);
        assert!(held.reason.contains("word frequencies alone give a loss of"), "{}", held.reason);
        assert_eq!(said(&groups, "ko < en on valid.loss in a").standing, Standing::Falls);
        assert_eq!(said(&groups, "ko > en on valid.loss in a").standing, Standing::Stands);
        let few = [group("a", &SEEDS[..3], Made::default())];
        assert_eq!(said(&few, "en < ko on valid.loss in a").standing, Standing::CannotTell);
        assert!(said(&groups, "en < fr on valid.loss in a").reason.starts_with("No finished run of `a`"));
    }

    #[test]
    fn the_test_split_is_not_compared() {
        let groups = [group("a", &SEEDS, Made::default())];
        assert!(said(&groups, "en < ko on test.loss in a").reason.contains("not on `test`"));
    }
}
