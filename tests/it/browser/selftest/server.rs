//! A web server for the harness's own tests, in a few lines.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// The product's content policy.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Largest form that is read.
const FORM_BYTES_MAX: u64 = 10_000;

/// What answers one request: method and path, and the form that was sent. `None` is status 404.
pub type Site = dyn Fn(&str, &str) -> Option<String> + Send + Sync;

/// Serves `site` under the product's content policy until this process ends, and gives its address.
pub fn serve(site: impl Fn(&str, &str) -> Option<String> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let site: Arc<Site> = Arc::new(site);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let site = Arc::clone(&site);
            thread::spawn(move || answer(stream, &*site)); // Chromium opens connections ahead, and sends nothing
        }
    });
    url
}

fn answer(mut stream: TcpStream, site: &Site) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let head: Vec<String> = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let request = head.first()?.trim_end_matches(" HTTP/1.1").to_owned();
    let length = head.iter().find_map(|line| line.strip_prefix("Content-Length: ")).and_then(|n| n.parse().ok());
    let mut form = String::new();
    reader.take(length.unwrap_or(0).min(FORM_BYTES_MAX)).read_to_string(&mut form).ok()?;
    let (status, body) = site(&request, &form).map_or(("404 Not Found", String::new()), |body| ("200 OK", body));
    let kind = match request.rsplit_once('.') {
        Some((_, "js")) => "text/javascript",
        Some((_, "css")) => "text/css",
        Some((_, "svg")) => "image/svg+xml",
        _ => "text/html; charset=utf-8",
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Security-Policy: {POLICY}");
    write!(stream, "{head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok()
}
