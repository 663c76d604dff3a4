//! One's own messages. Reading and marking them leaves no audit record: nobody but their owner sees or misses them.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz};

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::{Actor, Forbidden, PersonId};
use crate::queue::permission::Permission;

/// Most messages of one page.
pub const ROWS_MAX: i64 = 50;

/// Why the inbox did not open.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The actor lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The command line and the system have no inbox.
    #[error("only people have an inbox")]
    NoPerson,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Told {
    /// Its row.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub at: Time,
    /// done, info, warning or failed.
    #[diesel(sql_type = Text)]
    pub tone: String,
    /// What happened.
    #[diesel(sql_type = Text)]
    pub title: String,
    /// What follows from it; may be empty.
    #[diesel(sql_type = Text)]
    pub body: String,
    /// The word of the way on or back.
    #[diesel(sql_type = Nullable<Text>)]
    pub link_word: Option<String>,
    /// Where that leads.
    #[diesel(sql_type = Nullable<Text>)]
    pub link_path: Option<String>,
    /// Whether the person has seen it.
    #[diesel(sql_type = Bool)]
    pub is_read: bool,
}

/// Where a page of the inbox begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At the newest.
    Start,
    /// With those older than this one.
    Before(i64),
    /// With those newer than this one.
    After(i64),
}

/// One page of the inbox, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbox {
    /// The messages.
    pub told: Vec<Told>,
    /// There are newer ones.
    pub newer: bool,
    /// There are older ones.
    pub older: bool,
}

fn own(actor: &Actor) -> Result<PersonId, InboxError> {
    actor.require(Permission::OwnAccount)?;
    actor.person.ok_or(InboxError::NoPerson)
}

/// Lists one's messages from a place on, at most [`ROWS_MAX`]; only those not read yet, if wanted.
///
/// # Errors
/// [`InboxError::NoPerson`].
pub fn list(conn: &mut PgConnection, actor: &Actor, place: Place, only_unread: bool) -> Result<Inbox, InboxError> {
    let person = own(actor)?;
    let mut told = match place {
        Place::Start => older(conn, person, i64::MAX, only_unread)?,
        Place::Before(id) => older(conn, person, id, only_unread)?,
        Place::After(id) => newer(conn, person, id, only_unread)?,
    };
    let more = told.len() as i64 > ROWS_MAX;
    told.truncate(ROWS_MAX as usize);
    let (newer, older) = match place {
        Place::Start => (false, more),
        Place::Before(_) => (true, more),
        Place::After(_) => (more, true),
    };
    if let Place::After(_) = place {
        told.reverse();
    }
    Ok(Inbox { told, newer, older })
}

fn older(conn: &mut PgConnection, person: PersonId, id: i64, only_unread: bool) -> Result<Vec<Told>, DbError> {
    const SQL: &str = "-- admin::notifications::older
SELECT id, at, tone, title, body, link_word, link_path, read_at IS NOT NULL AS is_read FROM millrace.notifications
WHERE person_id = $1 AND id < $2 AND (NOT $3 OR read_at IS NULL) ORDER BY id DESC LIMIT $4";
    page(conn, SQL, (person, id, only_unread))
}

fn newer(conn: &mut PgConnection, person: PersonId, id: i64, only_unread: bool) -> Result<Vec<Told>, DbError> {
    const SQL: &str = "-- admin::notifications::newer
SELECT id, at, tone, title, body, link_word, link_path, read_at IS NOT NULL AS is_read FROM millrace.notifications
WHERE person_id = $1 AND id > $2 AND (NOT $3 OR read_at IS NULL) ORDER BY id LIMIT $4";
    page(conn, SQL, (person, id, only_unread))
}

fn page(
    conn: &mut PgConnection,
    sql: &'static str,
    (person, id, only_unread): (PersonId, i64, bool),
) -> Result<Vec<Told>, DbError> {
    statement(sql)
        .bind::<BigInt, _>(person)
        .bind::<BigInt, _>(id)
        .bind::<Bool, _>(only_unread)
        .bind::<BigInt, _>(ROWS_MAX + 1)
        .rows(conn)
}

/// Marks one of one's messages as read, or all of them (`None`), and tells how many that were.
///
/// # Errors
/// [`InboxError::NoPerson`].
pub fn mark_read(conn: &mut PgConnection, actor: &Actor, id: Option<i64>) -> Result<usize, InboxError> {
    const SQL: &str = "-- admin::notifications::mark_read
UPDATE millrace.notifications SET read_at = clock_timestamp() WHERE person_id = $1 AND read_at IS NULL AND ($2::bigint IS NULL OR id = $2)";
    let person = own(actor)?;
    Ok(statement(SQL).bind::<BigInt, _>(person).bind::<Nullable<BigInt>, _>(id).run(conn)?)
}
