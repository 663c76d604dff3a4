//! Style, script, icons and fonts, compiled into the binary and addressed by a hash of all of them together.
//!
//! One hash for the whole set keeps relative addresses inside the stylesheet valid. Under the right hash a file never
//! changes and is kept by browsers for a year; under another one (a page of an older node during a rolling upgrade) the
//! present file is served and asked for again next time. Debug builds read the files from disk and are never kept.

use std::sync::LazyLock;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use sha2::{Digest, Sha256};

use super::paths;

#[derive(rust_embed::Embed)]
#[folder = "static/"]
struct Files;

/// How long a browser may keep a file: a year, in seconds, and without asking.
const KEEP: &str = "public, max-age=31536000, immutable";
/// A file that may change under its address is asked for with its ETag each time.
const ASK: &str = "no-cache";

static HASH: LazyLock<String> = LazyLock::new(|| {
    let mut names: Vec<_> = Files::iter().collect();
    names.sort();
    let mut hash = Sha256::new();
    for name in &names {
        hash.update(name.as_bytes());
        hash.update(Files::get(name).map(|file| file.metadata.sha256_hash()).unwrap_or_default());
    }
    hex(&hash.finalize()[..4])
});

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Gives the address of a file under `static/`.
pub fn url(name: &str) -> String {
    format!("/static/{}/{name}", *HASH)
}

/// `GET` and `HEAD` of [`paths::ASSET`]: the file, 304 when the browser has it, 404 when there is none.
pub async fn serve(request: HttpRequest, place: web::Path<(String, String)>) -> HttpResponse {
    let (hash, name) = place.into_inner();
    let (Some(kind), Some(file)) = (kind(&name), Files::get(&name)) else {
        return HttpResponse::NotFound().finish();
    };
    let etag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..8]));
    let caching = if hash == *HASH && !cfg!(debug_assertions) { KEEP } else { ASK };
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| holds(known, &etag));
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header((header::ETAG, etag)).insert_header((header::CACHE_CONTROL, caching));
    match known {
        true => answer.finish(),
        false => answer.content_type(kind).body(file.data.into_owned()),
    }
}

/// Tells whether an `If-None-Match` names the tag; a proxy that compressed the answer may have made it weak.
fn holds(known: &HeaderValue, etag: &str) -> bool {
    known.to_str().is_ok_and(|list| list.split(',').any(|one| one.trim().trim_start_matches("W/") == etag))
}

/// Gives the media type of a file that may be served; lists and locks beside the vendored files may not.
fn kind(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "woff2" => Some("font/woff2"),
        "txt" if !name.ends_with("icons.txt") => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}

/// Registers the files. Outside the session's scope: a file needs no session.
pub fn register(routes: &mut web::ServiceConfig) {
    let get_or_head = || actix_web::guard::Any(actix_web::guard::Get()).or(actix_web::guard::Head());
    routes.route(paths::ASSET, web::route().guard(get_or_head()).to(serve));
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{App, http::StatusCode, test};

    async fn ask(uri: &str, known: Option<&str>) -> actix_web::dev::ServiceResponse {
        let app = test::init_service(App::new().configure(register)).await;
        let mut request = test::TestRequest::get().uri(uri);
        if let Some(known) = known {
            request = request.insert_header((header::IF_NONE_MATCH, known));
        }
        test::call_service(&app, request.to_request()).await
    }

    #[actix_web::test]
    async fn a_known_file_is_not_sent_again() {
        let first = ask(&url("app.css"), None).await;
        assert_eq!(first.status(), StatusCode::OK);
        let etag = first.headers().get(header::ETAG).expect("an etag").to_str().expect("text").to_owned();

        assert_eq!(ask(&url("app.css"), Some(&etag)).await.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(ask(&url("app.css"), Some(&format!("W/{etag}"))).await.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(ask(&url("app.css"), Some("\"other\"")).await.status(), StatusCode::OK);
    }

    #[actix_web::test]
    async fn an_older_page_still_finds_its_files_but_may_not_keep_them() {
        let answer = ask("/static/00000000/vendor/htmx/htmx.min.js", None).await;

        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers().get(header::CACHE_CONTROL), Some(&HeaderValue::from_static(ASK)));
    }

    #[actix_web::test]
    async fn nothing_else_is_served() {
        for uri in [url("vendor/vendor.lock"), url("nothing.css"), url("../Cargo.toml"), url("%2e%2e/Cargo.toml")] {
            assert_eq!(ask(&uri, None).await.status(), StatusCode::NOT_FOUND, "{uri}");
        }
    }
}
