//! Where readers put what they find: rows of numbers, facts, lines that could not be read.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::facts::fact_key;
use crate::log::{Column, Fact, Format, Log, Note, NoteKind, Place, Row, Source, Split, Standing, Unread, Value};
use crate::names::{Role, is_metric, role};
use crate::quote::Texts;

/// More kinds of numbers than this are not kept: a column a parameter, say.
const MAX_COLUMNS: usize = 4096;
/// Values of one row.
const MAX_VALUES: usize = 4096;

/// Everything read so far, not yet parted into runs.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    pub(crate) sources: Vec<Source>,
    pub(crate) parts: Vec<Part>,
    pub(crate) unread: Unread,
    pub(crate) notes: Vec<Note>,
    /// What lines are quoted from.
    pub(crate) texts: Texts,
    names: FxHashMap<String, Rc<Known>>,
    columns: Vec<(Split, FxHashMap<String, u16>)>,
    scratch: Vec<(u16, f64)>,
    /// The row that last used a column, so that two names of one column give one value.
    used_by: Vec<u64>,
    row: u64,
}

/// What a name means.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) role: Role,
    /// Whether it is a figure of how well a model does, a rate or a norm.
    pub(crate) is_measured: bool,
}

/// The rows of one file, or of one run within it where the file names runs.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
    pub(crate) values: Vec<Value>,
    /// Each with the number of rows before it.
    pub(crate) facts: Vec<(usize, bool, Fact)>,
    /// Rows that begin after the end of a run was announced.
    pub(crate) ends: Vec<usize>,
    /// The run went on from this step: rows before the index with a later one do not count.
    pub(crate) resumes: Vec<(usize, u64)>,
}

/// Where a row is, when the reader knows better than its names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    pub(crate) step: Option<u64>,
    pub(crate) epoch: Option<f64>,
    /// The split of names that do not say.
    pub(crate) split: Option<Split>,
}

/// What a row says of where it is.
#[derive(Debug, Default)]
struct Position {
    step: Option<f64>,
    weak: Option<f64>,
    epoch: Option<f64>,
    batch: Option<f64>,
    batches: Option<f64>,
}

impl Position {
    fn take(&mut self, role: &Role, number: f64) {
        let slot = match role {
            Role::Step => &mut self.step,
            Role::WeakStep => &mut self.weak,
            Role::Epoch => &mut self.epoch,
            Role::BatchTotal => &mut self.batches,
            Role::Batch => &mut self.batch,
            Role::InnerBatch => {
                // Counted from 1: within the second epoch one is done.
                self.epoch = self.epoch.map(|epoch| epoch - 1.0);
                &mut self.batch
            }
            Role::Metric(..) => return,
        };
        *slot = slot.or(Some(number));
    }

    fn step(&self) -> Option<u64> {
        let step = self.step.or(self.weak).filter(|step| (0.0..1e15).contains(step) && step.fract() == 0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number within 0..1e15")]
        step.map(|step| step as u64)
    }

    fn epoch(&self, before: Option<f64>) -> Option<f64> {
        let epoch = self.epoch.or(before).filter(|epoch| epoch.is_finite())?;
        match (self.batch, self.batches) {
            (Some(batch), Some(batches)) if batches >= batch && batch >= 0.0 && batches > 0.0 => {
                Some(epoch + batch / batches)
            }
            _ => Some(epoch),
        }
    }
}

impl Collector {
    /// A new source; rows from now on belong to a new part.
    pub(crate) fn source(&mut self, name: &str, format: Format) -> u32 {
        self.part("");
        self.another_source(name, format)
    }

    /// A new source whose rows go on in the present part.
    pub(crate) fn another_source(&mut self, name: &str, format: Format) -> u32 {
        self.sources.push(Source { name: name.into(), format, lines: 0 });
        u32::try_from(self.sources.len() - 1).unwrap_or(u32::MAX)
    }

    pub(crate) fn lines(&mut self, source: u32, lines: u32) {
        if let Some(source) = self.sources.get_mut(source as usize) {
            source.lines = lines;
        }
    }

    /// A new part.
    pub(crate) fn part(&mut self, name: &str) {
        self.parts.push(Part { name: name.into(), ..Part::default() });
        self.columns.clear();
    }

    pub(crate) fn here(&mut self) -> &mut Part {
        if self.parts.is_empty() {
            self.part("");
        }
        let last = self.parts.len() - 1;
        &mut self.parts[last]
    }

    pub(crate) fn rows(&mut self) -> usize {
        self.here().rows.len()
    }

    pub(crate) fn note(&mut self, place: Place, kind: NoteKind, text: impl Into<String>) {
        // A damaged file may be damaged everywhere.
        if self.notes.len() < 100 {
            self.notes.push(Note { place, kind, text: text.into() });
        }
    }

    /// A fact about the run whose rows follow, or, with `past`, of the one whose rows were read.
    pub(crate) fn fact(&mut self, written: &str, text: &str, place: Place, past: bool) {
        let Some(key) = fact_key(written) else { return };
        let text = text.trim().trim_matches(['\'', '"', '`']);
        let number = crate::facts::amount(text);
        // `max_steps=-1`, `eval_steps=None`: not set.
        if number.is_some_and(|number| number < 0.0) || text == "None" {
            return;
        }
        let fact = Fact { key: key.into(), text: text.chars().take(80).collect(), number, place };
        let part = self.here();
        // Settings are printed once a process; a name that comes again and again is no setting.
        if part.facts.len() < 2000
            && !part.facts.iter().any(|(_, _, other)| other.key == fact.key && other.text == fact.text)
        {
            let rows = part.rows.len();
            part.facts.push((rows, past, fact));
        }
    }

    /// Announces that what follows may be another run.
    pub(crate) fn end_of_run(&mut self) {
        let rows = self.rows();
        self.here().ends.push(rows);
    }

    /// What a name means, worked out once a name.
    pub(crate) fn known(&mut self, written: &str) -> Rc<Known> {
        if let Some(known) = self.names.get(written) {
            return Rc::clone(known);
        }
        let role = role(written);
        let is_measured = matches!(&role, Role::Metric(_, metric) if is_metric(metric));
        let known = Rc::new(Known { role, is_measured });
        if self.names.len() < 4 * MAX_COLUMNS {
            self.names.insert(written.into(), Rc::clone(&known));
        }
        known
    }

    /// Whether a name is a figure that is worth a row.
    pub(crate) fn is_measured(&mut self, written: &str) -> bool {
        self.known(written).is_measured
    }

    /// One row of named numbers. False where none of them is a measurement.
    pub(crate) fn row<'a>(
        &mut self,
        place: Place,
        context: &Context,
        pairs: impl Iterator<Item = (&'a str, f64)> + Clone,
    ) -> bool {
        let mut at = Position::default();
        let (mut is_any, mut has_valid, mut has_plain_loss) = (false, false, false);
        let mut values = std::mem::take(&mut self.scratch);
        values.clear();
        self.row += 1;
        let mut open: Vec<(Rc<Known>, &'a str, f64)> = Vec::new();
        for (written, number) in pairs.take(MAX_VALUES) {
            let known = self.known(written);
            let Role::Metric(split, metric) = &known.role else {
                at.take(&known.role, number);
                continue;
            };
            is_any |= known.is_measured;
            has_valid |= *split == Some(Split::Valid);
            let is_of_training = metric == "lr" || metric == "grad_norm";
            has_plain_loss |= split.is_none() && context.split.is_none() && metric == "loss";
            let stated = split.as_ref().or(if is_of_training { Some(&Split::Train) } else { context.split.as_ref() });
            match stated {
                Some(split) => self.value(split, metric, written, number, &mut values),
                None if metric == "loss" => self.value(&Split::Train, metric, written, number, &mut values),
                None => open.push((known, written, number)),
            }
        }
        // Unnamed figures of a row with validation figures were measured on the validation data (`Training Loss`,
        // `Validation Loss`, `F1`), unless the row has the same figure of it by name, or an unnamed loss beside them
        // (`loss`, `accuracy`, `val_loss`): then they are the training batches'.
        for (known, written, number) in open {
            let Role::Metric(_, metric) = &known.role else { continue };
            let twin = self.column(&Split::Valid, metric).and_then(|twin| self.used_by.get(usize::from(twin)));
            let has_twin = twin == Some(&self.row);
            let split = if has_valid && !has_plain_loss && !has_twin { Split::Valid } else { Split::Train };
            self.value(&split, metric, written, number, &mut values);
        }
        if is_any {
            if let (Some(_), Some(batches)) = (at.batch, at.batches.filter(|batches| *batches > 1.0)) {
                self.fact("batches_per_epoch", &batches.to_string(), place, false);
            }
            self.push(at.step().or(context.step), at.epoch(context.epoch), place, &values);
        }
        self.scratch = values;
        is_any
    }

    /// Marks the last row as a repetition where an earlier one has the same numbers.
    pub(crate) fn last_row_may_repeat(&mut self) {
        let part = self.here();
        let Some((last, before)) = part.rows.split_last_mut() else { return };
        let values = |row: &Row| part.values.get(row.first as usize..row.first as usize + usize::from(row.len));
        let wanted = values(last).unwrap_or_default();
        let holds = |row: &Row| {
            let there = values(row).unwrap_or_default();
            let is_there =
                |value: &&Value| there.iter().any(|other| other.column == value.column && other.number == value.number);
            wanted.iter().filter(is_there).count() * 2 > wanted.len()
        };
        if before.iter().any(holds) {
            last.standing = Standing::Repeat;
        }
    }

    fn push(&mut self, step: Option<u64>, epoch: Option<f64>, place: Place, values: &[(u16, f64)]) {
        let part = self.here();
        let (Ok(first), Ok(len)) = (u32::try_from(part.values.len()), u16::try_from(values.len())) else { return };
        part.values.extend(values.iter().map(|&(column, number)| Value { column, number }));
        part.rows.push(Row { step, epoch, place, first, len, standing: Standing::Counts });
    }

    fn value(&mut self, split: &Split, metric: &str, written: &str, number: f64, values: &mut Vec<(u16, f64)>) {
        let column = match self.column(split, metric) {
            Some(column) => column,
            None => {
                let columns = &mut self.here().columns;
                if columns.len() >= MAX_COLUMNS {
                    return;
                }
                let column = u16::try_from(columns.len()).unwrap_or(u16::MAX);
                columns.push(Column { split: split.clone(), metric: metric.into(), written: written.into() });
                match self.columns.iter_mut().find(|(known, _)| known == split) {
                    Some((_, columns)) => columns.insert(metric.into(), column),
                    None => {
                        self.columns.push((split.clone(), FxHashMap::from_iter([(metric.to_string(), column)])));
                        None
                    }
                };
                column
            }
        };
        let at = usize::from(column);
        if self.used_by.len() <= at {
            self.used_by.resize(at + 1, 0);
        }
        if self.used_by[at] != self.row {
            self.used_by[at] = self.row;
            values.push((column, number));
        }
    }

    fn column(&self, split: &Split, metric: &str) -> Option<u16> {
        self.columns.iter().find(|(known, _)| known == split)?.1.get(metric).copied()
    }

    /// The log, its rows parted into runs.
    pub(crate) fn finish(mut self) -> Log {
        let mut runs = Vec::new();
        for part in std::mem::take(&mut self.parts) {
            crate::runs::part_into_runs(part, &mut runs, &mut self.notes);
        }
        crate::percent::to_shares(&mut runs, &mut self.notes);
        Log { sources: self.sources, runs, unread: self.unread, notes: self.notes, texts: self.texts }
    }
}
