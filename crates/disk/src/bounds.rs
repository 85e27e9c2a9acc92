//! What is only read: how much of it at most, and from where.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

/// A file's bytes, if it is no longer than `most`: files that describe others are small, and one that is not is another
/// file, or was made to fill the memory.
///
/// # Errors
/// The system's; one of [`io::ErrorKind::FileTooLarge`] that says the limit.
pub fn read_up_to(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let text =
            format!("it is longer than {} KiB, and no file of its kind is: check that it is the right one", most >> 10);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// Whether a name that was read from a file is one of a file in a folder, and leads to no other folder.
pub fn is_file_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let is_one = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
    is_one && !name.contains(['/', '\\', '\0', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_none() {
        for name in ["a", "model-00001-of-00002.safetensors", "..a", "a..", "한국어"] {
            assert!(is_file_name(name), "{name}");
        }
        for name in ["", ".", "..", "/", "/a", "../a", "a/b", "a/", "./a", "a\\b", "c:a", "a\0"] {
            assert!(!is_file_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_file_that_is_too_long_is_refused_with_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, [7; 2048]).unwrap();
        assert_eq!(read_up_to(&path, 2048).unwrap().len(), 2048);
        let error = read_up_to(&path, 2047).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(error.to_string().contains("longer than 1 KiB"), "{error}");
        // One that never ends.
        assert!(read_up_to(Path::new("/dev/zero"), 1 << 20).is_err());
    }
}
