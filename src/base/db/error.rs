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
    /// A row says what this program cannot read: damaged, or written by another version. Trying again does not help.
    #[error("what is stored cannot be read: {0}")]
    Corrupt(String),
    /// Another transaction stood in the way (serialisation, deadlock, lock timeout). Try again.
    #[error("another transaction stood in the way: {0}")]
    Conflict(String),
    /// The server has no room, memory or connection left, is starting or stopping, or takes no writes. Try again later.
    #[error("the database cannot do that now: {0}")]
    Unable(String),
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
        DatabaseErrorKind::ReadOnlyTransaction => DbError::Unable(message),
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
    if tells_want(&message, facts.hint()) {
        return DbError::Unable(message);
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

/// Whether it is one of class 53 (no room on the disk, memory or connection left) or 57P03 (starting or stopping).
fn tells_want(message: &str, hint: Option<&str>) -> bool {
    const BEGINNINGS: [&str; 7] = [
        "out of memory",
        "out of shared memory",
        "memory exhausted",
        "sorry, too many clients already",
        "remaining connection slots are reserved",
        "too many connections for",
        "the database system is ",
    ];
    BEGINNINGS.iter().any(|beginning| message.starts_with(beginning))
        || message.contains("No space left on device")
        || hint.is_some_and(|hint| hint.starts_with("Check free disk space"))
}

impl DbError {
    /// Tells whether trying the same again may help.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Lost(_) | Self::Conflict(_) | Self::Unable(_))
    }

    /// Tells whether the constraint called `name` refused the write.
    pub fn is_constraint(&self, name: &str) -> bool {
        matches!(self, Self::Constraint { name: refused, .. } if refused == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_faults() {
        let passing = [
            "could not extend file \"base/5/16385\": No space left on device",
            "out of memory",
            "sorry, too many clients already",
            "remaining connection slots are reserved for roles with the SUPERUSER attribute",
            "the database system is shutting down",
            "terminating connection due to administrator command",
            "cannot execute INSERT in a read-only transaction",
        ];
        for message in passing {
            let kind = match message.starts_with("cannot execute") {
                true => DatabaseErrorKind::ReadOnlyTransaction,
                false => DatabaseErrorKind::Unknown,
            };
            let error = DbError::from(Diesel::DatabaseError(kind, Box::new(message.to_owned())));
            assert!(error.is_passing(), "{error:?}");
        }
        let fault = Diesel::DatabaseError(DatabaseErrorKind::Unknown, Box::new("division by zero".to_owned()));
        assert!(!DbError::from(fault).is_passing());
    }
}
