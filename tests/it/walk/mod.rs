//! The product as people meet it: the program itself is started, and everything goes through its doors.
//!
//! ```text
//! millrace serve ──┬─ first.rs    from an empty folder to a job watched live
//!  (own process)   ├─ repair.rs   failures, retries, cancelling, in front of the page
//!                  ├─ budget.rs   statements and bytes of each page, at its fullest (full.rs)
//!                  ├─ busy.rs     the dashboard and the list while 500 jobs run each second, and a server that goes away
//!                  ├─ failed.rs   from the dashboard to a failed job and its retry: by keys, and without script
//!                  ├─ noscript.rs the main acts with script switched off
//!                  ├─ pages.rs    every page of the route table: policy, shape, contrast, four looks
//!                  ├─ hostile.rs  what attackers type, wherever it is shown
//!                  ├─ hostile_kept.rs  the same on the pages of repair, and in what is copied and written down
//!                  ├─ matrix.rs   every route × every role
//!                  ├─ small.rs    small things that only a browser shows
//!                  ├─ states.rs   every page: empty, forbidden, gone, failed, cut off
//!                  └─ sql_door.rs jobs made in transactions of others
//! ```
mod budget;
mod busy;
mod failed;
mod first;
mod full;
mod hostile;
mod hostile_kept;
pub mod house;
mod matrix;
mod noscript;
mod pages;
mod repair;
mod samples;
mod small;
mod sql_door;
mod states;
