//! What is so wrong with the database that every page tells: settings by which a crash may lose what was acknowledged, and what soon stops
//! or slows all work, of which those are told who may see the database. Both can change at any time, so somebody looks now and then.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::admin::health::database::{self, WatchError};
use crate::admin::health::service::{self, Finding};
use crate::base::db::Link;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::kit::Banner;
use crate::web::parts::Notice;
use crate::web::paths;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Longest statement of a look.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// What is told above every page of what the shared look at the database found: no room, no connections, an old snapshot.
const TOLD: [&str; 3] = ["partitions", "connections", "snapshot"];

/// What stands above every page because of it.
pub(super) type Found = Arc<Mutex<Vec<Banner>>>;

/// Looks until it is dropped.
pub(super) struct Watch {
    found: Found,
    _until_dropped: Sender<()>,
}

impl Watch {
    /// Gives what the last look found.
    pub(super) fn found(&self) -> &Found {
        &self.found
    }
}

/// Looks once, and from then on every 5 s.
///
/// # Errors
/// When no thread can be started. A database that is away is no error: the next look finds it.
pub(super) fn watch(database_url: &str) -> std::io::Result<Watch> {
    let found = Found::default();
    look(database_url, &found);
    let (sender, receiver) = mpsc::channel::<()>();
    let (of_thread, url) = (Arc::clone(&found), database_url.to_owned());
    thread::Builder::new().name("mr-web-watch".into()).spawn(move || {
        while receiver.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            look(&url, &of_thread);
        }
    })?;
    Ok(Watch { found, _until_dropped: sender })
}

/// On a connection of its own: what is set for a role or a database holds for sessions that begin. What cannot be looked at is
/// left as it was.
fn look(database_url: &str, found: &Found) {
    let mut link = Link::new(database_url, "web watch", LOOK_MAX);
    let weak = match link.with(service::durability) {
        Ok(weak) => weak,
        Err(error) => return tracing::debug!(%error, "durability could not be looked at"),
    };
    // read from what a duty saw, not from Postgres; without it nothing more is told
    let seen = link.with(|conn| match database::latest(conn, &Actor::system("web watch")) {
        Ok(health) => Ok(health.warnings),
        Err(WatchError::Forbidden(_)) => Ok(Vec::new()),
        Err(WatchError::Db(error)) => Err(error),
    });
    let warnings = seen.unwrap_or_else(|error| {
        tracing::debug!(%error, "the health of the database could not be read");
        Vec::new()
    });
    let banners = banners(&weak, &warnings);
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    if *found != banners {
        if found.iter().any(|banner| banner.needs.is_none()) && weak.is_empty() {
            tracing::info!("durability is as it should be");
        }
        weak.iter().for_each(|finding| tracing::error!("weak durability: {finding}"));
        *found = banners;
    }
}

/// Everybody is told of weak durability; of the rest those are who may see the database, while somebody looks at it.
fn banners(weak: &[Finding], warnings: &[Finding]) -> Vec<Banner> {
    let is_fresh = warnings.iter().all(|finding| finding.code != "sample");
    let needy = warnings.iter().filter(|finding| is_fresh && TOLD.contains(&finding.code));
    let for_all = weak.iter().map(|finding| Banner::for_all(lossy(finding)));
    for_all.chain(needy.map(|finding| Banner { notice: needs(finding), needs: Some(Permission::ReadHealth) })).collect()
}

fn lossy(finding: &Finding) -> Notice {
    Notice::failed("Work may be lost in a crash.").saying(mended(finding))
}

fn needs(finding: &Finding) -> Notice {
    let notice = Notice::failed("The database needs somebody.").saying(mended(finding));
    Notice { link: Some(("See the database".into(), paths::DATABASE.into())), ..notice }
}

fn mended(finding: &Finding) -> String {
    format!("{}. To mend it, {}.", finding.problem, finding.act.replace('`', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_told_of_weak_durability_and_those_who_see_the_database_of_what_stops_work() {
        let found = |code: &'static str| Finding::new(code, format!("{code} is bad"), "run `this`");
        let warnings = ["durability", "partitions", "connections", "snapshot", "dead-rows", "claim-time"].map(found);

        let told = banners(&[found("durability")], &warnings);

        let words: Vec<&str> = told.iter().map(|banner| banner.notice.text.as_str()).collect();
        assert_eq!(words.len(), 4, "{words:?}");
        assert_eq!(words[0], "durability is bad. To mend it, run this.");
        let needed: Vec<Option<Permission>> = told.iter().map(|banner| banner.needs).collect();
        assert_eq!(needed[0], None);
        assert!(needed[1..].iter().all(|needs| *needs == Some(Permission::ReadHealth)), "{needed:?}");
        assert!(told[1].notice.link.as_ref().is_some_and(|(_, href)| href == "/database"));
        let old = [found("connections"), found("sample")];
        assert_eq!(banners(&[], &old), [], "what was seen long ago may be over");
    }
}
