//! Makes a new cluster, or tells what a folder already holds.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use super::account::Account;
use super::error::ClusterError;
use super::find::Programs;
use super::folder;
use super::lock::beside;
use super::orphan;
use super::process;
use super::settings::ClusterSettings;
use super::{DATABASE, SUPERUSER};

/// How long `initdb` may take on a slow disk.
const INIT_WAIT_MAX: Duration = Duration::from_secs(300);
/// Who may connect: everybody who reaches the socket, whose folder is closed to others.
const ACCESS: &str = "local all all trust\nlocal replication all trust\n";

/// The major version that wrote `data`; `None` when there is no cluster yet.
///
/// # Errors
/// [`ClusterError::NotACluster`] when the folder holds other things: they are not ours to remove.
pub(super) fn version_of(data: &Path) -> Result<Option<u32>, ClusterError> {
    match fs::read_to_string(data.join("PG_VERSION")) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| not_a_cluster(data, "PG_VERSION is damaged")),
        Err(e) if e.kind() == io::ErrorKind::NotFound => match is_empty(data) {
            Ok(true) => Ok(None),
            Ok(false) => Err(not_a_cluster(data, "PG_VERSION is missing")),
            Err(e) => Err(not_a_cluster(data, &e.to_string())),
        },
        Err(e) => Err(not_a_cluster(data, &e.to_string())),
    }
}

/// Makes the cluster of `settings` with its superuser and database.
///
/// Built under another name and renamed when complete: `initdb` writes `PG_VERSION` early, so a
/// killed one would pass for a cluster.
pub(super) fn create(
    settings: &ClusterSettings,
    programs: &Programs,
    account: Option<&Account>,
) -> Result<(), ClusterError> {
    tracing::info!(data = %settings.data.display(), version = programs.major, "making a new database cluster");
    let building = beside(&settings.data, ".init");
    remove_leftover(&building)?;
    folder::make_private(&building, account)?;
    init(&building, settings.durable, programs, account)?;
    let access = building.join("pg_hba.conf");
    fs::write(&access, ACCESS).map_err(ClusterError::when(format!("write {}", access.display())))?;
    create_database(&building, programs, account)?;
    publish(&building, &settings.data)
}

/// Removes what a killed `initdb` left, once its processes are gone.
fn remove_leftover(building: &Path) -> Result<(), ClusterError> {
    orphan::end_processes(building)?;
    match fs::remove_dir_all(building) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(ClusterError::when(format!("remove {}", building.display()))(e))
        }
        _ => Ok(()),
    }
}

fn init(building: &Path, durable: bool, programs: &Programs, account: Option<&Account>) -> Result<(), ClusterError> {
    let mut command = programs.command("initdb", account);
    command.arg("-D").arg(building).args(["-U", SUPERUSER, "-A", "trust"]);
    command.args(["-E", "UTF8", "--locale=C.UTF-8", "--data-checksums"]);
    if !durable {
        command.arg("--no-sync");
    }
    process::run(command, INIT_WAIT_MAX).map(|_| ())
}

/// Creates our database without starting a server: PostgreSQL's single-user mode reads statements.
fn create_database(building: &Path, programs: &Programs, account: Option<&Account>) -> Result<(), ClusterError> {
    let when = || ClusterError::when("hand over the statement that creates the database");
    let (statements, mut writer) = io::pipe().map_err(when())?;
    writeln!(writer, "CREATE DATABASE \"{DATABASE}\"").map_err(when())?;
    drop(writer); // its end is the session's end
    let mut command = programs.command("postgres", account);
    command.arg("--single").arg("-D").arg(building);
    command.args(["-c", "exit_on_error=on"]); // else a failed statement ends with status 0
    command.arg("postgres").stdin(statements);
    process::run(command, INIT_WAIT_MAX).map(|_| ())
}

/// Gives the finished cluster its name, durably.
fn publish(building: &Path, data: &Path) -> Result<(), ClusterError> {
    let when = || ClusterError::when(format!("name the new cluster {}", data.display()));
    fs::rename(building, data).map_err(when())?;
    let parent = data.parent().unwrap_or(Path::new("/"));
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(when())
}

fn is_empty(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(e) => Err(e),
    }
}

fn not_a_cluster(data: &Path, problem: &str) -> ClusterError {
    ClusterError::NotACluster { data: data.into(), problem: problem.into() }
}
