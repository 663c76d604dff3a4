//! Every hot statement on a million rows, whatever the statistics say: the program's own calls read few rows and pages, and the
//! statements that they prepared name the index that they must use.
mod database;
mod digests;
mod orders;
pub mod reads;

use std::time::Duration;

use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use millrace::admin::jobs::{Cursor as ListCursor, LOOK_ROWS_MAX, list};
use millrace::admin::queues;
use millrace::base::db::{DbError, Tx, keep_plans, transaction};
use millrace::queue::actor::{Actor, Scope};
use millrace::queue::aging::overdue_in_lanes;
use millrace::queue::claim::{CLAIM_BATCH_MAX, FEW_MAX, FittedWant, claim, claim_fitted, pin_plan};
use millrace::queue::control::{self, intents_of_node, stale_intents};
use millrace::queue::job::JobId;
use millrace::queue::limits::{
    Ask, Bound, Candidate, Cursor, Held, Rule, Verdict, admit, look, places, pool_changed, recount,
};
use millrace::queue::settle::{Ending, Settlement, settle};
use millrace::queue::sweep::{self, BadLeases};
use millrace::queue::template::WhenFull;
use millrace::queue::{due, hand_back};

use crate::plans::{assert_uses, failed, node, plan, result, wants};
use crate::support::stage::{asked, number};
use database::{ROWS, with_either_statistics};
use reads::reads;

#[test]
fn there_are_a_million_of_each() {
    with_either_statistics(|conn| {
        for table in ["jobs", "history"] {
            let rows: &'static str = format!("SELECT count(*) AS number FROM millrace.{table}").leak(); // two texts
            assert!(number(conn, rows) >= ROWS - 1, "{table}");
        }
    });
}

#[test]
fn claiming_walks_the_lines() {
    with_either_statistics(|conn| {
        let me = node(conn);
        pin_plan(conn).unwrap();

        reads(conn, |conn| claim(conn, me, &wants(FEW_MAX), FEW_MAX).unwrap()).are_few(FEW_MAX.into());
        let few = plan(conn, "queue::claim::take_few");
        assert_uses(&few, &["ready_for_claim", "jobs_p0_pkey"]);
        assert!(few.contains("Tid Scan on ready") && !few.contains("Hash Join"), "{few}");

        let many = reads(conn, |conn| claim(conn, me, &wants(900), CLAIM_BATCH_MAX).unwrap());
        many.are_few(CLAIM_BATCH_MAX.into());
        let many = plan(conn, "queue::claim::take");
        assert_uses(&many, &["ready_for_claim"]);
        assert!(many.contains("Tid Scan on ready") && !many.contains("Sort"), "{many}");
        assert_uses(&plan(conn, "queue::claim::rows"), &["jobs_p0_pkey"]);
    });
}

#[test]
fn settling_and_handing_back_find_leases_by_key() {
    with_either_statistics(|conn| {
        let me = node(conn);
        pin_plan(conn).unwrap();
        let jobs = claim(conn, me, &wants(FEW_MAX / 3), FEW_MAX).unwrap();
        keep_plans(conn).unwrap();
        let kind = |job: &millrace::queue::claim::Claimed| (job.queue_id, job.priority);
        let (alike, rest): (Vec<_>, Vec<_>) = jobs.iter().partition(|job| kind(job) == kind(&jobs[0]));

        let successes: Vec<_> = alike.iter().map(|job| result(job, Ending::Succeeded { output: None })).collect();
        reads(conn, |conn| settle(conn, me, &successes).unwrap()).are_few(successes.len() as i64);
        assert_uses(&plan(conn, "queue::settle::alike"), &["leases_pk"]);
        let failures: Vec<_> = rest.iter().map(|job| failed(job)).collect();
        reads(conn, |conn| settle(conn, me, &failures).unwrap()).are_few(failures.len() as i64);
        assert_uses(&plan(conn, "queue::settle::release"), &["leases_pk"]);
        // again: their leases do not name them any more
        reads(conn, |conn| settle(conn, me, &failures).unwrap()).are_few(failures.len() as i64);
        assert_uses(&plan(conn, "queue::settle::release_some"), &["leases_pk"]);

        let mut held = Vec::new();
        reads(conn, |conn| held = hand_back::held(conn, me, Duration::ZERO).unwrap()).but(&["leases"]).are_few(0);
        assert_uses(&plan(conn, "queue::hand_back::held"), &["leases_"]); // few rows either way
        let back = reads(conn, |conn| hand_back::hand_back(conn, me, &held).unwrap());
        back.are_few(held.len() as i64);
        assert_uses(&plan(conn, "queue::hand_back::rows"), &["leases_pk", "jobs_p0_pkey", "placements_pk"]);
    });
}

#[test]
fn moving_and_sweeping_read_by_time_and_by_key() {
    with_either_statistics(|conn| {
        keep_plans(conn).unwrap();

        let mut moved = 0;
        reads(conn, |conn| moved = due::move_due(conn).unwrap()).are_few(moved.into());
        // those that were moved lie dead in the index for a while
        reads(conn, |conn| due::next_due(conn).unwrap()).are_few(moved.into());
        while due::move_due(conn).unwrap() > 0 {}
        let dead = 3_000;
        let mut few = 0; // one may have fallen due since
        reads(conn, |conn| few = due::move_due(conn).unwrap()).are_few(dead);
        assert!(few < 100, "{few}");
        conn.batch_execute("VACUUM (INDEX_CLEANUP ON) millrace.scheduled").unwrap(); // or other tests here would count what lies dead
        assert_uses(&plan(conn, "queue::due::move"), &["scheduled_by_time", "scheduled_pk"]);
        assert_uses(&plan(conn, "queue::due::next"), &["scheduled_by_time", "gated_due"]);

        reads(conn, |conn| sweep::take_back(conn, &mut BadLeases::default()).unwrap())
            .are_few(sweep::LEASES_PER_SWEEP_MAX.into());
        let orphans = plan(conn, "queue::sweep::orphans");
        assert_uses(&orphans, &["leases_", "jobs_p0_pkey", "attempts_p0_pkey", "placements_pk"]);
    });
}

#[test]
fn people_reach_single_jobs_by_key() {
    with_either_statistics(|conn| {
        let me = node(conn);
        keep_plans(conn).unwrap();

        let cancel = |tx: &mut Tx<'_>| control::cancel(tx, JobId(1_000_002), "test", None);
        // leases are as few as the jobs that run, and are read whole
        reads(conn, |conn| transaction(conn, "test", cancel).unwrap()).but(&["leases"]).are_few(1);
        assert_uses(
            &plan(conn, "queue::control::take"),
            &["ready_for_claim", "scheduled_pk", "gated_pk", "placements_pk"],
        );
        let reopen = |tx: &mut Tx<'_>| control::reopen(tx, JobId(1_000_002));
        reads(conn, |conn| transaction(conn, "test", reopen).unwrap()).but(&["leases"]).are_few(1);
        assert_uses(&plan(conn, "queue::control::take_finished"), &["history_p0_pkey"]);
        reads(conn, |conn| intents_of_node(conn, me).unwrap()).are_few(0);
        assert_uses(&plan(conn, "queue::control::intents_of_node"), &["leases_of_node"]);
        reads(conn, |conn| stale_intents(conn).unwrap()).but(&["leases"]).are_few(0);
    });
}

fn lane(key: &str, jobs_max: u32) -> Rule {
    Rule { key: key.into(), bound: Bound::Running { jobs_max, when_full: WhenFull::Wait } }
}

#[test]
fn limits_ask_and_free_lanes_by_key() {
    with_either_statistics(|conn| {
        let me = node(conn);
        pin_plan(conn).unwrap();
        let jobs = claim(conn, me, &wants(2), 4).unwrap();
        let asks: Vec<Ask> = jobs
            .iter()
            .map(|job| {
                let rules = [lane("k1:[70001]", 2), lane("k1:[0]", 1)].into();
                Ask {
                    job: job.job_id,
                    fence: job.fence,
                    candidate: Candidate { rules, is_fresh: false, kept: Held::default() },
                }
            })
            .collect();

        let now = jobs[0].since;
        let unstarted = |place: usize| Settlement::unstarted(&jobs[place], now);
        let mut verdicts = Vec::new();
        reads(conn, |conn| verdicts = admit(conn, me, &asks, unstarted).unwrap()).are_few(asks.len() as i64);
        assert_uses(&plan(conn, "queue::limits::take_places"), &["lanes_pk"]);
        asking_reads_no_table_whole(conn);

        keep_plans(conn).unwrap();
        let admitted = verdicts.iter().enumerate().filter(|(_, verdict)| **verdict == Verdict::Admitted);
        let ended: Vec<Settlement> = admitted
            .map(|(place, _)| {
                let lanes = places(&asks[place].candidate.rules).collect();
                Settlement { lanes, ..result(&jobs[place], Ending::Succeeded { output: None }) }
            })
            .collect();
        assert!(!ended.is_empty(), "{verdicts:?}");
        reads(conn, |conn| settle(conn, me, &ended).unwrap()).are_few(ended.len() as i64);
        assert_uses(&plan(conn, "queue::limits::waiting"), &["gated_of_lane"]);
        assert_uses(&plan(conn, "queue::limits::lock"), &["lanes_pk"]);
        assert_uses(&plan(conn, "queue::limits::let_in"), &["lanes_pk", "gated_of_lane", "gated_pk"]);
        reads(conn, |conn| recount(conn, me, std::iter::empty()).unwrap()).are_few(0);
    });
}

#[test]
fn pools_let_in_by_key() {
    const WAITING: &str = "INSERT INTO millrace.pools (name, amount) VALUES ('mem', 10) ON CONFLICT DO NOTHING;
        INSERT INTO millrace.gated (job_id, lane, since, queue_id, template_id, priority, attempt, amount)
        SELECT 8000000 + n, 'pmem', now(), 1, 1, 3, 0, 1 + n % 20 FROM generate_series(1, 50000) AS n ON CONFLICT DO NOTHING";
    with_either_statistics(|conn| {
        keep_plans(conn).unwrap();
        conn.batch_execute(WAITING).unwrap();

        transaction(conn, "test", |tx| pool_changed(tx, "mem", Some(10))).unwrap();
        assert_eq!(number(conn, "SELECT sum(amount)::bigint AS number FROM millrace.lane_kept"), 9, "2 + 3 + 4 of 10");
        assert_uses(&plan(conn, "queue::limits::keep"), &["gated_pk"]);
        assert_uses(&plan(conn, "queue::limits::let_in_to_pools"), &["gated_pk"]);
        let clear = "DELETE FROM millrace.gated WHERE lane = 'pmem'; DELETE FROM millrace.pools; DELETE FROM millrace.lane_kept";
        conn.batch_execute(clear).unwrap();
    });
}

/// Statements inside of functions have no plan that can be asked for; what they read is counted.
fn asking_reads_no_table_whole(conn: &mut PgConnection) {
    const ASK: &str = "SELECT FROM millrace.ask_lanes(ARRAY[1], 99, 1, ARRAY['k1:[0]', 'k1:[7]'])";
    const WHOLE: &str = "SELECT coalesce(sum(seq_scan), 0)::bigint AS number FROM pg_stat_xact_user_tables
        WHERE relname IN ('lanes', 'lane_use', 'lane_freed', 'gated', 'leases')";
    let whole = transaction(conn, "test", |tx| {
        tx.batch_execute(ASK)?;
        Ok::<_, DbError>(number(tx, WHOLE))
    });
    assert_eq!(whole.unwrap(), 0);
}

#[test]
fn the_look_at_waiting_lanes_skips_from_lane_to_lane() {
    with_either_statistics(|conn| {
        keep_plans(conn).unwrap();

        let (lanes, aging) = (1_000, Duration::from_secs(30));
        let looks = lanes + lanes / 4; // at the five lines of each lane, too
        reads(conn, |conn| look(conn, &mut Cursor::default(), aging).unwrap()).are_few(looks);

        assert_uses(&plan(conn, "queue::limits::waiting_lanes"), &["gated_of_lane"]);
        assert_uses(&plan(conn, "queue::limits::due"), &["gated_due", "gated_pk"]);
        let overdue = plan(conn, "queue::limits::overdue");
        assert_uses(&overdue, &["gated_of_lane", "lanes_pk"]);
        assert_eq!(overdue.matches("using gated_of_lane").count(), 2, "{overdue}");
        assert_uses(&plan(conn, "queue::limits::let_in"), &["gated_of_lane", "lanes_pk", "gated_pk"]);
    });
}

#[test]
fn lanes_for_labels_are_claimed_and_looked_at_by_key() {
    with_either_statistics(|conn| {
        let me = node(conn);
        pin_plan(conn).unwrap();
        let lane = "k1:[5]";

        reads(conn, |conn| overdue_in_lanes(conn, &[lane], Duration::from_secs(30)).unwrap()).are_few(1);
        let want = FittedWant { lane: lane.into(), jobs_max: 1, priority: Some(3) };
        reads(conn, |conn| claim_fitted(conn, me, &[want], 1).unwrap()).are_few(1);

        let overdue = plan(conn, "queue::aging::overdue_in_lanes");
        assert_uses(&overdue, &["gated_of_lane"]);
        let fitted = plan(conn, "queue::claim::take_fitted");
        assert_uses(&fitted, &["gated_of_lane", "jobs_p0_pkey"]);
        assert!(fitted.contains("Tid Scan on gated"), "{fitted}");
        [overdue, fitted].iter().for_each(|plan| {
            let line = plan
                .lines()
                .find(|line| line.contains("priority >=") || line.contains("priority = level"))
                .unwrap_or("");
            assert!(line.contains("Index Cond"), "{plan}");
        });
    });
}

#[test]
fn the_oldest_of_a_queue_is_found_in_its_lines_and_lanes_by_key() {
    with_either_statistics(|conn| {
        reads(conn, |conn| queues::service::list(conn, &Actor::system("test")).unwrap()).but(&["leases"]).are_few(0);

        assert_uses(&plan(conn, "admin::queues::rows"), &["ready_for_claim", "gated_of_queue"]);
    });
}

/// Jobs of a page of the list.
const PAGE: u32 = 50;

#[test]
fn a_page_of_jobs_costs_the_same_at_any_size() {
    let filters = [
        "",
        "state:ready",
        "state:failed",
        "state:succeeded",
        "id:500000",
        "\"no such text\"",
        "queue:nowhere",
        "wait:>1h",
    ];
    with_either_statistics(|conn| {
        for filter in filters.map(asked) {
            for cursor in [ListCursor::Newest, ListCursor::After(1_000_000), ListCursor::Before(1_000_000)] {
                let page = reads(conn, |conn| list(conn, &Scope::default(), &filter, cursor, PAGE).unwrap());
                // who looks into them looks at so many
                let looked = if filter.needs_look(&Scope::default()) { LOOK_ROWS_MAX } else { PAGE.into() };
                page.but(&["leases"]).are_few(looked);
            }
        }
    });
}
