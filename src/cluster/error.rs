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
    InUse { data: PathBuf },

    /// The server's account may not search a folder above the data folder.
    #[error(
        "the database runs as user {account}, who cannot enter {}, so {} is out of reach: \
         choose another folder with MILLRACE_DATA_DIR, or allow it with `chmod o+x {}`",
        blocked.display(), path.display(), blocked.display()
    )]
    Unreachable { path: PathBuf, blocked: PathBuf, account: String },

    /// The data folder belongs to somebody this process cannot act as.
    #[error(
        "the database in {} belongs to user {owner}: start Millrace as {owner} or as root, \
         or choose another folder with MILLRACE_DATA_DIR",
        data.display()
    )]
    NotOwner { data: PathBuf, owner: String },

    /// The data folder belongs to root, as whom PostgreSQL refuses to run.
    #[error(
        "the database in {} belongs to root, and PostgreSQL refuses to run as root: \
         give it back with `chown -R {account}: {}`",
        data.display(), data.display()
    )]
    OwnedByRoot { data: PathBuf, account: String },

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
    NotACluster { data: PathBuf, problem: String },

    /// No server program of the version that wrote the data folder.
    #[error(
        "the database in {} was written by PostgreSQL {wanted}, and this machine has {offered}: nothing was changed. \
         Make version {wanted} available (`apt-get install postgresql-{wanted}`, or name its bin folder in MILLRACE_PG_BIN). \
         To move to another version, dump with version {wanted}'s pg_dump, move the folder away, start Millrace once, \
         and restore{}",
        data.display(), because(fetching)
    )]
    WrongVersion { data: PathBuf, wanted: u32, offered: String, fetching: Option<String> },

    /// The data folder is older than what the product's SQL needs.
    #[error(
        "the database in {} was written by PostgreSQL {found}, and Millrace needs {oldest} or newer: nothing was changed. \
         Dump it with version {found}'s pg_dump, move the folder away, start Millrace once, and restore",
        data.display()
    )]
    TooOld { data: PathBuf, found: u32, oldest: u32 },

    /// No server program at all, and none could be fetched.
    #[error(
        "no PostgreSQL {oldest} or newer was found{}: install it with the system's package manager, \
         name its bin folder in MILLRACE_PG_BIN, or set DATABASE_URL to a database that runs elsewhere",
        because(fetching)
    )]
    NoPrograms { oldest: u32, fetching: Option<String> },

    /// `MILLRACE_PG_BIN` names a folder without usable server programs.
    #[error(
        "MILLRACE_PG_BIN is {}, which holds no working `postgres` and `initdb` of version {oldest} or newer: \
         correct it or unset it",
        folder.display()
    )]
    BadProgramFolder { folder: PathBuf, oldest: u32 },

    /// A folder that must be ours alone cannot be trusted.
    #[error("the folder {} {problem}: remove it and start again", folder.display())]
    Folder { folder: PathBuf, problem: &'static str },

    /// The socket's path is longer than the system allows.
    #[error(
        "the socket path {} has {bytes} bytes, {max} are allowed: choose a shorter socket folder",
        path.display()
    )]
    SocketPathTooLong { path: PathBuf, bytes: usize, max: usize },

    /// A program that prepares the server failed or took too long.
    #[error("{program} failed ({problem}):\n{output}")]
    Program { program: String, problem: String, output: String },

    /// The server ended while it started.
    #[error("PostgreSQL ended at start ({status}); the end of {}:\n{tail}", log.display())]
    Exited { status: ExitStatus, log: PathBuf, tail: String },

    /// The server takes no connections yet.
    #[error(
        "PostgreSQL did not take connections within {seconds} s; it was stopped. The end of {}:\n{tail}",
        log.display()
    )]
    NotReady { seconds: u64, log: PathBuf, tail: String },

    /// Processes of an earlier server do not end.
    #[error("processes of an earlier PostgreSQL on {} do not end: {pids:?}; end them and start again", data.display())]
    Orphans { data: PathBuf, pids: Vec<i32> },

    /// An operation on a file or process was refused by the system.
    #[error("cannot {act}: {source}")]
    System { act: String, source: io::Error },
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
