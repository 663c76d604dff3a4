//! Settings: built-in default < `millrace.toml` < environment < flag. Each value remembers its source.
//!
//! ```text
//! setting (the table) ─▶ source (texts, each with its source) ─▶ value (typed, checked) ─▶ Config
//!                             └─ file (millrace.toml)
//! ```
mod error;
mod file;
pub mod setting;
mod source;
mod value;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use error::ConfigError;
pub use setting::Setting;
pub use source::{Inputs, Source};
pub use value::{LogFormat, QueueShare, Roles, Slots};

use crate::base::network::{Allowed, Network};
use crate::base::text::NodeName;
use source::Values;

/// Lease, heartbeat, drain and aging (GUARANTEES.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// After this long without heartbeat a node's jobs are taken over.
    pub lease: Duration,
    /// How often a node renews its lease; less than half of it.
    pub heartbeat: Duration,
    /// How long running jobs may finish when the node is stopped.
    pub drain: Duration,
    /// A job stands behind each level of priority above its own for so long.
    pub aging: Duration,
}

/// Who becomes the first admin without the setup link.
#[derive(Clone, PartialEq, Eq)]
pub struct FirstAdmin {
    /// Login name.
    pub email: String,
    /// Password; not yet checked.
    pub password: String,
}

impl std::fmt::Debug for FirstAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstAdmin").field("email", &self.email).finish_non_exhaustive()
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    /// A filter of `tracing-subscriber`.
    pub filter: String,
    /// Form of lines.
    pub format: LogFormat,
}

/// The effective settings, checked.
#[derive(Clone)]
pub struct Config {
    /// libpq URL; `None` = embedded cluster in the data folder.
    pub database_url: Option<String>,
    /// Absolute path of the data folder; need not exist yet.
    pub data_dir: PathBuf,
    /// Web address; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Origin that browsers use; `None` = derived, see [`Config::origin`].
    pub public_url: Option<String>,
    /// A proxy in front speaks TLS.
    pub tls_terminated: bool,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Hosts that are answered besides that of the origin, with a port where it is not the scheme's own.
    pub allowed_hosts: Vec<String>,
    /// Name shown beside the brand; anything but `production` gets a striped edge.
    pub environment: String,
    /// This node's name.
    pub node: NodeName,
    /// What this node does.
    pub roles: Roles,
    /// Worker threads.
    pub slots: Slots,
    /// Decisions about the number of worker threads are recorded and not obeyed.
    pub scaling_is_dry: bool,
    /// Queues that this node serves; `None` = all.
    pub queues: Option<Vec<QueueShare>>,
    /// Labels of this node.
    pub labels: BTreeMap<String, String>,
    /// Lease, heartbeat, drain.
    pub timing: Timing,
    /// Ended jobs are removed after so many days; 0 = never.
    pub history_days: u32,
    /// Who becomes the first admin without the setup link.
    pub first_admin: Option<FirstAdmin>,
    /// User that commands run as when started by root; `None` = nobody.
    pub command_user: Option<String>,
    /// What HTTP jobs may reach beyond public addresses.
    pub http_allow: Vec<Allowed>,
    /// Database of SQL jobs; `None` = the embedded one, and beside `DATABASE_URL` none: such jobs give up.
    pub sql_url: Option<String>,
    /// What is logged, and how.
    pub logging: Logging,
    /// Registers the `diag.*` handlers.
    pub allow_diagnostics: bool,
    /// Variables that look like ours and are no settings, as sentences.
    pub slips: Vec<String>,
    values: Values,
}

impl Config {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// [`ConfigError`] names the place, the text and what is allowed.
    pub fn read(inputs: &Inputs) -> Result<Self, ConfigError> {
        let values = Values::gather(inputs)?;
        let config = Self {
            database_url: values.read(&setting::DATABASE_URL, value::database)?,
            data_dir: required(&values, &setting::DATA_DIR, value::folder)?,
            listen: required(&values, &setting::LISTEN, value::listen)?,
            public_url: values.read(&setting::PUBLIC_URL, value::origin)?,
            tls_terminated: required(&values, &setting::TLS_TERMINATED, value::switch)?,
            trusted_proxies: values.read(&setting::TRUSTED_PROXIES, value::networks)?.unwrap_or_default(),
            allowed_hosts: values.read(&setting::ALLOWED_HOSTS, value::hosts)?.unwrap_or_default(),
            environment: required(&values, &setting::ENVIRONMENT, value::name)?,
            node: required(&values, &setting::NODE, value::node)?,
            roles: required(&values, &setting::ROLES, value::roles)?,
            slots: required(&values, &setting::SLOTS, value::slots)?,
            scaling_is_dry: required(&values, &setting::SCALING, value::scaling)?,
            queues: required(&values, &setting::QUEUES, value::queues)?,
            labels: values.read(&setting::LABELS, value::labels)?.unwrap_or_default(),
            timing: timing(&values)?,
            history_days: required(&values, &setting::HISTORY_DAYS, value::days)?,
            first_admin: first_admin(&values)?,
            command_user: values.read(&setting::COMMAND_USER, value::name)?,
            http_allow: values.read(&setting::HTTP_ALLOW, value::allowed)?.unwrap_or_default(),
            sql_url: values.read(&setting::SQL_URL, value::database)?,
            logging: Logging {
                filter: required(&values, &setting::LOG, value::log_filter)?,
                format: required(&values, &setting::LOG_FORMAT, value::log_format)?,
            },
            allow_diagnostics: required(&values, &setting::ALLOW_DIAGNOSTICS, value::switch)?,
            slips: slips(inputs),
            values,
        };
        Ok(config)
    }

    /// Says what forbids to listen: an address beyond loopback while nothing in front is said to speak TLS.
    pub fn listen_problem(&self) -> Option<String> {
        let open = !self.listen.ip().is_loopback() && !self.tls_terminated;
        open.then(|| {
            format!(
                "{} can be reached from other machines, and passwords would travel in the clear: put a proxy that speaks TLS \
                 in front and say so with MILLRACE_TLS_TERMINATED=on, or listen on 127.0.0.1",
                self.listen
            )
        })
    }

    /// Gives the origin that browsers use; `port` is the one really listened on.
    pub fn origin(&self, port: u16) -> String {
        self.public_url.clone().unwrap_or_else(|| match self.listen.ip() {
            ip if ip.is_unspecified() => format!("http://localhost:{port}"),
            ip => format!("http://{}", SocketAddr::new(ip, port)),
        })
    }

    /// Lists the values of `Host` that are answered; `port` is the one really listened on.
    pub fn hosts(&self, port: u16) -> Vec<String> {
        let origin = self.origin(port);
        let own = origin.split_once("://").map_or("", |(_, host)| host).to_owned();
        let local = ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}"));
        let local = local.into_iter().filter(|_| self.listen.ip().is_loopback());
        let mut hosts: Vec<String> = [own].into_iter().chain(self.allowed_hosts.clone()).chain(local).collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }

    /// Lists every setting as it is, for `millrace config`.
    pub fn shown(&self) -> Vec<Shown> {
        setting::ALL.into_iter().map(|setting| self.show(setting)).collect()
    }

    fn show(&self, setting: &'static Setting) -> Shown {
        let found = self.values.get(setting);
        Shown {
            key: setting.key,
            variable: setting.variable,
            value: found.map(|(text, _)| source::shown(setting, text)),
            source: found.map_or_else(|| Source::Default.to_string(), |(_, source)| source.to_string()),
            meaning: setting.meaning,
        }
    }

    /// Gives the variables that lead a child process to the same settings, secrets included, but not the first admin's.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let given = |setting: &&'static Setting| {
            if [setting::ADMIN_EMAIL.key, setting::ADMIN_PASSWORD.key].contains(&setting.key) {
                return None;
            }
            let (text, _) = self.values.get(setting)?;
            Some((setting.variable, text.to_owned()))
        };
        let mut variables: Vec<_> = setting::ALL.iter().filter_map(given).collect();
        variables.push((setting::DATA_DIR.variable, self.data_dir.display().to_string())); // absolute; the later one counts
        variables
    }
}

/// One line of `millrace config`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Shown {
    /// Name in the file.
    pub key: &'static str,
    /// Environment variable.
    pub variable: &'static str,
    /// Effective value, secrets masked; `None` = unset.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: String,
    /// What it does.
    pub meaning: &'static str,
}

/// Reads a setting that always has a value: by its table entry, or by [`Inputs::defaults`].
fn required<T>(
    values: &Values,
    setting: &Setting,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, ConfigError> {
    values.read(setting, parse)?.ok_or_else(|| ConfigError::Contradiction(format!("{} is not set", setting.variable)))
}

fn timing(values: &Values) -> Result<Timing, ConfigError> {
    let timing = Timing {
        lease: required(values, &setting::LEASE_SECONDS, value::seconds(2))?,
        heartbeat: required(values, &setting::HEARTBEAT_SECONDS, value::seconds(1))?,
        drain: required(values, &setting::DRAIN_SECONDS, value::seconds(0))?,
        aging: required(values, &setting::AGING_SECONDS, value::seconds(1))?,
    };
    if timing.heartbeat * 2 > timing.lease {
        return Err(ConfigError::Contradiction(format!(
            "MILLRACE_HEARTBEAT_SECONDS is {} and MILLRACE_LEASE_SECONDS is {}: a lease must last at least two heartbeats",
            timing.heartbeat.as_secs(),
            timing.lease.as_secs()
        )));
    }
    Ok(timing)
}

fn first_admin(values: &Values) -> Result<Option<FirstAdmin>, ConfigError> {
    let email = values.read(&setting::ADMIN_EMAIL, value::text)?;
    // not through `read`: spaces around a password belong to it
    let password = values.get(&setting::ADMIN_PASSWORD).map(|(text, _)| text.to_owned());
    match (email, password) {
        (Some(email), Some(password)) => Ok(Some(FirstAdmin { email, password })),
        (None, None) => Ok(None),
        _ => Err(ConfigError::Contradiction(
            "MILLRACE_ADMIN_EMAIL and MILLRACE_ADMIN_PASSWORD must be set together".into(),
        )),
    }
}

fn slips(inputs: &Inputs) -> Vec<String> {
    let stray = inputs.environment.keys().filter(|variable| setting::is_stray(variable));
    let sentence = |variable: &String| {
        let near = setting::nearest(variable, setting::ALL.iter().map(|setting| setting.variable));
        let meant = near.map_or_else(String::new, |near| format!(", did you mean {near}?"));
        format!("the variable {variable} is no setting{meant}")
    };
    stray.map(sentence).collect()
}

/// Chooses the defaults that depend on the machine.
pub fn defaults_of_this_machine(data_dir: PathBuf) -> Vec<(&'static Setting, String)> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    vec![
        (&setting::DATA_DIR, data_dir.display().to_string()),
        (&setting::NODE, value::node_of_host(&host_name())),
        (&setting::SLOTS, Slots::by_cores(cores).to_string()),
    ]
}

/// Gathers what the settings of this process are read from.
pub fn inputs_of_this_process(
    file: Option<PathBuf>,
    flags: Vec<(&'static Setting, String)>,
    data_dir: PathBuf,
) -> Inputs {
    let (folder, environment) = source::of_this_process();
    Inputs { folder, file, environment, flags, defaults: defaults_of_this_machine(data_dir) }
}

fn host_name() -> String {
    let mut bytes = [0u8; 256];
    // SAFETY: the buffer is valid for its length, and one byte less is offered so that it stays terminated.
    let answer = unsafe { libc::gethostname(bytes.as_mut_ptr().cast(), bytes.len() - 1) };
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(0);
    if answer == 0 { String::from_utf8_lossy(&bytes[..end]).into_owned() } else { String::new() }
}
