//! Several nodes on one database: started at once, drained by name, and one console to whoever is signed in.

use std::time::Duration;

use serde_json::json;

use crate::access::pages::fields;
use crate::cli::millrace;
use crate::cli::served::Served;
use crate::support::stage::{enqueue, handler_template, number, wait_until};
use crate::support::{TestDb, ThrowAway};
use crate::web::browser::Browser;

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "five wet otters sing";
const NODES: [&str; 3] = ["a", "b", "c"];

/// Three nodes, each with a data folder of its own.
struct Fleet {
    served: Vec<Served>,
    folders: Vec<ThrowAway>,
}

impl Fleet {
    /// Starts all at once.
    fn start(db: &TestDb) -> Fleet {
        let folders: Vec<ThrowAway> = NODES.map(|_| ThrowAway::new()).into();
        let start = |(name, folder): (&str, &ThrowAway)| {
            let variables = [
                ("DATABASE_URL", db.url()),
                ("MILLRACE_NODE", name),
                ("MILLRACE_SLOTS", "2"),
                ("MILLRACE_ALLOW_DIAGNOSTICS", "on"),
                ("MILLRACE_HEARTBEAT_SECONDS", "1"),
                ("MILLRACE_ADMIN_EMAIL", EMAIL),
                ("MILLRACE_ADMIN_PASSWORD", PASSWORD),
            ];
            Served::start_with(folder.path(), &variables)
        };
        Fleet { served: NODES.into_iter().zip(&folders).map(start).collect(), folders }
    }

    /// Waits until each is ready, and gives their addresses.
    fn addresses(&mut self) -> Vec<String> {
        self.served.iter_mut().map(|served| served.origin().replace("http://", "")).collect()
    }

    fn end(self) {
        assert_eq!(self.served.into_iter().map(Served::end).collect::<Vec<_>>(), [0; 3]);
    }
}

#[test]
fn three_nodes_started_at_once_on_an_empty_database_make_one_schema_one_admin_and_one_console() {
    let db = TestDb::empty();
    let mut fleet = Fleet::start(&db);
    let addresses = fleet.addresses();

    let conn = &mut db.connect();
    wait_until(|| number(conn, "SELECT count(*) AS number FROM millrace.nodes WHERE state = 'up'") == 3).unwrap();
    assert_eq!(number(conn, "SELECT count(*) AS number FROM millrace.people"), 1);
    let mut browser = Browser::new(&addresses[0]);
    let entered = browser.post("/sign-in", &fields(&[("email", EMAIL), ("password", PASSWORD)]));
    assert_eq!((entered.status, entered.header("location")), (303, "/"));
    for address in &addresses {
        browser.move_to(address);
        assert_eq!(browser.get("/jobs").status, 200, "signed in on every node");
    }
    // a page of one node is posted to another, and what is ended on one is ended on all
    assert_eq!(browser.post("/sign-out", "").status, 303);
    browser.move_to(&addresses[0]);
    assert_eq!(browser.get("/jobs").status, 303);
    fleet.end();
}

#[test]
fn a_node_drained_by_name_takes_no_work_until_it_is_resumed() {
    let db = TestDb::new();
    let mut fleet = Fleet::start(&db);
    fleet.addresses();
    let conn = &mut db.connect();
    handler_template(conn, "diag.sleep", json!({}));
    wait_until(|| number(conn, "SELECT count(*) AS number FROM millrace.nodes WHERE slots > 0") == 3).unwrap();
    // from any node's data folder
    let run = |args: &[&str]| {
        let folder = fleet.folders[0].path();
        let variables = [("DATABASE_URL", db.url()), ("MILLRACE_DATA_DIR", folder.to_str().unwrap())];
        let said = millrace(folder, &variables, args, "");
        assert_eq!(said.code, 0, "{args:?}: {}", said.err);
    };

    run(&["node", "drain", "b", "--reason", "new disk"]);
    std::thread::sleep(Duration::from_millis(2_500)); // two heartbeats
    work(&db, 30);

    let by = "SELECT count(*) AS number FROM millrace.history h JOIN millrace.nodes n ON n.id = h.node_id WHERE n.name = 'b'";
    assert_eq!(number(conn, by), 0);
    run(&["node", "resume", "b"]);
    wait_until(|| {
        work(&db, 12);
        number(conn, by) > 0
    })
    .expect("it works again");
    fleet.end();
}

/// Hands in jobs that keep all slots busy for a moment, and waits until they have ended.
fn work(db: &TestDb, jobs: i32) {
    const OPEN: &str =
        "SELECT (SELECT count(*) FROM millrace.jobs) - (SELECT count(*) FROM millrace.history) AS number";
    let conn = &mut db.connect();
    for _ in 0..jobs {
        enqueue(conn, "diag.sleep", json!({ "ms": 100 }));
    }
    wait_until(|| number(conn, OPEN) == 0).unwrap();
}
