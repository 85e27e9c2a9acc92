//! One variant against another, seed by seed.

use serde::{Deserialize, Serialize};

use super::interval::{Interval, mean_interval};
use super::power::{pairs_needed, smallest_shown};
use super::sign_flip::{least_p, sign_flip_p};
use super::{LEVEL, deviation, holm, mean};

/// What became of one seed of one variant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// It trained; its figure, finite.
    Value(f64),
    /// It diverged: worse than any that trained, by an unknown amount.
    Failed,
}

/// What the records allow one to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The variant is better than the one it is compared with.
    Better,
    /// The variant is worse.
    Worse,
    /// Neither: too few seeds, or too small a difference for so many.
    CannotTell,
}

/// Differences paired by seed, and what they allow one to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// Seeds with an outcome in both variants.
    pub pairs: usize,
    /// Those of which one or both diverged.
    pub failed_pairs: usize,
    /// Mean of the variant's figure less the other's, over the pairs where both trained.
    pub mean: Option<f64>,
    /// Standard deviation of those differences; `None` for fewer than two.
    pub deviation: Option<f64>,
    /// 95 % interval of the mean ([`mean_interval`]); `None` for fewer than two pairs where both trained.
    pub interval: Option<Interval>,
    /// Share of seeds in which the variant is better, 0..=1; equals count half: the chance of being better with a new seed.
    pub better_share: Option<f64>,
    /// Two-sided p of the sign-flip test, over all pairs. A pair of which one diverged counts as the largest difference of
    /// all, against the one that diverged; a pair of which both did, as no difference.
    pub p: Option<f64>,
    /// The same corrected by Holm for all comparisons made together.
    pub p_corrected: Option<f64>,
    /// Comparisons made together, this one counted.
    pub tests: usize,
    /// The smallest p that so many pairs can have: 2 / 2^n.
    pub least_p: f64,
    /// The smallest true difference that so many seeds would have shown in four studies of five; `None` where no
    /// difference could have been, or the spread is unknown.
    pub smallest_shown: Option<f64>,
    /// How many more seeds a difference of the mean's size would need; `None` where the verdict needs none, and for more
    /// than 200.
    pub seeds_needed: Option<usize>,
    /// Better or worse only if the corrected p is at most 0.05 and the interval, where every pair trained, excludes 0.
    pub verdict: Verdict,
}

/// Where every difference points: above 0, the variant is worse.
struct Signed {
    harms: Vec<f64>,
    /// The differences of the pairs that trained, variant less the other.
    trained: Vec<f64>,
}

/// The pairs of a variant and the one it is compared with, before [`judge`] has seen all comparisons.
pub fn study(pairs: &[(Outcome, Outcome)], lower_is_better: bool) -> Study {
    let Signed { harms, trained } = signed(pairs, lower_is_better);
    let better = harms.iter().map(|harm| if *harm == 0.0 { 0.5 } else { f64::from(u8::from(*harm < 0.0)) });
    Study {
        pairs: pairs.len(),
        failed_pairs: pairs.len() - trained.len(),
        mean: mean(&trained),
        deviation: deviation(&trained),
        interval: mean_interval(&trained),
        better_share: mean(&better.collect::<Vec<f64>>()),
        p: sign_flip_p(&harms),
        p_corrected: None,
        tests: 1,
        least_p: least_p(pairs.len()),
        smallest_shown: None,
        seeds_needed: None,
        verdict: direction(&harms),
    }
}

fn signed(pairs: &[(Outcome, Outcome)], lower_is_better: bool) -> Signed {
    let worse_is = if lower_is_better { 1.0 } else { -1.0 };
    let difference = |pair: &(Outcome, Outcome)| match pair {
        (Outcome::Value(variant), Outcome::Value(other)) => Some(variant - other),
        _ => None,
    };
    let trained: Vec<f64> = pairs.iter().filter_map(difference).collect();
    // Larger than all others together, the amount is beside the point: what counts is the sign.
    let largest = 1.0 + trained.iter().map(|difference| difference.abs()).sum::<f64>();
    let harm = |pair: &(Outcome, Outcome)| match pair {
        (Outcome::Value(variant), Outcome::Value(other)) => worse_is * (variant - other),
        (Outcome::Failed, Outcome::Value(_)) => largest,
        (Outcome::Value(_), Outcome::Failed) => -largest,
        (Outcome::Failed, Outcome::Failed) => 0.0,
    };
    Signed { harms: pairs.iter().map(harm).collect(), trained }
}

/// Where the differences point, whether or not that can be told from chance.
fn direction(harms: &[f64]) -> Verdict {
    match harms.iter().sum::<f64>() {
        sum if sum < 0.0 => Verdict::Better,
        sum if sum > 0.0 => Verdict::Worse,
        _ => Verdict::CannotTell,
    }
}

/// Corrects the studies for one another and gives each its verdict and its limits.
pub fn judge(studies: &mut [Study]) {
    let tested: Vec<usize> = (0..studies.len()).filter(|at| studies[*at].p.is_some()).collect();
    let ps: Vec<f64> = tested.iter().filter_map(|at| studies[*at].p).collect();
    for (at, corrected) in tested.iter().zip(holm(&ps)) {
        let study = &mut studies[*at];
        study.p_corrected = Some(corrected);
        study.smallest_shown =
            study.deviation.and_then(|deviation| smallest_shown(study.pairs, deviation, tested.len()));
    }
    for study in studies {
        study.tests = tested.len();
        if !is_shown(study) {
            study.verdict = Verdict::CannotTell;
            let known = study.mean.zip(study.deviation);
            let needed = known.and_then(|(mean, deviation)| pairs_needed(mean, deviation, tested.len(), study.pairs));
            study.seeds_needed = needed.map(|pairs| pairs - study.pairs);
        }
    }
}

fn is_shown(study: &Study) -> bool {
    // Without a failure the interval speaks of the same pairs as the test, and a reader must not find them at odds.
    let agrees = study.failed_pairs > 0 || study.interval.is_some_and(|interval| !interval.contains(0.0));
    agrees && study.p_corrected.is_some_and(|p| p <= LEVEL)
}
