//! A browser that a test holds: where it is, how it looks, what it waits for.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::look::Look;
use super::seat::Seat;
use super::session::Session;
use super::wire::{Refused, nothing};
use crate::support::ThrowAway;
use crate::support::stage::PATIENCE;

/// How often a page that cannot wake us is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// Gives whether nothing is about to change by itself.
const SETTLED: &str = include_str!("settled.js");
/// How much of a page's text a failure shows.
const TEXT_SHOWN_CHARS_MAX: usize = 800;

/// A Chromium with a fresh profile, ended with this value. When the test fails it leaves a picture of its page.
///
/// What acts on a page waits up to [`PATIENCE`] for the page to allow it, and panics after that.
pub struct Browser {
    // Fields end in this order: the browser before its folder, both before another may start.
    session: Session,
    _profile: ThrowAway,
    _seat: Seat,
    look: Cell<Look>,
    scripted: bool,
}

impl Browser {
    /// Starts a browser as soon as fewer than two others run.
    ///
    /// Panics when no browser is installed, and when the calling test has one already (see [`Browser::start_two`]).
    #[track_caller]
    pub fn start(look: Look) -> Browser {
        seats(1).into_iter().map(|seat| Browser::launch(look, seat)).next().unwrap()
    }

    /// Starts the browsers of two persons who work at the same time.
    #[track_caller]
    pub fn start_two(look: Look) -> (Browser, Browser) {
        let mut seats = seats(2).into_iter();
        let mut next = || Browser::launch(look, seats.next().unwrap());
        (next(), next())
    }

    #[track_caller]
    fn launch(look: Look, seat: Seat) -> Browser {
        let profile = ThrowAway::new();
        let session = Session::start(profile.path()).unwrap_or_else(|e| panic!("no browser starts: {e}"));
        let browser = Browser { session, _profile: profile, _seat: seat, look: Cell::new(look), scripted: true };
        browser.set_look(look);
        browser
    }

    /// Switches the script of the pages opened from now on off.
    #[track_caller]
    pub fn without_script(mut self) -> Browser {
        self.scripted = false;
        self.allow_script(false);
        self
    }

    /// Whether pages may run script.
    pub fn is_scripted(&self) -> bool {
        self.scripted
    }

    /// Runs `act` with timers that fire, which those of a page without script do not. Its own script stays unread.
    #[track_caller]
    pub(super) fn with_timers<T>(&self, act: impl FnOnce() -> T) -> T {
        if self.scripted {
            return act();
        }
        self.allow_script(true);
        let result = act();
        self.allow_script(false);
        result
    }

    #[track_caller]
    fn allow_script(&self, allowed: bool) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({"value": !allowed}));
    }

    /// How the pages are looked at.
    pub fn look(&self) -> Look {
        self.look.get()
    }

    /// Looks at the present page and those to come in another way.
    #[track_caller]
    pub fn set_look(&self, look: Look) {
        self.devtools("Emulation.setDeviceMetricsOverride", look.metrics(0));
        self.devtools("Emulation.setEmulatedMedia", look.media());
        self.look.set(look);
    }

    /// Calls `check` in each of the four looks, without loading the page again, and comes back to the present one.
    #[track_caller]
    pub fn for_each_look(&self, mut check: impl FnMut(&Browser)) {
        let before = self.look();
        for look in Look::all() {
            self.set_look(look);
            check(self);
        }
        self.set_look(before);
    }

    /// Goes to `url` and waits until it has loaded.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.obey("/url", &json!({"url": url}));
    }

    /// Loads the page again.
    #[track_caller]
    pub fn reload(&self) {
        self.obey("/refresh", &nothing());
    }

    /// Goes one page back.
    #[track_caller]
    pub fn back(&self) {
        self.obey("/back", &nothing());
    }

    /// The address of the present page, with query and fragment.
    #[track_caller]
    pub fn url(&self) -> String {
        self.asked("/url")
    }

    /// The title of the present page.
    #[track_caller]
    pub fn title(&self) -> String {
        self.asked("/title")
    }

    /// Runs the body of a function in the page and gives what it returns, or what its promise becomes.
    #[track_caller]
    pub fn script(&self, body: &str, arguments: &[Value]) -> Value {
        self.session.script(body, arguments).unwrap_or_else(|e| panic!("the script failed: {e}"))
    }

    /// Waits until `holds`, at most `limit`; then panics, saying that `what` did not come and what the page shows.
    #[track_caller]
    pub fn wait_until(&self, what: &str, limit: Duration, holds: impl FnMut(&Browser) -> bool) {
        self.awaited(what, limit, holds).unwrap_or_else(|sentence| panic!("{sentence}"));
    }

    /// As [`Browser::wait_until`], but gives the sentence.
    pub(super) fn awaited(
        &self,
        what: &str,
        limit: Duration,
        mut holds: impl FnMut(&Browser) -> bool,
    ) -> Result<(), String> {
        let held = poll(limit, || if holds(self) { Ok(()) } else { Err(Refused::new("not yet", what)) });
        held.map_err(|_| format!("{what}: not after {limit:?}. {}", self.present()))
    }

    /// Waits until the page shows `text`, whatever its lines.
    #[track_caller]
    pub fn wait_for_text(&self, text: &str) {
        self.wait_until(&format!("“{text}” is shown"), PATIENCE, |browser| browser.shows(text));
    }

    /// Waits until the page no longer shows `text`.
    #[track_caller]
    pub fn wait_for_no_text(&self, text: &str) {
        self.wait_until(&format!("“{text}” is gone"), PATIENCE, |browser| !browser.shows(text));
    }

    /// Waits until the address holds `part`, such as `/jobs?state=failed`.
    #[track_caller]
    pub fn wait_for_url(&self, part: &str) {
        self.wait_until(&format!("the address has {part}"), PATIENCE, |browser| browser.url().contains(part));
    }

    /// Waits for fonts, for requests of htmx, and for movements that end. A page without these is settled at once.
    #[track_caller]
    pub fn settle(&self) {
        self.try_settle(PATIENCE).unwrap_or_else(|e| panic!("{e}. {}", self.present()));
    }

    pub(super) fn try_settle(&self, limit: Duration) -> Result<(), Refused> {
        poll(limit, || match self.session.script(SETTLED, &[])?.as_bool() {
            Some(true) => Ok(()),
            _ => Err(Refused::new("not yet", "the page is not settled")),
        })
    }

    /// What the page shows now, one space between words. Empty while another page is loading.
    pub fn text(&self) -> String {
        const TEXT: &str = "return (document.body?.innerText ?? '').replace(/\\s+/g, ' ').trim()";
        let text = self.session.script(TEXT, &[]).unwrap_or_default();
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Whether the page shows `text` now.
    pub fn shows(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    /// Sentences about the present page for a failure.
    pub(super) fn present(&self) -> String {
        let url = self.session.get("/url").map_or_else(|e| e.to_string(), |url| url.to_string());
        let text: String = self.text().chars().take(TEXT_SHOWN_CHARS_MAX).collect();
        format!("The page {url} in {} shows: {text}", self.look())
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    #[track_caller]
    pub(super) fn devtools(&self, command: &str, arguments: Value) -> Value {
        self.session.devtools(command, arguments).unwrap_or_else(|e| panic!("{command}: {e}"))
    }

    #[track_caller]
    fn obey(&self, command: &str, arguments: &Value) {
        if let Err(problem) = self.session.post(command, arguments) {
            panic!("{command} {arguments}: {problem}");
        }
    }

    #[track_caller]
    fn asked(&self, question: &str) -> String {
        let answer = self.session.get(question).unwrap_or_else(|e| panic!("{question}: {e}"));
        answer.as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if thread::panicking() {
            self.leave_picture_of_failure();
        }
    }
}

#[track_caller]
fn seats(count: usize) -> Vec<Seat> {
    Seat::take(count).unwrap_or_else(|sentence| panic!("{sentence}"))
}

/// Repeats `attempt` while a later one may succeed and `limit` has not passed.
pub(super) fn poll<T>(limit: Duration, mut attempt: impl FnMut() -> Result<T, Refused>) -> Result<T, Refused> {
    let end = Instant::now() + limit;
    loop {
        match attempt() {
            Err(refused) if refused.may_pass() && Instant::now() < end => thread::sleep(LOOK_EVERY),
            ended => return ended,
        }
    }
}
