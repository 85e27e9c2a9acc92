//! What is allowed and should be said aloud.

use crate::{
    CaseConfig, Freeze, Length, MaskPolicy, NormPlacement, OptimizerKind, OrderKind,
    explain::{key_in_table, number},
};

/// Settings that are no errors and that surprise people, each in one sentence or two.
pub fn warnings(config: &CaseConfig) -> Vec<String> {
    let mut said = Vec::new();
    optimizer(config, &mut said);
    masking(config, &mut said);
    examples(config, &mut said);
    if config.data.order == OrderKind::InOrder {
        said.push(format!(
            "{} = \"in-order\": each epoch reads one corpus after the other, so the encoder forgets the first while it \
             learns the second, and the loss becomes a square wave; \"mixed\" is the rule",
            key_in_table("data.order")
        ));
    }
    if let [seed] = config.seeds[..] {
        said.push(format!(
            "`seeds` = [{seed}]: one run is an anecdote; a difference between variants needs three seeds or more to be \
             told from noise"
        ));
    }
    said
}

fn optimizer(config: &CaseConfig, said: &mut Vec<String>) {
    let (optimizer, schedule) = (&config.optimizer, &config.schedule);
    if optimizer.kind == OptimizerKind::Adam && optimizer.weight_decay > 0.0 {
        said.push(format!(
            "{} = \"adam\" with weight_decay = {}: the decay is added to the gradient, where Adam's division by its \
             own root makes it as large as any gradient; 0.01 so shrank every weight of case 2 to nothing and its loss \
             stood at the unigram entropy; \"adamw\" decays apart from the gradient",
            key_in_table("optimizer.kind"),
            number(optimizer.weight_decay)
        ));
    }
    let rate = schedule.learning_rate;
    if !(1e-6..=1e-2).contains(&rate) {
        said.push(format!(
            "{} = {}: encoders of this kind are trained between 1e-6 and 1e-2, mostly at 1e-4 to 1e-3",
            key_in_table("schedule.learning_rate"),
            number(rate)
        ));
    }
    let has_warmup = !matches!(schedule.warmup, Length::Steps(0) | Length::Tokens(0))
        && !matches!(schedule.warmup, Length::Share(x) | Length::Epochs(x) if x == 0.0);
    if config.model.norm == NormPlacement::Post && !has_warmup {
        said.push(format!(
            "{} = \"post\" without warm-up: post-norm stacks often fail to start at the full rate; set `warmup` in \
             [schedule], such as \"6 %\", or norm = \"pre\"",
            key_in_table("model.norm")
        ));
    }
}

fn masking(config: &CaseConfig, said: &mut Vec<String>) {
    let masking = &config.masking;
    if masking.random + masking.keep == 0.0 {
        said.push(
            "[masking] replaces every selected token by [MASK] (`random` and `keep` are 0): the encoder is never asked \
             about a token it can see, and text without [MASK] looks foreign to it later; 0.8, 0.1, 0.1 is usual"
                .into(),
        );
    } else if masking.mask == 0.0 {
        said.push("[masking] never uses [MASK] (`mask` is 0), so `fill-mask` asks for what was never trained".into());
    }
    if !(0.05..=0.5).contains(&masking.rate) {
        said.push(format!(
            "{} = {}: 0.15 is usual, 0.4 the most that has been found of use",
            key_in_table("masking.rate"),
            number(masking.rate)
        ));
    }
    if masking.policy == MaskPolicy::Fixed {
        said.push(format!(
            "{} = \"fixed\": every epoch asks for the same tokens, so training loss falls by memory and says less than \
             validation does",
            key_in_table("masking.policy")
        ));
    }
}

fn examples(config: &CaseConfig, said: &mut Vec<String>) {
    let (examples, finetune) = (&config.examples, &config.finetune);
    if examples.test.is_some() && examples.test == examples.valid {
        said.push(format!(
            "{} names the files of `valid`: the best checkpoint is chosen on them, so what it reaches there is no test",
            key_in_table("examples.test")
        ));
    }
    if config.start.is_none() && finetune.freeze != Freeze::Nothing {
        said.push(format!(
            "{} = {} without `start`: what is frozen are weights as they were drawn, which have learned nothing",
            key_in_table("finetune.freeze"),
            finetune.freeze
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::warnings;
    use crate::{CaseConfig, Freeze, Length, MaskPolicy, NormPlacement, OptimizerKind, OrderKind, Paths};

    /// The defaults with three seeds, about which there is nothing to say.
    fn quiet() -> CaseConfig {
        CaseConfig { seeds: vec![1, 2, 3], ..CaseConfig::default() }
    }

    #[test]
    fn the_defaults_with_three_seeds_pass_in_silence() {
        assert_eq!(warnings(&quiet()), [""; 0]);
    }

    #[test]
    fn each_surprise_is_said_once() {
        type Change = fn(&mut CaseConfig);
        let same = || Some(Paths::One("dev.tsv".into()));
        let mut tested_on_valid = quiet();
        (tested_on_valid.examples.valid, tested_on_valid.examples.test) = (same(), same());
        assert!(warnings(&tested_on_valid)[0].contains("no test"));
        let cases: [(Change, &str); 11] = [
            (|case| case.finetune.freeze = Freeze::Layers(2), "`freeze` in [finetune] = 2 without `start`"),
            (|case| case.seeds = vec![7], "one run is an anecdote"),
            (|case| case.optimizer.kind = OptimizerKind::Adam, "the decay is added to the gradient"),
            (|case| case.data.order = OrderKind::InOrder, "square wave"),
            (|case| (case.masking.mask, case.masking.random, case.masking.keep) = (1.0, 0.0, 0.0), "never asked"),
            (|case| (case.masking.mask, case.masking.random) = (0.0, 0.9), "never uses [MASK]"),
            (|case| case.masking.rate = 0.7, "`rate` in [masking] = 0.7"),
            (|case| case.masking.policy = MaskPolicy::Fixed, "falls by memory"),
            (|case| case.schedule.learning_rate = 0.1, "`learning_rate` in [schedule] = 0.1"),
            (|case| case.schedule.learning_rate = 1e-8, "`learning_rate` in [schedule] = 1e-8"),
            (
                |case| {
                    case.model.norm = NormPlacement::Post;
                    case.schedule.warmup = Length::Steps(0);
                },
                "post-norm stacks",
            ),
        ];
        for (change, words) in cases {
            let mut case = quiet();
            change(&mut case);
            let said = warnings(&case);
            assert!(said.len() == 1 && said[0].contains(words), "{words}: {said:?}");
        }
    }

    #[test]
    fn adam_without_decay_is_nobodys_trap() {
        let mut case = quiet();
        case.optimizer.kind = OptimizerKind::Adam;
        case.optimizer.weight_decay = 0.0;
        assert_eq!(warnings(&case), [""; 0]);
    }
}
