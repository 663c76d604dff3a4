//! The product as people meet it: the program itself is started, and everything goes through its doors.
//!
//! ```text
//! millrace serve ──┬─ first.rs    from an empty folder to a job watched live
//!  (own process)   ├─ repair.rs   failures, retries, cancelling, in front of the page
//!                  ├─ noscript.rs the main acts with script switched off
//!                  ├─ pages.rs    every page of the route table: policy, shape, contrast, four looks
//!                  ├─ hostile.rs  what attackers type, wherever it is shown
//!                  ├─ matrix.rs   every route × every role
//!                  ├─ small.rs    small things that only a browser shows
//!                  ├─ states.rs   every page: empty, forbidden, gone, failed, cut off
//!                  └─ sql_door.rs jobs made in transactions of others
//! ```
mod first;
mod hostile;
pub mod house;
mod matrix;
mod noscript;
mod pages;
mod repair;
mod samples;
mod small;
mod sql_door;
mod states;
