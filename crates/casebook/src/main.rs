//! The binary: arguments in, errors out, nothing else.

mod arguments;
mod commands;
mod diagnose;
mod doctor;
mod models;
mod predict;
mod probe;
mod records;
mod show;
mod threads;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    train::keep_memory();
    threads::quiet_the_devices();
    match commands::run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            show::error(&error);
            ExitCode::FAILURE
        }
    }
}
