//! Access to Postgres: pools, named transactions, prepared statements, migrations.
//!
//! ```text
//! Db ── pool ── Connection ── transaction(conn, "feature::act", |tx| …) ── statement("…").bind(…).rows(tx)
//! ```
mod error;
mod link;
mod listen;
pub mod migrate;
mod pool;
mod statement;
mod transaction;
pub mod url;

pub use diesel::PgConnection;
pub use error::DbError;
pub use link::Link;
pub use listen::Listener;
pub use pool::{Connection, Db, PoolSettings};
pub use statement::{Statement, statement};
pub use transaction::{Tx, transaction};
