//! Every setting: its names, its default, its meaning. `millrace config` and the documentation are made from this table.

/// How a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// As it is.
    Open,
    /// Never.
    Secret,
    /// A URL without its password.
    Url,
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its name in `millrace.toml`.
    pub key: &'static str,
    /// Its environment variable.
    pub variable: &'static str,
    /// Its default; empty = unset, or found out at start.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub meaning: &'static str,
    /// How its value may be shown.
    pub secrecy: Secrecy,
}

const fn open(key: &'static str, variable: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { key, variable, default, meaning, secrecy: Secrecy::Open }
}

/// See [`super::Config::database_url`].
pub const DATABASE_URL: Setting = Setting {
    secrecy: Secrecy::Url,
    ..open("database_url", "DATABASE_URL", "", "libpq URL of the database; unset = embedded cluster in the data folder")
};
/// See [`super::Config::data_dir`].
pub const DATA_DIR: Setting =
    open("data_dir", "MILLRACE_DATA_DIR", "", "folder of the embedded cluster, the key file, exports and archives");
/// See [`super::Config::listen`].
pub const LISTEN: Setting =
    open("listen", "MILLRACE_LISTEN", "127.0.0.1:8080", "web address; port 0 picks a free one and prints it");
/// See [`super::Config::public_url`].
pub const PUBLIC_URL: Setting = open(
    "public_url",
    "MILLRACE_PUBLIC_URL",
    "",
    "origin for links, CSRF and cookies; unset = derived from the web address",
);
/// See [`super::Config::node`].
pub const NODE: Setting = open("node", "MILLRACE_NODE", "", "name of this node, unique; unset = host name");
/// See [`super::Config::roles`].
pub const ROLES: Setting = open("roles", "MILLRACE_ROLES", "web,engine", "what this node does");
/// See [`super::Config::slots`].
pub const SLOTS: Setting =
    open("slots", "MILLRACE_SLOTS", "", "worker threads, min..max or one number; unset = by processor cores");
/// See [`super::Config::scaling_is_dry`].
pub const SCALING: Setting = open(
    "scaling",
    "MILLRACE_SCALING",
    "on",
    "whether the number of worker threads follows the work: on, or dry-run to record decisions only",
);
/// See [`super::Config::queues`].
pub const QUEUES: Setting =
    open("queues", "MILLRACE_QUEUES", "all", "queues that this node serves, with optional weights: mail=3,default");
/// See [`super::Config::labels`].
pub const LABELS: Setting = open("labels", "MILLRACE_LABELS", "", "labels of this node: gpu=1,zone=a");
/// See [`super::Timing::lease`].
pub const LEASE_SECONDS: Setting = open(
    "lease_seconds",
    "MILLRACE_LEASE_SECONDS",
    "10",
    "after this long without heartbeat a node's jobs are taken over",
);
/// See [`super::Timing::heartbeat`].
pub const HEARTBEAT_SECONDS: Setting =
    open("heartbeat_seconds", "MILLRACE_HEARTBEAT_SECONDS", "3", "how often a node renews its lease");
/// See [`super::Timing::drain`].
pub const DRAIN_SECONDS: Setting =
    open("drain_seconds", "MILLRACE_DRAIN_SECONDS", "25", "how long running jobs may finish when the node is stopped");
/// See [`super::Timing::aging`].
pub const AGING_SECONDS: Setting = open(
    "aging_seconds",
    "MILLRACE_AGING_SECONDS",
    "30",
    "after so long for each higher priority a waiting job gets a part of the slots before them",
);
/// See [`super::Config::history_days`].
pub const HISTORY_DAYS: Setting = open(
    "history_days",
    "MILLRACE_HISTORY_DAYS",
    "400",
    "ended jobs are removed after so many days, a million numbers at a time; 0 = never",
);
/// See [`super::Config::first_admin`].
pub const ADMIN_EMAIL: Setting =
    open("admin_email", "MILLRACE_ADMIN_EMAIL", "", "login name of the first admin, made only while there is none");
/// See [`super::Config::first_admin`].
pub const ADMIN_PASSWORD: Setting = Setting {
    secrecy: Secrecy::Secret,
    ..open("admin_password", "MILLRACE_ADMIN_PASSWORD", "", "password of the first admin")
};
/// See [`super::Logging::filter`].
pub const LOG: Setting = open("log", "MILLRACE_LOG", "info", "what is logged: a level, or target=level pairs");
/// See [`super::Logging::format`].
pub const LOG_FORMAT: Setting = open("log_format", "MILLRACE_LOG_FORMAT", "text", "form of log lines: text or json");
/// See [`super::Config::allow_diagnostics`].
pub const ALLOW_DIAGNOSTICS: Setting =
    open("allow_diagnostics", "MILLRACE_ALLOW_DIAGNOSTICS", "off", "registers the diag.* handlers and shows a banner");
/// See [`super::Config::environment`].
pub const ENVIRONMENT: Setting = open(
    "environment",
    "MILLRACE_ENVIRONMENT",
    "production",
    "name shown beside the brand; any other gets a striped edge",
);
/// See [`super::Config::tls_terminated`].
pub const TLS_TERMINATED: Setting = open(
    "tls_terminated",
    "MILLRACE_TLS_TERMINATED",
    "off",
    "states that a proxy in front speaks TLS; needed to listen beyond loopback",
);
/// See [`super::Config::trusted_proxies`].
pub const TRUSTED_PROXIES: Setting = open(
    "trusted_proxies",
    "MILLRACE_TRUSTED_PROXIES",
    "",
    "networks whose X-Forwarded-For is believed: 10.0.0.0/8,127.0.0.1",
);
/// See [`super::Config::allowed_hosts`].
pub const ALLOWED_HOSTS: Setting =
    open("allowed_hosts", "MILLRACE_ALLOWED_HOSTS", "", "host names that are answered besides that of the public URL");
/// See [`super::Config::http_allow`].
pub const HTTP_ALLOW: Setting = open(
    "http_allow",
    "MILLRACE_HTTP_ALLOW",
    "",
    "private networks and hosts that HTTP jobs may reach: 10.1.0.0/16,intranet:8443",
);
/// See [`super::Config::command_user`].
pub const COMMAND_USER: Setting = open(
    "command_user",
    "MILLRACE_COMMAND_USER",
    "",
    "user that commands run as when started by root; unset = nobody, or daemon where nobody runs the server",
);
/// See [`super::Config::sql_url`].
pub const SQL_URL: Setting = Setting {
    secrecy: Secrecy::Url,
    ..open(
        "sql_url",
        "MILLRACE_SQL_URL",
        "",
        "database of SQL jobs, with a login role of its own; unset = the embedded database, else none",
    )
};

/// Every setting, in the order in which it is shown.
pub const ALL: [&Setting; 27] = [
    &DATABASE_URL,
    &DATA_DIR,
    &LISTEN,
    &PUBLIC_URL,
    &TLS_TERMINATED,
    &TRUSTED_PROXIES,
    &ALLOWED_HOSTS,
    &ENVIRONMENT,
    &NODE,
    &ROLES,
    &SLOTS,
    &SCALING,
    &QUEUES,
    &LABELS,
    &LEASE_SECONDS,
    &HEARTBEAT_SECONDS,
    &DRAIN_SECONDS,
    &AGING_SECONDS,
    &HISTORY_DAYS,
    &ADMIN_EMAIL,
    &ADMIN_PASSWORD,
    &COMMAND_USER,
    &HTTP_ALLOW,
    &SQL_URL,
    &LOG,
    &LOG_FORMAT,
    &ALLOW_DIAGNOSTICS,
];

/// Variables that are ours and no settings: read elsewhere, or given to commands.
const OTHER_VARIABLES: [&str; 12] = [
    "MILLRACE_CONFIG",
    "MILLRACE_PG_BIN",
    "MILLRACE_JOB_ID",
    "MILLRACE_ENGINE",
    "MILLRACE_ENGINE_MARK",
    "MILLRACE_ATTEMPT",
    "MILLRACE_FENCE",
    "MILLRACE_DEADLINE",
    "MILLRACE_ARGS",
    "MILLRACE_CHECKPOINT",
    "MILLRACE_SCHEDULE",
    "MILLRACE_OCCURRENCE",
];

/// Finds a setting by its key in the file.
pub fn by_key(key: &str) -> Option<&'static Setting> {
    ALL.into_iter().find(|setting| setting.key == key)
}

/// Tells whether a variable that begins like ours means nothing to us: a slip that would otherwise pass unseen.
pub fn is_stray(variable: &str) -> bool {
    variable.starts_with("MILLRACE_")
        && !OTHER_VARIABLES.contains(&variable)
        && ALL.iter().all(|setting| setting.variable != variable)
}

/// Finds the one of `names` that `text` was probably meant to be.
pub fn nearest<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    /// Most changed letters.
    const DISTANCE_MAX: usize = 3;
    let near = names.map(|name| (distance(text, name), name)).min()?;
    (near.0 <= DISTANCE_MAX).then_some(near.1)
}

/// Levenshtein's distance in bytes.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, left) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (place, right) in other.bytes().enumerate() {
            let changed = diagonal + usize::from(left != right);
            diagonal = row[place + 1];
            row[place + 1] = changed.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_variables_fit_together() {
        for setting in ALL.iter().filter(|setting| setting.key != "database_url") {
            assert_eq!(format!("MILLRACE_{}", setting.key.to_uppercase()), setting.variable);
        }
        let keys: std::collections::HashSet<_> = ALL.iter().map(|setting| setting.key).collect();
        assert_eq!(keys.len(), ALL.len());
    }

    #[test]
    fn slips_are_seen() {
        assert!(
            is_stray("MILLRACE_SLOT")
                && !is_stray("MILLRACE_SLOTS")
                && !is_stray("MILLRACE_JOB_ID")
                && !is_stray("PATH")
        );
        assert_eq!(nearest("lisen", ALL.iter().map(|setting| setting.key)), Some("listen"));
        assert_eq!(nearest("colour_of_the_sky", ALL.iter().map(|setting| setting.key)), None);
        assert_eq!([distance("", "abc"), distance("kitten", "sitting"), distance("a", "a")], [3, 3, 0]);
    }
}
