//! What is refused, and in which words.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use millrace::cluster::{Cluster, ClusterError, ClusterSettings};

use super::owner::Owner;
use super::stage::Stage;

#[track_caller]
fn refusal(settings: &ClusterSettings) -> ClusterError {
    Cluster::start(settings).map(|_| ()).unwrap_err()
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}

#[test]
fn a_second_instance_on_the_same_data_is_refused() {
    let stage = Stage::with_cluster();
    let mut first = Cluster::start(&stage.settings).unwrap();

    let refused = refusal(&stage.settings);

    assert!(matches!(refused, ClusterError::InUse { .. }), "{refused}");
    says(&refused.to_string(), &["another Millrace", "MILLRACE_DATA_DIR", &stage.settings.data.to_string_lossy()]);
    assert_eq!(first.has_exited(), None, "the first goes on");
}

#[test]
fn data_of_a_version_without_programs_is_refused_unchanged() {
    let stage = Stage::with_cluster();
    let version = stage.settings.data.join("PG_VERSION");
    fs::write(&version, "99\n").unwrap();
    let programs = stage.folder.path().join("bin");
    fake_programs(&programs, "15.1");

    let mut owner = Owner::spawn_with(stage.folder.path(), "MILLRACE_PG_BIN", &programs);

    let refused = owner.wait_ready().unwrap_err();
    says(&refused, &["PostgreSQL 99", "this machine has 15", "postgresql-99", "MILLRACE_PG_BIN", "pg_dump"]);
    assert_eq!(fs::read_to_string(version).unwrap(), "99\n");
}

#[test]
fn a_wrong_program_folder_is_named() {
    let stage = Stage::empty();

    let mut owner = Owner::spawn_with(stage.folder.path(), "MILLRACE_PG_BIN", Path::new("/nowhere"));

    says(&owner.wait_ready().unwrap_err(), &["MILLRACE_PG_BIN is /nowhere", "correct it or unset it"]);
}

#[test]
fn data_older_than_our_sql_is_refused() {
    let stage = Stage::with_cluster();
    fs::write(stage.settings.data.join("PG_VERSION"), "13\n").unwrap();

    says(&refusal(&stage.settings).to_string(), &["PostgreSQL 13", "15 or newer", "pg_dump"]);
}

#[test]
fn a_folder_with_other_things_is_left_alone() {
    let stage = Stage::empty();
    let file = stage.settings.data.join("letter.txt");
    fs::create_dir(&stage.settings.data).unwrap();
    fs::write(&file, "dear").unwrap();
    give_to_nobody(&stage.settings.data);

    says(&refusal(&stage.settings).to_string(), &["holds files but no database cluster", "move it away"]);
    assert_eq!(fs::read_to_string(file).unwrap(), "dear");
}

#[test]
fn a_socket_folder_that_somebody_prepared_is_refused() {
    let stage = Stage::empty();
    let trap = stage.folder.path().join("trap");
    symlink("/etc", &trap).unwrap();
    let settings = ClusterSettings { socket_dir: trap, ..stage.settings.clone() };

    says(&refusal(&settings).to_string(), &["trap is not a plain folder", "remove it"]);
}

#[test]
fn a_socket_path_that_the_system_cannot_hold_is_refused() {
    let stage = Stage::empty();
    let settings = ClusterSettings { socket_dir: format!("/tmp/{}", "x".repeat(100)).into(), ..stage.settings.clone() };

    says(&refusal(&settings).to_string(), &["bytes, 107 are allowed", "shorter socket folder"]);
}

/// Programs that only tell a version.
fn fake_programs(folder: &Path, version: &str) {
    fs::create_dir(folder).unwrap();
    for name in ["postgres", "initdb"] {
        let program = folder.join(name);
        fs::write(&program, format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    }
}

/// As root a data folder that belongs to root would be refused for that.
fn give_to_nobody(folder: &Path) {
    if super::stage::is_root() {
        std::os::unix::fs::chown(folder, Some(65_534), Some(65_534)).unwrap();
    }
}
