//! Names to addresses, of which every one must be allowed. The client connects to what this returns and asks nobody again,
//! so a name that answers differently the second time gains nothing.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::rules::HttpRules;

/// Most addresses of a name that are tried; the client takes no more.
const ADDRESSES_MAX: usize = 16;

/// Resolves names under rules.
#[derive(Debug)]
pub(super) struct CheckedResolver(pub Arc<HttpRules>);

/// Why an address may not be called.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl Resolver for CheckedResolver {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let (host, port) = target(uri).map_err(other)?;
        let found: Vec<SocketAddr> = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => (host.as_str(), port).to_socket_addrs()?.collect(),
        };
        let mut checked = self.empty();
        for address in found.into_iter().take(ADDRESSES_MAX) {
            if !self.0.allows(&host, port, address.ip()) {
                return Err(other(Refused(not_allowed(&host, address.ip()))));
            }
            checked.push(address);
        }
        if checked.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(checked) }
    }
}

fn other(refused: Refused) -> ureq::Error {
    ureq::Error::Other(Box::new(refused))
}

fn not_allowed(host: &str, address: IpAddr) -> String {
    let leads = if host == address.to_string() { String::new() } else { format!("{host} leads to ") };
    format!(
        "{leads}{address}, which is not on the public internet; to allow it, start Millrace with \
         MILLRACE_HTTP_ALLOW={address} (a list of addresses, networks and ports)"
    )
}

/// Gives host and port of an address that may be called at all.
fn target(uri: &Uri) -> Result<(String, u16), Refused> {
    let refuse = |why: &str| Err(Refused(why.to_owned()));
    let default_port = match uri.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return refuse("only http and https may be called"),
    };
    let Some(authority) = uri.authority() else { return refuse("the address has no host") };
    if authority.as_str().contains('@') {
        return refuse("the address holds a user name or password");
    }
    let host = authority.host();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok((host.to_owned(), authority.port_u16().unwrap_or(default_port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_have_a_target() {
        let target = |text: &str| target(&text.parse().unwrap());

        assert_eq!(target("http://a.example/x"), Ok(("a.example".into(), 80)));
        assert_eq!(target("https://[::1]:8443/"), Ok(("::1".into(), 8443)));
        assert!(target("ftp://a/").is_err());
        assert!(target("http://a@b/").is_err());
        assert!(target("/x").is_err());
    }
}
