//! What is joined to the rows of a list, by the names that conditions use (`query/condition.rs`), and which of it a condition needs.

use std::fmt;

use crate::queue::actor::Scope;

/// Name, the name that it leans on, and the join to a row `f`.
type Join = (&'static str, &'static str, &'static str);

const JOINS: [Join; 9] = [
    ("q", "", "JOIN millrace.queues q ON q.id = f.queue_id"),
    ("t", "", "JOIN millrace.templates t ON t.id = f.template_id"),
    ("j", "", "LEFT JOIN millrace.jobs j ON j.id = f.job_id"),
    ("v", "j", "LEFT JOIN millrace.template_versions v ON v.template_id = j.template_id AND v.version = j.version"),
    (
        "h",
        "",
        "LEFT JOIN millrace.history h ON h.job_id = f.job_id AND f.state IN ('succeeded', 'failed', 'cancelled', 'expired')",
    ),
    ("n", "h", "LEFT JOIN millrace.nodes n ON n.id = h.node_id"),
    ("live", "", "LEFT JOIN millrace.live live ON live.job_id = f.job_id AND f.state = 'running'"),
    (
        "ln",
        "",
        "LEFT JOIN LATERAL (
    SELECT n.name FROM millrace.leases l JOIN millrace.nodes n ON n.id = l.node_id WHERE f.state = 'running' AND l.job_ids @> ARRAY[f.job_id] LIMIT 1
) AS ln ON true",
    ),
    (
        "a",
        "",
        "LEFT JOIN LATERAL (
    SELECT a.error, a.fingerprint FROM millrace.attempts a WHERE f.attempt > 0 AND f.state IN ('retrying', 'held', 'ready', 'scheduled') AND a.job_id = f.job_id
    ORDER BY a.fence DESC LIMIT 1
) AS a ON true",
    ),
];
/// Whose jobs are meant, as parameters.
const IN_SCOPE: &str = "($5::text[] = '{}' AND $6::text[] = '{}') OR q.name = ANY ($5) OR j.tags && $6";
/// The same when all are.
const ALL_IN_SCOPE: &str = "$5::text[] = '{}' AND $6::text[] = '{}'";

/// Gives all joins, for what a row shows.
pub(super) fn all() -> String {
    JOINS.iter().map(|(_, _, join)| format!("\n{join}")).collect()
}

/// The rows of `looked` that match, from `FROM` on.
pub(super) struct Matching<'a> {
    /// The condition.
    pub(super) condition: &'a str,
    /// Whose jobs.
    pub(super) scope: &'a Scope,
}

impl fmt::Display for Matching<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_scope = if self.scope.is_everything() { ALL_IN_SCOPE } else { IN_SCOPE };
        let needed = |name: &str| mentions(self.condition, name) || mentions(in_scope, name);
        f.write_str("FROM looked f")?;
        let leant_on = |name: &str| JOINS.iter().any(|(other, base, _)| *base == name && needed(other));
        for (_, _, join) in JOINS.iter().filter(|(name, ..)| needed(name) || leant_on(name)) {
            write!(f, "\n{join}")?;
        }
        write!(f, "\nWHERE ({in_scope}) AND {}", self.condition)
    }
}

/// Tells whether a column of `name` stands in `sql`.
fn mentions(sql: &str, name: &str) -> bool {
    let column = format!("{name}.");
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    sql.match_indices(&column).any(|(at, _)| at == 0 || !is_word(sql.as_bytes()[at - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(condition: &str, scope: &Scope) -> Vec<&'static str> {
        let text = Matching { condition, scope }.to_string();
        JOINS.iter().filter(|(_, _, join)| text.contains(join)).map(|(name, ..)| *name).collect()
    }

    #[test]
    fn only_what_a_condition_asks_is_joined() {
        let (all, some) = (Scope::default(), Scope { queues: vec!["mail".into()], tags: Vec::new() });

        assert!(names("true", &all).is_empty());
        assert_eq!(names("(j.args #>> $7::text[]) = ANY ($8::text[])", &all), ["j"]);
        assert_eq!(names("v.hides IS FALSE", &all), ["j", "v"]);
        assert_eq!(names("coalesce(n.name, ln.name) = ANY ($7)", &all), ["h", "n", "ln"]);
        assert_eq!(names("coalesce(h.error, a.error) ILIKE ANY ($7)", &all), ["h", "a"]);
        assert_eq!(names("true", &some), ["q", "j"]);
    }
}
