//! What a person may do at this moment, for work that goes on after they have left.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Text};

use super::stored_role;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::{Actor, PersonId, Scope, Via};

/// Finds a person with their rights as of now; `None` = there is no such person, or they are disabled.
///
/// # Errors
/// Database failures, and a role that this program does not know.
pub fn standing(conn: &mut PgConnection, person: PersonId) -> Result<Option<Actor>, DbError> {
    const SQL: &str = "-- queue::access::standing
SELECT p.email, p.role, p.scope_queues, p.scope_tags FROM millrace.people p WHERE p.id = $1 AND p.disabled_at IS NULL";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        email: String,
        #[diesel(sql_type = Text)]
        role: String,
        #[diesel(sql_type = Array<Text>)]
        scope_queues: Vec<String>,
        #[diesel(sql_type = Array<Text>)]
        scope_tags: Vec<String>,
    }
    let Some(row) = statement(SQL).bind::<BigInt, _>(person).row::<Row>(conn)? else { return Ok(None) };
    Ok(Some(Actor {
        person: Some(person),
        name: row.email,
        role: stored_role(&row.role)?,
        scope: Scope { queues: row.scope_queues, tags: row.scope_tags },
        via: Via::Console,
        address: None,
        request: None,
    }))
}
