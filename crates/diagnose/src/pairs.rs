//! Names and numbers in a line of free text: `iter 2920: loss 3.9883, time 1099.34ms`, `[Epoch 0 Batch 20/2349] acc=0.52`.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

/// Pairs of one line; more are not looked for.
const MAX_PAIRS: usize = 128;

/// A name as written, up to three words, and the number that follows it.
pub(crate) type Pair<'a> = (&'a str, f64);

/// Finds the pairs of a line. Of `543 / 546` the second number is named `TOTAL`, and both follow the name before.
pub(crate) fn scan<'a>(line: &'a str, pairs: &mut Vec<Pair<'a>>) {
    pairs.clear();
    let mut scan = Scan { line, bytes: line.as_bytes(), at: 0, key: None };
    while scan.at < scan.bytes.len() && pairs.len() < MAX_PAIRS {
        scan.token(pairs);
    }
}

/// Name of the number after a slash.
pub(crate) const TOTAL: &str = "batch_total";

/// Name of a batch of an epoch that is counted from 1, as fairseq does: `epoch 001:    450 / 1891`.
pub(crate) const INNER: &str = "inner_batch";

struct Scan<'a> {
    line: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Where the name being read begins and ends.
    key: Option<(usize, usize)>,
}

fn ends_in_epoch(name: &str) -> bool {
    name.rsplit(' ').next().is_some_and(|word| word.eq_ignore_ascii_case("epoch"))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

impl<'a> Scan<'a> {
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(b' ')
    }

    fn token(&mut self, pairs: &mut Vec<Pair<'a>>) {
        let byte = self.byte(self.at);
        let is_sign = matches!(byte, b'-' | b'+' | b'.')
            && (self.byte(self.at + 1).is_ascii_digit() || self.byte(self.at + 1) == b'.');
        if is_word(byte) {
            self.word(pairs);
        } else if byte.is_ascii_digit() || is_sign {
            self.number(pairs);
        } else {
            let is_dash = byte == b'-' && self.byte(self.at + 1) == b' ';
            // `Epoch [5/10], Step [100/469]`
            let opens_number = byte == b'[' && self.byte(self.at + 1).is_ascii_digit();
            // What parts a name from its number, or two words of a name; anything else begins anew.
            if !matches!(byte, b' ' | b'=' | b':' | b'*' | b'`' | b'\t' | b'"' | b'\'') && !opens_number || is_dash {
                self.key = None;
            }
            self.at += 1;
        }
    }

    fn word(&mut self, pairs: &mut Vec<Pair<'a>>) {
        let start = self.at;
        let goes_on =
            |byte: u8| is_word(byte) || byte.is_ascii_digit() || matches!(byte, b'.' | b'/' | b'-' | b'@' | b'#');
        while self.at < self.bytes.len() && goes_on(self.byte(self.at)) {
            self.at += 1;
        }
        let mut end = self.at;
        while end > start && matches!(self.byte(end - 1), b'.' | b'-' | b'/') {
            end -= 1;
        }
        let word = self.line.get(start..end).unwrap_or_default();
        if let Some((from, to)) = self.key
            && (word.eq_ignore_ascii_case("nan") || word.eq_ignore_ascii_case("inf"))
        {
            let sign = if self.byte(start.wrapping_sub(1)) == b'-' { -1.0 } else { 1.0 };
            let number = if word.eq_ignore_ascii_case("nan") { f64::NAN } else { sign * f64::INFINITY };
            self.found(from, to, number, pairs);
            return;
        }
        // After `name =` or `name:` another word is a value in words, and the name that follows is its own.
        let is_parted = self.key.is_some_and(|(_, to)| {
            self.bytes.get(to..start).is_some_and(|gap| gap.iter().any(|byte| matches!(byte, b'=' | b':')))
        });
        self.key = match self.key {
            Some((from, _)) if !is_parted => Some((from, end)),
            _ => Some((start, end)),
        };
    }

    fn number(&mut self, pairs: &mut Vec<Pair<'a>>) {
        let start = self.at;
        self.at += 1;
        loop {
            let byte = self.byte(self.at);
            let is_exponent = matches!(byte, b'e' | b'E')
                && (self.byte(self.at + 1).is_ascii_digit()
                    || (matches!(self.byte(self.at + 1), b'-' | b'+') && self.byte(self.at + 2).is_ascii_digit()));
            if is_exponent {
                self.at += 2;
            } else if byte.is_ascii_digit() || byte == b'.' {
                self.at += 1;
            } else {
                break;
            }
        }
        let text = self.line.get(start..self.at).unwrap_or_default().trim_end_matches('.');
        let next = self.byte(self.at);
        // 2023-03-22, 09:30:39: no measurement.
        let is_clock = matches!(next, b'-' | b':') && self.byte(self.at + 1).is_ascii_digit();
        if is_clock {
            while matches!(self.byte(self.at), b'-' | b':' | b'.' | b',') || self.byte(self.at).is_ascii_digit() {
                self.at += 1;
            }
            self.key = None;
            return;
        }
        // A unit: `50ms`, `5s`, `2.1it`.
        while is_word(self.byte(self.at)) {
            self.at += 1;
        }
        let Ok(number) = text.parse::<f64>() else {
            self.key = None;
            return;
        };
        let total = self.total();
        match (self.key, total) {
            (Some((from, to)), total) => {
                self.found(from, to, number, pairs);
                pairs.extend(total.map(|total| (TOTAL, total)));
            }
            // `epoch 180:    543 / 546 loss=1.753`
            (None, Some(total)) if pairs.last().is_some_and(|(name, _)| ends_in_epoch(name)) && total > 0.0 => {
                // `Train Epoch: 6 [640/60000 (1%)]` counts examples: only the share is a position.
                let is_examples = self.byte(start.wrapping_sub(1)) == b'[';
                let (number, total) = if is_examples { (number / total, 1.0) } else { (number, total) };
                pairs.push((INNER, number));
                pairs.push((TOTAL, total));
            }
            _ => {}
        }
        self.key = None;
    }

    fn found(&mut self, from: usize, to: usize, number: f64, pairs: &mut Vec<Pair<'a>>) {
        pairs.push((self.line.get(from..to).unwrap_or_default(), number));
        self.key = None;
    }

    /// The number after a slash, if there is one.
    fn total(&mut self) -> Option<f64> {
        let mut at = self.at;
        while self.byte(at) == b' ' && at < self.bytes.len() {
            at += 1;
        }
        if self.byte(at) != b'/' {
            return None;
        }
        at += 1;
        while self.byte(at) == b' ' && at < self.bytes.len() {
            at += 1;
        }
        let start = at;
        while self.byte(at).is_ascii_digit() {
            at += 1;
        }
        let total = self.line.get(start..at)?.parse().ok()?;
        self.at = at;
        Some(total)
    }
}

/// The longest end of a name, of up to three words, that `is_known`; its last word must be known by itself.
pub(crate) fn known_end(name: &str, mut is_known: impl FnMut(&str) -> bool) -> Option<&str> {
    let last = name.rsplit(' ').next().unwrap_or(name);
    if !is_known(last) {
        return None;
    }
    let spaces = name.char_indices().rev().filter(|(_, letter)| *letter == ' ').map(|(at, _)| at);
    let starts: Vec<usize> = spaces.take(3).map(|at| at + 1).collect();
    let whole = (starts.len() < 3).then_some(0);
    let candidates = whole.into_iter().chain(starts.into_iter().rev());
    candidates.filter_map(|start| name.get(start..)).find(|end| is_known(end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(line: &str) -> Vec<(&str, f64)> {
        let mut pairs = Vec::new();
        scan(line, &mut pairs);
        pairs
    }

    #[test]
    fn lines_of_known_trainers_fall_into_pairs() {
        assert_eq!(
            of("2023-03-22 09:30:39 iter 2920: loss 3.9883, time 1099.34ms, mfu 15.34%"),
            [("iter", 2920.0), ("loss", 3.9883), ("time", 1099.34), ("mfu", 15.34)]
        );
        assert_eq!(
            of("step 3000: train loss 4.0390, val loss 4.0427"),
            [("step", 3000.0), ("train loss", 4.039), ("val loss", 4.0427)]
        );
        assert_eq!(
            of("INFO:root:[Epoch 0 Batch 20/2349] loss=0.6985, lr=0.0000009"),
            [("Epoch", 0.0), ("Batch", 20.0), (TOTAL, 2349.0), ("loss", 0.6985), ("lr", 9e-7)]
        );
        assert_eq!(
            of("| epoch 180:    543 / 546 loss=1.753, ppl=3.37, lr=0.000116817")[..4],
            [("epoch", 180.0), (INNER, 543.0), (TOTAL, 546.0), ("loss", 1.753)]
        );
        assert_eq!(
            of("10/10 [====] - 5s 50ms/step - loss: 0.69 - val_loss: 1e-3"),
            [("loss", 0.69), ("val_loss", 1e-3)]
        );
    }

    #[test]
    fn brackets_around_counts_are_passed_over() {
        assert_eq!(
            of("Epoch [5/10], Step [100/469], Loss: 0.28"),
            [("Epoch", 5.0), (TOTAL, 10.0), ("Step", 100.0), (TOTAL, 469.0), ("Loss", 0.28)]
        );
        assert_eq!(
            of("Train Epoch: 6 [640/64000 (1%)]\tLoss: 1.234"),
            [("Train Epoch", 6.0), (INNER, 0.01), (TOTAL, 1.0), ("Loss", 1.234)]
        );
    }

    #[test]
    fn numbers_that_are_none_are_numbers() {
        let pairs = of("iter 10: loss nan, gnorm=inf");
        assert!(pairs[1].1.is_nan() && pairs[2].1.is_infinite());
    }

    #[test]
    fn the_known_end_of_a_name_is_taken() {
        let is_known = |name: &str| name.ends_with("loss");
        assert_eq!(known_end("the mean train loss", is_known), Some("mean train loss"));
        assert_eq!(known_end("val loss", is_known), Some("val loss"));
        assert_eq!(known_end("loss over", is_known), None);
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "\\PC{0,80}", like in "[a-z0-9=:,|/.\\-+ é%\\[\\]]{0,80}") {
            of(&line);
            of(&like);
        }
    }
}
