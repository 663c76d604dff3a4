//! The pages of calendars as a browser without script sees them.

use millrace::queue::permission::Role;

use super::FILE;
use crate::templates::stage::Console;
use crate::web::browser::{Answer, Browser};

/// Spells pairs as a form.
fn form(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

const ITALY: &[(&str, &str)] = &[
    ("base", "0"),
    ("name", "it-holidays"),
    ("title", "Milan"),
    ("timezone", "Europe/Rome"),
    ("workweek", "Mon"),
    ("workweek", "Tue"),
    ("workweek", "Wed"),
    ("workweek", "Thu"),
    ("workweek", "Fri"),
    ("places.0.country", "IT"),
    ("places.0.region", ""),
    ("removed", "Epiphany"),
    ("dates", "12-07 Sant'Ambrogio\r\n2027-08-09..2027-08-20 Summer closing"),
    ("workdays", "2027-12-04 Stocktaking"),
    ("windows.0.name", "Patching"),
    ("windows.0.kind", "repeats"),
    ("windows.0.weekdays", "Sun"),
    ("windows.0.start", "02:00"),
    ("windows.0.duration", "4h"),
];

fn with(more: &[(&'static str, &'static str)]) -> String {
    let kept = ITALY.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    form(&kept.chain(more).copied().collect::<Vec<_>>())
}

fn post(browser: &mut Browser, path: &str, body: &str) -> Answer {
    browser.get(path);
    browser.post(path, body)
}

#[track_caller]
fn shows(page: &str, words: &[&str]) {
    for word in words {
        assert!(page.contains(word), "{word}: {page}");
    }
}

#[test]
fn a_calendar_is_made_shown_changed_and_removed() {
    let console = Console::start();
    let mut browser = console.browser(Role::Operator);
    shows(
        &browser.get("/calendars").body,
        &["No calendar yet", "href=\"/calendars/new\"", "href=\"/calendars/import\""],
    );
    shows(&browser.get("/calendars/new").body, &["Make the calendar", "value=\"Mon\"", "Italy"]);

    let made = post(&mut browser, "/calendars/new", &with(&[("op", "one")]));
    assert_eq!((made.status, made.header("location")), (303, "/calendars/it-holidays"), "{}", made.body);
    let page = browser.get("/calendars/it-holidays?year=2027").body;
    shows(
        &page,
        &[
            "it-holidays was made.",
            "Milan",
            "7 December: Sant&#39;Ambrogio",
            "9 to 20 Aug",
            "4 December: Stocktaking, extra workday",
            "Sundays, 02:00 for 4h",
            "class=\"rest win\"",
            "No schedule minds it.",
            "made it",
            "from=2027&#38;to=2028",
        ],
    );
    assert!(!page.contains("6 January: "), "it was taken out");
    shows(&browser.get("/calendars").body, &["Italy", "and 2 entries of its own", "Patching", "1 calendar"]);

    let form = browser.get("/calendars/it-holidays/change").body;
    shows(&form, &["name=\"base\" value=\"1\"", "value=\"IT\" selected", "value=\"02:00\"", "12-07 Sant&#39;Ambrogio"]);
    let changed = post(
        &mut browser,
        "/calendars/it-holidays/change",
        &with(&[("base", "1"), ("title", "Milan and Rome"), ("reason", "one more office")]),
    );
    assert_eq!((changed.status, changed.header("location")), (303, "/calendars/it-holidays"), "{}", changed.body);
    shows(
        &browser.get("/calendars/it-holidays").body,
        &["it-holidays was changed.", "Milan and Rome", "one more office"],
    );

    shows(&browser.get("/calendars/it-holidays/remove").body, &["Remove it-holidays?", "No schedule minds it"]);
    assert_eq!(browser.post("/calendars/it-holidays/remove", "reason=").status, 422);
    let removed = browser.post("/calendars/it-holidays/remove", "reason=gone&op=two");
    assert_eq!((removed.status, removed.header("location")), (303, "/calendars"));
    assert_eq!(browser.get("/calendars/it-holidays").status, 404);
    assert_eq!(console.number("SELECT count(*) AS id FROM millrace.audit WHERE act LIKE 'calendar.%' AND accepted"), 3);
}

#[test]
fn nothing_typed_is_lost_when_it_is_refused() {
    let console = Console::start();
    let mut browser = console.browser(Role::Operator);
    let odd = [
        ("name", "It Holidays"),
        ("title", "<b>Milan"),
        ("timezone", "Mars/Olympus"),
        ("dates", "2026-12-24 <kept>\r\nsoon"),
        ("windows.0.duration", "long"),
    ];

    let refused = post(&mut browser, "/calendars/new", &with(&odd));

    assert_eq!(refused.status, 422);
    shows(
        &refused.body,
        &[
            "There are problems with 4 fields",
            "href=\"#f-name\"",
            "href=\"#f-windows.0.duration\"",
            "Line 2: write a day and its name",
            "value=\"It Holidays\"",
            "&#60;kept&#62;",
            "value=\"Mars/Olympus\"",
            "&#60;b&#62;Milan",
        ],
    );
    let refused = post(&mut browser, "/calendars/new", &with(&[("removed", "Festivus")]));
    shows(&refused.body, &["Line 1: &#34;Festivus&#34; is no public holiday"]);
    let refused = post(&mut browser, "/calendars/new", &with(&[("name", "new")]));
    assert!(refused.status == 422 && refused.body.contains("is an address of the console"), "{}", refused.body);
    let refused = post(&mut browser, "/calendars/new", &with(&[("title", "a\u{202e}b")]));
    assert!(refused.status == 422 && refused.body.contains("turn the direction of text"), "{}", refused.body);
    assert_eq!(console.number("SELECT count(*) AS id FROM millrace.calendars"), 0);
    assert_eq!(post(&mut browser, "/calendars/new", &with(&[])).status, 303);
    let taken = post(&mut browser, "/calendars/new", &with(&[]));
    assert!(
        taken.status == 422 && taken.body.contains("There is a calendar called &#34;it-holidays&#34; already"),
        "{}",
        taken.body
    );
}

#[test]
fn rows_are_added_and_taken_out_and_regions_are_offered() {
    let console = Console::start();
    let mut browser = console.browser(Role::Operator);

    let page = post(&mut browser, "/calendars/new", &with(&[("act", "place_add")])).body;
    shows(&page, &["name=\"places.1.country\"", "value=\"Europe/Rome\"", "place_remove_1"]);
    let page = post(&mut browser, "/calendars/new", &with(&[("act", "window_add")])).body;
    shows(&page, &["name=\"windows.1.name\"", "value=\"Patching\""]);
    let page = post(&mut browser, "/calendars/new", &with(&[("act", "window_remove_0")])).body;
    shows(&page, &["No window: work may run at any time"]);
    let page =
        post(&mut browser, "/calendars/new", &with(&[("act", "look"), ("places.0.country", "DE"), ("removed", "")]))
            .body;
    shows(&page, &["value=\"BY\"", "Bavaria", "business days"]);
    let odd = post(&mut browser, "/calendars/new", &with(&[("act", "fly")]));
    assert_eq!(odd.status, 400, "{}", odd.body);

    let token = browser.token().to_owned();
    let asked = [
        ("HX-Request", "true"),
        ("HX-Request-Type", "partial"),
        ("HX-Target", "div#places"),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    let body = format!("{}&csrf={token}", with(&[("act", "place_add")]));
    let part = browser.post_with("/calendars/new", &body, &asked).body;
    assert!(part.contains("places.1.country") && !part.contains("<textarea"), "{part}");
}

#[test]
fn whoever_comes_second_sees_what_the_first_one_saved() {
    let console = Console::start();
    let mut browser = console.browser(Role::Operator);
    post(&mut browser, "/calendars/new", &with(&[]));
    let change = "/calendars/it-holidays/change";
    assert_eq!(post(&mut browser, change, &with(&[("base", "1"), ("title", "Theirs")])).status, 303);

    let stale = post(&mut browser, change, &with(&[("base", "1"), ("title", "Mine")]));

    assert_eq!(stale.status, 409);
    shows(
        &stale.body,
        &["changed it meanwhile", "title: Theirs", "title: Mine", "name=\"base\" value=\"2\"", "value=\"Mine\""],
    );
    assert_eq!(post(&mut browser, change, &with(&[("base", ""), ("title", "Mine")])).status, 409, "without a version");
    assert_eq!(post(&mut browser, change, &with(&[("base", "2"), ("title", "Mine")])).status, 303);
}

#[test]
fn a_file_is_looked_at_before_it_is_taken() {
    let console = Console::start();
    let mut browser = console.browser(Role::Operator);
    post(&mut browser, "/calendars/new", &with(&[]));
    let path = "/calendars/import";
    shows(
        &browser.get("/calendars/import?into=it-holidays").body,
        &["First you see what is taken", "value=\"it-holidays\" selected"],
    );

    let into = |act: &str, more: &[(&str, &str)]| {
        form(&[&[("ics", FILE), ("into", "it-holidays"), ("merge", "add"), ("act", act)], more].concat())
    };
    let page = post(&mut browser, path, &into("preview", &[])).body;
    shows(
        &page,
        &[
            "2 taken into it-holidays",
            "1 it has already",
            "Christmas Eve",
            "1 not taken",
            "does not begin with a whole day",
            "name=\"seen\" value=\"1\"",
            "Put 2 entries into it-holidays",
        ],
    );
    assert_eq!(console.number("SELECT version::bigint AS id FROM millrace.calendars"), 1, "nothing is saved yet");
    let taken = post(&mut browser, path, &into("import", &[("seen", "1"), ("op", "one")]));
    assert_eq!((taken.status, taken.header("location")), (303, "/calendars/it-holidays"), "{}", taken.body);
    shows(
        &browser.get("/calendars/it-holidays?year=2026").body,
        &["2 entries came into it-holidays.", "Christmas Eve", "Ferragosto"],
    );

    let again = post(&mut browser, path, &into("preview", &[])).body;
    shows(&again, &["3 it has already", "Nothing would change."]);
    let replaced = post(
        &mut browser,
        path,
        &form(&[("ics", FILE), ("into", "it-holidays"), ("merge", "replace"), ("act", "preview")]),
    )
    .body;
    shows(&replaced, &["2 of its own go"]);
    let stale = post(
        &mut browser,
        path,
        &form(&[("ics", FILE), ("into", "it-holidays"), ("merge", "replace"), ("act", "import"), ("seen", "1")]),
    );
    assert!(stale.status == 422 && stale.body.contains("Somebody changed this calendar meanwhile"), "{}", stale.body);
}

#[test]
fn a_file_makes_a_calendar_and_an_exported_one_says_the_same() {
    let console = Console::start();
    let mut browser = console.browser(Role::Operator);
    post(&mut browser, "/calendars/new", &with(&[]));
    let exported = browser.get("/calendars/it-holidays/file.ics?from=2027&to=2027");
    assert_eq!((exported.status, exported.header("content-type")), (200, "text/calendar; charset=utf-8"));

    let body = form(&[
        ("ics", &exported.body),
        ("into", ""),
        ("name", "copy"),
        ("title", "A copy"),
        ("act", "import"),
        ("op", "one"),
    ]);
    let made = post(&mut browser, "/calendars/import", &body);
    assert_eq!((made.status, made.header("location")), (303, "/calendars/copy"), "{}", made.body);
    let events = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .filter(|line| line.starts_with("DTSTART") || line.starts_with("DTEND") || line.starts_with("SUMMARY"));
        lines.map(str::to_owned).collect()
    };
    let copied = browser.get("/calendars/copy/file.ics?from=2027&to=2027").body;
    assert_eq!(events(&copied), events(&exported.body));
    assert!(events(&copied).len() > 30);

    let refused = |browser: &mut Browser, fields: &[(&str, &str)]| post(browser, "/calendars/import", &form(fields));
    for (fields, words) in [
        (vec![("ics", ""), ("name", "x")], "Paste the text of an iCalendar file"),
        (vec![("ics", "hello"), ("name", "x")], "hello"),
        (vec![("ics", FILE), ("name", "")], "Enter a name for the new calendar"),
        (vec![("ics", FILE), ("name", "A B")], "may hold only a-z"),
        (vec![("ics", FILE), ("name", "copy"), ("act", "import")], "There is a calendar called"),
        (vec![("ics", FILE), ("name", "x"), ("title", "a\u{202e}b")], "turn the direction"),
    ] {
        let answer = refused(&mut browser, &fields);
        assert!(answer.status == 422 && answer.body.contains(words), "{words}: {}", answer.body);
    }
    assert_eq!(refused(&mut browser, &[("ics", FILE), ("into", "no.such")]).status, 404);
}

#[test]
fn only_whoever_may_act_everywhere_finds_the_forms() {
    let console = Console::start();
    post(&mut console.browser(Role::Admin), "/calendars/new", &with(&[]));
    let mut viewer = console.browser(Role::Viewer);
    let page = viewer.get("/calendars/it-holidays").body;
    assert!(page.contains("Export ICS") && !page.contains("/change") && !page.contains("/remove"), "{page}");
    assert!(!viewer.get("/calendars").body.contains("/calendars/new"));
    assert_eq!(viewer.get("/calendars/new").status, 403);

    let mut limited = console.browser_of(console.person(Role::Operator, &["mail"]));
    assert!(!limited.get("/calendars").body.contains("/calendars/new"));
    for path in
        ["/calendars/new", "/calendars/import", "/calendars/it-holidays/change", "/calendars/it-holidays/remove"]
    {
        assert_eq!(limited.get(path).status, 404, "{path}");
        assert_eq!(limited.post(path, &with(&[("reason", "x")])).status, 404, "{path}");
    }
    for path in ["/calendars/no.such", "/calendars/no.such/file.ics", "/calendars/%00"] {
        assert_eq!(viewer.get(path).status, 404, "{path}");
    }
    assert_eq!(viewer.get("/calendars/it-holidays?year=soon").status, 200);
    assert_eq!(viewer.get("/calendars/it-holidays?year=-5").status, 200);
}
