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
pub(super) const JOBS_MIN: usize = 5;
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
#[derive(Debug, Clone, Default, PartialEq)]
struct Job {
    failed: bool,
    traits: Vec<(String, String)>,
    /// The arguments that are numbers, once more.
    numbers: Vec<(String, f64)>,
}

fn job(sampled: &Sampled, params: &mut HashMap<i32, Option<Params>>) -> Job {
    let hour = sampled.at.format("%H:00 UTC").to_string();
    let mut job = Job { failed: sampled.failed, ..Job::default() };
    job.traits = vec![
        ("version".to_owned(), sampled.version.to_string()),
        ("queue".to_owned(), sampled.queue.clone()),
        ("hour".to_owned(), hour),
    ];
    job.traits.extend(sampled.node.iter().map(|node| ("node".to_owned(), node.clone())));
    let known = params
        .entry(sampled.version)
        .or_insert_with(|| serde_json::from_value::<TemplateSpec>(sampled.spec.clone()).ok().map(|spec| spec.params));
    // a version that cannot be read may hide anything
    if let (Some(params), Some(args)) = (known, &sampled.args) {
        job.add(params, args);
    }
    job
}

impl Job {
    /// Adds the plain values among the arguments, without what is secret.
    fn add(&mut self, params: &Params, args: &Value) {
        let masked = params.masked(args);
        let (Some(shown), Some(plain)) = (masked.as_object(), args.as_object()) else { return };
        for (name, value) in shown.iter().filter(|(name, value)| plain.get(*name) == Some(value)) {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) | Value::Null => value.to_string(),
                Value::Array(_) | Value::Object(_) => continue,
            };
            if text.chars().count() <= VALUE_CHARS_MAX {
                self.numbers.extend(value.as_f64().map(|number| (format!("arg.{name}"), number)));
                self.traits.push((format!("arg.{name}"), text));
            }
        }
    }
}

/// Finds the values whose shares differ clearly; of numbers also bounds that most failing jobs keep and few others.
fn differing(jobs: &[Job]) -> Compared {
    let failing = jobs.iter().filter(|job| job.failed).count();
    let compared = Compared { failing, succeeding: jobs.len() - failing, differences: Vec::new() };
    if compared.is_thin() {
        return compared;
    }
    let mut counts: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for job in jobs {
        let distinct: BTreeSet<(&str, &str)> = job.traits.iter().map(|(field, value)| (&**field, &**value)).collect();
        for one in distinct {
            let count = counts.entry(one).or_default();
            if job.failed { count.0 += 1 } else { count.1 += 1 }
        }
    }
    let told = |((field, value), count): ((&str, &str), (usize, usize))| Difference {
        field: field.into(),
        value: value.into(),
        failing: count.0,
        succeeding: count.1,
    };
    let mut found: Vec<Difference> = counts.into_iter().map(told).filter(|one| compared.tells(one)).collect();
    for bound in bounds(jobs).into_iter().filter(|one| compared.tells(one)) {
        if !found.iter().any(|one| one.field == bound.field) {
            found.push(bound);
        }
    }
    // what the failing ones have in common tells more than what they lack
    found.sort_by(|a, b| compared.points(b).total_cmp(&compared.points(a)));
    found.truncate(DIFFERENCES_MAX);
    Compared { differences: found, ..compared }
}

/// For each argument that is a number, the lowest and the highest value that nine of ten failing jobs keep to.
fn bounds(jobs: &[Job]) -> Vec<Difference> {
    let mut numbers: BTreeMap<&str, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for job in jobs {
        for (field, number) in &job.numbers {
            let of = numbers.entry(field).or_default();
            if job.failed { of.0.push(*number) } else { of.1.push(*number) }
        }
    }
    let mut found = Vec::new();
    for (field, (mut failing, succeeding)) in numbers {
        failing.sort_by(f64::total_cmp);
        let at = |tenths: usize| failing.get(failing.len() * tenths / 10).copied();
        let (Some(low), Some(high)) = (at(1), at(9)) else { continue };
        let bound = |value: String, keeps: &dyn Fn(f64) -> bool| {
            let count = |numbers: &[f64]| numbers.iter().filter(|number| keeps(**number)).count();
            Difference { field: field.to_owned(), value, failing: count(&failing), succeeding: count(&succeeding) }
        };
        found.push(bound(format!("at least {low}"), &|number| number >= low));
        found.push(bound(format!("at most {high}"), &|number| number <= high));
    }
    found
}

impl Compared {
    /// By how many percent points the failing jobs have it more often than the others.
    fn points(&self, one: &Difference) -> f64 {
        let share = |count: usize, all: usize| count as f64 / all as f64 * 100.0;
        share(one.failing, self.failing) - share(one.succeeding, self.succeeding)
    }

    /// The shares differ by more than chance explains: by three standard errors of their difference (pooled two-proportion z-test).
    fn tells(&self, one: &Difference) -> bool {
        let (n, m) = (self.failing as f64, self.succeeding as f64);
        let pooled = (one.failing + one.succeeding) as f64 / (n + m);
        let error = 100.0 * (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
        let points = self.points(one).abs();
        error > 0.0 && points >= POINTS_MIN && points > 3.0 * error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn jobs(failed: bool, number: usize, field: &str, value: impl Fn(usize) -> String) -> Vec<Job> {
        (0..number).map(|at| Job { failed, traits: vec![(field.to_owned(), value(at))], ..Job::default() }).collect()
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

        let args =
            json!({ "key": "k", "country": "ch", "n": 7, "list": [1], "of": { "x": 1 }, "text": "y".repeat(81) });
        let mut job = Job::default();
        job.add(&params, &args);

        assert_eq!(job.traits, [("arg.country".to_owned(), "ch".to_owned()), ("arg.n".to_owned(), "7".to_owned())]);
        assert_eq!(job.numbers, [("arg.n".to_owned(), 7.0)]);
    }

    #[test]
    fn of_numbers_a_bound_is_told() {
        let sized = |failed, sizes: std::ops::Range<u32>| {
            let one =
                move |size| Job { failed, numbers: vec![("arg.mp".to_owned(), f64::from(size))], ..Job::default() };
            sizes.map(one).collect::<Vec<_>>()
        };
        let mut all = sized(true, 51..91);
        all.extend(sized(false, 1..51));

        let told = differing(&all).differences;

        assert_eq!(told.len(), 1);
        assert_eq!((told[0].value.as_str(), told[0].failing, told[0].succeeding), ("at least 55", 36, 0));
    }
}
