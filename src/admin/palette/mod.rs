//! The palette: one field that finds places, things and acts.
//!
//! ```text
//! text ─▶ asked (words, a first word that may be a verb, an id) ─▶ read (names, jobs; in scope) ─▶ service (what, in which order)
//! recent keys ─┘                                                                                     └─▶ page (lines or options)
//! ```
//! Nothing acts here: an act leads to the page that asks about it, which checks again. What somebody chose lately is kept by
//! their browser and comes with the question, so that looking something up writes nothing and leaves no trail of who looked
//! for what; each recent thing is looked up again before it is shown.
mod asked;
mod entry;
pub mod page;
mod place;
mod read;
pub mod service;

pub use asked::Asked;
pub use entry::{Entry, Kind, Named, NamedAct};
pub use place::Place;
