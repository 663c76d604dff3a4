//! Groups as lists show them. Counts come from the hours in which they failed, never from jobs.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};

use super::filter::{Cursor, Filter, Range, Sort};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Statement, statement, statement_built};
use crate::queue::actor::Scope;
use crate::queue::failures::{Facts, GroupState};
use crate::queue::job::JobId;

/// Most rows of a page.
pub const ROWS_MAX: i64 = 200;
/// Rows of a page unless another number is asked for.
pub const ROWS_DEFAULT: i64 = 50;
/// Most queues named in a row.
const QUEUES_SHOWN_MAX: i32 = 4;

/// The rule of `queue::failures::Facts::state` in SQL, over the group `g`; a test compares the two.
macro_rules! group_state {
    () => {
        "CASE WHEN g.muted_until > (SELECT clock_timestamp()) THEN 'muted' WHEN g.handled_at IS NOT NULL AND g.returned_at IS NOT NULL THEN 'returned'
    WHEN g.handled_at IS NOT NULL THEN 'handled' WHEN g.last_seen <= (SELECT clock_timestamp() - interval '24 hours') THEN 'quiet'
    WHEN g.touched_at IS NULL AND g.first_seen > (SELECT clock_timestamp() - interval '24 hours') THEN 'new' WHEN g.rising THEN 'rising' ELSE 'steady' END"
    };
}

/// Groups that failed in a queue of the scope ($1, NULL = all) and that the filter wants, whatever their state.
macro_rules! wanted {
    () => {
        "($1::text[] IS NULL OR EXISTS (SELECT FROM millrace.failure_counts c JOIN millrace.queues q ON q.id = c.queue_id
        WHERE c.fingerprint = g.fingerprint AND q.name = ANY ($1)))
    AND ($2 = '' OR t.name = $2)
    AND ($3 = '' OR EXISTS (SELECT FROM millrace.failure_counts c JOIN millrace.queues q ON q.id = c.queue_id
        WHERE c.fingerprint = g.fingerprint AND q.name = $3))
    AND ($4 = '' OR g.message ILIKE $4 OR $5 AND g.error ILIKE $4)
    AND ($6::integer IS NULL OR g.first_version >= $6)"
    };
}

macro_rules! columns {
    () => {
        "g.fingerprint, t.name AS template, g.message, g.error, g.first_seen, g.last_seen, g.first_job, g.last_job, g.last_number, g.first_version,
    g.last_version, g.attempts, g.jobs_failed, g.rising, g.muted_until, g.handled_at, g.handled_by, g.handled_from, g.returned_at, g.touched_at,
    g.ticket, p.name AS assignee, p.email AS assignee_email,
    coalesce((SELECT h.name FROM millrace.people h WHERE h.email = split_part(g.handled_by, ' (token ', 1)), g.handled_by) AS handled_name"
    };
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct GroupRow {
    /// Its identity.
    #[diesel(sql_type = Text)]
    pub fingerprint: String,
    /// The template of its jobs.
    #[diesel(sql_type = Text)]
    pub template: String,
    /// Normalised message.
    #[diesel(sql_type = Text)]
    pub message: String,
    /// The newest message as it was.
    #[diesel(sql_type = Text)]
    pub error: String,
    /// First failure.
    #[diesel(sql_type = Timestamptz)]
    pub first_seen: Time,
    /// Last failure.
    #[diesel(sql_type = Timestamptz)]
    pub last_seen: Time,
    /// The first job that failed so.
    #[diesel(sql_type = BigInt)]
    pub first_job: JobId,
    /// The last job that failed so.
    #[diesel(sql_type = BigInt)]
    pub last_job: JobId,
    /// The number of its attempt.
    #[diesel(sql_type = diesel::sql_types::SmallInt)]
    pub last_number: i16,
    /// Lowest version that failed so.
    #[diesel(sql_type = Integer)]
    pub first_version: i32,
    /// Highest version that failed so.
    #[diesel(sql_type = Integer)]
    pub last_version: i32,
    /// Attempts that failed so, ever, in all queues.
    #[diesel(sql_type = BigInt)]
    pub attempts: i64,
    /// Jobs that failed so for good, ever, in all queues.
    #[diesel(sql_type = BigInt)]
    pub jobs_failed: i64,
    #[diesel(sql_type = Bool)]
    pub(super) rising: bool,
    /// Muted until then.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub muted_until: Option<Time>,
    /// When somebody marked it handled.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub handled_at: Option<Time>,
    /// Who did.
    #[diesel(sql_type = Nullable<Text>)]
    pub handled_by: Option<String>,
    /// Who did, as they are called now.
    #[diesel(sql_type = Nullable<Text>)]
    pub handled_name: Option<String>,
    /// From which version on it should not come again; `None` = not at all.
    #[diesel(sql_type = Nullable<Integer>)]
    pub handled_from: Option<i32>,
    /// When it came again all the same.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub returned_at: Option<Time>,
    /// When somebody decided something about it.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub touched_at: Option<Time>,
    /// Address of a ticket.
    #[diesel(sql_type = Nullable<Text>)]
    pub ticket: Option<String>,
    /// Who looks after it, by name.
    #[diesel(sql_type = Nullable<Text>)]
    pub assignee: Option<String>,
    /// The same by address.
    #[diesel(sql_type = Nullable<Text>)]
    pub assignee_email: Option<String>,
}

impl GroupRow {
    /// Gives the state at `now`.
    pub fn state(&self, now: Time) -> GroupState {
        self.facts().state(now)
    }

    fn facts(&self) -> Facts {
        Facts {
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            muted_until: self.muted_until,
            is_handled: self.handled_at.is_some(),
            has_returned: self.returned_at.is_some(),
            is_rising: self.rising,
            is_touched: self.touched_at.is_some(),
        }
    }

    /// Gives the cursor that stands at this row.
    pub fn cursor(&self, sort: Sort) -> String {
        let key = match sort {
            Sort::Last => self.last_seen.timestamp_micros(),
            Sort::First => self.first_seen.timestamp_micros(),
            Sort::Most => self.attempts,
        };
        format!("{key}.{}", self.fingerprint)
    }
}

/// The queues that a scope covers as a whole; `None` = everything. Failures are not counted by tag, so whoever is limited to tags
/// alone sees none.
pub(super) fn queues_of(scope: &Scope) -> Option<&[String]> {
    (!scope.is_everything()).then_some(scope.queues.as_slice())
}

fn filtered<'a>(begun: Statement<'a>, scope: &'a Scope, filter: &'a Filter, sees_payload: bool) -> Statement<'a> {
    begun
        .bind::<Nullable<Array<Text>>, _>(queues_of(scope))
        .bind::<Text, _>(&filter.template)
        .bind::<Text, _>(&filter.queue)
        .bind::<Text, _>(filter.pattern())
        .bind::<Bool, _>(sees_payload)
        .bind::<Nullable<Integer>, _>(filter.since_version)
}

/// A page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Its rows.
    pub rows: Vec<GroupRow>,
    /// There are rows before.
    pub has_newer: bool,
    /// There are rows after.
    pub has_older: bool,
}

/// Lists groups that `scope` covers.
///
/// # Errors
/// Database failures.
pub fn list(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &Filter,
    (rows_max, sees_payload): (i64, bool),
) -> Result<Page, DbError> {
    let rows_max = rows_max.clamp(1, ROWS_MAX);
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    let asked = filtered(statement_built(list_sql(filter)), scope, filter, sees_payload)
        .bind::<Array<Text>, _>(states)
        .bind::<BigInt, _>(rows_max + 1);
    let mut rows: Vec<GroupRow> = match &filter.cursor {
        Some(cursor) => asked.bind::<BigInt, _>(cursor.key).bind::<Text, _>(&cursor.fingerprint).rows(conn)?,
        None => asked.rows(conn)?,
    };
    let more = rows.len() as i64 > rows_max;
    rows.truncate(rows_max as usize);
    let is_before = filter.cursor.as_ref().is_some_and(|cursor| cursor.is_before);
    if is_before {
        rows.reverse();
    }
    let (has_newer, has_older) =
        if is_before { (more, true) } else { (filter.cursor.is_some() && !rows.is_empty(), more) };
    Ok(Page { rows, has_newer, has_older })
}

/// The statement of a list: its order and the side of the cursor decide its text, nothing that people typed.
fn list_sql(filter: &Filter) -> String {
    let column = filter.sort.column();
    let (order, beyond) = match filter.cursor {
        Some(Cursor { is_before: true, .. }) => ("ASC", ">"),
        _ => ("DESC", "<"),
    };
    let from = match filter.cursor {
        Some(_) => format!("AND ({column}, g.fingerprint) {beyond} ({}, $10 COLLATE \"C\")", filter.sort.key()),
        None => String::new(),
    };
    const HEAD: &str = concat!(
        "-- admin::failures::list
SELECT ", columns!(), "
FROM millrace.failure_groups g JOIN millrace.templates t ON t.id = g.template_id LEFT JOIN millrace.people p ON p.id = g.assignee
WHERE ", wanted!(), "
    AND ($7::text[] = '{}' OR ", group_state!(), " = ANY ($7))
    "
    );
    // the limit is mentioned before the cursor: parameters are bound in the order of their mention
    format!("{HEAD}AND $8 > 0 {from} ORDER BY {column} {order}, g.fingerprint {order} LIMIT $8")
}

/// Groups by state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    counts: Vec<(GroupState, i64)>,
    /// When anything failed last, among them.
    pub last: Option<Time>,
}

impl Tally {
    /// Gives how many are in a state.
    pub fn of(&self, state: GroupState) -> i64 {
        self.counts.iter().filter(|(known, _)| *known == state).map(|(_, count)| count).sum()
    }

    /// Gives how many are in any of these states; in all when none is named.
    pub fn within(&self, states: &[GroupState]) -> i64 {
        self.counts
            .iter()
            .filter(|(known, _)| states.is_empty() || states.contains(known))
            .map(|(_, count)| count)
            .sum()
    }

    /// Gives how many are open.
    pub fn open(&self) -> i64 {
        self.counts.iter().filter(|(state, _)| state.is_open()).map(|(_, count)| count).sum()
    }
}

/// Counts the groups that the filter wants by state, whatever states it names.
///
/// # Errors
/// Database failures.
pub fn tally(conn: &mut PgConnection, scope: &Scope, filter: &Filter, sees_payload: bool) -> Result<Tally, DbError> {
    const SQL: &str = concat!(
        "-- admin::failures::tally
SELECT ", group_state!(), " AS state, count(*), max(g.last_seen) FROM millrace.failure_groups g JOIN millrace.templates t ON t.id = g.template_id
WHERE ", wanted!(), " GROUP BY 1 ORDER BY 1 LIMIT 7"
    );
    type Row = (String, i64, Time);
    let rows: Vec<Row> =
        filtered(statement(SQL), scope, filter, sees_payload).tuples::<(Text, BigInt, Timestamptz), Row>(conn)?;
    let last = rows.iter().map(|row| row.2).max();
    let counts = rows.into_iter().filter_map(|(state, count, _)| Some((GroupState::parse(&state)?, count)));
    Ok(Tally { counts: counts.collect(), last })
}

/// Reads groups by their fingerprints that `scope` covers, in no order.
///
/// # Errors
/// Database failures.
pub fn find(conn: &mut PgConnection, scope: &Scope, prints: &[String]) -> Result<Vec<GroupRow>, DbError> {
    const SQL: &str = concat!(
        "-- admin::failures::find
SELECT ", columns!(), "
FROM millrace.failure_groups g JOIN millrace.templates t ON t.id = g.template_id LEFT JOIN millrace.people p ON p.id = g.assignee
WHERE ($1::text[] IS NULL OR EXISTS (SELECT FROM millrace.failure_counts c JOIN millrace.queues q ON q.id = c.queue_id
        WHERE c.fingerprint = g.fingerprint AND q.name = ANY ($1)))
    AND g.fingerprint = ANY ($2) LIMIT $3"
    );
    statement(SQL)
        .bind::<Nullable<Array<Text>>, _>(queues_of(scope))
        .bind::<Array<Text>, _>(prints)
        .bind::<BigInt, _>(ROWS_MAX)
        .rows(conn)
}

/// How a group came during a range.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Course {
    /// The group.
    #[diesel(sql_type = Text)]
    pub fingerprint: String,
    /// Attempts in the range.
    #[diesel(sql_type = BigInt)]
    pub attempts: i64,
    #[diesel(sql_type = Array<Integer>)]
    places: Vec<i32>,
    #[diesel(sql_type = Array<BigInt>)]
    sums: Vec<i64>,
    /// Some of the queues, by name.
    #[diesel(sql_type = Array<Text>)]
    pub queues: Vec<String>,
}

impl Course {
    /// Makes the course of one group of the attempts in each of its bars, by place.
    pub(super) fn of(fingerprint: &str, bars: &[(i32, i64)], queues: Vec<String>) -> Self {
        let (places, sums): (Vec<i32>, Vec<i64>) = bars.iter().copied().unzip();
        Self { fingerprint: fingerprint.to_owned(), attempts: sums.iter().sum(), places, sums, queues }
    }

    /// Gives the attempts of each bar, oldest first.
    pub fn bars(&self, range: Range) -> Vec<u64> {
        let mut bars = vec![0; range.bars() as usize];
        for (place, sum) in self.places.iter().zip(&self.sums) {
            if let Some(bar) = usize::try_from(*place).ok().and_then(|place| bars.get_mut(place)) {
                *bar += sum.unsigned_abs();
            }
        }
        bars
    }
}

/// Reads how these groups came during `range`, in the queues of `scope`; those that did not come are left out.
///
/// # Errors
/// Database failures.
pub fn courses(
    conn: &mut PgConnection,
    scope: &Scope,
    prints: &[String],
    (range, now): (Range, Time),
) -> Result<Vec<Course>, DbError> {
    const SQL: &str = "-- admin::failures::courses
WITH hours AS MATERIALIZED (
    SELECT c.fingerprint, floor(extract(epoch FROM c.hour - $1) / $2)::integer AS place, c.queue_id, sum(c.attempts)::bigint AS attempts
    FROM millrace.failure_counts c
    WHERE c.fingerprint = ANY ($3) AND c.hour >= $1
        AND ($4::text[] IS NULL OR c.queue_id IN (SELECT q.id FROM millrace.queues q WHERE q.name = ANY ($4)))
    GROUP BY 1, 2, 3
)
SELECT h.fingerprint, sum(h.attempts)::bigint AS attempts, array_agg(h.place ORDER BY h.place, h.queue_id) AS places,
    array_agg(h.attempts ORDER BY h.place, h.queue_id) AS sums,
    ARRAY(SELECT q.name FROM millrace.queues q WHERE q.id IN (SELECT o.queue_id FROM hours o WHERE o.fingerprint = h.fingerprint)
        ORDER BY q.name LIMIT $5) AS queues
FROM hours h GROUP BY h.fingerprint ORDER BY h.fingerprint";
    statement(SQL)
        .bind::<Timestamptz, _>(range.from(now))
        .bind::<BigInt, _>(range.bar_hours() * 3_600)
        .bind::<Array<Text>, _>(prints)
        .bind::<Nullable<Array<Text>>, _>(queues_of(scope))
        .bind::<Integer, _>(QUEUES_SHOWN_MAX)
        .rows(conn)
}
