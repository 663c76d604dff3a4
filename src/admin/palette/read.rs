//! Reading names, within scope.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text};

use super::asked::Needle;
use super::entry::{Kind, Named};
use crate::admin::schedules::in_scope;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::{Actor, PersonId};
use crate::queue::permission::{Permission, Role};

/// Most names that are read at once.
const NAMES_MAX: i32 = 20;
/// The newest operations that are looked at.
const OPERATIONS_MAX: i32 = 200;
/// Nobody has this id: whoever is no person owns nothing.
const NOBODY: PersonId = PersonId(-1);

/// The tables hold some thousand names at most, schedules a hundred thousand, so a name is looked for within all of them; names of gone nodes
/// come last. Views are seen by whom `admin::views` shows them to, operations by whom `admin::operations` does, of which the newest are looked at.
const NAMES: &str = concat!(
    "-- admin::palette::names
SELECT k.kind, k.name, k.label, k.state,
    CASE WHEN k.kind || ' ' || k.name = ANY ($1) THEN 0 WHEN k.said = $2 THEN 1 WHEN k.said LIKE $3 THEN 2 ELSE 3 END AS rank
FROM (
    SELECT 'queue' AS kind, q.name::text AS name, '' AS label, CASE WHEN q.paused_at IS NULL THEN '' ELSE 'paused' END AS state, lower(q.name) AS said
    FROM millrace.queues q WHERE 'queue' = ANY ($4) AND ($5 OR q.name = ANY ($6))
    UNION ALL
    SELECT 'template', t.name::text, '', t.state::text, lower(t.name) FROM millrace.templates t WHERE 'template' = ANY ($4)
    UNION ALL
    SELECT 'calendar', c.name::text, '', '', c.name::text FROM millrace.calendars c WHERE 'calendar' = ANY ($4)
    UNION ALL
    SELECT 'node', n.name::text, '', n.state::text, lower(n.name) FROM millrace.nodes n WHERE 'node' = ANY ($4)
    UNION ALL
    SELECT 'pool', p.name::text, '', '', lower(p.name) FROM millrace.pools p WHERE 'pool' = ANY ($4)
    UNION ALL
    SELECT 'person', h.id::text, h.name, h.email, lower(h.name || ' ' || h.email) FROM millrace.people h WHERE 'person' = ANY ($4)
    UNION ALL
    SELECT 'view', v.slug, v.name, CASE WHEN v.owner_id = $7 THEN '' ELSE o.name END, lower(v.name)
    FROM millrace.saved_views v JOIN millrace.people o ON o.id = v.owner_id
    WHERE 'view' = ANY ($4) AND (v.owner_id = $7 OR (v.visibility = 'everyone' OR v.visibility = 'team' AND o.role = $8) AND o.role = ANY ($9))
    UNION ALL
    (SELECT 'operation', b.id::text, '', b.act || ', ' || b.state, b.id || ' ' || b.act FROM millrace.operations b
    WHERE 'operation' = ANY ($4) AND ($5 OR b.person_id = $7) ORDER BY b.id DESC LIMIT $10)
    UNION ALL
    (SELECT 'schedule', s.name::text, '', CASE WHEN s.ended_at IS NOT NULL THEN 'ended' WHEN s.paused_at IS NOT NULL THEN 'paused' ELSE '' END, s.name::text
    FROM millrace.schedules s WHERE 'schedule' = ANY ($4) AND s.removed_at IS NULL
        AND CASE WHEN $11::text IS NULL THEN 'schedule ' || s.name = ANY ($1) ELSE s.name LIKE $11 OR 'schedule ' || s.name = ANY ($1) END
        AND ",
    in_scope!("$5", "$6"),
    " ORDER BY s.name <> $2, length(s.name) LIMIT $12)
) AS k
WHERE CASE WHEN $11::text IS NULL THEN k.kind || ' ' || k.name = ANY ($1) ELSE k.said LIKE $11 END
ORDER BY rank, k.state IN ('archived', 'down', 'ended'), length(k.said), k.kind, k.name LIMIT $12"
);

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
    actor: &Actor,
    kinds: &[Kind],
    needle: Option<&Needle>,
    recent: &[String],
) -> Result<Vec<Named>, DbError> {
    let wanted = |kind: &&Kind| needle.and_then(|needle| needle.kind).is_none_or(|only| only == **kind);
    let kinds: Vec<_> = kinds.iter().filter(wanted).map(|kind| kind.word()).collect();
    let sharing: Vec<&str> =
        Role::ALL.into_iter().filter(|role| Permission::ShareViews.held_by(*role)).map(Role::as_str).collect();
    let rows: Vec<Row> = statement(NAMES)
        .bind::<Array<Text>, _>(recent)
        .bind::<Text, _>(needle.map(Needle::exact).unwrap_or_default())
        .bind::<Text, _>(needle.map(Needle::beginning).unwrap_or_default())
        .bind::<Array<Text>, _>(kinds)
        .bind::<Bool, _>(actor.scope.is_everything())
        .bind::<Array<Text>, _>(&actor.scope.queues)
        .bind::<BigInt, _>(actor.person.unwrap_or(NOBODY))
        .bind::<Text, _>(actor.role.as_str())
        .bind::<Array<Text>, _>(sharing)
        .bind::<Integer, _>(OPERATIONS_MAX)
        .bind::<Nullable<Text>, _>(needle.map(Needle::holding))
        .bind::<Integer, _>(NAMES_MAX)
        .rows(conn)?;
    let named = |row: Row| {
        let kind = Kind::parse(&row.kind)?;
        Some(Named { kind, name: row.name, label: row.label, state: row.state, rank: row.rank })
    };
    Ok(rows.into_iter().filter_map(named).collect())
}
