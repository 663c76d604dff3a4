//! The functions of the schema. Unlike tables they have no history of their own: their files hold what is in force, and are
//! applied again whenever they differ from what was applied last.

use diesel::connection::SimpleConnection;
use diesel::sql_types::Binary;
use sha2::{Digest, Sha256};

use super::{DbError, PgConnection, Tx, statement, transaction};

/// Texts that may be run any number of times, in their order.
const TEXTS: [&str; 6] = [
    include_str!("../../../migrations/2026-11-24-000550_create_argument_rules/up.sql"),
    include_str!("../../../migrations/2026-11-24-000600_create_enqueue/up.sql"),
    include_str!("../../../migrations/2026-11-29-000150_create_lane_functions/up.sql"),
    include_str!("../../../migrations/2026-11-29-101100_create_turns/up.sql"),
    include_str!("../../../migrations/2026-11-29-130200_create_watch_functions/up.sql"),
    include_str!("../../../migrations/2026-11-29-101600_create_joining/up.sql"),
];

/// Applies the texts if others were applied last, and tells whether it did. Within the lock of migrations.
///
/// # Errors
/// The database's; nothing is changed then.
pub(super) fn apply(conn: &mut PgConnection) -> Result<bool, DbError> {
    transaction(conn, "db::functions", |tx| {
        let digest = digest();
        if applied(tx)? == digest {
            return Ok(false);
        }
        tx.batch_execute(&TEXTS.concat())?;
        const KEEP: &str = "-- db::functions::keep
INSERT INTO millrace.function_texts (digest) VALUES ($1) ON CONFLICT (one) DO UPDATE SET digest = excluded.digest";
        statement(KEEP).bind::<Binary, _>(digest).run(tx)?;
        Ok(true)
    })
}

/// Gives what was applied last; empty for a new schema.
fn applied(tx: &mut Tx<'_>) -> Result<Vec<u8>, DbError> {
    const SQL: &str = "-- db::functions::applied
SELECT digest FROM millrace.function_texts";
    Ok(statement(SQL).tuples::<Binary, Vec<u8>>(tx)?.pop().unwrap_or_default())
}

fn digest() -> Vec<u8> {
    TEXTS.iter().fold(Sha256::new(), |sum, text| sum.chain_update(text)).finalize().to_vec()
}
