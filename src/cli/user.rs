//! `millrace user …`: people, by whoever holds the data folder's key.

use clap::Subcommand;
use serde_json::{Value, json};

use super::answer::columns;
use super::input::password;
use super::{Answer, Failure, Globals, Session};
use crate::admin::account::setup;
use crate::admin::people::service::{self as people, Filter, NewPerson, Person, PersonChange, Place};
use crate::base::db::PgConnection;
use crate::base::text;
use crate::queue::access::email::Email;
use crate::queue::access::password::Password;
use crate::queue::permission::Role;

/// Commands about people.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Adds a person; the password is read from stdin
    Add {
        /// Login name
        email: String,
        /// admin, operator, analyst, auditor or viewer
        #[arg(long, value_parser = role)]
        role: Role,
        /// Shown name; else the part of the address before @
        #[arg(long)]
        name: Option<String>,
        /// Limit: queue=NAME or tag=NAME; may be repeated
        #[arg(long = "scope", value_name = "queue=NAME")]
        scopes: Vec<String>,
    },
    /// Lists people
    List {
        /// Part of a name or address
        text: Option<String>,
        /// Only this role
        #[arg(long, value_parser = role)]
        role: Option<Role>,
        /// Also those who are disabled
        #[arg(long)]
        all: bool,
        /// Addresses after this one
        #[arg(long, value_name = "EMAIL")]
        after: Option<String>,
    },
    /// Changes name, role or limits
    Change {
        /// Login name
        email: String,
        /// New role
        #[arg(long, value_parser = role)]
        role: Option<Role>,
        /// New shown name
        #[arg(long)]
        name: Option<String>,
        /// New limits, replacing the old ones; an empty one removes them
        #[arg(long = "scope", value_name = "queue=NAME")]
        scopes: Option<Vec<String>>,
    },
    /// Shuts a person out: sessions end, tokens are void
    Disable {
        /// Login name
        email: String,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Lets a disabled person in again
    Enable {
        /// Login name
        email: String,
    },
    /// Gives a person a new password, read from stdin; their sessions end
    ResetPassword {
        /// Login name
        email: String,
    },
    /// Prints a new one-time link for the first admin, valid for 15 minutes
    SetupLink,
}

fn role(text: &str) -> Result<Role, String> {
    let names = Role::ALL.map(Role::as_str).join(", ");
    Role::parse(text).ok_or_else(|| format!("allowed are {names}"))
}

pub(super) fn run(globals: &Globals, command: Command) -> Result<Answer, Failure> {
    let session = Session::open(globals)?;
    let conn = &mut *session.connect()?;
    match command {
        Command::Add { email, role, name, scopes } => add(&session, conn, &email, role, (name, &scopes)),
        Command::List { text, role, all, after } => {
            let place = after.map_or(Place::Start, Place::After);
            let filter = Filter { text: text.unwrap_or_default(), role, disabled: all, place };
            list(&session, conn, &filter)
        }
        Command::Change { email, role, name, scopes } => change(&session, conn, &email, (role, name, scopes)),
        Command::Disable { email, reason } => disable(&session, conn, &email, reason.as_deref()),
        Command::Enable { email } => {
            let person = find(&session, conn, &email)?;
            Ok(one("enabled", &people::enable(conn, &session.actor, person.id)?))
        }
        Command::ResetPassword { email } => reset_password(&session, conn, &email),
        Command::SetupLink => setup_link(&session, conn),
    }
}

fn find(session: &Session, conn: &mut PgConnection, email: &str) -> Result<Person, Failure> {
    let email = Email::parse(email)?;
    let found = people::find_by_email(conn, &session.actor, &email);
    found.map_err(|error| match error {
        people::PeopleError::NotFound => Failure::refused(format!("there is no person {email}")),
        other => other.into(),
    })
}

fn add(
    session: &Session,
    conn: &mut PgConnection,
    email: &str,
    role: Role,
    (name, scopes): (Option<String>, &[String]),
) -> Result<Answer, Failure> {
    let email = Email::parse(email)?;
    let local = email.as_str().split('@').next().unwrap_or_default().to_owned();
    let name = people::name(&name.unwrap_or(local))?;
    let scope = people::scope(scopes.iter().map(String::as_str))?;
    let password = Password::choose(&password("Password of the new person")?, &[email.as_str(), &name])?;
    let new = NewPerson { email, name, role, scope, password: Some(password) };
    Ok(one("added", &people::add(conn, &session.clock, &session.actor, &new)?))
}

fn list(session: &Session, conn: &mut PgConnection, filter: &Filter) -> Result<Answer, Failure> {
    let page = people::list(conn, &session.actor, filter)?;
    let mut rows = vec![["EMAIL", "NAME", "ROLE", "LIMITED TO", "LAST SEEN", "STATE"].map(String::from).to_vec()];
    rows.extend(page.people.iter().map(|person| {
        let seen = person.last_seen_at.map_or_else(|| "-".into(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string());
        let state = if person.disabled_at.is_some() { "disabled" } else { "active" };
        let role = person.role.as_str().to_owned();
        vec![person.email.clone(), person.name.clone(), role, limits(person), seen, state.into()]
    }));
    let answer = Answer::new(
        columns(&rows),
        json!({ "people": page.people.iter().map(facts).collect::<Vec<_>>(), "next": page.next }),
    );
    Ok(match page.next {
        Some(next) => answer.noting(format!("There are more: --after {next}")),
        None => answer,
    })
}

fn limits(person: &Person) -> String {
    let queues = person.scope.queues.iter().map(|queue| format!("queue={queue}"));
    let tags = person.scope.tags.iter().map(|tag| format!("tag={tag}"));
    let limits: Vec<String> = queues.chain(tags).collect();
    if limits.is_empty() { "-".into() } else { limits.join(",") }
}

fn change(
    session: &Session,
    conn: &mut PgConnection,
    email: &str,
    (role, name, scopes): (Option<Role>, Option<String>, Option<Vec<String>>),
) -> Result<Answer, Failure> {
    let person = find(session, conn, email)?;
    let name = name.as_deref().map(people::name).transpose()?;
    let scope = scopes.map(|scopes| people::scope(scopes.iter().map(String::as_str))).transpose()?;
    let change = PersonChange { name, role, scope };
    Ok(one("changed", &people::change(conn, &session.actor, person.id, &change)?))
}

fn disable(session: &Session, conn: &mut PgConnection, email: &str, reason: Option<&str>) -> Result<Answer, Failure> {
    let person = find(session, conn, email)?;
    let reason = text::note(reason.unwrap_or_default())?;
    Ok(one("disabled", &people::disable(conn, &session.clock, &session.actor, person.id, reason)?))
}

fn reset_password(session: &Session, conn: &mut PgConnection, email: &str) -> Result<Answer, Failure> {
    let person = find(session, conn, email)?;
    let typed = password(&format!("New password of {}", person.email))?;
    let password = Password::choose(&typed, &[&person.email, &person.name])?;
    Ok(one("given a new password", &people::reset_password(conn, &session.actor, person.id, &password)?))
}

fn setup_link(session: &Session, conn: &mut PgConnection) -> Result<Answer, Failure> {
    let Some(secret) = setup::new_link(conn, &session.clock, &session.actor)? else {
        return Err(Failure::refused("there is an admin already: `millrace user list --role admin` names them"));
    };
    let link = super::serve::setup_address(&super::address::origin(&session.config), &secret);
    Ok(Answer::new(link.clone(), json!({ "link": link, "valid_minutes": 15 })))
}

fn one(done: &str, person: &Person) -> Answer {
    Answer::new(format!("{} was {done}.", person.email), facts(person))
}

fn facts(person: &Person) -> Value {
    json!({
        "id": person.id,
        "email": person.email,
        "name": person.name,
        "role": person.role,
        "scope": { "queues": person.scope.queues, "tags": person.scope.tags },
        "created_at": person.created_at,
        "disabled_at": person.disabled_at,
        "last_seen_at": person.last_seen_at,
    })
}
