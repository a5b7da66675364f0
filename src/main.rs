//! The `ottla` command.
use ottla::cli::{self, ServeArgs};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(std::env::args_os(), serve)
}

fn serve(_: ServeArgs) -> ExitCode {
    eprintln!("ottla: this build has no broker in it yet; the client commands work with any Kafka broker");
    ExitCode::FAILURE
}
