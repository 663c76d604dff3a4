//! `millrace migrate [--check]`.

use clap::Args;
use serde_json::json;

use super::{Answer, Database, Failure, Globals};
use crate::base::db::migrate;

/// Flags of `migrate`.
#[derive(Args, Debug)]
pub(super) struct Flags {
    /// Changes nothing; exit code 1 when migrations are missing
    #[arg(long)]
    check: bool,
}

pub(super) fn run(globals: &Globals, flags: &Flags) -> Result<Answer, Failure> {
    let database = Database::for_command(&globals.settings()?)?;
    if flags.check {
        let pending = migrate::pending(&mut database.owner()?)?;
        let answer = Answer::new(pending.join("\n"), json!({ "pending": pending }));
        return match pending.len() {
            0 => Ok(Answer::new("The schema is up to date.", json!({ "pending": [] }))),
            missing => {
                Err(Failure::refused(format!("{missing} migrations are missing: run `millrace migrate`"))
                    .saying(answer))
            }
        };
    }
    let applied = database.migrate()?;
    let text = if applied.is_empty() { "The schema was up to date.".into() } else { applied.join("\n") };
    Ok(Answer::new(text, json!({ "applied": applied })))
}
