//! What becomes of a new job when one like it is there already: what its template says, and whom it would meet now.

use chrono_tz::Tz;
use serde_json::json;

use super::about::About;
use crate::admin::jobs::kin::{Met, met};
use crate::admin::jobs::rows_of;
use crate::admin::templates::joining_facts::joining;
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::queue::template::DebounceMode;
use crate::web::form::Form;
use crate::web::params::arguments;

/// Says it, a sentence each; empty for a template whose jobs do not join.
///
/// # Errors
/// Database failures.
pub fn joins(
    conn: &mut PgConnection,
    actor: &Actor,
    (about, form): (&About, &Form),
    zone: Tz,
) -> Result<Vec<String>, DbError> {
    let rules = joining(&about.spec);
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let mut sentences: Vec<String> =
        rules.into_iter().map(|rule| format!("{}: {}.", rule.label, rule.lines.join(", "))).collect();
    if about.spec.unique.is_some() && !form.text("unique_key").trim().is_empty() {
        sentences.push("The unique key that you gave counts instead of the template's.".into());
        return Ok(sentences);
    }
    let Some(args) = arguments(&about.spec.params, &mut form.clone(), zone, about.old_args()) else {
        return Ok(sentences);
    };
    let args = about.spec.params.with_defaults(&if args.is_null() { json!({}) } else { args });
    let met = met(conn, (about.template_id, about.version), &args)?;
    let is_for_now = matches!(form.text("when"), "" | "now"); // whoever names a time takes nobody's place
    let met = Met { waiting: met.waiting.filter(|_| is_for_now), ..met };
    let ids: Vec<JobId> = [met.unique, met.waiting].into_iter().flatten().collect();
    let seen: Vec<JobId> = match ids[..] {
        [] => Vec::new(),
        _ => rows_of(conn, &actor.scope, &ids)?.iter().map(|row| row.id).collect(),
    };
    sentences.push(now(about, met, &seen));
    Ok(sentences)
}

/// Says whom it would meet. Jobs that may not be seen are not named.
fn now(about: &About, met: Met, seen: &[JobId]) -> String {
    let named = |job: JobId| if seen.contains(&job) { format!("Job {job}") } else { "A job".to_owned() };
    match met {
        Met { unique: Some(job), .. } => format!("{} has that place now: no new job would be made.", named(job)),
        Met { waiting: Some(job), .. } => {
            let list = about.spec.debounce.as_ref().filter(|rule| rule.mode == DebounceMode::Accumulate);
            let list = list.and_then(|rule| rule.field.as_deref());
            let more = list.map(|field| format!(" and add its {field} to its own")).unwrap_or_default();
            format!("{} waits now: the new one would take its place{more}.", named(job))
        }
        Met { unique: None, waiting: None } => "With these arguments it meets no other job now.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::job::TemplateId;
    use serde_json::Value;

    fn about(more: Value) -> About {
        let mut spec = json!({ "runner": "handler", "handler": { "name": "a" } });
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        About {
            template: "a".into(),
            template_id: TemplateId(1),
            version: 1,
            versions: Vec::new(),
            spec: serde_json::from_value(spec).expect("a template"),
            old: None,
        }
    }

    #[test]
    fn whoever_is_met_is_named_to_those_who_may_see_them() {
        let unique = about(json!({ "unique": {} }));
        let gathers = about(json!({ "debounce": { "wait_ms": 500, "mode": "accumulate", "field": "ids" } }));
        let (has, waits) =
            (Met { unique: Some(JobId(7)), waiting: None }, Met { unique: None, waiting: Some(JobId(8)) });

        assert_eq!(now(&unique, has, &[JobId(7)]), "Job 7 has that place now: no new job would be made.");
        assert_eq!(now(&unique, has, &[]), "A job has that place now: no new job would be made.");
        assert_eq!(
            now(&gathers, waits, &[JobId(8)]),
            "Job 8 waits now: the new one would take its place and add its ids to its own."
        );
        assert_eq!(now(&unique, Met::default(), &[]), "With these arguments it meets no other job now.");
    }
}
