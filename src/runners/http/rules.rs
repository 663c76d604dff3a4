//! Which hosts may be called.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::address::{embedded_v4, is_public};

/// Where calls may go: the public internet, and what an administrator allows beyond.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpRules {
    /// What is allowed beyond public addresses.
    pub allow: Vec<Allowed>,
}

/// Something that an administrator allows, written `10.1.0.0/16`, `127.0.0.1:8080`, `[::1]:80`, `intranet.example` or
/// `intranet.example:8443`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// Every address whose first `length` bits are those of `network`.
    Network {
        /// The network's address.
        network: IpAddr,
        /// Bits that count.
        length: u8,
    },
    /// One host by name or address, on one port or on all; whatever address the name leads to.
    Host {
        /// In lower case, without brackets.
        host: String,
        /// Absent for all.
        port: Option<u16>,
    },
}

/// Why a text allows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network such as 10.1.0.0/16 and no host such as intranet.example:8443")]
pub struct AllowedError(String);

impl HttpRules {
    /// Tells whether the host `host` on `port` may be called at `address`.
    pub fn allows(&self, host: &str, port: u16, address: IpAddr) -> bool {
        is_public(address) || self.allow.iter().any(|allowed| allowed.holds(host, port, address))
    }
}

impl Allowed {
    fn holds(&self, host: &str, port: u16, address: IpAddr) -> bool {
        match self {
            Self::Network { network, length } => in_network(plain(address), *network, *length),
            Self::Host { host: known, port: known_port } => {
                known.eq_ignore_ascii_case(host) && known_port.is_none_or(|known| known == port)
            }
        }
    }
}

/// Gives the address that is meant: the IPv4 address where an IPv6 address stands for one.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => embedded_v4(address).map_or(IpAddr::V6(address), IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn in_network(address: IpAddr, network: IpAddr, length: u8) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let ((left, left_size), (right, right_size)) = (bits(address), bits(network));
    let shift = 128 - u32::from(length);
    left_size == right_size && left.checked_shr(shift) == right.checked_shr(shift)
}

impl FromStr for Allowed {
    type Err = AllowedError;

    fn from_str(text: &str) -> Result<Self, AllowedError> {
        let refuse = || AllowedError(text.to_owned());
        if let Some((network, length)) = text.split_once('/') {
            let network: IpAddr = network.parse().map_err(|_| refuse())?;
            let size = if network.is_ipv4() { 32 } else { 128 };
            let length = length.parse().ok().filter(|length| *length <= size).ok_or_else(refuse)?;
            return Ok(Self::Network { network, length });
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Host { host: address.to_string(), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| refuse())?)),
            None => (text, None),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_ascii_lowercase();
        let named = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
        if named || host.parse::<IpAddr>().is_ok() { Ok(Self::Host { host, port }) } else { Err(refuse()) }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { network, length } => write!(f, "{network}/{length}"),
            Self::Host { host, port: None } => f.write_str(host),
            Self::Host { host, port: Some(port) } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Host { host, port: Some(port) } => write!(f, "{host}:{port}"),
        }
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

    #[test]
    fn what_allows_nothing_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "x/8", "a b", "host:", "host:99999", "http://x", "*"] {
            assert!(text.parse::<Allowed>().is_err(), "{text:?}");
        }
        for text in ["10.0.0.0/8", "::/0", "a.b:80", "[::1]:80", "127.0.0.1"] {
            assert_eq!(text.parse::<Allowed>().unwrap().to_string(), text);
        }
    }
}
