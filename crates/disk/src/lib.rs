//! The one way to write: every change to a file or a folder goes through here.
//!
//! In use it is the file system and nothing else. In tests a [`Watch`] stands before it, which counts operations, fails
//! them, or records them, so that a crash model ([`crash`]) can say what a kill or a power cut may leave. What is only read
//! needs none of this, but for files that others may have made (`bounds`).

#![warn(clippy::panic)] // what a user gives is refused, not panicked about

mod bounds;
pub mod crash;
mod files;
mod leave;
mod room;
mod seal;
mod watch;

pub use bounds::{is_file_name, read_up_to};
pub use files::{
    DiskFile, copy, create_folder, create_folders, folder_of, is_temporary, name_folder, remove_file, remove_folder,
    remove_folder_if_there, rename, sync_folder, write_synced, write_whole,
};
pub use leave::{HalfWritten, abandon};
pub use room::{free, is_full, remedy, wait};
pub use seal::{sealed, unsealed};
pub use watch::{Answer, Counting, Failing, Failure, Operation, Recorded, Recording, Watch, watched};
