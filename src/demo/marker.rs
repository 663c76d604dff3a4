//! What a database says of itself: a demo, empty, or somebody's own.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};

use crate::base::db::{DbError, PgConnection, Tx, statement};

/// What stands in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing of anybody's: a demo may be made here.
    Empty,
    /// A demo, with the port of its partners.
    Demo(u16),
    /// Somebody's own data, in words.
    Theirs(String),
}

/// Gives the port of the demo's partners, if this is the database of a demo. The schema must be up to date.
///
/// # Errors
/// Database failures.
pub fn read(conn: &mut PgConnection) -> Result<Option<u16>, DbError> {
    const SQL: &str = "-- demo::marker::read
SELECT partner_port AS port FROM millrace.demo";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        port: i32,
    }
    let row: Option<Row> = statement(SQL).row(conn)?;
    Ok(row.and_then(|row| u16::try_from(row.port).ok()))
}

/// Marks the database as a demo's.
///
/// # Errors
/// Database failures; also when it is marked already.
pub fn write(tx: &mut Tx<'_>, partner_port: u16) -> Result<(), DbError> {
    const SQL: &str = "-- demo::marker::write
INSERT INTO millrace.demo (partner_port) VALUES ($1)";
    statement(SQL).bind::<Integer, _>(i32::from(partner_port)).run(tx)?;
    Ok(())
}

/// Looks at a database of any kind, also one without our schema or with an older one.
///
/// # Errors
/// Database failures.
pub fn look(conn: &mut PgConnection) -> Result<Standing, DbError> {
    if exists(conn, "millrace.demo")?
        && let Some(port) = read(conn)?
    {
        return Ok(Standing::Demo(port));
    }
    if let Some(table) = foreign_table(conn)? {
        return Ok(Standing::Theirs(format!("the table {table} of somebody else")));
    }
    if !exists(conn, "millrace.people")? || !exists(conn, "millrace.jobs")? {
        return Ok(Standing::Empty);
    }
    let (people, templates, jobs) = held(conn)?;
    if people + templates + jobs == 0 {
        return Ok(Standing::Empty);
    }
    let jobs = if jobs == 0 { "no jobs" } else { "jobs" };
    Ok(Standing::Theirs(format!("a real installation: {people} people, {templates} templates, {jobs}")))
}

fn exists(conn: &mut PgConnection, table: &str) -> Result<bool, DbError> {
    const SQL: &str = "-- demo::marker::exists
SELECT to_regclass($1) IS NOT NULL AS there";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        there: bool,
    }
    let row: Option<Row> = statement(SQL).bind::<Text, _>(table).row(conn)?;
    Ok(row.is_some_and(|row| row.there))
}

/// Names one table outside of our schema, if there is any.
fn foreign_table(conn: &mut PgConnection) -> Result<Option<String>, DbError> {
    const SQL: &str = "-- demo::marker::foreign_table
SELECT min(format('%I.%I', n.nspname, c.relname)) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('millrace', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<Text>)]
        name: Option<String>,
    }
    let row: Option<Row> = statement(SQL).row(conn)?;
    Ok(row.and_then(|row| row.name))
}

/// Counts people and templates, and tells whether there is any job.
fn held(conn: &mut PgConnection) -> Result<(i64, i64, i64), DbError> {
    const SQL: &str = "-- demo::marker::held
SELECT (SELECT count(*) FROM millrace.people) AS people, (SELECT count(*) FROM millrace.templates) AS templates,
    (SELECT count(*) FROM (SELECT FROM millrace.jobs LIMIT 1) AS any_job) AS jobs";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        people: i64,
        #[diesel(sql_type = BigInt)]
        templates: i64,
        #[diesel(sql_type = BigInt)]
        jobs: i64,
    }
    let row: Option<Row> = statement(SQL).row(conn)?;
    Ok(row.map_or((0, 0, 0), |row| (row.people, row.templates, row.jobs)))
}
