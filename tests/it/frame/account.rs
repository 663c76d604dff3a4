//! One's own settings are in force at once, on every page.

use millrace::queue::permission::Role;

use crate::browser::{Browser, Look, checks};
use crate::support::stage::number;
use crate::walk::house::{House, form};

const EVERYTHING: [(&str, &str); 5] =
    [("name", "Ada"), ("zone", "Asia/Tokyo"), ("theme", "dark"), ("density", "compact"), ("announces", "on")];

#[test]
fn zone_theme_height_keys_and_reading_out_hold_on_the_next_page() {
    let house = House::start();
    house.person(Role::Viewer);
    let mut viewer = house.program(Role::Viewer);
    assert!(viewer.get("/queues").body.contains("data-keys=\"on\""));

    assert_eq!(viewer.post("/account", &form(&EVERYTHING)).status, 303);

    let mut viewer = house.program(Role::Viewer); // a browser without the cookie of the theme: it stands in the account as well
    for page in ["/queues", "/jobs", "/", "/help", "/account", "/nothing"] {
        let body = viewer.get(page).body;
        for part in [
            "data-theme=\"dark\"",
            "data-density=\"compact\"",
            "data-zone=\"Asia/Tokyo\"",
            "data-keys=\"off\"",
            " data-announces",
        ] {
            assert!(body.contains(part), "{part} on {page}");
        }
    }
    let changed =
        "SELECT count(*) AS number FROM millrace.audit WHERE act = 'account.change' AND after ->> 'announces' = 'true'";
    assert_eq!(number(&mut house.connect(), changed), 1);
}

#[test]
fn a_zone_that_does_not_exist_is_refused_at_its_field() {
    let house = House::start();
    house.person(Role::Viewer);
    let mut viewer = house.program(Role::Viewer);

    let answer =
        viewer.post("/account", &form(&[("name", "Ada"), ("zone", "Rome"), ("theme", "dark"), ("density", "normal")]));

    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("is no time zone") && answer.body.contains("value=\"Rome\""), "{}", answer.body);
    assert!(viewer.get("/queues").body.contains("data-zone=\"Europe/Rome\""));
}

#[test]
fn the_form_needs_no_script() {
    let house = House::start();
    house.person(Role::Viewer);
    let browser = Browser::start(Look::light()).without_script();
    house.sign_in(&browser, Role::Viewer);

    browser.open(&format!("{}/account", house.origin));
    browser.fill("zone", "America/New_York");
    browser.find_text("Compact").click();
    browser.press("Save");
    browser.wait_for_text("Your account was saved.");
    checks::assert_clean(&browser);
    browser.open(&format!("{}/queues", house.origin));
    assert_eq!(browser.find("html").attribute("data-density").as_deref(), Some("compact"));
}
