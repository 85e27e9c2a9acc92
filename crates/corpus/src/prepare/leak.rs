//! Validation lines that also stand in training documents.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// Distinct validation lines that are looked for; with more, a share of them, chosen by hash. About 250 MB.
const LOOKED_FOR: usize = 4 << 20;

/// How many validation lines stand word for word in training documents too. They are counted, not removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeakCount {
    /// Validation lines looked for: all of them up to some million, then a sample by hash.
    pub looked_for: u64,
    /// Those that stand in training documents.
    pub found: u64,
}

/// First stage: collects the hashes of validation lines.
#[derive(Default)]
pub(super) struct LeakLines {
    lines: FxHashMap<u64, u32>,
    /// Lines whose hash has this many leading zero bits are looked for.
    zeros: u32,
}

/// The hash of a line.
pub(super) fn line_hash(line: &str) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&blake3::hash(line.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

impl LeakLines {
    pub(super) fn add(&mut self, hash: u64) {
        if hash.leading_zeros() < self.zeros {
            return;
        }
        self.lines.insert(hash, 0);
        if self.lines.len() > LOOKED_FOR {
            self.zeros += 1;
            self.lines.retain(|hash, _| hash.leading_zeros() >= self.zeros);
        }
    }

    /// Goes on to the second stage.
    pub(super) fn into_probe(mut self) -> LeakProbe {
        for (place, index) in self.lines.values_mut().enumerate() {
            *index = place as u32;
        }
        let count = self.lines.len();
        LeakProbe {
            lines: self.lines,
            zeros: self.zeros,
            in_training: (0..count).map(|_| AtomicBool::new(false)).collect(),
            in_validation: (0..count).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

/// Second stage: sees every line that is kept, from any thread and in any order.
#[derive(Default)]
pub(super) struct LeakProbe {
    lines: FxHashMap<u64, u32>,
    zeros: u32,
    in_training: Vec<AtomicBool>,
    in_validation: Vec<AtomicU64>,
}

impl LeakProbe {
    pub(super) fn training_line(&self, line: &str) {
        if let Some(index) = self.index(line) {
            self.in_training[index].store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn validation_line(&self, line: &str) {
        if let Some(index) = self.index(line) {
            self.in_validation[index].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn index(&self, line: &str) -> Option<usize> {
        if self.lines.is_empty() {
            return None;
        }
        let hash = line_hash(line);
        if hash.leading_zeros() < self.zeros { None } else { self.lines.get(&hash).map(|index| *index as usize) }
    }

    pub(super) fn count(&self) -> LeakCount {
        let mut count = LeakCount::default();
        for (lines, in_training) in self.in_validation.iter().zip(&self.in_training) {
            let lines = lines.load(Ordering::Relaxed);
            count.looked_for += lines;
            if in_training.load(Ordering::Relaxed) {
                count.found += lines;
            }
        }
        count
    }
}
