//! AdamW and Adam over flat weights.

use burn::tensor::{Device, Tensor};
use case::{OptimizerConfig, OptimizerKind};

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
}

impl Optimizer {
    /// An optimizer that has seen nothing. `device` is a plain one, without gradients.
    pub fn new(config: &OptimizerConfig, weights: &[WeightInfo], device: &Device) -> Self {
        let zeros = |weight: &WeightInfo| Tensor::zeros([weight.shape.iter().product::<usize>()], device);
        let moments = || weights.iter().map(zeros).collect::<Vec<_>>();
        let decays = weights.iter().map(|weight| decays(config, weight)).collect();
        Self { config: config.clone(), decays, first: moments(), second: moments(), updates: 0 }
    }

    /// The weights after one update with rate `lr`; `gradients` are clipped already.
    ///
    /// # Shapes
    /// - `weights[i]`, `gradients[i]`: `[n_i]`, in the order given to [`Optimizer::new`]; returns the same
    ///
    /// # Source
    /// `adamw`: Loshchilov and Hutter 2019, algorithm 2, with the decay scaled by the rate as PyTorch does. `adam`: Kingma
    /// and Ba 2015, algorithm 1, with `weight_decay · weight` added to the gradient.
    pub fn step(&mut self, weights: Vec<Tensor<1>>, gradients: Vec<Tensor<1>>, lr: f64) -> Vec<Tensor<1>> {
        self.updates += 1;
        let pairs = weights.into_iter().zip(gradients);
        pairs.enumerate().map(|(index, (weight, gradient))| self.update(index, weight, gradient, lr)).collect()
    }

    fn update(&mut self, index: usize, weight: Tensor<1>, gradient: Tensor<1>, lr: f64) -> Tensor<1> {
        let OptimizerConfig { beta1, beta2, epsilon, weight_decay, .. } = self.config;
        let decay = if self.decays[index] { weight_decay } else { 0.0 };
        let (mut weight, mut gradient) = (weight, gradient);
        if decay > 0.0 {
            match self.config.kind {
                OptimizerKind::Adamw => weight = weight * (1.0 - lr * decay),
                OptimizerKind::Adam => gradient = gradient + weight.clone() * decay,
            }
        }
        let first = self.first[index].clone() * beta1 + gradient.clone() * (1.0 - beta1);
        let second = self.second[index].clone() * beta2 + gradient.clone() * gradient * (1.0 - beta2);
        let (bias1, bias2) = self.bias_corrections();
        let root = second.clone().sqrt() * (1.0 / bias2.sqrt()) + epsilon;
        let step = first.clone() / root * (lr / bias1);
        self.first[index] = first;
        self.second[index] = second;
        weight - step
    }

    /// What the moments are divided by: how much of them is not the zeros they began with.
    fn bias_corrections(&self) -> (f64, f64) {
        if !self.config.bias_correction {
            return (1.0, 1.0);
        }
        let left = |beta: f64| 1.0 - beta.powf(self.updates as f64);
        (left(self.config.beta1), left(self.config.beta2))
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
