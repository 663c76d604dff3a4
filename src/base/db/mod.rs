//! Access to Postgres: pools, named transactions, prepared statements, migrations.
//!
//! ```text
//! Db ── pool ── Connection ── transaction(conn, "feature::act", |tx| …) ── statement("…").bind(…).rows(tx)
//! ```
mod copy;
mod error;
mod functions;
mod link;
mod listen;
pub mod migrate;
mod plans;
mod pool;
mod statement;
mod transaction;
pub mod url;
mod watch;

pub use copy::{Copied, CopyRows};
pub use diesel::PgConnection;
pub use error::DbError;
pub use link::Link;
pub use listen::Listener;
pub use plans::keep_plans;
pub use pool::{Connection, Db, PoolSettings};
pub use statement::{Positional, Statement, statement, statement_built};
pub use transaction::{Tx, transaction, unflushed, within};
pub use watch::{Call, longest_silence};
