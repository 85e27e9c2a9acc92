//! The names of the figures, and which way each is better.

/// Every figure that the scores of some task have, as `metric` in a case file and `--metric` name it.
pub const FIGURES: [&str; 19] = [
    "accuracy",
    "subset-accuracy",
    "f1-macro",
    "f1-micro",
    "f1-weighted",
    "f1-samples",
    "precision-macro",
    "recall-macro",
    "precision-micro",
    "recall-micro",
    "mcc",
    "strict-f1-micro",
    "strict-f1-macro",
    "strict-f1-weighted",
    "strict-precision-micro",
    "strict-recall-micro",
    "cross-entropy",
    "kl-divergence",
    "calibration-error",
];

/// Whether less of a figure is better: of what is counted in nats, and of the calibration error.
pub fn is_lower_better(figure: &str) -> bool {
    matches!(figure, "cross-entropy" | "kl-divergence" | "calibration-error" | "loss")
}
