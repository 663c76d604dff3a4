//! Pages of failures read few rows whatever there is: plans of their statements on full tables, and how many there are of them.

use diesel::connection::SimpleConnection;
use millrace::admin::failures::service;
use millrace::admin::failures::{Filter, Range};
use millrace::base::db::{PgConnection, keep_plans};
use millrace::queue::counts as folds;

use super::{ada, fail, groups, now, stage};
use crate::plans::{assert_uses, plan};

/// A thousand groups with 200 hours each, and attempts of one of them among those of others.
const FULL: &str = "INSERT INTO millrace.failure_groups (fingerprint, template_id, message, error, first_seen, last_seen, first_job, last_job, last_number,
        first_version, last_version, attempts, jobs_failed)
    SELECT lpad(to_hex(n), 16, '0'), 1, 'm' || n, 'e', now() - interval '9 days', now() - n * interval '1 minute', 1, 1, 1, 1, 1, n, 0
    FROM generate_series(1, 1000) AS n;
INSERT INTO millrace.failure_counts (fingerprint, hour, version, queue_id, node_id, attempts, jobs_failed)
    SELECT lpad(to_hex(n), 16, '0'), date_trunc('hour', now()) - h * interval '1 hour', 1, 1, 1, 1, 0
    FROM generate_series(1, 1000) AS n, generate_series(1, 200) AS h;
INSERT INTO millrace.attempts (job_id, number, fence, finished_at, outcome, counted, fingerprint)
    SELECT n, 1, 1, now(), 'failed', true, lpad(to_hex(1 + n % 1000), 16, '0') FROM generate_series(1000, 100000) AS n;
INSERT INTO millrace.failure_deltas (fingerprint, template_id, hour, version, queue_id, node_id, attempts, jobs_failed, first_at, first_job, last_at, last_job,
        last_number, message, error)
    SELECT lpad(to_hex(1 + n % 1000), 16, '0'), 1, date_trunc('hour', now()), 1, 1, 1, 1, 0, now(), n, now(), n, 1, 'm', 'e' FROM generate_series(1, 30000) AS n";

fn with_either_statistics(conn: &mut PgConnection, mut hold: impl FnMut(&mut PgConnection)) {
    hold(conn);
    conn.batch_execute("ANALYZE").unwrap();
    hold(conn);
}

#[test]
fn statements_of_failures_go_along_their_indexes() {
    let (_db, mut conn, who) = stage();
    fail(&mut conn, who, &["order 7 not found"]);
    conn.batch_execute(FULL).unwrap();
    keep_plans(&mut conn).unwrap();

    with_either_statistics(&mut conn, |conn| {
        assert!(folds::fold(conn).unwrap() > 0);
        let page = groups(conn);
        assert_eq!(page.len(), 50);
        let prints: Vec<String> = page.iter().map(|group| group.fingerprint.clone()).collect();
        assert_eq!(service::courses(conn, &ada(), &prints, (Range::Day, now())).unwrap().len(), 50);
        assert_uses(&plan(conn, "admin::failures::courses"), &["failure_counts_pk"]);
        service::find(conn, &ada(), &prints[0]).unwrap();
        assert_uses(&plan(conn, "admin::failures::find"), &["failure_groups_pk"]);
        assert_eq!(service::tally(conn, &ada(), &Filter::default()).unwrap().within(&[]), 1_001);
        assert_uses(&plan(conn, "queue::fold::failures"), &["failure_deltas_pk"]);
    });
}
