//! Calendars as iCalendar files (RFC 5545): all-day events in and out. Pure.
//!
//! ```text
//! lines.rs    content lines: unfolding, parameters, escapes; folding and escaping on the way out
//! import.rs   a file's all-day events as own dates of a calendar; what was not taken is told
//! event.rs    one event: its days, its yearly rule, its name
//! export.rs   a calendar's holidays as a file
//! ```
//! A file is read once from front to back; its size, events and nesting are bounded.
mod event;
mod export;
mod import;
mod lines;

pub use export::export;
pub use import::{BYTES_MAX, EVENTS_MAX, IcsError, Imported, NESTING_MAX, NotTaken, import};

#[cfg(test)]
mod tests;
