//! The command line: one file per group of commands; all call the services that pages and API call.
//!
//! Exit codes: 0 done, 1 refused or failed with the reason on stderr, 2 usage.
//!
//! ```text
//! arguments ─▶ Globals (settings) ─▶ command ─▶ Session (database, actor, clock) ─▶ service ─▶ Answer ─▶ text or JSON
//! ```
mod address;
mod answer;
mod bench;
mod calendar;
mod config;
mod database;
mod demo;
mod doctor;
mod engine;
mod failure;
mod globals;
mod input;
mod job;
mod logging;
mod migrate;
mod node;
mod operation;
mod pool;
mod psql;
mod queue;
mod schedule;
mod serve;
mod session;
mod template;
mod token;
mod user;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::queue::work::Registry;

pub use answer::{Answer, Failure};
pub use database::Database;
pub use globals::Globals;
pub use session::Session;

/// Runs an organisation's background work and shows it.
#[derive(Parser)]
#[command(name = "millrace", version, max_term_width = 110, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Starts everything: database, web, engine (the default command)
    Serve(serve::Flags),
    /// Runs jobs; started and watched by `serve`
    #[command(hide = true)]
    Engine,
    /// Applies or checks the migrations of the database
    Migrate(migrate::Flags),
    /// Prints the effective settings with their source and meaning
    Config,
    /// Opens psql on the database of this installation, to try the SQL door
    Psql(psql::Flags),
    /// Names every unsafe or unhealthy thing with the act that mends it; exit code 1 if there is any
    Doctor,
    /// Measures this installation, each figure beside hand-written SQL of the same run
    #[command(subcommand)]
    Bench(bench::Command),
    /// Starts a living example in a data folder of its own: templates, people, thirty days of history, work going on
    Demo(demo::Flags),
    /// Adds, lists and shuts out people
    #[command(subcommand)]
    User(user::Command),
    /// Makes, lists and revokes API tokens
    #[command(subcommand)]
    Token(token::Command),
    /// Enqueues, lists, shows and repairs jobs
    #[command(subcommand)]
    Job(job::Command),
    /// Does one act to many jobs: starts, lists, shows, stops and resumes bulk operations
    #[command(subcommand)]
    Operation(operation::Command),
    /// Lists, pauses and resumes queues
    #[command(subcommand)]
    Queue(queue::Command),
    /// Lists failure groups, mutes, handles and assigns them
    #[command(subcommand)]
    Failure(failure::Command),
    /// Lists, drains and resumes nodes
    #[command(subcommand)]
    Node(node::Command),
    /// Lists, sets and removes pools of which jobs reserve
    #[command(subcommand)]
    Pool(pool::Command),
    /// Schedules: what they say, did and will do, and acts on them
    #[command(subcommand)]
    Schedule(schedule::Command),
    /// Lists, exports, imports and removes business calendars
    #[command(subcommand)]
    Calendar(calendar::Command),
    /// Applies, lists, compares, publishes and exports templates
    #[command(subcommand)]
    Template(template::Command),
}

/// Reads the arguments, does what they say, and gives the exit code. `registry` holds the Rust handlers that this binary
/// knows.
pub fn main(registry: Registry) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => return told(&refusal),
    };
    let json = cli.globals.json;
    match run(cli, &registry) {
        Ok(answer) => answer.print(json),
        Err(failure) => failure.print(json),
    }
}

/// Help and version go to stdout and are no failure; anything else is usage.
fn told(refusal: &clap::Error) -> ExitCode {
    match refusal.print() {
        Ok(()) => ExitCode::from(u8::try_from(refusal.exit_code()).unwrap_or(2)),
        Err(_) => ExitCode::from(2), // nobody reads what we say
    }
}

fn run(cli: Cli, registry: &Registry) -> Result<Answer, Failure> {
    let globals = &cli.globals;
    match cli.command.unwrap_or_else(|| Command::Serve(serve::Flags::default())) {
        Command::Serve(flags) => serve::run(globals, &flags),
        Command::Engine => engine::run(globals, registry),
        Command::Migrate(flags) => migrate::run(globals, &flags),
        Command::Config => config::run(globals),
        Command::Psql(flags) => psql::run(globals, &flags),
        Command::Doctor => doctor::run(globals),
        Command::Bench(command) => bench::run(globals, &command),
        Command::Demo(flags) => demo::run(globals, &flags),
        Command::User(command) => user::run(globals, command),
        Command::Token(command) => token::run(globals, command),
        Command::Job(command) => job::run(globals, command),
        Command::Operation(command) => operation::run(globals, command),
        Command::Queue(command) => queue::run(globals, command),
        Command::Failure(command) => failure::run(globals, command),
        Command::Node(command) => node::run(globals, command),
        Command::Pool(command) => pool::run(globals, command),
        Command::Schedule(command) => schedule::run(globals, command),
        Command::Calendar(command) => calendar::run(globals, command),
        Command::Template(command) => template::run(globals, command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_stand_before_or_after_the_command() {
        for args in [["millrace", "--json", "config"], ["millrace", "config", "--json"]] {
            assert!(Cli::try_parse_from(args).expect("understood").globals.json);
        }
        assert!(Cli::try_parse_from(["millrace"]).expect("understood").command.is_none());
    }
}
