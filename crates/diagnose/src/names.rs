//! What a name in a log means: one table from other people's words to ours.

use crate::log::Split;

/// What a named number is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Role {
    /// Updates done.
    Step,
    /// Rows logged so far: updates only where nothing better is there (`_step` of Weights & Biases).
    WeakStep,
    /// Epochs done.
    Epoch,
    /// Batch within the epoch.
    Batch,
    /// Batch within an epoch that is counted from 1.
    InnerBatch,
    /// Batches of an epoch.
    BatchTotal,
    /// A metric; without a split where the name does not say.
    Metric(Option<Split>, String),
}

/// What `written` means.
pub(crate) fn role(written: &str) -> Role {
    let name = plain(written);
    match name.as_str() {
        "step"
        | "steps"
        | "global_step"
        | "iter"
        | "iters"
        | "iteration"
        | "num_updates"
        | "train_global_step"
        | "trainer_global_step"
        | "update"
        | "updates"
        | "num_steps"
        | "current_steps"
        | "global_steps"
        | "train_step" => Role::Step,
        "_step" | "wandb_step" => Role::WeakStep,
        "epoch" | "train_epoch" | "ep" | "current_epoch" => Role::Epoch,
        "batch" => Role::Batch,
        "inner_batch" => Role::InnerBatch,
        "batch_total" => Role::BatchTotal,
        _ => {
            let (split, metric) = without_split(&name);
            Role::Metric(split, canonical(metric).to_string())
        }
    }
}

/// Lower case, one underscore for anything that is no letter or digit; a leading underscore stays.
pub(crate) fn plain(written: &str) -> String {
    let mut name = String::with_capacity(written.len());
    for letter in written.trim().chars() {
        if letter.is_alphanumeric() {
            name.extend(letter.to_lowercase());
        } else if !name.ends_with('_') && (letter == '_' || !name.is_empty()) {
            name.push('_');
        }
    }
    while name.len() > 1 && name.ends_with('_') {
        name.pop();
    }
    name
}

fn without_split(name: &str) -> (Option<Split>, &str) {
    let of = |word: &str| match word {
        "train" | "training" | "trn" => Some(Split::Train),
        "eval" | "evaluation" | "val" | "valid" | "validation" | "dev" => Some(Split::Valid),
        "test" | "predict" => Some(Split::Test),
        _ => None,
    };
    if let Some((first, rest)) = name.split_once('_')
        && let Some(split) = of(first)
    {
        // `train/train_loss`, `eval_val_loss`
        return match rest.split_once('_') {
            Some((again, rest)) if of(again).as_ref() == Some(&split) => (Some(split), rest),
            _ => (Some(split), rest),
        };
    }
    if let Some((rest, last)) = name.rsplit_once('_')
        && let Some(split) = of(last)
    {
        return (Some(split), rest);
    }
    (None, name)
}

fn canonical(metric: &str) -> &str {
    match metric {
        "learning_rate" | "lr" | "learningrate" | "current_lr" | "last_lr" | "lr_0" => "lr",
        "gnorm" | "grad_norm" | "gradient_norm" | "global_grad_norm" | "grad_norm_max" | "gradnorm" => "grad_norm",
        "acc" | "accuracy" | "accuracy_score" | "overall_accuracy" | "ac" => "accuracy",
        "ppl" | "perplexity" => "perplexity",
        "f1" | "f1_score" | "overall_f1" => "f1",
        "overall_precision" => "precision",
        "overall_recall" => "recall",
        "mcc" | "matthews_correlation" | "matthews_corrcoef" => "matthews",
        // The batch that was logged, beside the mean of its epoch.
        "loss_step" => "loss",
        other => other,
    }
}

/// Whether a name of ours is a figure of how well a model does, a rate or a gradient norm, and no time or count.
pub(crate) fn is_metric(metric: &str) -> bool {
    const WORDS: [&str; 38] = [
        "loss",
        "lr",
        "accuracy",
        "acc",
        "f1",
        "perplexity",
        "ppl",
        "precision",
        "recall",
        "bleu",
        "rouge",
        "rouge1",
        "rouge2",
        "rougel",
        "rougelsum",
        "wer",
        "cer",
        "mse",
        "mae",
        "rmse",
        "auc",
        "roc",
        "map",
        "em",
        "exact",
        "bpc",
        "gnorm",
        "matthews",
        "spearman",
        "spearmanr",
        "pearson",
        "kappa",
        "bits",
        "score",
        "fb1",
        "iou",
        "nll",
        "jaccard",
    ];
    metric == "grad_norm" || metric.split('_').any(|word| WORDS.contains(&word))
}

/// The split that a word names, as in a column `split`.
pub(crate) fn split_of(word: &str) -> Split {
    match plain(word).as_str() {
        "train" | "training" => Split::Train,
        "eval" | "evaluation" | "val" | "valid" | "validation" | "dev" => Split::Valid,
        "test" => Split::Test,
        other => Split::Named(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(split: Option<Split>, name: &str) -> Role {
        Role::Metric(split, name.into())
    }

    #[test]
    fn names_of_many_trainers_are_one_name_here() {
        assert_eq!(role("eval_loss"), metric(Some(Split::Valid), "loss"));
        assert_eq!(role("Validation Loss"), metric(Some(Split::Valid), "loss"));
        assert_eq!(role("val/loss"), metric(Some(Split::Valid), "loss"));
        assert_eq!(role("train/learning_rate"), metric(Some(Split::Train), "lr"));
        assert_eq!(role("train_loss_step"), metric(Some(Split::Train), "loss"));
        assert_eq!(role("train_loss_epoch"), metric(Some(Split::Train), "loss_epoch"));
        assert_eq!(role("gnorm"), metric(None, "grad_norm"));
        assert_eq!(role("Accuracy"), metric(None, "accuracy"));
        assert_eq!(role("train/global_step"), Role::Step);
        assert_eq!(role("_step"), Role::WeakStep);
    }

    #[test]
    fn times_and_counts_are_no_metrics() {
        assert!(is_metric("nll_loss") && is_metric("rougelsum") && is_metric("grad_norm"));
        assert!(!is_metric("runtime") && !is_metric("samples_per_second") && !is_metric("label"));
    }
}
