//! Each check fails on a page with its fault, and no check fails on a page without.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sha2::{Digest, Sha256};

use super::faults::{CLEAN, FAULT_IN_DARK, FAULT_IN_NARROW, FAULTS, Fault, resource};
use super::server::serve;
use crate::browser::checks::{assert_clean, assert_clean_in_every_look, problems, problems_in_every_look};
use crate::browser::tour::tour;
use crate::browser::{Browser, Look};

/// Serves the clean page at `/` and that with the fault number n at `/n`; the last two show in one look only.
fn site() -> String {
    let all: Vec<&'static Fault> = FAULTS.iter().chain([&FAULT_IN_DARK, &FAULT_IN_NARROW]).collect();
    serve(move |request, _| match request.strip_prefix("GET /") {
        Some("") => Some(CLEAN.to_owned()),
        Some(number) => match number.parse::<usize>() {
            Ok(number) => all.get(number).map(|fault| fault.page()),
            Err(_) => resource(request),
        },
        None => None,
    })
}

#[test]
fn a_clean_page_is_clean_in_every_look() {
    let url = site();
    let browser = Browser::start(Look::light());

    browser.open(&url);

    assert_clean_in_every_look(&browser);
    assert_eq!(browser.script("return document.documentElement.dataset.script", &[]), "ran");
}

#[test]
fn a_tour_takes_every_picture_and_fails_in_the_end_when_a_page_has_a_problem() {
    let (url, folder) = (site(), tempfile::tempdir().expect("a folder"));
    let browser = Browser::start(Look::light());
    let number = FAULTS.iter().position(|fault| fault.said.ends_with("color-contrast")).expect("such a fault");
    let (base, wrong, clean) = (url.trim_end_matches('/'), format!("wrong /{number}"), "clean /");

    let toured = catch_unwind(AssertUnwindSafe(|| tour(&browser, base, folder.path(), &[&wrong, clean])));

    let why = *toured.expect_err("a fault").downcast::<String>().expect("words");
    assert!(why.starts_with("the pages have 4 problems:\n") && why.lines().count() == 5, "one in each look: {why}");
    let told =
        why.lines().skip(1).all(|line| line.starts_with(&format!("/{number}: ")) && line.contains("color-contrast"));
    assert!(told, "{why}");
    let pictures = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(pictures, 8, "those after the wrong one too");
    tour(&browser, base, folder.path(), &[clean]);
}

#[test]
fn a_clean_page_is_clean_without_script_and_at_320_px() {
    let url = site();
    let browser = Browser::start(Look::dark().px(320)).without_script();

    browser.open(&url);

    assert_clean(&browser);
    assert!(browser.script("return document.documentElement.dataset.script ?? null", &[]).is_null());
}

#[test]
fn every_fault_is_found_and_nothing_of_it_stays_with_the_next_page() {
    let url = site();
    let browser = Browser::start(Look::light());

    for (number, fault) in FAULTS.iter().enumerate() {
        browser.open(&format!("{url}/{number}"));
        let found = problems(&browser);
        assert!(found.iter().any(|problem| problem.contains(fault.said)), "{} → {}: {found:#?}", fault.from, fault.to);
    }

    browser.open(&url);
    assert_clean(&browser);
}

#[test]
fn a_fault_in_one_look_is_found_when_all_are_looked_at() {
    let url = site();
    let browser = Browser::start(Look::light());

    for (number, fault) in [FAULT_IN_DARK, FAULT_IN_NARROW].iter().enumerate() {
        browser.open(&format!("{url}/{}", FAULTS.len() + number));
        assert_clean(&browser);
        let found = problems_in_every_look(&browser);
        assert!(found.iter().any(|problem| problem.starts_with(fault.said)), "{found:#?}");
        assert_eq!(browser.look(), Look::light());
    }
}

#[test]
fn vendored_files_are_those_of_the_lock() {
    let lock = include_str!("../vendor/vendor.lock");
    let kept: [(&str, &[u8]); 2] = [
        ("axe.min.js", include_bytes!("../vendor/axe.min.js")),
        ("LICENSE.txt", include_bytes!("../vendor/LICENSE.txt")),
    ];

    for (name, bytes) in kept {
        let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(lock.contains(&format!("\t{name}\t{hash}\t")), "{name} has {hash}");
    }
}
