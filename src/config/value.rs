//! The types of values, and how each is read. Errors say what is allowed.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use crate::base::network::{Allowed, AllowedError, Network};
use crate::base::text::{NodeName, QueueName};

/// Most worker threads of one node.
pub const SLOTS_MAX: u32 = 1_024;
/// Heaviest weight of a queue.
pub const WEIGHT_MAX: u32 = 1_000;
/// Most items of a list.
pub const ITEMS_MAX: usize = 256;
/// Longest duration of a setting.
const SECONDS_MAX: u64 = 3_600;
/// Most days of history: a hundred years.
const DAYS_MAX: u32 = 36_500;
/// Longest value of a label, and longest name of an environment, in characters.
const LABEL_CHARS_MAX: usize = 64;

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// Answers browsers and programs.
    pub web: bool,
    /// Runs jobs.
    pub engine: bool,
}

/// How many worker threads a node has. Equal bounds are a fixed number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// Never fewer.
    pub min: u32,
    /// Never more.
    pub max: u32,
}

impl Slots {
    /// Chooses bounds by the number of processor cores: one per core, up to 16 per core for work that mostly waits.
    pub fn by_cores(cores: usize) -> Self {
        let cores = u32::try_from(cores).unwrap_or(SLOTS_MAX).clamp(1, SLOTS_MAX);
        Self { min: cores, max: (cores * 16).min(SLOTS_MAX) }
    }
}

impl std::fmt::Display for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{}", self.min, self.max)
    }
}

/// A queue that a node serves, with its share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueShare {
    /// The queue.
    pub queue: QueueName,
    /// Its share of the slots beside the others', 1 to [`WEIGHT_MAX`].
    pub weight: u32,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Cuts at commas; drops empty parts.
fn items(text: &str) -> Result<Vec<&str>, String> {
    let items: Vec<&str> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    if items.len() > ITEMS_MAX { Err(format!("at most {ITEMS_MAX} items are allowed")) } else { Ok(items) }
}

fn each<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    items(text)?.into_iter().map(read).collect()
}

/// Reads a libpq URL.
pub(super) fn database(text: &str) -> Result<String, String> {
    if crate::base::db::url::is_plain(text) {
        Ok(text.to_owned())
    } else {
        Err("allowed is a URL such as postgres://user:password@host:5432/database; within user and password write %2F for \
             a slash, %40 for an at sign, %20 for a space"
            .into())
    }
}

/// Reads a path; a relative one counts from the working folder.
pub(super) fn folder(text: &str) -> Result<PathBuf, String> {
    std::path::absolute(text).map_err(|error| format!("allowed is the path of a folder ({error})"))
}

/// Reads `address:port`; `localhost` is 127.0.0.1.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    let local = local.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    local
        .map_or_else(|| text.parse(), Ok)
        .map_err(|_| "allowed is ADDRESS:PORT such as 127.0.0.1:8080 or [::1]:8080, with a port from 0 to 65535".into())
}

/// Reads an origin: scheme and host, no path.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let refused = || "allowed is an origin such as https://jobs.example.org, without user, path or query".to_owned();
    let url = Url::parse(text).map_err(|_| refused())?;
    let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let web = matches!(url.scheme(), "http" | "https") && url.password().is_none();
    if plain && web { Ok(url.origin().ascii_serialization()) } else { Err(refused()) }
}

/// Reads a node's name.
pub(super) fn node(text: &str) -> Result<NodeName, String> {
    NodeName::parse(text).map_err(|error| error.to_string())
}

/// Makes a node's name from a host name, which may hold more than a name may.
pub(super) fn node_of_host(host: &str) -> String {
    let plain: String = host.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let plain: String = plain.trim_matches('-').chars().take(crate::base::text::NAME_BYTES_MAX).collect();
    if plain.is_empty() { "node".into() } else { plain }
}

/// Reads `web`, `engine` or both.
pub(super) fn roles(text: &str) -> Result<Roles, String> {
    let given = items(text)?;
    let roles = Roles { web: given.contains(&"web"), engine: given.contains(&"engine") };
    let known = given.iter().all(|role| matches!(*role, "web" | "engine"));
    if known && (roles.web || roles.engine) { Ok(roles) } else { Err("allowed are web, engine or web,engine".into()) }
}

impl FromStr for Slots {
    type Err = String;

    /// Reads `8` or `2..32`.
    fn from_str(text: &str) -> Result<Self, String> {
        slots(text)
    }
}

/// Reads `8` or `2..32`.
pub(super) fn slots(text: &str) -> Result<Slots, String> {
    let refused = || format!("allowed is a number or min..max, each from 1 to {SLOTS_MAX}, such as 8 or 2..32");
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|n| (1..=SLOTS_MAX).contains(n));
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    let (min, max) = number(min).zip(number(max)).ok_or_else(refused)?;
    if min > max { Err(format!("{min} is more than {max}: allowed is min..max")) } else { Ok(Slots { min, max }) }
}

/// Reads `all` (`None`) or queues with optional weights.
pub(super) fn queues(text: &str) -> Result<Option<Vec<QueueShare>>, String> {
    if text == "all" {
        return Ok(None);
    }
    let shares = each(text, |item| {
        let (name, weight) = item.split_once('=').unwrap_or((item, "1"));
        let queue = QueueName::parse(name.trim()).map_err(|error| error.to_string())?;
        let weight = weight.trim().parse().ok().filter(|weight| (1..=WEIGHT_MAX).contains(weight));
        let weight =
            weight.ok_or_else(|| format!("a weight is a whole number from 1 to {WEIGHT_MAX}, such as mail=3"))?;
        Ok(QueueShare { queue, weight })
    })?;
    let twice =
        shares.iter().enumerate().find(|(at, share)| shares[..*at].iter().any(|other| other.queue == share.queue));
    match twice {
        Some((_, share)) => Err(format!("the queue {} is named twice", share.queue)),
        None if shares.is_empty() => Err("allowed is all, or names of queues such as mail=3,default".into()),
        None => Ok(Some(shares)),
    }
}

/// Reads `gpu=1,zone=a`.
pub(super) fn labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    let pairs = each(text, |item| {
        let (name, value) = item.split_once('=').unwrap_or((item, ""));
        let name = NodeName::parse(name.trim())
            .map_err(|error| error.to_string().replace("a node's name", "a label's name"))?;
        let value = value.trim();
        let short = value.chars().count() <= LABEL_CHARS_MAX && !value.chars().any(char::is_control);
        if short {
            Ok((name.to_string(), value.to_owned()))
        } else {
            Err(format!("a label's value has at most {LABEL_CHARS_MAX} characters"))
        }
    })?;
    Ok(pairs.into_iter().collect())
}

/// Reads whole seconds of at least `least`.
pub(super) fn seconds(least: u64) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| {
        let seconds = text.parse().ok().filter(|seconds| (least..=SECONDS_MAX).contains(seconds));
        seconds
            .map(Duration::from_secs)
            .ok_or_else(|| format!("allowed are whole seconds from {least} to {SECONDS_MAX}"))
    }
}

/// Reads days of history; 0 = for ever.
pub(super) fn days(text: &str) -> Result<u32, String> {
    let days = text.parse().ok().filter(|days| *days <= DAYS_MAX);
    days.ok_or_else(|| format!("allowed are whole days from 1 to {DAYS_MAX}, and 0 for ever"))
}

/// Reads whether decisions about worker threads are only recorded.
pub(super) fn scaling(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "on" => Ok(false),
        "dry-run" => Ok(true),
        _ => Err("allowed are on and dry-run".into()),
    }
}

/// Reads a switch.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Ok(true),
        "off" | "false" | "no" | "0" => Ok(false),
        _ => Err("allowed are on and off".into()),
    }
}

/// Reads a log filter.
pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let parsed = tracing_subscriber::EnvFilter::from_str(text);
    parsed.map(|_| text.to_owned()).map_err(|_| {
        "allowed is a level (error, warn, info, debug, trace) or pairs such as info,millrace::engine=debug".into()
    })
}

/// Reads `text` or `json`.
pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("allowed are text and json".into()),
    }
}

/// Reads a list of networks.
pub(super) fn networks(text: &str) -> Result<Vec<Network>, String> {
    each(text, |item| Network::parse(item).map_err(|error| error.to_string()))
}

/// Reads a list of networks and hosts that calls may reach.
pub(super) fn allowed(text: &str) -> Result<Vec<Allowed>, String> {
    each(text, |item| item.parse().map_err(|error: AllowedError| error.to_string()))
}

/// Reads a list of host names, each with a port if it is not the scheme's own.
pub(super) fn hosts(text: &str) -> Result<Vec<String>, String> {
    each(text, |item| {
        let plain = item.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'));
        if plain {
            Ok(item.to_lowercase())
        } else {
            Err(format!("{item:?} is no host: allowed are names such as jobs.example.org or jobs.example.org:8443"))
        }
    })
}

/// Reads a short name for people.
pub(super) fn name(text: &str) -> Result<String, String> {
    let fits = (1..=LABEL_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(format!("allowed are 1 to {LABEL_CHARS_MAX} characters")) }
}

/// Takes any text.
pub(super) fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_a_number_or_a_range() {
        assert_eq!(slots("8"), Ok(Slots { min: 8, max: 8 }));
        assert_eq!(slots("2..32"), Ok(Slots { min: 2, max: 32 }));
        for bad in ["", "0", "2..", "..3", "9..3", "1025", "-1", "2...3", "two"] {
            assert!(slots(bad).is_err(), "{bad}");
        }
        assert_eq!(Slots::by_cores(2).to_string(), "2..32");
        assert_eq!(Slots::by_cores(10_000), Slots { min: SLOTS_MAX, max: SLOTS_MAX });
    }

    #[test]
    fn queues_carry_weights() {
        let share = |name: &str, weight| QueueShare { queue: QueueName::parse(name).expect("a name"), weight };

        assert_eq!(queues("all"), Ok(None));
        assert_eq!(queues("mail=3, default"), Ok(Some(vec![share("mail", 3), share("default", 1)])));
        for bad in ["", "mail=0", "mail=x", "Mail", "mail,mail", "mail=1001"] {
            assert!(queues(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_has_no_path() {
        assert_eq!(origin("https://Jobs.Example.org"), Ok("https://jobs.example.org".into()));
        assert_eq!(origin("http://127.0.0.1:8080/"), Ok("http://127.0.0.1:8080".into()));
        for bad in ["jobs.example.org", "https://x/y", "https://u@x", "ftp://x", "https://x?y", "javascript:x"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_need_a_port() {
        assert_eq!(listen("localhost:0").map(|a| a.to_string()), Ok("127.0.0.1:0".into()));
        assert_eq!(listen("[::1]:8080").map(|a| a.to_string()), Ok("[::1]:8080".into()));
        for bad in ["8080", "127.0.0.1", "localhost:99999", "example.org:80", ":80"] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn host_names_become_node_names() {
        assert_eq!(node_of_host("Build_01.Example.ORG"), "build-01-example-org");
        assert_eq!(node_of_host("---"), "node");
        assert!(node(&node_of_host(&"ü".repeat(300))).is_ok());
    }

    #[test]
    fn labels_roles_and_hosts() {
        assert_eq!(labels("gpu=1, zone=a,spot").map(|labels| labels.len()), Ok(3));
        assert!(labels("Ü=1").is_err());
        assert_eq!(roles("engine"), Ok(Roles { web: false, engine: true }));
        assert!(roles("").is_err() && roles("web,dance").is_err());
        assert_eq!(hosts("Jobs.example.org, [::1]:80"), Ok(vec!["jobs.example.org".into(), "[::1]:80".into()]));
        assert!(hosts("a/b").is_err());
        assert!(log_filter("info,millrace=debug").is_ok() && log_filter("loud=very=much").is_err());
    }
}
