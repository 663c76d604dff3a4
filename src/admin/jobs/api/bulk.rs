//! `POST /api/v1/jobs/bulk`: up to 10,000 jobs in one transaction, as a JSON list or as lines of JSON.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::new_job::new_job;
use super::refusal::{problem, refused};
use crate::admin::jobs::idempotency::enqueue_once;
use crate::admin::jobs::service::JobError;
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::enqueue::{Enqueued, JOBS_PER_CALL_MAX, NewJob};
use crate::queue::idempotency::{Once, RequestKey};
use crate::queue::ring::{Call, Ringer};
use crate::web::api::{Asked, document, told};
use crate::web::error::WebError;
use crate::web::form::Problem;
use crate::web::kit::Kit;
use crate::web::respond;

/// Largest body, in bytes.
pub const BULK_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Answers with the ids in the order of the request: 201, or 200 when nothing new was made.
pub(super) async fn enqueue(
    request: HttpRequest,
    payload: Payload,
    actor: Actor,
    kit: Data<Kit>,
    ringer: Data<Ringer>,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BULK_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    // reading megabytes of JSON takes long enough to be done on a blocking thread
    let made = kit.db.run(move |conn| make(conn, &actor, key.as_ref(), &asked.body)).await?;
    ringer.ring(Call::All); // after the commit
    let created = made.iter().filter(|job| !job.existing).count();
    let ids: Vec<_> = made.iter().map(|job| job.id).collect();
    let status = if created > 0 { StatusCode::CREATED } else { StatusCode::OK };
    respond::json(status, &json!({ "ids": ids, "created": created, "existing": ids.len() - created }))
}

fn make(
    conn: &mut PgConnection,
    actor: &Actor,
    key: Option<&RequestKey>,
    body: &[u8],
) -> Result<Vec<Enqueued>, WebError> {
    let batch = Batch::read(body)?;
    if batch.jobs.is_empty() {
        return Ok(Vec::new());
    }
    match enqueue_once(conn, actor, key, &batch.jobs).map_err(|error| batch.refused(error))? {
        Once::Done(made) => Ok(made),
        Once::Repeated(made) => Ok(made.into_iter().map(|job| Enqueued { existing: true, ..job }).collect()),
        Once::OtherRequest => Err(Asked::other_request()),
    }
}

/// The jobs of a request; of lines of JSON also the line of each.
struct Batch {
    jobs: Vec<NewJob>,
    lines: Vec<usize>,
}

impl Batch {
    /// Reads a list when the first sign is `[`, else lines. Blank lines are left out.
    fn read(body: &[u8]) -> Result<Self, WebError> {
        let is_list = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        let (values, lines) = if is_list { (list(body)?, Vec::new()) } else { lines(body)? };
        if values.len() > JOBS_PER_CALL_MAX {
            let message = format!("{} jobs in one request, at most {JOBS_PER_CALL_MAX} are allowed", values.len());
            return Err(WebError::Invalid(vec![Problem { field: String::new(), message }]));
        }
        let mut batch = Self { jobs: Vec::with_capacity(values.len()), lines };
        let mut problems = Vec::new();
        for (place, value) in values.into_iter().enumerate() {
            match new_job(value, &format!("/{place}")) {
                Ok(job) => batch.jobs.push(job),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() { Ok(batch) } else { Err(batch.told(problems)) }
    }

    fn refused(&self, error: JobError) -> WebError {
        match error {
            // a single job's refusals do not name its place in the list
            JobError::Refused(refusals) => {
                let prefix = if self.jobs.len() == 1 { "/0" } else { "" };
                let placed = |one: Problem| Problem { field: format!("{prefix}{}", one.field), ..one };
                self.told(refusals.into_iter().map(problem).map(placed).collect())
            }
            other => refused(other),
        }
    }

    /// Adds the line to each problem of lines.
    fn told(&self, problems: Vec<Problem>) -> WebError {
        let line = |field: &str| {
            let place: usize = field.split('/').nth(1)?.parse().ok()?;
            self.lines.get(place).copied()
        };
        told(
            problems
                .into_iter()
                .map(|one| match line(&one.field) {
                    Some(line) => Problem { message: format!("line {line}: {}", one.message), ..one },
                    None => one,
                })
                .collect(),
        )
    }
}

fn list(body: &[u8]) -> Result<Vec<Value>, WebError> {
    match document(body, 2, "")? {
        Value::Array(values) => Ok(values),
        _ => Ok(Vec::new()), // a text that begins with [ is a list
    }
}

fn lines(body: &[u8]) -> Result<(Vec<Value>, Vec<usize>), WebError> {
    let (mut values, mut numbers) = (Vec::new(), Vec::new());
    for (at, line) in body.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let value = document(line, 1, &format!("/{}", values.len())).map_err(|error| at_line(error, at + 1))?;
        values.push(value);
        numbers.push(at + 1);
    }
    Ok((values, numbers))
}

/// The reader of one line knows only that line.
fn at_line(error: WebError, line: usize) -> WebError {
    match error {
        // to its reader the line is the first of its text: one number is enough
        WebError::Malformed(what) => {
            WebError::Malformed(format!("Line {line}: {}", what.replacen("(line 1, ", "(", 1)))
        }
        WebError::Invalid(problems) => WebError::Invalid(
            problems
                .into_iter()
                .map(|one| Problem { message: format!("line {line}: {}", one.message), ..one })
                .collect(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> String {
        match Batch::read(body.as_bytes()).err().expect("refused") {
            WebError::Malformed(sentence) => sentence,
            WebError::Invalid(problems) => format!("{} {}", problems[0].field, problems[0].message),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_list_and_lines_say_the_same() {
        let list = Batch::read(br#" [{"template":"a"}, {"template":"b"}]"#).unwrap();
        let lines = Batch::read(b"{\"template\":\"a\"}\r\n\n{\"template\":\"b\"}\n").unwrap();

        assert_eq!(list.jobs, lines.jobs);
        assert_eq!((list.lines, lines.lines), (vec![], vec![1, 3]));
        assert!(Batch::read(b"").unwrap().jobs.is_empty() && Batch::read(b"[]").unwrap().jobs.is_empty());
    }

    #[test]
    fn faults_name_their_line_or_place() {
        assert_eq!(told(r#"[{"template":"a"},{"tmplate":"b"}]"#), "/1/template template is required");
        assert_eq!(
            told("{\"template\":\"a\"}\n\n{\"template\":7}"),
            "/1/template line 3: template must be a text, not 7"
        );
        assert!(told("{\"template\":\"a\"}\n{").starts_with("Line 2: /1: The contents are not JSON"));
        assert!(told("{\"template\":\"a\"}\n{\"args\":{\"x\":\"\\u0000\"}}").starts_with("/1/args/x line 2: "));
        assert_eq!(
            told("{\"a\":1} 5").split(" (").next(),
            Some("Line 1: /0: The contents are not JSON: trailing characters")
        );
    }

    #[test]
    fn too_many_are_refused_before_anything_is_looked_up() {
        let body = "{\"template\":\"a\"}\n".repeat(JOBS_PER_CALL_MAX + 1);

        assert!(told(&body).contains("10001 jobs in one request, at most 10000"));
    }
}
