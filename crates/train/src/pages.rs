//! Pages whose words are hidden: what masked language modelling with boxes stands on.

use case::CaseConfig;
use corpus::{
    Batch, Masker, Purpose, TextTokenizer,
    labelled::{
        Alignment, LabelledPlan, ModelInput, Splits, WrittenRow, evaluation_order, page_batch, repeats, tag_window,
        windows,
    },
};
use journal::{CorpusInfo, ExamplesInfo, RepeatInfo, SplitInfo};

use crate::{
    TrainError,
    baseline::cross_entropy,
    labels::{check_length, hash_inputs},
};

/// Pages cut into inputs of the encoder.
pub(crate) struct Pages {
    pub(crate) train: Vec<ModelInput>,
    pub(crate) valid: Vec<ModelInput>,
    pub(crate) test: Vec<ModelInput>,
    plan: LabelledPlan,
    masker: Masker,
    valid_masker: Masker,
    pad: u32,
    vocab_size: usize,
    pub(crate) batch_size: usize,
    /// Sizes and what a reader should know, for the first lines of a run.
    pub(crate) info: ExamplesInfo,
    /// The same as records call it.
    pub(crate) corpus: CorpusInfo,
    /// blake3 of all inputs.
    pub(crate) hash: String,
}

impl Pages {
    /// Inputs and masks out of pages.
    ///
    /// # Errors
    /// [`TrainError`] where a page cannot be cut into tokens, or inputs are longer than the encoder's table of positions.
    pub(crate) fn new(
        config: &CaseConfig,
        seed: u64,
        tokenizer: &TextTokenizer,
        splits: &Splits<WrittenRow>,
    ) -> Result<Self, TrainError> {
        check_length(config)?;
        let cut = |rows: &Vec<WrittenRow>| inputs(config, tokenizer, rows);
        let (train, valid, test) = (cut(&splits.train)?, cut(&splits.valid)?, cut(&splits.test)?);
        let masker = |purpose| {
            let (special, is_special) = (tokenizer.special(), tokenizer.is_special());
            Masker::new(&config.masking, special, is_special, tokenizer.starts_word(), seed, purpose)
        };
        let lengths = train.iter().map(|input| input.ids.len()).collect();
        Ok(Self {
            info: info(config, splits, [&train, &valid, &test]),
            corpus: corpus(tokenizer, splits, [&train, &valid, &test]),
            hash: hash([&train, &valid, &test]),
            plan: LabelledPlan::new(lengths, seed, config.train.batch_size),
            masker: masker(Purpose::Masks),
            valid_masker: masker(Purpose::ValidMasks),
            pad: tokenizer.special().pad,
            vocab_size: tokenizer.vocab_size(),
            batch_size: config.train.batch_size,
            train,
            valid,
            test,
        })
    }

    /// The same pages with other tokens: `deal` is given those of all training inputs at once, then those of all validation
    /// inputs, without special tokens, and puts others in their places.
    pub(crate) fn dealt(&self, config: &CaseConfig, seed: u64, deal: &mut dyn FnMut(&mut [u32])) -> Self {
        let mut dealt = |inputs: &[ModelInput]| {
            let mut inputs = inputs.to_vec();
            let text = |input: &ModelInput| 1..input.ids.len() - 1;
            let mut all = inputs.iter().flat_map(|input| input.ids[text(input)].to_vec()).collect::<Vec<_>>();
            deal(&mut all);
            let mut all = all.into_iter();
            for input in &mut inputs {
                let text = text(input);
                input.ids[text].iter_mut().zip(&mut all).for_each(|(id, dealt)| *id = dealt);
            }
            inputs
        };
        let (train, valid) = (dealt(&self.train), dealt(&self.valid));
        let lengths = train.iter().map(|input| input.ids.len()).collect();
        Self {
            plan: LabelledPlan::new(lengths, seed, config.train.batch_size),
            train,
            valid,
            test: Vec::new(),
            masker: self.masker.clone(),
            valid_masker: self.valid_masker.clone(),
            info: self.info.clone(),
            corpus: self.corpus.clone(),
            hash: String::new(),
            pad: self.pad,
            vocab_size: self.vocab_size,
            batch_size: self.batch_size,
        }
    }

    pub(crate) fn steps_per_epoch(&self) -> u64 {
        self.plan.steps_per_epoch()
    }

    /// The batch of any update.
    pub(crate) fn batch(&self, step: u64) -> Batch {
        let (epoch, numbers) = self.plan.batch(step);
        page_batch(&self.train, &numbers, &self.masker, (step, epoch), self.pad)
    }

    /// The batches of an evaluation of a split's inputs, the same at every call.
    pub(crate) fn evaluation<'a>(&'a self, inputs: &'a [ModelInput], most: usize) -> impl Iterator<Item = Batch> + 'a {
        let lengths = inputs.iter().map(|input| input.ids.len()).collect::<Vec<_>>();
        let order = evaluation_order(&lengths, most).into_iter().enumerate();
        order.map(move |(at, numbers)| page_batch(inputs, &numbers, &self.valid_masker, (at as u64, 0), self.pad))
    }

    /// Nats per token of the validation pages under the frequencies of the training pages.
    pub(crate) fn unigram(&self) -> f64 {
        let counts = |inputs: &[ModelInput]| {
            let mut counts = vec![0.0; self.vocab_size];
            let text = inputs.iter().flat_map(|input| &input.ids[1..input.ids.len() - 1]);
            text.for_each(|id| counts[*id as usize] += 1.0);
            counts
        };
        cross_entropy(&counts(&self.valid), &counts(&self.train))
    }

    /// Real tokens of an update, on average.
    pub(crate) fn tokens_per_step(&self) -> f64 {
        self.train.iter().map(|input| input.ids.len() as f64).sum::<f64>() / self.steps_per_epoch() as f64
    }

    /// Padding's share of the first epoch's batches.
    pub(crate) fn padding_share(&self) -> f64 {
        padding_share(&self.plan, &self.train)
    }
}

/// Padding's share of the first epoch's batches.
pub(crate) fn padding_share(plan: &LabelledPlan, inputs: &[ModelInput]) -> f64 {
    let (mut real, mut padded) = (0, 0);
    for step in 0..plan.steps_per_epoch() {
        let lengths = plan.batch(step).1.into_iter().map(|number| inputs[number].ids.len());
        let (count, sum, longest) =
            lengths.fold((0, 0, 0), |(count, sum, longest), length| (count + 1, sum + length, longest.max(length)));
        real += sum;
        padded += count * longest;
    }
    1.0 - real as f64 / padded.max(1) as f64
}

/// Pages as windows of tokens that share none.
fn inputs(config: &CaseConfig, tokenizer: &TextTokenizer, rows: &[WrittenRow]) -> Result<Vec<ModelInput>, TrainError> {
    let mut inputs = Vec::new();
    for row in rows {
        let alignment = Alignment::of(tokenizer, &row.words, config.examples.join)?;
        let boxes = row.boxes.as_deref().filter(|_| config.model.boxes);
        let labels = vec![None; alignment.len()];
        for window in windows(alignment.len(), config.max_tokens() - 2, 0) {
            inputs.push(tag_window(tokenizer.special(), &alignment, window, &labels, boxes));
        }
    }
    Ok(inputs)
}

fn info(config: &CaseConfig, splits: &Splits<WrittenRow>, inputs: [&Vec<ModelInput>; 3]) -> ExamplesInfo {
    let rows = [("train", &splits.train), ("valid", &splits.valid), ("test", &splits.test)];
    let split = |((name, rows), inputs): (&(&str, &Vec<WrittenRow>), &&Vec<ModelInput>)| SplitInfo {
        name: (*name).into(),
        examples: rows.len() as u64,
        inputs: inputs.len() as u64,
        tokens: inputs.iter().map(|input| input.ids.len() as u64).sum(),
        cut: 0,
        lost: 0,
    };
    let text = |rows: &Vec<WrittenRow>| rows.iter().map(|row| row.words.join(" ")).collect::<Vec<_>>();
    let [train, valid] = [&splits.train, &splits.valid].map(text);
    let [train, valid] = [&train, &valid].map(|texts| texts.iter().map(String::as_str).collect::<Vec<_>>());
    let found = repeats(&train, &valid);
    let repeat = RepeatInfo {
        earlier: "train".into(),
        later: "valid".into(),
        exact: found.exact.len() as u64,
        near: found.near.len() as u64,
    };
    let mut notes = Vec::new();
    if repeat.exact + repeat.near > 0 {
        let all = repeat.exact + repeat.near;
        notes.push(format!("{all} pages of valid stand in train too, {} of them word for word", repeat.exact));
    }
    if config.model.boxes && splits.train.iter().all(|row| row.boxes.is_none()) {
        notes.push("`boxes` in [model] is true and the pages have none: every token's box is 0, 0, 0, 0".into());
    }
    ExamplesInfo {
        task: config.task.name().into(),
        target: "words".into(),
        labels: Vec::new(),
        shares: Vec::new(),
        best_by: "loss".into(),
        splits: rows.iter().zip(&inputs).filter(|((_, rows), _)| !rows.is_empty()).map(split).collect(),
        repeats: Vec::new(), // said in the notes
        notes,
    }
}

/// Pages as a corpus named `pages`: a page is a document.
fn corpus(tokenizer: &TextTokenizer, splits: &Splits<WrittenRow>, inputs: [&Vec<ModelInput>; 3]) -> CorpusInfo {
    let rows = [&splits.train, &splits.valid, &splits.test];
    let chars = rows.iter().flat_map(|rows| rows.iter()).flat_map(|row| &row.words).map(|word| word.chars().count());
    // Without the two special tokens of each input.
    let text = |inputs: &Vec<ModelInput>| inputs.iter().map(|input| input.ids.len() as u64 - 2).sum::<u64>();
    let ids = inputs.iter().flat_map(|inputs| inputs.iter()).flat_map(|input| &input.ids);
    let unknown = ids.filter(|id| **id == tokenizer.special().unk).count();
    let all = inputs.iter().map(|inputs| text(inputs)).sum::<u64>().max(1);
    CorpusInfo {
        name: NAME.into(),
        documents: rows.iter().map(|rows| rows.len() as u64).sum(),
        lines: 0,
        duplicates: 0,
        bad_lines: 0,
        train_tokens: text(inputs[0]),
        valid_tokens: text(inputs[1]),
        train_rows: inputs[0].len() as u64,
        valid_rows: inputs[1].len() as u64,
        unknown_share: unknown as f64 / all as f64,
        tokens_per_char: all as f64 / chars.sum::<usize>().max(1) as f64,
    }
}

/// What records call all pages together.
pub(crate) const NAME: &str = "pages";

fn hash(parts: [&Vec<ModelInput>; 3]) -> String {
    let mut hasher = blake3::Hasher::new();
    parts.into_iter().for_each(|inputs| hash_inputs(&mut hasher, inputs));
    hasher.finalize().to_hex().to_string()
}
