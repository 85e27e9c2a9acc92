//! What a reader must know before any number: in what the runs are not alike, and what their figures cannot bear.

use serde::{Deserialize, Serialize};

use super::axis::Axis;
use super::changes::{WholeDifference, values};
use super::metric::Metric;
use super::reading::Reading;
use super::runs::{Group, Run};
use super::{unlike, weak};

/// What kind of thing a caveat warns of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaveatKind {
    /// Runs of different length.
    UnequalBudgets,
    /// A run is read where its learning rate had not come down as planned.
    ScheduleCutShort,
    /// Different numbers of rows per update.
    UnequalBatches,
    /// Batch and learning rate changed together: neither's effect can be told.
    BatchAndLearningRate,
    /// Different vocabularies: losses per token are of different tokens.
    Vocabulary,
    /// Different training text.
    Data,
    /// Different validation rows or masks.
    Validation,
    /// The seeds of one variant differ in more than the seed.
    MixedVariant,
    /// Different versions of the program.
    Code,
    /// Different devices or number formats.
    Machine,
    /// A run diverged.
    Failed,
    /// A run has not come as far as the budget.
    Missing,
    /// A seed that was run in one variant only.
    Unpaired,
    /// A variant has one seed.
    OneSeed,
    /// A validation of one batch.
    OneBatch,
    /// Two metrics asked for are one number.
    OneNumber,
    /// A figure lies between two validations.
    BetweenValidations,
    /// The lowest loss was at a step no checkpoint was saved at.
    BestBetweenCheckpoints,
    /// A run's loss is not below the unigram loss: it has learned nothing of context.
    NotLearned,
}

/// One thing a reader must know before any number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caveat {
    /// Its kind.
    pub kind: CaveatKind,
    /// What is the matter, with the values, in a sentence or two.
    pub text: String,
}

/// What the caveats are about.
pub(crate) struct Scene<'a> {
    pub(crate) groups: &'a [Group],
    pub(crate) axis: Axis,
    pub(crate) budget: Option<f64>,
    /// As asked for, the first being the one compared.
    pub(crate) metrics: &'a [Metric],
    pub(crate) changes: &'a [WholeDifference],
    /// Of the first metric, group by group.
    pub(crate) readings: &'a [Vec<Reading>],
}

/// Everything a reader must know before any number, what makes figures incomparable first.
pub(crate) fn caveats(scene: &Scene<'_>) -> Vec<Caveat> {
    let found = [
        (CaveatKind::UnequalBudgets, unlike::budgets(scene)),
        (CaveatKind::ScheduleCutShort, unlike::schedule(scene)),
        (CaveatKind::UnequalBatches, unlike::batches(scene)),
        (CaveatKind::BatchAndLearningRate, unlike::batch_and_learning_rate(scene)),
        (CaveatKind::Vocabulary, unlike::vocabulary(scene)),
        (CaveatKind::Data, unlike::data(scene)),
        (CaveatKind::Validation, unlike::validation(scene)),
        (CaveatKind::MixedVariant, unlike::mixed(scene)),
        (CaveatKind::Code, unlike::code(scene)),
        (CaveatKind::Machine, unlike::machine(scene)),
        (CaveatKind::Failed, weak::failed(scene)),
        (CaveatKind::Missing, weak::missing(scene)),
        (CaveatKind::Unpaired, weak::unpaired(scene)),
        (CaveatKind::OneSeed, weak::one_seed(scene)),
        (CaveatKind::OneBatch, weak::one_batch(scene)),
        (CaveatKind::OneNumber, weak::one_number_twice(scene)),
        (CaveatKind::BetweenValidations, weak::between_validations(scene)),
        (CaveatKind::BestBetweenCheckpoints, weak::between_checkpoints(scene)),
        (CaveatKind::NotLearned, weak::not_learned(scene)),
    ];
    found.into_iter().filter_map(|(kind, text)| text.map(|text| Caveat { kind, text })).collect()
}

/// What each variant has, where that is not the same in all: `layer-4 256, layer-6 128 or 64`.
pub(super) fn disagreement(groups: &[Group], of: impl Fn(&Run) -> String) -> Option<String> {
    let all: Vec<Vec<String>> = groups.iter().map(|group| values(group, &of)).collect();
    let is_alike = all.iter().all(|values| values.len() == 1 && values[0] == all[0][0]);
    let said = groups.iter().zip(&all).map(|(group, values)| format!("{} {}", group.name, values.join(" or ")));
    (!is_alike).then(|| said.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
#[path = "caveats_tests.rs"]
mod tests;
