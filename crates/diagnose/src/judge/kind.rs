//! The rules by name: what each means, what it is not, what to try next, and where it comes from.

use std::fmt;

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "`about` says of each what it means")]
pub enum Kind {
    NonFinite,
    Diverged,
    ConstantPrediction,
    BelowBaseline,
    UnigramPlateau,
    NotLearning,
    FrozenModel,
    RateTooHigh,
    RateTooLow,
    SpikeNotRecovered,
    SpikeRecovered,
    Bistable,
    LateStart,
    Oscillation,
    Overfitting,
    LossUpMetricHolds,
    GeneralisationGap,
    Memorised,
    StillImproving,
    SaturatedEarly,
    BestFirst,
    BestLast,
    TieInNoise,
    EpochSawtooth,
    EpochWave,
    GradientBursts,
    ClippedAlways,
    RateOffPlan,
    MaskRate,
    ResumeSeam,
    MixedRuns,
    DuplicateMetrics,
    PerplexityMismatch,
    TooGood,
    Stall,
    NoEvaluation,
    TooShort,
}

/// What a rule is about. Sentences without a log's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Its name in reports and in `--json`.
    pub name: &'static str,
    /// In plain words.
    pub means: &'static str,
    /// What it is easily taken for.
    pub is_not: &'static str,
    /// One thing to try.
    pub next: &'static str,
    /// Paper or guide.
    pub source: &'static str,
}

/// Every rule, the gravest first.
pub const ALL_KINDS: [Kind; 37] = [
    Kind::NonFinite,
    Kind::Diverged,
    Kind::ConstantPrediction,
    Kind::BelowBaseline,
    Kind::UnigramPlateau,
    Kind::NotLearning,
    Kind::FrozenModel,
    Kind::RateTooHigh,
    Kind::RateTooLow,
    Kind::SpikeNotRecovered,
    Kind::SpikeRecovered,
    Kind::Bistable,
    Kind::LateStart,
    Kind::Oscillation,
    Kind::Overfitting,
    Kind::LossUpMetricHolds,
    Kind::GeneralisationGap,
    Kind::Memorised,
    Kind::StillImproving,
    Kind::SaturatedEarly,
    Kind::BestFirst,
    Kind::BestLast,
    Kind::TieInNoise,
    Kind::EpochSawtooth,
    Kind::EpochWave,
    Kind::GradientBursts,
    Kind::ClippedAlways,
    Kind::RateOffPlan,
    Kind::MaskRate,
    Kind::ResumeSeam,
    Kind::MixedRuns,
    Kind::DuplicateMetrics,
    Kind::PerplexityMismatch,
    Kind::TooGood,
    Kind::Stall,
    Kind::NoEvaluation,
    Kind::TooShort,
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.about().name)
    }
}

impl Kind {
    /// What the rule is about.
    pub const fn about(self) -> About {
        let (name, means, is_not, next, source) = match self {
            Self::NonFinite => (
                "non-finite",
                "A loss or a gradient was no number any more. What is learned after it is learned from nothing.",
                "Not a hard example: no text makes a loss infinite. In half precision a first step or two may overflow \
                 while the loss scale is found; that is harmless if it ends.",
                "Go back to the last checkpoint before it, halve the peak learning rate and clip the gradient at 1.0; \
                 in half precision use bfloat16 or a loss scale.",
                "Micikevicius et al. 2018, Mixed Precision Training, section 3.2",
            ),
            Self::Diverged => (
                "diverged",
                "The training loss ended above where it had been, and stayed there.",
                "Not overfitting: that raises the loss on held-out data while the training loss falls.",
                "Start again with a third of the peak learning rate, or a longer warm-up.",
                "Google Deep Learning Tuning Playbook, Identifying unstable workloads",
            ),
            Self::ConstantPrediction => (
                "constant-prediction",
                "The model gives the same answer to everything, most often the commonest class; the score is that \
                 class's share.",
                "Not vanishing gradients: the gradient of a constant answer is small because that answer is the best \
                 one without looking at the input. Not a result: 98 % accuracy of 98 % negatives is none.",
                "Lower the peak learning rate to 2e-5 with a warm-up of 10 %, and look at the confusion matrix, not at \
                 the accuracy.",
                "Mosbach et al. 2021, On the Stability of Fine-tuning BERT, section 5",
            ),
            Self::BelowBaseline => (
                "below-baseline",
                "The model is right no more often than one that always names the commonest class, or less often.",
                "Below that share not a hard task: on a hard one a model ends at the share. At it not yet a failure: where one \
                 class is rare, accuracy says nothing of it, and F1 may.",
                "Look at the confusion matrix: labels that are shifted or swapped between the splits stand beside its \
                 diagonal, and a class that is never named has an empty column.",
                "Karpathy 2019, A Recipe for Training Neural Networks, step 1",
            ),
            Self::UnigramPlateau => (
                "unigram-plateau",
                "The loss stands where knowing nothing but the frequencies of the tokens puts it: the encoder gives the \
                 same answer at every position.",
                "Not convergence, and not vanishing gradients: the output bias has learned, the layers below have not.",
                "Lower the learning rate, add a warm-up, and take weight decay out of Adam's gradient (AdamW), and hold \
                 the loss against the unigram line.",
                "Loshchilov & Hutter 2019, Decoupled Weight Decay Regularization, section 2; Shannon 1951 for the line",
            ),
            Self::NotLearning => (
                "not-learning",
                "The loss does not move, whatever the learning rate does.",
                "Not the end of training: a model that has learned all it can has a loss that first fell.",
                "Overfit one batch. If that fails too, the fault is in the labels, the masks or the parameters that are \
                 trained, not in the rate.",
                "Karpathy 2019, A Recipe for Training Neural Networks, steps 2 and 3",
            ),
            Self::FrozenModel => (
                "frozen-model",
                "The figures are the same to the last digit: nothing of the model changed between them.",
                "Not convergence: that leaves noise in the last digits.",
                "Look whether any parameter asks for a gradient, and whether the optimizer was given them.",
                "Karpathy 2019, A Recipe for Training Neural Networks, step 2",
            ),
            Self::RateTooHigh => (
                "rate-too-high",
                "The run shows what a too high learning rate does: a collapse, a jump or a standstill near the peak.",
                "Not proof: a too short warm-up, or too small a batch, does the same.",
                "Run again with a third of the peak, nothing else changed.",
                "Mosbach et al. 2021, section 5; Google Deep Learning Tuning Playbook, Identifying unstable workloads",
            ),
            Self::RateTooLow => (
                "rate-too-low",
                "The loss falls smoothly, slowly and without end: the steps are too small for the time given.",
                "Not underfitting by a too small model: that one flattens out.",
                "Run again with three times the peak, nothing else changed.",
                "Smith 2018, A disciplined approach to neural network hyper-parameters, section 4",
            ),
            Self::SpikeNotRecovered => (
                "spike-not-recovered",
                "The training loss jumped and did not come back to where it was.",
                "Not noise of the batches: that is as often below as above.",
                "Go back to the checkpoint before it and on with other data or a lower rate.",
                "Chowdhery et al. 2022, PaLM, section 5.1",
            ),
            Self::SpikeRecovered => (
                "spike-recovered",
                "The training loss jumped and came back.",
                "Not divergence. A window's mean is not one batch: a few very bad batches are enough, or a restart of \
                 the schedule.",
                "Nothing, once. If it comes again, clip the gradient or lower the rate.",
                "Chowdhery et al. 2022, PaLM, section 5.1",
            ),
            Self::Bistable => (
                "bistable",
                "The loss jumps between two levels and keeps to each for a while.",
                "Not noise, which stays around one level.",
                "Look for two kinds of data that take turns; otherwise lower the rate.",
                "Mosbach et al. 2021, section 5",
            ),
            Self::LateStart => (
                "late-start",
                "For a good part of the run nothing was learned, and then it was.",
                "Not a slow start of the warm-up: the rate was up already. Another seed may never leave the plateau.",
                "Try other seeds before believing the figure; a lower peak or a longer warm-up starts earlier.",
                "Mosbach et al. 2021, section 5",
            ),
            Self::Oscillation => (
                "oscillation",
                "The held-out loss goes up and down by more than its course explains.",
                "Not overfitting, whose loss rises for good.",
                "Lower the rate, or evaluate on more examples; trust no single evaluation.",
                "Google Deep Learning Tuning Playbook, Identifying unstable workloads",
            ),
            Self::Overfitting => (
                "overfitting",
                "The held-out loss has risen from its best while the training loss went on falling.",
                "Not divergence: on its own data the model still gets better.",
                "Take the checkpoint of the best evaluation; more data, more dropout or fewer epochs for the next run.",
                "Prechelt 1998, Early Stopping, But When?",
            ),
            Self::LossUpMetricHolds => (
                "loss-up-metric-holds",
                "The held-out loss rises while the metric does not fall: the model grows surer of the same mistakes.",
                "Not worse answers: worse probabilities. Who uses only the answers loses nothing.",
                "Choose the checkpoint by the metric you use, and calibrate (temperature) if you use probabilities.",
                "Guo et al. 2017, On Calibration of Modern Neural Networks, section 3",
            ),
            Self::GeneralisationGap => (
                "generalisation-gap",
                "The loss on held-out data is many times that on the training data, or stays behind as that falls.",
                "Not by itself harmful: what counts is the held-out figure, and whether it is still getting better.",
                "Look at where the held-out loss was best; more data or more dropout closes the gap.",
                "Goodfellow et al. 2016, Deep Learning, section 5.2",
            ),
            Self::Memorised => (
                "memorised",
                "The training loss has been near nothing for most of the run: every example is known by heart.",
                "Not success: of unseen data it says nothing.",
                "Stop there the next time, and measure on data that was held out.",
                "Zhang et al. 2017, Understanding deep learning requires rethinking generalization",
            ),
            Self::StillImproving => (
                "still-improving",
                "It was getting better when it ended.",
                "Not a fault: a longer run would have been better still, and a comparison at this point is unfair to it.",
                "Train longer, with the schedule stretched to the new length.",
                "Google Deep Learning Tuning Playbook, Deciding how long to train",
            ),
            Self::SaturatedEarly => (
                "saturated-early",
                "Nearly all that was gained was gained in the first part of the run.",
                "Not a fault: time was spent that bought nothing.",
                "Plan fewer steps, or spend them on more data.",
                "Google Deep Learning Tuning Playbook, Deciding how long to train",
            ),
            Self::BestFirst => (
                "best-first",
                "The first evaluation was the best: what came after made the held-out loss worse, or the best was earlier still.",
                "Not proof that less training is better: no evaluation saw what was before.",
                "Evaluate several times within the first epoch.",
                "Prechelt 1998, Early Stopping, But When?",
            ),
            Self::BestLast => (
                "best-last",
                "The last evaluation was the best.",
                "Not a fault; but the best may lie beyond the end.",
                "Train longer if the last gain was larger than the noise.",
                "Google Deep Learning Tuning Playbook, Deciding how long to train",
            ),
            Self::TieInNoise => (
                "tie-in-noise",
                "The evaluations differ by less than the error of measuring on so few examples.",
                "Not an order: the best of them was chosen by chance.",
                "Evaluate on more examples, or take the last checkpoint and say that it was a tie.",
                "Card et al. 2020, With Little Power Comes Great Responsibility, section 3",
            ),
            Self::EpochSawtooth => (
                "epoch-sawtooth",
                "The loss goes up and down with the epoch: the same data come at the same place in each.",
                "Not an unstable rate: an unstable one keeps no calendar.",
                "Shuffle all corpora together, anew in each epoch.",
                "Bengio 2012, Practical Recommendations, section 2.3 (shuffling)",
            ),
            Self::EpochWave => (
                "epoch-wave",
                "A weak wave with the period of the epoch runs through the loss.",
                "Not learning and forgetting by itself: the order of the data shows through.",
                "Draw a new order in each epoch.",
                "Bengio 2012, Practical Recommendations, section 2.3 (shuffling)",
            ),
            Self::GradientBursts => (
                "gradient-bursts",
                "Single gradients are many times as large as the usual ones.",
                "Not a fault where they are clipped and the loss does not move.",
                "Clip at about the median norm, and look at the batches they came from.",
                "Pascanu et al. 2013, On the difficulty of training recurrent neural networks, section 3.2",
            ),
            Self::ClippedAlways => (
                "clipped-always",
                "Nearly every gradient is clipped: the bound, not the gradient, sets the length of a step.",
                "Not harmful with Adam, which divides by the gradient's size anyway; but the rate is no longer what it seems.",
                "Raise the bound above the median norm, or know that you train with normalised gradients.",
                "Zhang et al. 2020, Why gradient clipping accelerates training, section 4",
            ),
            Self::RateOffPlan => (
                "rate-off-plan",
                "The learning rate of the log is not that of the plan.",
                "Not rounding: the difference is larger than the log's digits allow.",
                "Believe the log: correct the journal, or the script that was thought to set the rate.",
                "the log itself",
            ),
            Self::MaskRate => (
                "mask-rate",
                "So many words are hidden that little is left to guess from, or so few that little is learned from a batch.",
                "Not a broken run: its loss falls, but it cannot be compared with that of another rate, and the encoder is worse.",
                "Hide 15 to 40 % of the words.",
                "Wettig et al. 2023, Should You Mask 15% in Masked Language Modeling?, section 3",
            ),
            Self::ResumeSeam => (
                "resume-seam",
                "The run was interrupted and went on from an earlier point; the rows between are measured twice.",
                "Not a new run, and not a spike if the loss jumps exactly there.",
                "Compare the loss on both sides: a jump means that the optimizer or the order of the data was not restored.",
                "the log itself",
            ),
            Self::MixedRuns => (
                "mixed-runs",
                "The file holds more than one run.",
                "Not one curve: whoever draws it as one sees spikes and restarts that never were.",
                "Judge each by itself, and write each run to its own file.",
                "the log itself",
            ),
            Self::DuplicateMetrics => (
                "duplicate-metrics",
                "Two figures are the same throughout: one of them measures nothing of its own.",
                "Not agreement of two measurements: it is one measurement with two names.",
                "Look how the second is computed (micro-averaged F1 of one label per example is its accuracy).",
                "scikit-learn user guide, 3.4.4.9 Precision, recall and F-measures",
            ),
            Self::PerplexityMismatch => (
                "perplexity-mismatch",
                "The perplexity is not the exponential of the loss beside it.",
                "Not rounding. Either the two are averaged over different things, or the loss holds more than the cross-entropy.",
                "Average nats over tokens first, then take the exponential once.",
                "Jurafsky & Martin, Speech and Language Processing, chapter 3.2",
            ),
            Self::TooGood => (
                "too-good",
                "The score was nearly perfect almost at once.",
                "Not necessarily a good model: easy data, or the same examples in both splits.",
                "Search both splits for duplicates, and look for the label in the text.",
                "Elangovan et al. 2021, Memorization vs. Generalization: Quantifying Data Leakage in NLP",
            ),
            Self::Stall => (
                "stall",
                "For a stretch the run made hardly any steps.",
                "Not a fault of the model: the machine, the disk or another program held it up.",
                "Look at what else ran at that hour before comparing speeds.",
                "the log itself",
            ),
            Self::NoEvaluation => (
                "no-evaluation",
                "Nothing held out was measured.",
                "Not a bad model, and not a good one: a training loss cannot tell learning from memorising.",
                "Evaluate the saved checkpoints on held-out data, once, before anything else.",
                "Goodfellow et al. 2016, Deep Learning, section 5.2",
            ),
            Self::TooShort => (
                "too-short",
                "There are too few rows to see a course in them.",
                "Not a sign of anything.",
                "Log ten times as often.",
                "the log itself",
            ),
        };
        About { name, means, is_not, next, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        let mut names: Vec<&str> = ALL_KINDS.iter().map(|kind| kind.about().name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL_KINDS.len());
    }
}
