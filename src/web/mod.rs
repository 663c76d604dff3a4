//! Rank 2: the kit that pages are made with. It knows no feature.
//!
//! ```text
//! request ─▶ headers::dress ─▶ session::middleware ─▶ guard::admit ─▶ handler in admin/<feature>/page.rs
//!            id, host, CSP      cookie ⇄ rows          who, form, table    │ takes  SignedIn, Actor, Form, Query, Shell, Hx
//!                                                                          │ asks   kit.db.read / write (blocking threads)
//! answer  ◀── told (errors) ◀─────────────────────── respond::page ◀───────┘ shows  a template with blocks
//! stream  ◀── live::open ◀── one rendering per tick, shared
//! ```
//!
//! | what | where |
//! |---|---|
//! | the door | [`headers`], [`session`], [`csrf`], [`guard`], [`table`], [`rate`]; put in order by [`app`](mod@app) |
//! | in | [`api`], [`request`], [`extract`], [`form`], [`params`], [`field`], [`once`], [`blocking`], [`kit`] |
//! | out | [`respond`], [`error`], `told`, [`inbox`], [`live`], [`assets`] |
//! | frame | [`shell`], [`rail`], [`look`], [`theme`], [`paths`], [`confirm`], [`help`], [`keys`] |
//! | view models | [`parts`], [`tone`], [`icon`], [`format`](mod@format), [`charts`], [`cells`], [`ansi`], [`json`], [`log`], [`diff`], [`span`] |
pub mod ansi;
pub mod apart;
pub mod api;
pub mod app;
pub mod assets;
pub mod bell;
pub mod blocking;
pub mod body;
pub mod cells;
pub mod charts;
pub mod confirm;
pub mod csrf;
pub mod design;
pub mod diff;
pub mod error;
pub mod extract;
pub mod field;
pub mod form;
pub mod format;
pub mod guard;
pub mod headers;
pub mod help;
pub mod icon;
pub mod inbox;
pub mod json;
pub mod keys;
pub mod kit;
pub mod live;
pub mod log;
pub mod look;
pub mod moment;
pub mod once;
pub mod params;
pub mod parts;
pub mod paths;
pub mod rail;
pub mod rate;
pub mod request;
pub mod respond;
pub mod session;
pub mod shell;
pub mod span;
pub mod table;
pub mod theme;
mod told;
pub mod tone;
