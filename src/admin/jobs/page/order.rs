//! What a filled form asks for, besides the arguments: when, where, how often.

use chrono_tz::Tz;

use crate::base::length::read_ms;
use crate::base::text::QueueName;
use crate::queue::enqueue::{NewJob, Refusal, TAGS_MAX, YEAR_MS};
use crate::queue::params::Params;
use crate::queue::template::{ATTEMPTS_MAX, TIMEOUT_MS_MAX, TIMEOUT_MS_MIN};
use crate::web::form::Form;
use crate::web::format::duration_ms;
use crate::web::moment;
use crate::web::params::placed;

/// Fields that stand under "Options"; a problem in one of them opens it.
const OPTIONS: [&str; 10] = [
    "queue",
    "priority",
    "run_at",
    "delay_ms",
    "unique_key",
    "ordering_key",
    "tags",
    "max_attempts",
    "timeout_ms",
    "deadline",
];

/// Reads the options of a form into `job`; problems are noted at their fields.
pub fn options(form: &mut Form, zone: Tz, job: NewJob) -> NewJob {
    let (run_at, delay_ms) = match form.text("when") {
        "at" => (moment_of(form, "run_at", zone), None),
        "after" => (None, length_of(form, "delay_ms", 1, YEAR_MS)),
        "" | "now" => (None, None),
        _ => {
            form.refuse("when", "Choose now, at a time, or after a while");
            (None, None)
        }
    };
    NewJob {
        queue: given(form, "queue").and_then(|_| form.read("queue", QueueName::parse)).map(|name| name.to_string()),
        priority: given(form, "priority").and_then(|_| form.number("priority", "priority", 1..=5)),
        run_at,
        delay_ms,
        unique_key: given(form, "unique_key"),
        ordering_key: given(form, "ordering_key"),
        tags: tags(form),
        max_attempts: given(form, "max_attempts")
            .and_then(|_| form.number("max_attempts", "attempts", 1..=ATTEMPTS_MAX)),
        timeout_ms: given(form, "timeout_ms")
            .and_then(|_| length_of(form, "timeout_ms", TIMEOUT_MS_MIN, TIMEOUT_MS_MAX)),
        deadline: given(form, "deadline").and_then(|_| moment_of(form, "deadline", zone)),
        ..job
    }
}

fn given(form: &mut Form, name: &str) -> Option<String> {
    form.optional(name).filter(|text| !text.is_empty())
}

fn moment_of(form: &mut Form, name: &str, zone: Tz) -> Option<crate::base::clock::Time> {
    form.read(name, |text| moment::read(text, zone))
}

fn length_of(form: &mut Form, name: &str, least: u64, most: u64) -> Option<u64> {
    let within = |ms: u64| {
        let range = || format!("This goes from {} to {}", short(least), short(most));
        if (least..=most).contains(&ms) { Ok(ms) } else { Err(range()) }
    };
    form.read(name, |text| read_ms(text).and_then(within))
}

fn short(ms: u64) -> String {
    duration_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// Tags stand apart by spaces, commas or lines. None typed = those of the template.
fn tags(form: &mut Form) -> Option<Vec<String>> {
    let text = given(form, "tags")?;
    let tags: Vec<String> =
        text.split([' ', ',', '\n', '\r']).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    if tags.len() > TAGS_MAX {
        form.refuse("tags", format!("At most {TAGS_MAX} tags"));
    }
    (!tags.is_empty()).then_some(tags)
}

/// Notes what the service refused at the fields it speaks of.
pub fn refused(form: &mut Form, params: &Params, refusals: &[Refusal]) {
    for refusal in refusals {
        let (name, message) = match refusal.pointer.strip_prefix("/args") {
            Some(inside) => placed(&params.fields(), inside, &refusal.message),
            None => (field_of(&refusal.pointer), super::sentence(&refusal.message)),
        };
        form.refuse(&name, message);
    }
}

/// A list is one field, whichever of its items is wrong.
fn field_of(pointer: &str) -> String {
    pointer.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned()
}

/// Tells whether a problem hides among the folded options.
pub fn has_problem(form: &Form) -> bool {
    form.problems().iter().any(|problem| OPTIONS.contains(&problem.field.as_str()))
}

/// Tells whether any option differs from what the template says.
pub fn is_used(form: &Form) -> bool {
    OPTIONS.iter().any(|name| !form.text(name).trim().is_empty()) || !matches!(form.text("when"), "" | "now")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(pairs: &[(&str, &str)]) -> (NewJob, Form) {
        let mut form = pairs.iter().fold(Form::default(), |form, (name, text)| form.with(name, *text));
        let job = options(&mut form, chrono_tz::Europe::Rome, NewJob::default());
        (job, form)
    }

    #[test]
    fn options_are_read_as_people_write_them() {
        let (job, form) = read(&[
            ("queue", "mail"),
            ("priority", "2"),
            ("ordering_key", "customer 7"),
            ("when", "after"),
            ("delay_ms", "1h 30m"),
            ("run_at", "nonsense that is not asked for"),
            ("tags", "vip, late\nx"),
            ("max_attempts", "5"),
            ("timeout_ms", "90 s"),
            ("deadline", "2026-11-24T14:30"),
        ]);

        assert!(!form.is_refused(), "{:?}", form.problems());
        assert_eq!((job.queue.as_deref(), job.priority, job.delay_ms), (Some("mail"), Some(2), Some(5_400_000)));
        assert_eq!(job.ordering_key.as_deref(), Some("customer 7"));
        assert_eq!(job.tags, Some(vec!["vip".into(), "late".into(), "x".into()]));
        assert_eq!((job.max_attempts, job.timeout_ms, job.run_at), (Some(5), Some(90_000), None));
        assert_eq!(job.deadline.map(|at| at.to_rfc3339()), Some("2026-11-24T13:30:00+00:00".into()));
    }

    #[test]
    fn what_is_left_empty_stays_with_the_template() {
        let (job, form) = read(&[("queue", " "), ("priority", ""), ("when", "now"), ("tags", "")]);

        assert_eq!(job, NewJob::default());
        assert!(!form.is_refused() && !is_used(&form));
    }

    #[test]
    fn each_problem_stands_at_its_field() {
        let (_, form) = read(&[
            ("queue", "My Queue"),
            ("priority", "9"),
            ("when", "at"),
            ("run_at", "soon"),
            ("timeout_ms", "1 ms"),
            ("max_attempts", "0"),
        ]);

        for name in ["queue", "priority", "run_at", "timeout_ms", "max_attempts"] {
            assert!(!form.problem(name).is_empty(), "{name}");
        }
        assert!(has_problem(&form) && is_used(&form));
        assert_eq!(form.problem("timeout_ms"), "This goes from 100 ms to 7d");
    }

    #[test]
    fn what_the_service_refuses_finds_its_field() {
        let params = Params::parse(&json!({ "properties": { "to": { "type": "string" } } })).expect("parameters");
        let refusal = |pointer: &str| Refusal { code: "bad-job", pointer: pointer.into(), message: "is bad".into() };
        let mut form = Form::default();

        refused(&mut form, &params, &[refusal("/args/to"), refusal("/queue"), refusal("/template")]);

        assert_eq!(form.problem("args.to"), "To is bad");
        assert_eq!((form.problem("queue"), form.problem("template")), ("Is bad", "Is bad"));
    }

    #[test]
    fn a_choice_that_is_none_is_refused_and_not_taken_for_now() {
        assert!(read(&[("when", "zz")]).1.is_refused());
        assert!(!read(&[("when", "now")]).1.is_refused());
    }

    #[test]
    fn an_item_of_a_list_is_told_at_its_field() {
        assert_eq!([field_of("/tags/3"), field_of("/run_at"), field_of("")], ["tags", "run_at", ""]);
    }
}
