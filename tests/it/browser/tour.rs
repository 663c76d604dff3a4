//! Pictures of pages in every look, to be looked at, with what the checks say. `scripts/screenshots.sh` runs it.

use std::env;
use std::path::{Path, PathBuf};

use super::{Browser, Look, checks};

/// What to take pictures of: lines with address, email, password, folder and then a path each, with a name before it or without.
const ORDER: &str = "MILLRACE_SCREENSHOTS";

#[test]
#[ignore = "takes pictures of a server that runs: use scripts/screenshots.sh"]
fn take_pictures() {
    let order = env::var(ORDER).unwrap_or_else(|_| panic!("{ORDER} is not set: use scripts/screenshots.sh"));
    let [base, email, password, folder, paths @ ..] = &order.lines().collect::<Vec<_>>()[..] else {
        panic!("{ORDER} has too few lines: use scripts/screenshots.sh");
    };
    let browser = Browser::start(Look::light());
    if !email.is_empty() {
        sign_in(&browser, base, email, password);
    }
    tour(&browser, base, Path::new(folder), paths);
}

/// Takes all pictures, and fails after the last one when a page had a problem.
pub(super) fn tour(browser: &Browser, base: &str, folder: &Path, paths: &[&str]) {
    let mut found = Vec::new();
    for path in paths {
        let (name, path) =
            path.split_once(' ').map_or_else(|| (file_stem(path), *path), |(name, path)| (name.into(), path));
        let problems = take(browser, &format!("{base}{path}"), &folder.join(name));
        found.extend(problems.into_iter().map(|problem| format!("{path}: {problem}")));
    }
    assert!(found.is_empty(), "the pages have {} problems:\n{}", found.len(), found.join("\n"));
}

fn sign_in(browser: &Browser, base: &str, email: &str, password: &str) {
    browser.open(&format!("{base}/sign-in"));
    browser.fill("email", email);
    browser.fill("password", password);
    browser.find("[name=password]").submit();
    browser.wait_until("signed in", crate::support::stage::PATIENCE, |browser| !browser.url().contains("/sign-in"));
}

/// Takes the pictures of a page and gives what the checks say of it.
fn take(browser: &Browser, url: &str, stem: &Path) -> Vec<String> {
    let mut found = Vec::new();
    browser.open(url);
    browser.for_each_look(|browser| {
        browser.settle();
        let path = PathBuf::from(format!("{}-{}.png", stem.display(), browser.look()));
        browser.screenshot_to(&path);
        println!("{}", path.display());
        let problems = checks::problems(browser);
        problems.iter().for_each(|problem| println!("  {problem}"));
        found.extend(problems);
    });
    found
}

/// `/jobs?state=failed` is kept as `jobs_state_failed`.
fn file_stem(path: &str) -> String {
    let words: Vec<_> =
        path.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|w| !w.is_empty()).collect();
    if words.is_empty() { "index".to_owned() } else { words.join("_") }
}

#[test]
fn a_picture_is_named_after_its_path() {
    assert_eq!(file_stem("/"), "index");
    assert_eq!(file_stem("/jobs?state=failed&page=2"), "jobs_state_failed_page_2");
}
