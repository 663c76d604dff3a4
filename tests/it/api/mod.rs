//! The HTTP API over a real server, database and engine.
mod acts;
mod bulk;
mod database;
mod documents;
mod enqueue;
mod gather;
mod health;
mod lists;
mod nodes;
mod pools;
mod queues;
mod random;
mod reads;
mod repeats;
mod rights;
pub mod stage;
mod views;
