//! Every field of a query finds the jobs that it says, and leaves the others.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;
use millrace::admin::jobs::query::Asker;
use millrace::admin::jobs::{Cursor, JobFilter, list};
use millrace::base::clock::{Clock, SystemClock};
use millrace::base::db::{PgConnection, statement};
use millrace::queue::actor::Scope;
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{asked, template};

/// Jobs by a letter, in every state that matters to a query.
struct Fixture {
    _db: TestDb,
    conn: PgConnection,
    names: BTreeMap<i64, char>,
}

const JOBS: &str = r#"
INSERT INTO millrace.nodes (name, version, state) VALUES ('worker-1', 'x', 'up'), ('worker-2', 'x', 'up');
INSERT INTO millrace.queues (name) VALUES ('mail'), ('web');
SELECT millrace.enqueue('mail.send', '{"to": "ada@example.org", "customer": {"id": 42}, "total": 9.5}', queue => 'mail', priority => 1, tags => '{vip,late-night}');
SELECT millrace.enqueue('mail.send', '{"to": "100%_sure\\", "customer": {"id": 7}, "total": 20}', queue => 'mail', tags => '{test}', delay_ms => 3600000);
SELECT millrace.enqueue('mail.log', '{"note": "plain"}', queue => 'web', ordering_key => 'customer-9');
SELECT millrace.enqueue('mail.log', '{"note": "order 17"}', queue => 'web', unique_key => 'order-17');
SELECT millrace.enqueue('vault.open', '{"user": "ada", "pin": "hunter2"}', queue => 'web');
"#;

/// The third failed twice and waits again, the fourth failed for good, the fifth succeeded after a long wait.
const PAST: &str = r"
WITH j AS (SELECT id, template_id, version, queue_id, priority, row_number() OVER (ORDER BY id) AS n FROM millrace.jobs), gone AS (
    DELETE FROM millrace.ready r USING j WHERE r.job_id = j.id AND j.n IN (4, 5)
), asking AS (
    DELETE FROM millrace.gated g USING j WHERE g.job_id = j.id AND j.n = 3 -- it has an ordering key
), retrying AS (
    INSERT INTO millrace.scheduled (job_id, run_at, since, seq, queue_id, template_id, priority, attempt, retrying)
    SELECT id, now() + interval '1 hour', now(), nextval('millrace.job_seq'), queue_id, template_id, priority, 2, true FROM j WHERE n = 3
), tried AS (
    INSERT INTO millrace.attempts (job_id, number, fence, finished_at, outcome, counted, error, fingerprint)
    SELECT id, 2, 1, now(), 'failed', true, 'Connection refused by 10.0.0.1', 'aaaa1111' FROM j WHERE n = 3
)
INSERT INTO millrace.history (job_id, since, started_at, finished_at, template_id, version, queue_id, node_id, state, priority, attempt, error, fingerprint)
SELECT j.id, timestamptz '2026-11-20 10:00+00', timestamptz '2026-11-20 10:10+00', timestamptz '2026-11-20 10:10:03+00', template_id, version, queue_id,
    (SELECT n.id FROM millrace.nodes n WHERE n.name = CASE WHEN j.n = 4 THEN 'worker-1' ELSE 'worker-2' END),
    CASE WHEN j.n = 4 THEN 'failed' ELSE 'succeeded' END::millrace.job_state, priority, 1, CASE WHEN j.n = 4 THEN 'no such order 17' END,
    CASE WHEN j.n = 4 THEN 'bbbb2222' END FROM j WHERE j.n IN (4, 5)";

fn fixture() -> Fixture {
    let db = TestDb::new();
    let mut conn = db.connect();
    let defaults = json!({ "queue": "default", "priority": 3, "max_attempts": 5, "timeout_ms": 20_000 });
    let open = json!({ "type": "object", "additionalProperties": true });
    let secret = json!({ "type": "object", "properties": { "user": { "type": "string" }, "pin": { "type": "string", "secret": true } } });
    for (name, params) in [("mail.send", &open), ("mail.log", &open), ("vault.open", &secret)] {
        let spec = json!({ "runner": "handler", "handler": { "name": name }, "params": params, "defaults": defaults });
        template(&mut conn, name, spec);
    }
    conn.batch_execute(JOBS).unwrap();
    conn.batch_execute(PAST).unwrap();
    let ids = statement("SELECT id FROM millrace.jobs ORDER BY id")
        .tuples::<diesel::sql_types::BigInt, i64>(&mut conn)
        .unwrap();
    Fixture { _db: db, conn, names: ids.into_iter().zip('a'..).collect() }
}

impl Fixture {
    fn found(&mut self, filter: &JobFilter) -> String {
        let page = list(&mut self.conn, &Scope::default(), filter, Cursor::Newest, 50).unwrap();
        let mut found: Vec<char> = page.rows.iter().map(|row| self.names[&row.id.0]).collect();
        found.sort_unstable();
        found.into_iter().collect()
    }
}

#[test]
fn each_field_finds_what_it_says() {
    let mut fixture = fixture();
    let first = *fixture.names.keys().next().unwrap();
    let mut wrong = Vec::new();

    for (query, found) in [
        ("", "abcde"),
        ("state:ready", "a"),
        ("state:scheduled,retrying", "bc"),
        ("-state:succeeded", "abcd"),
        ("queue:mail", "ab"),
        ("queue:m*,w*", "abcde"),
        ("-queue:mail", "cde"),
        ("template:mail.*", "abcd"),
        ("template:*.log", "cd"),
        ("tag:vip", "a"),
        ("tag:late*", "a"),
        ("-tag:test", "acde"),
        ("tag:vip tag:late-night", "a"),
        ("tag:vip tag:test", ""),
        ("node:worker-1", "d"),
        ("priority:1", "a"),
        ("priority:2..", "bcde"),
        ("attempt:>1", "c"),
        ("attempt:..0", "ab"),
        ("version:1", "abcde"),
        ("wait:>5m", "de"),
        ("wait:<5m", "a"),
        ("run:3s", "de"),
        ("run:>3s", ""),
        ("created:-1h", "abcde"),
        ("created:<2026-01-01", ""),
        ("since:2026-11-20", "de"),
        ("since:>2026-11-20", "abc"),
        ("since:2026-11-20T10:00..2026-11-20T10:05", ""),
        ("due:>2026-01-01", "bc"),
        ("by:sql:*", "abcde"),
        ("error:refused", "c"),
        ("error:\"CONNECTION refused\",order", "cd"),
        ("group:bbbb2222", "d"),
        ("key:order-17", "d"),
        ("order:customer-*", "c"),
        ("arg.customer.id:42", "a"),
        ("arg.customer.id:>=7", "ab"),
        ("arg.total:9.5", "a"),
        ("arg.total:=20", "b"),
        ("arg.total:..10", "a"),
        ("arg.note:order*", "d"),
        ("arg.note:*", "cd"),
        ("-arg.note:*", "abe"),
        ("arg.user:ada", "e"),
        ("arg.pin:hunter2", ""),
        ("hunter2", ""),
        ("ada@example", "a"),
        ("100%_sure", "b"),
        ("%", "b"),
        ("order 17", "d"),
        ("\"order 17\"", "d"),
        ("\"17 order\"", ""),
        ("17 order", "d"),
        ("state:ready OR tag:test", "ab"),
        ("(queue:mail tag:vip) OR state:failed", "ad"),
        ("queue:mail -(tag:vip OR tag:test)", ""),
        ("-(queue:mail tag:vip)", "bcde"),
        ("state:failed tag:vip OR queue:web", "d"),
    ] {
        wrong.extend(
            (fixture.found(&asked(query)) != found)
                .then(|| format!("{query}: {} instead of {found}", fixture.found(&asked(query)))),
        );
    }
    assert_eq!(wrong, Vec::<String>::new());
    for (query, found) in
        [("id:{}", "a"), ("id:>{}", "bcde"), ("id:..{}", "a"), ("-id:{}", "bcde"), ("id:{} state:failed", "")]
    {
        assert_eq!(fixture.found(&asked(&query.replace("{}", &first.to_string()))), found, "{query}");
    }
}

#[test]
fn whoever_may_not_see_payloads_finds_nothing_by_them() {
    let mut fixture = fixture();

    for (query, found) in
        [("error:refused", ""), ("arg.customer.id:42", ""), ("ada@example", ""), ("mail.send", "ab"), ("vip", "a")]
    {
        let asker = Asker { now: SystemClock.now(), zone: chrono_tz::Tz::UTC, sees_payload: false };
        assert_eq!(fixture.found(&JobFilter { asker, ..asked(query) }), found, "{query}");
    }
}

#[test]
fn hostile_values_are_values() {
    let mut fixture = fixture();

    for query in [
        "'; DROP TABLE millrace.jobs; --",
        "tag:\"'\"",
        "arg.a'b:1",
        "queue:\\*",
        "template:\"$1\"",
        "error:\"\\\\\"",
        "arg.$1:x",
    ] {
        assert_eq!(
            fixture.found(&JobFilter { query: millrace::admin::jobs::query::parse(query).query, ..asked("") }),
            "",
            "{query}"
        );
    }
}
