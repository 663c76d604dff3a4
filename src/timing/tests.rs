//! Plans against laws, and against a second implementation that walks the minutes of UTC.

mod laws;
mod oracle;
mod plans;
mod transitions;
