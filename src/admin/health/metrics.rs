//! What Prometheus is told: counts, rates, queues, nodes, pool, database. Everything comes from counters and rollups, nothing from history.

use std::collections::BTreeMap;

use super::database::{self, Health};
use super::database_metrics;
use super::exposition::Exposition;
use super::queries::{self, Totals};
use crate::admin::nodes::{NodeRow, service as nodes};
use crate::admin::pools::{PoolRow, service as pools};
use crate::admin::queues::{QueueRow, service as queues};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::Actor;
use crate::queue::counts::{self, Count};

/// Everything that is told, as of about one moment.
pub(super) struct Metrics {
    counts: Vec<Count>,
    totals: Vec<Totals>,
    queues: Vec<QueueRow>,
    nodes: Vec<NodeRow>,
    pools: Vec<PoolRow>,
    database: Health,
}

/// Connections of the pool of pages and API.
#[derive(Debug, Clone, Copy)]
pub(super) struct PoolUsage {
    /// Open ones.
    pub(super) open: u32,
    /// Those of them that nobody uses.
    pub(super) idle: u32,
}

/// Reads everything.
pub(super) fn read(conn: &mut PgConnection) -> Result<Metrics, DbError> {
    let by = Actor::system("metrics");
    let lost = |error: String| DbError::Unavailable(error);
    Ok(Metrics {
        counts: counts::read(conn)?,
        totals: queries::totals(conn)?,
        queues: queues::list(conn, &by).map_err(|error| lost(error.to_string()))?,
        nodes: nodes::list(conn, &by).map_err(|error| lost(error.to_string()))?,
        pools: pools::list(conn, &by).map_err(|error| lost(error.to_string()))?,
        database: database::latest(conn, &by).map_err(|error| lost(error.to_string()))?,
    })
}

impl Metrics {
    /// Writes everything down.
    pub(super) fn told(&self, pool: PoolUsage, now: Time) -> String {
        let mut told = Exposition::default();
        told.family("millrace_build_info", "gauge", "Version of the program that answers.");
        told.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        self.jobs(&mut told);
        self.counters(&mut told);
        self.queues(&mut told, now);
        self.nodes(&mut told);
        self.pools(&mut told);
        told.family("millrace_pool_connections", "gauge", "Database connections of the web server by use.");
        told.sample(&[("use", "idle")], pool.idle);
        told.sample(&[("use", "busy")], pool.open.saturating_sub(pool.idle));
        database_metrics::tell(&mut told, &self.database, now);
        told.into_text()
    }

    fn jobs(&self, told: &mut Exposition) {
        let mut sums: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for count in &self.counts {
            *sums.entry((count.queue.as_str(), count.state.as_str())).or_default() += count.jobs;
        }
        told.family("millrace_jobs", "gauge", "Jobs that are kept, by queue and state; exact.");
        for ((queue, state), jobs) in sums {
            told.sample(&[("queue", queue), ("state", state)], jobs);
        }
    }

    fn counters(&self, told: &mut Exposition) {
        type Read = fn(&Totals) -> f64;
        let seconds = 1e-6; // the rollups hold microseconds
        let families: [(&str, &str, Read); 6] = [
            ("millrace_jobs_enqueued_total", "Jobs enqueued.", |totals| totals.enqueued as f64),
            ("millrace_jobs_succeeded_total", "Jobs that succeeded.", |totals| totals.succeeded as f64),
            ("millrace_jobs_failed_total", "Jobs that failed for good.", |totals| totals.failed as f64),
            ("millrace_attempts_failed_total", "Attempts that failed, retried or not.", |totals| {
                totals.attempts_failed as f64
            }),
            ("millrace_wait_seconds_total", "Time that attempts waited for a slot.", |totals| totals.wait_us as f64),
            ("millrace_run_seconds_total", "Time that attempts ran.", |totals| totals.run_us as f64),
        ];
        for (name, help, read) in families {
            let scale = if name.contains("_seconds_") { seconds } else { 1.0 };
            told.family(name, "counter", help);
            for totals in &self.totals {
                told.sample(&[("queue", &totals.queue)], read(totals) * scale);
            }
        }
    }

    fn queues(&self, told: &mut Exposition, now: Time) {
        told.family("millrace_queue_paused", "gauge", "1 while the queue takes no new work.");
        for queue in &self.queues {
            told.sample(&[("queue", &queue.name)], u8::from(queue.paused().is_some()));
        }
        told.family(
            "millrace_queue_oldest_ready_seconds",
            "gauge",
            "How long the first in line has waited for a slot.",
        );
        for queue in &self.queues {
            let age = queue.oldest_ready_at.map_or(0, |at| (now - at).num_milliseconds().max(0));
            told.sample(&[("queue", &queue.name)], age as f64 / 1e3);
        }
    }

    fn pools(&self, told: &mut Exposition) {
        type Read = fn(&PoolRow) -> f64;
        let families: [(&str, &str, Read); 4] = [
            ("millrace_pool_amount", "What the pool has.", |pool| f64::from(pool.amount)),
            ("millrace_pool_used", "What running jobs have reserved of the pool.", |pool| f64::from(pool.used)),
            ("millrace_pool_kept", "What of the pool is kept for jobs that begin soon.", |pool| f64::from(pool.kept)),
            ("millrace_pool_waiting", "Jobs that wait for the pool, counted up to 10,000.", |pool| pool.waiting as f64),
        ];
        for (name, help, read) in families {
            told.family(name, "gauge", help);
            for pool in &self.pools {
                told.sample(&[("pool", &pool.name)], read(pool));
            }
        }
    }

    fn nodes(&self, told: &mut Exposition) {
        told.family("millrace_node_up", "gauge", "1 while the node takes new work, by its state.");
        for node in &self.nodes {
            told.sample(&[("node", &node.name), ("state", &node.state)], u8::from(node.state == "up"));
        }
        type Read = fn(&NodeRow) -> f64;
        let families: [(&str, &str, Read); 5] = [
            ("millrace_node_slots", "Worker threads.", |node| f64::from(node.slots)),
            ("millrace_node_busy", "Worker threads at work at the last heartbeat.", |node| f64::from(node.busy)),
            ("millrace_node_running", "Jobs under leases of the node.", |node| node.running as f64),
            ("millrace_node_heartbeat_age_seconds", "Age of the last heartbeat.", |node| {
                node.heartbeat_age_ms as f64 / 1e3
            }),
            ("millrace_node_memory_bytes", "Resident memory of the engine.", |node| {
                node.memory_bytes.unwrap_or(0) as f64
            }),
        ];
        for (name, help, read) in families {
            told.family(name, "gauge", help);
            for node in &self.nodes {
                told.sample(&[("node", &node.name)], read(node));
            }
        }
    }
}
