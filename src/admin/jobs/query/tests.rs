//! What queries mean, how they are written, and what is told of those that mean nothing.

use chrono_tz::Europe::Rome;

use super::value::{Bound, Moment, Range};
use super::*;
use crate::base::clock::Time;
use crate::queue::state::JobState;

fn read(text: &str) -> Query {
    let parsed = parse(text);
    assert_eq!(parsed.problems, [], "{text}");
    parsed.query
}

fn only(text: &str) -> Term {
    match read(text).parts() {
        [Part::Term(term)] => term.clone(),
        other => panic!("{text}: {other:?}"),
    }
}

fn problems(text: &str) -> Vec<String> {
    parse(text).problems.iter().map(ToString::to_string).collect()
}

fn at(text: &str) -> Time {
    text.parse().expect("a time")
}

#[test]
fn each_query_has_one_spelling() {
    for (typed, written) in [
        ("state:failed,retrying queue:mail", "state:retrying,failed queue:mail"),
        ("is:Failed STATE:held", "state:held,failed"),
        ("queue:mail queue:web tag:a tag:b", "queue:mail,web tag:a tag:b"),
        ("-tag:test -\"two words\" plain", "-tag:test -\"two words\" plain"),
        ("tag:-test", "-tag:test"),
        ("template:mail.* kind:*", "template:mail.*,*"),
        ("attempt:>2 attempts:gte:3", "attempt:>2 attempt:>=3"),
        ("attempt:2..2 attempt:..5 attempt:3..", "attempt:2 attempt:<=5 attempt:>=3"),
        ("wait:>90s duration:250ms..1h30m", "wait:>90s run:250ms..90m"),
        (
            "created:-24h after:2026-11-01 before:2026-11-08T12:00",
            "created:-1d created:>=2026-11-01 created:<2026-11-08T12:00:00",
        ),
        (
            "arg.customer.id:42 args.total:>=9.50 arg.name:\"a b\"",
            "arg.customer.id:42 arg.total:>=9.5 arg.name:\"a b\"",
        ),
        ("error:\"connection refused\" error:refused,timeout", "error:\"connection refused\" error:refused,timeout"),
        ("(state:failed queue:mail) OR tag:vip", "(state:failed queue:mail) OR tag:vip"),
        ("state:held (a | b) c", "state:held a OR b c"),
        ("(state:held queue:mail)", "state:held queue:mail"),
        ("-(a b) --c", "-(a b) c"),
        ("https://a.example/x 14:30 connect(2)", "https://a.example/x 14:30 \"connect(2)\""),
        (r#""say \"no\" \\ or""#, r#""say \"no\" \\ or""#),
        ("\"state:failed\" \"OR\"", "\"state:failed\" \"OR\""),
        ("by:token:catalogue key:order-17", "by:token:catalogue key:order-17"),
        ("tag:\"a,b\",c", "tag:\"a,b\",c"),
    ] {
        assert_eq!(read(typed).to_string(), written, "{typed}");
        assert_eq!(read(written), read(typed), "{written}");
    }
    assert!(read("  ").is_everything());
}

#[test]
fn what_is_not_understood_is_named_with_its_column() {
    for (typed, told) in [
        ("state:failed quue:mail", "column 14: there is no field quue; did you mean queue?"),
        (
            "state:broken",
            "column 1: \"broken\" is no state; they are blocked, scheduled, ready, held, running, retrying, succeeded, failed, cancelled, expired",
        ),
        ("state:faild", "column 1: \"faild\" is no state; did you mean failed?"),
        ("attempt:many", "column 1: \"many\" is no whole number"),
        ("attempt:5..2", "column 1: \"5..2\" ends before it begins"),
        ("x wait:>5", "column 3: \"5\" has no unit; write 500ms, 90s, 5m or 1h30m"),
        ("created:yesterdy", "column 1: \"yesterdy\" is no moment; write 2026-11-24, 2026-11-24T14:30, -24h or +2h"),
        ("queue:", "column 1: queue needs a value, such as queue:mail"),
        ("a OR", "column 3: OR stands between two parts"),
        ("OR a", "column 1: OR stands between two parts"),
        ("a (b c", "column 3: this parenthesis is not closed"),
        ("a AND", "column 3: AND stands between two parts"),
        ("AND a", "column 1: AND stands between two parts"),
        ("a NOT", "column 3: NOT stands before the part that it excludes"),
        ("a \"b c", "column 3: this quotation mark is not closed"),
        (
            "a AND b OR c",
            "column 3: AND beside OR can mean two things: put one of them into parentheses, as in a (b OR c)",
        ),
    ] {
        assert_eq!(problems(typed), [told], "{typed}");
    }
    let parsed = parse("quue:mail state:failed -tga:x");
    assert_eq!(parsed.query.to_string(), "state:failed", "the rest holds");
    assert_eq!(
        parsed.problems.iter().map(|problem| problem.typed.as_str()).collect::<Vec<_>>(),
        ["quue:mail", "tga:x"]
    );
}

#[test]
fn and_and_not_mean_what_a_space_and_a_minus_mean() {
    for (typed, written) in [
        ("state:failed AND queue:mail", "state:failed queue:mail"),
        ("NOT state:failed", "-state:failed"),
        ("a AND NOT (b OR c)", "a -(b OR c)"),
        ("\"AND\" \"NOT\"", "\"AND\" \"NOT\""),
        ("and not", "and not"),
    ] {
        assert_eq!(problems(typed), Vec::<String>::new(), "{typed}");
        assert_eq!(read(typed).to_string(), written, "{typed}");
    }
}

#[test]
fn hostile_queries_are_cut_off_and_say_so() {
    assert!(problems(&"(".repeat(QUERY_CHARS_MAX)).len() <= 20 && problems(&"(a OR ".repeat(300)).len() <= 20);
    assert_eq!(problems(&"a ".repeat(TERMS_MAX)), Vec::<String>::new());
    assert_eq!(problems(&"a ".repeat(TERMS_MAX + 9)).len(), 1);
    assert!(problems(&"(".repeat(500)).iter().any(|told| told.contains("deep at most")));
    assert!(problems(&"x".repeat(QUERY_CHARS_MAX + 1)).iter().any(|told| told.contains("left out")));
    let many: Vec<String> = (0..=VALUES_MAX).map(|n| format!("q{n}")).collect();
    assert_eq!(
        problems(&format!("queue:{}", many.join(","))),
        [format!("column 1: queue takes {VALUES_MAX} values at most")]
    );
}

#[test]
fn days_and_times_are_those_of_the_askers_zone() {
    let now = at("2026-11-24T12:00:00Z");
    let Term { tests, .. } = only("created:2026-11-24");
    let [Test::Moment(Range { from: Some(from), to: Some(to) })] = tests.as_slice() else { panic!("{tests:?}") };

    assert_eq!(from.value.begins(now, Rome), at("2026-11-23T23:00:00Z"));
    assert_eq!(to.value.ends(now, Rome), at("2026-11-24T23:00:00Z"));
    assert_eq!(Moment::Ago(86_400_000).begins(now, Rome), at("2026-11-23T12:00:00Z"));
    assert_eq!(Moment::Ahead(3_600_000).begins(now, Rome), at("2026-11-24T13:00:00Z"));
    let gap = Moment::Local("2026-03-29T02:30:00".parse().expect("a time"));
    assert_eq!(gap.begins(now, Rome), at("2026-03-29T01:30:00Z"), "clocks passed over it");
}

#[test]
fn an_excluded_value_and_a_negative_number_are_told_apart() {
    assert!(only("queue:-mail").is_excluded);
    assert_eq!(only("arg.delta:-5").tests, [Test::Is("-5".into())]);
    assert_eq!(
        only("arg.delta:<-5").tests,
        [Test::Decimal(Range { from: None, to: Some(Bound { value: -5.0, is_within: false }) })]
    );
    assert_eq!(only("state:failed").tests, [Test::State(JobState::Failed)]);
}

proptest::proptest! {
    #[test]
    fn whatever_is_typed_has_a_spelling_that_means_the_same(text in r#"[a-z:\-"(), *|\\.<>=0-9é]{0,60}"#) {
        let query = parse(&text).query;
        let written = query.to_string();

        let again = parse(&written);

        proptest::prop_assert_eq!(&again.problems, &[], "{} became {}", text, written);
        proptest::prop_assert_eq!(again.query, query, "{} became {}", text, written);
    }

    #[test]
    fn terms_survive_whatever_their_values(field in 0_usize..field::FIELDS.len(), text in ".{1,20}", number in proptest::num::i64::ANY) {
        let (field, about) = &field::FIELDS[field];
        let test = match about.kind {
            value::Kind::Name | value::Kind::Argument => Test::Is(text.replace('\0', "x")),
            value::Kind::Words => Test::Has(text.replace('\0', "x")),
            value::Kind::Number => Test::Number(Range { from: Some(Bound { value: number, is_within: false }), to: None }),
            value::Kind::Length => Test::Length(Range { from: None, to: Some(Bound { value: number.unsigned_abs() % 1_000_000_000_000, is_within: true }) }),
            value::Kind::State | value::Kind::Moment => return Ok(()),
        };
        let query = Query::of(Part::Term(Term::of(field.clone(), vec![test])));

        let again = parse(&query.to_string());

        proptest::prop_assert_eq!(&again.problems, &[]);
        proptest::prop_assert_eq!(again.query, query);
    }

    #[test]
    fn nothing_typed_panics(text in ".{0,400}") {
        let parsed = parse(&text);
        proptest::prop_assert!(parsed.query.parts().len() <= TERMS_MAX);
    }
}
