//! Rank 2: the runners that ship with us. Each does one kind of template for one attempt, on the worker thread it is called on.
//!
//! ```text
//!               ┌─ command ─ process group, own user, own folder, limits; output read line by line
//! engine ─ run ─┼─ http ──── addresses resolved once and checked, then that very address is called
//!               ├─ sql ───── values bound, never pasted; the door to the database is lent by the composition root
//!               └─ handler ─ the `Registry` of `queue::work`; `diag` is a set of handlers that misbehave on request
//! ```
//! A runner knows nothing of leases or rows: it speaks through its [`JobContext`](crate::queue::work::JobContext) and
//! answers with a [`Report`](crate::queue::work::Report).
pub mod command;
pub mod diag;
pub mod http;
pub mod sql;

#[cfg(test)]
mod testing;
mod wait;
