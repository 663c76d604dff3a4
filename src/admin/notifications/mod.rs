//! The inbox: what somebody was told, as a list that they mark as read. Messages are written by [`crate::queue::notifications`].
pub mod page;
pub mod service;
