//! Waiting: for what comes, not for what never comes; and for a browser.

use std::time::Duration;

use super::server::serve;
use crate::browser::{Browser, Look};

/// Replaces its button a few times, then says what was pressed.
const LIVELY: &str = "let left = 20;
addEventListener('DOMContentLoaded', () => {
    const part = document.getElementById('part');
    const tick = () => {
        part.innerHTML = left > 0 ? '<p>Working</p>' : '<button>Retry</button>';
        part.querySelector('button')?.addEventListener('click', () => { part.textContent = 'Retried'; });
        if (left-- > 0) setTimeout(tick, 10);
    };
    tick();
});";

fn lively_site() -> String {
    serve(|request, _| match request {
        "GET /" => {
            Some("<!doctype html><title>Lively</title><script src=/lively.js></script><div id=part></div>".into())
        }
        "GET /lively.js" => Some(LIVELY.into()),
        _ => None,
    })
}

#[test]
fn a_button_is_pressed_when_it_comes() {
    let browser = Browser::start(Look::light());
    browser.open(&lively_site());
    browser.wait_for_text("Working");

    browser.press("Retry");

    browser.wait_for_text("Retried");
    browser.wait_for_no_text("Working");
}

#[test]
fn a_wait_in_vain_says_what_did_not_come_and_what_is_shown() {
    let browser = Browser::start(Look::light());
    browser.open(&lively_site());
    browser.wait_until("a button", Duration::from_secs(10), |browser| browser.shows("Retry"));

    let waited = browser.awaited("a report", Duration::from_millis(200), |browser| browser.shows("Report"));

    let said = waited.unwrap_err();
    assert!(said.starts_with("a report: not after 200ms. The page \"http://127.0.0.1:"), "{said}");
    assert!(said.ends_with("in light-1440 shows: Retry"), "{said}");
}
