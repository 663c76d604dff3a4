//! The staff of the demo: people of every role.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement};
use crate::queue::permission::Role;

/// Whom the demo's address book knows.
const DOMAIN: &str = "oltremare.example";
/// Zone in which the demo's people see times.
const ZONE: &str = "Europe/Rome";

/// Somebody of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    login: &'static str,
    /// Shown name.
    pub name: &'static str,
    /// Role.
    pub role: Role,
    /// What they look after, for the list at the start.
    pub about: &'static str,
    queues: &'static [&'static str],
    /// Has left the shop.
    pub gone: bool,
}

const fn person(login: &'static str, name: &'static str, role: Role, about: &'static str) -> Person {
    Person { login, name, role, about, queues: &[], gone: false }
}

/// Every person, the admin first.
pub const STAFF: [Person; 7] = [
    person("giulia.ferrando", "Giulia Ferrando", Role::Admin, "administers everything"),
    person("tomas.ribeiro", "Tomás Ribeiro", Role::Operator, "runs and repairs all work"),
    Person {
        queues: &["mail", "webhooks"],
        ..person("nadia.kowalczyk", "Nadia Kowalczyk", Role::Operator, "looks after the queues mail and webhooks only")
    },
    person("henrik.solberg", "Henrik Solberg", Role::Analyst, "reads numbers, saves reports"),
    person("amara.okafor", "Amara Okafor", Role::Auditor, "reads every record, sees no payloads"),
    person("lucia.bianchi", "Lucia Bianchi", Role::Viewer, "sees lists and charts"),
    Person { gone: true, ..person("peter.novak", "Peter Novak", Role::Viewer, "has left") },
];

impl Person {
    /// Gives the login name.
    pub fn email(&self) -> String {
        format!("{}@{DOMAIN}", self.login)
    }

    /// Tells whether they may cancel and retry any job.
    pub fn repairs(&self) -> bool {
        matches!(self.role, Role::Admin | Role::Operator) && self.queues.is_empty()
    }

    /// What the audit trail keeps of them.
    pub fn facts(&self) -> serde_json::Value {
        let scope = serde_json::json!({ "queues": self.queues, "tags": [] });
        serde_json::json!({ "email": self.email(), "name": self.name, "role": self.role, "scope": scope })
    }
}

/// Adds everybody with one password, as of `created_at`; whoever is gone was disabled at `left_at`. Gives their row ids in the
/// order of [`STAFF`].
///
/// # Errors
/// Database failures.
pub fn add(tx: &mut Tx<'_>, hash: &str, (created_at, left_at): (Time, Time)) -> Result<Vec<i64>, DbError> {
    const SQL: &str = "-- demo::people::add
INSERT INTO millrace.people (email, name, role, scope_queues, password_hash, zone, created_at, disabled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let mut ids = Vec::with_capacity(STAFF.len());
    for person in &STAFF {
        let queues: Vec<String> = person.queues.iter().map(ToString::to_string).collect();
        let row: Option<Row> = statement(SQL)
            .bind::<Text, _>(person.email())
            .bind::<Text, _>(person.name)
            .bind::<Text, _>(person.role.as_str())
            .bind::<Array<Text>, _>(queues)
            .bind::<Text, _>(hash)
            .bind::<Text, _>(ZONE)
            .bind::<Timestamptz, _>(created_at)
            .bind::<Nullable<Timestamptz>, _>(person.gone.then_some(left_at))
            .row(tx)?;
        ids.extend(row.map(|row| row.id));
    }
    Ok(ids)
}

/// Gives the demo's people a new password, when the file that held the old one is lost; their sessions go on.
///
/// # Errors
/// Database failures.
pub fn set_password(conn: &mut PgConnection, hash: &str) -> Result<usize, DbError> {
    const SQL: &str = "-- demo::people::set_password
UPDATE millrace.people SET password_hash = $1 WHERE email = ANY($2)";
    let emails: Vec<String> = STAFF.iter().map(Person::email).collect();
    statement(SQL).bind::<Text, _>(hash).bind::<Array<Text>, _>(emails).run(conn)
}
