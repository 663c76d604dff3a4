//! Ranks 3 and 4: the features of the console and the API, one folder each.
//!
//! In every folder: `service.rs` (use cases: permission, one transaction, audit inside), pure rules and queries in files named
//! by their noun, `page.rs` and `api.rs` (the only ones that know the web). This list is the table of contents.
pub mod jobs;
//! Ranks 3 and 4: what people and programs can do, one folder per feature. Services are plain functions
//! (connection, clock, actor, subject, input); pages and API only translate.
pub mod account;
pub mod people;
pub mod tokens;
