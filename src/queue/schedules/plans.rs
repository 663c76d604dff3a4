//! Plans that a node keeps, so that schedules which fire often are read once. A plan is kept under its schedule's stamp, which every change
//! of what it means raises: a version, a calendar.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use diesel::QueryableByName;
use diesel::sql_types::{Array, Integer, Jsonb, Text};
use serde_json::Value;

use super::values::ScheduleId;
use crate::base::db::{DbError, PgConnection, statement};
use crate::timing::Plan;
use crate::timing::calendar::{BusinessDays, Calendar};
use crate::timing::document::{Calendars, Fault};
use crate::timing::policies::Policies;
use crate::timing::schedule::Schedule;

/// Most plans that are kept; beyond, all are forgotten and read again as they are needed.
const KEPT_MAX: usize = 20_000;

/// A schedule that can be followed.
#[derive(Debug)]
pub struct Known {
    /// What it says.
    pub spec: Schedule,
    /// When.
    pub plan: Plan,
    /// What happens when something gets in the way.
    pub policies: Policies,
    /// About how many bytes a job of it takes on its way into the database.
    pub(super) job_bytes: usize,
}

/// What a job's description takes beside its arguments.
const JOB_BYTES: usize = 400;

impl Known {
    /// Makes a schedule ready to be followed.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn of(spec: Schedule, calendars: &Calendars) -> Result<Self, Vec<Fault>> {
        match (spec.timing().plan(&spec.name, calendars), spec.policies()) {
            (Ok(plan), Ok(policies)) => {
                let args = serde_json::to_string(&spec.args).map_or(0, |text| text.len());
                Ok(Self { spec, plan, policies, job_bytes: JOB_BYTES + args })
            }
            (plan, policies) => Err([plan.err().unwrap_or_default(), policies.err().unwrap_or_default()].concat()),
        }
    }
}

/// What is asked for: a schedule, the version in force, its stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The schedule.
    pub id: ScheduleId,
    /// The version.
    pub version: i32,
    /// The stamp.
    pub stamp: i32,
}

/// A plan, or why there is none.
pub type Found = Result<Arc<Known>, String>;

/// The plans that a node keeps.
#[derive(Debug, Default)]
pub struct Plans {
    kept: HashMap<ScheduleId, (i32, Found)>,
    calendars: HashMap<(i32, i32), Arc<BusinessDays>>,
}

impl Plans {
    /// Gives the plans of schedules whose rows the caller has locked, or has just read.
    ///
    /// # Errors
    /// Database failures. A schedule that cannot be followed is no failure: it has a sentence in the plan's place.
    pub fn of(&mut self, conn: &mut PgConnection, wanted: &[Wanted]) -> Result<HashMap<ScheduleId, Found>, DbError> {
        if self.kept.len() + wanted.len() > KEPT_MAX {
            self.kept.clear();
            self.calendars.clear();
        }
        let is_kept = |one: &Wanted| self.kept.get(&one.id).is_some_and(|(stamp, _)| *stamp == one.stamp);
        let missing: Vec<Wanted> = wanted.iter().filter(|one| !is_kept(one)).copied().collect();
        if !missing.is_empty() {
            self.read(conn, &missing)?;
        }
        let given = |one: &Wanted| Some((one.id, self.kept.get(&one.id)?.1.clone()));
        Ok(wanted.iter().filter_map(given).collect())
    }

    fn read(&mut self, conn: &mut PgConnection, missing: &[Wanted]) -> Result<(), DbError> {
        let ids: Vec<i32> = missing.iter().map(|one| one.id.0).collect();
        let minded = self.minded(conn, &ids)?;
        let none = Calendars::new();
        let stamps: HashMap<i32, i32> = missing.iter().map(|one| (one.id.0, one.stamp)).collect();
        for row in specs(conn, missing)? {
            let calendars = minded.get(&row.schedule_id).unwrap_or(&none);
            let found = serde_json::from_value::<Schedule>(row.spec)
                .map_err(|error| format!("its version {} cannot be read: {error}", row.version))
                .and_then(|spec| Known::of(spec, calendars).map_err(|faults| told(&faults)));
            let stamp = stamps.get(&row.schedule_id).copied().unwrap_or_default();
            self.kept.insert(ScheduleId(row.schedule_id), (stamp, found.map(Arc::new)));
        }
        Ok(())
    }

    /// Reads the calendars that schedules mind, by schedule.
    fn minded(&mut self, conn: &mut PgConnection, ids: &[i32]) -> Result<BTreeMap<i32, Calendars>, DbError> {
        const SQL: &str = "-- queue::schedules::minded
SELECT sc.schedule_id, c.id, c.version, c.name FROM millrace.schedule_calendars sc JOIN millrace.calendars c ON c.id = sc.calendar_id
WHERE sc.schedule_id = ANY($1)";
        let rows: Vec<MindedRow> = statement(SQL).bind::<Array<Integer>, _>(ids).rows(conn)?;
        let mut unread: Vec<i32> =
            rows.iter().filter(|row| !self.calendars.contains_key(&(row.id, row.version))).map(|row| row.id).collect();
        unread.sort_unstable();
        unread.dedup();
        if !unread.is_empty() {
            for (id, version, days) in calendars(conn, &unread)? {
                self.calendars.insert((id, version), days);
            }
        }
        let mut minded: BTreeMap<i32, Calendars> = BTreeMap::new();
        for row in rows {
            if let Some(days) = self.calendars.get(&(row.id, row.version)) {
                minded.entry(row.schedule_id).or_default().insert(row.name, Arc::clone(days));
            }
        }
        Ok(minded)
    }
}

/// Says what is wrong in one sentence.
pub fn told(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect::<Vec<_>>().join("; ")
}

#[derive(QueryableByName)]
struct MindedRow {
    #[diesel(sql_type = Integer)]
    schedule_id: i32,
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct SpecRow {
    #[diesel(sql_type = Integer)]
    schedule_id: i32,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Jsonb)]
    spec: Value,
}

fn specs(conn: &mut PgConnection, wanted: &[Wanted]) -> Result<Vec<SpecRow>, DbError> {
    const SQL: &str = "-- queue::schedules::specs
SELECT v.schedule_id, v.version, v.spec FROM unnest($1::integer[], $2::integer[]) AS w(id, version)
JOIN millrace.schedule_versions v ON v.schedule_id = w.id AND v.version = w.version";
    statement(SQL)
        .bind::<Array<Integer>, _>(wanted.iter().map(|one| one.id.0).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(wanted.iter().map(|one| one.version).collect::<Vec<_>>())
        .rows(conn)
}

/// Reads calendars that can be asked; one that cannot be read is left out, and whoever minds it says so.
fn calendars(conn: &mut PgConnection, ids: &[i32]) -> Result<Vec<(i32, i32, Arc<BusinessDays>)>, DbError> {
    const SQL: &str = "-- queue::schedules::calendars
SELECT c.id AS schedule_id, c.version, c.spec FROM millrace.calendars c WHERE c.id = ANY($1)";
    let rows: Vec<SpecRow> = statement(SQL).bind::<Array<Integer>, _>(ids).rows(conn)?;
    let ready = |row: SpecRow| {
        let calendar: Calendar = serde_json::from_value(row.spec).ok()?;
        Some((row.schedule_id, row.version, Arc::new(calendar.days().ok()?)))
    };
    Ok(rows.into_iter().filter_map(ready).collect())
}
