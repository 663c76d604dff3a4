//! Handlers that behave badly on request, for chaos tests and for trying a node out (INTERFACES.md, section 7). They are
//! registered only where `MILLRACE_ALLOW_DIAGNOSTICS` says so: most of them end the engine's process.

use std::fs::File;
use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::base::db::DbError;
use crate::queue::sql_jobs::{SqlConnections, want_pause};
use crate::queue::work::{Ended, Failure, Handler, JobContext, Level, Outcome, Registry, Task};

/// Most threads that one job leaks.
const THREADS_MAX: u32 = 10_000;
/// Most descriptors that one job leaks.
const DESCRIPTORS_MAX: u32 = 100_000;
/// Length of a line of `diag.logflood`, with its end, in bytes.
const LINE_BYTES: u64 = 100;

/// Gives the handlers. `diag.effect` writes over `connections`, and gives up without them.
pub fn registry(connections: Option<SqlConnections>) -> Registry {
    Registry::default()
        .with_handler("diag.effect", Effect(connections))
        .with::<Noop>()
        .with::<Sleep>()
        .with::<Fail>()
        .with::<Panic>()
        .with::<Abort>()
        .with::<Stack>()
        .with::<Exit>()
        .with::<Oom>()
        .with::<Spin>()
        .with::<Leak>()
        .with::<LogFlood>()
        .with::<Progress>()
}

/// Adds one row per attempt, with job, attempt and fence, to the table `table`.
struct Effect(Option<SqlConnections>);

impl Handler for Effect {
    fn run(&self, job: &JobContext) -> Ended {
        let Some(table) = job.args()["table"].as_str() else {
            return Ok(Outcome::give_up("diag.effect needs the argument table"));
        };
        let Some(connections) = &self.0 else {
            return Ok(Outcome::give_up("diag.effect needs MILLRACE_SQL_URL"));
        };
        match connections.leave_effect(job, table) {
            Ok(()) => Ok(Outcome::Done),
            Err(DbError::Unable(_)) => Ok(Outcome::Snooze(want_pause())), // as sql jobs do
            Err(error) => Err(Failure::new(error.to_string())),
        }
    }
}

/// Does nothing.
#[derive(Deserialize)]
struct Noop {}

impl Task for Noop {
    const NAME: &'static str = "diag.noop";

    fn run(self, _: &JobContext) -> Ended {
        Ok(Outcome::Done)
    }
}

/// Sleeps for `ms`, or until told to stop.
#[derive(Deserialize)]
struct Sleep {
    ms: u64,
}

impl Task for Sleep {
    const NAME: &'static str = "diag.sleep";

    fn run(self, job: &JobContext) -> Ended {
        job.sleep(Duration::from_millis(self.ms))?;
        Ok(Outcome::Done)
    }
}

/// Fails the first `times` attempts (all when absent) with `message`.
#[derive(Deserialize)]
struct Fail {
    times: Option<u16>,
    message: Option<String>,
}

impl Task for Fail {
    const NAME: &'static str = "diag.fail";

    fn run(self, job: &JobContext) -> Ended {
        if self.times.is_some_and(|times| job.attempt() > times) {
            return Ok(Outcome::Done);
        }
        Err(Failure::new(self.message.unwrap_or_else(|| "it was asked to fail".into())))
    }
}

/// Panics with `message`.
#[derive(Deserialize)]
struct Panic {
    message: Option<String>,
}

impl Task for Panic {
    const NAME: &'static str = "diag.panic";

    fn run(self, _: &JobContext) -> Ended {
        std::panic::panic_any(self.message.unwrap_or_else(|| "it was asked to panic".into()))
    }
}

/// Aborts the process.
#[derive(Deserialize)]
struct Abort {}

impl Task for Abort {
    const NAME: &'static str = "diag.abort";

    fn run(self, _: &JobContext) -> Ended {
        std::process::abort()
    }
}

/// Overflows the stack, which ends the process.
#[derive(Deserialize)]
struct Stack {}

impl Task for Stack {
    const NAME: &'static str = "diag.stack";

    fn run(self, _: &JobContext) -> Ended {
        black_box(deeper(0));
        Ok(Outcome::Done)
    }
}

#[allow(unconditional_recursion)] // that is what it is for
fn deeper(depth: u64) -> u64 {
    let room = black_box([depth; 128]);
    deeper(depth + 1) + black_box(room)[0]
}

/// Ends the process in good order with `code`.
#[derive(Deserialize)]
struct Exit {
    #[serde(default)]
    code: i32,
}

impl Task for Exit {
    const NAME: &'static str = "diag.exit";

    fn run(self, _: &JobContext) -> Ended {
        std::process::exit(self.code)
    }
}

/// Uses `mib` MiB of memory, or all there is.
#[derive(Deserialize)]
struct Oom {
    mib: Option<usize>,
}

impl Task for Oom {
    const NAME: &'static str = "diag.oom";

    fn run(self, job: &JobContext) -> Ended {
        let mut held = Vec::new();
        while self.mib.is_none_or(|mib| held.len() < mib) {
            job.check()?;
            held.push(black_box(vec![1_u8; 1024 * 1024])); // written to, or it would not be there
        }
        black_box(held);
        Ok(Outcome::Done)
    }
}

/// Computes for `ms`; with `ignore_cancel` even when told to stop.
#[derive(Deserialize)]
struct Spin {
    ms: u64,
    #[serde(default)]
    ignore_cancel: bool,
}

impl Task for Spin {
    const NAME: &'static str = "diag.spin";

    fn run(self, job: &JobContext) -> Ended {
        let (started, length) = (Instant::now(), Duration::from_millis(self.ms));
        while started.elapsed() < length {
            if !self.ignore_cancel {
                job.check()?;
            }
            (0..1_000).for_each(|number| {
                black_box(number);
            });
        }
        Ok(Outcome::Done)
    }
}

/// Leaves threads that never end and files that are never closed.
#[derive(Deserialize)]
struct Leak {
    #[serde(default)]
    threads: u32,
    #[serde(default)]
    fds: u32,
}

impl Task for Leak {
    const NAME: &'static str = "diag.leak";

    fn run(self, _: &JobContext) -> Ended {
        for _ in 0..self.threads.min(THREADS_MAX) {
            std::thread::Builder::new().name("diag-leak".into()).stack_size(64 * 1024).spawn(|| {
                loop {
                    std::thread::park(); // may wake for no reason
                }
            })?;
        }
        for _ in 0..self.fds.min(DESCRIPTORS_MAX) {
            std::mem::forget(File::open("/dev/null")?);
        }
        Ok(Outcome::Done)
    }
}

/// Logs `bytes` bytes.
#[derive(Deserialize)]
struct LogFlood {
    bytes: u64,
}

impl Task for LogFlood {
    const NAME: &'static str = "diag.logflood";

    fn run(self, job: &JobContext) -> Ended {
        let width = LINE_BYTES as usize - 1;
        for line in 0..self.bytes.div_ceil(LINE_BYTES) {
            job.check()?;
            job.log(Level::Info, &format!("{:.<width$}", format!("line {line} ")));
        }
        Ok(Outcome::Done)
    }
}

/// Says how far it is, `steps` times with `ms` between.
#[derive(Deserialize)]
struct Progress {
    steps: u64,
    #[serde(default)]
    ms: u64,
}

impl Task for Progress {
    const NAME: &'static str = "diag.progress";

    fn run(self, job: &JobContext) -> Ended {
        for step in 1..=self.steps {
            job.sleep(Duration::from_millis(self.ms))?;
            job.progress(step, self.steps, &format!("step {step}"));
        }
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, ExitStatus, Stdio};
    use std::sync::Arc;

    use crate::queue::work::{JobFacts, Stop};
    use crate::runners::testing::{facts, job};
    use serde_json::{Value, json};

    fn nowhere() -> Option<SqlConnections> {
        Some(SqlConnections::new("postgresql:///nowhere?host=/nonexistent"))
    }

    fn run(name: &str, job: &JobContext) -> Ended {
        registry(nowhere()).find(name).unwrap().run(job)
    }

    fn attempt(number: u16, args: Value) -> JobContext {
        let clock = Arc::new(crate::base::clock::SystemClock);
        JobContext::new(JobFacts { attempt: number, ..facts(args) }, None, clock)
    }

    #[test]
    fn the_names_are_those_that_tests_outside_rely_on() {
        let names: Vec<_> = registry(nowhere()).names().collect();

        assert_eq!(
            names,
            [
                "diag.abort",
                "diag.effect",
                "diag.exit",
                "diag.fail",
                "diag.leak",
                "diag.logflood",
                "diag.noop",
                "diag.oom",
                "diag.panic",
                "diag.progress",
                "diag.sleep",
                "diag.spin",
                "diag.stack",
            ]
        );
    }

    #[test]
    fn the_harmless_ones_do_what_they_say() {
        assert_eq!(run("diag.noop", &job(json!({ "any": 1 }))), Ok(Outcome::Done));
        assert_eq!(run("diag.oom", &job(json!({ "mib": 3 }))), Ok(Outcome::Done));
        assert_eq!(run("diag.leak", &job(json!({ "threads": 2, "fds": 2 }))), Ok(Outcome::Done));
        assert!(matches!(run("diag.sleep", &job(json!({}))), Ok(Outcome::GiveUp(_))), "ms is missing");

        let steps = job(json!({ "steps": 3, "ms": 1 }));
        assert_eq!(run("diag.progress", &steps), Ok(Outcome::Done));
        assert_eq!(steps.take_said().progress.map(|progress| (progress.done, progress.total)), Some((3, 3)));

        let flood = job(json!({ "bytes": 1_000 }));
        assert_eq!(run("diag.logflood", &flood), Ok(Outcome::Done));
        assert_eq!(flood.log_bytes(), 1_000);
    }

    #[test]
    fn the_first_attempts_fail() {
        let args = json!({ "times": 2, "message": "no" });

        assert_eq!(run("diag.fail", &attempt(2, args.clone())), Err(Failure::new("no")));
        assert_eq!(run("diag.fail", &attempt(3, args)), Ok(Outcome::Done));
        assert!(run("diag.fail", &attempt(9, json!({}))).is_err());
    }

    #[test]
    fn sleeping_and_spinning_stop_when_told_unless_asked_not_to() {
        let stopped = |name: &str, args: Value| {
            let job = job(args);
            job.stop(Stop::Cancelled);
            run(name, &job)
        };

        assert_eq!(stopped("diag.sleep", json!({ "ms": 60_000 })), Err(Failure::from(Stop::Cancelled)));
        assert_eq!(stopped("diag.spin", json!({ "ms": 60_000 })), Err(Failure::from(Stop::Cancelled)));
        assert_eq!(stopped("diag.spin", json!({ "ms": 20, "ignore_cancel": true })), Ok(Outcome::Done));
    }

    #[test]
    fn a_panic_carries_its_message() {
        let caught = std::panic::catch_unwind(|| run("diag.panic", &job(json!({ "message": "boo" }))));

        assert_eq!(caught.unwrap_err().downcast_ref::<String>().map(String::as_str), Some("boo"));
    }

    const CHILD: &str = "MILLRACE_DIAG_CHILD";

    /// Runs a handler in a process of its own, which it is going to end.
    fn in_a_child(handler: &str) -> ExitStatus {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "runners::diag::tests::a_child_runs_what_it_is_told", "--nocapture"])
            .env(CHILD, handler)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
    }

    #[test]
    fn a_child_runs_what_it_is_told() {
        if let Ok(handler) = std::env::var(CHILD) {
            run(&handler, &job(json!({ "code": 9 }))).unwrap();
        }
    }

    #[test]
    fn the_deadly_ones_end_the_process() {
        use std::os::unix::process::ExitStatusExt;

        assert_eq!(in_a_child("diag.exit").code(), Some(9));
        assert_eq!(in_a_child("diag.abort").signal(), Some(libc::SIGABRT));
        assert_eq!(in_a_child("diag.stack").signal(), Some(libc::SIGABRT));
    }
}
