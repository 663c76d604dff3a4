//! Work that the pages are looked at with.

use std::time::Duration;

use millrace::queue::work::{Ended, Failure, Handler, JobContext, Level, Outcome, Registry};
use serde_json::json;

/// Writes rows in batches, with progress and a log; as long as its argument `ms` says.
struct Import;
impl Handler for Import {
    fn run(&self, job: &JobContext) -> Ended {
        let number = |name: &str, or: u64| job.args().get(name).and_then(|value| value.as_u64()).unwrap_or(or);
        let (rows, batch) = (number("expected_rows", 5_000), number("expected_rows", 5_000).div_ceil(25).max(1));
        job.log(Level::Info, &format!("attempt {} started on {}, lease 10 s", job.attempt(), job.facts().node));
        job.log(Level::Debug, "advisory lock catalog:nordwind acquired");
        if job.attempt() == 1 && job.args().get("fails_first").is_some() {
            return Err(Failure {
                trace: Some("import::read_file (import.rs:41)\nhttp::get (http.rs:9)\nmain (main.rs:3)".into()),
                ..Failure::new(
                    "HTTP 503 from files.nordwind.example while reading nordwind-2026-11-23.csv\nRetry-After: 30",
                )
            });
        }
        job.log(Level::Info, "detected encoding windows-1252, delimiter “;”, 5,000 rows");
        job.log(Level::Warn, "row 311: EAN \u{1b}[1m400638133393\u{1b}[0m has 12 digits, expected 13; left-padded");
        let pause = Duration::from_millis(number("ms", 200) * batch / rows.max(1));
        let mut done = 0;
        while done < rows {
            job.sleep(pause)?;
            done = (done + batch).min(rows);
            job.progress(done, rows, &format!("upsert: batch {} of 25", done.div_ceil(batch)));
            job.log(Level::Info, &format!("upsert: batch {}/25 written, {done} rows", done.div_ceil(batch)));
            if done == batch * 7 {
                job.log(Level::Error, "\u{1b}[31mserialization failure\u{1b}[0m, retrying batch (1 of 3)");
            }
        }
        job.output(json!({ "rows": rows, "warnings": 1, "file": "nordwind-2026-11-23.csv" }));
        Ok(Outcome::Done)
    }
}

/// Is refused by its mail server.
struct Refused;
impl Handler for Refused {
    fn run(&self, job: &JobContext) -> Ended {
        job.log(Level::Info, "connecting to smtp.example");
        job.log(Level::Error, "421 too many connections from host");
        Err(Failure::new("SMTP 421: too many connections from host"))
    }
}

/// Says 2 MiB in long lines.
struct Chatty;
impl Handler for Chatty {
    fn run(&self, job: &JobContext) -> Ended {
        for number in 0..250 {
            job.log(Level::Info, &format!("line {number} {}", "x".repeat(8_000)));
        }
        Ok(Outcome::Done)
    }
}

/// Is done at once.
struct Done;
impl Handler for Done {
    fn run(&self, _: &JobContext) -> Ended {
        Ok(Outcome::Done)
    }
}

pub fn registry() -> Registry {
    let registry = Registry::default().with_handler("import", Import).with_handler("refused", Refused);
    registry.with_handler("chatty", Chatty).with_handler("done", Done)
}
