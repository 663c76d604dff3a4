//! The runners' promises that need a database.
mod bound_values;
