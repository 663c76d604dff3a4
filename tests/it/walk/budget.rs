//! What pages cost: statements of each list, bytes of each page, at its fullest.

use std::collections::BTreeSet;

use actix_web::http::Method;
use millrace::routes;
use millrace::web::guard::Table;

use super::full::{FullHouse, LISTS};

/// Statements of a list page.
const STATEMENTS_MAX: usize = 6;
/// A list that found nothing looks once more for each part of its filter that could be left out, so often at most.
const HINTS_MAX: usize = 5;
/// A page with everything that it needs for the first time, compressed, in bytes.
const FIRST_BYTES_MAX: usize = 120 * 1024;
/// A page for somebody who has been here, compressed, in bytes.
const LATER_BYTES_MAX: usize = 20 * 1024;

#[test]
fn a_list_page_asks_the_database_six_times_at_most() {
    let mut house = FullHouse::start();
    let mut wrong = Vec::new();

    for path in LISTS {
        house.asked.take();
        let answer = house.admin.get(path);
        let asked = house.asked.take();
        assert_eq!(answer.status, 200, "{path}");
        assert!(asked.len() > 2, "{path}: more than who looks was asked for: {asked:?}");
        let found_nothing = answer.body.contains("<span class=\"hintl\">Without");
        if asked.len() > STATEMENTS_MAX + if found_nothing { HINTS_MAX } else { 0 } {
            wrong.push(format!("{path}: {}\n    {}", asked.len(), asked.join("\n    ")));
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Addresses of one piece that are no lists of things that are kept; roles are the program's own.
const NO_LISTS: [&str; 11] = [
    "/",
    "/account",
    "/database",
    "/healthz",
    "/help",
    "/metrics",
    "/palette",
    "/readyz",
    "/roles",
    "/setup",
    "/sign-in",
];

#[test]
fn every_list_is_counted() {
    let table = Table::new(routes::all(false));
    let pages = table.rows().filter(|(method, _, _)| **method == Method::GET).map(|(_, pattern, _)| pattern);
    let lists = pages.filter(|path| path.matches('/').count() == 1 && !path.contains(['{', '.']));

    let forgotten: Vec<&str> = lists.filter(|path| !NO_LISTS.contains(path) && !LISTS.contains(path)).collect();

    assert_eq!(forgotten, [""; 0]);
}

#[test]
fn a_full_page_keeps_its_budget_of_bytes() {
    let mut house = FullHouse::start();
    let mut wrong = Vec::new();

    for path in house.pages() {
        let answer = house.admin.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let page = house.bytes_of(&path);
        let files: Vec<(String, usize)> =
            files(&mut house, &answer.body).into_iter().map(|file| (file.clone(), house.bytes_of(&file))).collect();
        let first = page + files.iter().map(|(_, bytes)| bytes).sum::<usize>();
        if page > LATER_BYTES_MAX || first > FIRST_BYTES_MAX {
            wrong.push(format!("{path}: {page} bytes, the first time {first}: {files:?}"));
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The files that a page asks for, and those that its style asks for.
fn files(house: &mut FullHouse, page: &str) -> BTreeSet<String> {
    let named = |text: &str, before: &str, end: &[char]| -> Vec<String> {
        text.split(before).skip(1).map(|rest| rest.split(end).next().unwrap_or_default().to_owned()).collect()
    };
    let mut files: BTreeSet<String> =
        ["src=\"", "<use href=\""].iter().flat_map(|before| named(page, before, &['"', '#'])).collect();
    for link in
        named(page, "<link ", &['>']).iter().filter(|link| link.contains("stylesheet") || link.contains("preload"))
    {
        files.extend(named(link, "href=\"", &['"']));
    }
    for style in files.clone().iter().filter(|file| file.contains(".css")) {
        let text = house.admin.get(style).body;
        let folder = style.rsplit_once('/').map_or("", |(folder, _)| folder);
        files.extend(named(&text, "url(\"", &['"']).iter().map(|url| format!("{folder}/{url}")));
    }
    files.retain(|file| file.starts_with('/'));
    assert!(files.len() >= 5, "{files:?}");
    files
}
