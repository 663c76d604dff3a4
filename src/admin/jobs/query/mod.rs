//! What jobs are asked for: one grammar for the search box, addresses, the API, the command line, counts, bulk operations and exports.
//!
//! ```text
//! state:failed (queue:mail OR tag:vip) -template:test.* attempt:>2 created:-24h arg.customer:42 "connection refused"
//!
//! typed ─▶ scan (pieces with columns) ─▶ parse ─▶ Query ─▶ print (one spelling) · address (parameters) · condition (SQL)
//!                                          └▶ problems: what was not understood, with its column
//! ```
//! Parts that stand beside each other must all hold; `OR` between two parts asks for either and binds closer; a minus excludes.
pub mod condition;
pub mod field;
mod parse;
pub mod print;
mod reach;
mod scan;
pub mod value;

#[cfg(test)]
mod tests;

use chrono::SubsecRound;
use chrono_tz::Tz;

use crate::base::clock::Time;

pub use condition::{Asker, Condition};
pub use field::Field;
pub use parse::{Parsed, QUERY_CHARS_MAX, TERMS_MAX, VALUES_MAX, parameter, parse, stranger};
pub use reach::reach;
pub use value::Test;

/// A query: all of its parts must hold; none = every job.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    parts: Vec<Part>,
}

/// A part of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// A field with values.
    Term(Term),
    /// One of these.
    Any(Vec<Query>),
    /// Not this.
    Not(Query),
}

/// A field and what is asked of it: any of the tests.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The field.
    pub field: Field,
    /// Jobs with it are left out instead.
    pub is_excluded: bool,
    /// One of these holds; never empty.
    pub tests: Vec<Test>,
}

/// A piece of a typed text that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it begins: characters from 1.
    pub column: usize,
    /// The piece as it was typed.
    pub typed: String,
    /// What is wrong, and what could stand there.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

impl Term {
    /// Asks that one of `tests` holds for `field`.
    pub fn of(field: Field, tests: Vec<Test>) -> Self {
        Self { field, is_excluded: false, tests }
    }

    /// Tells whether another term can only mean "or this": both want one value of what a job has once.
    fn joins(&self, other: &Self) -> bool {
        let names = |term: &Self| {
            !term.is_excluded
                && term.tests.iter().all(|test| matches!(test, Test::State(_) | Test::Is(_) | Test::Like(_)))
        };
        self.field == other.field && self.field.is_single() && names(self) && names(other)
    }
}

impl Part {
    /// Gives the term of a field.
    fn as_term(&self) -> Option<&Term> {
        match self {
            Self::Term(term) if term.field != Field::Text => Some(term),
            Self::Term(_) | Self::Any(_) | Self::Not(_) => None,
        }
    }

    /// Gives the part that holds when this one does not.
    pub fn negated(self) -> Self {
        match self {
            Self::Term(term) => Self::Term(Term { is_excluded: !term.is_excluded, ..term }),
            Self::Not(query) => query.into_part().unwrap_or(Self::Any(Vec::new())),
            any => Self::Not(Query::of(any)),
        }
    }
}

impl Query {
    /// Makes a query of one part.
    pub fn of(part: Part) -> Self {
        let mut query = Self::default();
        query.add(part);
        query
    }

    /// Lists the parts.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Tells whether every job is meant.
    pub fn is_everything(&self) -> bool {
        self.parts.is_empty()
    }

    /// Asks for `part` as well. A second value of what a job has once means either: `state:failed state:held`.
    pub fn add(&mut self, part: Part) {
        match part {
            Part::Not(query) if query.parts.is_empty() => {}
            Part::Any(mut choices) if choices.len() == 1 => {
                choices.remove(0).parts.into_iter().for_each(|part| self.add(part));
            }
            Part::Term(term) => self.add_term(term),
            part if self.parts.contains(&part) => {}
            part => self.parts.push(part),
        }
    }

    fn add_term(&mut self, term: Term) {
        let is_state = term.field == Field::State;
        let like = self.parts.iter_mut().find_map(|part| match part {
            Part::Term(known) if known.joins(&term) || *known == term => Some(known),
            _ => None,
        });
        match like {
            Some(known) => {
                for test in term.tests {
                    if !known.tests.contains(&test) && known.tests.len() < VALUES_MAX {
                        known.tests.push(test);
                    }
                }
            }
            None => self.parts.push(Part::Term(term)),
        }
        if is_state {
            self.sort_states();
        }
    }

    /// Equal queries have equal spellings.
    fn sort_states(&mut self) {
        for part in &mut self.parts {
            if let Part::Term(Term { field: Field::State, tests, .. }) = part {
                tests.sort_by_key(|test| if let Test::State(state) = test { Some(*state) } else { None });
            }
        }
    }

    /// Lists the terms of fields, which stand in parameters of their own, in the order of the fields.
    pub fn terms(&self) -> Vec<&Term> {
        let mut terms: Vec<&Term> = self.parts.iter().filter_map(Part::as_term).collect();
        terms.sort_by(|one, other| one.field.cmp(&other.field));
        terms
    }

    /// Gives what is not a term of a field: words, choices, groups.
    pub fn rest(&self) -> Self {
        Self { parts: self.parts.iter().filter(|part| part.as_term().is_none()).cloned().collect() }
    }

    /// Gives the query without `term`.
    pub fn without(&self, term: &Term) -> Self {
        let is_other = |part: &&Part| part.as_term() != Some(term);
        Self { parts: self.parts.iter().filter(is_other).cloned().collect() }
    }

    /// Gives the query that asks nothing of `field`.
    pub fn without_field(&self, field: &Field) -> Self {
        let is_other = |part: &&Part| part.as_term().is_none_or(|term| term.field != *field);
        Self { parts: self.parts.iter().filter(is_other).cloned().collect() }
    }

    /// Gives the query with moments in the place of "so long ago", until now where it had no end; `None` when none of its terms
    /// has such a time. What stands in groups stays as it is.
    pub fn fixed(&self, now: Time, zone: Tz) -> Option<Self> {
        let now = now.trunc_subsecs(0);
        let mut fixed = self.clone();
        let tests =
            fixed.parts.iter_mut().filter_map(|part| if let Part::Term(term) = part { Some(term) } else { None });
        let mut is_changed = false;
        for test in tests.flat_map(|term| &mut term.tests) {
            if let Test::Moment(range) = test {
                is_changed |= range.fix(now, zone);
            }
        }
        is_changed.then_some(fixed)
    }

    /// Gives it as a part of another query; `None` when it asks nothing.
    pub fn into_part(mut self) -> Option<Part> {
        match self.parts.len() {
            0 => None,
            1 => self.parts.pop(),
            _ => Some(Part::Any(vec![self])),
        }
    }
}
