//! The demo's templates with their past: versions, authors, when they were published.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::sql_types::{Integer, Jsonb, Text, Timestamptz};
use serde_json::json;

use super::people::{Person, STAFF};
use super::trail::Entry;
use crate::base::clock::Time;
use crate::base::db::{DbError, Tx, statement};
use crate::base::document::parse_documents;
use crate::base::text::TemplateName;
use crate::queue::job::TemplateId;
use crate::queue::template::{TemplateDocument, TemplateSpec};

/// The documents; `PARTNER` stands for the address of the demo's partners.
const DOCUMENTS: &str = include_str!("templates.yaml");
/// Days before the end of the past at which every first version was published.
const FIRST_DAYS: i64 = 45;
/// From saving a version to publishing it.
const READING: TimeDelta = TimeDelta::seconds(40);

/// What the shop's jobs share: name, amount, unit, what it stands for.
const POOLS: [(&str, i32, &str, &str); 2] = [
    ("db-connections", 5, "connections", "Connections that the shop's database keeps for background work"),
    ("memory-mb", 4_096, "MB", "Memory for pictures and documents on all nodes together"),
];

/// Why the demo's own documents cannot be used: a fault of this program, which a test looks for.
#[derive(Debug, thiserror::Error)]
#[error("the demo's documents cannot be used: {0}")]
pub struct CatalogError(String);

impl CatalogError {
    /// Says what is wrong with a document.
    pub fn of(what: String) -> Self {
        Self(what)
    }
}

/// Reads the templates; HTTP calls go to `127.0.0.1:partner_port`.
///
/// # Errors
/// [`CatalogError`].
pub fn templates(partner_port: u16) -> Result<Vec<(TemplateName, TemplateSpec)>, CatalogError> {
    let text = DOCUMENTS.replace("PARTNER", &format!("127.0.0.1:{partner_port}"));
    let documents: Vec<TemplateDocument> = parse_documents(&text).map_err(|error| CatalogError(error.to_string()))?;
    Ok(documents.into_iter().map(TemplateDocument::into_parts).collect())
}

/// A later version: which template, how many days ago, by whom, and why. The first version allowed one attempt less.
const CHANGES: [(&str, i64, usize, &str); 5] = [
    ("webhook.deliver", 18, 1, "One attempt more: aurora-fulfilment is slow on Mondays"),
    ("invoice.render", 12, 0, "Retry when the disk was full"),
    ("mail.send", 11, 0, "Outlast a relay that refuses for two hours"),
    ("ledger.post", 8, 1, "Give deadlocks another chance"),
    ("image.variants", 6, 0, "Second attempt for pictures that were still being uploaded"),
];

/// A template of the demo as it stands in the database.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Row id.
    pub id: TemplateId,
    /// What the active version says.
    pub spec: TemplateSpec,
    /// Since when each version is the active one, the first first.
    pub since: Vec<Time>,
}

impl Standing {
    /// Gives the version that was active at a moment.
    pub fn version_at(&self, at: Time) -> i32 {
        self.since.iter().filter(|since| **since <= at).count().max(1) as i32
    }
}

/// Inserts the templates with all their versions, published, and notes each step for the audit trail.
///
/// # Errors
/// Database failures.
pub fn insert(
    tx: &mut Tx<'_>,
    end: Time,
    templates: Vec<(TemplateName, TemplateSpec)>,
    trail: &mut Vec<Entry>,
) -> Result<BTreeMap<String, Standing>, DbError> {
    let mut standing = BTreeMap::new();
    insert_pools(tx, end - TimeDelta::days(FIRST_DAYS), trail)?;
    for (nth, (name, spec)) in templates.into_iter().enumerate() {
        let first = end - TimeDelta::days(FIRST_DAYS) + TimeDelta::minutes(11 * nth as i64);
        let change = CHANGES.iter().find(|change| change.0 == name.as_str());
        let id = insert_template(tx, name.as_str(), (first, change.map_or(1, |_| 2)), &STAFF[0])?;
        let mut since = vec![first + READING];
        insert_version(tx, (id, 1), &earlier(&spec, change.is_some()), (first, &STAFF[0], "First version"))?;
        trail.extend(notes(name.as_str(), 1, first, &STAFF[0]));
        if let Some((_, days, author, message)) = change {
            let at = end - TimeDelta::days(*days) - TimeDelta::minutes(95);
            insert_version(tx, (id, 2), &spec, (at, &STAFF[*author], message))?;
            trail.extend(notes(name.as_str(), 2, at, &STAFF[*author]));
            since.push(at + READING);
        }
        activate(tx, id, since.len() as i32)?;
        standing.insert(name.as_str().to_owned(), Standing { id, spec, since });
    }
    Ok(standing)
}

fn insert_pools(tx: &mut Tx<'_>, at: Time, trail: &mut Vec<Entry>) -> Result<(), DbError> {
    const SQL: &str = "-- demo::catalog::pool
INSERT INTO millrace.pools (name, amount, unit, description, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)";
    for (name, amount, unit, description) in POOLS {
        let bound = statement(SQL).bind::<Text, _>(name).bind::<Integer, _>(amount).bind::<Text, _>(unit);
        bound.bind::<Text, _>(description).bind::<Timestamptz, _>(at).run(tx)?;
        trail.push(Entry::by(&STAFF[0], at, "pool.make", "pool", name).to(json!({ "amount": amount })));
    }
    Ok(())
}

/// What the first version said.
fn earlier(spec: &TemplateSpec, changed: bool) -> TemplateSpec {
    let mut first = spec.clone();
    if changed {
        first.defaults.max_attempts = spec.defaults.max_attempts.saturating_sub(1).max(1);
    }
    first
}

fn notes(name: &str, version: i32, at: Time, who: &'static Person) -> [Entry; 2] {
    let saved = Entry::by(who, at, "template.save", "template", name).to(json!({ "version": version }));
    let published = Entry::by(who, at + READING, "template.publish", "template", name);
    [saved, published.to(json!({ "active_version": version }))]
}

fn insert_template(
    tx: &mut Tx<'_>,
    name: &str,
    (at, versions): (Time, i32),
    author: &Person,
) -> Result<TemplateId, DbError> {
    const SQL: &str = "-- demo::catalog::template
INSERT INTO millrace.templates (name, latest_version, created_at, created_by, updated_at) VALUES ($1, $2, $3, $4, $3) RETURNING id";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        id: TemplateId,
    }
    let row: Option<Row> = statement(SQL)
        .bind::<Text, _>(name)
        .bind::<Integer, _>(versions)
        .bind::<Timestamptz, _>(at)
        .bind::<Text, _>(author.email())
        .row(tx)?;
    row.map(|row| row.id).ok_or(DbError::Other(diesel::result::Error::NotFound))
}

fn insert_version(
    tx: &mut Tx<'_>,
    (id, version): (TemplateId, i32),
    spec: &TemplateSpec,
    (at, author, message): (Time, &Person, &str),
) -> Result<(), DbError> {
    const SQL: &str = "-- demo::catalog::version
INSERT INTO millrace.template_versions (template_id, version, spec, author, message, created_at, published_at, published_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $4)";
    let spec = serde_json::to_value(spec).map_err(|error| DbError::Conflict(error.to_string()))?;
    statement(SQL)
        .bind::<Integer, _>(id)
        .bind::<Integer, _>(version)
        .bind::<Jsonb, _>(spec)
        .bind::<Text, _>(author.email())
        .bind::<Text, _>(message)
        .bind::<Timestamptz, _>(at)
        .bind::<Timestamptz, _>(at + READING)
        .run(tx)?;
    Ok(())
}

fn activate(tx: &mut Tx<'_>, id: TemplateId, version: i32) -> Result<(), DbError> {
    const SQL: &str = "-- demo::catalog::activate
UPDATE millrace.templates t SET state = 'active', active_version = v.version, updated_at = v.created_at
FROM millrace.template_versions v WHERE t.id = $1 AND v.template_id = t.id AND v.version = $2";
    statement(SQL).bind::<Integer, _>(id).bind::<Integer, _>(version).run(tx)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::args::args;
    use crate::demo::cast::PARTS;
    use crate::demo::dice::Dice;

    #[test]
    fn every_document_is_without_fault_and_has_its_part() {
        let templates = templates(4_711).unwrap();

        for (name, spec) in &templates {
            assert_eq!(spec.check(), [], "{name}");
            assert!(PARTS.iter().any(|part| part.template == name.as_str()), "{name}");
            let has = |(pool, wanted): (&String, &u32)| {
                POOLS.iter().any(|(name, amount, _, _)| name == pool && i64::from(*wanted) <= i64::from(*amount))
            };
            assert!(spec.limits.reserve.iter().all(has), "{name}");
        }
        assert_eq!(templates.len(), PARTS.len());
    }

    #[test]
    fn the_arguments_fit_their_parameters() {
        let at: Time = "2026-11-24T10:00:00Z".parse().unwrap();
        let mut dice = Dice::of(5);

        for (name, spec) in templates(4_711).unwrap() {
            for _ in 0..50 {
                let args = args(name.as_str(), at, &mut dice);
                assert_eq!(spec.params.validate(&args), [], "{name} {args}");
            }
        }
    }
}
