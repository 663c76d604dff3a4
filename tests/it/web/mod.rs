//! The kit over a real database: who gets in, what every answer carries, what moves by itself.
pub mod browser;
mod deaf;
mod doors;
mod live;
mod silence;
mod stage;
