//! Those whom the demo's HTTP jobs call: a small server on 127.0.0.1 that answers as partners do, mostly well. Only `millrace
//! demo` starts it.

use std::net::TcpListener;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{Path, get, post};
use actix_web::{App, HttpResponse, HttpServer, rt};

use crate::base::random;
use crate::demo::{GONE, SHAKY};

/// How likely the overloaded partner sends a call away.
const SENT_AWAY: f64 = 0.15;
/// Longest time that a partner thinks.
const THINKS_MAX: Duration = Duration::from_millis(400);

/// A running server of partners.
pub struct Partners {
    handle: ServerHandle,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Partners {
    /// Answers on `listener` until [`Partners::stop`].
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(listener: TcpListener) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::Builder::new().name("mr-partners".into()).spawn(move || {
            rt::System::new().block_on(async move {
                let server = HttpServer::new(|| {
                    App::new()
                        .route("/hooks/{partner}", post().to(hook))
                        .route("/rates/{base}", get().to(rates))
                        .route("/health", get().to(HttpResponse::Ok))
                });
                let server = server.workers(1).disable_signals().shutdown_timeout(1).listen(listener)?.run();
                if sender.send(server.handle()).is_err() {
                    return Ok(()); // nobody waits for us any more
                }
                server.await
            })
        })?;
        let handle = receiver.recv().map_err(|_| std::io::Error::other("the demo's partners did not start"))?;
        Ok(Self { handle, thread })
    }

    /// Ends the server.
    pub fn stop(self) {
        drop(self.handle.stop(false)); // asks; the thread's end is the answer
        if !matches!(self.thread.join(), Ok(Ok(()))) {
            tracing::warn!("the demo's partners did not end well");
        }
    }
}

async fn hook(partner: Path<String>) -> HttpResponse {
    think().await;
    match partner.as_str() {
        GONE => HttpResponse::Gone().body("this endpoint has moved"),
        SHAKY if random::unit() < SENT_AWAY => HttpResponse::ServiceUnavailable().body("try again in a moment"),
        _ => HttpResponse::NoContent().finish(),
    }
}

async fn rates(base: Path<String>) -> HttpResponse {
    think().await;
    let of = |rate: f64| (rate * (0.99 + 0.02 * random::unit()) * 10_000.0).round() / 10_000.0;
    let rates = serde_json::json!({ "USD": of(1.09), "GBP": of(0.84), "CHF": of(0.95), "SEK": of(11.2) });
    HttpResponse::Ok().json(serde_json::json!({ "base": base.as_str(), "rates": rates }))
}

async fn think() {
    rt::time::sleep(THINKS_MAX.mul_f64(random::unit().powi(3))).await;
}
