//! What people decide about groups, who may, and how groups are listed.

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use millrace::admin::failures::service::{self, FailureError, act};
use millrace::admin::failures::{Act, Cursor, Filter, GroupRow, Sort};
use millrace::base::db::PgConnection;
use millrace::queue::actor::{Actor, Scope};
use millrace::queue::failures::GroupState;
use millrace::queue::job::QueueId;
use millrace::queue::permission::Role;

use super::{ada, fail, fail_as, fold, groups, now, stage};
use crate::support::stage::number;

#[test]
fn a_handled_group_returns_with_the_first_failure_from_that_version_on() {
    let (_db, mut conn, who) = stage();
    conn.batch_execute(
        "INSERT INTO millrace.template_versions (template_id, version, spec, author)
        SELECT template_id, 2, spec, author FROM millrace.template_versions",
    )
    .unwrap();
    fail(&mut conn, who, &["order 7 not found"]);
    fold(&mut conn);
    let print = groups(&mut conn)[0].fingerprint.clone();
    let state = |conn: &mut PgConnection| service::find(conn, &ada(), &print).unwrap().state(now());

    act(&mut conn, &ada(), &print, (&Act::Handle(Some(2)), "mended", now())).unwrap();
    assert_eq!(state(&mut conn), GroupState::Handled);
    fail(&mut conn, who, &["order 8 not found"]);
    fold(&mut conn);
    assert_eq!(state(&mut conn), GroupState::Handled, "a job of an older version still may");
    fail_as(&mut conn, who, &["order 9 not found"], |result| result.version = 2);
    fold(&mut conn);
    assert_eq!(state(&mut conn), GroupState::Returned);

    act(&mut conn, &ada(), &print, (&Act::Handle(None), "", now())).unwrap();
    assert_eq!(state(&mut conn), GroupState::Handled, "handled once more");
    fail_as(&mut conn, who, &["order 1 not found"], |result| result.finished_at = now() - TimeDelta::hours(1));
    fold(&mut conn);
    assert_eq!(state(&mut conn), GroupState::Handled, "it ended before");
    fail(&mut conn, who, &["order 2 not found"]);
    fold(&mut conn);
    assert_eq!(state(&mut conn), GroupState::Returned);

    act(&mut conn, &ada(), &print, (&Act::Reopen, "", now())).unwrap();
    assert_eq!(state(&mut conn), GroupState::Steady, "somebody has touched it");
    let refused = act(&mut conn, &ada(), &print, (&Act::Reopen, "", now()));
    assert!(matches!(refused, Err(FailureError::NotHandled)));
    let bad = act(&mut conn, &ada(), &print, (&Act::Handle(Some(9)), "", now()));
    assert!(matches!(bad, Err(FailureError::BadVersion)));
    let audited = "SELECT count(*) AS number FROM millrace.audit WHERE act LIKE 'failure.%' AND accepted";
    assert_eq!(number(&mut conn, audited), 3);
}

#[test]
fn the_database_s_rule_of_states_is_the_program_s() {
    let (_db, mut conn, _) = stage();
    // every combination of what decides, at both sides of every bound
    conn.batch_execute(
        "INSERT INTO millrace.failure_groups (fingerprint, template_id, message, error, first_seen, last_seen, first_job, last_job, last_number,
            first_version, last_version, attempts, jobs_failed, rising, muted_until, handled_at, handled_by, returned_at, touched_at)
        SELECT lpad(to_hex(row_number() OVER ()), 16, '0'), (SELECT id FROM millrace.templates LIMIT 1), 'm', 'e',
            now() - first * interval '1 hour', now() - last * interval '1 hour', 1, 1, 1, 1, 1, 1, 0, rising, now() + muted * interval '1 hour',
            CASE WHEN handled > 0 THEN now() END, CASE WHEN handled > 0 THEN 'ada' END, CASE WHEN handled > 1 THEN now() END,
            CASE WHEN touched THEN now() END
        FROM (VALUES (1), (23), (25), (100)) AS a(first), (VALUES (0), (23), (25)) AS b(last), (VALUES (true), (false)) AS c(rising),
            (VALUES (NULL), (-1), (1)) AS d(muted), (VALUES (0), (1), (2)) AS e(handled), (VALUES (true), (false)) AS f(touched)
        WHERE last <= first",
    )
    .unwrap();

    let mut seen = 0;
    for state in GroupState::ALL {
        let filter = Filter { states: vec![state], ..Filter::default() };
        let found = service::list(&mut conn, &ada(), &filter, 200).unwrap();
        assert!(!found.rows.is_empty(), "{state:?}");
        for group in &found.rows {
            assert_eq!(group.state(now()), state, "{group:?}");
        }
        seen += service::tally(&mut conn, &ada(), &filter).unwrap().of(state);
    }
    assert_eq!(seen, number(&mut conn, "SELECT count(*) AS number FROM millrace.failure_groups"));
}

#[test]
fn lists_page_by_key_in_every_order_and_filters_narrow() {
    let (_db, mut conn, who) = stage();
    for n in 0..7 {
        let errors: Vec<String> =
            (0..=n).map(|at| format!("cause {} {at}", "abcdefg".chars().nth(n).unwrap())).collect();
        let errors: Vec<&str> = errors.iter().map(String::as_str).collect();
        fail_as(&mut conn, who, &errors, |result| result.finished_at -= TimeDelta::minutes(n as i64));
    }
    fold(&mut conn);

    for sort in Sort::ALL {
        let all = service::list(&mut conn, &ada(), &Filter { sort, ..Filter::default() }, 50).unwrap().rows;
        let mut seen: Vec<GroupRow> = Vec::new();
        let mut cursor = None;
        loop {
            let filter = Filter { sort, cursor, ..Filter::default() };
            let page = service::list(&mut conn, &ada(), &filter, 3).unwrap();
            seen.extend(page.rows.clone());
            cursor = page.rows.last().and_then(|row| Cursor::parse(&row.cursor(sort), false));
            if !page.has_older {
                break;
            }
        }
        assert_eq!(seen, all, "{sort:?}");
        let before = Cursor::parse(&all[5].cursor(sort), true);
        let page = service::list(&mut conn, &ada(), &Filter { sort, cursor: before, ..Filter::default() }, 3).unwrap();
        assert_eq!((page.rows.as_slice(), page.has_newer), (&all[2..5], true), "{sort:?}");
    }
    let count = |conn: &mut PgConnection, filter: Filter| service::list(conn, &ada(), &filter, 50).unwrap().rows.len();
    assert_eq!(count(&mut conn, Filter { text: "CAUSE a".into(), ..Filter::default() }), 1);
    assert_eq!(count(&mut conn, Filter { template: "other".into(), ..Filter::default() }), 0);
    assert_eq!(count(&mut conn, Filter { queue: "default".into(), ..Filter::default() }), 7);
    assert_eq!(count(&mut conn, Filter { queue: "other".into(), ..Filter::default() }), 0);
    assert_eq!(count(&mut conn, Filter { since_version: Some(2), ..Filter::default() }), 0);
}

#[test]
fn whoever_is_limited_sees_and_decides_only_what_is_theirs() {
    let (_db, mut conn, who) = stage();
    conn.batch_execute("INSERT INTO millrace.queues (name) VALUES ('other')").unwrap();
    let other =
        QueueId(number(&mut conn, "SELECT id::bigint AS number FROM millrace.queues WHERE name = 'other'") as i32);
    fail(&mut conn, who, &["order 7 not found"]);
    fail_as(&mut conn, who, &["invoice 7 not found"], |result| result.queue = other);
    fold(&mut conn);
    let limited = |queues: &[&str], tags: &[&str], role| Actor {
        role,
        scope: Scope {
            queues: queues.iter().map(ToString::to_string).collect(),
            tags: tags.iter().map(ToString::to_string).collect(),
        },
        ..ada()
    };
    let (mine, tagged) = (limited(&["default"], &[], Role::Operator), limited(&[], &["vip"], Role::Operator));
    let seen =
        |conn: &mut PgConnection, actor: &Actor| service::list(conn, actor, &Filter::default(), 50).unwrap().rows;

    let [group] = seen(&mut conn, &mine).try_into().unwrap();
    assert_eq!(group.message, "order # not found");
    assert!(seen(&mut conn, &tagged).is_empty());
    let theirs = groups(&mut conn).into_iter().find(|one| one.message.starts_with("invoice")).unwrap();
    assert!(matches!(service::find(&mut conn, &mine, &theirs.fingerprint), Err(FailureError::NotFound(_))));

    act(&mut conn, &mine, &group.fingerprint, (&Act::Handle(None), "", now())).unwrap();
    fail_as(&mut conn, who, &["order 8 not found"], |result| result.queue = other);
    fold(&mut conn);
    let refused = act(&mut conn, &mine, &group.fingerprint, (&Act::Reopen, "", now()));
    assert!(matches!(refused, Err(FailureError::OutOfScope(_))), "it also fails elsewhere");
    for role in [Role::Analyst, Role::Auditor, Role::Viewer] {
        let actor = limited(&[], &[], role);
        let refused = act(&mut conn, &actor, &group.fingerprint, (&Act::Handle(None), "", now()));
        assert!(matches!(refused, Err(FailureError::Forbidden(_))), "{role:?}");
        assert_eq!(seen(&mut conn, &actor).len(), 2);
    }
}
