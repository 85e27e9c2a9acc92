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

/// What one position's logits came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decision {
    /// Cross-entropy without weights and smoothing: comparable with validation.
    pub(crate) nats: f64,
    /// Whether the likeliest is the true one.
    pub(crate) is_right: bool,
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
        let spread = self.smoothing / classes as f64;
        let weigh = |(at, t): (usize, &f32)| {
            (self.weights[at % classes] * ((1.0 - self.smoothing) * f64::from(*t) + spread)) as f32
        };
        let weighted = targets.iter().enumerate().map(weigh).collect();
        (log_softmax(logits.clone(), 1) * wanted(weighted)).sum() * -scale
    }

    /// What became of each scored position, from its logits, `[K * C]`.
    pub(crate) fn decided(&self, logits: &[f32], batch: &LabelledBatch, truth: &Truth) -> Vec<Decision> {
        let classes = self.weights.len();
        let targets = self.targets(batch, truth);
        if self.target == Target::Many {
            let one = |(logit, t): (&f32, &f32)| {
                let (present, absent) = metrics::log_sigmoid(*logit);
                Decision { nats: if *t > 0.5 { -present } else { -absent }, is_right: (present > absent) == (*t > 0.5) }
            };
            return logits.iter().zip(&targets).map(one).collect();
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
