//! Rank 0: what every other module stands on and what knows nothing of jobs.
pub mod changes;
pub mod clock;
pub mod db;
pub mod document;
pub mod ids;
pub mod key;
pub mod length;
pub mod network;
pub mod pointer;
pub mod random;
pub mod signals;
pub mod text;
