//! `GET /operations/{id}/results.csv`: what became of each job.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Path};
use futures_util::stream;

use super::told;
use crate::admin::operations::OperationId;
use crate::admin::operations::results::Results;
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::kit::Kit;

/// Answers with one line per job, in the order in which the operation came to them; memory holds one part of it at a time.
pub async fn download(kit: Data<Kit>, actor: Actor, id: Path<i64>) -> Result<HttpResponse, WebError> {
    let id = OperationId(id.into_inner());
    let results = kit.db.run(move |conn| Results::begin(conn, &actor, id)).await.map_err(told)?;
    let parts = stream::try_unfold(results, move |mut results| {
        let kit = kit.clone();
        async move {
            let read = move |conn: &mut PgConnection| {
                Ok::<_, WebError>(results.next(conn)?.map(|part| (Bytes::from(part), results)))
            };
            kit.db.run(read).await
        }
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"operation-{id}.csv\"")))
        .streaming(Box::pin(parts)))
}
