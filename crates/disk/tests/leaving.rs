//! A process that leaves at once leaves nothing half-written. Alone in its file: afterwards this process writes no more.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use casebook_disk as disk;

/// Bytes of a file: enough that some are half-written at any moment.
const BYTES: usize = 1 << 20;

#[test]
fn what_has_its_name_is_whole_and_nothing_else_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (told, tell) = channel();
    for thread in 0..4_u8 {
        let (folder, told) = (folder.path().to_path_buf(), told.clone());
        thread::spawn(move || {
            for round in 0_u8.. {
                disk::write_whole(&folder.join(format!("file-{thread}")), &vec![round; BYTES]).unwrap();
                let building = folder.join(format!("folder-{thread}.building"));
                let half = disk::HalfWritten::at(&building);
                disk::create_folder(&building).unwrap();
                disk::write_synced(&building.join("a"), &vec![round; BYTES]).unwrap();
                disk::remove_folder_if_there(&folder.join(format!("folder-{thread}"))).unwrap();
                disk::name_folder(&building, &folder.join(format!("folder-{thread}"))).unwrap();
                drop(half);
                told.send(()).unwrap();
            }
        });
    }
    (0..12).for_each(|_| tell.recv().unwrap());
    disk::abandon();
    let found = || {
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let names = found();
    let is_whole = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        bytes.len() == BYTES && bytes.iter().all(|byte| *byte == bytes[0])
    };
    for name in &names {
        let (path, name) = (folder.path().join(name), name.to_string_lossy());
        assert!(!name.ends_with(".tmp") && !name.ends_with(".building"), "{name}");
        // A folder that was being removed may be empty; one that stands is whole.
        let file = if path.is_dir() { path.join("a") } else { path };
        assert!(!file.exists() || is_whole(&file), "{name}");
    }
    thread::sleep(Duration::from_millis(200));
    assert_eq!(found(), names, "nothing more is written");
}
