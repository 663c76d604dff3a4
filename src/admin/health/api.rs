//! `/healthz`, `/readyz` and `/metrics` for load balancers and Prometheus, and how the database is for programs.

use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::database::{self, Health, WatchError};
use super::metrics::{self, PoolUsage};
use super::probe::{self, Check, Here, Verdict};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::api::paths;
use crate::web::error::WebError;
use crate::web::kit::Kit;
use crate::web::respond;
use crate::web::table::{Access, Route};

/// Media type of Prometheus's text format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The routes of health. `/metrics` looks at token and address itself: from this machine it needs no token.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get(paths::HEALTHZ, Access::Open, alive),
        Route::get(paths::READYZ, Access::Open, ready),
        Route::get(paths::METRICS, Access::Open, metrics),
        Route::get(paths::DATABASE_HEALTH, Access::Needs(Permission::ReadHealth), database_health),
    ]
}

/// Answers as long as the process can answer.
async fn alive() -> Result<HttpResponse, WebError> {
    respond::json(StatusCode::OK, &json!({ "status": "alive", "version": env!("CARGO_PKG_VERSION") }))
}

/// Answers 200 when the work can be done, else 503; each check with its reason.
async fn ready(kit: Data<Kit>, here: Data<Here>) -> Result<HttpResponse, WebError> {
    let checks = kit.db.run(move |conn| probe::checks(conn, &here)).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "not ready");
        vec![Check::not("database", Verdict::Fail, "the database cannot be reached")]
    });
    let is_ready = checks.iter().all(|check| check.verdict != Verdict::Fail);
    let (status, word) =
        if is_ready { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    respond::json(status, &json!({ "status": word, "checks": checks }))
}

/// Answers with all metrics, to this machine and to tokens with `health:read`.
async fn metrics(request: HttpRequest, actor: Option<Actor>, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    if !is_from_here(&request) {
        actor.ok_or(WebError::SignIn)?.require(Permission::ReadHealth)?;
    }
    let read = kit.db.run(metrics::read).await?;
    let (open, idle) = kit.db.pool().usage();
    let text = read.told(PoolUsage { open, idle }, kit.clock.now());
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, EXPOSITION)).body(text))
}

/// Answers with what was seen of the database last, what is wrong with it, and the last hour.
async fn database_health(actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let read = move |conn: &mut PgConnection| {
        let Health { sample, warnings } = database::latest(conn, &actor).map_err(|error| match error {
            WatchError::Forbidden(lacking) => WebError::from(lacking),
            WatchError::Db(error) => error.into(),
        })?;
        let course = database::course(conn)?;
        Ok::<_, WebError>(json!({ "sample": sample, "warnings": warnings, "course": course }))
    };
    respond::json(StatusCode::OK, &kit.db.run(read).await?)
}

/// A proxy on this machine forwards requests from elsewhere, and says so.
fn is_from_here(request: &HttpRequest) -> bool {
    let forwarded =
        [header::X_FORWARDED_FOR, header::FORWARDED].iter().any(|name| request.headers().contains_key(name));
    !forwarded && request.peer_addr().is_some_and(|address| address.ip().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn only_this_machine_is_here() {
        let from = |address: &str| TestRequest::get().peer_addr(address.parse().expect("an address"));

        assert!(is_from_here(&from("127.0.0.1:5000").to_http_request()));
        assert!(is_from_here(&from("[::1]:5000").to_http_request()));
        assert!(!is_from_here(&from("10.0.0.1:5000").to_http_request()));
        assert!(!is_from_here(
            &from("127.0.0.1:5000").insert_header(("X-Forwarded-For", "10.0.0.1")).to_http_request()
        ));
        assert!(!is_from_here(&TestRequest::get().to_http_request()));
    }
}
