//! What is typed into the search box: `state:failed queue:mail "text in the arguments"`. The same words as in the address.

use super::JobFilter;
use crate::queue::state::JobState;

/// Longest text that is read, in characters; the rest is left out.
pub const QUERY_CHARS_MAX: usize = 500;
/// Most values of one field.
pub const VALUES_MAX: usize = 20;

/// The fields that are understood.
pub const FIELDS: [&str; 5] = ["state", "queue", "template", "tag", "id"];

/// Says of a word what is wrong with it and what could stand there instead.
pub fn not_understood(word: &str) -> String {
    let (last, others) = (FIELDS[FIELDS.len() - 1], FIELDS[..FIELDS.len() - 1].join(", "));
    format!("{word:?} is not understood; fields are {others} and {last}")
}

/// What a typed text asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed {
    /// The part that is understood as fields.
    pub filter: JobFilter,
    /// The words without a field, quotes taken off.
    pub text: String,
    /// Terms that were not understood, as they were typed.
    pub unknown: Vec<String>,
}

/// Reads a typed text. Nothing is refused: what is not understood is named.
pub fn typed(text: &str) -> Typed {
    let mut typed = Typed::default();
    let text: String = text.chars().take(QUERY_CHARS_MAX).filter(|c| *c != '\0').collect();
    let mut words = Vec::new();
    for term in terms(&text) {
        match term.field() {
            Some((field, value)) => typed.take(field, &value, &term.raw),
            None => words.push(term.bare()),
        }
    }
    typed.text = words.join(" ").trim().to_owned();
    typed
}

impl Typed {
    fn take(&mut self, field: &str, value: &str, raw: &str) {
        let known = value.split(',').filter(|one| !one.is_empty()).all(|one| self.filter.add(field, one));
        if !known || value.is_empty() {
            self.unknown.push(raw.to_owned());
        }
    }
}

impl JobFilter {
    /// Adds a value of a field by its name in addresses; `false` when field or value is not known.
    pub fn add(&mut self, field: &str, value: &str) -> bool {
        if value.contains('\0') {
            return false; // no name holds one, and no statement takes one
        }
        let list = match field {
            "state" => return JobState::parse(value).map(|state| self.states.insert(state)).is_some(),
            "id" => {
                self.id = value.parse().ok().filter(|id: &i64| *id > 0);
                return self.id.is_some();
            }
            "queue" => &mut self.queues,
            "template" => &mut self.templates,
            "tag" => &mut self.tags,
            _ => return false,
        };
        if !list.iter().any(|known| known == value) && list.len() < VALUES_MAX {
            list.push(value.to_owned());
        }
        true
    }
}

/// One piece between spaces; spaces within quotes belong to the piece.
struct Term {
    raw: String,
}

impl Term {
    /// Splits `field:value`. Addresses of the web and times of day are text: `https://…`, `14:30`.
    fn field(&self) -> Option<(&str, String)> {
        let (field, value) = self.raw.split_once(':')?;
        let name = field.strip_prefix('-').unwrap_or(field);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
        (is_name && !value.starts_with("//")).then(|| (field, unquoted(value)))
    }

    fn bare(&self) -> String {
        unquoted(&self.raw)
    }
}

fn unquoted(text: &str) -> String {
    text.replace('"', "")
}

fn terms(text: &str) -> Vec<Term> {
    let (mut found, mut raw, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        quoted ^= c == '"';
        if c.is_whitespace() && !quoted {
            found.push(std::mem::take(&mut raw));
        } else {
            raw.push(c);
        }
    }
    found.push(raw);
    found.into_iter().filter(|raw| !raw.is_empty()).map(|raw| Term { raw }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_filters_and_the_rest_is_text() {
        let typed = typed(r#"state:failed,retrying queue:mail template:mail.send tag:vip "two words" plain"#);

        assert_eq!(typed.filter.states, [JobState::Failed, JobState::Retrying].into());
        assert_eq!(typed.filter.queues, ["mail"]);
        assert_eq!((typed.filter.templates, typed.filter.tags), (vec!["mail.send".into()], vec!["vip".into()]));
        assert_eq!(typed.text, "two words plain");
        assert!(typed.unknown.is_empty());
    }

    #[test]
    fn what_is_not_understood_is_named_as_it_was_typed() {
        let typed = typed(r#"quue:mail state:broken -tag:x error:"no route" queue: rest"#);

        assert_eq!(typed.unknown, ["quue:mail", "state:broken", "-tag:x", "error:\"no route\"", "queue:"]);
        assert_eq!((typed.text.as_str(), typed.filter), ("rest", JobFilter::default()));
    }

    #[test]
    fn the_fields_that_are_named_are_those_that_are_understood() {
        let told = not_understood("arg.x:1");
        assert_eq!(told, "\"arg.x:1\" is not understood; fields are state, queue, template, tag and id");

        for (field, value) in FIELDS.into_iter().zip(["failed", "a", "a", "a", "1"]) {
            assert!(JobFilter::default().add(field, value), "{field}");
        }
    }

    #[test]
    fn addresses_and_times_are_text() {
        assert_eq!(typed("https://a.example/x 14:30").text, "https://a.example/x 14:30");
        assert_eq!(typed("").text, "");
    }

    #[test]
    fn an_open_quote_reaches_to_the_end() {
        assert_eq!(typed(r#""state:failed and"#).text, "state:failed and");
        assert_eq!(typed(r#"tag:"a b"#).filter.tags, ["a b"]);
    }

    #[test]
    fn one_field_takes_several_terms_once_each() {
        let typed = typed("tag:a tag:b tag:a id:7");

        assert_eq!(typed.filter.tags, ["a", "b"]);
        assert_eq!(typed.filter.id, Some(7));
    }

    proptest::proptest! {
        #[test]
        fn nothing_typed_panics_or_grows(text in ".{0,800}") {
            let typed = typed(&text);
            proptest::prop_assert!(typed.text.chars().count() <= QUERY_CHARS_MAX);
        }
    }
}
