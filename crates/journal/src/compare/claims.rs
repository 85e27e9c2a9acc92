//! A claim of a case's author, held against the runs.

use case::{Claim, Measure, Relation};

use super::{
    comparison::{Options, compare, pairs},
    metric::Metric,
    overfitting::overfits,
    runs::{Group, Run, are_labelled, grouped},
    words,
};
use crate::{
    case_runs::CaseRuns,
    conclusion::{ClaimVerdict, Standing},
    error::JournalError,
    event::Status,
    inference::{Outcome, Study, Verdict, judge, study},
    labelled::TEST,
};

/// What the runs of a case say to its claims: each stands, or falls, only where a test over the seeds tells, corrected for
/// all claims of the case together.
pub fn claim_verdicts(case: &CaseRuns, claims: &[Claim]) -> Vec<ClaimVerdict> {
    match groups(case, claims) {
        Ok(groups) => verdicts(&groups, claims),
        Err(error) => claims.iter().map(|_| cannot_tell(format!("The runs cannot be read: {error}."))).collect(),
    }
}

/// A claim with the figures that it is judged by.
pub(super) struct Held {
    /// Not yet corrected for the other claims.
    pub(super) study: Study,
    /// What the figures are, in words.
    pub(super) told: String,
    /// Whether the claim stands, once its study is judged.
    pub(super) standing: Box<dyn Fn(Verdict) -> Standing>,
    /// What else a reader must know, in sentences that begin with a blank; may be empty.
    pub(super) besides: String,
}

/// The same for runs that have been read.
pub(crate) fn verdicts(groups: &[Group], claims: &[Claim]) -> Vec<ClaimVerdict> {
    let held: Vec<Result<Held, String>> = claims.iter().map(|claim| hold(groups, claim)).collect();
    let mut studies: Vec<Study> = held.iter().flatten().map(|held| held.study.clone()).collect();
    judge(&mut studies);
    let mut studies = studies.into_iter();
    let verdict = |held: Result<Held, String>| match held {
        Err(reason) => cannot_tell(reason),
        Ok(held) => {
            let study = studies.next().expect("one study was judged for each claim that is held");
            let reason = format!("{}; {}.{}", held.told, words::reason(&study), held.besides);
            ClaimVerdict { standing: (held.standing)(study.verdict), reason }
        }
    };
    held.into_iter().map(verdict).collect()
}

fn hold(groups: &[Group], claim: &Claim) -> Result<Held, String> {
    let group = |name: &str| {
        groups.iter().find(|group| group.name == name).ok_or_else(|| format!("No run of {name} has begun."))
    };
    match claim {
        Claim::Variants { left, relation, right, metric } => {
            let pair = [group(left)?.clone(), group(right)?.clone()];
            variants(&pair, *relation, metric)
        }
        Claim::Corpora { left, relation, right, metric, variant } => {
            corpora(group(variant)?, [left, right], *relation, metric)
        }
        Claim::Overfits { variant } => overfits(group(variant)?),
    }
}

/// Two variants, held against each other as `compare` would.
fn variants(pair: &[Group; 2], relation: Relation, metric: &case::Metric) -> Result<Held, String> {
    let right = pair[1].name.clone();
    let is_labelled = are_labelled(pair);
    if is_labelled && metric.split == TEST {
        return on_test(pair, relation, metric);
    }
    let measure = measured(metric)?;
    let measure = if is_labelled { measure.of_labelled() } else { measure };
    let options = Options { metrics: vec![measure], baseline: Some(right.clone()), ..Options::default() };
    let comparison = compare(pair, &options).map_err(|error| format!("{error}."))?;
    let result = comparison.results.iter().find(|result| result.corpus == metric.corpus);
    let result = result.ok_or_else(|| "The corpus was not validated on apart.".to_string())?;
    if result.metric != measure {
        return Err(format!("The vocabularies differ: only {} could be compared.", result.metric.name()));
    }
    let study = study(&pairs(&result.variants[1], &result.variants[0]), measure.lower_is_better());
    let told = sized(&format!("{} less {right}", pair[0].name), &study, measure);
    let besides = match comparison.budget {
        Some(budget) if is_labelled => format!(
            " Each run is read at its validation at {}, not at its best one: no evaluation was chosen by the figures it is \
             judged by.",
            comparison.axis.amount(budget)
        ),
        _ => String::new(),
    };
    Ok(Held { study, told, standing: standing(measure, relation), besides })
}

/// Two variants on the examples kept for the end, where each run has one evaluation: that of the checkpoint that its
/// validations chose. A run that diverged before it counts as worse than every run that trained.
fn on_test(pair: &[Group; 2], relation: Relation, metric: &case::Metric) -> Result<Held, String> {
    let measure = measure(metric).of_labelled();
    let outcome = |run: &Run| match run.test_eval() {
        Some(eval) => measure.of(eval, None).map(|figure| Outcome::Value(figure.value)),
        None => (run.status() == Status::Diverged).then_some(Outcome::Failed),
    };
    let partner = |seed: u64| pair[1].runs.iter().find(|run| run.info.seed == seed).and_then(outcome);
    let outcomes = pair[0].runs.iter().filter_map(|run| Some((outcome(run)?, partner(run.info.seed)?)));
    let outcomes: Vec<(Outcome, Outcome)> = outcomes.collect();
    if outcomes.is_empty() {
        return Err(format!(
            "No seed of both {} and {} has {measure} on the test examples.",
            pair[0].name, pair[1].name
        ));
    }
    let study = study(&outcomes, measure.lower_is_better());
    let told = sized(&format!("{} less {}, on the test examples,", pair[0].name, pair[1].name), &study, measure);
    let chosen = pair[0].runs[0].info.data.examples.as_ref().map_or("figure", |examples| examples.best_by.as_str());
    let besides = format!(
        " Each run is read at the checkpoint of its best validation {chosen}; the test examples chose nothing."
    );
    Ok(Held { study, told, standing: standing(measure, relation), besides })
}

/// Two corpora at the end of one variant's finished runs, paired by seed.
fn corpora(group: &Group, names: [&String; 2], relation: Relation, metric: &case::Metric) -> Result<Held, String> {
    let measure = measured(metric)?;
    let last = |run: &Run, name: &str| measure.of(run.last_eval()?, Some(name)).map(|figure| figure.value);
    let finished = group.runs.iter().filter(|run| run.status() == Status::Finished);
    let outcome = |run: &Run, name: &str| last(run, name).map(Outcome::Value);
    let pairs: Vec<_> = finished.filter_map(|run| Some((outcome(run, names[0])?, outcome(run, names[1])?))).collect();
    if pairs.is_empty() {
        return Err(format!("No finished run of {} was validated on both corpora.", group.name));
    }
    let study = study(&pairs, measure.lower_is_better());
    let told = sized(&format!("{} less {}, at the end of each run,", names[0], names[1]), &study, measure);
    Ok(Held { study, told, standing: standing(measure, relation), besides: unigrams(&group.runs[0], names) })
}

/// `On average en less ko is −0.3095 (95 % −0.35 to −0.27, 7 seeds)`.
pub(super) fn sized(what: &str, study: &Study, metric: Metric) -> String {
    let digits = words::digits(metric, study.deviation);
    let mean = study.mean.map_or("unknown".into(), |mean| words::signed(mean, digits));
    let interval = words::interval(study, digits).map_or(String::new(), |ends| format!("95 % {ends}, "));
    let seeds = if study.pairs == 1 { "one seed".to_string() } else { format!("{} seeds", study.pairs) };
    format!("On average {what} is {mean} ({interval}{seeds})")
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
    Ok(measure(metric))
}

fn measure(metric: &case::Metric) -> Metric {
    match metric.measure {
        Measure::Loss => Metric::Loss,
        Measure::Accuracy => Metric::Accuracy,
        Measure::Perplexity => Metric::Perplexity,
        Measure::BitsPerChar => Metric::BitsPerChar,
        Measure::Figure(figure) => Metric::Figure(figure.name()),
    }
}

/// Whether the left side's being better or worse bears the relation out.
fn standing(metric: Metric, relation: Relation) -> Box<dyn Fn(Verdict) -> Standing> {
    Box::new(move |verdict| {
        let lower = match verdict {
            Verdict::CannotTell => return Standing::CannotTell,
            Verdict::Better => metric.lower_is_better(),
            Verdict::Worse => !metric.lower_is_better(),
        };
        if lower == (relation == Relation::Less) { Standing::Stands } else { Standing::Falls }
    })
}

fn groups(case: &CaseRuns, claims: &[Claim]) -> Result<Vec<Group>, JournalError> {
    let is_named = |variant: &str| claims.iter().any(|claim| claim.variants().contains(&variant));
    let named = case.runs.iter().filter(|run| is_named(&run.info.variant));
    // A run that was planned only has nothing to say.
    let begun: Vec<Run> = named.filter(|run| !run.events.is_empty()).map(Run::of).collect::<Result<_, _>>()?;
    Ok(if begun.is_empty() { Vec::new() } else { grouped(begun) })
}

fn cannot_tell(reason: String) -> ClaimVerdict {
    ClaimVerdict { standing: Standing::CannotTell, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::synthetic::{Made, group, group_of};

    const SEEDS: [u64; 6] = [1, 2, 3, 4, 5, 6];

    fn said(groups: &[Group], claim: &str) -> ClaimVerdict {
        verdicts(groups, &[claim.parse().unwrap()]).remove(0)
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
        assert_eq!(said(&groups, "b < c on valid.loss").reason, "No run of c has begun.");
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
        assert!(said(&groups, "en < fr on valid.loss in a").reason.starts_with("No finished run of a"));
    }

    #[test]
    fn the_claims_of_a_case_are_corrected_together() {
        let groups = [group("a", &SEEDS, Made::default())];
        let claims = ["en < ko on valid.loss in a", "ko > en on valid.loss in a"].map(|claim| claim.parse().unwrap());
        let held = verdicts(&groups, &claims);
        assert!(held.iter().all(|held| held.standing == Standing::CannotTell), "{held:?}");
        assert!(held[0].reason.contains("2 comparisons at once"), "{}", held[0].reason);
        let more = [group("a", &[1, 2, 3, 4, 5, 6, 7], Made::default())];
        assert!(verdicts(&more, &claims).iter().all(|held| held.standing == Standing::Stands));
    }

    #[test]
    fn the_test_split_is_not_compared() {
        let groups = [group("a", &SEEDS, Made::default())];
        assert!(said(&groups, "en < ko on test.loss in a").reason.contains("not on `test`"));
    }
}
