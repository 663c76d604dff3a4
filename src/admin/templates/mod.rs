//! Templates: drafts, immutable versions, publication, life cycle.
pub mod acts;
pub mod api;
mod apply;
mod authors;
pub mod editor;
pub mod facts;
pub mod file;
pub mod handlers;
pub mod joining_facts;
pub mod json;
mod lifecycle;
pub mod limit_facts;
pub mod page;
pub mod preview;
mod read;
pub mod sample;
pub mod service;
mod state;
pub mod text;
pub mod waits;

pub use authors::Authors;
pub use read::{
    KnownNames, StateCount, TEMPLATES_MAX, TemplateFilter, TemplateRow, VERSIONS_MAX, VersionRow, known_names, list,
    search, show, show_in, state_counts, version, versions,
};
pub use state::TemplateState;
