//! What can go wrong on the way to Postgres, in the words a caller can act on.

use diesel::result::{DatabaseErrorKind, Error as Diesel};

/// A failure of the database or of the way to it.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No connection could be had in time: the pool is used up or Postgres is away. Try again later.
    #[error("no database connection could be had: {0}")]
    Unavailable(String),
    /// The connection was lost while a statement ran; whether a commit took effect is not known.
    #[error("the database connection was lost: {0}")]
    Lost(String),
    /// Another transaction stood in the way (serialisation, deadlock, lock timeout). Try again.
    #[error("another transaction stood in the way: {0}")]
    Conflict(String),
    /// The statement took longer than its limit.
    #[error("the statement was stopped: it took too long")]
    TimedOut,
    /// A constraint refused the write.
    #[error("the constraint {name} refused the write: {message}")]
    Constraint {
        /// Name of the constraint.
        name: String,
        /// Postgres's message.
        message: String,
    },
    /// A function of ours refused its input; the message is meant for the caller, the detail is a JSON pointer or empty.
    #[error("{message}")]
    Refused {
        /// The sentence for the caller.
        message: String,
        /// Which part of the input (JSON pointer), if one.
        pointer: Option<String>,
        /// Machine-readable reason, the exception's hint.
        code: Option<String>,
    },
    /// Anything else: a fault of ours or of the database.
    #[error("database error: {0}")]
    Other(#[source] Diesel),
}

impl From<Diesel> for DbError {
    fn from(error: Diesel) -> Self {
        match error {
            Diesel::DatabaseError(kind, facts) => from_kind(kind, facts),
            Diesel::BrokenTransactionManager => Self::Lost("the transaction is broken".into()),
            other => Self::Other(other),
        }
    }
}

type Facts = Box<dyn diesel::result::DatabaseErrorInformation + Send + Sync>;

fn from_kind(kind: DatabaseErrorKind, facts: Facts) -> DbError {
    let message = facts.message().to_owned();
    match kind {
        DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => DbError::Lost(message),
        DatabaseErrorKind::SerializationFailure => DbError::Conflict(message),
        DatabaseErrorKind::UniqueViolation
        | DatabaseErrorKind::ForeignKeyViolation
        | DatabaseErrorKind::NotNullViolation
        | DatabaseErrorKind::CheckViolation
        | DatabaseErrorKind::ExclusionViolation
        | DatabaseErrorKind::RestrictViolation => {
            DbError::Constraint { name: facts.constraint_name().unwrap_or_default().to_owned(), message }
        }
        _ => from_message(kind, facts, message),
    }
}

/// Diesel tells no SQLSTATE, so the remaining kinds are known by Postgres's fixed English messages
/// (our connections set `lc_messages=C`).
fn from_message(kind: DatabaseErrorKind, facts: Facts, message: String) -> DbError {
    if message.starts_with("canceling statement due to statement timeout") {
        return DbError::TimedOut;
    }
    if message.starts_with("deadlock detected") || message.starts_with("canceling statement due to lock timeout") {
        return DbError::Conflict(message);
    }
    if message.starts_with("server closed the connection") || message.contains("terminating connection") {
        return DbError::Lost(message);
    }
    match facts.hint().and_then(|hint| hint.strip_prefix("millrace:")) {
        Some(code) => DbError::Refused {
            message,
            pointer: facts.details().filter(|detail| !detail.is_empty()).map(str::to_owned),
            code: Some(code.to_owned()),
        },
        None => DbError::Other(Diesel::DatabaseError(kind, facts)),
    }
}

impl DbError {
    /// Tells whether trying the same again may help.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Lost(_) | Self::Conflict(_))
    }

    /// Tells whether the constraint called `name` refused the write.
    pub fn is_constraint(&self, name: &str) -> bool {
        matches!(self, Self::Constraint { name: refused, .. } if refused == name)
    }
}
