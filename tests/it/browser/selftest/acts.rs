//! What a person does: find, fill, tick, press, type; and what the browser keeps.

use std::fs;

use serde_json::json;

use super::server::serve;
use crate::browser::{Browser, Look, keys};

const FORM: &str = r##"<!doctype html><html lang="en"><title>Form</title>
<h1 id="top">A form</h1>
<button type="button" hidden>Save</button>
<form id="first" method="post" action="/sent">
<label for="mail">Email</label><input id="mail" name="email" type="email" value="old@example.org">
<label>Reason <textarea name="reason"></textarea></label>
<label>Queue <select name="queue"><option value="a">Alpha</option><option value="b">Beta</option></select></label>
<label>On <input type="date" name="day"></label>
<fieldset><legend>Priority</legend><label><input type="radio" name="priority" value="1">Low</label>
<label><input type="radio" name="priority" value="2">High</label></fieldset>
<label><input type="checkbox" name="mute" value="yes">Mute it</label>
<button>Save</button></form>
<section id="second" aria-label="Second"><button type="button" aria-label="More">⋯</button><a href="/next">Next page</a></section>
<section id="third" aria-label="Third"><button type="button" aria-label="More">⋯</button></section>"##;

fn form_site() -> String {
    serve(|request, form| match request {
        "GET /" => Some(FORM.to_owned()),
        "POST /sent" => Some(format!("<!doctype html><title>Sent</title><p id=sent>{form}</p>")),
        "GET /next" => Some("<!doctype html><title>Next</title><p>The next page</p>".to_owned()),
        _ => None,
    })
}

#[test]
fn a_form_is_filled_and_sent_as_a_person_does() {
    let browser = Browser::start(Look::light().wide());
    browser.open(&form_site());

    browser.fill("email", "ada@example.org");
    browser.fill("Reason", "because\nit failed");
    browser.fill("queue", "Beta");
    browser.fill("day", "2026-11-24");
    browser.fill("priority", "High");
    browser.press("Mute it");
    assert!(browser.find("[name=mute]").is_ticked());
    browser.press("Save");

    browser.wait_for_url("/sent");
    let sent = "email=ada%40example.org&reason=because%0D%0Ait+failed&queue=b&day=2026-11-24&priority=2&mute=yes";
    assert_eq!(browser.find("#sent").text(), sent);
}

#[test]
fn a_form_is_sent_without_script_by_the_enter_key() {
    let browser = Browser::start(Look::light().narrow()).without_script();
    browser.open(&form_site());
    assert!(!browser.is_scripted());

    browser.find("[name=reason]").type_text("none");
    browser.fill("email", "bob@example.org");
    assert_eq!(browser.find("[name=email]").value(), "bob@example.org");
    browser.find("[name=email]").submit();

    browser.wait_for_text("email=bob%40example.org&reason=none&queue=a&day=");
}

#[test]
fn one_of_several_is_pressed_within_its_part() {
    let browser = Browser::start(Look::light());
    browser.open(&form_site());
    browser.script("document.addEventListener('click', e => document.title = e.target.closest('section').id)", &[]);

    browser.find("#first").fill("Reason", "in a part");
    assert_eq!(browser.find("[name=reason]").value(), "in a part");
    browser.find("#third").press("More");
    assert_eq!(browser.title(), "third");
    browser.find("#second").find_text("Next page").click();

    assert_eq!(browser.text(), "The next page");
    browser.back();
    assert_eq!(browser.find_all("section").len(), 2);
    assert_eq!(browser.find_text("A form").attribute("id").as_deref(), Some("top"));
    assert_eq!(browser.find("#top").attribute("class"), None);
}

#[test]
fn keys_go_where_the_focus_is() {
    let browser = Browser::start(Look::light());
    browser.open(&form_site());
    browser.script("addEventListener('keydown', e => document.title = [e.ctrlKey, e.key].join(' '))", &[]);

    browser.press_keys(&[keys::CONTROL, "k"]);
    assert_eq!(browser.title(), "true k");
    browser.press_keys(&[keys::ESCAPE]);
    assert_eq!(browser.title(), "false Escape");
}

#[test]
fn cookies_stay_with_one_browser() {
    let url = form_site();
    let (ada, bob) = Browser::start_two(Look::light());
    ada.open(&url);
    bob.open(&url);

    ada.set_cookie("session", "of-ada");
    ada.reload();

    assert_eq!(ada.cookie("session").as_deref(), Some("of-ada"));
    assert_eq!(bob.cookie("session"), None);
    ada.forget_cookies();
    assert_eq!(ada.cookie("session"), None);
}

#[test]
fn a_look_changes_colours_and_width_and_a_picture_shows_the_whole_page() {
    let browser = Browser::start(Look::light());
    browser.open(&form_site());
    browser.script("document.body.style.height = '3000px'", &[]);
    let mut seen = Vec::new();

    browser.for_each_look(|browser| {
        let look = "return [matchMedia('(prefers-color-scheme: dark)').matches, innerWidth]";
        seen.push(browser.script(look, &[]));
    });
    browser.set_look(Look::dark().narrow());
    let picture = fs::read(browser.screenshot("selftest")).unwrap();

    assert_eq!(seen, [json!([false, 1440]), json!([true, 1440]), json!([false, 390]), json!([true, 390])]);
    let size = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap());
    assert_eq!(size(16), 2 * 390);
    assert!(size(20) >= 2 * 3000, "{} px", size(20));
}
