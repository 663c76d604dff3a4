//! The pages about people, their tokens and their own account.

use millrace::queue::permission::Role;

use super::GOOD;
use super::pages::{Console, fields, leads_to};

#[test]
fn people_are_managed_with_a_fresh_password_only() {
    let mut console = Console::start();
    let (_, mut browser) = console.signed_in("giulia@example.org", Role::Admin);
    console.forget_proofs();
    let new = |password: &str| {
        fields(&[
            ("email", "nadia@example.org"),
            ("name", "Nadia Kowalczyk"),
            ("role", "operator"),
            ("scope", "queue=mail tag=vip"),
            ("new_password", "nine dry badgers hum"),
            ("password", password),
        ])
    };

    assert!(browser.get("/people/new").body.contains("Your password, once more"));
    let without = browser.post("/people/new", &new(""));
    assert_eq!(without.status, 422);
    assert!(without.body.contains("Enter your password") && without.body.contains("queue=mail tag=vip"));
    assert!(browser.post("/people/new", &new("five wet otters sang")).body.contains("That is not your password"));
    let added = browser.post("/people/new", &new(GOOD));
    assert!(leads_to(&added, "/people/2"), "{} {}", added.status, added.body);
    let shown = browser.get("/people/2").body;
    assert!(shown.contains("Nadia Kowalczyk was added.") && !shown.contains("Your password, once more"));

    let listed = browser.get("/people?q=NADIA&role=operator").body;
    assert!(listed.contains("nadia@example.org") && listed.contains("queue=mail tag=vip"));
    assert!(browser.get("/people?q=nobody").body.contains("Nobody matches"));
}

#[test]
fn what_is_wrong_with_a_person_stands_at_its_field() {
    let mut console = Console::start();
    let (_, mut browser) = console.signed_in("giulia@example.org", Role::Admin);

    let bad = [("email", "giulia"), ("name", " "), ("role", "king"), ("scope", "mail"), ("new_password", "short")];
    let answer = browser.post("/people/new", &fields(&bad));
    assert_eq!(answer.status, 422);
    for problem in
        ["is no e-mail address", "A name is missing", "Choose a role", "is no limit", "at least 12 characters"]
    {
        assert!(answer.body.contains(problem), "{problem}");
    }

    let taken = [
        ("email", "giulia@example.org"),
        ("name", "Other"),
        ("role", "viewer"),
        ("new_password", "nine dry badgers hum"),
    ];
    assert!(browser.post("/people/new", &fields(&taken)).body.contains("is already in use"));
    let limited = [("name", "Giulia"), ("role", "admin"), ("scope", "queue=mail")];
    assert!(browser.post("/people/1", &fields(&limited)).body.contains("Admin cannot be limited"));
    let demoted = [("name", "Giulia"), ("role", "viewer"), ("scope", "")];
    assert!(browser.post("/people/1", &fields(&demoted)).body.contains("The last admin cannot be disabled"));
    assert_eq!(browser.get("/people/99").status, 404);
    assert_eq!(browser.get("/people/1/dance").status, 404);
}

#[test]
fn a_person_is_disabled_after_a_question_and_let_in_again() {
    let mut console = Console::start();
    let (_, mut admin) = console.signed_in("giulia@example.org", Role::Admin);
    let (person, mut other) = console.signed_in("nadia@example.org", Role::Viewer);
    let (disable, enable) = (format!("/people/{}/disable", person.id), format!("/people/{}/enable", person.id));

    assert!(admin.get(&disable).body.contains("Disable nadia?"));
    assert!(admin.post(&disable, "").body.contains("Enter a reason"));
    assert!(leads_to(&admin.post(&disable, "reason=left"), &format!("/people/{}", person.id)));
    assert_eq!(other.get("/account").status, 303, "the session ended");
    assert_eq!(admin.post(&disable, "reason=left").status, 409);
    assert!(leads_to(&admin.post(&enable, ""), &format!("/people/{}", person.id)));

    let last = admin.post("/people/1/disable", "reason=tired");
    assert_eq!(last.status, 422);
    assert!(last.body.contains("The last admin cannot be disabled"));
}

#[test]
fn an_admin_sets_a_new_password_for_somebody() {
    let mut console = Console::start();
    let (_, mut admin) = console.signed_in("giulia@example.org", Role::Admin);
    let (person, mut other) = console.signed_in("nadia@example.org", Role::Viewer);
    let page = format!("/people/{}/password", person.id);

    assert!(
        admin.post(&page, &fields(&[("new_password", "nadia@example.org")])).body.contains("your own name or address")
    );
    assert_eq!(admin.post(&page, &fields(&[("new_password", "nine dry badgers hum")])).status, 303);

    assert_eq!(other.get("/account").status, 303, "the session ended");
    let entered =
        other.post("/sign-in", &fields(&[("email", "nadia@example.org"), ("password", "nine dry badgers hum")]));
    assert_eq!(entered.status, 303);
}

#[test]
fn others_see_their_account_and_no_people() {
    let mut console = Console::start();
    console.stage.person("admin@example.org", Role::Admin);

    for role in [Role::Operator, Role::Analyst, Role::Auditor, Role::Viewer] {
        let (_, mut browser) = console.signed_in(&format!("{}@example.org", role.as_str()), role);
        for open in ["/account", "/account/security", "/tokens", "/tokens/new"] {
            assert_eq!(browser.get(open).status, 200, "{role:?} {open}");
        }
        for closed in ["/people", "/people/new", "/people/1", "/people/1/disable", "/people/1/password", "/roles"] {
            assert_eq!(browser.get(closed).status, 403, "{role:?} {closed}");
        }
        for closed in ["/people/new", "/people/1", "/people/1/disable", "/people/1/enable", "/people/1/password"] {
            assert_eq!(browser.post(closed, "reason=x").status, 403, "{role:?} {closed}");
        }
        let tokens = browser.get("/tokens?whose=all").body;
        assert!(!tokens.contains("Owner") && !tokens.contains("href=\"/people\""), "{role:?}");
    }
    assert_eq!(console.stage.acts().iter().filter(|act| *act == "-request.refuse").count(), 20);
}

#[test]
fn roles_are_shown_from_the_table_that_decides() {
    let mut console = Console::start();
    let (_, mut admin) = console.signed_in("giulia@example.org", Role::Admin);

    let page = admin.get("/roles").body;

    assert!(page.contains("See what everybody changed") && page.contains("templates:write"));
    let held: usize = millrace::queue::permission::Permission::ALL
        .into_iter()
        .map(|permission| Role::ALL.into_iter().filter(|role| permission.held_by(*role)).count())
        .sum();
    assert_eq!(page.matches(">allowed<").count(), held);
}

#[test]
fn a_token_is_shown_once_and_revoked_after_a_question() {
    let mut console = Console::start();
    let (_, mut admin) = console.signed_in("giulia@example.org", Role::Admin);
    let (_, mut viewer) = console.signed_in("viewer@example.org", Role::Viewer);
    let new = fields(&[("name", "CI"), ("scopes", "jobs:read"), ("scopes", "people:read"), ("expires", "30")]);

    assert!(admin.post("/tokens/new", "name=CI&expires=30").body.contains("at least one scope"));
    assert!(admin.post("/tokens/new", "name=CI&expires=0&scopes=all").body.contains("Choose how long"));
    let made = admin.post("/tokens/new", &new);
    assert_eq!(made.status, 200);
    let secret = made.body.split("id=\"token-secret\"").nth(1).and_then(|rest| rest.split(['>', '<']).nth(1)).unwrap();
    assert!(secret.starts_with("mr_") && secret.len() == 41, "{secret}");
    assert!(!admin.get("/tokens").body.contains(secret));

    let revoke = "/tokens/1/revoke";
    assert_eq!(viewer.get(revoke).status, 404, "somebody else's");
    assert_eq!(viewer.post(revoke, "").status, 404);
    assert!(admin.get(revoke).body.contains("Revoke the token CI?"));
    assert!(leads_to(&admin.post(revoke, ""), "/tokens"));
    assert_eq!(admin.post(revoke, "").status, 409);
    console.forget_proofs();
    assert!(admin.post("/tokens/new", &new).body.contains("Enter your password"));
}

#[test]
fn a_new_password_ends_the_other_sessions_and_keeps_this_one() {
    let mut console = Console::start();
    let (_, mut browser) = console.signed_in("giulia@example.org", Role::Viewer);
    let mut second = console.browser();
    second.post("/sign-in", &fields(&[("email", "giulia@example.org"), ("password", GOOD)]));
    let change = |present: &str, new: &str| fields(&[("present", present), ("new", new)]);

    assert!(browser.get("/account/security").body.contains("End all others"));
    let page = "/account/security";
    assert!(browser.post(page, &change("wrong", "nine dry badgers hum")).body.contains("That is not your password"));
    assert!(browser.post(page, &change(GOOD, "short")).body.contains("at least 12 characters"));
    assert!(leads_to(&browser.post(page, &change(GOOD, "nine dry badgers hum")), page));

    assert!(browser.get(page).body.contains("Your password was changed."));
    assert_eq!(second.get("/account").status, 303);
}

#[test]
fn people_end_their_own_sessions() {
    let mut console = Console::start();
    let (_, mut browser) = console.signed_in("giulia@example.org", Role::Viewer);
    let mut second = console.browser();
    second.post("/sign-in", &fields(&[("email", "giulia@example.org"), ("password", GOOD)]));

    let page = browser.get("/account/security").body;
    let id = page.split("name=\"session\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    assert!(leads_to(&browser.post("/account/security/sessions", &fields(&[("session", &id)])), "/account/security"));
    assert_eq!(second.get("/account").status, 303);
    assert_eq!(browser.post("/account/security/sessions", &fields(&[("session", &id)])).status, 409);
    assert_eq!(browser.post("/account/security/sessions", "session=x").status, 404);
    assert!(leads_to(&browser.post("/account/security/sessions", "others=all"), "/account/security"));
    assert!(browser.get("/account/security").body.contains("0 other sessions were ended."));
}

#[test]
fn single_keys_are_switched_off_in_the_account() {
    let mut console = Console::start();
    console.signed_in("giulia@example.org", Role::Viewer);
    let enter = || {
        let mut browser = console.browser();
        browser.post("/sign-in", &fields(&[("email", "giulia@example.org"), ("password", GOOD)]));
        browser.get("/account");
        browser
    };
    let typed = [("name", "Giulia"), ("zone", "UTC"), ("theme", "auto"), ("density", "normal")];
    let save = |more: &[(&str, &str)]| {
        assert!(leads_to(&enter().post("/account", &fields(&[&typed, more].concat())), "/account"));
        let mut browser = enter(); // the answer's cookie is the theme's
        (browser.get("/account").body, browser.get("/help").body)
    };

    let (account, help) = save(&[]);
    assert!(account.contains("data-keys=\"off\"") && help.contains("Single keys are off."), "{account}");
    let (account, help) = save(&[("shortcuts", "on")]);
    assert!(account.contains("data-keys=\"on\"") && help.contains("Single keys act."), "{account}");
}

#[test]
fn a_token_is_offered_the_scopes_that_calls_ask_for_and_no_others() {
    let mut console = Console::start();
    let (_, mut browser) = console.signed_in("giulia@example.org", Role::Admin);
    let document: serde_json::Value = serde_json::from_str(&browser.get("/api/v1/openapi.json").body).unwrap();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let mut asked: Vec<&str> = operations.filter_map(|one| one["x-token-scope"].as_str()).collect();
    asked.push("health:read"); // the metrics
    asked.sort_unstable();
    asked.dedup();

    let form = browser.get("/tokens/new").body;
    let offered = form.split("name=\"scopes\" value=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let offered: Vec<&str> = offered.filter(|scope| *scope != "all").collect();

    assert_eq!(offered, asked);
    let roles = browser.get("/roles").body;
    assert!(roles.contains("health:read") && !roles.contains("people:write"), "no call needs people:write");
}

#[test]
fn help_and_tokens_lead_to_the_api_and_help_says_what_commands_may_say() {
    let mut console = Console::start();
    let (_, mut browser) = console.signed_in("giulia@example.org", Role::Viewer);

    for page in ["/help", "/tokens"] {
        assert!(browser.get(page).body.contains("href=\"/api/docs\""), "{page}");
    }
    let help = browser.get("/help").body;
    for said in ["::progress 3/10", "::checkpoint {", "::output {", "::warn", "$MILLRACE_ARGS", "$MILLRACE_DEADLINE"] {
        assert!(help.contains(said), "{said}");
    }
    assert!(help.contains("Save the view"), "its key is told");
}

#[test]
fn pages_promise_only_what_is_there() {
    let mut console = Console::start();
    let (admin, mut browser) = console.signed_in("giulia@example.org", Role::Admin);

    for page in ["/people/new", "/account", "/roles", "/templates/new", "/queues/default/pause", "/templates"] {
        let body = browser.get(page).body;
        for promise in ["udit trail", "edits schedules", "exports reports", "chained"] {
            assert!(!body.contains(promise), "{page}: {promise}");
        }
    }
    let ask = browser.get(&format!("/people/{}/disable", admin.id)).body;
    assert!(ask.contains("Reason (required)"), "{ask}");
}

#[test]
fn people_are_paged_to_the_next_page_and_back() {
    let mut console = Console::start();
    let (_, mut browser) = console.signed_in("aa@example.org", Role::Admin);
    console.stage.as_owner(
        "INSERT INTO millrace.people (email, name, role)
         SELECT 'p' || to_char(n, 'FM000') || '@example.org', 'P', 'viewer' FROM generate_series(1, 410) n",
    );
    let step = |body: &str, rel: &str| {
        let link = body.split(&format!("rel=\"{rel}\" href=\"")).nth(1)?;
        link.split('"').next().map(|href| href.replace("&#38;", "&"))
    };

    let first = browser.get("/people").body;
    assert!(step(&first, "prev").is_none() && first.contains("Previous") && !first.contains("Newer"), "{first}");
    let second = browser.get(&step(&first, "next").unwrap()).body;
    let third = browser.get(&step(&second, "next").unwrap()).body;
    assert!(third.contains("p410@example.org") && step(&third, "next").is_none());
    let back = browser.get(&step(&third, "prev").unwrap()).body;
    assert!(
        back.contains("p200@example.org") && back.contains("p399@example.org") && !back.contains("p400@example.org")
    );
    assert!(browser.get(&step(&back, "prev").unwrap()).body.contains("aa@example.org"));
}

#[test]
fn the_account_says_how_pages_look() {
    let mut console = Console::start();
    let (_, mut browser) = console.signed_in("giulia@example.org", Role::Viewer);
    let save = |zone: &str| fields(&[("name", "Giulia F."), ("zone", zone), ("theme", "dark"), ("density", "compact")]);

    assert!(browser.post("/account", &save("Europe/Atlantis")).body.contains("is no time zone"));
    assert!(leads_to(&browser.post("/account", &save("Europe/Rome")), "/account"));

    let mut fresh = console.browser();
    fresh.post("/sign-in", &fields(&[("email", "giulia@example.org"), ("password", GOOD)]));
    let page = fresh.get("/account").body;
    assert!(
        page.contains("data-theme=\"dark\" data-density=\"compact\"") && page.contains("data-zone=\"Europe/Rome\"")
    );
    assert!(page.contains("Giulia F."));
}
