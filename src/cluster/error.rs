//! What can go wrong with the embedded cluster, in words that tell the person what to do.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why the embedded cluster cannot be used. The text names the cause and the act that mends it.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Another process holds the data folder's lock.
    #[error(
        "another Millrace already runs on {}: stop it, or give this one a folder of its own with MILLRACE_DATA_DIR",
        data.display()
    )]
    InUse {
        /// The cluster's folder.
        data: PathBuf,
    },

    /// The server's account may not search a folder above the data folder.
    #[error(
        "the database runs as user {account}, who cannot enter {}, so {} is out of reach: \
         choose another folder with MILLRACE_DATA_DIR, or allow it with `chmod o+x {}`",
        blocked.display(), path.display(), blocked.display()
    )]
    Unreachable {
        /// What cannot be reached.
        path: PathBuf,
        /// The folder that stops it.
        blocked: PathBuf,
        /// The account that needs access.
        account: String,
    },

    /// The data folder belongs to somebody this process cannot act as.
    #[error(
        "the database in {} belongs to user {owner}: start Millrace as {owner} or as root, \
         or choose another folder with MILLRACE_DATA_DIR",
        data.display()
    )]
    NotOwner {
        /// The cluster's folder.
        data: PathBuf,
        /// To whom it belongs.
        owner: String,
    },

    /// The data folder belongs to root, as whom PostgreSQL refuses to run.
    #[error(
        "the database in {} belongs to root, and PostgreSQL refuses to run as root: \
         give it back with `chown -R {account}: {}`",
        data.display(), data.display()
    )]
    OwnedByRoot {
        /// The cluster's folder.
        data: PathBuf,
        /// The account that needs access.
        account: String,
    },

    /// Root found no account to run the server under.
    #[error(
        "PostgreSQL refuses to run as root, and neither user postgres nor nobody exists: \
         make one with `useradd --system postgres`, or start Millrace as an ordinary user"
    )]
    NoAccount,

    /// The data folder holds something, but no cluster.
    #[error(
        "{} holds files but no database cluster ({problem}): nothing was changed; \
         move it away, or choose another folder with MILLRACE_DATA_DIR",
        data.display()
    )]
    NotACluster {
        /// The cluster's folder.
        data: PathBuf,
        /// What is wrong, as the end of a sentence.
        problem: String,
    },

    /// No server program of the version that wrote the data folder.
    #[error(
        "the database in {} was written by PostgreSQL {wanted}, and this machine has {offered}: nothing was changed. \
         Make version {wanted} available (`apt-get install postgresql-{wanted}`, or name its bin folder in MILLRACE_PG_BIN). \
         To move to another version, dump with version {wanted}'s pg_dump, move the folder away, start Millrace once, \
         and restore{}",
        data.display(), because(fetching)
    )]
    WrongVersion {
        /// The cluster's folder.
        data: PathBuf,
        /// The major version that wrote the data.
        wanted: u32,
        /// The major versions on this machine.
        offered: String,
        /// Why none could be fetched, if that was tried.
        fetching: Option<String>,
    },

    /// The data folder is older than what the product's SQL needs.
    #[error(
        "the database in {} was written by PostgreSQL {found}, and Millrace needs {oldest} or newer: nothing was changed. \
         Dump it with version {found}'s pg_dump, move the folder away, start Millrace once, and restore",
        data.display()
    )]
    TooOld {
        /// The cluster's folder.
        data: PathBuf,
        /// The major version that wrote the data.
        found: u32,
        /// The oldest major version that works.
        oldest: u32,
    },

    /// No server program at all, and none could be fetched.
    #[error(
        "no PostgreSQL {oldest} or newer was found{}: install it with the system's package manager, \
         name its bin folder in MILLRACE_PG_BIN, or set DATABASE_URL to a database that runs elsewhere",
        because(fetching)
    )]
    NoPrograms {
        /// The oldest major version that works.
        oldest: u32,
        /// Why none could be fetched, if that was tried.
        fetching: Option<String>,
    },

    /// `MILLRACE_PG_BIN` names a folder without usable server programs.
    #[error(
        "MILLRACE_PG_BIN is {}, which holds no working `postgres` and `initdb` of version {oldest} or newer: \
         correct it or unset it",
        folder.display()
    )]
    BadProgramFolder {
        /// The folder.
        folder: PathBuf,
        /// The oldest major version that works.
        oldest: u32,
    },

    /// A folder that must be ours alone cannot be trusted.
    #[error("the folder {} {problem}: remove it and start again", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong, as the end of a sentence.
        problem: &'static str,
    },

    /// The socket's path is longer than the system allows.
    #[error(
        "the socket path {} has {bytes} bytes, {max} are allowed: choose a shorter socket folder",
        path.display()
    )]
    SocketPathTooLong {
        /// The socket's path.
        path: PathBuf,
        /// Its length.
        bytes: usize,
        /// The longest allowed, bytes.
        max: usize,
    },

    /// A program that prepares the server failed or took too long.
    #[error("{program} failed ({problem}):\n{output}")]
    Program {
        /// The program.
        program: String,
        /// What is wrong, as the end of a sentence.
        problem: String,
        /// The end of what it printed.
        output: String,
    },

    /// The server ended while it started.
    #[error("PostgreSQL ended at start ({status}); the end of {}:\n{tail}", log.display())]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// The server's log.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },

    /// The server takes no connections yet.
    #[error(
        "PostgreSQL did not take connections within {seconds} s; it was stopped. The end of {}:\n{tail}",
        log.display()
    )]
    NotReady {
        /// How long was waited.
        seconds: u64,
        /// The server's log.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },

    /// Processes of an earlier server do not end.
    #[error("processes of an earlier PostgreSQL on {} do not end: {pids:?}; end them and start again", data.display())]
    Orphans {
        /// The cluster's folder.
        data: PathBuf,
        /// Their numbers.
        pids: Vec<i32>,
    },

    /// An operation on a file or process was refused by the system.
    #[error("cannot {act}: {source}")]
    System {
        /// What was attempted.
        act: String,
        /// What the system answered.
        source: io::Error,
    },
}

impl ClusterError {
    /// For `map_err`: says what was attempted when the system refused it.
    pub(super) fn when(act: impl Into<String>) -> impl FnOnce(io::Error) -> ClusterError {
        let act = act.into();
        move |source| ClusterError::System { act, source }
    }
}

fn because(reason: &Option<String>) -> String {
    reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_version_names_both_versions_and_the_act() {
        let text = ClusterError::WrongVersion {
            data: "/d/postgres".into(),
            wanted: 17,
            offered: "15".into(),
            fetching: Some("Debian offers none".into()),
        }
        .to_string();

        for part in ["/d/postgres", "PostgreSQL 17", "has 15", "postgresql-17", "MILLRACE_PG_BIN", "Debian offers none"]
        {
            assert!(text.contains(part), "{part:?} is missing in: {text}");
        }
    }
}
