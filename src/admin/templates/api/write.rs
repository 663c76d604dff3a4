//! `PUT /api/v1/templates/{name}`: saves a document as a new version.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::read::{find, tagged};
use super::refused;
use crate::admin::templates::json as view;
use crate::admin::templates::service::{Draft, save_once};
use crate::base::text::TemplateName;
use crate::queue::actor::Actor;
use crate::queue::template::{TemplateSpec, read_template};
use crate::web::api::{Asked, BODY_BYTES_MAX, base, object, told};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Problem;
use crate::web::kit::Kit;

/// Saves the body as a new version, a draft: 201 when it made the template, 200 else; the same content again makes none.
///
/// `If-Match: "7"` (or `base=7`) refuses when version 7 is not the latest any more, `If-None-Match: *` (or `base=0`) when
/// the template is there already. `message=` tells what changed and why.
pub(super) async fn put(
    (request, payload): (HttpRequest, Payload),
    name: Path<String>,
    query: Query,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let (key, base) = (asked.key(&actor)?, base(request.headers(), &query)?);
    let (name, spec) = template(&name, &asked)?;
    let (clock, message) = (kit.clock.clone(), query.0.text("message").to_owned());
    let work = move |conn: &mut _| {
        let draft = Draft { name: &name, spec: &spec, message: &message, base };
        let saved =
            save_once(conn, &*clock, &actor, &draft, key.as_ref()).map_err(|error| refused(error, "message"))?;
        let saved = saved.outcome().ok_or_else(Asked::other_request)?;
        Ok::<_, WebError>((saved, find(conn, &actor, name.as_str())?))
    };
    let (saved, row) = kit.db.run(work).await?;
    let made = saved.version == 1 && !saved.unchanged;
    let mut body = view::template(&row);
    body["saved"] = json!({ "version": saved.version, "unchanged": saved.unchanged });
    tagged(if made { StatusCode::CREATED } else { StatusCode::OK }, &row, &body)
}

/// Reads the body as the template called `name`.
fn template(name: &str, asked: &Asked) -> Result<(TemplateName, TemplateSpec), WebError> {
    let document = object(&asked.body)?;
    let read = read_template(&document);
    let mut problems: Vec<Problem> =
        read.faults.into_iter().map(|fault| Problem { field: fault.pointer, message: fault.message }).collect();
    let of_address = TemplateName::parse(name);
    match (&of_address, &read.name) {
        (Err(error), _) => problems.insert(0, Problem { field: "name".into(), message: error.to_string() }),
        (Ok(wanted), Some(other)) if wanted != other => {
            let message = format!("must be {wanted}, the name in the address");
            problems.insert(0, Problem { field: "/name".into(), message });
        }
        (Ok(_), _) => {}
    }
    match (of_address, read.spec) {
        (Ok(name), Some(spec)) if problems.is_empty() => Ok((name, spec)),
        _ => Err(told(problems)),
    }
}
