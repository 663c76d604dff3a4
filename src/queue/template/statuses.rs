//! Sets of HTTP statuses.

use serde::{Deserialize, Serialize};

/// A set of HTTP statuses, written as numbers and ranges: `[200, 300-399]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<StatusText>", into = "Vec<String>")]
pub struct Statuses(Vec<(u16, u16)>);

/// How a status or a range of them is written.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum StatusText {
    Number(u16),
    Range(String),
}

impl Statuses {
    /// Tells whether `status` is in the set.
    pub fn holds(&self, status: u16) -> bool {
        self.0.iter().any(|(from, to)| (*from..=*to).contains(&status))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Finds a status that both sets hold.
    pub(super) fn shared_with(&self, other: &Self) -> Option<u16> {
        (100..=599).find(|status| self.holds(*status) && other.holds(*status))
    }

    pub(super) fn success() -> Self {
        Self(vec![(200, 299)])
    }

    pub(super) fn passing() -> Self {
        Self(vec![(408, 408), (425, 425), (429, 429), (500, 599)])
    }
}

impl TryFrom<Vec<StatusText>> for Statuses {
    type Error = String;
    fn try_from(texts: Vec<StatusText>) -> Result<Self, String> {
        texts.into_iter().map(StatusText::range).collect::<Result<_, _>>().map(Self)
    }
}

impl StatusText {
    fn range(self) -> Result<(u16, u16), String> {
        let (from, to) = match &self {
            Self::Number(status) => (*status, *status),
            Self::Range(text) => {
                let (from, to) = text.split_once('-').unwrap_or((text, text));
                let read =
                    |part: &str| part.trim().parse().map_err(|_| format!("{text:?} is no status or range of statuses"));
                (read(from)?, read(to)?)
            }
        };
        if from > to || from < 100 || to > 599 {
            return Err(format!("statuses lie between 100 and 599 and ranges rise, {from}-{to} does not"));
        }
        Ok((from, to))
    }
}

impl From<Statuses> for Vec<String> {
    fn from(statuses: Statuses) -> Self {
        let text = |(from, to): (u16, u16)| if from == to { from.to_string() } else { format!("{from}-{to}") };
        statuses.0.into_iter().map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_make_a_set() {
        let set: Statuses = serde_json::from_str(r#"[201, "300-302", "404"]"#).unwrap();

        let held: Vec<u16> = (100..=599).filter(|status| set.holds(*status)).collect();
        assert_eq!(held, [201, 300, 301, 302, 404]);
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["201","300-302","404"]"#);
        assert_eq!(set.shared_with(&Statuses::passing()), None);
    }

    #[test]
    fn what_is_no_status_is_refused() {
        for text in ["[99]", "[600]", r#"["300-200"]"#, r#"["2xx"]"#, r#"["200-"]"#, "[true]"] {
            assert!(serde_json::from_str::<Statuses>(text).is_err(), "{text}");
        }
    }
}
