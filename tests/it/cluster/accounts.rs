//! Under whose account the server runs, and who reaches it. Most of this can only be shown by root.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use millrace::cluster::{Cluster, ClusterSettings};

use super::owner::Owner;
use super::stage::{Stage, connect, is_root, text};

/// `nobody` on every Linux; it has an entry in the list of accounts, which PostgreSQL wants.
const NOBODY: u32 = 65_534;
/// An account that does not exist.
const STRANGER: u32 = 4_000_000;

#[test]
fn root_runs_the_server_under_another_account_and_connects() {
    if !is_root() {
        return;
    }
    let stage = Stage::with_cluster();

    let cluster = Cluster::start(&stage.settings).unwrap();

    let server = fs::metadata(format!("/proc/{}", stage.server_pid())).unwrap();
    assert_ne!(server.uid(), 0);
    assert_eq!(server.uid(), cluster.server_uid());
    assert_eq!(text(&mut connect(&cluster), "SELECT current_user::text AS value"), "millrace");
}

#[test]
fn other_accounts_do_not_reach_the_socket() {
    if !is_root() {
        return;
    }
    let stage = Stage::with_cluster();

    let cluster = Cluster::start(&stage.settings).unwrap();

    let socket = stage.settings.socket_dir.join(".s.PGSQL.5432");
    let sees = |uid| Command::new("test").arg("-e").arg(&socket).uid(uid).gid(uid).status().unwrap().success();
    assert!(sees(cluster.server_uid()));
    assert!(!sees(STRANGER));
    assert_eq!(fs::metadata(&stage.settings.socket_dir).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(&socket).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn an_ordinary_user_runs_a_cluster_of_his_own() {
    if !is_root() {
        return; // then all other tests show it
    }
    let stage = Stage::empty();
    let data_dir = stage.folder.path().join("home");
    fs::create_dir(&data_dir).unwrap();
    chown(&data_dir, Some(NOBODY), Some(NOBODY)).unwrap();

    let mut owner = Owner::spawn_as(NOBODY, &data_dir);

    assert_eq!(owner.wait_ready(), Ok(()));
    assert_eq!(fs::metadata(data_dir.join("postgres")).unwrap().uid(), NOBODY);
    owner.finish();
}

#[test]
fn root_continues_a_cluster_under_its_owners_account() {
    if !is_root() {
        return;
    }
    let stage = Stage::with_cluster();
    let given = Command::new("chown").args(["-R", "65534:65534"]).arg(&stage.settings.data).status().unwrap();
    assert!(given.success());

    let cluster = Cluster::start(&stage.settings).unwrap();

    assert_eq!(cluster.server_uid(), NOBODY);
}

#[test]
fn somebody_elses_cluster_is_refused() {
    if !is_root() {
        return;
    }
    let stage = Stage::empty();
    let data_dir = stage.folder.path().join("home");
    fs::create_dir_all(data_dir.join("postgres")).unwrap();
    chown(data_dir.join("postgres"), Some(STRANGER), Some(STRANGER)).unwrap();

    let mut owner = Owner::spawn_as(NOBODY, &data_dir);

    let refused = owner.wait_ready().unwrap_err();
    assert!(refused.contains("belongs to user 4000000"), "{refused}");
    owner.finish();
}

#[test]
fn a_folder_that_the_server_cannot_enter_is_named() {
    if !is_root() {
        return;
    }
    let stage = Stage::empty();
    let closed = stage.folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let settings = ClusterSettings::under(&closed.join("data")).unwrap();

    let refused = Cluster::start(&settings).map(|_| ()).unwrap_err().to_string();

    for part in ["cannot enter", &closed.to_string_lossy(), "chmod o+x", "MILLRACE_DATA_DIR"] {
        assert!(refused.contains(part), "{part:?} is missing in: {refused}");
    }
    assert!(!Path::new(&closed).join("data").exists(), "nothing was made");
}

#[test]
fn root_keeps_data_elsewhere_when_the_server_cannot_enter_the_folder() {
    if !is_root() {
        return;
    }
    let stage = Stage::empty();
    let closed = stage.folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();

    let inside = default_data_dir_in(&closed);
    let outside = default_data_dir_in(stage.folder.path());

    assert!(inside.contains("folder: /var/lib/millrace\n"), "{inside}");
    for part in ["said: The database runs as user", &closed.to_string_lossy(), "/var/lib/millrace", "MILLRACE_DATA_DIR"]
    {
        assert!(inside.contains(part), "{part:?} is missing in: {inside}");
    }
    assert!(outside.contains(&format!("folder: {}/data\n", stage.folder.path().display())), "{outside}");
    assert!(!outside.contains("said:"), "{outside}");
}

/// What a program that was started in `folder` is told.
fn default_data_dir_in(folder: &Path) -> String {
    let program = std::env::current_exe().unwrap();
    let test = ["cluster::accounts::tell_default_data_dir", "--exact", "--ignored", "--nocapture"];
    let output = Command::new(program).args(test).current_dir(folder).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Not a test: what [`default_data_dir_in`] runs, because a working folder belongs to a whole process.
#[test]
#[ignore = "the second program of another test"]
fn tell_default_data_dir() {
    let (folder, moved) = millrace::cluster::default_data_dir();
    println!("folder: {}", folder.display());
    if let Some(sentence) = moved {
        println!("said: {sentence}");
    }
}
