//! Whom somebody can ask whose operation is larger than they may start.

use crate::base::db::{DbError, PgConnection};
use crate::queue::access::admins;
use crate::web::format::any_of;

/// Most people who are named.
const NAMED_MAX: i64 = 3;

/// Names up to three people who hold [`RunLargeOperations`](crate::queue::permission::Permission::RunLargeOperations), those first
/// who were here last: `Ada, Bo or Cy`; empty for nobody.
///
/// # Errors
/// Database failures.
pub fn askable(conn: &mut PgConnection) -> Result<String, DbError> {
    Ok(any_of(&admins::names(conn, NAMED_MAX)?)) // the permission is an admin's and nobody else's
}

#[cfg(test)]
mod tests {
    use crate::queue::permission::{Permission, Role};

    #[test]
    fn whoever_is_named_may_do_it_and_nobody_else_could() {
        let holders: Vec<Role> =
            Role::ALL.into_iter().filter(|role| Permission::RunLargeOperations.held_by(*role)).collect();

        assert_eq!(holders, [Role::Admin]);
    }
}
