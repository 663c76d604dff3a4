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

/// Gives the URL without its password, for logs and pages.
pub fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
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
    fn passwords_are_not_shown() {
        assert_eq!(masked("postgres://app:s3cret@db/x?password=p&a=1"), "postgres://app@db/x?password=…&a=1");
        assert_eq!(masked("postgresql:///m?host=/run/x"), "postgresql:///m?host=/run/x");
    }
}
