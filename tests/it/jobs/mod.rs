//! The jobs pages over a real database and a real engine.
mod complete;
mod digests;
mod enqueue;
pub mod live;
mod look;
mod pages;
mod queries;
mod reads;
mod scope;
mod side;
mod sorted;
mod stage;
mod told;
mod truth;
mod views_walk;
mod walk;
mod work;
