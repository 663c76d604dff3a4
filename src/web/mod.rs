//! Rank 2: the kit that pages are made with. It knows no feature.
pub mod ansi;
pub mod assets;
pub mod charts;
pub mod confirm;
pub mod design;
pub mod form;
pub mod format;
pub mod icon;
pub mod json;
pub mod look;
pub mod parts;
pub mod paths;
pub mod rail;
pub mod shell;
pub mod span;
pub mod tone;
