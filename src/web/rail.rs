//! The rail: every place of the console, in the order in which it is shown.

use super::parts::Tab;
use super::paths;

/// An entry of the rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    /// Is it healthy, what needs me.
    Dashboard,
    /// The jobs.
    Jobs,
    /// Failures by fingerprint.
    Failures,
    /// Where ready jobs wait.
    Queues,
    /// Where jobs run.
    Nodes,
    /// What is enqueued by itself.
    Schedules,
    /// Steps that depend on each other.
    Workflows,
    /// The work that staff own.
    Templates,
    /// Reports.
    Analytics,
    /// Recommendations.
    Advisor,
    /// Who did what.
    Audit,
    /// Rules that call people.
    Alerts,
    /// What happens, for other programs.
    Events,
    /// Packages.
    Marketplace,
    /// Who may do what.
    People,
    /// What is kept how long.
    Retention,
    /// The health of Postgres.
    Database,
    /// A page that no entry leads to: account, help, errors.
    Elsewhere,
}

/// How one entry of the rail looks.
struct Entry {
    section: Section,
    group: &'static str,
    label: &'static str,
    icon: &'static str,
    href: &'static str,
    /// The key that follows `G`.
    key: char,
    /// Whether it stands in the bottom bar of small screens.
    quick: bool,
}

const fn entry(
    section: Section,
    group: &'static str,
    (label, icon): (&'static str, &'static str),
    href: &'static str,
    (key, quick): (char, bool),
) -> Entry {
    Entry { section, group, label, icon, href, key, quick }
}

/// The rail from top to bottom. Entries without a route, or that a role cannot open, do not appear.
const ENTRIES: [Entry; 17] = [
    entry(Section::Dashboard, "Operate", ("Dashboard", "gauge"), paths::DASHBOARD, ('d', true)),
    entry(Section::Jobs, "Operate", ("Jobs", "list"), paths::JOBS, ('j', true)),
    entry(Section::Failures, "Operate", ("Failures", "octagon-alert"), paths::FAILURES, ('f', true)),
    entry(Section::Queues, "Operate", ("Queues", "layers"), paths::QUEUES, ('q', true)),
    entry(Section::Nodes, "Operate", ("Nodes", "server"), paths::NODES, ('n', false)),
    entry(Section::Schedules, "Automate", ("Schedules", "calendar-clock"), paths::SCHEDULES, ('s', false)),
    entry(Section::Workflows, "Automate", ("Workflows", "workflow"), paths::WORKFLOWS, ('w', false)),
    entry(Section::Templates, "Automate", ("Templates", "file-code"), paths::TEMPLATES, ('t', false)),
    entry(Section::Analytics, "Understand", ("Analytics", "chart-line"), paths::ANALYTICS, ('r', false)),
    entry(Section::Advisor, "Understand", ("Advisor", "sparkles"), paths::ADVISOR, ('v', false)),
    entry(Section::Audit, "Understand", ("Audit trail", "scroll-text"), paths::AUDIT, ('a', false)),
    entry(Section::Alerts, "Connect", ("Alerts", "bell"), paths::ALERTS, ('l', false)),
    entry(Section::Events, "Connect", ("Events & webhooks", "webhook"), paths::EVENTS, ('e', false)),
    entry(Section::Marketplace, "Connect", ("Marketplace", "store"), paths::MARKETPLACE, ('m', false)),
    entry(Section::People, "Administer", ("People & access", "users"), paths::PEOPLE, ('p', false)),
    entry(Section::Retention, "Administer", ("Retention", "archive"), paths::RETENTION, ('k', false)),
    entry(Section::Database, "Administer", ("Database", "database"), paths::DATABASE, ('b', false)),
];

/// One group of the rail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NavGroup {
    /// Its heading.
    pub label: &'static str,
    /// Its entries.
    pub items: Vec<NavItem>,
}

/// One entry of the rail, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NavItem {
    /// Which one.
    pub section: Section,
    /// The word.
    pub label: &'static str,
    /// Its icon.
    pub icon: &'static str,
    /// Where it leads.
    pub href: &'static str,
    /// The key that follows `G`.
    pub key: char,
    /// Whether it stands in the bottom bar of small screens too.
    pub quick: bool,
    /// A quiet number; empty for none.
    pub count: String,
    /// What the number means, for screen readers; an alarming number is red.
    pub alarm: &'static str,
}

/// Builds the rail from the entries that `may_open` allows.
pub fn rail(may_open: impl Fn(&str) -> bool) -> Vec<NavGroup> {
    let mut groups: Vec<NavGroup> = Vec::new();
    for entry in ENTRIES.iter().filter(|entry| may_open(entry.href)) {
        let item = NavItem {
            section: entry.section,
            label: entry.label,
            icon: entry.icon,
            href: entry.href,
            key: entry.key,
            quick: entry.quick,
            count: String::new(),
            alarm: "",
        };
        match groups.last_mut() {
            Some(group) if group.label == entry.group => group.items.push(item),
            _ => groups.push(NavGroup { label: entry.group, items: vec![item] }),
        }
    }
    groups
}

/// The tabs of nodes and pools, which stand under one entry; the one at `current` is shown.
pub fn node_tabs(current: &str) -> Vec<Tab> {
    [("Nodes", paths::NODES), ("Pools", paths::POOLS)].map(|(label, at)| Tab::new(label, at, at == current)).into()
}

/// The tabs of schedules and calendars, which stand under one entry; the one at `current` is shown.
pub fn schedule_tabs(current: &str) -> Vec<Tab> {
    [("Schedules", paths::SCHEDULES), ("Calendars", paths::CALENDARS)]
        .map(|(label, at)| Tab::new(label, at, at == current))
        .into()
}

/// The tabs that jobs and bulk operations share.
pub fn job_tabs(current: &str) -> Vec<Tab> {
    [("Jobs", paths::JOBS), ("Operations", paths::OPERATIONS)]
        .map(|(label, at)| Tab::new(label, at, at == current))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rail_leaves_out_what_cannot_be_opened() {
        let rail = rail(|href| [paths::JOBS, paths::TEMPLATES].contains(&href));

        let shown: Vec<_> = rail.iter().flat_map(|group| group.items.iter().map(|item| item.label)).collect();
        assert_eq!(shown, ["Jobs", "Templates"]);
        assert_eq!(rail.len(), 2);
    }

    #[test]
    fn keys_and_addresses_of_entries_are_unique() {
        for (place, entry) in ENTRIES.iter().enumerate() {
            let same = |other: &&Entry| other.key == entry.key || other.href == entry.href;
            assert_eq!(ENTRIES.iter().position(|other| same(&other)), Some(place));
            assert!(crate::web::icon::exists(entry.icon), "{}", entry.icon);
        }
    }
}
