//! `millrace bench`: measurements with their reference of the same run. Not a command yet: it enters [`super::Command`] with its first act.
