//! `millrace demo`: a living example that can be told from the real thing. A shop called Oltremare, its staff, its background
//! work of thirty days, and work that goes on while it runs.
//!
//! ```text
//! templates.yaml ─▶ catalog ─┐
//! cast (who plays) ─▶ rhythm (when) ─▶ args (what) ─▶ past (how it went; weather: what was broken) ─▶ write ─▶ settle's own tables
//!                                  └─▶ feeder (the present, through the usual door) ─▶ handlers
//! marker: the row that says "demo"; written with everything else or not at all
//! ```
//! Nothing here runs unless the database bears the marker: not the handlers, not the feeder, and the banner shows it.
mod args;
mod cast;
mod catalog;
mod dice;
mod feeder;
mod handlers;
pub mod marker;
mod past;
mod people;
mod rhythm;
mod schedules;
mod seed;
mod standing;
mod trail;
mod weather;
mod words;
mod write;

pub use args::{GONE, SHAKY};
pub use catalog::{CatalogError, templates};
pub use feeder::Feeder;
pub use handlers::registry;
pub use people::{Person, STAFF, set_password};
pub use seed::{DAYS, Seed, SeedError, seed};

/// The node on which the demo's past and present run.
pub const NODE: &str = "oltremare-1";
/// The node that was given back a few days ago.
const SECOND_NODE: &str = "oltremare-2";
