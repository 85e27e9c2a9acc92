//! The three passes over the text: a survey of its documents, a sample for the tokenizer, the tokens.
//!
//! Text is read three times instead of being held: reading costs a small part of what encoding costs.

use std::sync::atomic::{AtomicBool, Ordering};

use case::{CorpusConfig, DataConfig};

use super::PrepareEvent;
use super::duplicates::{DuplicateFinder, Duplicates};
use super::leak::{LeakLines, LeakProbe, line_hash};
use super::pipeline::in_order;
use crate::read::{Block, InputFile, Watch, check_tally, read_corpus};
use crate::split::Fate;
use crate::tokenizer::{Encoder, TrainingText};
use crate::{CorpusError, Split, Tally, TextTokenizer};

/// What every pass needs.
pub(super) struct Passes<'a> {
    pub(super) data: &'a DataConfig,
    pub(super) corpora: Vec<(&'a CorpusConfig, Vec<InputFile>)>,
    /// Bytes of all files as they lie on disk.
    pub(super) bytes: u64,
    pub(super) threads: usize,
    pub(super) stop: &'a AtomicBool,
}

/// What the first pass finds. Empty, it leaves nothing out.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) tallies: Vec<Tally>,
    pub(super) duplicates: Duplicates,
    pub(super) leak: LeakProbe,
    /// Bytes of training text, duplicates included.
    pub(super) train_bytes: u64,
}

/// What one block holds for the survey.
struct Surveyed {
    /// Identity and number of each document that is used.
    identities: Vec<(u64, u64)>,
    validation_lines: Vec<u64>,
    train_bytes: u64,
}

/// The tokens of one block.
#[derive(Default)]
pub(super) struct Encoded {
    /// In the order of [`Split::ALL`].
    pub(super) splits: [EncodedSplit; 3],
    pub(super) unused: u64,
    pub(super) duplicates: u64,
}

/// The documents of one block that belong to one split.
#[derive(Default)]
pub(super) struct EncodedSplit {
    pub(super) tokens: Vec<u32>,
    /// Tokens of each line.
    pub(super) lines: Vec<u32>,
    /// Lines of each document.
    pub(super) documents: Vec<u32>,
    pub(super) characters: u64,
}

impl Passes<'_> {
    /// Reads everything once: duplicates, validation lines, the size of the training text, and what is unreadable.
    pub(super) fn survey(
        &self,
        mut duplicates: DuplicateFinder,
        report: &mut dyn FnMut(&PrepareEvent),
    ) -> Result<Survey, CorpusError> {
        let mut leak = LeakLines::default();
        let mut train_bytes = 0;
        let work = |(): &mut (), (corpus, block): (usize, Block)| Ok(self.survey_block(corpus, &block));
        let tallies = self.pass(
            "reading",
            report,
            || (),
            work,
            |surveyed: Surveyed| {
                for (identity, document) in surveyed.identities {
                    duplicates.add(identity, document)?;
                }
                surveyed.validation_lines.into_iter().for_each(|hash| leak.add(hash));
                train_bytes += surveyed.train_bytes;
                Ok(())
            },
        )?;
        Ok(Survey { tallies, duplicates: duplicates.finish()?, leak: leak.into_probe(), train_bytes })
    }

    fn survey_block(&self, corpus: usize, block: &Block) -> Surveyed {
        let fraction = self.corpora[corpus].0.fraction;
        let mut surveyed = Surveyed { identities: Vec::new(), validation_lines: Vec::new(), train_bytes: 0 };
        for (number, text) in block.documents() {
            let fate = Fate::of(text);
            if !fate.is_used(fraction) {
                continue;
            }
            surveyed.identities.push((fate.identity(), number));
            match fate.split(self.data.valid, self.data.test) {
                Split::Train => surveyed.train_bytes += text.len() as u64,
                Split::Valid => surveyed.validation_lines.extend(text.split('\n').map(line_hash)),
                Split::Test => {}
            }
        }
        surveyed
    }

    /// Counts the words of training documents, at most `train_bytes` of them: a sample of documents by hash.
    pub(super) fn sample(
        &self,
        survey: &Survey,
        train_bytes: u64,
        report: &mut dyn FnMut(&PrepareEvent),
    ) -> Result<TrainingText, CorpusError> {
        let share = train_bytes as f64 / survey.train_bytes.max(1) as f64;
        let work = |(): &mut (), (corpus, block): (usize, Block)| {
            let fraction = self.corpora[corpus].0.fraction;
            let mut text = TrainingText::default();
            for (number, document) in block.documents() {
                let fate = Fate::of(document);
                let is_training = fate.split(self.data.valid, self.data.test) == Split::Train;
                let is_kept = fate.is_used(fraction) && !survey.duplicates.contains(number);
                if is_training && is_kept && fate.is_sampled(share) {
                    text.add(document);
                }
            }
            Ok(text)
        };
        let mut all = TrainingText::default();
        self.pass(
            "counting words",
            report,
            || (),
            work,
            |text: TrainingText| {
                // The share is met on average; the limit is kept exactly, by leaving out the last blocks.
                if all.bytes + text.bytes <= train_bytes {
                    all.merge(text);
                }
                Ok(())
            },
        )?;
        Ok(all)
    }

    /// Turns everything into tokens; `consume` gets each corpus's blocks in order.
    pub(super) fn encode(
        &self,
        survey: &Survey,
        tokenizer: &TextTokenizer,
        report: &mut dyn FnMut(&PrepareEvent),
        mut consume: impl FnMut(usize, Encoded) -> Result<(), CorpusError>,
    ) -> Result<(), CorpusError> {
        let work = |encoder: &mut Encoder, (corpus, block): (usize, Block)| {
            self.encode_block(corpus, &block, survey, encoder).map(|encoded| (corpus, encoded))
        };
        let make = || Encoder::new(tokenizer);
        let tallies = self.pass("encoding", report, make, work, |(corpus, encoded)| consume(corpus, encoded))?;
        // Documents are known by their numbers: they must not have moved between the passes.
        let changed = tallies.iter().zip(&survey.tallies).position(|(now, then)| now != then);
        match changed.and_then(|changed| self.corpora[changed].1.first()) {
            Some(file) => Err(CorpusError::InputChanged { path: file.path.clone() }),
            None => Ok(()),
        }
    }

    fn encode_block(
        &self,
        corpus: usize,
        block: &Block,
        survey: &Survey,
        encoder: &mut Encoder,
    ) -> Result<Encoded, CorpusError> {
        let fraction = self.corpora[corpus].0.fraction;
        let mut encoded = Encoded::default();
        for (number, text) in block.documents() {
            let fate = Fate::of(text);
            if !fate.is_used(fraction) {
                encoded.unused += 1;
            } else if survey.duplicates.contains(number) {
                encoded.duplicates += 1;
            } else {
                let split = fate.split(self.data.valid, self.data.test);
                encoded.splits[split as usize].add(text, encoder)?;
                match split {
                    Split::Train => text.split('\n').for_each(|line| survey.leak.training_line(line)),
                    Split::Valid => text.split('\n').for_each(|line| survey.leak.validation_line(line)),
                    Split::Test => {}
                }
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(CorpusError::Interrupted);
            }
        }
        Ok(encoded)
    }

    /// Reads all corpora in order and works on their blocks on all threads; each corpus's tally.
    fn pass<R: Send, W>(
        &self,
        stage: &'static str,
        report: &mut dyn FnMut(&PrepareEvent),
        make: impl Fn() -> W + Sync,
        work: impl Fn(&mut W, (usize, Block)) -> Result<R, CorpusError> + Sync,
        mut consume: impl FnMut(R) -> Result<(), CorpusError>,
    ) -> Result<Vec<Tally>, CorpusError> {
        let watch = Watch::default();
        let read = |send: &mut dyn FnMut((usize, Block)) -> Result<(), CorpusError>| {
            let mut tallies: Vec<Tally> = Vec::new();
            let mut next = 0;
            for (index, (corpus, files)) in self.corpora.iter().enumerate() {
                let tally = read_corpus(corpus, files, next, &watch, self.stop, &mut |block| send((index, block)))?;
                check_tally(&corpus.name, &tally, self.data.max_bad_share)?;
                next += tally.documents;
                tallies.push(tally);
            }
            Ok(tallies)
        };
        // About 200 reports a pass, whatever the size.
        let (step, mut due) = ((self.bytes / 200).max(1 << 20), 0);
        in_order(self.threads, read, make, work, |result| {
            consume(result)?;
            let bytes_done = watch.bytes.load(Ordering::Relaxed).min(self.bytes);
            if bytes_done >= due {
                due = bytes_done + step;
                report(&PrepareEvent::Progress { stage, bytes_done, bytes_total: self.bytes });
            }
            Ok(())
        })
    }
}

impl EncodedSplit {
    /// Adds one document. Lines and documents that give no token at all are dropped: nothing can be learned from them.
    fn add(&mut self, text: &str, encoder: &mut Encoder) -> Result<(), CorpusError> {
        let before = self.lines.len();
        for line in text.split('\n') {
            let start = self.tokens.len();
            encoder.encode(line, &mut self.tokens)?;
            let length = (self.tokens.len() - start) as u32; // a line is at most 16 MiB
            if length > 0 {
                self.lines.push(length);
                self.characters += line.chars().count() as u64;
            }
        }
        if self.lines.len() > before {
            self.documents.push((self.lines.len() - before) as u32);
        }
        Ok(())
    }
}
