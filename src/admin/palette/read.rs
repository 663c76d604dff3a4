//! Reading names, within scope.

use diesel::QueryableByName;
use diesel::sql_types::{Array, Bool, Integer, Nullable, Text};

use super::asked::Needle;
use super::entry::{Kind, Named};
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;

/// Most names that are read at once.
const NAMES_MAX: i32 = 20;

/// The tables hold some thousand names at most, so a name is looked for within all of them; names of gone nodes come last.
const NAMES: &str = "-- admin::palette::names
SELECT k.kind, k.name, k.label, k.state,
    CASE WHEN k.kind || ' ' || k.name = ANY ($1) THEN 0 WHEN k.said = $2 THEN 1 WHEN k.said LIKE $3 THEN 2 ELSE 3 END AS rank
FROM (
    SELECT 'queue' AS kind, q.name::text AS name, '' AS label, CASE WHEN q.paused_at IS NULL THEN '' ELSE 'paused' END AS state, lower(q.name) AS said
    FROM millrace.queues q WHERE 'queue' = ANY ($4) AND ($5 OR q.name = ANY ($6))
    UNION ALL
    SELECT 'template', t.name::text, '', t.state::text, lower(t.name) FROM millrace.templates t WHERE 'template' = ANY ($4)
    UNION ALL
    SELECT 'node', n.name::text, '', n.state::text, lower(n.name) FROM millrace.nodes n WHERE 'node' = ANY ($4)
    UNION ALL
    SELECT 'pool', p.name::text, '', '', lower(p.name) FROM millrace.pools p WHERE 'pool' = ANY ($4)
    UNION ALL
    SELECT 'person', h.id::text, h.name, h.email, lower(h.name || ' ' || h.email) FROM millrace.people h WHERE 'person' = ANY ($4)
) AS k
WHERE CASE WHEN $7::text IS NULL THEN k.kind || ' ' || k.name = ANY ($1) ELSE k.said LIKE $7 END
ORDER BY rank, k.state IN ('archived', 'down'), length(k.said), k.kind, k.name LIMIT $8";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    label: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Integer)]
    rank: i32,
}

/// Reads what is called so among `kinds`, the best first; without a needle only what `recent` names.
pub(super) fn names(
    conn: &mut PgConnection,
    scope: &Scope,
    kinds: &[Kind],
    needle: Option<&Needle>,
    recent: &[String],
) -> Result<Vec<Named>, DbError> {
    let wanted = |kind: &&Kind| needle.and_then(|needle| needle.kind).is_none_or(|only| only == **kind);
    let kinds: Vec<_> = kinds.iter().filter(wanted).map(|kind| kind.word()).collect();
    let rows: Vec<Row> = statement(NAMES)
        .bind::<Array<Text>, _>(recent)
        .bind::<Text, _>(needle.map(Needle::exact).unwrap_or_default())
        .bind::<Text, _>(needle.map(Needle::beginning).unwrap_or_default())
        .bind::<Array<Text>, _>(kinds)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Nullable<Text>, _>(needle.map(Needle::holding))
        .bind::<Integer, _>(NAMES_MAX)
        .rows(conn)?;
    let named = |row: Row| {
        let kind = Kind::parse(&row.kind)?;
        Some(Named { kind, name: row.name, label: row.label, state: row.state, rank: row.rank })
    };
    Ok(rows.into_iter().filter_map(named).collect())
}
