//! Login names.

/// Longest address, in bytes (RFC 5321).
const BYTES_MAX: usize = 254;

/// An e-mail address as login name: lower case, one `@` with text on both sides. Holding one proves it was checked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Email(String);

/// Why a text is no address; the sentence is fit for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no e-mail address: write one such as name@example.org, with at most {BYTES_MAX} characters")]
pub struct EmailError(String);

impl Email {
    /// Checks an address; drops surrounding space and turns it to lower case.
    ///
    /// # Errors
    /// [`EmailError`] quoting the text.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let address = text.trim().to_lowercase();
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | ',' | ';');
        match address.split_once('@') {
            Some((user, host))
                if !user.is_empty() && !host.is_empty() && !host.contains('@') && address.len() <= BYTES_MAX =>
            {
                if address.contains(odd) {
                    Err(EmailError(text.to_owned()))
                } else {
                    Ok(Self(address))
                }
            }
            _ => Err(EmailError(text.to_owned())),
        }
    }

    /// Gives the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_lower_case() {
        assert_eq!(
            Email::parse(" Giulia@Example.ORG ").map(|email| email.to_string()),
            Ok("giulia@example.org".into())
        );
        assert!(Email::parse("root@localhost").is_ok());
        for bad in [
            "",
            "giulia",
            "@example.org",
            "giulia@",
            "a@b@c",
            "a b@c",
            "a\0@b",
            "<a@b>",
            &format!("{}@b.c", "a".repeat(254)),
        ] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
    }
}
