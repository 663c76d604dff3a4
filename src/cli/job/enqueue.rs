//! `millrace job enqueue`.

use std::fs::File;
use std::io::{self, Read};

use clap::Args;
use serde_json::{Map, Value, json};

use super::wait::{self, Waited};
use super::{Answer, Failure, Session, refused};
use crate::admin::jobs::{detail, json as told_as, service};
use crate::base::clock::Time;
use crate::base::db::PgConnection;
use crate::cli::input::span;
use crate::queue::args::{ARGS_BYTES_MAX, check_text};
use crate::queue::enqueue::{Enqueued, JOBS_PER_CALL_MAX, NewJob};
use crate::queue::ring;

/// Most jobs of one command.
const COUNT_MAX: i64 = 1_000_000;
/// Bytes of arguments that are read: white space between values does not count towards their limit.
const READ_BYTES_MAX: u64 = 4 * ARGS_BYTES_MAX as u64;

/// What is wanted.
#[derive(Args, Debug)]
pub(in crate::cli) struct Flags {
    /// Name of an active template; NAME@3 pins a published version
    template: String,
    /// Arguments as a JSON object, @FILE, or - for standard input
    #[arg(long, value_name = "JSON", default_value = "{}", allow_hyphen_values = true)]
    args: String,
    /// Queue; else as the template says
    #[arg(long)]
    queue: Option<String>,
    /// 1 (highest) to 5; else as the template says
    #[arg(long, value_name = "1..5")]
    priority: Option<i16>,
    /// Not before this time, 2026-12-01T05:30:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "after", value_parser = time)]
    at: Option<Time>,
    /// Not before so much time has passed, 30s, 10m, 2h
    #[arg(id = "after", long = "in", value_name = "SPAN", value_parser = millis)]
    after: Option<u64>,
    /// While an unfinished job has this key, that job is given instead
    #[arg(long, value_name = "KEY")]
    unique_key: Option<String>,
    /// Jobs with this key run one at a time, in the order in which they were enqueued
    #[arg(long, value_name = "KEY")]
    ordering_key: Option<String>,
    /// Label; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Counted attempts; else as the template says
    #[arg(long, value_name = "N")]
    max_attempts: Option<u16>,
    /// How many of them, up to 1,000,000; 10,000 in one transaction
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..=COUNT_MAX))]
    count: i64,
    /// Waits for the end, at most so long (24h when nothing is said); exit code 1 unless all succeeded
    #[arg(long, value_name = "SPAN", num_args = 0..=1, require_equals = true, default_missing_value = "24h", value_parser = millis)]
    wait: Option<u64>,
}

/// What is wanted, understood.
pub(super) struct Wanted {
    job: NewJob,
    count: usize,
    wait_ms: Option<u64>,
}

fn time(text: &str) -> Result<Time, String> {
    let read = chrono::DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    read.map_err(|_| format!("{text:?} is no time: write it as 2026-12-01T05:30:00Z"))
}

fn millis(text: &str) -> Result<u64, String> {
    let length = span(text)?.ok_or("never is no length of time here")?;
    u64::try_from(length.num_milliseconds()).map_err(|error| error.to_string())
}

impl Flags {
    /// Reads the arguments and puts the job together.
    ///
    /// # Errors
    /// The arguments cannot be read.
    pub(super) fn wanted(self) -> Result<Wanted, Failure> {
        let args = args(&self.args)?;
        let (template, version) = match self.template.split_once('@') {
            Some((name, version)) => {
                let refused = || Failure::usage(format!("{version:?} is no version: write NAME@3"));
                (name.to_owned(), Some(version.parse().map_err(|_| refused())?))
            }
            None => (self.template, None),
        };
        let job = NewJob {
            template,
            version,
            args,
            queue: self.queue,
            priority: self.priority,
            run_at: self.at,
            delay_ms: self.after,
            unique_key: self.unique_key,
            ordering_key: self.ordering_key,
            tags: Some(self.tags).filter(|tags| !tags.is_empty()),
            max_attempts: self.max_attempts,
            ..NewJob::default()
        };
        Ok(Wanted { job, count: usize::try_from(self.count).unwrap_or(1), wait_ms: self.wait })
    }
}

fn args(text: &str) -> Result<Value, Failure> {
    let bytes = match text.strip_prefix('@') {
        _ if text == "-" => read(io::stdin(), "standard input")?,
        Some(path) => {
            let file = File::open(path).map_err(|error| Failure::refused(format!("cannot open {path}: {error}")))?;
            read(file, path)?
        }
        None => text.as_bytes().to_vec(),
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    Ok(check_text(&bytes)?)
}

fn read(from: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = from.take(READ_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::refused(format!("cannot read {name}: {error}")))?;
    if bytes.len() as u64 > READ_BYTES_MAX {
        return Err(Failure::refused(format!("{name} is larger than {} KiB", READ_BYTES_MAX / 1024)));
    }
    Ok(bytes)
}

pub(super) fn run(session: &Session, wanted: Wanted) -> Result<Answer, Failure> {
    let conn = &mut *session.connect()?;
    let made = make(session, conn, &wanted)?;
    let answer = told(session, conn, &made)?;
    let Some(wait_ms) = wanted.wait_ms else { return Ok(answer) };
    let ids = made.iter().map(|job| job.id).collect();
    wait::until_ended(session, conn, ids, std::time::Duration::from_millis(wait_ms)).and_then(Waited::answer)
}

/// Enqueues in transactions of 10,000. When a later one is refused the earlier ones stay, and that is said.
fn make(session: &Session, conn: &mut PgConnection, wanted: &Wanted) -> Result<Vec<Enqueued>, Failure> {
    let mut made: Vec<Enqueued> = Vec::with_capacity(wanted.count);
    while made.len() < wanted.count {
        let jobs = vec![wanted.job.clone(); (wanted.count - made.len()).min(JOBS_PER_CALL_MAX)];
        match service::enqueue(conn, &session.actor, &jobs).map_err(refused) {
            Ok(batch) => made.extend(batch),
            Err(failure) if made.is_empty() => return Err(failure),
            Err(failure) => {
                let reason = format!("{} jobs were enqueued, the rest was not: {}", made.len(), failure.reason());
                return Err(Failure::refused(reason));
            }
        }
        ring::notify(conn)?;
    }
    Ok(made)
}

/// The id of each job on a line; one job is told to programs with all its fields.
fn told(session: &Session, conn: &mut PgConnection, made: &[Enqueued]) -> Result<Answer, Failure> {
    let ids: Vec<String> = made.iter().map(|job| job.id.to_string()).collect();
    let existing = made.iter().filter(|job| job.existing).count();
    let answer = match made {
        [one] => match detail(conn, &session.actor.scope, one.id)? {
            Some(job) => told_as::job(&session.actor, &job),
            None => json!({ "id": one.id }), // it has ended and was removed meanwhile
        },
        many => {
            let ids: Vec<_> = many.iter().map(|job| job.id).collect();
            json!({ "ids": ids, "created": made.len() - existing, "existing": existing })
        }
    };
    let answer = Answer::new(ids.join("\n"), answer);
    Ok(match existing {
        0 => answer,
        count => answer.noting(format!("{count} of them existed already: their unique key was taken.")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_given_as_text() {
        assert_eq!(args(r#"{"a":1}"#).expect("arguments"), json!({ "a": 1 }));
        assert_eq!(args(" ").expect("arguments"), json!({}));
        assert!(args("[1]").expect_err("refused").reason().contains("must be a JSON object"));
        assert!(args("@/no/such/file").expect_err("refused").reason().contains("cannot open /no/such/file"));
    }

    #[test]
    fn times_and_spans_are_understood() {
        assert_eq!(time("2026-12-01T06:30:00+01:00").expect("a time").to_rfc3339(), "2026-12-01T05:30:00+00:00");
        assert!(time("tomorrow").is_err());
        assert_eq!(millis("10m"), Ok(600_000));
        assert!(millis("never").is_err() && millis("x").is_err());
    }
}
