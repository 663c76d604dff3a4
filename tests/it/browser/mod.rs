//! The product in a browser: Debian's Chromium, driven by its chromedriver.
//!
//! ```text
//! test ── Browser, Element ── Session (one Chromium, a fresh profile) ── Wire (JSON over HTTP) ──▶ chromedriver
//!             │                                                             (one for the test process, ends with it)
//!             └── checks: log, axe, shape, Tab key, in four looks
//! ```
//! A test reads as what a person does:
//! ```text
//! let browser = Browser::start(Look::light());
//! browser.open(&url);
//! browser.fill("email", "ada@example.org");
//! browser.press("Sign in");
//! browser.wait_for_text("Dashboard");
//! checks::assert_clean_in_every_look(&browser);
//! ```
//! Nothing sleeps for a fixed time: acts and waits repeat until the page allows them. A test that fails leaves a
//! picture of its page in `target/screenshots`. At most two browsers run at once; nothing they do leaves the machine.
mod axe;
#[expect(clippy::module_inception, reason = "the folder is about browsers, the file is about one")]
mod browser;
pub mod checks;
mod cookie;
mod driver;
mod element;
pub mod keys;
mod log;
mod look;
mod picture;
mod program;
mod seat;
mod selftest;
mod session;
mod tour;
mod wire;

pub use browser::Browser;
pub use look::Look;
