//! Templates: drafts, immutable versions, publication, life cycle.
mod apply;
mod lifecycle;
mod read;
pub mod service;

pub use read::{TemplateRow, VersionRow, list, show, version, versions};
