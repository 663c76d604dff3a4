//! Panels that load apart: the page comes at once, and each of them when it has been read, or with what became of it.
//!
//! ```text
//! GET /queues/mail                                  ─▶ the page; the panel says that it loads (Later)
//! GET /queues/mail?panels=all, into #panel-lanes    ─▶ that panel alone (Here), or why not (Failed) with "Try again"
//! GET /queues/mail?panels=all                       ─▶ the page with all of them, for whoever has no script
//! ```
//! Streams read them too, for a fifth of a second each; one that cannot be read is left out of the message, so that the others go on.

use std::time::Duration;

use super::error::WebError;
use super::request::RequestId;
use super::shell::Shell;
use crate::base::db::{DbError, PgConnection, Tx, within};

/// What a panel's statement may take; beyond it the panel says so.
const STATEMENT_MAX: Duration = Duration::from_secs(2);
/// What it may take on each turn of a stream, in which everybody who looks waits for it.
const STREAM_STATEMENT_MAX: Duration = Duration::from_millis(200);
/// Parameter that asks for all panels at once.
pub(super) const PANELS: &str = "panels";
const ALL: &str = "panels=all";

/// A panel that loads apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panel {
    /// Id of the element that it fills.
    pub id: &'static str,
    /// What it shows, as the begin of a sentence: `The limits`.
    pub what: &'static str,
}

/// Which panels a request wants read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Wanted {
    /// None: they ask for themselves.
    #[default]
    None,
    /// The one in the element with this id.
    Only(String),
    /// All.
    All,
    /// Those that are read at once: a stream.
    Quick,
}

impl Wanted {
    /// Tells whether nothing but `panel` is wanted.
    pub fn is_only(&self, panel: &Panel) -> bool {
        matches!(self, Self::Only(id) if id == panel.id)
    }

    fn has(&self, panel: Panel) -> bool {
        match self {
            Self::None => false,
            Self::Only(id) => id == panel.id,
            Self::All | Self::Quick => true,
        }
    }

    fn statement_max(&self) -> Duration {
        if *self == Self::Quick { STREAM_STATEMENT_MAX } else { STATEMENT_MAX }
    }
}

/// Where a panel is had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Id of the element that it fills.
    pub id: &'static str,
    /// What it shows.
    pub what: &'static str,
    /// The page with all its panels.
    pub href: String,
}

impl Place {
    /// Gives the place of `panel` on the page that `shell` frames.
    pub fn of(shell: &Shell, panel: Panel) -> Self {
        let here = &shell.here;
        let href = match (here.contains(ALL), here.contains('?')) {
            (true, _) => here.clone(),
            (_, true) => format!("{here}&{ALL}"),
            (_, false) => format!("{here}?{ALL}"),
        };
        Self { id: panel.id, what: panel.what, href }
    }
}

/// Why a panel could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Where to try again.
    pub place: Place,
    /// The cause, as sentences.
    pub text: String,
    /// Under which it is written down.
    pub reference: RequestId,
}

impl Failure {
    /// Tells why a panel failed, and writes the cause down.
    pub(super) fn of(shell: &Shell, panel: Panel, error: WebError) -> Self {
        let reference = shell.reference.clone();
        match shell.wanted {
            Wanted::Quick => tracing::debug!(panel = panel.id, %error, "a stream goes on without a panel"), // tried again at once
            _ => tracing::error!(request = %reference, panel = panel.id, %error, "a panel could not be loaded"),
        }
        let text = match error {
            WebError::TimedOut => {
                let seconds = STATEMENT_MAX.as_secs();
                format!("It took longer than {seconds} s, so it was stopped. Everything else on this page is current.")
            }
            other => other.telling().text,
        };
        Self { place: Place::of(shell, panel), text, reference }
    }
}

/// What a panel shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Apart<T> {
    /// It asks for itself once the page is there.
    Later(Place),
    /// It was read.
    Here(T),
    /// It could not be read.
    Failed(Failure),
}

impl<T> Apart<T> {
    /// Reads a panel if the request wants it now. Its failure is its own; only a database that is away is the page's.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] and [`DbError::Lost`].
    pub fn read(
        conn: &mut PgConnection,
        shell: &Shell,
        panel: Panel,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, DbError>,
    ) -> Result<Self, DbError> {
        if !shell.wanted.has(panel) {
            return Ok(Self::Later(Place::of(shell, panel)));
        }
        match within(conn, "web::panel", shell.wanted.statement_max(), work) {
            Ok(read) => Ok(Self::Here(read)),
            Err(away @ (DbError::Unavailable(_) | DbError::Lost(_))) => Err(away),
            Err(error) => Ok(Self::Failed(Failure::of(shell, panel, error.into()))),
        }
    }

    /// Tells whether it was read.
    pub fn is_here(&self) -> bool {
        matches!(self, Self::Here(_))
    }

    /// Makes what was read into what is shown.
    pub fn show<U>(&self, shown: impl FnOnce(&T) -> U) -> Apart<U> {
        match self {
            Self::Later(place) => Apart::Later(place.clone()),
            Self::Here(read) => Apart::Here(shown(read)),
            Self::Failed(failure) => Apart::Failed(failure.clone()),
        }
    }
}

impl<T: Default> Default for Apart<T> {
    fn default() -> Self {
        Self::Here(T::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::shell::sample::shell;

    const PANEL: Panel = Panel { id: "panel-lanes", what: "The limits" };

    #[test]
    fn a_panel_is_had_from_its_page() {
        let at = |here: &str| Place::of(&Shell { here: here.into(), ..shell() }, PANEL).href;

        assert_eq!(at("/queues/mail"), "/queues/mail?panels=all");
        assert_eq!(at("/?range=7d"), "/?range=7d&panels=all");
        assert_eq!(at("/?panels=all"), "/?panels=all");
    }

    #[test]
    fn only_what_is_wanted_is_read() {
        assert!(!Wanted::None.has(PANEL) && Wanted::All.has(PANEL));
        assert!(Wanted::Only("panel-lanes".into()).has(PANEL) && !Wanted::Only("panel-waits".into()).has(PANEL));
    }

    #[test]
    fn a_cause_is_told_in_plain_words_with_a_reference() {
        let slow = Failure::of(&shell(), PANEL, WebError::TimedOut);
        assert!(slow.text.starts_with("It took longer than 2 s, so it was stopped."));

        let broken = Failure::of(&shell(), PANEL, WebError::fault("relation millrace.lanes does not exist"));
        assert!(broken.text.contains("under the reference") && !broken.text.contains("millrace.lanes"), "{broken:?}");
    }
}
