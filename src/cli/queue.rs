//! `millrace queue`: queues: list, pause, resume, limit. Not a command yet: it enters [`super::Command`] with its first act.
