//! The API about itself: the OpenAPI document, and the same as a page for people.
//!
//! The document stands in `openapi/*.json`, a file per area, written by hand. What all operations share (token, problems,
//! Idempotency-Key) and the token scope that each needs are added from the route table, so that they cannot be forgotten.
//! A feature adds its file to [`openapi::PARTS`].
mod help_page;
mod openapi;
pub mod page;
mod view;
