//! What is looked for every second among very many schedules is found by indexes.

use diesel::connection::SimpleConnection;
use millrace::admin::dashboard::ailing;
use millrace::admin::schedules::{ScheduleFilter, Sort, show};
use millrace::base::db::keep_plans;
use millrace::queue::actor::{Actor, Scope};
use millrace::queue::schedules::{Plans, fire, forget_finished, next_due};
use serde_json::json;

use crate::plans::{assert_uses, plan};
use crate::support::TestDb;
use crate::support::stage::handler_template;

/// Schedules of which one in a thousand is due, a few need somebody, and each has a past.
const MANY: &str = "WITH made AS (
    INSERT INTO millrace.schedules (name, template_id, version, due_at, next_at, trouble, paused_at, paused_by, created_by, updated_by)
    SELECT 'many-' || n, t.id, 1, now() + (n - 20) * interval '1 min', now() + n * interval '1 min', CASE WHEN n % 999 = 0 THEN 'no template' END,
        CASE WHEN n % 998 = 0 THEN now() END, CASE WHEN n % 998 = 0 THEN 'Millrace' END, 'test', 'test'
    FROM generate_series(1, 20000) AS n CROSS JOIN millrace.templates t RETURNING id, name
)
INSERT INTO millrace.schedule_versions (schedule_id, version, spec, created_by)
SELECT id, 1, jsonb_build_object('kind', 'Schedule', 'name', name, 'template', 'work', 'rules', '[{\"every\": \"1h\"}]'::jsonb), 'test' FROM made;
INSERT INTO millrace.occurrences (schedule_id, at, version, outcome, cause, reason, decided_at)
SELECT s.id, now() - n * interval '1 h', 1, 'missed', CASE WHEN n = 9 THEN 'missed' ELSE 'superseded' END, 'nothing ran then', now() - n * interval '1 h'
FROM millrace.schedules s CROSS JOIN generate_series(1, 10) AS n WHERE s.id % 10 = 0;
INSERT INTO millrace.schedule_jobs (schedule_id, job_id, backfill_id, finish_by)
SELECT s.id, s.id, 0, CASE WHEN s.id % 100 = 0 THEN now() - interval '1 min' END FROM millrace.schedules s";

#[test]
fn what_is_due_and_what_needs_somebody_is_found_by_indexes() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    conn.batch_execute(MANY).unwrap();
    keep_plans(&mut conn).unwrap();

    for statistics in ["SELECT 1", "ANALYZE"] {
        conn.batch_execute(statistics).unwrap();
        fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();
        next_due(&mut conn).unwrap();
        ailing(&mut conn, &Scope::default()).unwrap();
        forget_finished(&mut conn).unwrap();
        let soonest = ScheduleFilter { sort: Sort::Next, ..ScheduleFilter::default() };
        assert!(!show::list(&mut conn, &Actor::system("test"), &soonest).unwrap().0.is_empty());

        assert_uses(&plan(&mut conn, "queue::schedules::take"), &["schedules_due"]);
        assert_uses(&plan(&mut conn, "queue::schedules::next_due"), &["schedules_due"]);
        assert_uses(&plan(&mut conn, "queue::schedules::forget_finished"), &["schedule_jobs_to_finish"]);
        assert_uses(&plan(&mut conn, "admin::schedules::list_next"), &["schedules_by_next"]);
        let found_by =
            ["schedules_in_trouble", "schedules_paused_by_themselves", "schedule_jobs_to_finish", "occurrences_missed"];
        assert_uses(&plan(&mut conn, "admin::dashboard::ailing"), &found_by);
    }
}
