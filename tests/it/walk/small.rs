//! Small things of pages that only a browser shows.

use millrace::queue::permission::Role;
use serde_json::json;

use super::house::House;
use crate::browser::{Browser, Look};
use crate::support::stage::template;

/// Gives how much of what is behind the element `arguments[0]` its own colour covers: 0 nothing, 255 all.
const BACKGROUND: &str = "
    const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    context.fillStyle = getComputedStyle(document.querySelector(arguments[0])).backgroundColor;
    context.fillRect(0, 0, 1, 1);
    return context.getImageData(0, 0, 1, 1).data[3];";
/// As the handle at the corner of a text area does.
const DRAW: &str = "document.getElementById(arguments[0]).style.height = '90px'";

fn seated(look: Look, role: Role) -> (House, Browser) {
    let house = House::start();
    house.person(role);
    let browser = Browser::start(look);
    house.sign_in(&browser, role);
    (house, browser)
}

#[test]
fn the_button_that_adds_a_filter_is_seen() {
    let (house, browser) = seated(Look::light(), Role::Viewer);
    browser.open(&format!("{}/jobs", house.origin));
    browser.press("Add filter");

    browser.for_each_look(|browser| {
        assert_eq!(browser.script(BACKGROUND, &[json!("#add-filter [type=submit]")]), 255, "{}", browser.look());
    });
}

#[test]
fn what_is_unsaved_is_counted_once_and_what_is_not_saved_never() {
    let (house, browser) = seated(Look::light(), Role::Operator);
    let spec = json!({"runner": "handler", "handler": {"name": "diag.noop"}, "description": "old",
        "defaults": {"queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 60_000,
            "backoff": {"kind": "constant", "base_ms": 1_000, "jitter": 0.0}}});
    template(&mut house.connect(), "demo.noop", spec);
    browser.open(&format!("{}/templates/demo.noop/edit", house.origin));

    browser.fill("sample", "{}");
    assert!(!browser.shows("unsaved"), "arguments to try with are not saved");
    browser.fill("description", "new");
    browser.wait_for_text("1 unsaved");
    browser.fill("defaults.max_attempts", "7");
    browser.wait_for_text("2 unsaved");
    browser.fill("description", "old");
    browser.wait_for_text("1 unsaved");
}

#[test]
fn a_field_that_was_drawn_larger_stays_so_without_breaking_the_policy() {
    let (house, browser) = seated(Look::light(), Role::Operator);
    browser.open(&format!("{}/templates/new?runner=command", house.origin));
    browser.press("Add parameter");
    browser.wait_for_text("Required");
    browser.press("Description, choices, further rules");
    browser.script(DRAW, &[json!("f-params.0.options")]);

    browser.press("Add parameter");
    browser.find("[name='params.1.name']");

    let height = "return document.getElementById('f-params.0.options').style.height";
    assert_eq!(browser.script(height, &[]), "90px");
    assert_eq!(browser.log_problems(), [] as [String; 0]);
}
