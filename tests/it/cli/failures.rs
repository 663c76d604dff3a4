//! `millrace failure`: the same services as the API, audited under the Unix user.

use millrace::queue::work::{Ended, Failure, Handler, JobContext, Outcome, Registry};
use serde_json::json;

use super::Stage;
use crate::support::stage::{TestEngine, enqueue, handler_template, number, wait_for, wait_until};

/// Fails for good.
struct Refuse;

impl Handler for Refuse {
    fn run(&self, job: &JobContext) -> Ended {
        Ok(Outcome::GiveUp(Failure::new(format!("order {} \u{1b}[31mrefused", job.job()))))
    }
}

#[test]
fn groups_are_listed_shown_muted_handled_and_assigned() {
    let stage = Stage::new();
    let mut conn = stage.db.connect();
    handler_template(&mut conn, "demo.refuse", json!({}));
    let _engine = TestEngine::start(&stage.db, Registry::default().with_handler("demo.refuse", Refuse));
    let job = enqueue(&mut conn, "demo.refuse", json!({}));
    wait_for(&mut conn, job, "failed");
    let folded = "SELECT count(*) AS number FROM millrace.failure_groups";
    wait_until(|| millrace::queue::counts::fold(&mut conn).is_ok() && number(&mut conn, folded) == 1).unwrap();

    let listed = stage.run(&["failure", "list", "--state", "new"]);
    assert_eq!((listed.code, listed.err.as_str()), (0, ""));
    assert!(listed.out.contains("demo.refuse") && !listed.out.contains('\u{1b}'), "{}", listed.out);
    let groups = stage.run(&["--json", "failure", "list"]).json();
    let print = groups["failures"][0]["fingerprint"].as_str().unwrap().to_owned();
    assert!(stage.run(&["failure", "show", &print]).out.contains("assigned to  nobody"));

    let muted = stage.run(&["failure", "mute", &print, "--for", "2h", "--reason", "closed"]);
    assert!(muted.out.contains("is muted until"), "{}{}", muted.out, muted.err);
    assert!(stage.run(&["failure", "mute", &print, "--off"]).out.contains("is steady now"));
    assert!(stage.run(&["failure", "handle", &print, "--from", "2"]).out.contains("handled from version 2 on"));
    assert!(stage.run(&["failure", "handle", &print, "--off"]).out.contains("is steady now"));
    assert!(stage.run(&["failure", "assign", &print]).out.contains("assigned to nobody"));
    for bad in [
        vec!["failure", "show", "0000000000000000"],
        vec!["failure", "mute", &print, "--for", "9999d"],
        vec!["failure", "handle", &print, "--from", "9"],
        vec!["failure", "assign", &print, "nobody@example.org"],
    ] {
        assert_eq!(stage.run(&bad).code, 1, "{bad:?}");
    }
    assert_eq!(stage.run(&["failure", "list", "--state", "open"]).code, 2);
    let audited = "SELECT count(*) AS number FROM millrace.audit WHERE act LIKE 'failure.%' AND via = 'command line' AND accepted";
    assert_eq!(number(&mut conn, audited), 5);
}
