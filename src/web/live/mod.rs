//! Live pages: one event stream per page, rendered once for all who look at the same thing.
//!
//! ```text
//! GET /live/job?…  ─▶ Hub ─▶ Topic (page, query, rights) ── every tick ─▶ render on a blocking thread ─▶ Frame
//!                              │ subscriber 1: what changed since the last frame     panels, compared by hash
//!                              │ subscriber 2: everything, because it is new         log rows after its cursor
//!                              └ each: ping every 10 s, cut when slow, ended with its session or its rights
//! ```
//! A frame's panels are complete, so a lost message cannot leave a wrong page: the first message after every connect
//! carries all of them. A page that has swapped in the answer of an act asks for a fresh stream (`app.js`): what is again as
//! it was before the act would not be sent otherwise. Log rows are numbered; a browser that comes back says after which number (`Last-Event-ID`).
//! A rendering that is shared knows the rights it is made for and not the person; what depends on who looks is rendered for each person
//! ([`LivePage::OF_ONE_PERSON`]). Browsers get their messages deflated (`packed.rs`). Most pages are a [`LivePage`]: shown and streamed from one reading.
mod acted;
mod frame;
mod packed;
mod page;
mod stream;
mod topic;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_session::SessionExt;
use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

use super::error::WebError;
use super::form::Form;
use super::kit::Kit;
use super::session;
use crate::base::db::PgConnection;
use crate::queue::access::session::SignedIn;
use crate::queue::actor::PersonId;

pub use acted::{ActedOn, FROM, FROM_LIST, Kind, after, back, from, is_from_list};
pub use frame::{Frame, Panel, Tail};
pub use page::{Address, Listener, LivePage, Refusal, panels, show, stream, told};
pub use topic::LiveError;

use topic::{Subscriber, Topic};

/// Most streams that one person may have open; a sixth page says so and offers to be loaded again.
pub const STREAMS_PER_PERSON_MAX: usize = 5;
/// How often, and with which pause, a place is asked for before a stream is refused: whoever goes from page to page
/// leaves streams behind that are noticed a moment later.
const PLACE_TRIES: usize = 10;
const PLACE_PAUSE: Duration = Duration::from_millis(300);
/// Most different things looked at on one server at once.
pub const TOPICS_MAX: usize = 500;

/// Makes a frame: called once per tick for all who look, with the number after which log rows are wanted.
type Render = dyn Fn(&mut PgConnection, u64) -> Result<Frame, LiveError> + Send + Sync;

/// What a page shows live.
struct Show {
    /// Name of the page, `job`. With the query and the viewer's rights it decides who shares a rendering.
    page: &'static str,
    /// Time between two renderings.
    every: Duration,
    /// Whose it is; `None` = everybody's with the same rights and zone.
    of: Option<PersonId>,
    /// Makes the frame. It must look only at what it was made from: page, query, zone, role and scope, and the person it is of.
    render: Arc<Render>,
}

/// All streams of one server.
#[derive(Default)]
pub struct Hub {
    topics: Mutex<HashMap<String, Arc<Topic>>>,
    streams: Mutex<HashMap<PersonId, usize>>,
}

impl Hub {
    /// Makes a hub without streams.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Ends every stream, so that a server that stops does not wait for them. Browsers come back by themselves.
    pub fn close(&self) {
        for (_, topic) in self.topics().drain() {
            topic.close();
        }
    }

    /// Tells how many streams are open.
    pub fn open_streams(&self) -> usize {
        self.streams().values().sum()
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<String, Arc<Topic>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<PersonId, usize>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_place(self: &Arc<Self>, person: PersonId) -> Result<Place, WebError> {
        let mut streams = self.streams();
        let open = streams.entry(person).or_default();
        if *open >= STREAMS_PER_PERSON_MAX {
            let what = "Five live pages of yours are open already";
            return Err(WebError::TooMany { wait: Duration::from_secs(60), what });
        }
        *open += 1;
        Ok(Place { hub: Arc::clone(self), person })
    }

    /// Puts `subscriber` to others who look at the same, or starts looking. Under the lock that an ending topic takes too.
    fn join(self: &Arc<Self>, kit: &Kit, key: String, show: Show, subscriber: Subscriber) -> Result<(), WebError> {
        let mut topics = self.topics();
        if let Some(topic) = topics.get(&key) {
            topic.add(subscriber);
            return Ok(());
        }
        if topics.len() >= TOPICS_MAX {
            return Err(WebError::TooMany { wait: Duration::from_secs(60), what: "Too many live pages are open" });
        }
        let topic = Arc::new(Topic::new(show.every, show.render, subscriber));
        topics.insert(key.clone(), Arc::clone(&topic));
        actix_web::rt::spawn(topic::run(kit.clone(), Arc::clone(self), key, topic));
        Ok(())
    }

    /// Forgets the topic under `key` if nobody looks any more, and tells whether it did.
    fn forget_if_empty(&self, key: &str) -> bool {
        let mut topics = self.topics();
        let empty = topics.get(key).is_none_or(|topic| topic.is_empty());
        if empty {
            topics.remove(key);
        }
        empty
    }
}

/// One of a person's five places. Given back when the stream is dropped, however it ends.
struct Place {
    hub: Arc<Hub>,
    person: PersonId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut streams = self.hub.streams();
        if let Some(open) = streams.get_mut(&self.person) {
            *open -= 1;
            if *open == 0 {
                streams.remove(&self.person);
            }
        }
    }
}

/// Answers `GET /live/{page}` with a stream. The handler has checked that the viewer may see the object. `HEAD` gets the same headers
/// and takes no place: nothing is ever written to its connection, so that nobody would notice that it is gone.
///
/// # Errors
/// [`WebError::TooMany`] when the person has five streams, [`WebError::SignIn`] without a session.
async fn open(request: &HttpRequest, viewer: &SignedIn, show: Show) -> Result<HttpResponse, WebError> {
    let kit = Kit::of(request);
    let session = session::key(&request.get_session()).ok_or(WebError::SignIn)?;
    let packs = packed::is_read_by(request.headers());
    if request.method() == Method::HEAD {
        return Ok(beginning(packs).finish());
    }
    let place = wait_for_place(&kit.live, viewer.person).await?;
    let (sender, body) = stream::channel(place);
    let subscriber = Subscriber::new(sender, session, viewer, cursor(request)?);
    let subscriber = if packs { subscriber.packing() } else { subscriber };
    kit.live.join(kit, key(request, viewer, (show.page, show.of))?, show, subscriber)?;
    Ok(beginning(packs).body(body))
}

fn beginning(packs: bool) -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_ENCODING, if packs { "gzip" } else { "identity" })) // or Compress would hold ticks back
        .insert_header(("X-Accel-Buffering", "no"));
    answer
}

async fn wait_for_place(hub: &Arc<Hub>, person: PersonId) -> Result<Place, WebError> {
    for _ in 1..PLACE_TRIES {
        if let Ok(place) = hub.take_place(person) {
            return Ok(place);
        }
        actix_web::rt::time::sleep(PLACE_PAUSE).await;
    }
    hub.take_place(person)
}

/// Who may share a rendering: the same page, asked in the same words, by people with the same rights and zone; a page of one person only
/// with themselves.
fn key(request: &HttpRequest, viewer: &SignedIn, (page, of): (&str, Option<PersonId>)) -> Result<String, WebError> {
    let mut query = Form::parse(request.query_string().as_bytes())?.into_fields();
    query.retain(|(name, _)| name != AFTER);
    let actor = &viewer.actor;
    Ok(format!("{page} {of:?} {} {query:?} {:?} {:?} {}", request.path(), actor.role, actor.scope, viewer.zone))
}

/// Query parameter with the number of the last log row that the page was loaded with.
const AFTER: &str = "after";

/// The number after which log rows are wanted: what a browser that comes back says, else what its page was loaded with.
fn cursor(request: &HttpRequest) -> Result<u64, WebError> {
    let last = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let query = Form::parse(request.query_string().as_bytes())?;
    Ok(last.or_else(|| query.text(AFTER).parse().ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sixth_stream_is_refused_until_one_ends() {
        let hub = Hub::new();
        let mut places: Vec<_> = (0..STREAMS_PER_PERSON_MAX).filter_map(|_| hub.take_place(PersonId(1)).ok()).collect();

        assert!(matches!(hub.take_place(PersonId(1)), Err(WebError::TooMany { .. })));
        assert!(hub.take_place(PersonId(2)).is_ok());

        places.pop();
        assert!(hub.take_place(PersonId(1)).is_ok());
        drop(places);
        assert_eq!(hub.open_streams(), 0);
    }
}
