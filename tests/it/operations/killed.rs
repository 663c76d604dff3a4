//! A node that is killed while it works on an operation: another one finishes it.

use diesel::connection::SimpleConnection;
use millrace::admin::operations::{Bulk, OperationState, service};
use millrace::base::db::{PgConnection, statement};

use super::{admin, assert_counted, failed, plan, stage, start};
use crate::cli::served::Served;
use crate::support::stage::{number, wait_until};
use crate::support::{TestDb, ThrowAway};

const NODES: [&str; 2] = ["a", "b"];
/// More chunks than one node does between two looks.
const JOBS: i32 = 1_500;

/// Writes down which node does which chunk. The fourth one waits for the test, with its node's name where everybody sees it.
const WITNESS: &str = "
CREATE TABLE public.witness (number integer, node text);
GRANT ALL ON public.witness TO PUBLIC;
CREATE FUNCTION public.witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.number = 4 THEN
        PERFORM set_config('application_name', 'stands still ' || current_setting('witness.node'), true);
        PERFORM pg_advisory_xact_lock(4711);
    END IF;
    INSERT INTO public.witness VALUES (NEW.number, current_setting('witness.node'));
    RETURN NEW;
END $$;
CREATE TRIGGER witness BEFORE INSERT ON millrace.operation_chunks FOR EACH ROW EXECUTE FUNCTION public.witness()";

fn node(db: &TestDb, name: &str, folder: &ThrowAway) -> Served {
    let separator = if db.url().contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}options=-c%20witness.node%3D{name}", db.url());
    let variables = [("DATABASE_URL", url.as_str()), ("MILLRACE_NODE", name), ("MILLRACE_HEARTBEAT_SECONDS", "1")];
    Served::start_with(folder.path(), &variables)
}

/// The node whose chunk stands still.
fn standing_still(conn: &mut PgConnection) -> Option<String> {
    const SQL: &str = "SELECT split_part(application_name, ' ', 3) FROM pg_stat_activity
        WHERE application_name LIKE 'stands still %' AND wait_event = 'advisory' AND datname = current_database()";
    let rows: Vec<String> = statement(SQL).tuples::<diesel::sql_types::Text, String>(conn).unwrap();
    rows.into_iter().next()
}

#[test]
fn an_operation_survives_the_kill_of_the_node_that_works_on_it() {
    let (db, mut conn) = stage();
    failed(&mut conn, JOBS);
    conn.batch_execute(WITNESS).unwrap();
    let mut gate = db.connect();
    gate.batch_execute("SELECT pg_advisory_lock(4711)").unwrap();
    let folders = NODES.map(|_| ThrowAway::new());
    let mut nodes: Vec<Served> = NODES.iter().zip(&folders).map(|(name, folder)| node(&db, name, folder)).collect();
    nodes.iter_mut().for_each(|node| drop(node.origin()));
    let operation = start(&mut conn, &admin(), &plan(Bulk::Discard, "state:failed"));

    let mut working = None;
    wait_until(|| {
        working = standing_still(&mut conn);
        working.is_some()
    })
    .expect("a node comes to the fourth chunk");
    let working = working.unwrap();
    let at = NODES.iter().position(|name| *name == working).unwrap();
    let engine = nodes[at].engine().unwrap();
    nodes[at].kill();
    nodes[at].kill_engine(engine);
    let middle = service::find(&mut conn, &admin(), operation.id).unwrap();
    assert_eq!((middle.done, middle.state), (600, OperationState::Running), "killed in the middle");
    gate.batch_execute("SELECT pg_advisory_unlock(4711)").unwrap();
    wait_until(|| service::find(&mut conn, &admin(), operation.id).unwrap().state == OperationState::Done)
        .expect("the other node finishes it");

    let ended = service::find(&mut conn, &admin(), operation.id).unwrap();
    assert_eq!((ended.done, ended.skipped, ended.looked, ended.chunks), (1_500, 0, 1_500, 8));
    let acted = "SELECT count(*) AS number FROM millrace.operation_chunks c CROSS JOIN unnest(c.done) AS d(id)";
    let jobs =
        "SELECT count(DISTINCT id) AS number FROM millrace.operation_chunks c CROSS JOIN unnest(c.done) AS d(id)";
    assert_eq!((number(&mut conn, acted), number(&mut conn, jobs)), (1_500, 1_500), "each job once");
    let cancelled = "SELECT count(*) AS number FROM millrace.history WHERE state = 'cancelled'";
    assert_eq!(number(&mut conn, cancelled), 1_500);
    let after = "SELECT node FROM public.witness WHERE number >= 4 GROUP BY node";
    let finished: Vec<String> = statement(after).tuples::<diesel::sql_types::Text, String>(&mut conn).unwrap();
    assert_eq!(finished, [NODES[1 - at]], "what the killed one was about to do came to nothing");
    let ends = "SELECT count(*) AS number FROM millrace.audit WHERE act = 'operation.end'";
    assert_eq!(number(&mut conn, ends), 1);
    assert_counted(&mut conn);
    assert_eq!(nodes.remove(1 - at).end(), 0);
}
