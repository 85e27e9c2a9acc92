//! Settings and sizes that a log states: their names in other people's words and ours.

use crate::names::plain;

/// Our names of the facts that are looked for.
pub const FACT_KEYS: &[&str] = &[
    "learning_rate",
    "schedule",
    "warmup_steps",
    "warmup_frac",
    "max_steps",
    "num_epochs",
    "total_batch_size",
    "batch_size",
    "micro_batch_size",
    "accumulation",
    "eval_batch_size",
    "devices",
    "log_every",
    "eval_every",
    "steps_per_epoch",
    "batches_per_epoch",
    "train_examples",
    "eval_examples",
    "weight_decay",
    "clip_norm",
    "mask_rate",
    "seed",
    "optimizer",
    "vocab_size",
    "baseline_loss",
    "majority_accuracy",
    "train_runtime",
    "train_samples_per_second",
    "train_steps_per_second",
    "train_mean_loss",
    "eval_runtime",
    "eval_samples_per_second",
    "eval_steps_per_second",
    "end_step",
    "end_epoch",
    "total_flos",
];

/// Our name of what is written there, if it is a fact that is looked for.
pub(crate) fn fact_key(written: &str) -> Option<&'static str> {
    let name = plain(written);
    Some(match name.as_str() {
        "learning_rate" | "lr" | "peak_lr" | "max_lr" | "base_lr" | "peak_learning_rate" | "init_lr" => "learning_rate",
        "lr_scheduler_type" | "schedule" | "lr_scheduler" | "scheduler" => "schedule",
        "warmup_steps" | "lr_scheduler_warmup_steps" | "num_warmup_steps" | "warmup_updates" | "warmup_iters" => {
            "warmup_steps"
        }
        "warmup_ratio" | "lr_scheduler_warmup_ratio" | "warmup_frac" | "warmup_proportion" | "warmup" => "warmup_frac",
        "max_steps"
        | "total_optimization_steps"
        | "num_train_steps"
        | "training_steps"
        | "total_steps"
        | "max_iters"
        | "max_update"
        | "total_num_update"
        | "t_total"
        | "num_training_steps" => "max_steps",
        "num_train_epochs" | "num_epochs" | "epochs" | "max_epoch" | "max_epochs" => "num_epochs",
        "total_train_batch_size" | "effective_batch_size" | "global_batch_size" | "total_batch_size" => {
            "total_batch_size"
        }
        "batch_size" => "batch_size",
        "train_batch_size"
        | "per_device_train_batch_size"
        | "instantaneous_batch_size_per_device"
        | "micro_batch_size"
        | "batch_size_train"
        | "per_gpu_train_batch_size"
        | "batch_size_per_gpu" => "micro_batch_size",
        "gradient_accumulation_steps" | "accumulate" | "accumulation" | "accum_steps" | "update_freq" => "accumulation",
        "eval_batch_size" | "per_device_eval_batch_size" | "batch_size_eval" | "dev_batch_size" => "eval_batch_size",
        "num_devices" | "n_gpu" | "devices" | "world_size" => "devices",
        "logging_steps" | "log_interval" | "log_every" => "log_every",
        "eval_steps" | "eval_interval" | "eval_every" => "eval_every",
        "steps_per_epoch" => "steps_per_epoch",
        "batches_per_epoch" => "batches_per_epoch",
        "num_examples"
        | "train_samples"
        | "training_dataset_size"
        | "train_dataset_size"
        | "train_examples"
        | "num_train_examples" => "train_examples",
        "eval_samples" | "validation_dataset_size" | "val_dataset_size" | "eval_examples" => "eval_examples",
        "weight_decay" => "weight_decay",
        "mlm_probability" | "masked_lm_prob" | "mask_prob" | "mask_rate" | "masking_rate" => "mask_rate",
        "max_grad_norm" | "clip_norm" | "grad_clip" => "clip_norm",
        "seed" => "seed",
        "optimizer" | "optim" => "optimizer",
        "vocab_size" => "vocab_size",
        "unigram" | "baseline_loss" => "baseline_loss",
        "majority_accuracy" => "majority_accuracy",
        "train_runtime" => "train_runtime",
        "train_samples_per_second" => "train_samples_per_second",
        "train_steps_per_second" => "train_steps_per_second",
        "train_mean_loss" => "train_mean_loss",
        "eval_runtime" => "eval_runtime",
        "eval_samples_per_second" => "eval_samples_per_second",
        "eval_steps_per_second" => "eval_steps_per_second",
        "end_step" => "end_step",
        "end_epoch" => "end_epoch",
        "total_flos" => "total_flos",
        _ => return None,
    })
}

/// A number as people write settings: `5e-05`, `1,024`, `0:03:25.5` in seconds.
pub(crate) fn amount(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Some(number) = crate::literal::number(text) {
        return Some(number);
    }
    if text.contains(':') {
        let parts: Option<Vec<f64>> = text.split(':').map(|part| part.trim().parse().ok()).collect();
        return parts
            .filter(|parts| (2..=3).contains(&parts.len()))
            .map(|parts| parts.iter().fold(0.0, |sum, part| sum * 60.0 + part));
    }
    if text.contains('_') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
        return text.replace('_', "").parse().ok();
    }
    let has_thousands = text.split(',').skip(1).all(|group| group.len() == 3) && text.contains(',');
    if has_thousands { text.replace(',', "").parse().ok() } else { None }
}

/// Facts in a line of text: `- learning_rate: 5e-05`, `learning rate = 6.25e-6`, `num_train_epochs=3,`.
///
/// A name must be one of [`FACT_KEYS`] and the number must follow at once, or it is prose about something.
pub(crate) fn in_line(line: &str, mut found: impl FnMut(&str, &str)) {
    for (at, mark) in line.char_indices().filter(|(_, letter)| matches!(letter, '=' | ':')).take(64) {
        let before = line.get(..at).unwrap_or_default().trim_end_matches([' ', '\t', '"', '\'', '`', '*']);
        let start = before
            .rfind(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | ' ' | '-')))
            .map_or(0, |found| {
                found + before.get(found..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
            });
        let after = line.get(at + mark.len_utf8()..).unwrap_or_default().trim_start_matches([' ', '`', '\t', '*']);
        let text = after.get(..end_of_amount(after)).unwrap_or_default();
        let words = before.get(start..).unwrap_or_default().trim_matches([' ', '-', '*', '`']);
        if text.is_empty() || words.is_empty() || words.len() > 120 {
            continue;
        }
        // The name may be the end of a sentence: "a model with learning rate = 1e-3".
        let mut name = words;
        loop {
            if fact_key(name).is_some() {
                if amount(text).is_some() || matches!(fact_key(name), Some("schedule" | "optimizer")) {
                    found(name, text);
                }
                break;
            }
            match name.split_once(' ') {
                Some((_, rest)) => name = rest.trim_start(),
                None => break,
            }
        }
    }
}

/// Where a setting's text ends; a comma before exactly three digits parts thousands.
fn end_of_amount(after: &str) -> usize {
    let bytes = after.as_bytes();
    let is_thousands = |at: usize| {
        let digits = bytes.iter().skip(at + 1).take_while(|byte| byte.is_ascii_digit()).count();
        digits == 3 && at > 0 && bytes.get(at - 1).is_some_and(u8::is_ascii_digit)
    };
    let ends = |&(at, byte): &(usize, &u8)| match byte {
        b' ' | b')' | b'`' | b';' | b'|' | b'\t' => true,
        b',' => !is_thousands(at),
        _ => false,
    };
    bytes.iter().enumerate().find(ends).map_or(after.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<(String, String)> {
        let mut facts = Vec::new();
        in_line(line, |name, text| facts.push((name.to_string(), text.to_string())));
        facts
    }

    #[test]
    fn settings_are_found_in_lists_prose_and_printed_arguments() {
        assert_eq!(of("- learning_rate: 2e-05"), [("learning_rate".into(), "2e-05".into())]);
        assert_eq!(of("trained with `learning rate = 6.25e-6`, here"), [("learning rate".into(), "6.25e-6".into())]);
        assert_eq!(of("Namespace(accumulate=2, lr=5e-05, x='a')").len(), 2);
        assert_eq!(of("  Total optimization steps = 1,233")[0].1, "1,233");
        assert_eq!(of("  \"warmup_steps\": 500,"), [("warmup_steps".into(), "500".into())]);
        assert_eq!(of("learning rate for NLP is: `1e-1`"), []);
    }

    #[test]
    fn durations_and_thousands_are_amounts() {
        assert_eq!(amount("0:01:05.5"), Some(65.5));
        assert_eq!(amount("1,024"), Some(1024.0));
        assert_eq!(amount("1,02"), None);
        assert_eq!(amount("adam"), None);
    }
}
