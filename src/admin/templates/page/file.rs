//! `GET /templates/{name}/file.yaml?version=`: a version as a file that `millrace template apply` takes.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{Data, Path};

use super::{Unread, find, find_one, text_of};
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::kit::Kit;

/// Answers with the file.
pub async fn download(
    kit: Data<Kit>,
    actor: Actor,
    (name, query): (Path<String>, Query),
) -> Result<HttpResponse, WebError> {
    let asked = match query.0.text("version") {
        "" => None,
        text => Some(text.parse::<i32>().map_err(|_| WebError::NotFound)?),
    };
    let read = move |conn: &mut _| {
        let row = find(conn, &actor, &name)?;
        let version = find_one(conn, &row, asked.unwrap_or(row.shown_version()))?;
        Ok::<_, Unread>((text_of(&row.name, &version), format!("{}.v{}.yaml", row.name, version.version)))
    };
    let (text, file) = kit.db.run(read).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/yaml; charset=utf-8"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{file}\"")))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(text))
}
