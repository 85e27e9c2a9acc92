//! A claim of a case's author, held against the runs.

use case::{Claim, Measure, Relation};

use super::{
    comparison::{Options, compare},
    metric::Metric,
    runs::{Group, Run, grouped},
};
use crate::case_runs::CaseRuns;
use crate::conclusion::{ClaimVerdict, Standing};
use crate::error::JournalError;
use crate::inference::Verdict;

/// What the runs of a case say to a claim: it stands, or falls, only where the comparison of its two variants tells.
pub fn claim_verdict(case: &CaseRuns, claim: &Claim) -> ClaimVerdict {
    held(case, claim).unwrap_or_else(cannot_tell)
}

fn held(case: &CaseRuns, claim: &Claim) -> Result<ClaimVerdict, String> {
    if claim.metric.split != "valid" {
        return Err(format!("Variants are compared on the validation split, not on `{}`.", claim.metric.split));
    }
    let metric = match claim.metric.measure {
        Measure::Loss => Metric::Loss,
        Measure::Accuracy => Metric::Accuracy,
        Measure::Perplexity => Metric::Perplexity,
        Measure::BitsPerChar => Metric::BitsPerChar,
    };
    let groups = groups(case, claim).map_err(|error| format!("The runs cannot be read: {error}."))?;
    for name in [&claim.left, &claim.right] {
        if !groups.iter().any(|group| &group.name == name) {
            return Err(format!("There is no run of `{name}`."));
        }
    }
    let options = Options { metrics: vec![metric], baseline: Some(claim.right.clone()), ..Options::default() };
    let comparison = compare(&groups, &options).map_err(|error| format!("{error}."))?;
    let result = comparison.results.iter().find(|result| result.corpus == claim.metric.corpus);
    let result = result.ok_or_else(|| "The corpus was not validated on apart.".to_string())?;
    if result.metric != metric {
        return Err(format!("The vocabularies differ: only {} could be compared.", result.metric.name()));
    }
    let difference = result.differences.first().ok_or_else(|| "There is nothing to compare.".to_string())?;
    let lower = match difference.study.verdict {
        Verdict::CannotTell => return Err(sentence(&difference.reason)),
        Verdict::Better => metric.lower_is_better(),
        Verdict::Worse => !metric.lower_is_better(),
    };
    let stands = lower == (claim.relation == Relation::Less);
    let standing = if stands { Standing::Stands } else { Standing::Falls };
    Ok(ClaimVerdict { standing, reason: sentence(&difference.reason) })
}

fn groups(case: &CaseRuns, claim: &Claim) -> Result<Vec<Group>, JournalError> {
    let named = case.runs.iter().filter(|run| [&claim.left, &claim.right].contains(&&run.info.variant));
    // A run that was planned only has nothing to say.
    let begun = named.filter(|run| !run.events.is_empty());
    Ok(grouped(begun.map(|run| Run::read(&run.folder)).collect::<Result<_, _>>()?))
}

fn cannot_tell(reason: String) -> ClaimVerdict {
    ClaimVerdict { standing: Standing::CannotTell, reason }
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}
