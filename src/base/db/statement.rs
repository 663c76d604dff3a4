//! SQL with typed parameters, prepared once per connection.
//!
//! diesel's `sql_query` is parsed and planned anew on each call; a hot statement must not be. A [`Statement`] is keyed by
//! its text in diesel's statement cache, so its plan is kept. Parameters are written `$1`, `$2`, … and may repeat;
//! their first mentions must come in ascending order, because diesel numbers binds as it walks.

use std::borrow::Cow;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Untyped};

use super::DbError;

/// One parameter, ready to be bound.
trait Bind {
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

struct Typed<ST, U> {
    value: U,
    sql_type: std::marker::PhantomData<ST>,
}

impl<ST, U> Bind for Typed<ST, U>
where
    Pg: HasSqlType<ST>,
    U: ToSql<ST, Pg>,
{
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<ST, U>(&self.value)
    }
}

/// An SQL text with its parameters.
pub struct Statement<'a> {
    sql: Cow<'static, str>,
    binds: Vec<Box<dyn Bind + 'a>>,
}

/// Starts a statement from its fixed text. The text should begin with `-- module::act` so that it can be told apart in
/// `pg_stat_activity` and in plans.
pub fn statement<'a>(sql: &'static str) -> Statement<'a> {
    super::watch::statement_begins();
    Statement { sql: sql.into(), binds: Vec::new() }
}

/// Starts a statement from a text of many shapes, which is planned at each call: kept, they would fill the connection's memory.
/// Whatever comes from people is a parameter.
pub fn statement_built<'a>(sql: String) -> Statement<'a> {
    super::watch::statement_begins();
    Statement { sql: sql.into(), binds: Vec::new() }
}

impl<'a> Statement<'a> {
    /// Binds the next parameter.
    pub fn bind<ST: 'a, U: ToSql<ST, Pg> + 'a>(mut self, value: U) -> Self
    where
        Pg: HasSqlType<ST>,
    {
        self.binds.push(Box::new(Typed::<ST, U> { value, sql_type: std::marker::PhantomData }));
        self
    }

    /// Runs it and gives the rows.
    ///
    /// # Errors
    /// Whatever Postgres refuses, as [`DbError`].
    pub fn rows<T: QueryableByName<Pg> + 'static>(self, conn: &mut PgConnection) -> Result<Vec<T>, DbError> {
        Ok(RunQueryDsl::load::<T>(self, conn)?)
    }

    /// Runs it and gives the rows by position, `ST` being the tuple of the columns' SQL types. For hot statements: finding
    /// a row's columns by their names costs more than reading them.
    ///
    /// # Errors
    /// Whatever Postgres refuses, as [`DbError`].
    pub fn tuples<ST, T>(self, conn: &mut PgConnection) -> Result<Vec<T>, DbError>
    where
        Positional<'a, ST>: Query<SqlType = ST> + RunQueryDsl<PgConnection>,
        Positional<'a, ST>: diesel::query_dsl::methods::LoadQuery<'a, PgConnection, T>,
    {
        Ok(RunQueryDsl::load::<T>(Positional { statement: self, columns: std::marker::PhantomData }, conn)?)
    }

    /// Runs it and gives the first row, if there is one.
    ///
    /// # Errors
    /// Whatever Postgres refuses, as [`DbError`].
    pub fn row<T: QueryableByName<Pg> + 'static>(self, conn: &mut PgConnection) -> Result<Option<T>, DbError> {
        Ok(RunQueryDsl::get_result::<T>(self, conn).optional()?)
    }

    /// Runs it and gives the number of rows it changed.
    ///
    /// # Errors
    /// Whatever Postgres refuses, as [`DbError`].
    pub fn run(self, conn: &mut PgConnection) -> Result<usize, DbError> {
        Ok(RunQueryDsl::execute(self, conn)?)
    }
}

/// A statement whose rows are read by position.
pub struct Positional<'a, ST> {
    statement: Statement<'a>,
    columns: std::marker::PhantomData<ST>,
}

impl<ST> Query for Positional<'_, ST> {
    type SqlType = ST;
}

impl<ST> RunQueryDsl<PgConnection> for Positional<'_, ST> {}

impl<ST> QueryId for Positional<'_, ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> QueryFragment<Pg> for Positional<'_, ST> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.statement.walk_ast(out)
    }
}

impl Query for Statement<'_> {
    type SqlType = Untyped;
}

impl RunQueryDsl<PgConnection> for Statement<'_> {}

impl QueryId for Statement<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false; // the cache is keyed by the text
}

impl QueryFragment<Pg> for Statement<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut bound = 0;
        if let Cow::Owned(_) = self.sql {
            out.unsafe_to_cache_prepared();
        }
        for piece in pieces(&self.sql) {
            match piece {
                Piece::Text(text) => out.push_sql(text),
                Piece::Parameter(number, text) if number <= bound => out.push_sql(text),
                Piece::Parameter(number, text) => {
                    let bind = self.binds.get(number - 1).filter(|_| number == bound + 1);
                    bind.ok_or_else(|| misnumbered(&self.sql, text))?.push(&mut out)?;
                    bound = number;
                }
            }
        }
        if bound == self.binds.len() { Ok(()) } else { Err(misnumbered(&self.sql, "the last one")) }
    }
}

fn misnumbered(sql: &str, text: &str) -> diesel::result::Error {
    let head = sql.lines().next().unwrap_or_default();
    diesel::result::Error::QueryBuilderError(format!("{head}: parameter {text} is out of order or not bound").into())
}

enum Piece<'s> {
    Text(&'s str),
    Parameter(usize, &'s str),
}

/// Cuts SQL at its `$n`. Dollar-quoted strings (`$$`) have no digit after the sign and stay text.
fn pieces(sql: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, left) = first_piece(rest);
        rest = left;
        Some(piece)
    })
}

fn first_piece(sql: &str) -> (Piece<'_>, &str) {
    let is_parameter = |at: &usize| sql[at + 1..].starts_with(|c: char| c.is_ascii_digit());
    let start = sql.match_indices('$').map(|(at, _)| at).find(is_parameter);
    match start {
        None => (Piece::Text(sql), ""),
        Some(0) => {
            let end = sql[1..].find(|c: char| !c.is_ascii_digit()).map_or(sql.len(), |length| length + 1);
            let number = sql[1..end].parse().unwrap_or(usize::MAX);
            (Piece::Parameter(number, &sql[..end]), &sql[end..])
        }
        Some(at) => (Piece::Text(&sql[..at]), &sql[at..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::sql_types::Integer;

    fn shown(statement: &Statement<'_>) -> String {
        diesel::debug_query::<Pg, _>(statement).to_string()
    }

    #[test]
    fn repeated_parameters_are_bound_once() {
        let text = shown(&statement("SELECT $1 + $2 + $1").bind::<Integer, _>(1).bind::<Integer, _>(2));

        assert!(text.starts_with("SELECT $1 + $2 + $1 -- binds: [1, 2]"), "{text}");
    }

    #[test]
    fn a_statement_with_misnumbered_parameters_does_not_build() {
        let mut sql = <Pg as diesel::backend::Backend>::QueryBuilder::default();

        let built = statement("SELECT $2").bind::<Integer, _>(1).to_sql(&mut sql, &Pg);

        assert!(built.is_err());
    }

    #[test]
    fn dollar_quotes_are_text() {
        let found: Vec<_> = pieces("SELECT $$a$$, $12").map(|p| matches!(p, Piece::Parameter(12, _))).collect();

        assert_eq!(found, [false, true]);
    }
}
