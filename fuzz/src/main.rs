//! One reader under libFuzzer, the one that `READER` names: `READER=csv fuzz FOLDER`. Without it, the names of all readers;
//! with `SEEDS=FOLDER` besides, what fuzzing of that reader begins with is written there. See `scripts/fuzz.sh`.
#![no_main]

use std::path::Path;
use std::process::exit;
use std::sync::OnceLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use untrusted::{READERS, Reader, Taken, held_to_limits, reader, seeds};

static READER: OnceLock<Reader> = OnceLock::new();

fn chosen() -> Reader {
    // A panic that its caller catches is an answer. One that nobody catches is told of below, so none needs words here.
    std::panic::set_hook(Box::new(|panic| {
        if std::env::var_os("SAY_PANICS").is_some() {
            eprintln!("{panic}\n{}", std::backtrace::Backtrace::force_capture());
        }
    }));
    let name = std::env::var("READER").unwrap_or_default();
    let Some(reader) = reader(&name) else {
        READERS.iter().for_each(|reader| println!("{}", reader.name));
        exit(if name.is_empty() { 0 } else { 2 });
    };
    if let Some(folder) = std::env::var_os("SEEDS") {
        for (nth, bytes) in seeds::of(reader.name).iter().enumerate() {
            std::fs::write(Path::new(&folder).join(format!("seed-{nth}")), bytes).expect("the folder can be written");
        }
        exit(0);
    }
    reader
}

fuzz_target!(init: READER.set(chosen()).expect("it is set once"), |bytes: &[u8]| -> Corpus {
    let Some(reader) = READER.get() else { return Corpus::Reject };
    match held_to_limits(*reader, bytes) {
        Ok(Taken::AsIts) => Corpus::Keep,
        Ok(Taken::AsAnother) => Corpus::Reject,
        Err(fault) => {
            eprintln!("{}: {fault:?}", reader.name);
            // libFuzzer writes down what it gave.
            std::process::abort();
        }
    }
});
