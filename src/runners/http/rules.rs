//! Which hosts may be called.

use std::net::IpAddr;

use super::address::{embedded_v4, is_public};
use crate::base::network::Allowed;

/// Where calls may go: the public internet, and what an administrator allows beyond.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpRules {
    /// What is allowed beyond public addresses.
    pub allow: Vec<Allowed>,
}

impl HttpRules {
    /// Tells whether the host `host` on `port` may be called at `address`.
    pub fn allows(&self, host: &str, port: u16, address: IpAddr) -> bool {
        is_public(address) || self.allow.iter().any(|allowed| allowed.holds(host, port, plain(address)))
    }
}

/// Gives the address that is meant: the IPv4 address where an IPv6 address stands for one.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => embedded_v4(address).map_or(IpAddr::V6(address), IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(allow: &str, host: &str, port: u16, address: &str) -> bool {
        let rules = HttpRules { allow: vec![allow.parse().unwrap()] };
        rules.allows(host, port, address.parse().unwrap())
    }

    #[test]
    fn networks_and_hosts_are_allowed_by_name() {
        assert!(allows("10.1.0.0/16", "x", 80, "10.1.2.3"));
        assert!(allows("10.1.0.0/16", "x", 80, "::ffff:10.1.2.3"));
        assert!(!allows("10.1.0.0/16", "x", 80, "10.2.0.1"));
        assert!(allows("0.0.0.0/0", "x", 80, "127.0.0.1") && !allows("0.0.0.0/0", "x", 80, "::1"));
        assert!(allows("fd00::/8", "x", 80, "fd12::1"));
        assert!(allows("127.0.0.1:8080", "127.0.0.1", 8080, "127.0.0.1"));
        assert!(!allows("127.0.0.1:8080", "127.0.0.1", 81, "127.0.0.1"));
        assert!(allows("[::1]:80", "::1", 80, "::1"));
        assert!(allows("Intranet.example", "intranet.EXAMPLE", 443, "10.0.0.1"));
        assert!(!allows("intranet.example", "evil.example", 443, "10.0.0.1"), "a name that leads to the same address");
    }
}
