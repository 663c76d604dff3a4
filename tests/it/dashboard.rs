//! What the dashboard shows to whom.

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use millrace::admin::dashboard::{
    Span, ended, events, failing, fleet, flow, queues, run_week_ago, steps, totals, unheard,
};
use millrace::admin::health::peak;
use millrace::base::clock::{Clock, SystemClock};
use millrace::base::db::{PgConnection, keep_plans};
use millrace::queue::actor::{Actor, Scope};
use millrace::queue::counts;
use millrace::queue::failures::GroupState;
use millrace::queue::permission::Role;
use serde_json::json;

use crate::plans::{assert_uses, plan};
use crate::support::TestDb;
use crate::support::stage::{enqueue, handler_template, number};
use crate::templates::stage::Console;

/// Queue `mail` with a running and a failed job tagged `eu`, queue `exports` with the like without tags.
const JOBS: &str = "SELECT millrace.enqueue_many('[{\"template\": \"mail\", \"tags\": [\"eu\"]}, {\"template\": \"mail\", \"tags\": [\"eu\"]},
    {\"template\": \"export\"}, {\"template\": \"export\"}]');
INSERT INTO millrace.leases (node_id, epoch, job_ids, attempts, started_at)
    SELECT 1, 1, ARRAY[job_id], '{1}', now() - template_id * interval '1 hour' FROM millrace.ready WHERE job_id % 2 = 0;
INSERT INTO millrace.attempts (job_id, number, fence, finished_at, outcome, counted, error, fingerprint)
    SELECT job_id, 1, job_id, now(), 'failed', true, 'broken ' || template_id, template_id FROM millrace.ready WHERE job_id % 2 = 1;
INSERT INTO millrace.failure_deltas (fingerprint, template_id, hour, version, queue_id, node_id, attempts, jobs_failed, first_at, first_job, last_at,
        last_job, last_number, message, error)
    SELECT lpad(template_id::text, 16, '0'), template_id, date_trunc('hour', now()), 1, queue_id, 1, 1, 1, now(), job_id, now(), job_id, 1, 'broken #',
        'broken ' || template_id FROM millrace.ready WHERE job_id % 2 = 1;
INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, enqueued, succeeded, failed)
    SELECT 60, date_trunc('minute', now()), id, id, 1, 5, 3, 2 FROM millrace.queues WHERE name <> 'default'";

fn stage() -> (TestDb, PgConnection) {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "mail", json!({ "queue": "mail" }));
    handler_template(&mut conn, "export", json!({ "queue": "exports" }));
    conn.batch_execute(JOBS).unwrap();
    counts::fold(&mut conn).unwrap();
    (db, conn)
}

fn scope(queues: &[&str], tags: &[&str]) -> Scope {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Scope { queues: owned(queues), tags: owned(tags) }
}

fn names(conn: &mut PgConnection, scope: &Scope) -> Vec<String> {
    let mut names: Vec<String> = queues(conn, scope).unwrap().lines.into_iter().map(|line| line.name).collect();
    names.retain(|name| name != "default");
    names.sort();
    names
}

fn messages(conn: &mut PgConnection, scope: &Scope) -> Vec<String> {
    let actor = Actor { role: Role::Operator, scope: scope.clone(), ..Actor::system("test") };
    let found = failing(conn, &actor, SystemClock.now(), 10).unwrap();
    let mut messages: Vec<String> = found.into_iter().map(|group| group.message).collect();
    messages.sort();
    messages
}

#[test]
fn whoever_is_limited_to_tags_sees_no_queue_and_only_their_failures() {
    let (_db, mut conn) = stage();
    let (tagged, now) = (scope(&[], &["eu"]), SystemClock.now());

    let all = flow(&mut conn, &tagged).unwrap();
    assert_eq!((all.all, all.ready, all.failed_last_hour, all.oldest_start), (0, 0, 0, None));
    assert_eq!(names(&mut conn, &tagged), Vec::<String>::new());
    assert_eq!(steps(&mut conn, &tagged, Span::Hour, Span::Hour.bars(now)[0]).unwrap(), []);
    assert_eq!(ended(&mut conn, &tagged, Span::Hour, now).unwrap().succeeded, 0);
    assert!(totals(&mut conn, &tagged, Span::Hour, now).unwrap().wait_trend.is_empty());
    assert_eq!(messages(&mut conn, &tagged), ["broken 1"]);
}

#[test]
fn whoever_is_limited_to_a_queue_sees_that_one() {
    let (_db, mut conn) = stage();
    let (mail, everything) = (scope(&["mail"], &[]), Scope::default());

    assert_eq!(names(&mut conn, &mail), ["mail"]);
    assert_eq!(names(&mut conn, &everything), ["exports", "mail"]);
    assert_eq!(messages(&mut conn, &mail), ["broken 1"]);
    assert_eq!(messages(&mut conn, &everything), ["broken 1", "broken 2"]);
    let (of_mail, of_all) = (flow(&mut conn, &mail).unwrap(), flow(&mut conn, &everything).unwrap());
    assert_eq!((of_mail.all, of_all.all), (2, 4));
    // the older start is that of an export
    assert!(of_mail.oldest_start > of_all.oldest_start && of_all.oldest_start.is_some());
}

#[test]
fn what_ended_is_counted_from_all_rows_and_percentiles_say_since_when_they_are() {
    const ROWS: &str = "INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, failed)
    SELECT 60, date_trunc('minute', now()) - interval '30 minutes', 1, 1, n, 1 FROM generate_series(1, 50000) AS n;
INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, succeeded, wait_histogram)
    SELECT 60, date_trunc('minute', now()), 1, 1, 1, 7, '{300, 7}'";
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(ROWS).unwrap();
    let (all, now) = (Scope::default(), SystemClock.now());
    let queue = "SELECT id::bigint AS number FROM millrace.queues WHERE name = 'default'";
    assert_eq!(number(&mut conn, queue), 1);

    let found = ended(&mut conn, &all, Span::Hour, now).unwrap();
    let percentiles = totals(&mut conn, &all, Span::Hour, now).unwrap();

    assert_eq!((found.succeeded, found.failed), (7, 50_000));
    assert!(percentiles.wait_p95.is_some());
    assert!(percentiles.since.is_some_and(|since| now - since < TimeDelta::minutes(32)), "{:?}", percentiles.since);
}

#[test]
fn a_day_is_counted_to_the_minute_from_few_rows() {
    const ROWS: &str = "INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, succeeded, wait_histogram)
    SELECT 60, at, 1, 1, 1, 1, '{300, 1}'
    FROM generate_series(date_trunc('minute', now()) - interval '26 hours', date_trunc('minute', now()), interval '1 minute') AS at;
INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, succeeded, wait_histogram)
    SELECT 3600, date_trunc('hour', at), 1, 1, 1, count(*), ARRAY[300, count(*)::integer]
    FROM millrace.rollups WHERE step_s = 60 GROUP BY 2";
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(ROWS).unwrap();
    let (all, now) = (Scope::default(), SystemClock.now());

    let found = ended(&mut conn, &all, Span::Day, now).unwrap();
    let percentiles = totals(&mut conn, &all, Span::Day, now).unwrap();

    assert!((1_440..=1_441).contains(&found.succeeded), "{found:?}");
    assert!((24..=25).contains(&percentiles.wait_trend.len()) && percentiles.since.is_none(), "{percentiles:?}");
}

#[test]
fn a_small_queue_that_needs_somebody_is_found_among_sixty_busy_ones_and_all_are_counted() {
    const BUSY: &str = "INSERT INTO millrace.queues (name) SELECT 'busy-' || n FROM generate_series(1, 60) AS n;
INSERT INTO millrace.state_counts (queue_id, template_id, state, jobs)
    SELECT id, 1, 'ready', 1000 + id FROM millrace.queues WHERE name LIKE 'busy-%';
UPDATE millrace.ready SET since = now() - interval '3 hours';
UPDATE millrace.queues SET paused_at = now() - interval '1 hour', paused_by = 'ada' WHERE name = 'halted'";
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "small", json!({ "queue": "small" }));
    handler_template(&mut conn, "halted", json!({ "queue": "halted" }));
    enqueue(&mut conn, "small", json!({}));
    enqueue(&mut conn, "halted", json!({}));
    conn.batch_execute(BUSY).unwrap();

    let found = queues(&mut conn, &Scope::default()).unwrap();

    let needy: Vec<&str> = found.lines.iter().skip(50).map(|line| line.name.as_str()).collect();
    assert_eq!((found.lines.len(), needy.len()), (52, 2), "{needy:?}");
    assert!(needy.contains(&"small") && needy.contains(&"halted"), "{needy:?}");
    assert_eq!((found.active, found.all), (62, 63), "one is empty");
    assert!(found.oldest.is_some_and(|oldest| SystemClock.now() - oldest > TimeDelta::hours(2)));
}

#[test]
fn all_nodes_are_counted_and_those_are_told_of_that_were_lost_or_are_silent() {
    const NODES: &str = "INSERT INTO millrace.nodes (name, version, slots, busy, state) SELECT 'n' || n, '1', 2, 1, 'up' FROM generate_series(1, 60) AS n;
INSERT INTO millrace.nodes (name, version, slots, state, heartbeat_at, lost_at) VALUES
    ('stopped', '1', 2, 'down', now() - interval '5 minutes', NULL), ('lost', '1', 2, 'down', now() - interval '5 minutes', now() - interval '4 minutes'),
    ('long-lost', '1', 2, 'down', now() - interval '2 days', now() - interval '2 days'), ('mute', '1', 2, 'draining', now() - interval '20 s', NULL)";
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(NODES).unwrap();

    let all = fleet(&mut conn).unwrap();
    let told: Vec<(String, bool)> =
        unheard(&mut conn).unwrap().into_iter().map(|one| (one.node, one.lost_at.is_some())).collect();

    assert_eq!((all.nodes, all.slots, all.busy, all.takers, all.free), (61, 122, 60, 60, 60));
    assert_eq!(told, [("mute".into(), false), ("lost".into(), true)]);
}

#[test]
fn what_comes_into_the_line_and_goes_out_of_it_is_counted_whatever_is_enqueued_for_later() {
    const MOVES: &str = "INSERT INTO millrace.state_deltas (at, queue_id, template_id, left_state, entered_state, jobs, between_queues)
    SELECT date_trunc('minute', now()) - interval '2 minutes', q.id, 1, m.left_state::millrace.job_state, m.entered_state::millrace.job_state, m.jobs, m.between_queues
    FROM millrace.queues q CROSS JOIN (VALUES (NULL, 'ready', 20, false), (NULL, 'scheduled', 500, false), ('retrying', 'ready', 5, false),
        ('ready', 'running', 90, false), ('ready', 'cancelled', 10, false), ('running', 'failed', 9, false), (NULL, 'ready', 5, true)) AS m(left_state, entered_state, jobs, between_queues)
    WHERE q.name = 'mail';
INSERT INTO millrace.state_deltas (at, queue_id, template_id, entered_state, jobs, between_queues) SELECT now() + interval '1 hour', id, 1, 'ready', 210, true FROM millrace.queues WHERE name = 'mail'";
    let (_db, mut conn) = stage();
    conn.batch_execute("DELETE FROM millrace.rollups").unwrap();
    conn.batch_execute(MOVES).unwrap();
    counts::fold(&mut conn).unwrap();

    let sums = "SELECT came * 1000000 + went * 1000 + enqueued AS number FROM millrace.rollups
        WHERE step_s = 60 AND at < date_trunc('minute', now()) - interval '90 seconds'";
    assert_eq!(number(&mut conn, sums), 30_100_520);
    let (scope, found) = (scope(&["mail"], &[]), |queues: millrace::admin::dashboard::Queues| queues.lines[0].clone());
    let mail = found(queues(&mut conn, &scope).unwrap());
    assert_eq!((mail.shorter_per_minute, flow(&mut conn, &scope).unwrap().shorter_per_minute), (14.0, 14.0));
    assert!(mail.drains_in().is_some_and(|time| (600..620).contains(&time.as_secs())), "{mail:?}");

    conn.batch_execute("UPDATE millrace.queues SET paused_at = now(), paused_by = 'ada' WHERE name = 'mail'").unwrap();
    assert_eq!(found(queues(&mut conn, &scope).unwrap()).drains_in(), None, "nothing goes out of a paused queue");
    let flow = flow(&mut conn, &scope).unwrap();
    assert_eq!((flow.shorter_per_minute, flow.ready_going), (0.0, 0));
}

fn viewer(role: Role, scope: &Scope) -> Actor {
    Actor { role, scope: scope.clone(), ..Actor::system("test") }
}

#[test]
fn what_fails_now_is_a_group_with_its_state_its_queues_and_a_message_for_those_who_may_read_it() {
    let (_db, mut conn) = stage();
    let mut told = |role, scope: &Scope| failing(&mut conn, &viewer(role, scope), SystemClock.now(), 10).unwrap();

    let mail = told(Role::Operator, &scope(&["mail"], &[])).pop().unwrap();
    assert_eq!(
        (mail.template.as_str(), mail.message.as_str(), mail.state),
        ("mail", "broken 1", Some(GroupState::New))
    );
    assert_eq!((mail.count, mail.recent, mail.queues.as_slice()), (1, 1, &["mail".to_owned()][..]));
    assert_eq!((mail.trend.len(), mail.trend.iter().sum::<i64>()), (12, 1));
    let viewed = told(Role::Viewer, &Scope::default());
    assert!(viewed.len() == 2 && viewed.iter().all(|group| group.message == "broken #"), "{viewed:?}");
    let tagged = told(Role::Viewer, &scope(&[], &["eu"])).pop().unwrap();
    assert_eq!((tagged.message.as_str(), tagged.state, tagged.recent), ("", None, 0), "groups know no tags");

    conn.batch_execute("UPDATE millrace.failure_groups SET muted_until = now() + interval '1 hour'").unwrap();
    let muted = failing(&mut conn, &viewer(Role::Operator, &Scope::default()), SystemClock.now(), 10).unwrap();
    assert_eq!(muted, [], "what nobody wants to hear of");
}

#[test]
fn marks_are_what_people_did_to_templates_queues_and_nodes_within_the_range_and_the_scope() {
    const RECORDS: &str = "INSERT INTO millrace.audit (at, actor, via, act, subject_kind, subject, accepted, after)
    SELECT now() - r.minutes * interval '1 minute', 'ada', 'console', r.act, split_part(r.act, '.', 1), r.subject, r.accepted, r.after::jsonb FROM (VALUES
        (90, 'queue.pause', 'mail', true, NULL), (20, 'queue.pause', 'mail', true, NULL), (18, 'queue.resume', 'exports', true, NULL),
        (15, 'node.drain', 'vm', true, NULL), (12, 'queue.pause', 'mail', false, NULL), (9, 'job.cancel', '7', true, NULL),
        (3, 'template.publish', 'mail', true, '{\"active_version\": 8}')) AS r(minutes, act, subject, accepted, after)";
    let (_db, mut conn) = stage();
    conn.batch_execute(RECORDS).unwrap();
    let now = SystemClock.now();

    let all = events(&mut conn, &Scope::default(), Span::Hour, now).unwrap();
    assert_eq!(all.len(), 4, "not the one of before, the refused, or that of a job: {all:?}");
    let mail = events(&mut conn, &scope(&["mail"], &[]), Span::SixHours, now).unwrap();
    assert_eq!(mail.len(), 2, "{mail:?}");
    assert_eq!(events(&mut conn, &scope(&[], &["eu"]), Span::Hour, now).unwrap(), []);

    let more = "INSERT INTO millrace.audit (actor, via, act, subject_kind, subject, accepted)
        SELECT 'ada', 'console', 'queue.pause', 'queue', 'q' || n, true FROM generate_series(1, 9) AS n";
    conn.batch_execute(more).unwrap();
    assert_eq!(events(&mut conn, &Scope::default(), Span::Hour, SystemClock.now()).unwrap().len(), 6);
}

#[test]
fn a_publication_of_three_days_ago_is_marked_however_much_was_done_since() {
    const RECORDS: &str = "INSERT INTO millrace.audit (at, actor, via, act, subject_kind, subject, accepted)
    SELECT now() - interval '3 days', 'ada', 'console', 'template.publish', 'template', 'mail', true
    UNION ALL SELECT now() - n * interval '1 s', 'ada', 'console', 'job.cancel', 'job', '7', true FROM generate_series(1, 20000) AS n";
    let (_db, mut conn) = stage();
    conn.batch_execute(RECORDS).unwrap();
    conn.batch_execute("ANALYZE millrace.audit").unwrap();
    keep_plans(&mut conn).unwrap();

    let week = events(&mut conn, &Scope::default(), Span::Week, SystemClock.now()).unwrap();

    assert_eq!(week.len(), 1, "{week:?}");
    assert_uses(&plan(&mut conn, "admin::dashboard::events"), &["audit_marks"]);
}

#[test]
fn everybody_sees_their_own_acts_and_auditors_see_those_of_all() {
    let console = Console::start();
    let mut conn = console.db.connect();
    conn.batch_execute("INSERT INTO millrace.queues (name) VALUES ('mail'), ('exports') ON CONFLICT DO NOTHING")
        .unwrap();
    let (mut admin, mut operator) = (console.browser(Role::Admin), console.browser(Role::Operator));
    for (browser, queue) in [(&mut admin, "exports"), (&mut operator, "mail")] {
        browser.get(&format!("/queues/{queue}/pause"));
        assert_eq!(browser.post(&format!("/queues/{queue}/pause"), "reason=x").status, 303);
    }

    let own = operator.get("/?panels=all").body;
    assert!(own.contains("What you did last") && own.contains("paused queue mail"), "{own}");
    assert!(!own.contains("paused queue exports"), "{own}");
    let all = admin.get("/?panels=all").body;
    for words in ["Staff activity", "paused queue mail", "paused queue exports"] {
        assert!(all.contains(words), "{words}: {all}");
    }
    let first = all.split("See nodes").next().and_then(|before| before.rsplit("<a ").next()).unwrap();
    assert!(first.contains("href=\"/nodes\""), "the first card leads to the nodes: {first}");
}

#[test]
fn the_peak_is_the_busiest_moment_of_a_day_and_run_times_are_those_of_the_week_before() {
    const ROWS: &str = "INSERT INTO millrace.slot_peaks (hour, busy, slots, at)
    SELECT date_trunc('hour', at), busy, slots, at FROM (VALUES (now() - interval '26 hours', 9, 9), (now() - interval '5 hours', 3, 4),
        (now() - interval '2 hours', 70, 100)) AS p(at, busy, slots);
INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, succeeded, run_histogram)
    SELECT 3600, date_trunc('hour', now()) - interval '7 days', 1, id, 1, 40, '{300, 40}' FROM millrace.queues WHERE name = 'mail'";
    let (_db, mut conn) = stage();
    let now = SystemClock.now();
    assert_eq!(peak(&mut conn).unwrap(), None);
    assert_eq!(run_week_ago(&mut conn, &Scope::default(), Span::Hour, now).unwrap(), None);

    conn.batch_execute(ROWS).unwrap();

    let found = peak(&mut conn).unwrap().unwrap();
    assert_eq!((found.busy, found.slots), (3, 4), "by share, not by number");
    assert!(run_week_ago(&mut conn, &scope(&["mail"], &[]), Span::Hour, now).unwrap().is_some());
    for (limited, span) in [(scope(&["exports"], &[]), Span::Hour), (Scope::default(), Span::Week)] {
        assert_eq!(run_week_ago(&mut conn, &limited, span, now).unwrap(), None, "{limited:?} {span:?}");
    }
}
