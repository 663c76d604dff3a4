//! An organisation's own Millrace: the whole program, with Rust handlers of its own beside the runners that ship with it.
//!
//! ```text
//! cargo run --example own_handlers                       # everything that `millrace serve` does
//! cargo run --example own_handlers -- template apply examples/own_handlers.yaml
//! cargo run --example own_handlers -- job enqueue greet --args '{"name": "Ada"}' --wait
//! ```
//! A handler is a type that serde can read from a job's arguments, and what to do with one. It runs on a worker thread of the
//! engine's process and may block it. The templates that staff write name it: `runner: handler`, `handler: { name: … }`; their
//! parameters should fit the type, so that people get a form and wrong arguments never reach the code.

use std::process::ExitCode;
use std::time::Duration;

use millrace::queue::work::{Ended, Failure, JobContext, Level, Outcome, Registry, Task};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Says hello. Fails for nobody: the template's retry policy then decides whether and when it is tried again.
#[derive(Deserialize)]
struct Greet {
    name: String,
}

impl Task for Greet {
    const NAME: &'static str = "example.greet";

    fn run(self, job: &JobContext) -> Ended {
        if self.name.trim().is_empty() {
            return Err(Failure::new("there is nobody to greet"));
        }
        job.log(Level::Info, &format!("greeting {} in attempt {}", self.name, job.attempt()));
        job.output(json!({ "greeting": format!("Hello, {}!", self.name) }));
        Ok(Outcome::Done)
    }
}

/// Adds up many numbers, slowly: shows progress, stops when it is told to, and goes on where an interrupted attempt was.
#[derive(Deserialize)]
struct Sum {
    numbers: Vec<i64>,
    /// Pause after each number, in milliseconds.
    #[serde(default)]
    pause_ms: u64,
}

/// What a next attempt goes on from.
#[derive(Default, Serialize, Deserialize)]
struct Reached {
    place: usize,
    sum: i64,
}

impl Task for Sum {
    const NAME: &'static str = "example.sum";

    fn run(self, job: &JobContext) -> Ended {
        let mut reached = match job.last_checkpoint() {
            Some(saved) => serde_json::from_value(saved.clone())?,
            None => Reached::default(),
        };
        while let Some(number) = self.numbers.get(reached.place) {
            // cancelled, timed out, draining or fenced: `?` ends the work with the right outcome
            job.sleep(Duration::from_millis(self.pause_ms))?;
            let sum = reached.sum.checked_add(*number);
            let Some(sum) = sum else {
                // trying again would overflow again
                return Ok(Outcome::give_up("the sum is too large"));
            };
            reached = Reached { place: reached.place + 1, sum };
            job.progress(reached.place as u64, self.numbers.len() as u64, "adding up");
            job.checkpoint(serde_json::to_value(&reached)?)?;
        }
        job.output(json!({ "sum": reached.sum }));
        Ok(Outcome::Done)
    }
}

/// All handlers of this organisation.
pub fn registry() -> Registry {
    Registry::default().with::<Greet>().with::<Sum>()
}

fn main() -> ExitCode {
    millrace::run(registry())
}
