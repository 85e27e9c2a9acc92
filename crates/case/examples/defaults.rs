//! Prints every key of a case file with its default: the text of `configs/defaults.toml`.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    io::stdout().write_all(casebook_case::defaults_toml().as_bytes())
}
