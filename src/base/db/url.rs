//! Connection addresses with our own limits added.

/// Adds what every connection of ours needs to a libpq URL, where the URL does not say otherwise: a short connect
/// timeout, so that a black hole does not swallow threads, and keepalives that notice one within seconds.
pub fn with_limits(url: &str) -> String {
    const LIMITS: [(&str, &str); 6] = [
        ("connect_timeout", "2"),
        ("keepalives_idle", "5"),
        ("keepalives_interval", "2"),
        ("keepalives_count", "3"),
        ("tcp_user_timeout", "10000"),
        ("gssencmode", "disable"),
    ];
    let mut limited = url.to_owned();
    for (name, value) in LIMITS {
        if !url.contains(&format!("{name}=")) {
            limited.push(if limited.contains('?') { '&' } else { '?' });
            limited.push_str(&format!("{name}={value}"));
        }
    }
    limited
}

/// Makes connections of a libpq URL act as `role`. A URL with `options` of its own is left alone.
pub fn as_role(url: &str, role: &str) -> String {
    if url.contains("options=") {
        return url.to_owned();
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-c%20role%3D{role}")
}

/// Tells whether a libpq URL can be taken apart without a doubt: a password with a slash, an at sign or a space in it ends the
/// user's part too early, and libpq then repeats pieces of it in what it says.
pub fn is_plain(url: &str) -> bool {
    let Some(("postgres" | "postgresql", rest)) = url.split_once("://") else { return false };
    let (authority, tail) = parts(rest);
    let path = tail.split('?').next().unwrap_or_default();
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let is_port = |port: &str| port.chars().all(|c| c.is_ascii_digit());
    let is_host = |host: &str| match host.rsplit_once(':') {
        Some((name, port)) => {
            is_port(port) && (!name.contains(':') || name.starts_with('[') && name.ends_with(']'))
                || host.ends_with(']')
        }
        None => true,
    };
    !url.contains(char::is_whitespace) && !path.contains('@') && !user.contains('@') && hosts.split(',').all(is_host)
}

fn parts(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()))
}

/// Gives the URL without its password, for logs and pages; nothing of one that is not [plain](is_plain).
pub fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|_| is_plain(url)) else { return "…".to_owned() };
    let (authority, tail) = parts(rest);
    let shown = match authority.rsplit_once('@') {
        Some((user, host)) => format!("{}@{host}", user.split(':').next().unwrap_or_default()),
        None => authority.to_owned(),
    };
    let tail = match tail.split_once("password=") {
        Some((before, after)) => format!("{before}password=…{}", after.find('&').map_or("", |at| &after[at..])),
        None => tail.to_owned(),
    };
    format!("{scheme}://{shown}{tail}")
}

/// Takes a plain URL and its password apart, for programs whose arguments everybody on the machine may read.
pub fn apart(url: &str) -> (String, Option<String>) {
    let Some((scheme, rest)) = url.split_once("://") else { return (url.to_owned(), None) };
    let (authority, tail) = parts(rest);
    let (user, hosts) = authority.rsplit_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
    let (name, mut password) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
        Some((name, "")) => (format!("{name}@"), None),
        Some((name, password)) => (format!("{name}@"), Some(password)),
        None => (String::new(), None),
    };
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let (secret, open): (Vec<&str>, Vec<&str>) = query.split('&').partition(|part| part.starts_with("password="));
    password = secret.last().and_then(|part| part.strip_prefix("password=")).or(password);
    let query = if open.concat().is_empty() { String::new() } else { format!("?{}", open.join("&")) };
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    (format!("{scheme}://{name}{hosts}{path}{query}"), password.map(decoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_url_says_wins() {
        let limited = with_limits("postgresql:///m?connect_timeout=9");

        assert!(limited.contains("connect_timeout=9&keepalives_idle=5"), "{limited}");
        assert_eq!(limited.matches("connect_timeout").count(), 1);
    }

    #[test]
    fn a_role_is_asked_for_at_the_start_of_a_connection() {
        assert_eq!(as_role("postgresql:///m?host=/x", "app"), "postgresql:///m?host=/x&options=-c%20role%3Dapp");
        assert_eq!(as_role("postgres://db/m?options=-cfoo%3D1", "app"), "postgres://db/m?options=-cfoo%3D1");
    }

    #[test]
    fn a_password_is_taken_out_of_the_address() {
        let taken = |url| {
            let (plain, password) = apart(url);
            format!("{plain} {}", password.unwrap_or_default())
        };

        assert_eq!(taken("postgres://app:s%2F3@h1:5432,h2/x?a=1"), "postgres://app@h1:5432,h2/x?a=1 s/3");
        assert_eq!(taken("postgres://app:no@db/x?password=yes&a=1"), "postgres://app@db/x?a=1 yes");
        assert_eq!(taken("postgres://app@db/x?password=yes"), "postgres://app@db/x yes");
        assert_eq!(taken("postgresql:///m?host=/run/x"), "postgresql:///m?host=/run/x ");
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(masked("postgres://app:s3cret@db/x?password=p&a=1"), "postgres://app@db/x?password=…&a=1");
        assert_eq!(masked("postgresql:///m?host=/run/x"), "postgresql:///m?host=/run/x");
        assert_eq!(masked("postgres://a:p@h1:5432,h2/x"), "postgres://a@h1:5432,h2/x");
        assert_eq!(masked("postgres://a:p@[::1]:5432,[::2]/x"), "postgres://a@[::1]:5432,[::2]/x");
        for odd in [
            "host=h password=s3",
            "postgres//u:s3@h/db",
            "postgres://u:s/3@h/db",
            "postgres://u:s 3@h/db",
            "postgres://u:s@3@h/db",
        ] {
            assert_eq!(masked(odd), "…", "{odd}");
        }
    }
}
