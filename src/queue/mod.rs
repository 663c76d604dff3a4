//! Rank 1: the mechanism, usable without web and engine.
pub mod actor;
pub mod audit;
pub mod job;
pub mod params;
pub mod permission;
pub mod template;
pub mod work;
