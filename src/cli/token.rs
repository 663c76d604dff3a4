//! `millrace token …`: API credentials.

use chrono::TimeDelta;
use clap::Subcommand;
use serde_json::{Value, json};

use super::answer::columns;
use super::input::span;
use super::{Answer, Failure, Globals, Session};
use crate::admin::people::service as people;
use crate::admin::tokens::service::{self as tokens, NewToken, Owner, Token};
use crate::base::clock::{Clock, Time};
use crate::base::db::PgConnection;
use crate::base::text;
use crate::queue::access::email::Email;
use crate::queue::access::token::{Scopes, TokenId};
use crate::queue::actor::PersonId;

/// Commands about tokens.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Makes a token and prints it, this once
    Add {
        /// What it is for
        #[arg(long)]
        name: String,
        /// all, or <area>:read and <area>:write, separated by commas
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        /// Owner; else the admin who was added first
        #[arg(long, value_name = "EMAIL")]
        user: Option<String>,
        /// Life: 90d, 12h, or never
        #[arg(long, value_name = "SPAN", default_value = "90d", value_parser = lifetime)]
        expires: Lifetime,
    },
    /// Lists tokens without their secrets
    List {
        /// Only those of this person
        #[arg(long, value_name = "EMAIL")]
        user: Option<String>,
    },
    /// Makes a token unusable
    Revoke {
        /// Number of the token, see `token list`
        id: i64,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
}

/// How long a token lives; `None` = for ever.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lifetime(Option<TimeDelta>);

fn lifetime(text: &str) -> Result<Lifetime, String> {
    span(text).map(Lifetime)
}

pub(super) fn run(globals: &Globals, command: Command) -> Result<Answer, Failure> {
    let session = Session::open(globals)?;
    let conn = &mut *session.connect()?;
    match command {
        Command::Add { name, scopes, user, expires } => {
            let scopes = Scopes::parse(scopes.iter().map(String::as_str))?;
            let expires_at = expires.0.map(|span| session.clock.now() + span);
            add(&session, conn, user.as_deref(), &NewToken { name, scopes, expires_at })
        }
        Command::List { user } => list(&session, conn, user.as_deref()),
        Command::Revoke { id, reason } => {
            let reason = text::note(reason.as_deref().unwrap_or_default())?;
            let token = tokens::revoke(conn, &session.clock, &session.actor, TokenId(id), reason)?;
            Ok(Answer::new(format!("The token {:?} ({}…) was revoked.", token.name, token.hint), facts(&token)))
        }
    }
}

fn owner(session: &Session, conn: &mut PgConnection, email: &str) -> Result<PersonId, Failure> {
    let email = Email::parse(email)?;
    match people::find_by_email(conn, &session.actor, &email) {
        Err(people::PeopleError::NotFound) => Err(Failure::refused(format!("there is no person {email}"))),
        found => Ok(found?.id),
    }
}

fn add(session: &Session, conn: &mut PgConnection, user: Option<&str>, new: &NewToken) -> Result<Answer, Failure> {
    let owner = match user {
        Some(email) => owner(session, conn, email)?,
        None => tokens::default_owner(conn).map_err(|_| {
            Failure::refused(
                "there is no admin who could own the token: add one with `millrace user add`, or name --user",
            )
        })?,
    };
    let issued = tokens::add(conn, &session.clock, &session.actor, owner, new)?;
    let mut answer = facts(&issued.token);
    answer["token"] = Value::String(issued.secret.clone());
    let end = issued.token.expires_at.map_or_else(|| "never expires".into(), |at| format!("expires {}", day(at)));
    let note = format!("Token {} of {}, {end}. It is shown this once.", issued.token.id, issued.token.email);
    Ok(Answer::new(issued.secret, answer).noting(note))
}

fn list(session: &Session, conn: &mut PgConnection, user: Option<&str>) -> Result<Answer, Failure> {
    let whose = match user {
        Some(email) => Owner::Person(owner(session, conn, email)?),
        None => Owner::Anybody,
    };
    let tokens = tokens::list(conn, &session.clock, &session.actor, whose)?;
    let mut rows =
        vec![["ID", "TOKEN", "NAME", "OWNER", "SCOPES", "EXPIRES", "LAST USED", "STATE"].map(String::from).to_vec()];
    let now = session.clock.now();
    rows.extend(tokens.iter().map(|token| row(token, now)));
    Ok(Answer::new(columns(&rows), json!({ "tokens": tokens.iter().map(facts).collect::<Vec<_>>() })))
}

fn row(token: &Token, now: Time) -> Vec<String> {
    let or_dash = |at: Option<Time>| at.map_or_else(|| "-".into(), day);
    let state = match token {
        Token { revoked_at: Some(_), .. } => "revoked",
        Token { expires_at: Some(at), .. } if *at <= now => "expired",
        _ => "usable",
    };
    vec![
        token.id.to_string(),
        format!("{}…", token.hint),
        token.name.clone(),
        token.email.clone(),
        token.scopes.join(","),
        or_dash(token.expires_at),
        or_dash(token.last_used_at),
        state.into(),
    ]
}

fn day(at: Time) -> String {
    at.format("%Y-%m-%d").to_string()
}

fn facts(token: &Token) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "owner": token.email,
        "hint": token.hint,
        "scopes": token.scopes,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "last_used_at": token.last_used_at,
    })
}
