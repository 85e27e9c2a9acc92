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
mod signals;
mod threads;

use std::process::ExitCode;

use clap::Parser;
use train::TrainError;

use crate::{
    arguments::Arguments,
    signals::{STOPPED, Signals},
};

fn main() -> ExitCode {
    train::keep_memory();
    threads::quiet_the_devices();
    let arguments = Arguments::parse();
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return failed(&error),
    };
    match commands::run(&arguments, &signals) {
        Ok(code) => code,
        Err(error) if error.downcast_ref().is_some_and(TrainError::is_interruption) => {
            signals.say_stopped();
            ExitCode::from(STOPPED)
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    show::error(error);
    ExitCode::FAILURE
}
