//! Writing whole files, and finding numbers that JSON cannot hold.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::error::JournalError;

/// Writes a file so that a reader, or a crash at any moment, finds either the old content or the new, never a part.
///
/// # Errors
/// [`JournalError::Io`]; nothing is left beside the file and the old content is untouched.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    disk::write_whole(path, bytes).map_err(|(path, source)| JournalError::io("write", &path)(source))
}

/// A name as part of a file's: letters and digits of any script, `-` and `_` as they are, all else `_`; of a long one the
/// beginning and a checksum of all of it. A case file's names are so already; a changed `run.json` may not lead out of the
/// folder.
pub(crate) fn file_name(name: &str) -> String {
    let plain: String =
        name.chars().map(|letter| if letter.is_alphanumeric() || letter == '-' { letter } else { '_' }).collect();
    match plain.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}-{:08x}", &plain[..end], crc32fast::hash(name.as_bytes())),
        None => plain,
    }
}

/// Letters of a name in that of a file: file systems take 255 bytes, a letter has up to four, and more is put to it.
const LONGEST_NAME: usize = 50;

/// Makes a new or renamed entry of `path`'s folder survive a power cut.
pub(crate) fn sync_folder(path: &Path) -> Result<(), JournalError> {
    let folder = disk::folder_of(path);
    disk::sync_folder(folder).map_err(JournalError::io("sync", folder))
}

/// The path of the first float that is NaN or infinite.
///
/// serde_json writes such floats as `null`; every `None` of ours is left out instead, so a `null` is a lost number.
pub(crate) fn first_non_finite(value: &impl Serialize) -> Option<String> {
    let value = serde_json::to_value(value).ok()?;
    null_path(&value)
}

fn null_path(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| Some(format!("[{index}]{}", joined(&null_path(item)?))))
        }
        Value::Object(fields) => {
            fields.iter().find_map(|(name, field)| Some(format!("{name}{}", joined(&null_path(field)?))))
        }
        _ => None,
    }
}

/// `.field`, but `[0]` without a dot before it.
fn joined(path: &str) -> String {
    if path.is_empty() || path.starts_with('[') { path.to_string() } else { format!(".{path}") }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_name_from_a_file_stays_in_its_folder() {
        assert_eq!(
            ["layer-4_b", "한국어", "../a/b", "", "a\0.b"].map(file_name),
            ["layer-4_b", "한국어", "___a_b", "", "a__b"]
        );
        let long = [format!("{}a", "국".repeat(300)), format!("{}b", "국".repeat(300))].map(|name| file_name(&name));
        assert!(long[0] != long[1] && long.iter().all(|name| name.len() < 200), "{long:?}");
        assert_eq!(file_name(&"w".repeat(50)), "w".repeat(50));
    }

    #[test]
    fn a_failed_write_names_the_path_and_leaves_the_folder_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("run.json");
        let error = write_atomically(&path, b"x").unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
        // A folder stands where the file should go: the rename fails, the temporary file goes.
        let taken = folder.path().join("taken");
        fs::create_dir_all(taken.join("inside")).unwrap();
        assert!(matches!(write_atomically(&taken, b"x"), Err(JournalError::Io { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_first_non_finite_float_is_named_by_its_path() {
        #[derive(Serialize)]
        struct Inner {
            x: f64,
        }
        #[derive(Serialize)]
        struct Outer {
            a: f64,
            list: Vec<Inner>,
            pairs: Vec<(String, f64)>,
        }
        let outer =
            |x, pair| Outer { a: 1.0, list: vec![Inner { x: 0.0 }, Inner { x }], pairs: vec![("p".into(), pair)] };
        assert_eq!(first_non_finite(&outer(0.0, 0.0)), None);
        assert_eq!(first_non_finite(&outer(f64::NAN, 0.0)).as_deref(), Some("list[1].x"));
        assert_eq!(first_non_finite(&outer(0.0, f64::INFINITY)).as_deref(), Some("pairs[0][1]"));
    }
}
