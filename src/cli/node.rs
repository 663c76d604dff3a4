//! `millrace node`: nodes: list, drain. Not a command yet: it enters [`super::Command`] with its first act.
