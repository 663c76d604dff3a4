//! `millrace job`: jobs: enqueue, list, show, logs, cancel, retry, hold, release. Not a command yet: it enters [`super::Command`] with its first act.
