//! The frame around every page: who looks, where they are, where they can go.

use chrono_tz::Tz;

use super::apart::Wanted;
use super::bell;
use super::format::{Stamp, dated, stamp};
use super::look::{Density, Environment, Theme};
use super::parts::Notice;
use super::paths;
use super::rail::{NavGroup, Section};
use super::request::RequestId;
use crate::base::clock::Time;
use crate::queue::permission::Role;

/// Who looks at the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Name, or the address they sign in with.
    pub name: String,
    /// The present role.
    pub role: Role,
}

impl Viewer {
    /// Gives one or two letters for the avatar.
    pub fn initials(&self) -> String {
        initials(&self.name)
    }

    /// Gives the role's word as a page shows it.
    pub fn role_word(&self) -> &'static str {
        role_word(self.role)
    }
}

/// Gives the first letters of the first and last word of a name, for avatars.
pub fn initials(name: &str) -> String {
    let mut words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let first = words.next().and_then(|word| word.chars().next());
    let last = words.next_back().and_then(|word| word.chars().next());
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

/// Gives a role's word with a capital.
pub fn role_word(role: Role) -> &'static str {
    match role {
        Role::Admin => "Admin",
        Role::Operator => "Operator",
        Role::Analyst => "Analyst",
        Role::Auditor => "Auditor",
        Role::Viewer => "Viewer",
    }
}

/// One step of the breadcrumb; the last has no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crumb {
    /// The words.
    pub label: String,
    /// Where it leads; empty for the page itself.
    pub href: String,
}

/// What the frame shows. Made by the request's extractor; a page adds title, crumbs and stream.
#[derive(Debug, Clone)]
pub struct Shell {
    /// Unique title without the product's name: `Failed (47), Jobs`.
    pub title: String,
    /// The entry of the rail that is lit.
    pub section: Section,
    /// From the section to the page.
    pub crumbs: Vec<Crumb>,
    /// Who looks; `None` on pages without a session.
    pub viewer: Option<Viewer>,
    /// Which installation.
    pub environment: Environment,
    /// Light or dark.
    pub theme: Theme,
    /// Row height.
    pub density: Density,
    /// The zone that all times of the page are written in.
    pub zone: Tz,
    /// When the page was made.
    pub now: Time,
    /// Bound to the session; empty in snapshots shared by several people, where `app.js` and htmx add it.
    pub csrf: String,
    /// One-time id of whatever is posted from this rendering, so that a repeated submit acts once.
    pub op: String,
    /// Where the viewer can go.
    pub nav: Vec<NavGroup>,
    /// Address of the page's event stream; empty for a page without one.
    pub live: String,
    /// What the last act led to, when it was done without htmx.
    pub flash: Option<Notice>,
    /// What stands above everything: database, durability, demo.
    pub banners: Vec<Notice>,
    /// Whether single keys act.
    pub shortcuts: bool,
    /// Whether screen readers read out values that change by themselves.
    pub announces: bool,
    /// Messages in the viewer's inbox that wait to be read.
    pub unread: u32,
    /// Path and query of the page itself, to come back to.
    pub here: String,
    /// Seconds after which the page loads itself again (`refresh=30`), for those without script.
    pub refresh: Option<u32>,
    /// Which panels that load apart are read now.
    pub wanted: Wanted,
    /// Under which failures of this request are written down.
    pub reference: RequestId,
}

impl Shell {
    /// Names the page: its title, the lit entry, and the last step of the breadcrumb.
    pub fn titled(self, title: impl Into<String>, section: Section) -> Self {
        let title = title.into();
        let crumbs = vec![Crumb { label: title.clone(), href: String::new() }];
        Self { title, section, crumbs, ..self }
    }

    /// Puts a step before the page itself in the breadcrumb.
    pub fn under(mut self, label: impl Into<String>, href: impl Into<String>) -> Self {
        let last = self.crumbs.len().saturating_sub(1);
        self.crumbs.insert(last, Crumb { label: label.into(), href: href.into() });
        self
    }

    /// Gives the page an event stream: the page's name under `/live/`, with the page's own query.
    pub fn streaming(self, page: &str) -> Self {
        let query = self.here.split_once('?').map_or("", |(_, query)| query);
        let path = paths::live(page);
        let live = if query.is_empty() { path } else { format!("{path}?{query}") };
        Self { live, ..self }
    }

    /// Tells the event stream which log line the page was loaded with last, so that the next one follows it.
    pub fn after(mut self, line: u64) -> Self {
        self.live = paths::with_query(&self.live, &[("after", &line.to_string())]);
        self
    }

    /// Writes a moment as this page does.
    pub fn stamp(&self, at: Time) -> Stamp {
        stamp(at, self.now, self.zone)
    }

    /// As [`Shell::stamp`], with the day also when that is today.
    pub fn dated(&self, at: Time) -> Stamp {
        dated(at, self.now, self.zone)
    }

    /// The moment the page was made, for "As of".
    pub fn as_of(&self) -> Stamp {
        self.stamp(self.now)
    }

    /// The step above the page, for the back link of small screens, called after the page it leads to: a group of the rail
    /// ("Operate") has none of its own.
    pub fn back(&self) -> Option<Crumb> {
        let step = self.crumbs.iter().rev().nth(1).filter(|crumb| !crumb.href.is_empty())?;
        let label = if step.href == paths::DASHBOARD { "Dashboard".into() } else { step.label.clone() };
        Some(Crumb { label, href: step.href.clone() })
    }

    /// Gives the count on the bell.
    pub fn bell(&self) -> bell::Bell {
        bell::Bell::new(self.unread)
    }

    /// Writes the number of unread messages: beyond 99 nobody counts.
    pub fn unread_text(&self) -> String {
        bell::words(self.unread)
    }

    /// Puts a quiet number beside an entry of the rail.
    pub fn count(&mut self, section: Section, count: impl ToString) {
        self.mark(section, count.to_string(), "");
    }

    /// Puts a red number beside an entry of the rail; `meaning` is read out after it.
    pub fn alarm(&mut self, section: Section, count: impl ToString, meaning: &'static str) {
        self.mark(section, count.to_string(), meaning);
    }

    fn mark(&mut self, section: Section, count: String, alarm: &'static str) {
        let items = self.nav.iter_mut().flat_map(|group| &mut group.items);
        for item in items.filter(|item| item.section == section) {
            (item.count, item.alarm) = (count.clone(), alarm);
        }
    }
}

#[cfg(test)]
pub(crate) mod sample {
    use super::*;
    use crate::web::rail::rail;

    /// A shell as an admin sees it at a fixed moment, for tests of templates.
    pub(crate) fn shell() -> Shell {
        Shell {
            title: String::new(),
            section: Section::Elsewhere,
            crumbs: Vec::new(),
            viewer: Some(Viewer { name: "Giulia Ferrando".into(), role: Role::Admin }),
            environment: Environment::named("production"),
            theme: Theme::Auto,
            density: Density::Normal,
            zone: chrono_tz::Europe::Rome,
            now: "2026-11-24T13:32:08Z".parse().expect("a time"),
            csrf: "token".into(),
            op: "op".into(),
            nav: rail(|_| true),
            live: String::new(),
            flash: None,
            banners: Vec::new(),
            shortcuts: true,
            announces: false,
            unread: 0,
            here: "/jobs?state=failed".into(),
            refresh: None,
            wanted: Wanted::All,
            reference: RequestId::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_the_way_back_and_its_stream() {
        let shell =
            sample::shell().titled("catalog.import_csv", Section::Jobs).under("Jobs", paths::JOBS).streaming("job");

        assert_eq!(shell.back().map(|crumb| crumb.href), Some("/jobs".into()));
        assert_eq!(shell.crumbs.last().map(|crumb| crumb.label.as_str()), Some("catalog.import_csv"));
        assert_eq!(shell.live, "/live/job?state=failed");
        assert_eq!(shell.after(54).live, "/live/job?state=failed&after=54");
    }

    #[test]
    fn the_way_back_is_called_after_the_page_it_leads_to() {
        let shell = sample::shell().titled("Queues", Section::Queues).under("Operate", paths::DASHBOARD);

        assert_eq!(shell.back(), Some(Crumb { label: "Dashboard".into(), href: paths::DASHBOARD.into() }));
    }

    #[test]
    fn initials_are_one_or_two_letters() {
        assert_eq!(initials("Giulia Ferrando"), "GF");
        assert_eq!(initials("ops@example.org"), "OO");
        assert_eq!((initials("ümit"), initials("")), ("Ü".into(), String::new()));
    }
}
