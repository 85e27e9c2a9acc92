//! Where logs to be read stand.

use std::path::{Path, PathBuf};

/// What a folder holds, by name.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The runs whose records the project keeps.
pub(crate) fn records() -> Vec<PathBuf> {
    let records = Path::new("../../docs/records");
    let variants = ["reviews", "receipts"].iter().flat_map(|case| entries(&records.join(case)));
    let mut runs: Vec<PathBuf> = variants.flat_map(|variant| entries(&variant)).collect();
    runs.push(records.join("quickstart"));
    assert_eq!(runs.len(), 13);
    runs
}

/// The labelled logs, which belong to their authors and are not in the repository.
pub(crate) fn labelled_logs() -> Vec<PathBuf> {
    let folder = std::env::var("DIAGNOSE_LOGS").expect("DIAGNOSE_LOGS names the folder");
    let files = entries(Path::new(&folder));
    assert_eq!(files.len(), 81);
    files
}
