//! A folder of prepared text: its manifest, its shards; the seal of manifests; files of weights.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use corpus::{Prepared, Split};
use serde_json::Value;

use crate::Taken;
use crate::seeds::prepared_files;

/// A sealed text: what is taken off again is what was sealed.
pub(crate) fn seal(bytes: &[u8]) -> Taken {
    let sealed = disk::sealed(bytes.to_vec());
    if bytes.ends_with(b"\n}") {
        assert_eq!(disk::unsealed(&sealed).as_deref(), Ok(bytes), "a seal is taken off again");
    }
    black_box(disk::unsealed(bytes).is_ok());
    Taken::AsIts
}

/// Weights; what was read is written and read again.
pub(crate) fn safetensors(bytes: &[u8]) -> Taken {
    let Ok(read) = weights::parse(bytes).inspect_err(|error| drop(black_box(error.to_string()))) else {
        return Taken::AsIts;
    };
    let again = weights::parse(&weights::bytes(&read)).expect("what was read can be written");
    assert!(again == read, "what was written is read back");
    Taken::AsIts
}

/// A manifest beside the files it should name.
pub(crate) fn manifest(bytes: &[u8]) -> Taken {
    in_prepared(|folder| fs::write(folder.join("manifest.json"), bytes));
    Taken::AsIts
}

/// A shard, under a manifest that vouches for it: the hash proves that nothing changed, not that what was written is sound.
pub(crate) fn shard(bytes: &[u8]) -> Taken {
    in_prepared(|folder| {
        let path = folder.join("manifest.json");
        let text = disk::unsealed(&fs::read(&path)?).expect("what was prepared here is sound");
        let mut manifest: Value = serde_json::from_slice(&text)?;
        let facts = &mut manifest["shards"][0];
        let count = |back: usize| {
            let at = bytes.len().checked_sub(back)?;
            Some(u64::from_le_bytes(*bytes[at..].first_chunk()?))
        };
        for (name, back) in [("tokens", 24), ("lines", 16), ("documents", 8)] {
            facts[name] = count(back).unwrap_or_default().into();
        }
        facts["hash"] = blake3::hash(bytes).to_hex().to_string().into();
        let name = facts["file"].as_str().expect("a shard has a name").to_string();
        fs::write(folder.join(name), bytes)?;
        fs::write(path, serde_json::to_vec_pretty(&manifest)?)
    });
    Taken::AsIts
}

/// Opens a prepared folder after a change, and reads all of it where it can be opened.
fn in_prepared(change: impl FnOnce(&Path) -> std::io::Result<()>) {
    let folder = tempfile::tempdir().expect("the folder for temporary files can be written");
    for (name, bytes) in prepared_files() {
        fs::write(folder.path().join(name), bytes).expect("the folder for temporary files can be written");
    }
    change(folder.path()).expect("the folder for temporary files can be written");
    let Ok(prepared) = Prepared::open(folder.path()).inspect_err(|error| drop(black_box(error.to_string()))) else {
        return;
    };
    black_box(prepared.hash());
    for split in [Split::Train, Split::Valid, Split::Test] {
        for corpus in 0..2 {
            black_box(prepared.token_counts(split, corpus));
            for source in prepared.sources(split, corpus) {
                let mut ids = Vec::new();
                source.copy_tokens(0..source.token_count(), &mut ids);
                let lines: u64 = (0..source.line_count()).map(|at| source.line(at).end).sum();
                let documents: u64 = (0..source.document_count()).map(|at| source.document(at).end).sum();
                black_box((prepared.tokenizer().decode(&ids), lines, documents));
            }
        }
    }
}
