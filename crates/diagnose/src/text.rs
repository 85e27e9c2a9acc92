//! Console output and pasted text, line by line: whatever looks like a measurement is read, the rest passed over.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::borrow::Cow;

use crate::blocks::{Block, OpenBlock, Side, block_of, figures, size};
use crate::clean::{clean, softened};
use crate::collect::{Collector, Context};
use crate::dictionary::{Dictionary, is_log, take_in};
use crate::facts;
use crate::html::read_html;
use crate::literal::{Fault, parse};
use crate::log::{Place, Split};
use crate::names::Role;
use crate::pairs::{self, INNER, TOTAL};
use crate::table;

/// A dictionary broken over more lines than this is given up.
const MAX_BROKEN_LINES: usize = 40;
/// Lines of other programs between two rows of a table.
const MAX_STRAYS: usize = 2;
/// Bytes of a broken dictionary or an HTML table.
const MAX_HELD: usize = 4 << 20;
/// Lines that are searched for settings: they are printed at the start of a run.
const MAX_FACT_LINES: usize = 50_000;

/// Reads a text into the collector, as rows of `source`.
pub(crate) fn read_text(collector: &mut Collector, source: u32, text: &str) {
    let mut reader = TextReader::new(collector, source);
    let mut number = 0u32;
    for line in text.split('\n') {
        number = number.saturating_add(1);
        reader.line(number, line);
    }
    reader.finish();
    let lines = if text.ends_with('\n') { number - 1 } else { number };
    collector.lines(source, lines);
}

struct TextReader<'c> {
    collector: &'c mut Collector,
    source: u32,
    line: u32,
    context: Context,
    /// A dictionary that did not end in its line: the text so far, its first line, lines so far.
    broken: Option<(String, u32, usize)>,
    html: Option<(String, u32)>,
    pipe: Option<String>,
    /// Lines since the last of a table.
    strays: usize,
    header: Option<Vec<String>>,
    /// Names in a line of their own, before a line with as many numbers.
    names: Option<Vec<String>>,
    block: Option<OpenBlock>,
    /// Final figures of a model card, which stand before the table they end.
    card: Option<(Place, Vec<(String, f64)>)>,
    /// What the last `***** Running ... *****` said.
    running: Side,
    fact_lines: usize,
    /// Progress bars: total, and how often a training row stood below one of that total.
    bar: Option<u64>,
    bars: Vec<(u64, u32, Place)>,
}

impl<'c> TextReader<'c> {
    fn new(collector: &'c mut Collector, source: u32) -> Self {
        Self {
            collector,
            source,
            line: 0,
            context: Context::default(),
            broken: None,
            html: None,
            pipe: None,
            strays: 0,
            header: None,
            names: None,
            block: None,
            card: None,
            running: Side::Train,
            fact_lines: 0,
            bar: None,
            bars: Vec::new(),
        }
    }

    fn place(&self) -> Place {
        Place { source: self.source, line: self.line }
    }

    fn line(&mut self, number: u32, line: &str) {
        self.line = number;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let is_overwritten = line.contains('\r');
        // Of a line that was overwritten, empty versions say nothing; an empty line ends a block.
        for segment in line.split('\r').filter(|segment| !is_overwritten || !segment.trim().is_empty()) {
            let segment = clean(segment);
            self.segment(&segment);
        }
    }

    fn segment(&mut self, segment: &str) {
        if self.broken.is_some() && self.mend(segment) {
            return;
        }
        if self.html.is_some() || segment.contains("<table") {
            self.hold_html(segment);
            return;
        }
        self.look_for_bar(segment);
        let trimmed = segment.trim();
        if self.header.is_some() && self.markdown_row(trimmed) {
            return;
        }
        if segment.contains('{') && !self.is_in_figures() && self.dictionaries(segment) {
            return;
        }
        if self.block_line(trimmed) || self.markdown_row(trimmed) || self.named_row(trimmed) {
            return;
        }
        if trimmed.bytes().any(|byte| byte.is_ascii_digit()) {
            if self.pairs(trimmed) {
                return;
            }
            self.facts(trimmed);
        } else if trimmed.contains("sched") || trimmed.contains("optim") {
            self.facts(trimmed);
        }
    }

    /// The total of a progress bar: ` 1%|          | 10/1233 [07:54<14:12:16, 41.81s/it]`.
    fn look_for_bar(&mut self, segment: &str) {
        let Some((_, bar)) = segment.split_once("%|") else { return };
        let Some((_, counts)) = bar.split_once('|') else { return };
        let Some((counts, _)) = counts.split_once('[') else { return };
        let Some((_, total)) = counts.split_once('/') else { return };
        self.bar = total.trim().parse().ok();
    }

    /// Every dictionary of the segment. True where there was one, or the beginning of one.
    fn dictionaries(&mut self, segment: &str) -> bool {
        let mut at = 0;
        let mut is_any = false;
        for _ in 0..8 {
            let Some(open) = segment.get(at..).and_then(|rest| rest.find('{')) else { return is_any };
            let start = at + open;
            match parse(segment, start) {
                Ok((node, end)) => {
                    is_any |= self.dictionary(&Dictionary::of(&node), self.line);
                    at = end;
                }
                Err(Fault::Ended) if may_begin(segment, start) => {
                    let text = segment.get(start..).unwrap_or_default().trim_end().to_string();
                    self.broken = Some((text, self.line, 1));
                    return true;
                }
                Err(_) => {
                    let rest = segment.get(start..).unwrap_or_default();
                    if let Cow::Owned(soft) = softened(rest) {
                        match parse(&soft, 0) {
                            Ok((node, _)) => return self.dictionary(&Dictionary::of(&node), self.line) || is_any,
                            Err(Fault::Ended) if may_begin(&soft, 0) => {
                                self.broken = Some((soft, self.line, 1));
                                return true;
                            }
                            Err(_) => {}
                        }
                    }
                    if is_log(rest) {
                        self.collector.unread.add(self.place(), "not a dictionary of names and numbers", rest);
                        return true;
                    }
                    at = start + 1;
                }
            }
        }
        is_any
    }

    fn dictionary(&mut self, dictionary: &Dictionary<'_>, line: u32) -> bool {
        let place = Place { source: self.source, line };
        let rows = self.collector.rows();
        let is_read = take_in(self.collector, place, &self.context, dictionary);
        if self.collector.rows() > rows
            && let Some(bar) = self.bar
            && dictionary.has("loss")
        {
            let has_room = self.bars.len() < 64;
            match self.bars.iter_mut().find(|(total, _, _)| *total == bar) {
                Some((_, times, _)) => *times += 1,
                None if has_room => self.bars.push((bar, 1, place)),
                None => {}
            }
        }
        is_read
    }

    /// Goes on with a broken dictionary. False where the segment must be read by itself.
    fn mend(&mut self, segment: &str) -> bool {
        let Some((mut text, first, lines)) = self.broken.take() else { return false };
        if segment.contains("%|") && !segment.contains('}') {
            self.look_for_bar(segment);
            self.broken = Some((text, first, lines));
            return true;
        }
        let tried = text.len();
        text.push_str(segment.trim_end());
        match parse(&text, 0) {
            Ok((node, _)) => {
                self.dictionary(&Dictionary::of(&node), first);
                true
            }
            Err(Fault::Ended) if lines < MAX_BROKEN_LINES && text.len() < MAX_HELD && !segment.contains("{'") => {
                self.broken = Some((text, first, lines + 1));
                true
            }
            Err(_) => {
                text.truncate(tried);
                self.give_up(&text, first);
                false
            }
        }
    }

    fn give_up(&mut self, text: &str, first: u32) {
        if is_log(text) {
            let place = Place { source: self.source, line: first };
            self.collector.unread.add(place, "a dictionary that does not end", text);
        }
    }

    fn hold_html(&mut self, segment: &str) {
        let (mut html, first) = self.html.take().unwrap_or_else(|| (String::new(), self.line));
        html.push_str(segment);
        html.push('\n');
        if segment.contains("</table>") || html.len() > MAX_HELD {
            read_html(self.collector, Place { source: self.source, line: first }, &html, &self.context);
        } else {
            self.html = Some((html, first));
        }
    }

    fn is_in_figures(&self) -> bool {
        matches!(self.block, Some((Block::Card, ..)))
    }

    fn block_line(&mut self, line: &str) -> bool {
        if line.ends_with("results on the evaluation set:") {
            self.finish_block();
            self.block = Some((Block::Card, self.line, Vec::new()));
            return true;
        }
        if let Some(block) = block_of(line) {
            self.finish_block();
            if block == Block::Sizes(Side::Train) {
                self.collector.end_of_run();
            }
            self.block = Some((block, self.line, Vec::new()));
            return true;
        }
        let Some((block, first, mut pairs)) = self.block.take() else { return false };
        if block == Block::Card {
            let item = line.strip_prefix("- ").and_then(|item| item.rsplit_once(':'));
            let is_over = !line.is_empty() && item.is_none() && !line.starts_with("- ");
            pairs.extend(item.and_then(|(name, text)| Some((name.trim().to_string(), facts::amount(text)?))));
            self.block = Some((block, first, pairs));
            if is_over {
                self.finish_block();
            }
            return !is_over;
        }
        let found = line.split_once('=').and_then(|(name, text)| {
            let name = name.trim().rsplit([' ', ':', '#']).find(|word| !word.is_empty())?;
            Some((name, facts::amount(text.trim())?))
        });
        let whole_name = line.split_once('=').map(|(name, _)| name.trim().trim_start_matches(['#', ' ']));
        match (block, found, whole_name) {
            (Block::Figures(_), Some((name, number)), _) if pairs.len() < 256 => pairs.push((name.into(), number)),
            (Block::Sizes(side), Some((_, _)), Some(name)) => {
                let text = line.split_once('=').map_or("", |(_, text)| text);
                let place = self.place();
                size(self.collector, name, text, side, place);
            }
            _ => {
                self.block = Some((block, first, pairs));
                self.finish_block();
                return false;
            }
        }
        self.block = Some((block, first, pairs));
        true
    }

    fn finish_block(&mut self) {
        let Some((block, line, pairs)) = self.block.take() else { return };
        let side = match block {
            Block::Figures(side) => side,
            Block::Card => Side::Valid,
            Block::Sizes(side) => {
                self.running = side;
                return;
            }
        };
        if block == Block::Card {
            self.card = Some((Place { source: self.source, line }, pairs));
        } else if !pairs.is_empty() {
            figures(self.collector, Place { source: self.source, line }, side, &pairs);
        }
    }

    /// A row of a Markdown table, its header, or its rule.
    fn markdown_row(&mut self, line: &str) -> bool {
        if !line.starts_with('|') {
            // A line of another program may stand between the rows; an empty one ends the table.
            self.strays += 1;
            if line.is_empty() || self.strays > MAX_STRAYS {
                self.header = None;
                self.pipe = None;
            }
            return false;
        }
        let was_interrupted = std::mem::take(&mut self.strays) > 0;
        if table::is_rule(line) {
            let header = self.pipe.take();
            self.header = header.map(|header| table::cells(&header).into_iter().map(String::from).collect());
            return true;
        }
        let cells = table::cells(line);
        // fairseq begins its lines with a bar, too.
        let Some(header) = self.header.take().filter(|header| !was_interrupted || header.len() == cells.len()) else {
            self.pipe = line.bytes().any(|byte| byte.is_ascii_alphabetic()).then(|| line.to_string());
            return false;
        };
        self.table_row(&header, &cells);
        self.header = Some(header);
        true
    }

    fn table_row<'a>(&mut self, header: &'a [String], cells: &[&'a str]) {
        let pairs: Vec<(&str, f64)> = header
            .iter()
            .zip(cells)
            .filter_map(|(name, cell)| Some((name.as_str(), table::cell_number(cell)?)))
            .collect();
        let place = self.place();
        if !self.collector.row(place, &self.context, pairs.iter().copied()) {
            // `| learning_rate | 2e-05 |`
            if let [name, text, ..] = cells {
                self.collector.fact(name, text, place, false);
            }
        }
    }

    /// `train_loss,train_acc,valid_loss` and below it as many numbers; or the same with tabs.
    fn named_row(&mut self, line: &str) -> bool {
        let separator = if line.contains('\t') { '\t' } else { ',' };
        if let Some(names) = &self.names {
            let cells: Vec<&str> = line.split(separator).map(str::trim).collect();
            if cells.len() == names.len() && cells.iter().any(|cell| table::cell_number(cell).is_some()) {
                let names = self.names.clone().unwrap_or_default();
                self.table_row(&names, &cells);
                return true;
            }
            if !line.is_empty() {
                self.names = None;
            }
        }
        if !line.contains(separator) || line.len() > 2000 {
            return false;
        }
        let bare = line.trim_matches(['*', ' ', '#', '=', '-']);
        let cells: Vec<&str> = bare.split(separator).map(str::trim).collect();
        let is_name = |cell: &&str| {
            !cell.is_empty() && cell.len() < 60 && table::cell_number(cell).is_none() && !cell.contains(['=', ':'])
        };
        if cells.len() < 2 || !cells.iter().all(is_name) {
            return false;
        }
        let measured = cells.iter().filter(|cell| self.collector.is_measured(cell)).count();
        if measured * 2 >= cells.len() {
            self.names = Some(cells.into_iter().map(String::from).collect());
            return true;
        }
        false
    }

    /// Names and numbers in free text. True where they were a row, or a position for the rows below.
    fn pairs(&mut self, line: &str) -> bool {
        if !may_measure(line) || is_running_mean(line) {
            return false;
        }
        let line = softened(line);
        let mut found = Vec::new();
        pairs::scan(&line, &mut found);
        let mut named: Vec<(&str, f64)> = Vec::with_capacity(found.len());
        let (mut measured, mut epoch, mut epochs) = (0, None, None);
        for &(name, number) in &found {
            if name == TOTAL {
                let last = named.last().map(|(last, _)| self.collector.known(last));
                match last.as_ref().map(|last| &last.role) {
                    Some(Role::Epoch) => epochs = Some(number),
                    // `Epoch [5/10], Step [100/469]`: steps of the epoch; epochs that reach their total count from 1.
                    Some(Role::Step) if epoch.is_some() => {
                        let inner = named.pop().map_or(0.0, |(_, inner)| inner);
                        named.push((if epochs.is_some() { INNER } else { "batch" }, inner));
                        named.push((name, number));
                    }
                    _ => named.push((name, number)),
                }
                continue;
            }
            let collector = &mut *self.collector;
            let known = pairs::known_end(name, |end| {
                let known = collector.known(end);
                known.is_measured || !matches!(known.role, Role::Metric(..))
            });
            let Some(end) = known else {
                // Times and speeds are kept beside what is measured; their names are single words.
                if !name.contains(' ') {
                    named.push((name, number));
                }
                continue;
            };
            match &self.collector.known(end).role {
                Role::Metric(_, metric) if metric != "lr" => measured += 1,
                Role::Epoch => epoch = Some(number),
                _ => {}
            }
            named.push((end, number));
        }
        if measured == 0 {
            if let Some(epoch) = epoch.filter(|epoch| epoch.is_finite()) {
                self.context.epoch = Some(epoch);
                self.context.step = None;
                let place = self.place();
                if let Some(epochs) = epochs {
                    self.collector.fact("num_epochs", &epochs.to_string(), place, false);
                }
                return true;
            }
            return false;
        }
        let place = self.place();
        let has_position =
            named.iter().any(|(name, _)| matches!(self.collector.known(name).role, Role::Step | Role::Epoch));
        if !has_position && self.context.epoch.is_none() && named.len() > 12 {
            return false; // a sentence with numbers
        }
        let split = match self.running {
            _ if line.contains("valid on '") || line.contains("| valid |") => Some(Split::Valid),
            // What is printed without a position while an evaluation runs is its result.
            Side::Valid if !has_position => Some(Split::Valid),
            Side::Test if !has_position => Some(Split::Test),
            _ => self.context.split.clone(),
        };
        let context = Context { split, ..self.context.clone() };
        self.collector.row(place, &context, named.iter().copied())
    }

    fn facts(&mut self, line: &str) {
        if self.fact_lines >= MAX_FACT_LINES || line.len() > 4000 || !line.contains([':', '=']) {
            return;
        }
        self.fact_lines += 1;
        let place = self.place();
        let line = softened(line);
        let collector = &mut *self.collector;
        facts::in_line(&line, |name, text| collector.fact(name, text, place, false));
    }

    fn finish(&mut self) {
        self.finish_block();
        if let Some((text, first, _)) = self.broken.take() {
            self.give_up(&text, first);
        }
        if let Some((html, first)) = self.html.take() {
            read_html(self.collector, Place { source: self.source, line: first }, &html, &self.context);
        }
        if let Some((place, pairs)) = self.card.take() {
            figures(self.collector, place, Side::Valid, &pairs);
            self.collector.last_row_may_repeat();
        }
        let all: u32 = self.bars.iter().map(|(_, votes, _)| votes).sum();
        if let Some(&(total, votes, place)) = self.bars.iter().max_by_key(|(_, votes, _)| *votes)
            && votes * 2 > all
        {
            self.collector.fact("max_steps", &total.to_string(), place, true);
        }
    }
}

/// Whether an unfinished `{` may be the beginning of a printed dictionary.
fn may_begin(text: &str, start: usize) -> bool {
    let rest = text.get(start + 1..).unwrap_or_default();
    rest.trim_end().is_empty() || rest.starts_with(['\'', '"', ' '])
}

/// Whether free text names a figure at all. Cheap: most lines of most logs do not.
fn may_measure(line: &str) -> bool {
    const PARTS: [&str; 16] = [
        "oss", "LOSS", "cc", "ACC", "ppl", "erplex", "f1", "F1", "poch", "EPOCH", "step", "iter", "lr", "wer", "bleu",
        "BLEU",
    ];
    PARTS.iter().any(|part| line.contains(part))
}

/// A progress line of Keras before its epoch ends: ` 20/100 [===>....] - ETA: 3s - loss: 0.7`.
fn is_running_mean(line: &str) -> bool {
    let Some((done, rest)) = line.split_once('/') else { return false };
    let Ok(done) = done.trim().parse::<u64>() else { return false };
    let total: String = rest.chars().take_while(char::is_ascii_digit).collect();
    total.parse::<u64>().is_ok_and(|total| done < total)
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
