//! What the program's own calls read, as the server counts it: rows and pages of every table and index. A plan may name the right
//! index and still walk all of it; a count does not lie. It holds for statements inside of functions, too.

use std::collections::BTreeMap;

use diesel::PgConnection;
use diesel::sql_types::{BigInt, Text};
use millrace::base::db::statement;

/// Rows of a table or an index that any call may read, whatever it is asked for, and for each job of the call.
const ROWS_MAX: (i64, i64) = (400, 20);
/// Pages likewise: a way down an index of a million rows is four of them.
const PAGES_MAX: (i64, i64) = (150, 40);

/// Rows and pages by table and index.
type Counts = BTreeMap<String, (i64, i64)>;

/// What a call has read.
pub struct Reads(Counts);

/// Counts what `call` reads on this connection. Nobody else may be on its database.
pub fn reads<T>(conn: &mut PgConnection, call: impl FnOnce(&mut PgConnection) -> T) -> Reads {
    let before = counts(conn);
    drop(call(conn));
    let grown = |(name, (rows, pages)): (String, (i64, i64))| {
        let (rows_before, pages_before) = before.get(&name).copied().unwrap_or_default();
        (name, (rows - rows_before, pages - pages_before))
    };
    let read: Counts = counts(conn).into_iter().map(grown).filter(|(_, counts)| *counts != (0, 0)).collect();
    assert!(!read.is_empty(), "nothing was counted");
    Reads(read)
}

fn counts(conn: &mut PgConnection) -> Counts {
    const SQL: &str = "SELECT relname::text, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0), heap_blks_read + heap_blks_hit
FROM pg_stat_user_tables JOIN pg_statio_user_tables USING (relid, schemaname, relname) WHERE schemaname = 'millrace'
UNION ALL SELECT indexrelname::text, idx_tup_read, idx_blks_read + idx_blks_hit
FROM pg_stat_user_indexes JOIN pg_statio_user_indexes USING (indexrelid, schemaname, indexrelname) WHERE schemaname = 'millrace'";
    statement("SELECT pg_stat_force_next_flush()::text").run(conn).unwrap();
    let rows = statement(SQL).tuples::<(Text, BigInt, BigInt), (String, i64, i64)>(conn).unwrap();
    rows.into_iter().map(|(name, rows, pages)| (name, (rows, pages))).collect()
}

impl Reads {
    /// Leaves out what is small in truth and large only here.
    pub fn but(mut self, relations: &[&str]) -> Reads {
        self.0.retain(|name, _| !relations.iter().any(|relation| name.starts_with(relation)));
        self
    }

    /// No row of a table or index with such a name was read.
    #[track_caller]
    pub fn have_none_of(&self, relation: &str) {
        let of: Vec<_> = self.0.iter().filter(|(name, (rows, _))| name.starts_with(relation) && *rows > 0).collect();
        assert!(of.is_empty(), "{of:?}");
    }

    /// No table and no index was read for more than a call about so many jobs may.
    #[track_caller]
    pub fn are_few(&self, jobs: i64) {
        let most = |(base, each): (i64, i64)| base + each * jobs;
        let (rows_max, pages_max) = (most(ROWS_MAX), most(PAGES_MAX));
        let many: Vec<_> = self.0.iter().filter(|(_, (rows, pages))| *rows > rows_max || *pages > pages_max).collect();
        assert!(
            many.is_empty(),
            "more than {rows_max} rows or {pages_max} pages for {jobs} jobs: {many:?}\nof {:?}",
            self.0
        );
    }
}

#[test]
fn a_walk_along_a_whole_index_is_noticed_though_its_plan_names_it() {
    super::database::with_either_statistics(|conn| {
        let walks = [
            "SELECT count(*) FROM (SELECT seq FROM millrace.ready WHERE since IS NOT NULL ORDER BY queue_id, priority, seq) AS r",
            "SELECT count(*) FROM millrace.placements WHERE job_id % 2 = 0",
        ];
        for walk in walks {
            let found = reads(conn, |conn| statement(walk).run(conn).unwrap());

            let many = found.0.values().any(|(rows, pages)| *rows > ROWS_MAX.0 && *pages > PAGES_MAX.0);
            assert!(many, "{walk}: {:?}", found.0);
        }
    });
}
