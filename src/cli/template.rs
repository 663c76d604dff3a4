//! `millrace template`: templates as files: apply, list, show, diff, publish, rollback, archive, export. Not a command yet: it enters [`super::Command`] with its first act.
