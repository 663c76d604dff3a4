//! The web server: pools, kit, routes, and a thread that serves them.

use std::any::Any;
use std::net::TcpListener;
use std::sync::mpsc;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::cookie::Key;
use actix_web::dev::ServerHandle;
use actix_web::rt::net::TcpStream;
use actix_web::web::Data;
use socket2::SockRef;

use super::open_failures::{self, Counting};
use super::weakness::{self, Found, Watch};
use crate::admin::health::Here;
use crate::admin::jobs::gather::Gatherer;
use crate::base::clock::SystemClock;
use crate::base::db::{Db, Link, PoolSettings};
use crate::config::Config;
use crate::demo::marker;
use crate::queue::access::cookie;
use crate::queue::ring::Ringer;
use crate::routes;
use crate::web::app::app;
use crate::web::blocking::Database;
use crate::web::guard::Table;
use crate::web::kit::{Banner, Banners, Kit, Settings};
use crate::web::live::Hub;
use crate::web::look::Environment;
use crate::web::parts::Notice;
use crate::web::tone::Tone;

/// Connections of pages and API. The engine, its heartbeat and its settler have their own.
const CONNECTIONS_MAX: u32 = 16;
/// How long a request waits for a connection: pages answer within 2 s while the database is away.
const CONNECTION_WAIT: Duration = Duration::from_millis(1_500);
/// Longest statement of a page.
const STATEMENT_MAX: Duration = Duration::from_secs(5);
/// How long open requests may go on when the server ends.
const END_WAIT_S: u64 = 5;

/// Most bytes of an answer that the kernel keeps unsent for one peer.
const UNSENT_BYTES_MAX: u32 = 128 * 1024;
/// How long a peer may take nothing of what is sent before its connection ends.
const TAKES_NOTHING_MAX: Duration = Duration::from_secs(30);

/// A running web server.
pub struct Web {
    handle: ServerHandle,
    hub: Arc<Hub>,
    thread: JoinHandle<std::io::Result<()>>,
    _weak: Watch,
    _failures: Counting,
}

impl Web {
    /// Serves the console and the API on `listener` until [`Web::stop`].
    ///
    /// # Errors
    /// When no thread can be started, or the database does not tell what the console needs to know.
    pub fn start(listener: TcpListener, config: &Config, database_url: &str) -> std::io::Result<Self> {
        let port = listener.local_addr()?.port();
        let (ringer, gatherer) = (Ringer::start(database_url)?, Gatherer::start(database_url)?);
        let mut link = Link::new(database_url, "web start", STATEMENT_MAX);
        let cookie_key = link.with(cookie::shared_key).map_err(std::io::Error::other)?;
        let is_demo = link.with(marker::read).map_err(std::io::Error::other)?.is_some();
        let weak = weakness::watch(database_url)?;
        let failures = open_failures::count(database_url)?;
        let kit = Kit {
            banners: banners(config, is_demo, Arc::clone(weak.found())),
            open_failures: failures.reader(),
            ..kit(config, port, database_url, &cookie_key)
        };
        let here = Here { node: config.roles.engine.then(|| config.node.clone()) };
        let hub = Arc::clone(&kit.live);
        let (sender, receiver) = mpsc::channel();
        let thread = thread::Builder::new().name("mr-web".into()).spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let (ringer, gatherer, here) = (Data::new(ringer), Data::new(gatherer), Data::new(here));
                let app =
                    move || app(kit.clone()).app_data(ringer.clone()).app_data(gatherer.clone()).app_data(here.clone());
                let server = HttpServer::new(app)
                    .on_connect(|connection, _| bound(connection))
                    .disable_signals() // the supervisor decides when and in which order things end
                    .shutdown_timeout(END_WAIT_S)
                    .listen(listener)?
                    .run();
                if sender.send(server.handle()).is_err() {
                    return Ok(()); // nobody waits for us any more
                }
                server.await
            })
        })?;
        let handle = receiver.recv().map_err(|_| std::io::Error::other("the web server did not start"))?;
        Ok(Self { handle, hub, thread, _weak: weak, _failures: failures })
    }

    /// Stops accepting, ends the streams, lets open requests finish.
    pub fn stop(self) {
        self.hub.close();
        drop(self.handle.stop(true)); // asks; the thread's end is the answer
        match self.thread.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the web server ended with an error"),
            Err(_) => tracing::error!("the web server's thread had panicked"),
        }
    }
}

/// Lets the kernel end a connection whose peer is gone or takes nothing: streams notice nothing while a write waits.
fn bound(connection: &dyn Any) {
    let Some(connection) = connection.downcast_ref::<TcpStream>() else { return };
    let socket = SockRef::from(connection);
    let done = socket
        .set_tcp_nodelay(true) // or the last piece of an answer waits 40 ms for what the peer says of the first
        .and(socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX))
        .and(socket.set_tcp_user_timeout(Some(TAKES_NOTHING_MAX)));
    if let Err(error) = done {
        tracing::warn!(%error, "a connection could not be set up; whoever reads nothing keeps it");
    }
}

fn kit(config: &Config, port: u16, database_url: &str, cookie_key: &[u8]) -> Kit {
    let pool =
        PoolSettings { name: "web", connections_max: CONNECTIONS_MAX, wait: CONNECTION_WAIT, statement: STATEMENT_MAX };
    Kit {
        db: Database::new(Db::new(database_url, pool)),
        clock: Arc::new(SystemClock),
        settings: Arc::new(settings(config, port, cookie_key)),
        table: Arc::new(Table::new(routes::all(cfg!(debug_assertions)))),
        live: Hub::new(),
        banners: banners(config, false, Arc::default()),
        open_failures: Arc::new(|| None),
        rates: Arc::default(),
    }
}

fn settings(config: &Config, port: u16, cookie_key: &[u8]) -> Settings {
    Settings {
        public_url: config.origin(port),
        hosts: config.hosts(port),
        proxies: config.trusted_proxies.clone(),
        environment: Environment::named(config.environment.clone()),
        cookie_key: Key::from(cookie_key),
        design: cfg!(debug_assertions),
    }
}

/// What stands above every page; `weak` is what is wrong with the database, as of the last look.
fn banners(config: &Config, is_demo: bool, weak: Found) -> Arc<Banners> {
    let demo = Notice::new(Tone::Ready, "This is a demo:").saying(
        "the shop, its people and its past are made up; work that goes on is enqueued by the demo itself. Nothing here leaves \
         this machine.",
    );
    let diagnostics = Notice::new(Tone::Retrying, "Diagnostic handlers are on.")
        .saying("Anybody who may publish templates can make this node crash. Not for production.");
    let shown = [is_demo.then_some(demo), config.allow_diagnostics.then_some(diagnostics)];
    let shown: Vec<Banner> = shown.into_iter().flatten().map(Banner::for_all).collect();
    Arc::new(move || {
        let weak = weak.lock().unwrap_or_else(PoisonError::into_inner).clone();
        weak.into_iter().chain(shown.iter().cloned()).collect()
    })
}
