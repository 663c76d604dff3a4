//! A query as a condition over digests: which blocks of jobs can hold something that matches. A block that is left out holds nothing.

use super::condition::{Asker, Condition, Writer, authors};
use super::value::{Range, Test};
use super::{Field, Part, Query, Term};
use crate::queue::grams::asked;
use crate::queue::state::JobState;

/// What may change of jobs is known of a block only while all of them have ended.
const OPEN: &str = "d.open > 0";
/// A block of jobs of which some have begun, and some may have or begin still. Of one in which all wait for their first attempt it is
/// known that nothing has run, failed or ended there, however long ago its digest was made: whatever begins leaves one of these traces.
const BEGUN: &str = "d.open > 0 AND (d.open <> d.jobs OR d.block = ANY (ARRAY(\
    SELECT DISTINCT running.id / 4096 FROM millrace.leases l CROSS JOIN unnest(l.job_ids) AS running(id))) \
    OR EXISTS (SELECT FROM millrace.history h WHERE h.job_id >= d.block * 4096 AND h.job_id < (d.block + 1) * 4096) \
    OR EXISTS (SELECT FROM millrace.attempts a WHERE a.job_id >= d.block * 4096 AND a.job_id < (d.block + 1) * 4096))";

/// Gives the condition over `millrace.digests d`, with parameters from `$first` on; `None` = no digest can tell.
pub fn reach(query: &Query, asker: &Asker, first: usize) -> Option<Condition> {
    let mut reach = Reach(Writer::new(asker, first));
    let sql = reach.all(query)?;
    Some(reach.0.finish(sql))
}

struct Reach(Writer);

impl Reach {
    /// All parts that tell something must hold.
    fn all(&mut self, query: &Query) -> Option<String> {
        let parts: Vec<String> = query.parts().iter().filter_map(|part| self.part(part)).collect();
        (!parts.is_empty()).then(|| parts.join(" AND "))
    }

    fn part(&mut self, part: &Part) -> Option<String> {
        match part {
            Part::Term(term) if term.is_excluded => None,
            Part::Term(term) => self.term(term),
            Part::Not(_) => None,
            Part::Any(choices) if choices.iter().all(tells) => {
                let choices: Option<Vec<String>> = choices.iter().map(|choice| self.all(choice)).collect();
                choices.map(|choices| format!("({})", choices.join(" OR ")))
            }
            Part::Any(_) => None,
        }
    }

    fn term(&mut self, Term { field, tests, .. }: &Term) -> Option<String> {
        match field {
            Field::Template => Some(self.ids("d.templates", "millrace.templates", tests)),
            Field::Queue => Some(or_open(&self.ids("d.queues", "millrace.queues", tests))),
            Field::Node => Some(or_begun(&self.ids("d.nodes", "millrace.nodes", tests))),
            Field::State => Some(self.states(tests)),
            Field::By => Some(self.listed("d.enqueuers", tests)),
            Field::Schedule => Some(self.listed("d.enqueuers", &authors(tests))),
            Field::Tag => Some(self.listed("d.tags", tests)),
            Field::Group => Some(or_begun(&self.listed("d.fingerprints", tests))),
            Field::Created => Some(self.ranges(("d.first_at", "d.last_at"), tests)),
            Field::Since => Some(or_open(&self.ranges(("d.ended_first", "d.ended_last"), tests))),
            Field::Wait => Some(or_open(&self.ranges(("d.wait_ms_min", "d.wait_ms_max"), tests))),
            Field::Run => Some(or_begun(&self.ranges(("d.run_ms_min", "d.run_ms_max"), tests))),
            Field::Attempt => {
                let tried = self.ranges(("d.attempt_min", "d.attempt_max"), tests);
                Some(if tests.iter().all(is_of_tried) { or_begun(&tried) } else { or_open(&tried) })
            }
            Field::Due => Some(OPEN.to_owned()), // only what waits for its time has one
            Field::Error => self.grams(words(tests)?),
            Field::Text => {
                let words = words(tests)?;
                if words.iter().any(|text| asked(text).is_none()) {
                    return None; // before a parameter is drawn that nobody would mention
                }
                let named = self.0.has("named.name", tests);
                let grams = self.grams(words)?;
                Some(format!(
                    "(d.templates && ARRAY(SELECT named.id FROM millrace.templates named WHERE {named}) OR {grams})"
                ))
            }
            Field::Arg(path) => self.grams(arguments(path, tests)?),
            Field::Key if !self.0.sees_payload() => None,
            Field::Key if tests.iter().all(|test| matches!(test, Test::Is(_))) => Some(self.keys(tests)),
            Field::Id | Field::Version | Field::Priority | Field::Key | Field::Order | Field::Parent => None,
        }
    }

    /// One of the rows that the names mean.
    fn ids(&mut self, column: &str, table: &str, tests: &[Test]) -> String {
        let names = self.0.names("named.name", tests);
        format!("{column} && ARRAY(SELECT named.id FROM {table} named WHERE {names})")
    }

    /// One of the names, unless there were too many to be kept.
    fn listed(&mut self, column: &str, tests: &[Test]) -> String {
        let names = self.0.names("listed.name", tests);
        format!("({column} IS NULL OR EXISTS (SELECT FROM unnest({column}) AS listed(name) WHERE {names}))")
    }

    /// The blocks of jobs with these keys, which an index of the jobs knows.
    fn keys(&mut self, tests: &[Test]) -> String {
        let keys = self.0.names("keyed.unique_key", tests);
        format!("d.block = ANY (ARRAY(SELECT DISTINCT keyed.id / 4096 FROM millrace.jobs keyed WHERE {keys}))")
    }

    fn states(&mut self, tests: &[Test]) -> String {
        let ended = |test: &&Test| matches!(test, Test::State(state) if JobState::is_terminal(*state));
        let ended: Vec<Test> = tests.iter().filter(ended).cloned().collect();
        if ended.is_empty() {
            return OPEN.to_owned();
        }
        let names = self.0.names("ended.state", &ended);
        let ended_so = format!("EXISTS (SELECT FROM unnest(d.states) AS ended(state) WHERE {names})");
        if ended.len() == tests.len() { or_begun(&ended_so) } else { or_open(&ended_so) }
    }

    /// Some value between the least and the most is in one of the ranges.
    fn ranges(&mut self, (least, most): (&str, &str), tests: &[Test]) -> String {
        let mut one = |test: &Test| {
            let (from, to) = match test {
                Test::Number(range) => (Test::Number(from(range)), Test::Number(to(range))),
                Test::Length(range) => (Test::Length(from(range)), Test::Length(to(range))),
                Test::Moment(range) => (Test::Moment(from(range)), Test::Moment(to(range))),
                Test::State(_) | Test::Is(_) | Test::Like(_) | Test::Has(_) | Test::Decimal(_) => return "true".into(),
            };
            format!("({} AND {})", self.0.range(most, &from), self.0.range(least, &to))
        };
        let choices: Vec<String> = tests.iter().map(&mut one).collect();
        format!("({})", choices.join(" OR "))
    }

    /// One of the texts may stand in arguments, tags or errors; `None` when one is too short to tell.
    fn grams(&mut self, texts: Vec<String>) -> Option<String> {
        let probes: Option<Vec<Vec<i64>>> = texts.iter().map(|text| asked(text)).collect();
        let choices: Vec<String> = probes?
            .into_iter()
            .map(|probes| {
                let probes = self.0.numbers(probes);
                format!(
                    "NOT EXISTS (SELECT FROM unnest({probes}) AS probe(h) \
                     WHERE get_bit(substr(d.grams, ((probe.h % d.bits) / 8)::integer + 1, 1), ((probe.h % d.bits) % 8)::integer) = 0)"
                )
            })
            .collect();
        Some(or_begun(&choices.join(" OR ")))
    }
}

/// Tells whether only jobs are meant that were tried.
fn is_of_tried(test: &Test) -> bool {
    matches!(test, Test::Number(Range { from: Some(from), .. }) if from.value >= i64::from(from.is_within))
}

/// What only jobs have that have begun.
fn or_begun(condition: &str) -> String {
    format!("({BEGUN} OR {condition})")
}

fn or_open(condition: &str) -> String {
    format!("({OPEN} OR {condition})")
}

/// Tells whether a choice can be told at all: nothing may be written of one that cannot.
fn tells(query: &Query) -> bool {
    let asker = Asker { now: crate::base::clock::Time::default(), zone: chrono_tz::Tz::UTC, sees_payload: true };
    reach(query, &asker, 1).is_some()
}

fn from<T>(range: &Range<T>) -> Range<T>
where
    T: Copy,
{
    Range { from: range.from, to: None }
}

fn to<T>(range: &Range<T>) -> Range<T>
where
    T: Copy,
{
    Range { from: None, to: range.to }
}

/// The texts of tests that look for words; `None` when one does something else.
fn words(tests: &[Test]) -> Option<Vec<String>> {
    tests.iter().map(|test| if let Test::Has(text) = test { Some(text.clone()) } else { None }).collect()
}

/// How an argument with this name and value stands in the text of a job's arguments: as a number or as a text. `None` for values
/// that JSON may write in another way, and for places in a list.
fn arguments(path: &[String], tests: &[Test]) -> Option<Vec<String>> {
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || " _.-@/+#".contains(c));
    let name = path.last().filter(|name| plain(name) && name.parse::<u64>().is_err())?;
    let mut texts = Vec::new();
    for test in tests {
        let Test::Is(value) = test else { return None };
        if !plain(value) {
            return None;
        }
        texts.push(format!("\"{name}\": {value}"));
        texts.push(format!("\"{name}\": \"{value}\""));
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn sql(text: &str) -> Option<String> {
        let asker = Asker { now: crate::base::clock::Time::default(), zone: chrono_tz::UTC, sees_payload: true };
        reach(&parse(text).query, &asker, 2).map(|condition| condition.sql)
    }

    #[test]
    fn what_no_digest_can_tell_is_looked_for_everywhere() {
        for text in [
            "",
            "-tag:x",
            "priority:1",
            "error:abc",
            "arg.customer:>5",
            "arg.a:1*",
            "-(tag:x)",
            "tag:x OR priority:1",
            "arg.items.0:12345",
        ] {
            assert_eq!(sql(text), None, "{text}");
        }
    }

    #[test]
    fn what_can_change_is_told_of_blocks_that_have_ended() {
        for text in
            ["node:a", "queue:mail", "wait:>5m", "since:-1h", "error:refused", "state:failed", "arg.customer:4711"]
        {
            assert!(sql(text).is_some_and(|sql| sql.contains("d.open > 0")), "{text}");
        }
        for text in ["template:mail.*", "tag:vip", "created:-24h", "by:ada"] {
            assert!(sql(text).is_some_and(|sql| !sql.contains("open")), "{text}");
        }
        assert_eq!(sql("state:ready"), Some("d.open > 0".into()));
    }

    #[test]
    fn every_parameter_that_is_drawn_is_mentioned_in_its_order() {
        for text in [
            "ab",
            "ab OR cdefgh",
            "late cdefgh tag:a,b*",
            "template:a,b* error:abcdef,ghijkl created:-2h..-1h",
            "wait:>5m,<2s node:a OR tag:b",
            "state:failed,ready arg.a:12345,xyzzy (tag:a OR (node:b cdefgh))",
        ] {
            let asker = Asker { now: crate::base::clock::Time::default(), zone: chrono_tz::UTC, sees_payload: true };
            let Some(condition) = reach(&parse(text).query, &asker, 2) else { continue };
            let digits =
                |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok());
            let mentioned: Vec<usize> = condition.sql.split('$').skip(1).filter_map(digits).collect();
            assert_eq!(mentioned, (2..2 + condition.count()).collect::<Vec<_>>(), "{text}: {}", condition.sql);
        }
    }

    #[test]
    fn parts_that_tell_nothing_are_left_out_and_choices_need_all() {
        assert!(sql("tag:vip priority:1").is_some_and(|sql| !sql.contains("priority")));
        assert!(sql("tag:vip OR node:a").is_some_and(|sql| sql.contains(" OR ")));
        assert!(sql("refused OR tag:x").is_some_and(|sql| sql.contains("get_bit")));
    }
}
