//! Ranges of network addresses and hosts: who is believed, what may be reached.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address with the number of its leading bits that count: `10.0.0.0/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Why a text is no network; the sentence is fit for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network: write an address such as 10.1.2.3 or a range such as 10.0.0.0/8")]
pub struct NetworkError(String);

impl Network {
    /// Reads an address or a range in CIDR form (RFC 4632, RFC 4291).
    ///
    /// # Errors
    /// [`NetworkError`] quoting the text.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let refused = || NetworkError(text.to_owned());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| refused())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let most = width(&address);
        let bits = bits.unwrap_or(most);
        if bits > most { Err(refused()) } else { Ok(Self { address, bits }) }
    }

    /// Tells whether `address` is inside. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, other) = (self.address.to_canonical(), address.to_canonical());
        let differing = match (own, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => u128::from(own.to_bits() ^ other.to_bits()),
            (IpAddr::V6(own), IpAddr::V6(other)) => own.to_bits() ^ other.to_bits(),
            _ => return false,
        };
        let free = width(&own).saturating_sub(self.bits);
        differing.checked_shr(u32::from(free)).unwrap_or(0) == 0
    }
}

fn width(address: &IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == width(&self.address) {
            self.address.fmt(f)
        } else {
            write!(f, "{}/{}", self.address, self.bits)
        }
    }
}

/// Something that an administrator lets calls reach, written `10.1.0.0/16`, `127.0.0.1:8080`, `[::1]:80`,
/// `intranet.example` or `intranet.example:8443`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// Every address of a network.
    Network(Network),
    /// One host by name or address, on one port or on all; whatever address the name leads to.
    Host {
        /// In lower case, without brackets.
        host: String,
        /// Absent for all.
        port: Option<u16>,
    },
}

/// Why a text allows nothing; the sentence is fit for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network such as 10.1.0.0/16 and no host such as intranet.example:8443")]
pub struct AllowedError(String);

impl Allowed {
    /// Tells whether a call of `host` on `port` that leads to `address` is allowed.
    pub fn holds(&self, host: &str, port: u16, address: IpAddr) -> bool {
        match self {
            Self::Network(network) => network.contains(address),
            Self::Host { host: known, port: known_port } => {
                known.eq_ignore_ascii_case(host) && known_port.is_none_or(|known| known == port)
            }
        }
    }
}

impl FromStr for Allowed {
    type Err = AllowedError;

    fn from_str(text: &str) -> Result<Self, AllowedError> {
        let refuse = || AllowedError(text.to_owned());
        if text.contains('/') {
            return Network::parse(text).map(Self::Network).map_err(|_| refuse());
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(Network { address, bits: width(&address) }));
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
            Self::Network(network) => network.fmt(f),
            Self::Host { host, port: None } => f.write_str(host),
            Self::Host { host, port: Some(port) } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Host { host, port: Some(port) } => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        Network::parse(network).expect("a network").contains(address.parse().expect("an address"))
    }

    #[test]
    fn a_range_holds_its_addresses() {
        assert!(contains("10.0.0.0/8", "10.255.0.1") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("192.168.1.7", "192.168.1.7") && !contains("192.168.1.7", "192.168.1.8"));
        assert!(contains("0.0.0.0/0", "1.2.3.4") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("fd00::/8", "fdff::1") && !contains("fd00::/8", "fe00::1"));
        assert!(contains("::/0", "2001:db8::1"));
    }

    #[test]
    fn a_mapped_address_is_the_address_it_maps() {
        assert!(contains("127.0.0.0/8", "::ffff:127.0.0.1"));
        assert!(!contains("::/0", "::ffff:127.0.0.1"));
    }

    #[test]
    fn networks_are_written_as_they_are_read() {
        for text in ["10.0.0.0/8", "127.0.0.1", "::1", "fd00::/8"] {
            assert_eq!(Network::parse(text).expect("a network").to_string(), text);
        }
        for bad in ["", "10.0.0.0/33", "10.0.0", "example.org", "10.0.0.0/-1", "::1/129"] {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
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
