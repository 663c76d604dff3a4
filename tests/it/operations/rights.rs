//! Whose operations reach which jobs, and what asks for more.

use diesel::connection::SimpleConnection;
use millrace::admin::jobs::reckon::Reckoned;
use millrace::admin::operations::service::{self, OperationError};
use millrace::admin::operations::turn::{Turn, turn};
use millrace::admin::operations::work::work;
use millrace::admin::operations::{Bulk, Format, OperationId};
use millrace::base::clock::SystemClock;
use millrace::base::db::PgConnection;
use millrace::queue::access::standing;
use millrace::queue::access::token::TokenId;
use millrace::queue::actor::{Actor, PersonId, Via};
use millrace::queue::state::JobState;
use serde_json::json;

use super::{admin, failed, named, plan, stage, start, work_all};
use crate::support::stage::{enqueue_many, handler_template, number, state};

fn person(conn: &mut PgConnection, role: &str, queues: &str) -> Actor {
    conn.batch_execute(&format!(
        "INSERT INTO millrace.people (email, name, role, scope_queues) VALUES ('{role}@example.org', 'x', '{role}', '{queues}')"
    ))
    .unwrap();
    let id = number(conn, "SELECT max(id) AS number FROM millrace.people");
    standing(conn, PersonId(id)).unwrap().unwrap()
}

#[test]
fn an_operation_reaches_only_what_its_owner_may_see() {
    let (_db, mut conn) = stage();
    handler_template(&mut conn, "other", json!({ "queue": "slow" }));
    let (own, others) = (enqueue_many(&mut conn, "other", 2), enqueue_many(&mut conn, "done", 2));
    let limited = person(&mut conn, "operator", "{slow}");

    let operation = start(&mut conn, &limited, &plan(Bulk::Hold, ""));
    assert_eq!(operation.expected, Some(2));
    let ticked = start(&mut conn, &limited, &named(Bulk::Cancel, &[own[0], others[0]]));
    work_all(&mut conn);

    assert_eq!([state(&mut conn, own[1]), state(&mut conn, others[1])], ["held", "ready"]);
    assert_eq!([state(&mut conn, own[0]), state(&mut conn, others[0])], ["cancelled", "ready"]);
    let (left, _) = service::skipped(&mut conn, &limited, ticked.id, 0).unwrap();
    assert_eq!((left[0].job, left[0].reason.as_str()), (others[0], "there is no such job"));
    let into = service::start(&mut conn, &SystemClock, &limited, &named(Bulk::Move("default".into()), &own), None);
    assert!(matches!(into, Err(OperationError::NoQueue(_))));
    let theirs = start(&mut conn, &admin(), &plan(Bulk::Hold, "queue:default"));
    assert!(matches!(service::find(&mut conn, &limited, theirs.id), Err(OperationError::NotFound(_))));
    assert_eq!(service::list(&mut conn, &limited, None).unwrap().0.len(), 2);
}

#[test]
fn whoever_loses_the_right_loses_it_in_the_middle() {
    let (_db, mut conn) = stage();
    failed(&mut conn, 300);
    let operator = person(&mut conn, "operator", "{}");
    let operation = start(&mut conn, &operator, &plan(Bulk::Retry, "state:failed"));
    work(&mut conn, &SystemClock).unwrap();

    conn.batch_execute("UPDATE millrace.people SET role = 'viewer'").unwrap();
    work_all(&mut conn);
    let failed = service::find(&mut conn, &admin(), operation.id).unwrap();
    assert_eq!((failed.state.as_str(), failed.done), ("failed", 200));
    assert_eq!(failed.trouble.as_deref(), Some("operator@example.org may not do this any more"));

    let told = "SELECT count(*) AS number FROM millrace.notifications WHERE read_at IS NULL AND title LIKE '%could not go on: operator@%'";
    assert_eq!(number(&mut conn, told), 1, "whoever started it is told");

    conn.batch_execute("UPDATE millrace.people SET role = 'operator'").unwrap();
    turn(&mut conn, &admin(), operation.id, (Turn::Resume, "")).unwrap();
    work_all(&mut conn);
    assert_eq!(service::find(&mut conn, &admin(), operation.id).unwrap().done, 300);
}

#[test]
fn an_operation_comes_to_rest_before_it_acts_on_far_more_jobs_than_its_owner_may() {
    let (_db, mut conn) = stage();
    let jobs = enqueue_many(&mut conn, "done", 2_200);
    super::fail(&mut conn, &jobs[1_767..]);
    let operator = person(&mut conn, "operator", "{}");
    let small = start(&mut conn, &operator, &plan(Bulk::Retry, "state:failed"));
    assert_eq!(small.expected, Some(433));
    work(&mut conn, &SystemClock).unwrap();

    super::fail(&mut conn, &jobs[..1_767]);
    work_all(&mut conn);

    let ended = service::find(&mut conn, &operator, small.id).unwrap();
    assert_eq!((ended.state.as_str(), ended.done), ("failed", 1_000));
    let why = ended.trouble.unwrap();
    assert!(why.contains("433 matched when it was started") && why.contains("start another one"), "{why}");
    let again = turn(&mut conn, &operator, small.id, (Turn::Resume, ""));
    assert!(matches!(again, Err(OperationError::Forbidden(_))), "{again:?}");
}

#[test]
fn an_operation_whose_jobs_have_all_come_by_its_limit_is_done() {
    let (_db, mut conn) = stage();
    let jobs = enqueue_many(&mut conn, "done", 1_000);
    super::fail(&mut conn, &jobs[600..]);
    let operator = person(&mut conn, "operator", "{}");
    let operation = start(&mut conn, &operator, &plan(Bulk::Retry, "state:failed"));
    super::fail(&mut conn, &jobs[..600]);

    work_all(&mut conn);

    let ended = service::find(&mut conn, &operator, operation.id).unwrap();
    assert_eq!((ended.state.as_str(), ended.done), ("done", 1_000));
}

#[test]
fn resuming_a_large_operation_needs_an_admin() {
    let (_db, mut conn) = stage();
    failed(&mut conn, 1_001);
    let operator = person(&mut conn, "operator", "{}");
    let large = start(&mut conn, &admin(), &plan(Bulk::Retry, "state:failed"));
    work(&mut conn, &SystemClock).unwrap();
    turn(&mut conn, &operator, large.id, (Turn::Stop, "")).unwrap();

    let refused = turn(&mut conn, &operator, large.id, (Turn::Resume, ""));
    assert!(matches!(refused, Err(OperationError::Forbidden(_))), "{refused:?}");
    turn(&mut conn, &admin(), large.id, (Turn::Resume, "")).unwrap();
    work_all(&mut conn);
    assert_eq!(service::find(&mut conn, &admin(), large.id).unwrap().done, 1_001);
}

/// A token of `actor`, and them with it.
fn with_token(conn: &mut PgConnection, actor: &Actor) -> Actor {
    let person = actor.person.unwrap();
    conn.batch_execute(&format!(
        "INSERT INTO millrace.tokens (person_id, name, token_hash, hint, scopes) VALUES ({person}, 'ci', sha256('x'), 'mr_x', '{{operations:write}}')"
    ))
    .unwrap();
    let id = TokenId(number(conn, "SELECT max(id) AS number FROM millrace.tokens"));
    Actor { via: Via::Token { id, name: "ci".into(), scopes: vec!["operations:write".into()] }, ..actor.clone() }
}

#[test]
fn a_token_that_is_revoked_or_expires_takes_along_what_it_started() {
    for lose in [
        "UPDATE millrace.tokens SET revoked_at = now()",
        "UPDATE millrace.tokens SET expires_at = now() - interval '1 s'",
        "UPDATE millrace.tokens SET scopes = '{operations:read}'",
        "DELETE FROM millrace.tokens",
    ] {
        let (_db, mut conn) = stage();
        failed(&mut conn, 300);
        let operator = person(&mut conn, "operator", "{}");
        let with_token = with_token(&mut conn, &operator);
        let own = start(&mut conn, &operator, &plan(Bulk::Export(Format::Csv), "state:failed"));
        let operation = start(&mut conn, &with_token, &plan(Bulk::Retry, "state:failed"));
        work(&mut conn, &SystemClock).unwrap();
        work(&mut conn, &SystemClock).unwrap();

        conn.batch_execute(lose).unwrap();
        work_all(&mut conn);

        let stopped = service::find(&mut conn, &admin(), operation.id).unwrap();
        assert_eq!((stopped.state.as_str(), stopped.done), ("failed", 200), "{lose}");
        let why = stopped.trouble.unwrap();
        let expected = if lose.contains("scopes") {
            "operator@example.org (token ci) may not do this any more"
        } else {
            "the token that started it was revoked or has expired"
        };
        assert_eq!(why, expected, "{lose}");
        let own = service::find(&mut conn, &admin(), own.id).unwrap();
        assert_eq!(own.state.as_str(), "done", "what its owner started without it goes on: {lose}");
    }
}

#[test]
fn many_jobs_need_an_admin_and_the_count_that_was_seen() {
    let (_db, mut conn) = stage();
    failed(&mut conn, 1_001);
    let operator = person(&mut conn, "operator", "{}");
    let all = plan(Bulk::Retry, "state:failed");

    let refused = service::start(&mut conn, &SystemClock, &operator, &all, None);
    assert!(matches!(refused, Err(OperationError::Forbidden(_))));
    let drifted = service::start(&mut conn, &SystemClock, &admin(), &all, Some(900));
    assert!(matches!(&drifted, Err(OperationError::Drifted { seen: 900, now }) if now.total() == 1_001), "{drifted:?}");
    assert!(service::start(&mut conn, &SystemClock, &admin(), &all, Some(990)).is_ok());
    let nothing = service::start(&mut conn, &SystemClock, &admin(), &plan(Bulk::Release, ""), None);
    assert_eq!(nothing.map(|one| one.id).unwrap_err().to_string(), "no job that matches can be released");
    let viewer = person(&mut conn, "viewer", "{}");
    assert!(matches!(service::preview(&mut conn, &SystemClock, &viewer, &all), Err(OperationError::Forbidden(_))));
    assert!(matches!(service::find(&mut conn, &viewer, OperationId(99)), Err(OperationError::NotFound(_))));
}

#[test]
fn what_counts_cannot_tell_is_counted_by_looking() {
    let (_db, mut conn) = stage();
    let jobs = failed(&mut conn, 50);

    let odd = plan(Bulk::Retry, "state:failed -arg.n:>40");
    let found = service::preview(&mut conn, &SystemClock, &admin(), &odd).unwrap();
    assert_eq!((found.total(), found.is_partial()), (40, false));
    let before = Reckoned { by_state: [(JobState::Failed, 7)].into(), rest: Some(jobs[20].0) };
    let gone_on = service::glance(&mut conn, &SystemClock, &admin(), &odd, before).unwrap();
    assert_eq!((gone_on.total(), gone_on.is_partial()), (27, false), "20 below that job, and the 7 counted before");
    start(&mut conn, &admin(), &odd);
    work_all(&mut conn);
    assert_eq!([state(&mut conn, jobs[39]), state(&mut conn, jobs[40])], ["ready", "failed"]);
}
