//! The promises of the schema: explained, reversible, and of one mind with the code.

use std::sync::Barrier;

use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sql_types::{Array, Text};
use diesel_migrations::MigrationHarness;
use millrace::admin::templates::TemplateState;
use millrace::base::db::migrate::{MIGRATIONS, migrate};
use millrace::base::db::{DbError, PgConnection, statement};
use millrace::queue::permission::Role;
use millrace::queue::settle::AttemptOutcome;
use millrace::queue::state::JobState;

use crate::support::TestDb;
use crate::support::stage::{enqueue, handler_template, number, template};

fn texts(conn: &mut PgConnection, sql: &'static str) -> Vec<String> {
    statement(sql).tuples::<Text, String>(conn).unwrap()
}

#[test]
fn every_table_and_column_is_explained() {
    let db = TestDb::new();

    let silent = texts(
        &mut db.connect(),
        "SELECT c.relname || coalesce('.' || a.attname, '') FROM pg_class c
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind <> 'v'
WHERE c.relnamespace = 'millrace'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition AND c.relname <> '__diesel_schema_migrations'
    AND (obj_description(c.oid, 'pg_class') IS NULL OR a.attnum IS NOT NULL AND col_description(c.oid, a.attnum) IS NULL)
ORDER BY 1",
    );

    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn every_function_is_explained() {
    let db = TestDb::new();

    let silent = texts(
        &mut db.connect(),
        "SELECT proname::text FROM pg_proc WHERE pronamespace = 'millrace'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL
    AND proname NOT LIKE 'diesel_%' ORDER BY 1",
    );

    assert_eq!(silent, Vec::<String>::new());
}

/// Nodes that bring the schema at the same moment.
const NODES: usize = 8;

#[test]
fn nodes_that_start_at_one_moment_on_an_empty_database_make_one_schema() {
    for _ in 0..5 {
        let (db, barrier) = (TestDb::empty(), Barrier::new(NODES));
        let made: Vec<usize> = std::thread::scope(|scope| {
            let node = || {
                let mut conn = db.connect();
                barrier.wait();
                migrate(&mut conn).unwrap().len()
            };
            let nodes: Vec<_> = (0..NODES).map(|_| scope.spawn(node)).collect();
            nodes.into_iter().map(|node| node.join().unwrap()).collect()
        });

        assert_eq!(made.iter().filter(|made| **made > 0).count(), 1, "{made:?}");
    }
}

/// Everything of ours that the database knows, except the list of migrations.
const OBJECTS: &str = "SELECT relname::text FROM pg_class WHERE relnamespace = 'millrace'::regnamespace AND relname NOT LIKE '\\_\\_diesel%'
UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'millrace'::regnamespace
UNION ALL SELECT typname::text FROM pg_type WHERE typnamespace = 'millrace'::regnamespace AND typname NOT LIKE '%\\_\\_diesel%' ORDER BY 1";

#[test]
fn every_migration_goes_up_down_and_up() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("SET client_min_messages = warning; SET search_path = millrace, pg_temp").unwrap();
    let whole = texts(&mut conn, OBJECTS);
    conn.revert_all_migrations(MIGRATIONS).unwrap();
    assert_eq!(texts(&mut conn, OBJECTS), Vec::<String>::new());

    let migrations = MigrationSource::<Pg>::migrations(&MIGRATIONS).unwrap();
    for migration in &migrations {
        let before = texts(&mut conn, OBJECTS);
        conn.run_migration(&**migration).unwrap();
        conn.revert_migration(&**migration).unwrap();
        assert_eq!(texts(&mut conn, OBJECTS), before, "{}", migration.name());
        conn.run_migration(&**migration).unwrap();
    }
    assert_eq!(texts(&mut conn, OBJECTS), whole);
}

fn sorted(names: impl IntoIterator<Item = &'static str>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn the_enum_lists_the_states_of_the_code() {
    let db = TestDb::new();

    let labels = texts(&mut db.connect(), "SELECT unnest(enum_range(NULL::millrace.job_state))::text");

    assert_eq!(labels, JobState::ALL.map(|state| state.as_str().to_owned()));
}

#[test]
fn checks_list_what_the_code_lists() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let mut listed = |constraint: &str| {
        const SQL: &str = "SELECT DISTINCT found[1] FROM pg_constraint c, regexp_matches(pg_get_constraintdef(c.oid), '''([^'']*)''', 'g') AS found
WHERE c.connamespace = 'millrace'::regnamespace AND c.conname = $1 AND c.conparentid = 0";
        let mut names = statement(SQL).bind::<Text, _>(constraint).tuples::<Text, String>(&mut conn).unwrap();
        names.sort();
        names
    };
    let terminal = JobState::ALL.into_iter().filter(|state| state.is_terminal()).map(JobState::as_str);

    assert_eq!(listed("attempts_outcome_known"), sorted(AttemptOutcome::ALL.map(AttemptOutcome::as_str)));
    assert_eq!(listed("templates_state_known"), sorted(TemplateState::ALL.map(TemplateState::as_str)));
    assert_eq!(listed("people_role_known"), sorted(Role::ALL.map(Role::as_str)));
    assert_eq!(listed("history_state_terminal"), sorted(terminal));
    assert_eq!(listed("parked_state_known"), sorted([JobState::Blocked.as_str(), JobState::Held.as_str()]));
}

/// Runs `sql` as `role` and gives the sentence with which it was refused.
fn refused(conn: &mut PgConnection, role: &str, sql: &str) -> Option<String> {
    conn.batch_execute(&format!("BEGIN; SET LOCAL ROLE {role}")).unwrap();
    let refusal = conn.batch_execute(sql).map_err(DbError::from).err().map(|error| error.to_string());
    conn.batch_execute("ROLLBACK").unwrap();
    refusal
}

#[test]
fn the_runtime_role_cannot_change_the_schema_or_the_audit() {
    let db = TestDb::new();
    let mut conn = db.connect();

    for sql in [
        "CREATE TABLE millrace.mine ()",
        "CREATE TABLE public.mine ()",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION millrace.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE millrace.jobs ADD COLUMN mine integer",
        "ALTER TABLE millrace.audit DISABLE TRIGGER ALL",
        "DROP TABLE millrace.idempotency",
        "DROP FUNCTION millrace.enqueue_many",
        "TRUNCATE millrace.audit",
        "TRUNCATE millrace.history",
        "UPDATE millrace.audit SET at = now()",
        "DELETE FROM millrace.audit",
        "DELETE FROM millrace.__diesel_schema_migrations",
    ] {
        let refusal = refused(&mut conn, "millrace_app", sql).unwrap_or_else(|| panic!("allowed: {sql}"));
        assert!(refusal.contains("permission denied") || refusal.contains("must be owner"), "{sql}: {refusal}");
    }
    for sql in [
        "SELECT count(*) FROM millrace.audit",
        "INSERT INTO millrace.queues (name) VALUES ('x')",
        "SELECT millrace.create_partitions()",
    ] {
        assert_eq!(refused(&mut conn, "millrace_app", sql), None, "{sql}");
    }
}

#[test]
fn the_client_role_can_enqueue_and_nothing_else() {
    let db = TestDb::new();
    let mut conn = db.connect();

    let callable = texts(
        &mut conn,
        "SELECT proname::text FROM pg_proc WHERE pronamespace = 'millrace'::regnamespace AND has_function_privilege('millrace_client', oid, 'EXECUTE')
    AND NOT prorettype = 'trigger'::regtype ORDER BY 1",
    );
    assert_eq!(callable, ["enqueue", "enqueue_many"]);
    let seen = "SELECT count(*) AS number FROM pg_class WHERE relnamespace = 'millrace'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')
        AND CASE relkind WHEN 'S' THEN has_sequence_privilege('millrace_client', oid, 'USAGE, SELECT, UPDATE')
            ELSE has_table_privilege('millrace_client', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                OR has_any_column_privilege('millrace_client', oid, 'SELECT, INSERT, UPDATE, REFERENCES') END";
    assert_eq!(number(&mut conn, seen), 0);

    handler_template(&mut conn, "noop", serde_json::json!({}));
    assert_eq!(refused(&mut conn, "millrace_client", "SELECT millrace.enqueue('noop')"), None);
    assert_eq!(
        refused(
            &mut conn,
            "millrace_client",
            "SELECT * FROM millrace.enqueue_many('[{\"template\": \"noop\", \"queue\": \"new\"}]')"
        ),
        None
    );
    for sql in ["SELECT FROM millrace.jobs", "SELECT millrace.insert_jobs('[]', 'me')", "CREATE TABLE millrace.mine ()"]
    {
        assert!(
            refused(&mut conn, "millrace_client", sql).is_some_and(|why| why.contains("permission denied")),
            "{sql}"
        );
    }
}

#[test]
fn no_function_is_for_everybody_not_even_one_that_comes_later() {
    const LATER: &str = "CREATE FUNCTION millrace.later() RETURNS integer LANGUAGE sql AS 'SELECT 1'";
    let db = TestDb::new();
    let mut conn = db.connect();

    conn.batch_execute(LATER).unwrap();
    migrate(&mut conn).unwrap();

    let open = "SELECT proname::text FROM pg_proc WHERE pronamespace = 'millrace'::regnamespace AND has_function_privilege('public', oid, 'EXECUTE')";
    assert_eq!(texts(&mut conn, open), Vec::<String>::new());
    assert_eq!(refused(&mut conn, "millrace_app", "SELECT millrace.later()"), None);
}

#[test]
fn the_runtime_role_draws_numbers_and_sets_none() {
    let db = TestDb::new();
    let mut conn = db.connect();

    let refusal = refused(&mut conn, "millrace_app", "SELECT setval('millrace.job_seq', 1)");
    assert!(refusal.is_some_and(|why| why.contains("permission denied")));
    assert_eq!(refused(&mut conn, "millrace_app", "SELECT nextval('millrace.job_seq')"), None);
    let settable = "SELECT relname::text FROM pg_class WHERE relnamespace = 'millrace'::regnamespace 
        AND CASE relkind WHEN 'S' THEN has_sequence_privilege('millrace_app', oid, 'UPDATE') END";
    assert_eq!(texts(&mut conn, settable), Vec::<String>::new());
}

/// A running job of a handler template, with its lease: id and fence.
const RUNNING: &str = "INSERT INTO millrace.leases (id, node_id, epoch, job_ids, attempts) SELECT 70 + row_number() OVER (ORDER BY job_id), 1, 1, ARRAY[job_id], '{1}' FROM millrace.ready";

#[test]
fn the_role_of_sql_jobs_finishes_no_other_job() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "noop", serde_json::json!({}));
    let work = serde_json::json!({ "runner": "sql", "sql": { "statements": "SELECT 1" },
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 } });
    template(&mut conn, "insert", work);
    let [other, own, twin] = ["noop", "insert", "insert"].map(|name| enqueue(&mut conn, name, serde_json::json!({})).0);
    conn.batch_execute(RUNNING).unwrap();
    let finish = |job: i64, fence: i64| format!("SELECT millrace.finish_sql({job}, {fence}, now(), now(), 1);");
    let begin = |job: i64, fence: i64| format!("SELECT millrace.begin_sql({job}, {fence});");
    let mut why = |sql: &str| refused(&mut conn, "millrace_sql", sql).unwrap_or_default();

    assert!(why(&finish(other, 71)).contains("is not about job"), "a job of a handler");
    assert!(why(&begin(other, 71)).contains("is not of an sql template"));
    assert!(why(&finish(own, 72)).contains("is not about job"), "nothing was begun");
    assert!(why(&(begin(own, 72) + &finish(twin, 73))).contains("is not about job"));
    assert!(why(&(begin(own, 72) + &begin(twin, 73))).contains("sql_attempts_pk"));
    // finished early by its own statements, it cannot be finished in the end, and nothing is kept
    assert!(
        why(&(begin(own, 72) + &finish(own, 72) + &begin(twin, 73) + &finish(twin, 73) + &finish(own, 72)))
            .contains("is not about job")
    );
    assert!(why("TABLE millrace.sql_attempts").contains("permission denied"));
    assert_eq!(why(&(begin(own, 72) + &finish(own, 72))), "");
}

#[test]
fn functions_that_act_for_others_name_their_schema() {
    let db = TestDb::new();

    let open = statement(
        "SELECT proname::text FROM pg_proc WHERE pronamespace = 'millrace'::regnamespace AND prosecdef
    AND NOT coalesce(proconfig @> $1, false) ORDER BY 1",
    )
    .bind::<Array<Text>, _>(vec!["search_path=millrace, pg_temp"])
    .tuples::<Text, String>(&mut db.connect())
    .unwrap();

    assert_eq!(open, Vec::<String>::new());
}

#[test]
fn names_of_lanes_sort_alike_in_every_table() {
    // an index of another collation is not used for a join, and the whole of it is read instead
    let db = TestDb::new();
    let others = "SELECT c.table_name || '.' || c.column_name AS text FROM information_schema.columns c
        WHERE c.table_schema = 'millrace' AND c.data_type = 'text' AND c.collation_name IS DISTINCT FROM 'C'
            AND (c.table_name, c.column_name) IN (('lanes', 'key'), ('lane_use', 'key'), ('lane_freed', 'key'), ('gated', 'lane'), ('turns', 'lane'))";
    assert_eq!(texts(&mut db.connect(), others), Vec::<String>::new());
}
