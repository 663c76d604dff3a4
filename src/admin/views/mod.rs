//! Saved views: addresses of pages under names, private or shared, pinned by each person for themselves.
//!
//! A view stores what is asked for, never what was found: whoever opens one sees what they may see. What it asks of arguments and of the
//! words of failures is told only to those who may see these, and to its owner. Of jobs this feature knows only which parameters do;
//! pages hand it theirs and show what [`service::list`] gives.
mod address;
pub mod api;
pub mod page;
mod read;
pub mod service;

pub use address::{ADDRESS_BYTES_MAX, clean, matching};
pub use read::{SavedView, Visibility};
