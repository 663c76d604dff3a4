//! `GET /operations/{id}/results.csv`: what became of each job.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, ContentType};
use actix_web::web::{Data, Path};

use super::told;
use crate::admin::operations::OperationId;
use crate::admin::operations::service;
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::kit::Kit;

/// Answers with one line per job, in the order in which the operation came to them.
pub async fn download(kit: Data<Kit>, actor: Actor, id: Path<i64>) -> Result<HttpResponse, WebError> {
    let id = OperationId(id.into_inner());
    let text = kit.db.run(move |conn| service::results(conn, &actor, id)).await.map_err(told)?;
    let name = format!("attachment; filename=\"operation-{id}.csv\"");
    let csv = ContentType("text/csv; charset=utf-8".parse().map_err(WebError::fault)?);
    Ok(HttpResponse::Ok().content_type(csv).insert_header((CONTENT_DISPOSITION, name)).body(text))
}
