//! One thing that is looked at: renders it once per tick and tells everybody what is new to them.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::rt::time::timeout;
use actix_web::web::Bytes;
use askama::Template;
use tokio::sync::{Notify, mpsc};

use super::frame::{Frame, Panel, Sent, message, named};
use super::packed::{self, Packer};
use super::page::Refusal;
use super::{Hub, Render};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection};
use crate::queue::access::rights::{self, Rights};
use crate::queue::access::{Hash, session};
use crate::web::bell::Bell;
use crate::web::error::WebError;
use crate::web::kit::Kit;

/// Time between two signs of life when nothing changes. The browser takes 20 s of silence for a broken stream.
const PING_EVERY: Duration = Duration::from_secs(10);
/// Time between two comments that nobody reads, each with a look at everybody's rights: whoever has lost theirs is cut within a second,
/// also when that look takes a while. A browser that has left is noticed only when something is written to it, and until then it would
/// keep one of its person's five places.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The thing is gone; the sentence says how. The stream ends.
    #[error("ended: {0}")]
    Ended(String),
    /// The database could not be asked, or a template failed. The next tick tries again; meanwhile no pings are sent, so
    /// pages say "out of date".
    #[error(transparent)]
    Failed(#[from] WebError),
}

impl LiveError {
    /// Says what a refusal means for a stream: a failure passes, everything else ends it.
    pub fn of(refusal: impl Refusal) -> Self {
        let why = refusal.to_string();
        let told = refusal.told();
        if told.status().is_server_error() { Self::Failed(told) } else { Self::Ended(why) }
    }
}

impl From<DbError> for LiveError {
    fn from(error: DbError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<askama::Error> for LiveError {
    fn from(error: askama::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// One open page.
pub(super) struct Subscriber {
    sender: mpsc::Sender<Bytes>,
    session: Hash,
    rights: Rights,
    /// Number of the last log row it has.
    cursor: u64,
    /// Unread messages that its page shows; `None` = not looked at yet.
    unread: Option<u32>,
    /// It has seen nothing yet: the first message carries everything.
    fresh: bool,
    /// It reads messages as they are packed.
    packs: bool,
}

impl Subscriber {
    pub(super) fn new(sender: mpsc::Sender<Bytes>, session: Hash, viewer: &session::SignedIn, cursor: u64) -> Self {
        let rights = Rights { role: viewer.actor.role, scope: viewer.actor.scope.clone() };
        Self { sender, session, rights, cursor, unread: None, fresh: true, packs: false }
    }

    /// It gets its messages packed from now on, behind a header. A queue that is full before its first message is not one.
    pub(super) fn packing(mut self) -> Self {
        self.packs = self.sender.try_send(Bytes::from_static(packed::HEADER)).is_ok();
        self
    }

    /// Tells it how many messages are unread, if that is news; in its first message they stand anyway. False = it is too slow.
    fn hear(&mut self, unread: u32, packer: &mut Packer) -> bool {
        let is_news = self.unread.replace(unread) != Some(unread);
        !is_news || self.fresh || self.send(&bell(unread), packer)
    }

    /// Tells whether it took the message. A full queue means a reader that is too slow.
    fn send(&self, text: &str, packer: &mut Packer) -> bool {
        let message = if self.packs { packer.pack(text) } else { Bytes::copy_from_slice(text.as_bytes()) };
        self.sender.try_send(message).is_ok()
    }
}

/// The count on the bell, which is each reader's own.
fn bell(unread: u32) -> String {
    let html = Bell::new(unread).render().unwrap_or_default(); // nothing in it can fail
    let panel = Panel { id: "bell-count".into(), html };
    message([&panel], None, 0).0.unwrap_or_default()
}

/// What is looked at, and by whom.
pub(super) struct Topic {
    every: Duration,
    render: Arc<Render>,
    subscribers: Mutex<Vec<Subscriber>>,
    arrived: Notify,
}

impl Topic {
    pub(super) fn new(every: Duration, render: Arc<Render>, first: Subscriber) -> Self {
        Self { every, render, subscribers: Mutex::new(vec![first]), arrived: Notify::new() }
    }

    /// Adds somebody who gets the whole frame at once instead of at the next tick.
    pub(super) fn add(&self, subscriber: Subscriber) {
        self.subscribers().push(subscriber);
        self.arrived.notify_one();
    }

    /// Ends all streams without a word.
    pub(super) fn close(&self) {
        self.subscribers().clear();
        self.arrived.notify_one();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.subscribers().is_empty()
    }

    fn subscribers(&self) -> MutexGuard<'_, Vec<Subscriber>> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the streams of those whose session no longer has the rights that the rendering was made for.
    fn check_rights(&self, conn: &mut PgConnection, now: Time) -> Result<(), DbError> {
        let sessions: Vec<Hash> = self.subscribers().iter().map(|one| one.session).collect();
        let held = rights::of_sessions(conn, &sessions, now)?;
        let mut packer = Packer::default();
        self.subscribers().retain_mut(|one| {
            let arrived_since = !sessions.contains(&one.session);
            let now = held.get(one.session.as_slice());
            let stays = arrived_since || now.is_some_and(|held| held.rights == one.rights);
            if !stays {
                one.send(&named("bye", "your session or your rights have changed"), &mut packer);
            }
            stays && now.is_none_or(|held| one.hear(held.unread, &mut packer))
        });
        Ok(())
    }

    /// Renders for those who may look. On a blocking thread.
    fn look(&self, conn: &mut PgConnection, now: Time) -> Result<Frame, LiveError> {
        self.check_rights(conn, now)?;
        let after = self.subscribers().iter().map(|one| one.cursor).min().unwrap_or(0);
        (self.render)(conn, after)
    }

    /// Tells everybody what is new to them; whoever does not take it is cut.
    fn tell(&self, frame: &Frame, sent: &mut Sent) {
        let (changed, mut packer) = (sent.changed(frame), Packer::default());
        self.subscribers().retain_mut(|subscriber| {
            let tail = frame.tail.as_ref();
            let (text, cursor) = match subscriber.fresh {
                true => message(&frame.panels, tail, subscriber.cursor),
                false => message(changed.iter().copied(), tail, subscriber.cursor),
            };
            let bell = subscriber.unread.filter(|_| subscriber.fresh).map(bell);
            (subscriber.cursor, subscriber.fresh) = (cursor, false);
            let text: String = [text, bell].into_iter().flatten().collect();
            text.is_empty() || subscriber.send(&text, &mut packer)
        });
    }

    fn tell_all(&self, text: &str) {
        let mut packer = Packer::default();
        self.subscribers().retain(|subscriber| subscriber.send(text, &mut packer));
    }
}

/// Looks and tells until nobody looks any more or the thing is gone.
pub(super) async fn run(kit: Kit, hub: Arc<Hub>, key: String, topic: Arc<Topic>) {
    let (mut sent, mut pinged) = (Sent::default(), Instant::now());
    let mut due = Instant::now();
    while !(topic.is_empty() && hub.forget_if_empty(&key)) {
        if due <= Instant::now() {
            let mut ticking = pin!(tick(&kit, &key, &topic, &mut sent, &mut pinged));
            // a rendering may take as long as a page: rights are not held up by it
            while timeout(PROBE_EVERY, ticking.as_mut()).await.is_err() {
                probe(&kit, &topic).await;
            }
            due = Instant::now() + topic.every;
        } else {
            probe(&kit, &topic).await;
        }
        let wait = due.saturating_duration_since(Instant::now()).min(PROBE_EVERY);
        if timeout(wait, topic.arrived.notified()).await.is_ok() {
            due = Instant::now(); // whoever arrives is not left waiting for the tick
        }
    }
}

/// Between two renderings and beside a long one: whoever has left is noticed, and whoever has lost their rights is cut.
async fn probe(kit: &Kit, topic: &Arc<Topic>) {
    let (checking, now) = (Arc::clone(topic), kit.clock.now());
    if let Err(error) = kit.db.run(move |conn| checking.check_rights(conn, now)).await {
        let error: DbError = error;
        tracing::debug!(%error, "the rights of a stream's readers could not be looked at");
    }
    topic.tell_all(":\n\n");
}

async fn tick(kit: &Kit, key: &str, topic: &Arc<Topic>, sent: &mut Sent, pinged: &mut Instant) {
    let (looking, now) = (Arc::clone(topic), kit.clock.now());
    match kit.db.run(move |conn| looking.look(conn, now)).await {
        Ok(frame) => {
            topic.tell(&frame, sent);
            if pinged.elapsed() >= PING_EVERY {
                topic.tell_all(&named("ping", &now.to_rfc3339()));
                *pinged = Instant::now();
            }
        }
        Err(LiveError::Ended(why)) => {
            topic.tell_all(&named("bye", &why));
            topic.close();
        }
        Err(error) => tracing::warn!(page = key.split(' ').next(), %error, "a live page could not be rendered"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::actor::Scope;
    use crate::queue::permission::Role;
    use crate::web::live::Tail;

    fn subscriber(cursor: u64) -> (Subscriber, mpsc::Receiver<Bytes>) {
        let (sender, receiver) = mpsc::channel(2);
        let rights = Rights { role: Role::Admin, scope: Scope::default() };
        (Subscriber { sender, session: [0; 32], rights, cursor, unread: None, fresh: true, packs: false }, receiver)
    }

    fn frame(html: &str, rows: &[u64]) -> Frame {
        let rows = rows.iter().map(|number| (*number, format!("<li>{number}</li>"))).collect();
        Frame {
            panels: vec![Panel { id: "a".into(), html: html.into() }, Panel { id: "b".into(), html: "same".into() }],
            tail: Some(Tail { id: "rows".into(), rows }),
        }
    }

    fn texts(receiver: &mut mpsc::Receiver<Bytes>) -> Vec<String> {
        std::iter::from_fn(|| receiver.try_recv().ok())
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .collect()
    }

    fn topic(first: Subscriber) -> Topic {
        Topic::new(Duration::from_secs(1), Arc::new(|_, _| Ok(Frame::default())), first)
    }

    #[test]
    fn the_first_message_carries_everything_and_later_ones_what_changed() {
        let (first, mut inbox) = subscriber(4);
        let (topic, mut sent) = (topic(first), Sent::default());

        topic.tell(&frame("1", &[4, 5]), &mut sent);
        topic.tell(&frame("2", &[4, 5]), &mut sent);

        let texts = texts(&mut inbox);
        assert!(texts[0].contains("#a") && texts[0].contains("#b") && texts[0].contains("<li>5</li>"));
        assert!(!texts[0].contains("<li>4</li>"));
        assert!(texts[1].contains("#a") && !texts[1].contains("#b") && !texts[1].contains("<li>"));
    }

    #[test]
    fn who_comes_later_gets_the_whole_too() {
        let (first, _keep) = subscriber(0);
        let (topic, mut sent) = (topic(first), Sent::default());
        topic.tell(&frame("1", &[]), &mut sent);
        let (second, mut inbox) = subscriber(0);
        topic.add(second);

        topic.tell(&frame("1", &[]), &mut sent);

        assert!(texts(&mut inbox)[0].contains("#b"));
    }

    #[test]
    fn the_count_on_the_bell_is_told_when_it_changes() {
        let (first, mut inbox) = subscriber(0);
        let (topic, mut sent) = (topic(first), Sent::default());
        topic.subscribers()[0].hear(2, &mut Packer::default());
        assert_eq!(texts(&mut inbox), [""; 0], "it comes with the first frame");

        topic.tell(&frame("1", &[]), &mut sent);
        topic.subscribers()[0].hear(2, &mut Packer::default());
        topic.subscribers()[0].hear(3, &mut Packer::default());

        let texts = texts(&mut inbox);
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts[0].contains("#bell-count") && texts[0].contains(">2<") && texts[1].contains(">3<"), "{texts:?}");
    }

    #[test]
    fn a_slow_reader_is_cut() {
        let (first, _never_read) = subscriber(0);
        let (topic, mut sent) = (topic(first), Sent::default());

        for step in 0..3 {
            topic.tell(&frame(&step.to_string(), &[]), &mut sent);
        }

        assert!(topic.is_empty());
    }

    #[test]
    fn a_reader_that_went_away_is_forgotten() {
        let (first, inbox) = subscriber(0);
        let topic = topic(first);
        drop(inbox);

        topic.tell_all(&named("ping", ""));

        assert!(topic.is_empty());
    }
}
