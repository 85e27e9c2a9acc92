//! A run's record: the page and the charts, made from `run.json` and the journal, and from nothing else.

use std::io::ErrorKind;
use std::path::Path;

use crate::chart::Chart;
use crate::curves::charts;
use crate::error::JournalError;
use crate::event::Event;
use crate::file::read;
use crate::info::RunInfo;
use crate::notes::read_notes;
use crate::parallel::in_parallel;
use crate::png::png;
use crate::report::page;
use crate::svg::svg;
use crate::write::write_atomically;

/// Pixels of a PNG for each unit of its SVG: sharp at 800 wide on a fine screen, and in print.
const SCALE: f32 = 2.0;

/// Writes `record.md` and `charts/{loss,accuracy,learning-rate,grad-norm}-by-{step,epoch}.{svg,png}` into a run's folder,
/// from its `run.json`, `journal.jsonl` and remarks. Any run gets a record, whatever became of it; one without a journal is
/// reported as planned. What was there is replaced, the page last.
///
/// # Errors
/// Those of [`RunInfo::read`] and [`read`], and [`JournalError::Io`] with the file that could not be written.
pub fn write_record(run_dir: &Path) -> Result<(), JournalError> {
    let (page, charts) = record(run_dir)?;
    write_charts(&run_dir.join("charts"), charts.iter().map(|(name, chart)| (name.clone(), chart)))?;
    write_atomically(&run_dir.join("record.md"), page.as_bytes())
}

/// The text of `record.md` and the charts that it names, with their names.
///
/// # Errors
/// Those of [`RunInfo::read`] and [`read`].
pub fn record(run_dir: &Path) -> Result<(String, Vec<(String, Chart)>), JournalError> {
    let info = RunInfo::read(run_dir)?;
    let events = or_none(read(&run_dir.join("journal.jsonl")))?;
    Ok((page(&info, &events, &read_notes(run_dir)?), charts(&info, &events)))
}

/// Writes charts by their names into a folder, as SVG and PNG.
pub(crate) fn write_charts<'a>(
    folder: &Path,
    charts: impl Iterator<Item = (String, &'a Chart)>,
) -> Result<(), JournalError> {
    disk::create_folders(folder).map_err(JournalError::io("create", folder))?;
    let charts: Vec<(String, &Chart)> = charts.collect();
    let written = in_parallel(&charts, |(name, chart)| {
        let drawn = svg(chart);
        write_atomically(&folder.join(format!("{name}.png")), &png(&drawn, SCALE)?)?;
        write_atomically(&folder.join(format!("{name}.svg")), drawn.as_bytes())
    });
    written.into_iter().collect()
}

/// A journal's events; none where there is no journal yet.
pub(crate) fn or_none(read: Result<Vec<Event>, JournalError>) -> Result<Vec<Event>, JournalError> {
    match read {
        Err(JournalError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::event::Status;
    use crate::synthetic::{ended, eval, finished_run, run_info, start, written_run};

    fn record(folder: &Path) -> String {
        fs::read_to_string(folder.join("record.md")).unwrap()
    }

    #[test]
    fn a_record_has_its_page_and_every_chart_it_shows() {
        let folder = written_run(&finished_run());
        write_record(folder.path()).unwrap();
        let page = record(folder.path());
        assert_eq!(fs::read_dir(folder.path().join("charts")).unwrap().count(), 16);
        let targets = page.split(['"', '(', ')']).filter(|part| part.starts_with("charts/"));
        let mut shown = 0;
        for target in targets {
            assert!(folder.path().join(target).is_file(), "{target}");
            shown += 1;
        }
        assert_eq!(shown, 16);
    }

    #[test]
    fn the_same_journal_gives_the_same_record() {
        let folder = written_run(&finished_run());
        write_record(folder.path()).unwrap();
        let chart = folder.path().join("charts/loss-by-step.png");
        let first = (record(folder.path()), fs::read(&chart).unwrap());
        write_record(folder.path()).unwrap();
        assert_eq!(first, (record(folder.path()), fs::read(&chart).unwrap()));
    }

    #[test]
    fn a_run_that_never_began_and_one_that_failed_at_once_have_records() {
        let folder = tempfile::tempdir().unwrap();
        run_info().write(folder.path()).unwrap();
        write_record(folder.path()).unwrap();
        assert!(record(folder.path()).contains("- status: planned"));
        let folder = written_run(&[start(), ended(0, Status::Failed, "no such device")]);
        write_record(folder.path()).unwrap();
        assert!(record(folder.path()).contains("- status: failed at step 0 of 1,000: no such device"));
    }

    #[test]
    fn without_a_description_or_with_a_damaged_journal_there_is_no_record() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(write_record(folder.path()), Err(JournalError::Io { action: "read", .. })));
        let folder = written_run(&[start(), eval(0), eval(10)]);
        let journal = folder.path().join("journal.jsonl");
        let text = fs::read_to_string(&journal).unwrap().replacen("\"step\":0", "\"step\":9", 1);
        fs::write(&journal, text).unwrap();
        assert!(matches!(write_record(folder.path()), Err(JournalError::DamagedLine { line: 2, .. })));
        assert!(!folder.path().join("record.md").exists());
    }
}
