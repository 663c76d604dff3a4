//! The jobs pages over a real database and a real engine.
mod enqueue;
pub mod live;
mod look;
mod pages;
mod queries;
mod reads;
mod scope;
mod stage;
mod told;
mod truth;
mod walk;
mod work;
