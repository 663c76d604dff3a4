//! What could be typed next into the search: fields, then their values, as far as whoever types may see them. Every look is bounded;
//! a list that is cut says nothing about what it leaves out.
mod place;
mod seen;

pub use place::{Place, What, place};

use super::query::field::{ARG, FIELDS};
use super::query::value::Kind;
use super::query::{Field, Query, Test};
use super::service::sees_payload;
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::{Actor, Forbidden};
use crate::queue::params::{FieldKind, OTHERS, Params};
use crate::queue::permission::Permission;
use crate::queue::state::JobState;

/// Most that is offered at once.
pub const OFFERS_MAX: usize = 12;
/// Names of templates and queues that are offered for a word without a field.
const WORDS_MAX: usize = 3;
/// Letters from which on a word is looked for among names.
const WORD_CHARS_MIN: usize = 2;

/// Something that could be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What is put into the box.
    pub insert: String,
    /// What is read.
    pub label: String,
    /// What it is, in a few words.
    pub help: String,
}

/// What could be typed at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offers {
    /// Where.
    pub place: Place,
    /// The offers, best first.
    pub offers: Vec<Offer>,
    /// What to do when there are none; empty for nothing.
    pub hint: &'static str,
}

/// Why nothing is offered.
#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    /// The actor lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Offers what could stand at `caret` of `text`, beside the `query` that is asked already.
///
/// # Errors
/// [`CompleteError`].
pub fn complete(
    conn: &mut PgConnection,
    actor: &Actor,
    query: &Query,
    (text, caret): (&str, usize),
) -> Result<Offers, CompleteError> {
    actor.require(Permission::ReadJobs)?;
    let place = place(text, caret);
    let is_last = place.to == text.chars().count();
    let mut looker = Looker { conn, actor, templates: templates(query) };
    let is_chosen = !looker.templates.is_empty();
    let mut hint = "";
    let mut offers = match &place.what {
        What::Name(name) => looker.names(name)?,
        What::Value(field, start) => {
            let values = looker.values(field, start)?;
            if values.is_empty() && start.is_empty() {
                hint = field.about().example;
            }
            values
        }
    };
    if matches!(&place.what, What::Name(name) if name.starts_with("arg.")) && !is_chosen {
        hint = "Choose a template first, and its arguments are offered: template:mail.send";
    }
    offers.truncate(OFFERS_MAX);
    for offer in offers.iter_mut().filter(|offer| is_last && !offer.insert.ends_with([':', '.'])) {
        offer.insert.push(' ');
    }
    Ok(Offers { place, offers, hint })
}

/// Names the templates that are asked for exactly.
fn templates(query: &Query) -> Vec<String> {
    let terms = query.terms().into_iter().filter(|term| term.field == Field::Template && !term.is_excluded);
    let names = terms.flat_map(|term| &term.tests);
    names.filter_map(|test| if let Test::Is(name) = test { Some(name.clone()) } else { None }).collect()
}

struct Looker<'l> {
    conn: &'l mut PgConnection,
    actor: &'l Actor,
    templates: Vec<String>,
}

impl Looker<'_> {
    /// Fields whose names begin so, and for a longer word what is called so.
    fn names(&mut self, start: &str) -> Result<Vec<Offer>, DbError> {
        let lower = start.to_lowercase();
        if let Some(path) = lower.strip_prefix("arg.") {
            return self.arguments(path);
        }
        let begins = |name: &&str| name.starts_with(&lower);
        let fields = FIELDS.iter().filter(|(_, about)| begins(&about.name) || about.aliases.iter().any(&begins));
        let mut offers: Vec<Offer> = fields.map(|(_, about)| offer(format!("{}:", about.name), about.help)).collect();
        if begins(&ARG.name) && sees_payload(self.actor) {
            offers.push(Offer { insert: "arg.".into(), label: "arg.…".into(), help: ARG.help.into() });
        }
        if lower.chars().count() >= WORD_CHARS_MIN {
            for (field, help) in [(Field::Template, "template"), (Field::Queue, "queue")] {
                let found = self.values(&field, start)?.into_iter().take(WORDS_MAX);
                offers.extend(found.map(|one| offer(format!("{}:{}", field.name(), one.insert), help)));
            }
        }
        Ok(offers)
    }

    /// Values of a field that begin so or hold it.
    fn values(&mut self, field: &Field, start: &str) -> Result<Vec<Offer>, DbError> {
        let scope = &self.actor.scope;
        let named = match field {
            Field::Queue => seen::queues(self.conn, scope, start)?,
            Field::Template => seen::templates(self.conn, start)?,
            Field::Schedule => seen::schedules(self.conn, scope, start)?,
            Field::Node => seen::nodes(self.conn, start)?,
            Field::Tag => seen::tags(self.conn, scope, start)?,
            Field::By => return Ok(seen::people(self.conn, scope, start)?.into_iter().map(person).collect()),
            Field::Arg(path) => self.choices(path, start)?,
            other => fixed(other, start),
        };
        Ok(named.into_iter().map(|name| offer(quoted(&name), "")).collect())
    }

    /// Arguments of the chosen templates, else of those that are seen most; secret ones left out.
    fn arguments(&mut self, start: &str) -> Result<Vec<Offer>, DbError> {
        if !sees_payload(self.actor) {
            return Ok(Vec::new()); // a search for values would find nothing
        }
        let mut offers: Vec<Offer> = Vec::new();
        for params in self.params()? {
            let fields = params.fields().into_iter().filter(|field| {
                field.name != OTHERS && field.kind != FieldKind::Secret && field.name.to_lowercase().starts_with(start)
            });
            for one in fields.map(|field| offer(format!("arg.{}:", field.name), &field.title)) {
                if offers.iter().all(|known| known.insert != one.insert) {
                    offers.push(one); // several templates may call an argument the same
                }
            }
        }
        Ok(offers)
    }

    /// What an argument can be.
    fn choices(&mut self, path: &[String], start: &str) -> Result<Vec<String>, DbError> {
        let name = path.join(".");
        let mut found: Vec<String> = Vec::new();
        for params in if sees_payload(self.actor) { self.params()? } else { Vec::new() } {
            match params.fields().into_iter().find(|field| field.name == name).map(|field| field.kind) {
                Some(FieldKind::Choice(texts)) => found.extend(texts),
                Some(FieldKind::Flag) => found.extend(["true", "false"].map(String::from)),
                _ => {}
            }
        }
        found.retain(|text| text.to_lowercase().starts_with(&start.to_lowercase()));
        Ok(found)
    }

    fn params(&mut self) -> Result<Vec<Params>, DbError> {
        if self.templates.is_empty() {
            self.templates = seen::busy_templates(self.conn, &self.actor.scope)?; // none was chosen: those of the newest jobs
        }
        let documents = seen::params(self.conn, &self.templates)?;
        Ok(documents.iter().filter_map(|document| Params::parse(document).ok()).collect()) // what cannot be read offers nothing
    }
}

/// Values that do not depend on what there is.
fn fixed(field: &Field, start: &str) -> Vec<String> {
    let words: Vec<&str> = match (field, field.about().kind) {
        (Field::State, _) => JobState::ALL.map(JobState::as_str).into(),
        (Field::Priority, _) => vec!["1", "2", "3", "4", "5"],
        (Field::Attempt, _) => vec![">1", ">2", ">5"],
        (_, Kind::Length) => vec![">10s", ">1m", ">5m", ">1h"],
        (Field::Due, _) => Vec::new(),
        (_, Kind::Moment) => vec!["-1h", "-24h", "-7d"],
        _ => Vec::new(),
    };
    words.into_iter().filter(|word| word.starts_with(&start.to_lowercase())).map(String::from).collect()
}

fn offer(text: String, help: &str) -> Offer {
    Offer { label: text.clone(), insert: text, help: help.to_owned() }
}

fn person((signature, name): (String, String)) -> Offer {
    let help = if name == signature { String::new() } else { name };
    Offer { insert: quoted(&signature), label: signature, help }
}

/// Puts quotes around what would be read as something else.
fn quoted(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_alphanumeric() || "._-/:@<>=".contains(c));
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) }
}

#[cfg(test)]
mod tests {
    use super::super::query::parse;
    use super::*;

    #[test]
    fn states_and_times_are_offered_as_they_are_written() {
        assert_eq!(fixed(&Field::State, "re"), ["ready", "retrying"]);
        assert_eq!(fixed(&Field::Wait, ">1"), [">10s", ">1m", ">1h"]);
        assert_eq!(fixed(&Field::Created, ""), ["-1h", "-24h", "-7d"]);
        assert_eq!(fixed(&Field::Error, ""), [] as [&str; 0]);
        for text in fixed(&Field::Created, "").iter().map(|value| format!("created:{value}")) {
            assert!(parse(&text).problems.is_empty(), "{text}");
        }
    }

    #[test]
    fn an_offer_is_read_as_one_value() {
        for name in ["vip", "two words", "a,b", "say \"so\"", "a(b", "back\\slash"] {
            let parsed = parse(&format!("tag:{}", quoted(name)));
            assert_eq!(parsed.query.terms()[0].tests, [Test::Is(name.into())], "{name}");
        }
    }

    #[test]
    fn the_chosen_templates_are_those_that_are_asked_for() {
        assert_eq!(templates(&parse("template:a,b* -template:c queue:d").query), ["a"]);
    }
}
