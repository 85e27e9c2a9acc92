//! Is a case fit to be trained? Checks that cost minutes, before hours are spent.
//!
//! What is examined is what would be trained: the same material, batches, first weights, updates and schedule
//! ([`crate::setup::Setup`]). Nothing is kept of it but prepared text, and no run is written.
//!
//! The checks follow Karpathy 2019, "A recipe for training neural networks"; each names its own source. A check says what it
//! measured and what it allows, and where it fails what that means and one thing to try.

mod apart;
mod arrangement;
mod bench;
mod boxes;
mod checked;
mod deal;
mod first_loss;
mod fit;
mod gradients;
mod masks;
mod overfit;
mod shuffled;
mod sweep;
mod targets;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::{sync::atomic::AtomicBool, time::Instant};

use serde::Serialize;

use crate::{
    Report, TrainError,
    info::grouped,
    material::{Examples, Material, material},
    notice::Notice,
    session::{Spec, open_place},
    setup::{Setup, Work},
    timing::timed,
};
use bench::{Bench, Clock};
pub use checked::{CheckOutcome, Checked};
pub use sweep::{Sweep, SweptRate};

/// The format of [`Examination`] as JSON; it changes when a field is taken away or changes its meaning.
pub const EXAMINATION_FORMAT: u32 = 1;

/// What an examination found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Examination {
    /// [`EXAMINATION_FORMAT`].
    pub format: u32,
    /// The case's name.
    pub case: String,
    /// The variant that was examined.
    pub variant: String,
    /// The seed of everything random.
    pub seed: u64,
    /// `mlm`, `page-mlm`, `classify` or `tag`.
    pub task: &'static str,
    /// Where it was computed.
    pub device: String,
    /// Seconds in all, reading included.
    pub seconds: f64,
    /// Seconds of an update of the case's batch here, estimated where one takes long; none where no time was left to look.
    pub seconds_per_update: Option<f64>,
    /// Every check, in the order in which they were made.
    pub checks: Vec<Checked>,
    /// What the learning-rate sweep found; none where it was not made.
    pub sweep: Option<Sweep>,
}

impl Examination {
    /// Checks that ended so.
    pub fn count(&self, outcome: CheckOutcome) -> usize {
        self.checks.iter().filter(|check| check.outcome == outcome).count()
    }

    /// Whether a check failed.
    pub fn failed(&self) -> bool {
        self.count(CheckOutcome::Failed) > 0
    }
}

/// Examines a case for at most so many minutes; each check is shown as soon as it is made.
///
/// Reading and preparing text counts, and is never cut short: what is prepared is kept, so the same call again has the time
/// for more. Checks there is no time for are listed as not done, with what they would need.
///
/// # Errors
/// [`TrainError`] where the case cannot be read or trained at all, or the device fails.
pub fn examine(
    spec: &Spec,
    minutes: f64,
    stop: &AtomicBool,
    report: &mut dyn Report,
) -> Result<Examination, TrainError> {
    let clock = Clock::start(minutes, stop);
    let place = open_place(spec, report)?;
    let material = material(&spec.config, &spec.base, &spec.cache, stop, report)?;
    let texts = apart::Texts::of(&material);
    let examples = match &material {
        Material::Examples(examples) => Some(Examples::clone(examples)),
        Material::Text(_) | Material::Pages(_) => None,
    };
    let mut setup = timed(Setup::new(&spec.config, spec.seed, material, place, None, None)?, report)?;
    let device = format!("{}: {}", setup.place.word, setup.place.description);
    report.say(Notice::Fact(format!("examine  {}/{}, seed {}, on {device}", spec.case, spec.variant, spec.seed)));
    let mut list = List { clock: &clock, report, checks: Vec::new() };
    of_data(&setup, texts.as_ref(), &mut list);
    drop(texts);
    let (seconds_per_update, sweep) = match clock.over() {
        Some(_) => {
            OF_MODEL.iter().for_each(|name| list.leave_out(name));
            (None, None)
        }
        None => {
            let bench = Bench::new(spec, &mut setup, &clock)?;
            list.report.say(Notice::Fact(pace(&bench)));
            (Some(bench.pace.whole), of_model(&bench, examples, &mut list)?)
        }
    };
    let (seconds, checks) = (clock.gone(), list.checks);
    let (case, variant) = (spec.case.clone(), spec.variant.clone());
    let (seed, task) = (spec.seed, spec.config.task.name());
    let format = EXAMINATION_FORMAT;
    Ok(Examination { format, case, variant, seed, task, device, seconds, seconds_per_update, checks, sweep })
}

/// Checks that need the model.
const OF_MODEL: [&str; 7] =
    [first_loss::NAME, gradients::NAME, arrangement::NAME, boxes::NAME, overfit::NAME, shuffled::NAME, sweep::NAME];

/// How long an update takes here.
fn pace(bench: &Bench) -> String {
    let rows = bench.setup.config.train.batch_size;
    let batch = format!("an update of {} rows takes {:.3} s", grouped(rows as u64), bench.pace.whole);
    format!("pace     {batch}; {:.0} s of {:.0} are gone", bench.clock.gone(), bench.clock.limit())
}

/// What is checked without a model.
fn of_data(setup: &Setup, texts: Option<&apart::Texts>, list: &mut List) {
    let clock = list.clock;
    list.make(apart::NAME, || match (texts, &setup.work) {
        (Some(texts), _) => apart::examples_apart(texts),
        (None, Work::Words(words)) => apart::text_apart(setup, words, clock),
        (None, Work::Labels(_)) => Checked::not_done(apart::NAME, "the examples were not kept"),
    });
    list.make(fit::CUT_NAME, || fit::cut_examples(setup));
    list.make(fit::UNKNOWN_NAME, || fit::unknown_words(setup));
    match &setup.work {
        Work::Words(words) => {
            list.make(masks::NAME, || masks::masks(setup, words, clock));
            list.add(Checked::not_applicable(targets::NAME, "words are hidden: the text is its own label"));
        }
        Work::Labels(labels) => {
            list.add(Checked::not_applicable(masks::NAME, "nothing is hidden"));
            list.make(targets::NAME, || targets::targets(setup, labels, clock));
        }
    }
}

/// What is checked with the model: first what one batch shows, then what needs training.
fn of_model(bench: &Bench, examples: Option<Examples>, list: &mut List) -> Result<Option<Sweep>, TrainError> {
    list.try_make(first_loss::NAME, || first_loss::first_loss(bench))?;
    list.try_make(gradients::NAME, || gradients::gradients(bench))?;
    list.try_make(arrangement::NAME, || arrangement::arrangement(bench))?;
    list.try_make(boxes::NAME, || boxes::boxes(bench))?;
    list.try_make(overfit::NAME, || overfit::overfit(bench))?;
    list.try_make(shuffled::NAME, || match examples {
        Some(examples) => shuffled::shuffled_labels(bench, examples),
        None => shuffled::shuffled_words(bench),
    })?;
    let mut swept = None;
    list.try_make(sweep::NAME, || {
        let (checked, sweep) = sweep::sweep(bench)?;
        swept = sweep;
        Ok(checked)
    })?;
    Ok(swept)
}

/// The checks that were made, each shown as it comes.
struct List<'a> {
    clock: &'a Clock<'a>,
    report: &'a mut dyn Report,
    checks: Vec<Checked>,
}

impl List<'_> {
    /// Makes a check where there is time.
    fn make(&mut self, name: &'static str, check: impl FnOnce() -> Checked) {
        if self.clock.over().is_some() {
            return self.leave_out(name);
        }
        let started = Instant::now();
        let checked = check();
        self.add(Checked { seconds: started.elapsed().as_secs_f64(), ..checked });
    }

    /// The same with a check that needs the device.
    fn try_make(
        &mut self,
        name: &'static str,
        check: impl FnOnce() -> Result<Checked, TrainError>,
    ) -> Result<(), TrainError> {
        if self.clock.over().is_some() {
            self.leave_out(name);
            return Ok(());
        }
        let started = Instant::now();
        let checked = check()?;
        self.add(Checked { seconds: started.elapsed().as_secs_f64(), ..checked });
        Ok(())
    }

    fn leave_out(&mut self, name: &'static str) {
        let why = self.clock.over().unwrap_or("there was no time");
        self.add(Checked::not_done(name, why));
    }

    fn add(&mut self, checked: Checked) {
        self.report.say(Notice::Checked(&checked));
        self.checks.push(checked);
    }
}
