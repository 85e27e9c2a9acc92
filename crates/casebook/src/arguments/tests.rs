use clap::{CommandFactory, Parser};

use super::Arguments;

/// The words of a command line, quotes taken off.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    let split = |(index, part): (usize, &str)| match index % 2 {
        1 => vec![part.to_string()],
        _ => part.split_whitespace().map(str::to_string).collect(),
    };
    parts.flat_map(split).collect()
}

#[test]
fn every_command_that_the_readme_shows_can_be_typed() {
    let readme = include_str!("../../../../README.md");
    let command = |line: &str| {
        let rest = line.trim().strip_prefix("target/release/casebook ");
        let rest = rest.or_else(|| line.trim().strip_prefix("cargo run --release -- "))?;
        Some(format!("casebook {rest}"))
    };
    let commands = readme.lines().filter_map(command).collect::<Vec<_>>();
    assert!(commands.len() >= 4, "{commands:?}");
    for command in commands {
        if let Err(error) = Arguments::try_parse_from(words(&command)) {
            panic!("{command}: {error}");
        }
    }
}

/// One struct, one file, and nothing else changes a run: a new flag must be meant.
#[test]
fn the_flags_are_these() {
    let root = Arguments::command();
    let flags = |command: &clap::Command| {
        let long = command.get_arguments().filter_map(|argument| argument.get_long().map(str::to_string));
        long.collect::<Vec<_>>().join(" ")
    };
    let all = root.get_subcommands().map(|command| format!("{}: {}", command.get_name(), flags(command)));
    let wanted = [
        "train: variant seed set runs prepared json force-device",
        "resume: set prepared json force-device",
        "check: set resolved",
        "probe: variant set device minutes chart prepared json force-device",
        "fill-mask: top device json",
        "predict: second data top svg device json",
        "evaluate: data field format errors seed device json",
        "export: to checkpoint licence",
        "import: to",
        "journal: runs case variant seed state commit since json",
        "note: ",
        "compare: baseline by at best metric runs json markdown",
        "report: out runs",
        "record: out runs",
        "diagnose: claim plan json markdown html chart explain",
        "doctor: device composed precision all",
        "forward: ids device",
        "encode: data",
        "replay: init batches norm d-model heads ff layers vocab eps lr lr-warmup weight-decay clip adam-eps steps device out",
        "throughput: d-model heads ff layers vocab seq batch dropout min-len steps warmup-steps seed composed precision attend device",
    ];
    assert_eq!(all.collect::<Vec<_>>(), wanted);
}
