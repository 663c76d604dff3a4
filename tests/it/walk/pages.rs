//! Every page of the route table as an admin sees it: what it answers, and what a browser makes of it in four looks.

use actix_web::http::Method;
use millrace::queue::permission::Role;
use millrace::routes;
use millrace::web::guard::Table;

use super::house::House;
use super::samples::Samples;
use crate::browser::{Browser, Look, checks};
use crate::web::browser::{Answer, Browser as Program};

/// What the policy must say, word for word: nothing but our own files.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Addresses that answer something else than a page, or lead whoever is signed in elsewhere.
const NO_PAGES: [&str; 7] = ["/healthz", "/readyz", "/metrics", "/sign-in", "/setup", "/v/{slug}", "/jobs/complete"];

/// All addresses that answer with a page.
fn addresses(samples: &Samples) -> Vec<String> {
    let table = Table::new(routes::all(true));
    let patterns = table.rows().filter(|(method, _, _)| **method == Method::GET).map(|(_, pattern, _)| pattern);
    let is_page = |pattern: &&str| {
        let other = ["/live/", "/api/v1/"].iter().any(|start| pattern.starts_with(start));
        let file = [".txt", ".yaml", ".csv", ".ics", "/file"].iter().any(|end| pattern.ends_with(end));
        !other && !file && !NO_PAGES.contains(pattern)
    };
    let mut all: Vec<_> = patterns.filter(is_page).flat_map(|pattern| samples.addresses(pattern)).collect();
    all.sort();
    all
}

fn furnished() -> (House, Samples) {
    let house = House::start();
    let admin = house.person(Role::Admin);
    let samples = Samples::make(&house, admin);
    (house, samples)
}

#[test]
fn every_page_answers_whole_and_with_the_policy() {
    let (house, samples) = furnished();
    let mut admin = house.program(Role::Admin);
    let mut wrong = Vec::new();

    for address in addresses(&samples) {
        wrong.extend(problems_of(&address, &admin.get(&address)));
    }
    wrong.extend(of_errors(&mut admin));
    wrong.extend(of_errors(&mut house.stranger()));

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn of_errors(program: &mut Program) -> Vec<String> {
    let mut wrong = Vec::new();
    for address in
        ["/nothing", "/jobs/999999999", "/jobs/x", "/templates/none", "/people/999", "/sign-in", "/setup?token=x"]
    {
        let answer = program.get(address);
        let expected = [303, 403, 404, 410, 200].contains(&answer.status);
        let problem = format!("{address}: {}", answer.status);
        wrong.extend((!expected).then_some(problem));
        wrong.extend((answer.header("content-security-policy") != POLICY).then(|| format!("{address}: other policy")));
    }
    wrong
}

fn problems_of(address: &str, answer: &Answer) -> Vec<String> {
    let body = answer.body.as_str();
    let checks = [
        (answer.status != 200, format!("answers {}", answer.status)),
        (answer.header("content-security-policy") != POLICY, "has another policy".to_owned()),
        (!answer.header("content-type").starts_with("text/html"), "is no HTML".to_owned()),
        (answer.header("cache-control") != "no-store", "may be kept".to_owned()),
        (body.matches("<h1").count() != 1, format!("has {} h1", body.matches("<h1").count())),
        (title(body).is_empty(), "has no title".to_owned()),
    ];
    let mut found: Vec<_> = checks.into_iter().filter(|(wrong, _)| *wrong).map(|(_, what)| what).collect();
    found.extend(inline(body));
    found.into_iter().map(|what| format!("{address} {what}")).collect()
}

fn title(body: &str) -> &str {
    body.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap_or_default().trim()
}

/// Finds script and style that stand in the page itself, in tags and in attributes.
fn inline(body: &str) -> Vec<String> {
    let mut found = Vec::new();
    for tag in tags(body) {
        let lower = tag.to_ascii_lowercase();
        let script = lower.starts_with("<script") && !lower.contains(" src=");
        let handler = attributes(&lower).iter().any(|name| name.starts_with("on") || name == "style");
        if script || lower.starts_with("<style") || handler || lower.contains("javascript:") {
            found.push(format!("holds {tag}"));
        }
    }
    found
}

/// The opening tags of a page; `>` within quotes does not end one.
fn tags(body: &str) -> Vec<&str> {
    let starts =
        body.match_indices('<').filter(|(at, _)| body[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic()));
    starts.map(|(at, _)| &body[at..at + length(&body[at..])]).collect()
}

fn length(tag: &str) -> usize {
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    tag.len()
}

/// The names of a tag's attributes: what stands outside of quotes.
fn attributes(tag: &str) -> Vec<String> {
    let outside: String = tag.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    outside.split([' ', '\n', '>', '=']).skip(1).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn inline_script_and_style_are_found() {
    for bad in [
        "<script>x</script>",
        "<p onclick=\"x\">",
        "<a title=\"a>b\" style=\"x\">",
        "<style>",
        "<a href=\"javascript:x\">",
    ] {
        assert_eq!(inline(bad).len(), 1, "{bad}");
    }
    for good in
        ["<script src=\"/a.js\"></script>", "<p title=\"onclick=1 style=2\">", "<p data-on=\"x\">&#60;script&#62;"]
    {
        assert_eq!(inline(good), [] as [String; 0], "{good}");
    }
}

/// Each in two of the four looks, in which both colours and both widths are; the pages' own tests take all four.
#[test]
fn every_page_is_clean_in_light_and_dark_wide_and_narrow() {
    let (house, samples) = furnished();
    let browser = Browser::start(Look::light());
    browser.open(&format!("{}/sign-in", house.origin));
    let mut wrong = problems(&browser);
    house.sign_in(&browser, Role::Admin);

    for address in addresses(&samples) {
        browser.open(&format!("{}{address}", house.origin));
        wrong.extend(problems(&browser).into_iter().map(|problem| format!("{address} {problem}")));
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn problems(browser: &Browser) -> Vec<String> {
    let in_look = |look| {
        browser.set_look(look);
        checks::problems(browser)
    };
    [Look::light().wide(), Look::dark().narrow()].into_iter().flat_map(in_look).collect()
}
