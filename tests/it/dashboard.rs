//! What the dashboard shows to whom.

use diesel::connection::SimpleConnection;
use millrace::admin::dashboard::{Span, events, failing, flow, queues, run_week_ago, steps, totals};
use millrace::admin::health::peak;
use millrace::base::clock::{Clock, SystemClock};
use millrace::base::db::PgConnection;
use millrace::queue::actor::{Actor, Scope};
use millrace::queue::counts;
use millrace::queue::failures::GroupState;
use millrace::queue::permission::Role;
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::handler_template;

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
    let mut names: Vec<String> = queues(conn, scope).unwrap().into_iter().map(|line| line.name).collect();
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
    assert_eq!(steps(&mut conn, &tagged, Span::Hour, now).unwrap(), []);
    assert_eq!(totals(&mut conn, &tagged, Span::Hour, now).unwrap().succeeded, 0);
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
fn totals_of_very_many_rows_leave_out_the_oldest() {
    const ROWS: &str = "INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, failed)
    SELECT 60, date_trunc('minute', now()) - interval '30 minutes', 1, 1, n, 1 FROM generate_series(1, 50000) AS n;
INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, succeeded)
    SELECT 60, date_trunc('minute', now()), 1, 1, 1, 7";
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(ROWS).unwrap();
    let queue = "SELECT id::bigint AS number FROM millrace.queues WHERE name = 'default'";
    assert_eq!(crate::support::stage::number(&mut conn, queue), 1);

    let found = totals(&mut conn, &Scope::default(), Span::Hour, SystemClock.now()).unwrap();

    assert_eq!((found.succeeded, found.failed), (7, 49_999));
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
