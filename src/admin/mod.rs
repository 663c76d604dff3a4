//! Ranks 3 and 4: the features of the console and the API, one folder each.
//!
//! In every folder: `service.rs` (use cases: permission, one transaction, audit inside), pure rules and queries in files named
//! by their noun, `page.rs` and `api.rs` (the only ones that know the web). This list is the table of contents.
pub mod account;
pub mod calendars;
pub mod dashboard;
pub mod docs;
pub mod failures;
pub mod health;
pub mod jobs;
pub mod nodes;
pub mod notifications;
pub mod operations;
pub mod palette;
pub mod people;
pub mod pools;
pub mod queues;
pub mod schedules;
pub mod templates;
pub mod tokens;
pub mod views;
