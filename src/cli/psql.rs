//! `millrace psql`: the way to the SQL door of the embedded cluster, whose socket nobody else is told of.

use std::io::ErrorKind;
use std::process::Command;

use clap::Args;
use serde_json::json;

use super::{Answer, Database, Failure, Globals};
use crate::base::db::url;
use crate::base::key::DataKey;

/// Flags of `psql`.
#[derive(Args, Debug)]
pub(super) struct Flags {
    /// Prints the address of the database instead, for other programs
    #[arg(long)]
    url: bool,
    /// Passed on, after `--`: `millrace psql -- -c "SELECT millrace.enqueue('mail.send')"`
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Runs `psql` as the login that the program itself works as, and waits for its end.
pub(super) fn run(globals: &Globals, flags: &Flags) -> Result<Answer, Failure> {
    let config = globals.settings()?;
    DataKey::open(&config.data_dir)?; // whoever can read it administers everything
    let database = Database::for_command(&config)?;
    database.check_schema()?;
    let whole = database.runtime_url()?;
    if flags.url {
        return Ok(Answer::new(whole.clone(), json!({ "url": whole })));
    }
    let (address, password) = url::apart(&whole);
    let secret = password.map(|password| ("PGPASSWORD", password)); // not an argument: everybody sees those
    let ended = Command::new("psql").arg(&address).args(&flags.arguments).envs(secret).status();
    database.end()?;
    match ended {
        Ok(status) if status.success() => Ok(Answer::nothing()),
        Ok(status) => Err(Failure::refused(format!("psql ended with {status}"))),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Failure::refused(
            "psql is not installed (Debian's package is postgresql-client); while Millrace runs, any client may connect to \
             what `millrace psql --url` prints",
        )),
        Err(error) => Err(Failure::refused(format!("psql cannot be started: {error}"))),
    }
}
