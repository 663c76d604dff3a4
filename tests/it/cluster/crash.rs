//! Kills of every part, at every moment that matters.

use std::fs;
use std::process::Command;

use millrace::cluster::Cluster;

use super::owner::Owner;
use super::stage::{Stage, connect, keep, kept, number, runs, send, wait_until};

#[test]
fn a_killed_server_is_noticed_and_recovers_with_its_data() {
    let stage = Stage::with_cluster();
    let mut cluster = Cluster::start(&stage.settings).unwrap();
    let url = cluster.url("millrace", "millrace");
    keep(&mut connect(&cluster));

    send(stage.server_pid(), libc::SIGKILL);
    wait_until("the death is noticed", || cluster.has_exited().is_some());
    cluster.restart().unwrap();

    assert_eq!(cluster.has_exited(), None);
    assert_eq!(cluster.url("millrace", "millrace"), url);
    assert!(kept(&mut connect(&cluster)));
}

#[test]
fn a_failed_restart_can_be_tried_again() {
    let stage = Stage::with_cluster();
    let mut cluster = Cluster::start(&stage.settings).unwrap();
    let control = stage.settings.data.join("global/pg_control");
    let aside = stage.folder.path().join("pg_control");

    fs::rename(&control, &aside).unwrap();
    send(stage.server_pid(), libc::SIGKILL);
    wait_until("the death is noticed", || cluster.has_exited().is_some());
    let refused = cluster.restart().unwrap_err().to_string();
    let still = cluster.has_exited();
    fs::rename(&aside, &control).unwrap();
    cluster.restart().unwrap();

    assert!(refused.contains("pg_control"), "the server's own words are missing: {refused}");
    assert!(still.is_some());
    assert_eq!(cluster.has_exited(), None);
}

#[test]
fn a_server_does_not_outlive_a_killed_owner() {
    let stage = Stage::with_cluster();
    let mut owner = Owner::spawn(stage.folder.path());
    owner.wait_ready().unwrap();
    let server = stage.server_pid();

    owner.kill();

    wait_until("the server ends", || !runs(server));
}

#[test]
fn a_start_follows_at_once_when_owner_and_server_were_killed() {
    let stage = Stage::with_cluster();
    let mut owner = Owner::spawn(stage.folder.path());
    owner.wait_ready().unwrap();
    keep(&mut connect_over(&stage));

    send(stage.server_pid(), libc::SIGKILL);
    owner.kill();
    let cluster = Cluster::start(&stage.settings).unwrap();

    assert!(kept(&mut connect(&cluster)));
}

#[test]
fn a_start_waits_for_a_server_that_is_still_ending() {
    let stage = Stage::with_cluster();
    let mut owner = Owner::spawn(stage.folder.path());
    owner.wait_ready().unwrap();
    let old = stage.server_pid();
    let checkpointer = "SELECT pid::bigint AS value FROM pg_stat_activity WHERE backend_type = 'checkpointer'";
    let checkpointer = number(&mut connect_over(&stage), checkpointer) as i32;
    send(checkpointer, libc::SIGSTOP); // the server cannot end without it

    owner.kill();
    // By another program, which does its part even if this test is killed meanwhile.
    let mut resume =
        Command::new("sh").args(["-c", "sleep 0.3; kill -CONT $0", &checkpointer.to_string()]).spawn().unwrap();
    let _cluster = Cluster::start(&stage.settings).unwrap();
    assert!(resume.wait().unwrap().success());

    assert!(!runs(old));
    assert_ne!(stage.server_pid(), old);
}

#[test]
fn claims_of_a_dead_server_whose_number_lives_on_are_removed() {
    let stage = Stage::with_cluster();
    let somebody = std::process::id();
    let claim = format!("{somebody}\n{}\n0\n5432\n\n\n\n", stage.settings.data.display());
    fs::write(stage.settings.data.join("postmaster.pid"), claim).unwrap();

    let cluster = Cluster::start(&stage.settings).unwrap();

    assert_ne!(stage.server_pid(), somebody as i32);
    drop(cluster);
}

#[test]
fn a_killed_initdb_does_not_pass_for_a_cluster() {
    let stage = Stage::empty();
    let building = stage.folder.path().join("postgres.init");
    let owner = Owner::spawn(stage.folder.path());

    wait_until("initdb has begun", || building.join("PG_VERSION").exists());
    owner.kill();
    let left = stage.settings.data.exists();
    let cluster = Cluster::start(&stage.settings).unwrap();

    assert!(!left);
    assert!(!building.exists());
    keep(&mut connect(&cluster));
}

fn connect_over(stage: &Stage) -> diesel::PgConnection {
    let url = Cluster::attach(&stage.settings).unwrap().url("millrace", "millrace");
    diesel::Connection::establish(&url).unwrap()
}
