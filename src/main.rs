//! The program without handlers of its own; an organisation's binary calls [`millrace::run`] with its own.
use millrace::queue::work::Registry;

fn main() -> std::process::ExitCode {
    millrace::run(Registry::default())
}
