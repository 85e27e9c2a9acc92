//! What the learning rate is multiplied by, weight by weight: frozen layers and layers that learn more slowly.

use case::{CaseConfig, Freeze};

/// How a case treats its weights by their depth. Depth 0 are the embeddings, 1 the lowest layer, one above the highest layer
/// the last norm and the head.
pub(crate) struct Rates {
    n_layers: usize,
    decay: f64,
    /// Weights of a depth below it stand still.
    frozen: usize,
    /// The update from which on none does.
    free_from: Option<u64>,
}

impl Rates {
    /// The rates of a case; all 1 where it pre-trains.
    pub(crate) fn of(config: &CaseConfig, steps_per_epoch: u64) -> Self {
        let tune = &config.finetune;
        let frozen = match tune.freeze {
            _ if config.task.hides_words() => 0,
            Freeze::Nothing => 0,
            Freeze::Embeddings => 1,
            Freeze::Layers(layers) => layers + 1,
        };
        let decay = if config.task.hides_words() { 1.0 } else { tune.layer_decay };
        let free_from = tune.unfreeze_epoch.map(|epoch| (epoch * steps_per_epoch as f64).ceil() as u64);
        Self { n_layers: config.model.n_layers, decay, frozen, free_from }
    }

    /// Whether every weight learns at the same rate all the time.
    pub(crate) fn are_one(&self) -> bool {
        self.frozen == 0 && self.decay == 1.0
    }

    /// The factor of each weight at update `step`: 0 where it is frozen. None where all are 1.
    ///
    /// # Source
    /// Howard and Ruder 2018, §3.2 (discriminative fine-tuning), with the decay that the case gives.
    pub(crate) fn at(&self, step: u64, names: &[String]) -> Option<Vec<f64>> {
        let frozen = if self.free_from.is_some_and(|from| step >= from) { 0 } else { self.frozen };
        if frozen == 0 && self.decay == 1.0 {
            return None;
        }
        let top = self.n_layers + 1;
        let factor = |name: &String| {
            let depth = depth(name).unwrap_or(top);
            if depth < frozen { 0.0 } else { self.decay.powi((top - depth.min(top)) as i32) }
        };
        Some(names.iter().map(factor).collect())
    }
}

/// The depth of a weight; none above the layers.
fn depth(name: &str) -> Option<usize> {
    let rest = name.strip_prefix("encoder.")?;
    if rest.starts_with("embeddings.") {
        return Some(0);
    }
    let layer = rest.strip_prefix("layers.")?.split('.').next()?;
    layer.parse::<usize>().ok().map(|layer| layer + 1)
}

#[cfg(test)]
mod tests {
    use case::{CaseConfig, Freeze, Task};

    use super::Rates;

    fn names() -> Vec<String> {
        let names = ["encoder.embeddings.token", "encoder.layers.0.qkv.weight", "encoder.layers.1.qkv.weight"];
        names.into_iter().chain(["encoder.norm.weight", "head.weight"]).map(String::from).collect()
    }

    fn rates(freeze: Freeze, layer_decay: f64, unfreeze_epoch: Option<f64>) -> Rates {
        let mut config = CaseConfig { task: Task::Classify, ..CaseConfig::default() };
        config.model.n_layers = 2;
        config.finetune.freeze = freeze;
        config.finetune.layer_decay = layer_decay;
        config.finetune.unfreeze_epoch = unfreeze_epoch;
        Rates::of(&config, 10)
    }

    #[test]
    fn frozen_parts_have_no_rate_until_they_are_freed() {
        let rates = rates(Freeze::Layers(1), 1.0, Some(1.5));
        assert_eq!(rates.at(14, &names()), Some(vec![0.0, 0.0, 1.0, 1.0, 1.0]));
        assert_eq!(rates.at(15, &names()), None);
        let embeddings = self::rates(Freeze::Embeddings, 1.0, None);
        assert_eq!(embeddings.at(1_000, &names()), Some(vec![0.0, 1.0, 1.0, 1.0, 1.0]));
    }

    #[test]
    fn each_layer_below_the_head_learns_more_slowly() {
        let rates = rates(Freeze::Nothing, 0.5, None);
        assert_eq!(rates.at(0, &names()), Some(vec![0.125, 0.25, 0.5, 1.0, 1.0]));
    }

    #[test]
    fn pre_training_has_one_rate() {
        let mut config = CaseConfig::default();
        config.finetune.layer_decay = 0.5;
        assert_eq!(Rates::of(&config, 10).at(0, &names()), None);
    }
}
