//! Which schedules somebody sees: those whose jobs go to a queue of the scope, by the version of the template that they are pinned to.

/// The condition on `s`: `$all` tells that everything is in scope, `$queues` names its queues.
macro_rules! in_scope {
    ($all:literal, $queues:literal) => {
        concat!(
            "(",
            $all,
            " OR EXISTS (SELECT FROM millrace.schedule_versions sv JOIN millrace.templates st ON st.id = s.template_id
    JOIN millrace.template_versions sq ON sq.template_id = st.id AND sq.version = coalesce((sv.spec ->> 'version')::integer, st.active_version)
    WHERE sv.schedule_id = s.id AND sv.version = s.version AND sq.queue = ANY (",
            $queues,
            ")))"
        )
    };
}
pub(crate) use in_scope;
