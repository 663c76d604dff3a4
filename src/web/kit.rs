//! What every request needs and boot provides once.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::cookie::Key;
use actix_web::web::Data;

use super::blocking::Database;
use super::guard::Table;
use super::live::Hub;
use super::look::Environment;
use super::parts::Notice;
use super::rate::Rates;
use crate::base::clock::Clock;
use crate::base::network::Network;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;

/// Where the console stands in the network.
#[derive(Clone)]
pub struct Settings {
    /// Origin that browsers use, `https://jobs.example.org`, without a path.
    pub public_url: String,
    /// Values of `Host` that are answered, with the port where it is not the scheme's own.
    pub hosts: Vec<String>,
    /// Addresses whose `X-Forwarded-For` is believed.
    pub proxies: Vec<Network>,
    /// Which installation this is.
    pub environment: Environment,
    /// Encrypts the session cookie; the same on every node.
    pub cookie_key: Key,
    /// Whether `/design` is there.
    pub design: bool,
}

impl Settings {
    /// Tells whether browsers come over TLS: cookies are then `Secure` and HSTS is sent.
    pub fn is_tls(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// Gives the scheme browsers use, with `://`.
    fn scheme(&self) -> &'static str {
        if self.is_tls() { "https://" } else { "http://" }
    }

    /// Tells whether `host` is one that we answer for. Another one is a DNS rebinding or a cache being poisoned.
    pub fn knows_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }

    /// Tells whether `origin` is our own: the public one, or a known host under the same scheme.
    pub fn is_own_origin(&self, origin: &str) -> bool {
        let host = origin.strip_prefix(self.scheme());
        origin == self.public_url || host.is_some_and(|host| self.knows_host(host))
    }

    /// Makes the settings of a console on `host:port`, reached over plain HTTP from the same machine.
    pub fn loopback(port: u16, cookie_key: Key) -> Self {
        let hosts = ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}"));
        Self {
            public_url: format!("http://{}", hosts[0]),
            hosts: hosts.into(),
            proxies: Vec::new(),
            environment: Environment::named("production"),
            cookie_key,
            design: cfg!(debug_assertions),
        }
    }
}

/// What stands above every page, for those whom it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Banner {
    /// What is said.
    pub notice: Notice,
    /// What somebody must hold to be told; `None` = everybody is, also who has not signed in.
    pub needs: Option<Permission>,
}

impl Banner {
    /// Makes one for everybody.
    pub fn for_all(notice: Notice) -> Self {
        Self { notice, needs: None }
    }
}

/// Tells what stands above every page now: weak durability, a database in need, a demo. Cheap; asked on each page.
pub type Banners = dyn Fn() -> Vec<Banner> + Send + Sync;

/// Tells how many failure groups are open, as of a moment ago; `None` = not known. Cheap; asked on each page.
pub type OpenFailures = dyn Fn() -> Option<i64> + Send + Sync;

/// The kit of one server. Cheap to clone; put into the application as `Data<Kit>`.
#[derive(Clone)]
pub struct Kit {
    /// The pool of pages.
    pub db: Database,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Where the console stands.
    pub settings: Arc<Settings>,
    /// Every route with its permission.
    pub table: Arc<Table>,
    /// Event streams.
    pub live: Arc<Hub>,
    /// What stands above every page.
    pub banners: Arc<Banners>,
    /// How many failure groups are open.
    pub open_failures: Arc<OpenFailures>,
    /// How much each token and address has asked for on this node.
    pub rates: Arc<Rates>,
}

impl Kit {
    /// Gives what stands above the pages of `actor`; `None` = of somebody who has not signed in.
    pub fn banners_for(&self, actor: Option<&Actor>) -> Vec<Notice> {
        told((self.banners)(), actor)
    }

    /// Gives the kit of the application that `request` came to.
    ///
    /// # Panics
    /// When boot did not put `Data<Kit>` into the application: nothing could be answered then.
    pub fn of(request: &HttpRequest) -> &Self {
        request.app_data::<Data<Self>>().expect("boot puts the kit into the application")
    }
}

fn told(banners: Vec<Banner>, actor: Option<&Actor>) -> Vec<Notice> {
    let is_told = |banner: &Banner| banner.needs.is_none_or(|needed| actor.is_some_and(|actor| actor.may(needed)));
    banners.into_iter().filter(is_told).map(|banner| banner.notice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::permission::Role;

    #[test]
    fn a_banner_is_told_to_those_whom_it_concerns() {
        let banners = || {
            let needy = Banner { notice: Notice::failed("needy"), needs: Some(Permission::ReadHealth) };
            vec![Banner::for_all(Notice::failed("all")), needy]
        };
        let titles = |actor: Option<&Actor>| -> Vec<String> {
            told(banners(), actor).into_iter().map(|notice| notice.title).collect()
        };

        assert_eq!(titles(None), ["all"]);
        for role in Role::ALL {
            let actor = Actor { role, ..Actor::system("test") };
            let expected: &[&str] = if actor.may(Permission::ReadHealth) { &["all", "needy"] } else { &["all"] };
            assert_eq!(titles(Some(&actor)), expected, "{role:?}");
        }
    }

    #[test]
    fn only_known_hosts_and_their_origins_are_ours() {
        let settings = Settings::loopback(8080, Key::from(&[7; 64]));

        assert!(settings.knows_host("LOCALHOST:8080") && !settings.knows_host("localhost"));
        assert!(!settings.knows_host("evil.example:8080"));
        assert!(settings.is_own_origin("http://127.0.0.1:8080") && settings.is_own_origin("http://localhost:8080"));
        assert!(!settings.is_own_origin("https://127.0.0.1:8080") && !settings.is_own_origin("null"));
        assert!(!settings.is_tls());
    }
}
