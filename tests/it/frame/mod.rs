//! What stands around every page: the palette, keys, the inbox, one's own settings, and what is said when something does not work.
mod account;
mod apart;
mod found;
mod inbox;
mod keyboard;
mod refusals;
mod shared;
mod states;
