//! Keeping plans: what hot statements need from the planner.

use diesel::PgConnection;
use diesel::connection::SimpleConnection;

use super::DbError;

/// Keeps the plans of this connection's statements and lets none read a whole table: the statistics of tables that fill
/// and empty within seconds are always wrong, and planning a statement anew costs more than running it.
///
/// # Errors
/// Database failures.
pub fn keep_plans(conn: &mut PgConnection) -> Result<(), DbError> {
    Ok(conn.batch_execute("SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan")?)
}
