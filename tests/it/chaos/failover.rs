//! The database's server is killed for good and its standby takes over: nodes know both by `DATABASE_URL`.

use std::time::{Duration, Instant};

use super::history::What;
use super::plan::{Plan, seed};
use super::stage::Stage;
use super::{Run, now_us};

/// How long work may rest.
const RESUMES_MAX_US: i64 = 15_000_000;

#[test]
fn a_failover_to_the_standby_loses_no_acknowledged_job_and_work_goes_on() {
    let (plan, seed) = (Plan { jobs: 400, length: Duration::from_secs(16), ..Plan::short() }, seed());
    let mut killed = 0;

    let judged = Run::begin(&plan, Stage::new().with_standby()).under(&plan, seed, |run, addresses| {
        let begun = Instant::now();
        while begun.elapsed() < plan.length / 3 || run.nodes.iter().any(|node| !node.runs_jobs()) {
            run.tick(addresses);
        }
        killed = now_us();
        run.stage.kill_primary();
        let noticed = Instant::now() + Duration::from_secs(1);
        while Instant::now() < noticed {
            run.tick(addresses);
        }
        run.stage.standby.as_ref().unwrap().promote();
        run.history.outages.push((killed, now_us()));
    });

    let promoted = judged.outages[0].1;
    let ended = judged.events.iter().filter(|event| matches!(event.what, What::Ended(_)));
    let resumed = ended.map(|event| event.at).filter(|at| *at > promoted).min().unwrap();
    let before = judged.events.iter().filter(|event| event.at < killed && matches!(event.what, What::Ended(_))).count();
    eprintln!(
        "failover, seed {seed}: {before} jobs had ended before; work rested for {:.1} s, {:.1} s of it without a server",
        (resumed - killed) as f64 / 1e6,
        (promoted - killed) as f64 / 1e6
    );
    assert!(before > 0 && resumed - killed <= RESUMES_MAX_US, "{}", resumed - killed);
}
