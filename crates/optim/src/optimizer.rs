//! AdamW and Adam over flat weights.

use burn::tensor::{Device, Tensor};
use case::{Kernels, OptimizerConfig, OptimizerKind};
use kernels::AdamStep;

/// What an optimizer must know of a weight.
#[derive(Debug, Clone)]
pub struct WeightInfo {
    /// Its path in the model, such as `encoder.layers.0.qkv.weight`.
    pub name: String,
    /// Its axes; one axis marks biases and norms.
    pub shape: Vec<usize>,
}

/// First and second moments of every gradient, and how many updates made them.
pub struct Optimizer {
    config: OptimizerConfig,
    decays: Vec<bool>,
    first: Vec<Tensor<1>>,
    second: Vec<Tensor<1>>,
    updates: u64,
    kernels: Kernels,
}

/// One update's numbers, the same for every weight.
#[derive(Debug, Clone, Copy)]
pub struct Update {
    /// The learning rate.
    pub lr: f64,
    /// What gradients are multiplied by: [`crate::clip_factor`], over the scale of the loss where it was scaled.
    pub clip_factor: f64,
}

impl Optimizer {
    /// An optimizer that has seen nothing. `device` is a plain one, without gradients; `kernels` are those it has.
    pub fn new(config: &OptimizerConfig, weights: &[WeightInfo], device: &Device, kernels: Kernels) -> Self {
        let zeros = |weight: &WeightInfo| Tensor::zeros([weight.shape.iter().product::<usize>()], device);
        let moments = || weights.iter().map(zeros).collect::<Vec<_>>();
        let decays = weights.iter().map(|weight| decays(config, weight)).collect();
        Self { config: config.clone(), decays, first: moments(), second: moments(), updates: 0, kernels }
    }

    /// Counts an update; [`Optimizer::apply`] then makes it, weight by weight.
    pub fn begin(&mut self) {
        self.updates += 1;
    }

    /// Weight number `index` after the update that was begun. Nothing is copied where nobody else holds the weight.
    ///
    /// # Shapes
    /// - `weight`, `gradient`: `[n]`, those of weight `index` given to [`Optimizer::new`]; returns the same
    ///
    /// # Source
    /// `adamw`: Loshchilov and Hutter 2019, algorithm 2, with the decay scaled by the rate as PyTorch does. `adam`: Kingma
    /// and Ba 2015, algorithm 1, with `weight_decay · weight` added to the gradient.
    pub fn apply(&mut self, index: usize, weight: Tensor<1>, gradient: Tensor<1>, update: Update) -> Tensor<1> {
        let empty = || Tensor::zeros([0], &gradient.device());
        let first = std::mem::replace(&mut self.first[index], empty());
        let second = std::mem::replace(&mut self.second[index], empty());
        let step = self.numbers(index, update);
        let [weight, first, second] = match self.kernels {
            Kernels::Own => kernels::adam(weight, gradient, first, second, step),
            Kernels::Composed => kernels::adam_composed(weight, gradient, first, second, step),
        };
        (self.first[index], self.second[index]) = (first, second);
        weight
    }

    /// The same on a GPU, by a factor that the host has not seen: the second of [`crate::clip_on_device`]. Where that is
    /// below 0 nothing changes; [`Optimizer::take_back`] then says so.
    pub fn apply_by(
        &mut self,
        index: usize,
        weight: Tensor<1>,
        gradient: Tensor<1>,
        lr: f64,
        factor: &Tensor<1>,
    ) -> Tensor<1> {
        let empty = || Tensor::zeros([0], &gradient.device());
        let first = std::mem::replace(&mut self.first[index], empty());
        let second = std::mem::replace(&mut self.second[index], empty());
        let step = self.numbers(index, Update { lr, clip_factor: 1.0 });
        let [weight, first, second] = kernels::adam_by(weight, gradient, [first, second], factor.clone(), step);
        (self.first[index], self.second[index]) = (first, second);
        weight
    }

    /// Counts the update that was begun last as not made.
    pub fn take_back(&mut self) {
        self.updates -= 1;
    }

    fn numbers(&self, index: usize, update: Update) -> AdamStep {
        let OptimizerConfig { beta1, beta2, epsilon, weight_decay, .. } = self.config;
        let decay = if self.decays[index] { weight_decay } else { 0.0 };
        let (shrink, into_gradient) = match self.config.kind {
            OptimizerKind::Adamw => (1.0 - update.lr * decay, 0.0),
            OptimizerKind::Adam => (1.0, decay),
        };
        let (bias1, bias2) = self.bias_corrections();
        AdamStep {
            gradient_factor: update.clip_factor as f32,
            shrink: shrink as f32,
            into_gradient: into_gradient as f32,
            beta1: [beta1 as f32, (1.0 - beta1) as f32],
            beta2: [beta2 as f32, (1.0 - beta2) as f32],
            rate: (update.lr / bias1) as f32,
            root_factor: (1.0 / bias2.sqrt()) as f32,
            epsilon: epsilon as f32,
        }
    }

    /// What the moments are divided by: how much of them is not the zeros they began with.
    fn bias_corrections(&self) -> (f64, f64) {
        if !self.config.bias_correction {
            return (1.0, 1.0);
        }
        let left = |beta: f64| 1.0 - beta.powf(self.updates as f64);
        (left(self.config.beta1), left(self.config.beta2))
    }

    /// Who computes its steps.
    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    /// How many updates there were.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// First and second moments, each in the order of the weights, `[n_i]`.
    pub fn moments(&self) -> (&[Tensor<1>], &[Tensor<1>]) {
        (&self.first, &self.second)
    }

    /// Goes on from saved moments, given in the order of the weights.
    ///
    /// # Panics
    /// If the counts differ from the weights'.
    pub fn restore(&mut self, first: Vec<Tensor<1>>, second: Vec<Tensor<1>>, updates: u64) {
        assert_eq!((first.len(), second.len()), (self.decays.len(), self.decays.len()), "moments for every weight");
        (self.first, self.second, self.updates) = (first, second, updates);
    }
}

/// Whether `weight_decay` touches this weight: matrices yes, embeddings and vectors as the case says.
pub fn decays(config: &OptimizerConfig, weight: &WeightInfo) -> bool {
    match weight.shape.len() {
        1 => config.decay_all,
        _ if weight.name.contains("embeddings") => config.decay_embeddings,
        _ => true,
    }
}
