//! Everything breaks while jobs run, and the recorded history is judged (GUARANTEES.md, section 2).
//!
//! ```text
//! plan (one seed) ─▶ faults ─▶ three nodes, real processes ─▶ a PostgreSQL of the test ─▶ witness (triggers) ─▶ history
//!                    feeder ── API and SQL ──▶                                                                    └▶ checker
//! ```
//! `make test` runs a short one, `make chaos` the long one of the promise. `MILLRACE_CHAOS_SEED` repeats a run's plan; which
//! thread is where when a blow falls is not repeated.
mod checker;
mod clock_changes;
mod evidence;
mod failover;
mod feeder;
mod handover;
mod history;
mod node;
mod plan;
mod rolling;
mod schedules;
mod stage;
mod standby;
mod void;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use millrace::base::clock::{Clock, SystemClock};

use crate::support::ThrowAway;
use checker::{Rescues, completed_alone, judge, most_interruptions, p99, rescues};
use feeder::{Addresses, Program, over_api, over_sql};
use history::{History, Struck};
use node::Node;
use plan::{Dice, Fault, NODES, Plan, faults, seed};
use serde_json::json;
use stage::Stage;

/// How often nodes are looked after.
const LOOK: Duration = Duration::from_millis(50);
/// Longest time for everything to end once no more faults come.
const CALM_MAX: Duration = Duration::from_secs(180);
/// From a blow to the next claim, for 99 of 100 interrupted jobs (G8). While there is no database nobody is rescued: those that
/// met such a time may take as much longer, and one lease, which is waited after an outage.
const RESCUE_MAX_US: i64 = 15_000_000;
/// Of so many jobs one may need a person (G19): three blows may meet the same job, which is then held.
const HELPED_ONE_OF: usize = 1_000;
/// How long a node may take to tell that its clock has jumped.
const CLOCK_SEEN_MAX: Duration = Duration::from_secs(60);

#[test]
fn no_job_is_lost_or_doubled_while_everything_breaks() {
    break_all(&Plan::short());
}

#[test]
#[ignore = "takes half an hour: make chaos"]
fn no_job_of_twenty_thousand_is_lost_or_doubled_while_everything_breaks() {
    break_all(&Plan::long());
}

/// A run: the world, and what was done to it.
struct Run {
    stage: Stage,
    nodes: Vec<Node>,
    history: History,
    /// Faults that met somebody, by their kind.
    met: BTreeMap<&'static str, usize>,
    _folder: ThrowAway,
}

fn break_all(plan: &Plan) {
    let seed = seed();
    let judged =
        Run::begin(plan, Stage::new()).under(plan, seed, |run, addresses| run.break_things(plan, seed, addresses));
    let (alone, all) = completed_alone(&judged);
    let fine = (all - alone) * HELPED_ONE_OF <= all;
    assert!(fine, "seed {seed}: {alone} of {all} completed without a person");
}

impl Run {
    fn begin(plan: &Plan, stage: Stage) -> Run {
        let folder = ThrowAway::new();
        let clock = node::clock_library(folder.path());
        // one node has a clock of its own
        let nodes = (0..NODES).map(|n| Node::new(n, &stage, plan, (n == 0).then_some(clock.as_path()))).collect();
        let history = History {
            leaving: vec!["effect", "line"],
            inserting: vec!["insert", "narrow.insert", "turn.insert"],
            ..History::default()
        };
        Run { stage, nodes, history, met: BTreeMap::new(), _folder: folder }
    }

    /// Hands jobs in while `trouble` goes on, waits until all is done, and judges what was seen.
    fn under(mut self, plan: &Plan, seed: u64, trouble: impl FnOnce(&mut Run, &Addresses)) -> History {
        let (token, url) = (self.stage.token.clone(), self.stage.url_of("millrace"));
        let addresses = Addresses::default();
        std::thread::scope(|scope| {
            let numbers = |parity: i64| (1..=plan.jobs).filter(|n| n % 2 == parity).collect::<Vec<_>>();
            let (of_api, of_sql, url) = (numbers(0), numbers(1), url.as_str());
            let program = Program::new(&token, &addresses);
            let api = scope.spawn(move || over_api(&of_api, seed, plan, program));
            let sql = scope.spawn(move || over_sql(&of_sql, seed, plan, url));
            trouble(&mut self, &addresses);
            while !(api.is_finished() && sql.is_finished()) {
                self.tick(&addresses);
            }
            for thread in [api, sql] {
                self.history.asked.extend(thread.join().expect("every request is answered"));
            }
            self.calm_down(&token, &addresses);
        });
        self.judge(plan, seed)
    }

    fn tick(&mut self, addresses: &Addresses) {
        self.nodes.iter_mut().for_each(Node::tick);
        addresses.set(self.nodes.iter().map(Node::origin).collect());
        std::thread::sleep(LOOK);
    }

    fn break_things(&mut self, plan: &Plan, seed: u64, addresses: &Addresses) {
        let (begun, mut dice) = (Instant::now(), Dice::of(seed, 4));
        for (at, fault) in faults(plan, seed) {
            while begun.elapsed() < at {
                self.tick(addresses);
            }
            // a blow needs somebody whom it hits: those who are away are waited for
            let end = Instant::now() + plan.frozen + Duration::from_secs(20);
            while !self.strike(plan, fault, &mut dice) {
                assert!(Instant::now() < end, "seed {seed}: {fault:?} meets nobody");
                self.tick(addresses);
            }
            *self.met.entry(fault.kind()).or_default() += 1;
        }
        self.see_the_clock(addresses);
    }

    /// Jumps of a clock that nobody sees would prove nothing: an hour must be told by the node itself.
    fn see_the_clock(&mut self, addresses: &Addresses) {
        const SQL: &str =
            "SELECT count(*) FROM millrace.nodes WHERE name = 'chaos-0' AND clock_skew_ms BETWEEN 3500000 AND 3700000";
        self.nodes[0].jump(3_600);
        let end = Instant::now() + CLOCK_SEEN_MAX;
        while self.stage.connect().and_then(|mut conn| evidence::number(&mut conn, SQL)) != Some(1) {
            assert!(Instant::now() < end, "the clock of chaos-0 was moved, and its node does not tell");
            self.tick(addresses);
        }
    }

    /// `false` = it met nobody.
    fn strike(&mut self, plan: &Plan, fault: Fault, dice: &mut Dice) -> bool {
        match fault {
            Fault::KillEngine(n) => self.struck(n, |node| node.kill(true, false)),
            Fault::KillSupervisor(n) => self.struck(n, |node| node.kill(false, true)),
            Fault::KillBoth(n) => self.struck(n, |node| node.kill(true, true)),
            Fault::FreezeEngine(n) => self.struck(n, |node| node.freeze(false, plan.frozen)),
            Fault::FreezeBoth(n) => self.struck(n, |node| node.freeze(true, plan.frozen)),
            Fault::Cut(n) => {
                self.nodes[n].cut();
                true
            }
            Fault::JumpClock(seconds) => {
                self.nodes[0].jump(seconds);
                true
            }
            Fault::Terminate => self.stage.terminate_one(dice.below(1_000)),
            Fault::StopDatabase(pause) => self.without_database(|stage| stage.stop_for(pause)),
            Fault::ReadOnly(pause) => self.without_database(|stage| stage.read_only_for(pause)),
            Fault::Crowd(pause) => self.without_database(|stage| stage.crowd_for(pause)),
        }
    }

    fn without_database(&mut self, outage: impl FnOnce(&mut Stage) -> bool) -> bool {
        let from = now_us();
        let met = outage(&mut self.stage);
        if met {
            self.history.outages.push((from, now_us()));
        }
        met
    }

    fn struck(&mut self, node: usize, blow: impl FnOnce(&mut Node) -> bool) -> bool {
        let at = now_us();
        let met = blow(&mut self.nodes[node]);
        if met {
            self.history.struck.push(Struck { at, node: self.nodes[node].name.clone() });
        }
        met
    }

    /// Waits until all jobs have ended; those that are held get a person's release.
    fn calm_down(&mut self, token: &str, addresses: &Addresses) {
        let end = Instant::now() + CALM_MAX;
        let mut program = Program::new(token, addresses);
        loop {
            self.tick(addresses);
            let Some(mut conn) = self.stage.connect() else { continue };
            let unfinished = evidence::number(&mut conn, evidence::UNFINISHED).unwrap_or(1);
            if unfinished == 0 {
                return;
            }
            if unfinished == evidence::number(&mut conn, evidence::HELD).unwrap_or(0) {
                for job in evidence::held(&mut conn) {
                    let path = format!("/api/v1/jobs/{job}/release");
                    program.post(&path, &format!("release-{job}-{}", self.history.released.len()), &json!({}));
                    self.history.released.push(job);
                }
            }
            assert!(Instant::now() < end, "{unfinished} jobs have not ended: {:?}", evidence::left(&mut conn));
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn judge(mut self, plan: &Plan, seed: u64) -> History {
        let mut conn = self.stage.connect().unwrap();
        // what is folded and forgotten a moment later has that moment
        let mut left = evidence::left(&mut conn);
        let end = Instant::now() + Duration::from_secs(20);
        while (!left.is_empty() || !self.nodes.iter().all(Node::runs_jobs)) && Instant::now() < end {
            self.nodes.iter_mut().for_each(Node::tick); // one that is stopped holds what it has begun until it goes on
            std::thread::sleep(LOOK);
            left = evidence::left(&mut conn);
        }
        let codes: Vec<Option<i32>> = self.nodes.iter_mut().map(Node::end).collect();
        left.extend(self.nodes.iter().flat_map(Node::orphans).map(|pid| format!("engine {pid} goes on by itself")));
        evidence::gather(&mut conn, &self.stage.lines(), &mut self.history);
        let mut wrong = judge(&self.history);
        wrong.extend(left);
        let rescues = rescues(&self.history, plan.lease.as_micros() as i64);
        self.tell(seed, &rescues);
        assert!(
            wrong.is_empty(),
            "seed {seed}, {} faults found:\n{}",
            wrong.len(),
            wrong[..wrong.len().min(40)].join("\n")
        );
        assert_eq!(codes, [Some(0); NODES], "seed {seed}: how the nodes ended");
        self.rescued_in_time(plan, seed, &rescues);
        self.history
    }

    fn tell(&self, seed: u64, rescues: &Rescues) {
        let (alone, all) = completed_alone(&self.history);
        let p99_s = |waits: &[i64]| p99(waits) as f64 / 1e6;
        eprintln!(
            "chaos, seed {seed}: {} jobs, {} events; {:?}\n  {} jobs interrupted and rescued: ready again p99 {:.1} s, claimed again p99 {:.1} s; \
             {} more met a time without a database: p99 {:.1} s\n  {alone} of {all} completed without a person; no job was interrupted more than {} times",
            self.history.known.len(),
            self.history.events.len(),
            self.met,
            rescues.again.len(),
            p99_s(&rescues.ready),
            p99_s(&rescues.again),
            rescues.without_database.len(),
            p99_s(&rescues.without_database),
            most_interruptions(&self.history),
        );
    }

    fn rescued_in_time(&self, plan: &Plan, seed: u64, rescues: &Rescues) {
        let outage = self.history.outages.iter().map(|(from, to)| to - from).max().unwrap_or(0);
        let late_max = RESCUE_MAX_US + outage + plan.lease.as_micros() as i64;
        assert!(p99(&rescues.again) <= RESCUE_MAX_US, "seed {seed}: {:?}", rescues.again);
        assert!(p99(&rescues.without_database) <= late_max, "seed {seed}: {:?}", rescues.without_database);
        let kills = self.met.get("kill -9").copied().unwrap_or(0);
        let blown = rescues.again.len() + rescues.without_database.len();
        assert!(blown >= kills / 2, "seed {seed}: {kills} kills have met {blown} jobs: there was nothing to rescue");
    }
}

fn now_us() -> i64 {
    SystemClock.now().timestamp_micros()
}
