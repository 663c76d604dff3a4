//! `millrace demo`: a living example, plainly marked as one. Not a command yet: it enters [`super::Command`] with its first act.
