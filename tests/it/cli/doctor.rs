use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use diesel::connection::SimpleConnection;

use super::{Said, Stage, millrace};

fn codes(said: &Said) -> Vec<String> {
    let json = said.json();
    json["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_weak_point_is_named_with_the_act_that_mends_it() {
    let stage = Stage::new();
    fs::set_permissions(stage.key_file(), Permissions::from_mode(0o644)).unwrap();
    let variables = [
        ("DATABASE_URL", stage.db.url()),
        ("MILLRACE_LISTEN", "0.0.0.0:8080"),
        ("MILLRACE_ALLOW_DIAGNOSTICS", "on"),
        ("MILLRACE_SLOT", "8"),
    ];

    let said = millrace(stage.folder.path(), &variables, &["doctor", "--json"], "");

    // the tests' cluster gives durability up for speed
    let expected = [
        "listen",
        "diagnostics",
        "sql-url",
        "variable",
        "key-file",
        "durability",
        "durability",
        "durability",
        "no-admin",
    ];
    assert_eq!((said.code, codes(&said)), (1, expected.map(String::from).to_vec()), "{}", said.out);
    assert!(said.err.contains("9 things need attention"), "{}", said.err);
    let text = millrace(stage.folder.path(), &variables, &["doctor"], "").out;
    assert!(text.contains("fsync is off") && text.contains("start PostgreSQL without `-c fsync=off`"), "{text}");
}

#[test]
fn a_runtime_role_that_can_rewrite_the_audit_trail_is_named() {
    let stage = Stage::new();
    let grant = "GRANT UPDATE ON millrace.audit TO millrace_app; GRANT CREATE ON SCHEMA millrace TO millrace_app";
    stage.db.connect().batch_execute(grant).unwrap();

    let said = stage.run(&["doctor"]);

    assert!(said.out.contains("acts as millrace_app, which may change and delete audit records"), "{}", said.out);
    assert!(said.out.contains("may change the schema"), "{}", said.out);
}

#[test]
fn a_database_that_is_away_is_a_finding_and_not_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let variables = [("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x")];

    let said = millrace(folder.path(), &variables, &["doctor", "--json"], "");

    assert_eq!((said.code, codes(&said)), (1, vec!["sql-url".to_owned(), "database".to_owned()]), "{}", said.out);
}

#[test]
fn missing_migrations_are_a_finding() {
    let stage = Stage::new();
    stage.db.connect().batch_execute("DROP SCHEMA millrace CASCADE").unwrap();

    let said = stage.run(&["doctor", "--json"]);

    assert!(codes(&said).contains(&"migrations".to_owned()), "{}", said.out);
}

#[test]
fn what_was_paused_or_drained_and_may_be_forgotten_is_named() {
    let stage = Stage::new();
    stage
        .db
        .connect()
        .batch_execute(
            "INSERT INTO millrace.queues (name, paused_at, paused_by, pause_reason) VALUES ('mail', now() - interval '2 hours', 'ada@example.org', 'relay down');
            INSERT INTO millrace.people (email, name, role) VALUES ('ada@example.org', 'Ada', 'operator');
            INSERT INTO millrace.nodes (name, version, state, started_at) VALUES ('mil-01', '1', 'draining', now() - interval '1 hour'), ('mil-02', '1', 'draining', now());
            INSERT INTO millrace.audit (actor, via, act, subject_kind, subject, accepted, reason)
            VALUES ('ada@example.org', 'console', 'node.drain', 'node', 'mil-01', true, 'new disk')",
        )
        .unwrap();

    let said = stage.run(&["doctor"]).out;

    let queue = "- the queue mail is paused by Ada for 2h (“relay down”): nothing waits in it";
    assert!(said.contains(queue) && said.contains("millrace queue resume mail"), "{said}");
    assert!(
        said.contains("the node mil-01 is drained by ada@example.org (“new disk”): it takes no new work"),
        "{said}"
    );
    assert!(!said.contains("mil-02"), "nobody drained it, it stops by itself: {said}");
}
