//! Partitions of one million ids, made ahead of the ids.

use diesel::QueryableByName;
use diesel::sql_types::Integer;

use crate::base::db::{DbError, PgConnection, statement};

/// Makes the partitions that the next millions of jobs will need and tells how many tables it made. A duty.
///
/// # Errors
/// Database failures.
pub fn create_ahead(conn: &mut PgConnection) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::partitions::create_ahead
SELECT millrace.create_partitions() AS made";
    #[derive(QueryableByName)]
    struct Made {
        #[diesel(sql_type = Integer)]
        made: i32,
    }
    let row: Option<Made> = statement(SQL).row(conn)?;
    Ok(row.map_or(0, |row| row.made.unsigned_abs() as usize))
}
