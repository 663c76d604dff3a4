//! Saved views: addresses of pages under names, private or shared, pinned by each person for themselves.
//!
//! A view stores what is asked for, never what was found: whoever opens one sees what they may see. This feature knows no other;
//! pages hand it their parameters and show what [`service::list`] gives.
mod address;
pub mod api;
pub mod page;
mod read;
pub mod service;

pub use address::{ADDRESS_BYTES_MAX, clean, matching};
pub use read::{SavedView, Visibility};
