//! Ranges and contradictions of how a case is trained: optimizer, schedule, length of the run, device.

use crate::{
    Kernels, Length, Precision, ScheduleConfig, ScheduleKind, check::Checker, explain::number, tree::RUN_LENGTHS,
};

impl Checker<'_> {
    pub(crate) fn optimizer(&mut self) {
        let optimizer = &self.config.optimizer;
        self.share_below_one("optimizer.beta1", optimizer.beta1);
        self.share_below_one("optimizer.beta2", optimizer.beta2);
        self.positive("optimizer.epsilon", optimizer.epsilon);
        for (key, value) in [("clip_norm", optimizer.clip_norm), ("weight_decay", optimizer.weight_decay)] {
            let is_right = value >= 0.0 && value.is_finite();
            self.must(is_right, &format!("optimizer.{key}"), &number(value), "at least 0");
        }
    }

    pub(crate) fn schedule(&mut self) {
        let schedule = &self.config.schedule;
        self.positive("schedule.learning_rate", schedule.learning_rate);
        self.end_rate(schedule);
        self.kind_of_schedule(schedule);
        for (key, value) in [("schedule.power", schedule.power), ("schedule.peak_decay", schedule.peak_decay)] {
            value.into_iter().for_each(|value| self.positive(key, value));
        }
        let decay = schedule.peak_decay.unwrap_or(1.0);
        self.must(decay <= 1.0, "schedule.peak_decay", &number(decay), "at most 1, or each restart would be hotter");
        self.must(schedule.cycles != Some(0), "schedule.cycles", "0", "at least 1");
        self.schedule_lengths(schedule);
    }

    fn end_rate(&mut self, schedule: &ScheduleConfig) {
        let (peak, end) = (schedule.learning_rate, schedule.end_learning_rate);
        let keys = ["schedule.end_learning_rate", "schedule.learning_rate"];
        self.must(end >= 0.0 && end.is_finite(), keys[0], &number(end), "at least 0");
        let has_end = !matches!(schedule.kind, ScheduleKind::Constant | ScheduleKind::InverseSqrt);
        self.agree(has_end || end == 0.0, &[keys[0], "schedule.kind"], || {
            format!("`end_learning_rate` means nothing to {}; leave it out", kind_name(schedule.kind))
        });
        self.agree(!has_end || end <= peak, &keys, || {
            let (end, peak) = (number(end), number(peak));
            format!("the rate would rise: `end_learning_rate` {end} is above `learning_rate` {peak}; swap or lower it")
        });
        let needs_end = schedule.kind == ScheduleKind::Exponential;
        self.agree(!needs_end || end > 0.0, &["schedule.kind", keys[0]], || {
            "an exponential schedule never reaches 0; set `end_learning_rate` above 0, such as a hundredth of the peak"
                .into()
        });
    }

    /// Keys that only some families read, and those that a family cannot do without.
    fn kind_of_schedule(&mut self, schedule: &ScheduleConfig) {
        use ScheduleKind::{Cosine, Exponential, InverseSqrt, Linear, Polynomial, Wsd};
        let decaying: &[ScheduleKind] = &[Linear, Cosine, Polynomial, Exponential, Wsd];
        for (key, is_set, readers) in [
            ("power", schedule.power.is_some(), &[Polynomial][..]),
            ("cycles", schedule.cycles.is_some(), &[Cosine]),
            ("peak_decay", schedule.peak_decay.is_some(), &[Cosine]),
            ("decay", schedule.decay.is_some(), &[Wsd]),
            ("decay_until", schedule.decay_until.is_some(), decaying),
        ] {
            let path = format!("schedule.{key}");
            self.agree(!is_set || readers.contains(&schedule.kind), &[&path, "schedule.kind"], || {
                let readers = readers.iter().map(|kind| kind_name(*kind)).collect::<Vec<_>>().join(", ");
                format!("`{key}` means nothing to {}; it is read by {readers}", kind_name(schedule.kind))
            });
        }
        let restarts = schedule.peak_decay.is_none() || schedule.cycles.unwrap_or(1) > 1 || schedule.kind != Cosine;
        self.agree(restarts, &["schedule.peak_decay", "schedule.cycles"], || {
            "`peak_decay` lowers the peak of each restart, and one cycle has none; set `cycles` to 2 or more".into()
        });
        self.agree(schedule.kind != Wsd || schedule.decay.is_some(), &["schedule.kind"], || {
            "`kind` = \"wsd\" needs `decay`, the length of its last part, such as decay = \"10 %\"".into()
        });
        let starts_at_zero = schedule.kind == InverseSqrt && is_zero(schedule.warmup);
        self.agree(!starts_at_zero, &["schedule.warmup", "schedule.kind"], || {
            "an inverse-sqrt schedule is scaled by its warm-up, which cannot be 0; write some steps or a share".into()
        });
    }

    fn schedule_lengths(&mut self, schedule: &ScheduleConfig) {
        let lengths =
            [("warmup", Some(schedule.warmup)), ("decay_until", schedule.decay_until), ("decay", schedule.decay)];
        for (key, length) in lengths {
            let Some(length) = length else { continue };
            let path = format!("schedule.{key}");
            let in_minutes = matches!(length, Length::Minutes(_));
            self.must(
                !in_minutes,
                &path,
                &length.to_string(),
                "in steps, epochs, tokens or a share, for the number of steps in a minute depends on the machine",
            );
            let may_be_zero = key == "warmup";
            self.must(may_be_zero || !is_zero(length), &path, &length.to_string(), "above 0");
        }
        if let Some((total, key)) = self.total() {
            self.shorter(schedule.warmup, total, &["schedule.warmup", key], "the warm-up would never end");
            if let Some(decay) = schedule.decay {
                let both = ["schedule.decay", "schedule.warmup", key];
                let sum =
                    share_of(decay, total).zip(share_of(schedule.warmup, total)).map(|(decay, warmup)| decay + warmup);
                self.agree(sum.is_none_or(|sum| sum <= 1.0), &both, || {
                    format!("warm-up ({}) and decay ({decay}) are longer than the run ({total})", schedule.warmup)
                });
            }
        }
        if let Some(until) = schedule.decay_until {
            self.shorter(
                schedule.warmup,
                until,
                &["schedule.warmup", "schedule.decay_until"],
                "the decay would end before the warm-up does",
            );
        }
    }

    /// The run's length and its key, when exactly one is set.
    fn total(&self) -> Option<(Length, &'static str)> {
        let train = &self.config.train;
        let all = [
            (train.epochs.map(Length::Epochs), "train.epochs"),
            (train.steps.map(Length::Steps), "train.steps"),
            (train.tokens.map(Length::Tokens), "train.tokens"),
            (train.minutes.map(Length::Minutes), "train.minutes"),
        ];
        let mut set = all.into_iter().filter_map(|(length, key)| Some((length?, key)));
        set.next().filter(|_| set.next().is_none())
    }

    fn shorter(&mut self, part: Length, whole: Length, keys: &[&str], else_what: &str) {
        let is_right = share_of(part, whole).is_none_or(|share| share < 1.0 || is_zero(part));
        self.agree(is_right, keys, || format!("{else_what}: {part} against {whole}; make it shorter"));
    }

    pub(crate) fn run_length(&mut self) {
        let train = &self.config.train;
        let are_set = [train.epochs.is_some(), train.steps.is_some(), train.tokens.is_some(), train.minutes.is_some()];
        let keys: Vec<String> =
            RUN_LENGTHS.iter().zip(are_set).filter(|(_, set)| *set).map(|(key, _)| format!("train.{key}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.agree(!keys.is_empty(), &["train"], || {
            "how long is the run? Set one of `epochs`, `steps`, `tokens` and `minutes` in [train], such as epochs = 3"
                .into()
        });
        self.agree(keys.len() < 2, &keys, || {
            let set: Vec<&str> = keys.iter().filter_map(|key| key.strip_prefix("train.")).collect();
            format!("{} each say how long the run is; keep one", crate::explain::list(&set))
        });
        train.epochs.into_iter().for_each(|epochs| self.positive("train.epochs", epochs));
        train.minutes.into_iter().for_each(|minutes| self.positive("train.minutes", minutes));
        self.must(train.steps != Some(0), "train.steps", "0", "at least 1");
        self.must(train.tokens != Some(0), "train.tokens", "0", "at least 1");
    }

    pub(crate) fn train(&mut self) {
        let train = &self.config.train;
        self.must(train.batch_size >= 1, "train.batch_size", "0", "at least 1");
        self.must(train.micro_batch_size != Some(0), "train.micro_batch_size", "0", "at least 1");
        let micro = train.micro_batch_size.unwrap_or(1);
        let fits = micro <= train.batch_size || train.batch_size == 0;
        self.agree(fits, &["train.micro_batch_size", "train.batch_size"], || {
            format!("`micro_batch_size` {micro} is a part of `batch_size` {} and cannot be larger", train.batch_size)
        });
        self.must(train.workers >= 1, "train.workers", "0", "at least 1");
        for (key, length) in [
            ("log_every", train.log_every),
            ("eval_every", train.eval_every),
            ("checkpoint_every", train.checkpoint_every),
        ] {
            self.must(
                !is_zero(length),
                &format!("train.{key}"),
                &length.to_string(),
                "above 0; write \"100 %\" for once",
            );
        }
        let device = &train.device;
        self.must(
            is_device(device),
            "train.device",
            &format!("{device:?}"),
            "\"cpu\", \"gpu\", \"gpu:1\", \"integrated-gpu\", \"integrated-gpu:1\" or \"software-gpu\"",
        );
        let fits = train.precision == Precision::Fp32 || device != "cpu" || train.kernels == Kernels::Composed;
        self.agree(fits, &["train.precision", "train.device", "train.kernels"], || {
            "the CPU's own kernels compute in fp32 only; set precision = \"fp32\", or kernels = \"composed\" to try \
             what a GPU would do"
                .into()
        });
    }
}

/// `cpu`, `software-gpu`, `gpu` and `integrated-gpu`, the last two with a number or without.
fn is_device(device: &str) -> bool {
    let (kind, number) = match device.split_once(':') {
        Some((kind, number)) => (kind, Some(number)),
        None => (device, None),
    };
    match number {
        None => matches!(kind, "cpu" | "gpu" | "integrated-gpu" | "software-gpu"),
        Some(number) => {
            matches!(kind, "gpu" | "integrated-gpu") && number.parse::<u16>().is_ok() && !number.starts_with('+')
        }
    }
}

fn is_zero(length: Length) -> bool {
    match length {
        Length::Steps(n) | Length::Tokens(n) => n == 0,
        Length::Epochs(x) | Length::Minutes(x) | Length::Share(x) => x == 0.0,
    }
}

/// `part` as a share of `whole`, where their units let us know it before the data is counted.
fn share_of(part: Length, whole: Length) -> Option<f64> {
    match (part, whole) {
        (Length::Share(part), Length::Share(whole)) => Some(part / whole),
        (Length::Share(part), _) => Some(part),
        (Length::Steps(part), Length::Steps(whole)) | (Length::Tokens(part), Length::Tokens(whole)) => {
            Some(part as f64 / whole as f64)
        }
        (Length::Epochs(part), Length::Epochs(whole)) => Some(part / whole),
        _ => None,
    }
}

/// A schedule's family as it is written: `"inverse-sqrt"`.
fn kind_name(kind: ScheduleKind) -> String {
    serde_json::to_string(&kind).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{is_device, share_of};
    use crate::Length;

    #[test]
    fn devices_are_words_with_at_most_a_number() {
        for device in ["cpu", "gpu", "gpu:0", "gpu:11", "integrated-gpu", "integrated-gpu:1", "software-gpu"] {
            assert!(is_device(device), "{device}");
        }
        for device in ["", "GPU", "cuda", "gpu:", "gpu:x", "gpu:-1", "gpu:+1", "cpu:0", "software-gpu:1", "gpu:1:2"] {
            assert!(!is_device(device), "{device}");
        }
    }

    #[test]
    fn lengths_compare_only_where_their_units_allow() {
        assert_eq!(share_of(Length::Steps(5), Length::Steps(10)), Some(0.5));
        assert_eq!(share_of(Length::Share(0.25), Length::Epochs(3.0)), Some(0.25));
        assert_eq!(share_of(Length::Epochs(1.0), Length::Steps(10)), None);
    }
}
