//! What the engine knows of queues and templates: small, read often, changed rarely.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use diesel::QueryableByName;
use diesel::sql_types::{Array, Bool, Integer, Jsonb, Nullable, Text};
use serde_json::Value;

use super::job::{QueueId, TemplateId};
use super::template::TemplateSpec;
use crate::base::db::{DbError, PgConnection, statement};

/// Most queues a node looks at at once, and most that pages list.
pub const QUEUES_MAX: i32 = 1_000;

/// A queue as the dispatcher sees it.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Queue {
    /// Row id.
    #[diesel(sql_type = Integer)]
    pub id: QueueId,
    /// Name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Share of the slots.
    #[diesel(sql_type = Integer)]
    pub weight: i32,
    /// Takes no new work.
    #[diesel(sql_type = Bool)]
    pub paused: bool,
    /// Most of its jobs that run at once on all nodes.
    #[diesel(sql_type = Nullable<Integer>)]
    pub concurrency: Option<i32>,
    /// Most of its jobs that run at once on each node.
    #[diesel(sql_type = Nullable<Integer>)]
    pub concurrency_per_node: Option<i32>,
}

/// Reads all queues, by name.
///
/// # Errors
/// Database failures.
pub fn queues(conn: &mut PgConnection) -> Result<Vec<Queue>, DbError> {
    const SQL: &str = "-- queue::catalog::queues
SELECT id, name, weight, paused_at IS NOT NULL AS paused, concurrency, concurrency_per_node FROM millrace.queues ORDER BY name LIMIT $1";
    statement(SQL).bind::<Integer, _>(QUEUES_MAX).rows(conn)
}

/// Reads the queues that take work, of those called as in `served` (`None` = all). When there are more than 1,000, only those
/// in which jobs wait, beginning behind the queue `after`, so that repeated calls come to all of them.
///
/// # Errors
/// Database failures.
pub fn to_serve(conn: &mut PgConnection, served: Option<&[String]>, after: QueueId) -> Result<Vec<Queue>, DbError> {
    const OPEN: &str = "-- queue::catalog::open
SELECT id, name, weight, false AS paused, concurrency, concurrency_per_node FROM millrace.queues
WHERE paused_at IS NULL AND ($1::text[] IS NULL OR name = ANY($1::text[])) ORDER BY name LIMIT $2";
    const BUSY: &str = "-- queue::catalog::busy
SELECT q.id, q.name, q.weight, false AS paused, q.concurrency, q.concurrency_per_node FROM millrace.queues q
WHERE q.paused_at IS NULL AND ($1::text[] IS NULL OR q.name = ANY($1::text[]))
    AND EXISTS (SELECT FROM millrace.ready r WHERE r.queue_id = q.id)
ORDER BY q.id <= $2, q.id LIMIT $3";
    let open: Vec<Queue> =
        statement(OPEN).bind::<Nullable<Array<Text>>, _>(served).bind::<Integer, _>(QUEUES_MAX + 1).rows(conn)?;
    if open.len() <= QUEUES_MAX.unsigned_abs() as usize {
        return Ok(open);
    }
    statement(BUSY)
        .bind::<Nullable<Array<Text>>, _>(served)
        .bind::<Integer, _>(after)
        .bind::<Integer, _>(QUEUES_MAX)
        .rows(conn)
}

/// One version of a template, read and understood.
#[derive(Debug)]
pub struct Version {
    /// The template's name.
    pub template: Arc<str>,
    /// The version's number.
    pub version: i32,
    /// What it says; the error when this program cannot read it.
    pub spec: Result<TemplateSpec, String>,
}

/// Versions that were read already. Versions are immutable, so nothing in here goes stale.
#[derive(Debug, Default)]
pub struct Versions(Mutex<HashMap<(TemplateId, i32), Arc<Version>>>);

impl Versions {
    /// Gives a version, reading it when it is not known yet; `None` when it does not exist.
    ///
    /// # Errors
    /// Database failures.
    pub fn get(
        &self,
        conn: &mut PgConnection,
        template: TemplateId,
        version: i32,
    ) -> Result<Option<Arc<Version>>, DbError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(template, version)).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let read = read_version(conn, template, version)?.map(Arc::new);
        if let Some(read) = &read {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert((template, version), Arc::clone(read));
        }
        Ok(read)
    }
}

fn read_version(conn: &mut PgConnection, template: TemplateId, version: i32) -> Result<Option<Version>, DbError> {
    const SQL: &str = "-- queue::catalog::version
SELECT t.name, v.spec FROM millrace.template_versions v JOIN millrace.templates t ON t.id = v.template_id
WHERE v.template_id = $1 AND v.version = $2";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = Jsonb)]
        spec: Value,
    }
    let row: Option<Row> = statement(SQL).bind::<Integer, _>(template).bind::<Integer, _>(version).row(conn)?;
    Ok(row.map(|row| Version {
        template: row.name.into(),
        version,
        spec: serde_json::from_value(row.spec).map_err(|error| error.to_string()),
    }))
}
