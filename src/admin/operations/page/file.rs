//! `GET /operations/{id}/file`: what an export wrote down, part by part.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Path};
use futures_util::stream;

use super::told;
use crate::admin::operations::service::{OperationError, file_format};
use crate::admin::operations::{Format, OperationId, read};
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::kit::Kit;

/// `GET /operations/{id}/file`.
pub async fn show(kit: Data<Kit>, actor: Actor, id: Path<i64>) -> Result<HttpResponse, WebError> {
    download(kit, actor, OperationId(id.into_inner())).await.map_err(told)
}

/// Answers with the file of an export; memory holds one part of it at a time.
///
/// # Errors
/// As [`file_format`].
pub async fn download(kit: Data<Kit>, actor: Actor, id: OperationId) -> Result<HttpResponse, OperationError> {
    let format = kit.db.run(move |conn| file_format(conn, &actor, id)).await?;
    let parts = stream::try_unfold(0, move |after| {
        let kit = kit.clone();
        async move {
            let part = kit.db.run(move |conn| read::part(conn, id, after)).await.map_err(WebError::from)?;
            Ok::<_, WebError>(part.map(|(number, body)| (Bytes::from(body), number)))
        }
    });
    let kind = match format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::JsonLines => "application/x-ndjson",
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"jobs-{id}.{}\"", format.as_str())))
        .streaming(Box::pin(parts)))
}
