//! All that a run stands on: what it learns from, device, plan.

use std::path::PathBuf;

use case::CaseConfig;
use corpus::{Purpose, TextTokenizer, stream};
use encoder::{HeadKind, Model};
use journal::Baselines;
use rand_chacha::ChaCha8Rng;

use crate::{
    TrainError,
    device::Place,
    labels::Labels,
    material::Material,
    plan::{Plan, Yardstick},
    rates::Rates,
    state::State,
    words::Words,
};

/// All that a run stands on.
pub(crate) struct Setup {
    pub(crate) config: CaseConfig,
    pub(crate) seed: u64,
    pub(crate) tokenizer: TextTokenizer,
    /// The tokenizer's file.
    pub(crate) tokenizer_file: PathBuf,
    pub(crate) place: Place,
    pub(crate) work: Work,
    pub(crate) baselines: Baselines,
    pub(crate) yardstick: Yardstick,
    /// Seconds of an update, where they were timed for this run.
    pub(crate) timed: Option<f64>,
    pub(crate) plan: Plan,
    pub(crate) rates: Rates,
}

/// What a run learns from.
pub(crate) enum Work {
    /// Text or pages, whose words are hidden.
    Words(Box<Words>),
    /// Labelled examples.
    Labels(Box<Labels>),
}

impl Setup {
    /// Rows, masks and plan out of text, pages or labelled examples. `total_steps` overrides the case's length;
    /// `seconds_per_step` is what minutes are turned into steps by, 1 until that is timed.
    pub(crate) fn new(
        config: &CaseConfig,
        seed: u64,
        material: Material,
        place: Place,
        total_steps: Option<u64>,
        seconds_per_step: Option<f64>,
    ) -> Result<Self, TrainError> {
        let (tokenizer, tokenizer_file) = (material.tokenizer().clone(), material.tokenizer_file());
        let work = match material {
            Material::Text(prepared) => Work::Words(Box::new(Words::of_text(config, seed, *prepared)?)),
            Material::Pages(pages) => {
                Work::Words(Box::new(Words::of_pages(config, seed, &pages.tokenizer, &pages.splits)?))
            }
            Material::Examples(examples) => Work::Labels(Box::new(Labels::new(config, seed, *examples)?)),
        };
        Self::of_work(config, seed, (tokenizer, tokenizer_file), work, place, total_steps, seconds_per_step)
    }

    /// The same, of what is to be learned from.
    fn of_work(
        config: &CaseConfig,
        seed: u64,
        (tokenizer, tokenizer_file): (TextTokenizer, PathBuf),
        work: Work,
        place: Place,
        total_steps: Option<u64>,
        seconds_per_step: Option<f64>,
    ) -> Result<Self, TrainError> {
        let (baselines, steps_per_epoch, tokens_per_step) = match &work {
            Work::Words(words) => (words.baselines(), words.steps_per_epoch(), words.tokens_per_step(config)),
            Work::Labels(labels) => {
                let steps = labels.plan.steps_per_epoch();
                (labels.baselines(), steps, labels.train.tokens() as f64 / steps as f64)
            }
        };
        let seconds = Some(seconds_per_step.unwrap_or(1.0));
        let yardstick = Yardstick { steps_per_epoch, tokens_per_step, seconds_per_step: seconds };
        Ok(Self {
            plan: Plan::new(config, &yardstick, total_steps)?,
            rates: Rates::of(config, steps_per_epoch),
            config: config.clone(),
            timed: seconds_per_step,
            seed,
            tokenizer,
            tokenizer_file,
            place,
            work,
            baselines,
            yardstick,
        })
    }

    /// The same case with other things to learn from, and as many steps.
    ///
    /// # Errors
    /// [`TrainError`] where the plan's lengths do not fit them.
    pub(crate) fn with_work(&self, work: Work) -> Result<Self, TrainError> {
        let tokenizer = (self.tokenizer.clone(), self.tokenizer_file.clone());
        let total = Some(self.plan.total_steps);
        Self::of_work(&self.config, self.seed, tokenizer, work, self.place.clone(), total, self.timed)
    }

    /// Names of the corpora; none of labelled examples.
    pub(crate) fn names(&self) -> &[String] {
        match &self.work {
            Work::Words(words) => &words.names,
            Work::Labels(_) => &[],
        }
    }

    /// What the model says.
    pub(crate) fn head(&self) -> HeadKind {
        match &self.work {
            Work::Words(_) => HeadKind::Words,
            Work::Labels(labels) => labels.head(),
        }
    }

    /// The loop's state before the first update.
    pub(crate) fn fresh_state(&self) -> State {
        State::new(self.names().len(), self.config.train.precision)
    }

    /// The model of this seed before its first update.
    pub(crate) fn fresh_model(&self) -> Model {
        let (vocab_size, head) = (self.tokenizer.vocab_size(), self.head());
        // What begins fresh on top of a start is drawn apart from what the start itself began with.
        let salt = self.config.start.as_ref().map_or_else(String::new, |start| format!("{start} "));
        let stream = |name: &str| weight_stream(self.seed, &format!("{salt}{name}"));
        Model::init(&self.config.model, vocab_size, head, stream, &self.place.autodiff())
    }
}

/// The generator of a weight's starting values: a function of the seed and the weight's name.
fn weight_stream(seed: u64, name: &str) -> ChaCha8Rng {
    let hash = blake3::hash(name.as_bytes());
    let index = u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"));
    stream(seed, Purpose::Init, 0, index)
}
