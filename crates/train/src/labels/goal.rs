//! What a model should say of labelled examples, and what it costs to say otherwise.

use burn::tensor::{
    Tensor, TensorData,
    activation::{log_sigmoid, log_softmax},
};
use case::{CaseConfig, ClassWeights};
use corpus::labelled::{self, LabelledBatch, Target as Truths};
use journal::metrics;

use super::{Speech, Truth};

/// What a label is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// One class a text.
    One,
    /// Any number of classes a text.
    Many,
    /// A probability for each class.
    Soft,
    /// One tag a token.
    Tags,
}

/// The loss of a case: cross-entropy, weighted by class and smoothed where the case asks for it.
pub(crate) struct Goal {
    target: Target,
    /// Of each class; for several labels, of each label's presence.
    weights: Vec<f64>,
    smoothing: f64,
}

/// What one position's logits came to; of several labels, all of them together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decision {
    /// Cross-entropy without weights and smoothing, per label where there are several: comparable with validation.
    pub(crate) nats: f64,
    /// Whether the likeliest is the true one; of several labels, whether all are right.
    pub(crate) is_right: bool,
}

/// What a batch costs at best, in nats, summed over its positions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Floors {
    /// Where each position gets the best answer to it: above 0 for probabilities and smoothed labels.
    pub(crate) each: f64,
    /// Where all positions get one and the same answer, the best such.
    pub(crate) constant: f64,
}

/// `−Σ q ln(q / Σ q)`: the least that `−Σ q ln p` can be.
fn least(wishes: &[f64]) -> f64 {
    let sum = wishes.iter().sum::<f64>();
    wishes.iter().filter(|q| **q > 0.0).map(|q| -q * (q / sum).ln()).sum()
}

impl Goal {
    pub(super) fn new(config: &CaseConfig, speech: &Speech) -> Self {
        let shares = &speech.prior.shares;
        let weights = match (config.finetune.class_weights, speech.target) {
            (ClassWeights::None, _) => vec![1.0; shares.len()],
            (ClassWeights::Balanced, Target::Many) => labelled::positive_weights(shares),
            (ClassWeights::Balanced, _) => labelled::balanced_weights(shares),
        };
        Self { target: speech.target, weights, smoothing: config.finetune.label_smoothing }
    }

    /// Decisions of so many scored positions.
    pub(crate) fn decisions(&self, positions: usize) -> usize {
        if self.target == Target::Many { positions * self.weights.len() } else { positions }
    }

    /// `scale` times the sum of what the logits cost, `[K, C]` to `[1]`.
    ///
    /// # Source
    /// One class, probabilities and tags: `−Σ_c w_c ((1 − ε) t_c + ε / C) ln p_c` (Szegedy et al. 2016, §7, with weights as
    /// PyTorch's `CrossEntropyLoss` has them). Several labels: `−Σ_c w_c t_c ln σ(x_c) + (1 − t_c) ln σ(−x_c)`.
    pub(crate) fn loss(&self, logits: Tensor<2>, batch: &LabelledBatch, truth: &Truth, scale: f64) -> Tensor<1> {
        let [positions, classes] = logits.dims();
        let device = logits.device().without_autodiff();
        let wanted = |values: Vec<f32>| {
            let wanted = Tensor::<2>::from_data(TensorData::new(values, [positions, classes]), &device);
            if logits.is_autodiff() { wanted.autodiff() } else { wanted }
        };
        let mut targets = self.targets(batch, truth);
        if self.target == Target::Many {
            let absent = wanted(targets.iter().map(|t| 1.0 - t).collect());
            targets.iter_mut().enumerate().for_each(|(at, t)| *t *= self.weights[at % classes] as f32);
            let costs = log_sigmoid(logits.clone()) * wanted(targets) + log_sigmoid(-logits.clone()) * absent;
            return costs.sum() * -scale;
        }
        let weigh = |(at, t): (usize, &f32)| self.wish(at % classes, *t) as f32;
        let weighted = targets.iter().enumerate().map(weigh).collect();
        (log_softmax(logits.clone(), 1) * wanted(weighted)).sum() * -scale
    }

    /// What stands before a class's `ln p` in the loss.
    fn wish(&self, class: usize, target: f32) -> f64 {
        let smooth = (1.0 - self.smoothing) * f64::from(target) + self.smoothing / self.weights.len() as f64;
        self.weights[class] * smooth
    }

    /// What a batch costs at best, in the nats of [`Goal::loss`] with `scale` 1.
    pub(crate) fn floors(&self, batch: &LabelledBatch, truth: &Truth) -> Floors {
        let classes = self.weights.len();
        let mut each = 0.0;
        let mut sums = Vec::new();
        for targets in self.targets(batch, truth).chunks_exact(classes) {
            let wishes = self.wishes(targets);
            each += wishes.iter().map(|wishes| least(wishes)).sum::<f64>();
            sums.resize_with(wishes.len(), || vec![0.0; wishes[0].len()]);
            let pairs = sums.iter_mut().flatten().zip(wishes.iter().flatten());
            pairs.for_each(|(sum, wish)| *sum += wish);
        }
        Floors { each, constant: sums.iter().map(|wishes| least(wishes)).sum() }
    }

    /// What stands before each `ln p` of a position's loss, parted into answers whose probabilities sum to 1.
    fn wishes(&self, targets: &[f32]) -> Vec<Vec<f64>> {
        let pairs = targets.iter().enumerate();
        if self.target == Target::Many {
            let present = |(class, t): (usize, &f32)| vec![self.weights[class] * f64::from(*t), 1.0 - f64::from(*t)];
            return pairs.map(present).collect();
        }
        vec![pairs.map(|(class, t)| self.wish(class, *t)).collect()]
    }

    /// What became of each scored position, from its logits, `[K * C]`.
    pub(crate) fn decided(&self, logits: &[f32], batch: &LabelledBatch, truth: &Truth) -> Vec<Decision> {
        let classes = self.weights.len();
        let targets = self.targets(batch, truth);
        if self.target == Target::Many {
            let of_text = |(logits, targets): (&[f32], &[f32])| {
                let pairs = logits.iter().zip(targets).map(|(logit, t)| {
                    let (present, absent) = metrics::log_sigmoid(*logit);
                    (if *t > 0.5 { -present } else { -absent }, (present > absent) == (*t > 0.5))
                });
                let (nats, is_right) = pairs.fold((0.0, true), |(sum, all), (nats, right)| (sum + nats, all && right));
                Decision { nats: nats / classes as f64, is_right }
            };
            return logits.chunks_exact(classes).zip(targets.chunks_exact(classes)).map(of_text).collect();
        }
        let log_probs = metrics::log_softmax(logits, classes);
        let said = metrics::likeliest(&log_probs, classes);
        let meant = metrics::likeliest(&targets.iter().map(|t| f64::from(*t)).collect::<Vec<_>>(), classes);
        let rows = log_probs.chunks_exact(classes).zip(targets.chunks_exact(classes));
        let nats = rows.map(|(logs, targets)| {
            let costs = logs.iter().zip(targets).filter(|(_, t)| **t > 0.0);
            -costs.map(|(log, t)| log * f64::from(*t)).sum::<f64>()
        });
        let pairs = nats.zip(said.iter().zip(&meant));
        pairs.map(|(nats, (said, meant))| Decision { nats, is_right: said == meant }).collect()
    }

    /// What is true at each scored position, `[K * C]`: shares that sum to 1, or 1 for each label that is there.
    fn targets(&self, batch: &LabelledBatch, truth: &Truth) -> Vec<f32> {
        let classes = self.weights.len();
        let mut targets = vec![0.0; batch.positions.len() * classes];
        for (row, (targets, label)) in targets.chunks_exact_mut(classes).zip(&batch.labels).enumerate() {
            match truth {
                Truth::Tags(_) => targets[*label as usize] = 1.0,
                Truth::Texts(truths) => match &truths[batch.inputs[row]] {
                    Truths::Single(class) => targets[*class] = 1.0,
                    Truths::Many(held) => held.iter().for_each(|class| targets[*class] = 1.0),
                    Truths::Soft(shares) => targets.iter_mut().zip(shares).for_each(|(t, share)| *t = *share as f32),
                },
            }
        }
        targets
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::LN_2;

    use corpus::labelled::{LabelledBatch, ModelInput, Target as Truths};

    use super::{Goal, Target};
    use crate::labels::Truth;

    fn batch(rows: usize) -> LabelledBatch {
        let input = ModelInput { ids: vec![1], token_types: vec![0], labels: vec![Some(0)], ..ModelInput::default() };
        LabelledBatch::of(&vec![input; rows], &(0..rows).collect::<Vec<_>>(), 0)
    }

    fn floors(target: Target, weights: &[f64], smoothing: f64, truths: Vec<Truths>) -> [f64; 2] {
        let goal = Goal { target, weights: weights.to_vec(), smoothing };
        let found = goal.floors(&batch(truths.len()), &Truth::Texts(truths));
        [found.each, found.constant]
    }

    fn near(found: [f64; 2], wanted: [f64; 2]) {
        let is_near = found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-6);
        assert!(is_near, "{found:?}, not {wanted:?}");
    }

    #[test]
    fn a_hard_label_costs_nothing_at_best_and_one_answer_for_all_costs_the_entropy_of_the_batch() {
        let both = vec![Truths::Single(0), Truths::Single(1)];
        near(floors(Target::One, &[1.0, 1.0], 0.0, both), [0.0, 2.0 * LN_2]);
        near(floors(Target::One, &[1.0, 1.0], 0.0, vec![Truths::Single(1); 2]), [0.0, 0.0]);
        let many = vec![Truths::Many(vec![0, 1]), Truths::Many(vec![1])];
        near(floors(Target::Many, &[1.0, 1.0], 0.0, many), [0.0, 2.0 * LN_2]);
    }

    #[test]
    fn probabilities_and_smoothed_labels_have_a_cost_that_no_answer_saves() {
        near(floors(Target::Soft, &[1.0, 1.0], 0.0, vec![Truths::Soft(vec![0.5, 0.5])]), [LN_2, LN_2]);
        let entropy = -(0.95 * 0.95f64.ln() + 0.05 * 0.05f64.ln());
        near(floors(Target::One, &[1.0, 1.0], 0.1, vec![Truths::Single(0)]), [entropy, entropy]);
    }
}
