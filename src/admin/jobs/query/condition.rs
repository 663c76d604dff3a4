//! A query as a condition over the rows of the list, by the names that `admin::jobs::list` gives to what it joins.

use chrono_tz::Tz;
use diesel::sql_types::{Array, BigInt, Double, Text, Timestamptz};

use super::value::{Bound, Moment, Range, Test};
use super::{Field, Part, Query, Term};
use crate::base::clock::Time;
use crate::base::db::Statement;
use crate::queue::schedules::author;

/// Who asks, as far as it changes what a query means.
#[derive(Debug, Clone, Copy)]
pub struct Asker {
    /// Now.
    pub now: Time,
    /// The zone in which days and times without an offset are meant.
    pub zone: Tz,
    /// May look into arguments and the words of failures.
    pub sees_payload: bool,
}

/// A condition with its parameters.
#[derive(Debug)]
pub struct Condition {
    /// The text; `true` when nothing is asked.
    pub sql: String,
    values: Vec<Value>,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Texts(Vec<String>),
    Whole(i64),
    Wholes(Vec<i64>),
    Decimal(f64),
    Moment(Time),
}

/// The words of the last failure.
const ERROR: &str = "coalesce(h.error, a.error)";
/// Nothing secret is searched; a version that cannot be read may hide anything.
const ALL_SHOWN: &str = "v.hides IS FALSE";

impl Condition {
    /// Writes `query` as `asker` may ask it; its parameters begin with `$first`.
    pub fn of(query: &Query, asker: &Asker, first: usize) -> Self {
        let mut writer = Writer::new(asker, first);
        let sql = writer.all(query);
        writer.finish(sql)
    }

    /// Gives the number of parameters.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.values.len()
    }

    /// Binds the parameters behind those that are bound already.
    pub fn bind<'a>(&'a self, statement: Statement<'a>) -> Statement<'a> {
        self.values.iter().fold(statement, |statement, value| match value {
            Value::Text(text) => statement.bind::<Text, _>(text.as_str()),
            Value::Texts(texts) => statement.bind::<Array<Text>, _>(texts),
            Value::Whole(number) => statement.bind::<BigInt, _>(*number),
            Value::Wholes(numbers) => statement.bind::<Array<BigInt>, _>(numbers),
            Value::Decimal(number) => statement.bind::<Double, _>(*number),
            Value::Moment(at) => statement.bind::<Timestamptz, _>(*at),
        })
    }
}

/// Writes SQL and collects its parameters.
pub(super) struct Writer {
    first: usize,
    asker: Asker,
    values: Vec<Value>,
}

impl Writer {
    /// Begins; parameters begin with `$first`.
    pub(super) fn new(asker: &Asker, first: usize) -> Self {
        Self { first, asker: *asker, values: Vec::new() }
    }

    /// Ends with the whole text.
    pub(super) fn finish(self, sql: String) -> Condition {
        Condition { sql, values: self.values }
    }

    /// Gives a list of numbers its parameter.
    pub(super) fn numbers(&mut self, numbers: Vec<i64>) -> String {
        self.put(Value::Wholes(numbers))
    }

    /// Gives a parameter its number. Each is mentioned once, in this order.
    fn put(&mut self, value: Value) -> String {
        let kind = match value {
            Value::Text(_) => "text",
            Value::Texts(_) => "text[]",
            Value::Whole(_) => "bigint",
            Value::Wholes(_) => "bigint[]",
            Value::Decimal(_) => "double precision",
            Value::Moment(_) => "timestamptz",
        };
        self.values.push(value);
        format!("${}::{kind}", self.first + self.values.len() - 1)
    }

    fn all(&mut self, query: &Query) -> String {
        let parts: Vec<String> = query.parts().iter().map(|part| self.part(part)).collect();
        if parts.is_empty() { "true".to_owned() } else { parts.join(" AND ") }
    }

    fn part(&mut self, part: &Part) -> String {
        match part {
            Part::Term(term) if term.is_excluded => format!("NOT coalesce({}, false)", self.term(term)),
            Part::Term(term) => self.term(term),
            Part::Any(choices) => {
                let choices: Vec<String> = choices.iter().map(|choice| format!("({})", self.all(choice))).collect();
                format!("({})", choices.join(" OR "))
            }
            Part::Not(query) => format!("NOT coalesce(({}), false)", self.all(query)),
        }
    }

    fn term(&mut self, term: &Term) -> String {
        match &term.field {
            Field::State => self.names("f.state", &term.tests),
            Field::Queue => self.names("q.name", &term.tests),
            Field::Template => self.names("t.name", &term.tests),
            Field::Node => self.names("coalesce(n.name, ln.name)", &term.tests),
            Field::By => self.names("j.enqueued_by", &term.tests),
            Field::Schedule => self.names("j.enqueued_by", &authors(&term.tests)),
            Field::Group => self.names("coalesce(h.fingerprint, a.fingerprint)", &term.tests),
            // a key that a template made of arguments shows their values
            Field::Key if !self.asker.sees_payload => {
                format!("({} AND j.unique_key !~ '^u[0-9]+:\\[')", self.names("j.unique_key", &term.tests))
            }
            Field::Key => self.names("j.unique_key", &term.tests),
            Field::Order => self.names("j.ordering_key", &term.tests),
            Field::Tag => self.tags(&term.tests),
            Field::Id => self.ranges("f.job_id", &term.tests),
            Field::Priority => self.ranges("f.priority", &term.tests),
            Field::Attempt => self.ranges("f.attempt", &term.tests),
            Field::Version => self.ranges("j.version", &term.tests),
            Field::Parent => self.ranges("j.parent_id", &term.tests),
            Field::Wait => self.ranges(WAIT_MS, &term.tests),
            Field::Run => self.ranges(RUN_MS, &term.tests),
            Field::Created => self.ranges("j.created_at", &term.tests),
            Field::Since => self.ranges("f.at", &term.tests),
            Field::Due => self.ranges("f.run_at", &term.tests),
            Field::Error => self.errors(&term.tests),
            Field::Arg(path) => self.argument(path, &term.tests),
            Field::Text => self.texts(&term.tests),
        }
    }

    pub(super) fn sees_payload(&self) -> bool {
        self.asker.sees_payload
    }

    /// One of these names.
    pub(super) fn names(&mut self, column: &str, tests: &[Test]) -> String {
        let (exact, like) = split(tests);
        let mut choices = Vec::new();
        if !exact.is_empty() {
            choices.push(format!("{column} = ANY ({})", self.put(Value::Texts(exact))));
        }
        if !like.is_empty() {
            choices.push(format!("{column} LIKE ANY ({})", self.put(Value::Texts(like))));
        }
        format!("({})", choices.join(" OR "))
    }

    fn tags(&mut self, tests: &[Test]) -> String {
        let (exact, like) = split(tests);
        let mut choices = Vec::new();
        if !exact.is_empty() {
            choices.push(format!("j.tags && {}", self.put(Value::Texts(exact))));
        }
        if !like.is_empty() {
            let like = self.put(Value::Texts(like));
            choices.push(format!("EXISTS (SELECT FROM unnest(j.tags) AS tag WHERE tag LIKE ANY ({like}))"));
        }
        format!("({})", choices.join(" OR "))
    }

    fn errors(&mut self, tests: &[Test]) -> String {
        if !self.asker.sees_payload {
            return "false".to_owned(); // the words may repeat what a job works on
        }
        self.has(ERROR, tests)
    }

    /// One of these texts is contained in a column.
    pub(super) fn has(&mut self, column: &str, tests: &[Test]) -> String {
        let has: Vec<String> = tests.iter().filter_map(pattern).collect();
        format!("{column} ILIKE ANY ({})", self.put(Value::Texts(has)))
    }

    fn texts(&mut self, tests: &[Test]) -> String {
        let one = |writer: &mut Self, test: &Test| {
            let pattern = pattern(test)?;
            let pattern = writer.put(Value::Text(pattern));
            let number = pattern.split(':').next().unwrap_or_default().to_owned(); // further mentions need no type
            let named = format!("t.name ILIKE {pattern} OR array_to_string(j.tags, ' ') ILIKE {number}");
            let inside = format!(" OR {ERROR} ILIKE {number} OR {ALL_SHOWN} AND j.args::text ILIKE {number}");
            Some(named + if writer.asker.sees_payload { &inside } else { "" })
        };
        let choices: Vec<String> = tests.iter().filter_map(|test| one(self, test)).collect();
        format!("({})", choices.join(" OR "))
    }

    /// An argument is compared as the text that JSON writes for it; bounds hold for numbers only.
    fn argument(&mut self, path: &[String], tests: &[Test]) -> String {
        let Some(top) = path.first().filter(|_| self.asker.sees_payload) else { return "false".to_owned() };
        let top = self.put(Value::Text(top.clone()));
        let shown = format!(
            "({ALL_SHOWN} OR NOT coalesce(v.spec -> 'params' -> 'properties' -> {top} @? 'strict $.**.secret ? (@ == true)', true))"
        );
        let path = self.put(Value::Texts(path.to_vec()));
        let again = path.split(':').next().unwrap_or_default().to_owned();
        let (mut choices, names): (Vec<String>, Vec<Test>) =
            (Vec::new(), tests.iter().filter(|test| matches!(test, Test::Is(_) | Test::Like(_))).cloned().collect());
        let text = format!("(j.args #>> {path})");
        if !names.is_empty() {
            choices.push(self.names(&text, &names));
        }
        let number = format!(
            "CASE WHEN jsonb_typeof(j.args #> {again}) = 'number' THEN (j.args #>> {again})::double precision END"
        );
        for test in tests.iter().filter(|test| matches!(test, Test::Decimal(_))) {
            choices.push(self.range(&number, test));
        }
        // the path is mentioned first where names are compared
        let mention = if names.is_empty() { format!("j.args #> {path} IS NOT NULL AND ") } else { String::new() };
        format!("({shown} AND {mention}({}))", choices.join(" OR "))
    }

    fn ranges(&mut self, column: &str, tests: &[Test]) -> String {
        let choices: Vec<String> = tests.iter().map(|test| self.range(column, test)).collect();
        format!("({})", choices.join(" OR "))
    }

    pub(super) fn range(&mut self, column: &str, test: &Test) -> String {
        let mut ends = Vec::new();
        match test {
            Test::Number(range) => self.ends(&mut ends, column, range, Value::Whole),
            Test::Decimal(range) => self.ends(&mut ends, column, range, Value::Decimal),
            Test::Length(range) => {
                self.ends(&mut ends, column, range, |ms| Value::Whole(i64::try_from(ms).unwrap_or(i64::MAX)));
            }
            Test::Moment(range) => self.moments(&mut ends, column, range),
            Test::State(_) | Test::Is(_) | Test::Like(_) | Test::Has(_) => {}
        }
        if ends.is_empty() { "true".to_owned() } else { format!("({})", ends.join(" AND ")) }
    }

    fn ends<T: Copy>(&mut self, ends: &mut Vec<String>, column: &str, range: &Range<T>, value: impl Fn(T) -> Value) {
        let sign = |bound: &Bound<T>, within, beyond| if bound.is_within { within } else { beyond };
        if let Some(from) = &range.from {
            ends.push(format!("{column} {} {}", sign(from, ">=", ">"), self.put(value(from.value))));
        }
        if let Some(to) = &range.to {
            ends.push(format!("{column} {} {}", sign(to, "<=", "<"), self.put(value(to.value))));
        }
    }

    /// A day is all of its moments: above it begins with the next, below it ends before it.
    fn moments(&mut self, ends: &mut Vec<String>, column: &str, range: &Range<Moment>) {
        let Asker { now, zone, .. } = self.asker;
        let (first, last) = (|at: Moment| at.begins(now, zone), |at: Moment| at.ends(now, zone));
        let is_day = |at: Moment| matches!(at, Moment::Day(_));
        if let Some(from) = range.from {
            let (sign, at) = match from.is_within {
                true => (">=", first(from.value)),
                false if is_day(from.value) => (">=", last(from.value)),
                false => (">", last(from.value)),
            };
            ends.push(format!("{column} {sign} {}", self.put(Value::Moment(at))));
        }
        if let Some(to) = range.to {
            let (sign, at) = match to.is_within {
                true if is_day(to.value) => ("<", last(to.value)),
                true => ("<=", last(to.value)),
                false => ("<", first(to.value)),
            };
            ends.push(format!("{column} {sign} {}", self.put(Value::Moment(at))));
        }
    }
}

/// How long it waited before its last attempt, or waits for a slot so far.
const WAIT_MS: &str = "(extract(epoch FROM CASE WHEN h.started_at IS NOT NULL THEN h.started_at - h.since \
    WHEN f.state = 'ready' THEN clock_timestamp() - f.at END) * 1000)";
/// How long its last attempt ran, or runs so far.
const RUN_MS: &str = "(extract(epoch FROM CASE WHEN h.started_at IS NOT NULL THEN h.finished_at - h.started_at \
    WHEN f.state = 'running' THEN clock_timestamp() - f.at END) * 1000)";

/// Names that are meant exactly, and patterns.
fn split(tests: &[Test]) -> (Vec<String>, Vec<String>) {
    let (mut exact, mut like) = (Vec::new(), Vec::new());
    for test in tests {
        match test {
            Test::State(state) => exact.push(state.as_str().to_owned()),
            Test::Is(text) => exact.push(text.clone()),
            Test::Like(pieces) => like.push(pieces.iter().map(|piece| escaped(piece)).collect::<Vec<_>>().join("%")),
            Test::Has(_) | Test::Number(_) | Test::Decimal(_) | Test::Length(_) | Test::Moment(_) => {}
        }
    }
    (exact, like)
}

/// The names under which schedules of these names enqueue their jobs.
pub(super) fn authors(tests: &[Test]) -> Vec<Test> {
    let author = |test: &Test| match test {
        Test::Is(name) => Test::Is(author(name)),
        Test::Like(pieces) => {
            let (first, rest) = pieces.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
            Test::Like([author(first)].into_iter().chain(rest.iter().cloned()).collect())
        }
        other => other.clone(),
    };
    tests.iter().map(author).collect()
}

/// The pattern of a text that is contained.
fn pattern(test: &Test) -> Option<String> {
    match test {
        Test::Has(text) => Some(format!("%{}%", escaped(text))),
        _ => None,
    }
}

/// A text as a pattern of LIKE that matches itself.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn condition(text: &str, sees_payload: bool) -> Condition {
        let now = "2026-11-24T12:00:00Z".parse().expect("a time");
        let asker = Asker { now, zone: chrono_tz::Europe::Rome, sees_payload };
        Condition::of(&parse(text).query, &asker, 5)
    }

    #[test]
    fn parameters_are_numbered_in_the_order_of_their_first_mention() {
        for text in [
            "state:failed -queue:mail.* tag:a,b* attempt:>2 created:2026-11-24 error:x,y late",
            "arg.customer.id:42,4*,>7 arg.total:1..2 (a OR wait:>5m) -(node:x run:<2s)",
        ] {
            let condition = condition(text, true);
            let mut last = 4;
            for number in condition.sql.split('$').skip(1).filter_map(|rest| {
                rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse::<usize>().ok())
            }) {
                assert!(number <= last + 1, "{text}: {}", condition.sql);
                last = last.max(number);
            }
            assert_eq!(last, 4 + condition.values.len(), "{}", condition.sql);
        }
    }

    #[test]
    fn whoever_may_not_see_payloads_searches_none() {
        let sql = condition("error:x arg.a:1 word", false).sql;

        assert!(sql.starts_with("false AND false AND ") && !sql.contains("args") && !sql.contains("error"), "{sql}");
    }

    #[test]
    fn a_searched_text_is_not_a_pattern() {
        assert_eq!(escaped(r"50%_\"), r"50\%\_\\");
    }
}
