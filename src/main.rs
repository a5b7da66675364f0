//! The `ottla` command.
#![deny(clippy::print_stderr, clippy::print_stdout)]
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ottla::cli::run(std::env::args_os(), ottla::node::serve)
}
