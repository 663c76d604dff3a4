use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use diesel::connection::SimpleConnection;
use millrace::base::clock::{Clock, SystemClock};
use millrace::queue::access::token;

use super::{Stage, millrace};

const GOOD: &str = "five wet otters sing\n";

#[test]
fn people_are_added_listed_and_shut_out() {
    let stage = Stage::new();

    let added = stage.run_with(&["user", "add", "Giulia@example.org", "--role", "admin", "--name", "Giulia"], GOOD);
    let limited =
        stage.run_with(&["user", "add", "op@example.org", "--role=operator", "--scope=queue=mail", "--json"], GOOD);
    let disabled = stage.run(&["user", "disable", "op@example.org", "--reason", "left"]);
    let all = stage.run(&["--json", "user", "list", "--all"]).json();

    assert_eq!((added.code, added.out.as_str(), added.err.as_str()), (0, "giulia@example.org was added.\n", ""));
    assert_eq!(limited.json()["scope"]["queues"][0], "mail");
    assert_eq!(disabled.code, 0, "{}", disabled.err);
    assert_eq!(all["people"].as_array().unwrap().len(), 2);
    let shown = stage.run(&["user", "list"]);
    assert!(shown.out.contains("giulia@example.org") && !shown.out.contains("op@example.org"), "{}", shown.out);
}

#[test]
fn the_sql_door_of_an_installation_is_found() {
    let stage = Stage::new();

    let url = stage.run(&["psql", "--url", "--json"]).json()["url"].as_str().unwrap().to_owned();
    let asked = stage.run(&["psql", "--", "-Atc", "SELECT count(*) FROM millrace.jobs"]);
    let refused = stage.run(&["psql", "--", "-Atc", "SELECT millrace.enqueue('no.such')"]);

    assert!(url.starts_with("postgres"), "{url}");
    assert_eq!((asked.code, asked.out.as_str()), (0, "0\n"), "{}", asked.err);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("there is no template called 'no.such'"), "{}", refused.err);
}

#[test]
fn refusals_stand_on_stderr_with_exit_code_one() {
    let stage = Stage::new();
    stage.run_with(&["user", "add", "a@example.org", "--role", "admin"], GOOD);

    for (args, stdin, reason) in [
        (&["user", "add", "a@example.org", "--role", "viewer"][..], GOOD, "a@example.org is already in use"),
        (&["user", "add", "a", "--role", "viewer"], GOOD, "\"a\" is no e-mail address"),
        (&["user", "add", "b@example.org", "--role", "viewer"], "", "there is no password on stdin"),
        (&["user", "add", "b@example.org", "--role", "viewer"], "short\n", "at least 12 characters"),
        (
            &["user", "add", "b@example.org", "--role", "viewer"],
            "password1234\n",
            "among the first that an attacker tries",
        ),
        (&["user", "add", "b@example.org", "--role", "admin", "--scope", "queue=x"], GOOD, "admin cannot be limited"),
        (
            &["user", "add", "b@example.org", "--role", "viewer", "--scope", "mail"],
            GOOD,
            "write queue=NAME or tag=NAME",
        ),
        (&["user", "disable", "a@example.org"], "", "the last admin cannot be disabled"),
        (&["user", "disable", "nobody@example.org"], "", "there is no person nobody@example.org"),
        (&["user", "setup-link"], "", "there is an admin already"),
        (&["token", "add", "--name", "ci", "--scopes", "job:read"], "", "\"job:read\" is no scope"),
        (&["token", "revoke", "7"], "", "there is no such token"),
    ] {
        let said = stage.run_with(args, stdin);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{args:?}: {}", said.err);
        assert!(said.err.starts_with("millrace: ") && said.err.contains(reason), "{args:?}: {}", said.err);
    }
    let json = stage.run(&["--json", "token", "revoke", "7"]);
    assert!(json.err.starts_with("{\"error\":"), "{}", json.err);
}

#[test]
fn what_is_not_understood_has_exit_code_two() {
    let stage = Stage::new();

    for args in [
        &["dance"][..],
        &["user", "add", "a@example.org"],
        &["user", "add", "a@example.org", "--role", "king"],
        &["token", "add", "--name", "x"],
        &["token", "add", "--name", "x", "--scopes", "all", "--expires", "soon"],
        &["serve", "--slots", "many"],
        &["config", "--frobnicate"],
    ] {
        let said = stage.run(args);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}: {}", said.err);
        assert!(!said.err.is_empty());
    }
    assert_eq!(stage.run(&["--help"]).code, 0);
}

#[test]
fn a_token_is_printed_once_and_opens_the_door() {
    let stage = Stage::new();
    assert_eq!(stage.run(&["token", "add", "--name", "ci", "--scopes", "all"]).code, 1, "nobody could own it");
    stage.run_with(&["user", "add", "a@example.org", "--role", "admin"], GOOD);

    let added = stage.run(&["token", "add", "--name", "ci", "--scopes", "jobs:read,jobs:write", "--expires", "12h"]);
    let secret = added.out.trim_end();

    let holder = token::authenticate(&mut stage.db.connect(), secret, SystemClock.now()).unwrap().unwrap();
    assert_eq!(holder.name, "a@example.org");
    let listed = stage.run(&["token", "list"]).out;
    assert!(listed.contains("jobs:read,jobs:write") && !listed.contains(secret), "{listed}");
    assert_eq!(stage.run(&["token", "revoke", "1", "--reason", "rotated"]).code, 0);
    assert_eq!(token::authenticate(&mut stage.db.connect(), secret, SystemClock.now()).unwrap(), None);
    let forever = stage.run(&["--json", "token", "add", "--name", "x", "--scopes", "all", "--expires", "never"]).json();
    assert!(forever["token"].as_str().unwrap().starts_with("mr_") && forever["expires_at"].is_null());
}

#[test]
fn commands_are_recorded_under_the_unix_user() {
    let stage = Stage::new();

    stage.run_with(&["user", "add", "a@example.org", "--role", "admin"], GOOD);

    stage
        .db
        .connect()
        .batch_execute(
            "DO $$ BEGIN ASSERT (SELECT actor LIKE 'cli:_%' AND via = 'command line' AND accepted FROM millrace.audit \
             WHERE act = 'person.add'); END $$",
        )
        .unwrap();
}

#[test]
fn whoever_cannot_read_the_key_is_no_administrator() {
    let stage = Stage::new();
    assert_eq!(stage.run(&["user", "list"]).code, 0);
    let mode = fs::metadata(stage.key_file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    fs::set_permissions(stage.key_file(), Permissions::from_mode(0o644)).unwrap();

    let said = stage.run(&["user", "list"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("others may read the key file") && said.err.contains("chmod 600"), "{}", said.err);
}

#[test]
fn a_link_for_the_first_admin_leads_to_the_setup_page() {
    let stage = Stage::new();

    let link = stage.run(&["user", "setup-link"]);
    assert_eq!(link.code, 0, "{}", link.err);
    assert!(link.out.starts_with("http://127.0.0.1:8080/setup?token="), "{}", link.out);
}

#[test]
fn missing_migrations_are_told_and_applied() {
    let stage = Stage::new();
    let up_to_date = stage.run(&["migrate", "--check"]);
    assert_eq!((up_to_date.code, up_to_date.err.as_str()), (0, ""));

    stage.db.connect().batch_execute("DROP SCHEMA millrace CASCADE").unwrap();

    let check = stage.run(&["migrate", "--check", "--json"]);
    assert_eq!(check.code, 1);
    assert!(check.json()["pending"].as_array().unwrap().len() > 5);
    let refused = stage.run(&["user", "list"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("run `millrace migrate`"), "{}", refused.err);
    assert_eq!(stage.run(&["migrate"]).code, 0);
    assert_eq!(stage.run(&["user", "list"]).code, 0);
    assert_eq!(stage.run(&["migrate"]).out, "The schema was up to date.\n");
}

#[test]
fn queues_and_nodes_stand_as_the_console_says() {
    let stage = Stage::new();
    let states = "INSERT INTO millrace.queues (name) VALUES ('mail');
        INSERT INTO millrace.nodes (name, version, state, heartbeat_at) VALUES
            ('n1', '1', 'up', now() + interval '1 min'), ('n2', '1', 'down', now()), ('n3', '1', 'up', now() - interval '1 h'), ('n4', '1', 'down', now());
        UPDATE millrace.nodes SET lost_at = now() WHERE name = 'n4'";
    stage.db.connect().batch_execute(states).unwrap();

    let (queues, nodes) = (stage.run(&["queue", "list"]).out, stage.run(&["node", "list"]).out);

    assert!(queues.contains("takes work") && !queues.contains("open"), "{queues}");
    let state = |node: &str| {
        let line = nodes.lines().find(|line| line.starts_with(node)).unwrap_or_default();
        line.split_whitespace().nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(["n1", "n2", "n3", "n4"].map(state), ["running", "stopped", "silent", "lost"], "{nodes}");
}

#[test]
fn pools_are_made_changed_and_removed() {
    let stage = Stage::new();

    let refused = stage.run(&["pool", "set", "memory-mb"]);
    assert_eq!((refused.code, refused.err.as_str()), (1, "millrace: a new pool needs an amount\n"));
    assert_eq!(stage.run(&["pool", "set", "new", "--amount", "1"]).code, 1);
    assert_eq!(stage.run(&["pool", "set", "memory-mb", "--amount", "-1"]).code, 2);
    let made =
        stage.run(&["pool", "set", "memory-mb", "--amount", "4096", "--unit", "MB", "--description", "of a worker"]);
    assert_eq!((made.code, made.out.as_str()), (0, "The pool memory-mb was made: it has 4096.\n"));
    let changed = stage.run(&["pool", "set", "memory-mb", "--amount", "2048", "--reason", "less", "--json"]).json();
    assert_eq!((&changed["amount"], &changed["unit"], &changed["version"]), (&2048.into(), &"MB".into(), &2.into()));

    let listed = stage.run(&["pool", "list"]).out;
    let line = listed.lines().nth(1).unwrap_or_default();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(cells, ["memory-mb", "2048", "MB", "0", "2048", "0", "of", "a", "worker"], "{listed}");

    let shown = stage.run(&["pool", "show", "memory-mb"]).out;
    for line in
        ["pool        memory-mb", "stands for  of a worker", "free        2048 MB", "waiting     0 jobs", " UTC"]
    {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let json = stage.run(&["pool", "show", "memory-mb", "--json"]).json();
    assert_eq!((&json["free"], &json["holders"]), (&serde_json::json!(2048), &serde_json::json!([])));
    assert_eq!(stage.run(&["pool", "show", "gone"]).err, "millrace: there is no pool \"gone\"\n");
    assert_eq!(stage.run(&["pool", "remove", "memory-mb"]).code, 0);
    assert_eq!(stage.run(&["pool", "remove", "memory-mb"]).err, "millrace: there is no pool \"memory-mb\"\n");
    assert_eq!(stage.run(&["pool", "list", "--json"]).json()["pools"].as_array().map(Vec::len), Some(0));
}

#[test]
fn settings_are_shown_with_their_source() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("millrace.toml"), "slots = 3\n").unwrap();
    let variables = [("DATABASE_URL", "postgres://app:s3cret@db/x"), ("MILLRACE_LISTN", "x")];

    let said = millrace(folder.path(), &variables, &["config"], "");
    assert_eq!(said.code, 0);
    assert!(said.out.contains("postgres://app@db/x") && !said.out.contains("s3cret"), "{}", said.out);
    assert!(said.out.contains("millrace.toml line 1"), "{}", said.out);
    assert!(said.err.contains("did you mean MILLRACE_LISTEN?"), "{}", said.err);

    fs::write(folder.path().join("millrace.toml"), "\nslot = 3\n").unwrap();
    let refused = millrace(folder.path(), &[], &["config"], "");
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(refused.err.contains("line 2: \"slot\" is no setting, did you mean \"slots\"?"), "{}", refused.err);
}
