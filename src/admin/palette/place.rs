//! The pages that can be gone to, and what can be done from anywhere.

use crate::web::api::paths as api;
use crate::web::look::Theme;
use crate::web::paths;
use crate::web::rail::NavGroup;

/// Where a choice leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To an address.
    Open(&'static str),
    /// Another theme.
    Theme(Theme),
    /// Out.
    SignOut,
}

/// A page, or an act that needs no subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its words.
    pub label: &'static str,
    /// Its icon.
    pub icon: &'static str,
    /// Other words by which it is found.
    also: &'static str,
    /// Where it leads.
    pub way: Way,
    /// The letter that follows `G`, when there is one.
    pub letter: Option<char>,
}

const fn page(label: &'static str, icon: &'static str, href: &'static str, also: &'static str) -> Place {
    Place { label, icon, also, way: Way::Open(href), letter: None }
}

const fn theme(label: &'static str, icon: &'static str, theme: Theme) -> Place {
    Place { label, icon, also: "appearance colours mode", way: Way::Theme(theme), letter: None }
}

/// Pages that are not in the rail.
const MORE: [Place; 17] = [
    page("Enqueue a job", "plus", paths::JOB_NEW, "new run start"),
    page("Compare jobs", "git-compare", paths::JOBS_COMPARE, "difference"),
    page("Operations", "list-tree", paths::OPERATIONS, "bulk many jobs"),
    page("Saved views", "bookmark", paths::VIEWS, "filters searches"),
    page("Pools", "layers", paths::POOLS, "resources reserve"),
    page("New pool", "plus", paths::POOL_NEW, "add"),
    page("New template", "plus", paths::TEMPLATE_NEW, "add"),
    page("Add a person", "user-plus", paths::PERSON_NEW, "new invite"),
    page("Roles", "shield", paths::ROLES, "permissions access"),
    page("Tokens", "key-round", paths::TOKENS, "api"),
    page("New token", "plus", paths::TOKEN_NEW, "add api"),
    page("Notifications", "bell", paths::NOTIFICATIONS, "inbox messages"),
    page("Account", "circle-user", paths::ACCOUNT, "zone theme density shortcuts preferences settings"),
    page("Password and sessions", "lock", paths::ACCOUNT_SECURITY, "security"),
    page("Help", "circle-help", paths::HELP, "keys shortcuts search grammar glossary"),
    page("API", "braces", api::DOCS, "openapi documentation programs"),
    Place { label: "Sign out", icon: "log-out", also: "log out leave", way: Way::SignOut, letter: None },
];

const THEMES: [Place; 3] = [
    theme("Theme: dark", "moon", Theme::Dark),
    theme("Theme: light", "sun", Theme::Light),
    theme("Theme: as the system", "sun-moon", Theme::Auto),
];

impl Place {
    /// Lists every place that can be opened: those of the rail first.
    pub fn all(rail: &[NavGroup], may_open: impl Fn(&str) -> bool) -> Vec<Self> {
        let entries = rail.iter().flat_map(|group| &group.items);
        let rail = entries.map(|item| Self { letter: Some(item.key), ..page(item.label, item.icon, item.href, "") });
        let opens = |place: &Self| match place.way {
            Way::Open(href) => may_open(href),
            Way::Theme(_) | Way::SignOut => true,
        };
        rail.chain(MORE.into_iter().filter(opens)).chain(THEMES).collect()
    }

    /// Gives the key by which a browser remembers it; none for what is done once.
    pub fn key(&self) -> Option<String> {
        match self.way {
            Way::Open(href) => Some(format!("place {href}")),
            Way::Theme(_) | Way::SignOut => None,
        }
    }

    /// Tells how well the words fit: 1 the whole label, 2 its beginning, 3 somewhere; `None` = not at all.
    pub fn rank(&self, words: &[String]) -> Option<i32> {
        let label = self.label.to_lowercase();
        let known = format!("{label} {}", self.also);
        if !words.iter().all(|word| known.split([' ', ':', '&']).any(|part| part.starts_with(word.as_str()))) {
            return None;
        }
        let text = words.join(" ");
        Some(if label == text {
            1
        } else if label.starts_with(&text) {
            2
        } else {
            3
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::rail::rail;

    #[test]
    fn a_place_is_found_by_the_beginnings_of_its_words() {
        let rank = |text: &str| THEMES[0].rank(super::super::Asked::parse(text).words());

        assert_eq!((rank("theme"), rank("Dark"), rank("th da")), (Some(2), Some(3), Some(3)));
        assert_eq!((rank("light"), rank("ark")), (None, None));
    }

    #[test]
    fn only_pages_that_open_are_places() {
        let open = [paths::JOBS, paths::ACCOUNT];
        let places = Place::all(&rail(|path| open.contains(&path)), |path| open.contains(&path));
        let labels: Vec<_> = places.iter().map(|place| place.label).collect();

        assert_eq!(labels, ["Jobs", "Account", "Sign out", "Theme: dark", "Theme: light", "Theme: as the system"]);
        assert_eq!((places[0].letter, places[0].key()), (Some('j'), Some("place /jobs".into())));
    }

    #[test]
    fn every_icon_exists() {
        for place in MORE.iter().chain(&THEMES) {
            assert!(crate::web::icon::exists(place.icon), "{}", place.label);
        }
    }
}
