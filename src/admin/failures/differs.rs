//! What differs between failing jobs and those of the same template that succeeded around the same time. A bounded sample: the newest
//! failing jobs, and successes whose ids lie near theirs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

use super::read::queues_of;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::params::Params;
use crate::queue::template::TemplateSpec;

/// Most jobs of each side.
pub const SAMPLE_MAX: i64 = 200;
/// Around so many of the failing jobs successes are looked for …
const PLACES_MAX: i64 = 20;
/// … among so many ids before and behind each.
const IDS_AROUND: i64 = 1_000;
/// Fewer jobs of either side say nothing.
const JOBS_MIN: usize = 5;
/// Least difference between the shares, in percent points.
const POINTS_MIN: f64 = 20.0;
/// Most differences told.
const DIFFERENCES_MAX: usize = 8;
/// Longest value that is compared, in characters.
const VALUE_CHARS_MAX: usize = 80;

/// A value that is more frequent on one side.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// What: `node`, `version`, `queue`, `hour`, `attempt`, or an argument's name after `arg.`.
    pub field: String,
    /// Which value.
    pub value: String,
    /// Failing jobs that have it.
    pub failing: usize,
    /// Succeeding jobs that have it.
    pub succeeding: usize,
}

/// What was compared, and what came of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Compared {
    /// Failing jobs.
    pub failing: usize,
    /// Succeeding jobs.
    pub succeeding: usize,
    /// What differs, most clearly first.
    pub differences: Vec<Difference>,
}

impl Compared {
    /// Tells whether there were too few jobs to compare.
    pub fn is_thin(&self) -> bool {
        self.failing < JOBS_MIN || self.succeeding < JOBS_MIN
    }
}

#[derive(Debug, Clone, QueryableByName)]
struct Sampled {
    #[diesel(sql_type = Bool)]
    failed: bool,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Text)]
    queue: String,
    #[diesel(sql_type = Nullable<Text>)]
    node: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    at: Time,
    #[diesel(sql_type = Nullable<Jsonb>)]
    args: Option<Value>,
    #[diesel(sql_type = Jsonb)]
    spec: Value,
}

const SAMPLE: &str = "-- admin::failures::sample
WITH failing AS MATERIALIZED (
    SELECT DISTINCT ON (a.job_id) a.job_id, a.node_id, a.finished_at FROM (
        SELECT job_id, fence, node_id, finished_at FROM millrace.attempts WHERE fingerprint = $1 ORDER BY job_id DESC LIMIT $2
    ) AS a ORDER BY a.job_id DESC, a.fence DESC
), places AS (
    SELECT job_id FROM (SELECT job_id, row_number() OVER (ORDER BY job_id DESC) AS n, count(*) OVER () AS all_of FROM failing) AS f
    WHERE n % greatest(1, all_of / $3) = 0 ORDER BY job_id DESC LIMIT $3
), succeeding AS MATERIALIZED (
    SELECT DISTINCT near.job_id, near.node_id, near.finished_at FROM places p CROSS JOIN LATERAL (
        (SELECT h.job_id, h.node_id, h.finished_at FROM millrace.history h WHERE h.job_id > p.job_id AND h.job_id <= p.job_id + $4
            AND h.template_id = (SELECT g.template_id FROM millrace.failure_groups g WHERE g.fingerprint = $1) AND h.state = 'succeeded'
        ORDER BY h.job_id LIMIT $5)
        UNION ALL (SELECT h.job_id, h.node_id, h.finished_at FROM millrace.history h WHERE h.job_id < p.job_id AND h.job_id >= p.job_id - $4
            AND h.template_id = (SELECT g.template_id FROM millrace.failure_groups g WHERE g.fingerprint = $1) AND h.state = 'succeeded'
        ORDER BY h.job_id DESC LIMIT $5)
    ) AS near LIMIT $2
)
SELECT s.failed, j.version, q.name AS queue, n.name AS node, s.finished_at AS at, CASE WHEN $6 THEN j.args END AS args, v.spec
FROM (SELECT true AS failed, job_id, node_id, finished_at FROM failing UNION ALL SELECT false, job_id, node_id, finished_at FROM succeeding) AS s
JOIN millrace.jobs j ON j.id = s.job_id JOIN millrace.queues q ON q.id = j.queue_id
JOIN millrace.template_versions v ON v.template_id = j.template_id AND v.version = j.version
LEFT JOIN millrace.nodes n ON n.id = s.node_id
WHERE $7::text[] IS NULL OR q.name = ANY ($7) ORDER BY s.failed, s.job_id LIMIT $8";

/// Compares a sample of the jobs that `scope` covers. Arguments are looked at only when the viewer `sees_payload`; secret ones never.
///
/// # Errors
/// Database failures.
pub fn compare(conn: &mut PgConnection, scope: &Scope, print: &str, sees_payload: bool) -> Result<Compared, DbError> {
    let sampled: Vec<Sampled> = statement(SAMPLE)
        .bind::<Text, _>(print)
        .bind::<BigInt, _>(SAMPLE_MAX)
        .bind::<BigInt, _>(PLACES_MAX)
        .bind::<BigInt, _>(IDS_AROUND)
        .bind::<BigInt, _>(SAMPLE_MAX / PLACES_MAX / 2)
        .bind::<Bool, _>(sees_payload)
        .bind::<Nullable<Array<Text>>, _>(queues_of(scope))
        .bind::<BigInt, _>(2 * SAMPLE_MAX)
        .rows(conn)?;
    let mut params: HashMap<i32, Option<Params>> = HashMap::new();
    let jobs: Vec<Job> = sampled.iter().map(|one| job(one, &mut params)).collect();
    Ok(differing(&jobs))
}

/// One job as it is compared: what it has of each field.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Job {
    failed: bool,
    traits: Vec<(String, String)>,
}

fn job(sampled: &Sampled, params: &mut HashMap<i32, Option<Params>>) -> Job {
    let hour = sampled.at.format("%H:00 UTC").to_string();
    let mut traits = vec![
        ("version".to_owned(), sampled.version.to_string()),
        ("queue".to_owned(), sampled.queue.clone()),
        ("hour".to_owned(), hour),
    ];
    traits.extend(sampled.node.iter().map(|node| ("node".to_owned(), node.clone())));
    let known = params
        .entry(sampled.version)
        .or_insert_with(|| serde_json::from_value::<TemplateSpec>(sampled.spec.clone()).ok().map(|spec| spec.params));
    // a version that cannot be read may hide anything
    if let (Some(params), Some(args)) = (known, &sampled.args) {
        traits.extend(arguments(params, args));
    }
    Job { failed: sampled.failed, traits }
}

/// The plain values among the arguments, without what is secret.
fn arguments(params: &Params, args: &Value) -> Vec<(String, String)> {
    let masked = params.masked(args);
    let (Some(shown), Some(plain)) = (masked.as_object(), args.as_object()) else { return Vec::new() };
    let mut found = Vec::new();
    for (name, value) in shown {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) | Value::Null => value.to_string(),
            Value::Array(_) | Value::Object(_) => continue,
        };
        if plain.get(name) == Some(value) && text.chars().count() <= VALUE_CHARS_MAX {
            found.push((format!("arg.{name}"), text));
        }
    }
    found
}

/// Finds the values whose shares differ clearly.
fn differing(jobs: &[Job]) -> Compared {
    let (failing, succeeding) =
        (jobs.iter().filter(|job| job.failed).count(), jobs.iter().filter(|job| !job.failed).count());
    let mut counts: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for job in jobs {
        let distinct: BTreeSet<(&str, &str)> =
            job.traits.iter().map(|(field, value)| (field.as_str(), value.as_str())).collect();
        for one in distinct {
            let count = counts.entry(one).or_default();
            if job.failed { count.0 += 1 } else { count.1 += 1 }
        }
    }
    let compared = Compared { failing, succeeding, differences: Vec::new() };
    if compared.is_thin() {
        return compared;
    }
    let share = |count: usize, all: usize| count as f64 / all as f64 * 100.0;
    let points = |count: &(usize, usize)| share(count.0, failing) - share(count.1, succeeding);
    let mut found: Vec<(f64, Difference)> = counts
        .iter()
        .filter(|(_, count)| points(count).abs() >= POINTS_MIN && is_clear(**count, (failing, succeeding)))
        .map(|((field, value), count)| {
            let one =
                Difference { field: (*field).into(), value: (*value).into(), failing: count.0, succeeding: count.1 };
            (points(count), one)
        })
        .collect();
    // what the failing ones have in common tells more than what they lack
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let differences = found.into_iter().map(|(_, difference)| difference).take(DIFFERENCES_MAX).collect();
    Compared { differences, ..compared }
}

/// Two shares differ by more than three standard errors of their difference (pooled two-proportion z-test).
fn is_clear((left, right): (usize, usize), (all_left, all_right): (usize, usize)) -> bool {
    let (n, m) = (all_left as f64, all_right as f64);
    let pooled = (left + right) as f64 / (n + m);
    let error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    error > 0.0 && (left as f64 / n - right as f64 / m).abs() > 3.0 * error
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn jobs(failed: bool, number: usize, field: &str, value: impl Fn(usize) -> String) -> Vec<Job> {
        (0..number).map(|at| Job { failed, traits: vec![(field.to_owned(), value(at))] }).collect()
    }

    #[test]
    fn a_value_that_only_the_failing_ones_have_is_told_with_its_numbers() {
        let mut all = jobs(true, 40, "arg.country", |at| if at < 36 { "ch".into() } else { "it".into() });
        all.extend(jobs(false, 100, "arg.country", |at| if at < 5 { "ch".into() } else { "it".into() }));

        let compared = differing(&all);

        assert_eq!((compared.failing, compared.succeeding), (40, 100));
        let told = &compared.differences[0];
        assert_eq!((told.value.as_str(), told.failing, told.succeeding), ("ch", 36, 5));
        assert_eq!(compared.differences.len(), 2, "and what they lack");
    }

    #[test]
    fn what_chance_explains_is_not_told() {
        let mut same = jobs(true, 100, "node", |at| format!("mil-{}", at % 3));
        same.extend(jobs(false, 100, "node", |at| format!("mil-{}", (at + 1) % 3)));
        assert!(differing(&same).differences.is_empty());

        let mut own = jobs(true, 100, "arg.id", |at| at.to_string());
        own.extend(jobs(false, 100, "arg.id", |at| (1_000 + at).to_string()));
        assert!(differing(&own).differences.is_empty(), "each has its own");

        let mut few = jobs(true, 4, "node", |_| "mil-1".into());
        few.extend(jobs(false, 100, "node", |_| "mil-2".into()));
        assert!(differing(&few).differences.is_empty() && differing(&few).is_thin());
    }

    #[test]
    fn secret_and_nested_arguments_are_not_looked_at() {
        let schema =
            json!({ "properties": { "key": { "type": "string", "secret": true }, "country": { "type": "string" } } });
        let params = Params::parse(&schema).expect("a schema");

        let found = arguments(
            &params,
            &json!({ "key": "k", "country": "ch", "n": 7, "list": [1], "of": { "x": 1 }, "text": "y".repeat(81) }),
        );

        assert_eq!(found, [("arg.country".to_owned(), "ch".to_owned()), ("arg.n".to_owned(), "7".to_owned())]);
    }
}
