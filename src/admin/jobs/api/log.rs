//! `GET /api/v1/jobs/{id}/log`: lines of JSON, or plain text for whoever asks for it.

use actix_web::http::header;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::refusal::refused;
use crate::admin::jobs::{json, service};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::job::{Fence, JobId};
use crate::queue::log::{self, LogPart};
use crate::web::api::Pages;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::{Form, Problem};
use crate::web::kit::Kit;

/// Lines of one answer when nothing is said.
const LINES: u32 = 1_000;
/// Most lines of one answer.
const LINES_MAX: u32 = 10_000;
/// Tells where to go on; absent at the end of what is there now.
const NEXT: &str = "Millrace-Next";
/// Tells how many bytes were dropped because the log was full.
const DROPPED: &str = "Millrace-Dropped-Bytes";

/// Which lines are wanted.
struct Wanted {
    attempt: Option<i16>,
    after: (Fence, i32),
    limit: usize,
}

/// Answers with a job's log, oldest line first.
pub(super) async fn log(
    request: HttpRequest,
    id: Path<JobId>,
    query: Query,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let wanted = Wanted::of(&query.0)?;
    let limit = wanted.limit;
    let mut part = kit.db.run(move |conn| read(conn, &actor, *id, &wanted)).await?;
    part.more |= part.lines.len() > limit;
    part.lines.truncate(limit);
    Ok(answer(&part, wants_text(&request)))
}

impl Wanted {
    fn of(query: &Form) -> Result<Self, WebError> {
        let refuse = |name: &str, message: &str| {
            WebError::Invalid(vec![Problem { field: name.into(), message: message.into() }])
        };
        let attempt = match query.text("attempt") {
            "" => None,
            text => match text.parse() {
                Ok(number @ 1..) => Some(number),
                _ => return Err(refuse("attempt", "attempt is the number of an attempt, from 1")),
            },
        };
        let after = match query.text("after") {
            "" => (Fence(0), 0),
            text => cursor(text).ok_or_else(|| refuse("after", "after is the cursor of a line, such as 4711.30"))?,
        };
        let only_limit = Form::default().with("limit", query.text("limit"));
        let limit = Pages::of(&Query(only_limit), LINES, LINES_MAX)?.limit as usize;
        Ok(Self { attempt, after, limit })
    }
}

fn cursor(text: &str) -> Option<(Fence, i32)> {
    let (fence, line) = text.split_once('.')?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()); // no sign
    let is_cursor = is_number(fence) && is_number(line);
    is_cursor.then_some((Fence(fence.parse().ok()?), line.parse().ok()?))
}

/// Reads until there are enough lines; each read is bounded, and so is the log.
fn read(conn: &mut PgConnection, actor: &Actor, id: JobId, wanted: &Wanted) -> Result<LogPart, WebError> {
    service::find(conn, actor, id).map_err(refused)?;
    let mut whole = log::read(conn, id, wanted.attempt, wanted.after)?;
    while whole.more && whole.lines.len() <= wanted.limit {
        let Some(last) = whole.lines.last() else { break };
        let next = log::read(conn, id, wanted.attempt, (last.fence, last.number))?;
        whole.dropped_bytes += next.dropped_bytes;
        whole.more = next.more;
        whole.lines.extend(next.lines);
    }
    Ok(whole)
}

/// Lines of JSON unless text is asked for.
fn wants_text(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("text/plain")
}

fn answer(part: &LogPart, as_text: bool) -> HttpResponse {
    let kind = if as_text { "text/plain; charset=utf-8" } else { "application/x-ndjson" };
    let mut answer = HttpResponse::Ok();
    answer.content_type(kind).insert_header((header::VARY, "Accept"));
    if let Some(last) = part.lines.last().filter(|_| part.more) {
        answer.insert_header((NEXT, json::cursor(last)));
    }
    if part.dropped_bytes > 0 {
        answer.insert_header((DROPPED, part.dropped_bytes.to_string()));
    }
    let shown = |line| if as_text { json::log_text(line) } else { json::log_line(line).to_string() };
    answer.body(part.lines.iter().map(|line| shown(line) + "\n").collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_a_fence_and_a_line() {
        assert_eq!(cursor("4711.30"), Some((Fence(4711), 30)));
        for bad in ["", "4711", "a.1", "1.a", "1.99999999999", "1.1.1", "-1.-1", "1.-1", "+1.1"] {
            assert_eq!(cursor(bad), None, "{bad}");
        }
    }
}
