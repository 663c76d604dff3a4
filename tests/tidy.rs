//! The house rules that a compiler does not hold: which module may know which, and what may not stand in source and templates.
//! Each rule has a test of its own that shows it can fail.

use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` whose name ends so, with its text.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push((name(&path), fs::read_to_string(&path).expect("a text file")));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no {ending} below {folder}: the rule would hold of nothing");
    found
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned()
}

/// Code without comments, string-ish doc lines and the unit tests at its foot.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let body = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or(text);
    body.lines().enumerate().map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Lines of code in which one of `words` stands.
fn lines_with<'t>(text: &'t str, words: &'t [&'t str]) -> Vec<(usize, &'t str)> {
    code(text).filter(|(_, line)| words.iter().any(|word| line.contains(word))).collect()
}

/// Fails with every place that breaks a rule.
fn hold(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

fn breaches(folder: &str, words: &[&str], allowed: impl Fn(&str) -> bool) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, text) in files(folder, ".rs").iter().filter(|(name, _)| !allowed(name)) {
        broken.extend(lines_with(text, words).iter().map(|(at, line)| format!("{name}:{at}: {}", line.trim())));
    }
    broken
}

fn is_page(name: &str) -> bool {
    name.ends_with("page.rs")
        || name.ends_with("api.rs")
        || name.contains("_page/")
        || name.contains("/page/")
        || name.contains("/api/")
}

#[test]
fn rank_only_looks_down() {
    let upper = |modules: &[&str]| -> Vec<String> { modules.iter().map(|module| format!("crate::{module}")).collect() };
    let ranks: [(&str, Vec<String>); 8] = [
        (
            "src/base",
            upper(&["queue", "engine", "runners", "web", "admin", "cli", "boot", "config", "cluster", "demo"]),
        ),
        (
            "src/timing",
            upper(&["queue", "engine", "runners", "web", "admin", "cli", "boot", "config", "cluster", "demo"]),
        ),
        ("src/cluster", upper(&["queue", "engine", "runners", "web", "admin", "cli", "boot", "config"])),
        ("src/queue", upper(&["engine", "runners", "web", "admin", "cli", "boot", "config", "cluster", "demo"])),
        ("src/engine", upper(&["runners", "web", "admin", "cli", "boot", "config", "cluster", "demo"])),
        ("src/runners", upper(&["engine", "web", "admin", "cli", "boot", "config", "cluster", "demo"])),
        ("src/web", upper(&["engine", "runners", "admin", "cli", "boot", "config", "cluster", "demo"])),
        ("src/demo", upper(&["engine", "runners", "web", "admin", "cli", "boot", "config", "cluster"])),
    ];
    for (folder, above) in ranks.iter().filter(|(folder, _)| root().join(folder).exists()) {
        let words: Vec<&str> = above.iter().map(String::as_str).collect();
        hold(&format!("{folder} may not know what stands above it"), &breaches(folder, &words, |_| false));
    }
}

#[test]
fn the_web_is_known_only_where_pages_are() {
    let words = ["actix_web", "actix_session", "askama"];
    let allowed = |name: &str| {
        name.starts_with("src/web/")
            || name == "src/routes.rs"
            || name == "src/boot.rs"
            || name.starts_with("src/boot/")
            || (name.starts_with("src/admin/") && is_page(name))
    };
    hold("actix and askama belong to the web kit and to pages", &breaches("src", &words, allowed));
}

#[test]
fn the_wall_clock_is_read_in_one_place() {
    let words = ["Utc::now(", "Local::now(", "SystemTime::now("];
    hold("ask a Clock", &breaches("src", &words, |name| name == "src/base/clock.rs"));
}

#[test]
fn a_feature_does_not_import_the_insides_of_its_sibling() {
    let features: Vec<String> = fs::read_dir(root().join("src/admin"))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let mut broken = Vec::new();
    for (name, text) in files("src/admin", ".rs") {
        for sibling in features.iter().filter(|feature| !name.starts_with(&format!("src/admin/{feature}/"))) {
            for inside in ["page", "api", "queries"] {
                let word = format!("admin::{sibling}::{inside}");
                broken.extend(
                    lines_with(&text, &[&word]).iter().map(|(at, line)| format!("{name}:{at}: {}", line.trim())),
                );
            }
        }
    }
    hold("go through the sibling's service or read model", &broken);
}

#[test]
fn templates_hold_nothing_that_the_policy_refuses() {
    let words = [
        "style=",
        "<style",
        "|safe",
        "| safe",
        "hx-on",
        "\"js:",
        "'js:",
        "javascript:",
        "hx-confirm",
        "onclick=",
        "onchange=",
        "onload=",
        "onsubmit=",
        "oninput=",
    ];
    let mut broken = Vec::new();
    for (name, text) in files("templates", ".html") {
        for (at, line) in text.lines().enumerate() {
            let inline =
                line.contains("<script") && !line.contains("<script defer src=") && !line.contains("<script src=");
            let filter =
                line.split("hx-trigger=\"").skip(1).any(|rest| rest.split('"').next().unwrap_or("").contains('['));
            if inline || filter || words.iter().any(|word| line.contains(word)) {
                broken.push(format!("{name}:{}: {}", at + 1, line.trim().chars().take(120).collect::<String>()));
            }
        }
    }
    hold("the content security policy has no exceptions", &broken);
}

#[test]
fn source_holds_no_banned_words() {
    let words = ["todo!(", "unimplemented!(", "dbg!(", "TODO", "FIXME", "XXX", "println!(\"DEBUG"];
    hold("unfinished work does not land", &breaches("src", &words, |_| false));
    let odd = ["utils", "helpers", "common", "misc", "manager"];
    let named: Vec<String> = files("src", ".rs")
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| odd.iter().any(|word| name.split(['/', '.']).any(|part| part == *word)))
        .collect();
    hold("a file is named by its noun", &named);
}

#[test]
fn every_public_item_is_documented() {
    let starts = [
        "pub fn ",
        "pub struct ",
        "pub enum ",
        "pub trait ",
        "pub const ",
        "pub type ",
        "pub async fn ",
        "pub static ",
    ];
    let mut broken = Vec::new();
    for (name, text) in files("src", ".rs") {
        let body = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or(&text).to_owned();
        let lines: Vec<&str> = body.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let item = line.trim_start();
            if starts.iter().any(|start| item.starts_with(start)) && !documented(&lines[..at]) {
                broken.push(format!("{name}:{}: {item}", at + 1));
            }
        }
        if !text.starts_with("//!") {
            broken.push(format!("{name}: no module doc"));
        }
    }
    hold("every public item and module says what it is for", &broken);
}

/// Whether the lines above an item end with a doc comment, attributes between them aside.
fn documented(above: &[&str]) -> bool {
    let mut in_attribute = false;
    for line in above.iter().rev().map(|line| line.trim()) {
        if line.starts_with("///") || line.starts_with("#[doc") || line.starts_with("$(#[") {
            return true;
        }
        in_attribute = (in_attribute || line.ends_with(")]") || line.ends_with(']')) && !line.starts_with("#[");
        if !(line.starts_with("#[") || in_attribute) {
            return false;
        }
    }
    false
}

#[test]
fn functions_can_be_read_without_scrolling() {
    let mut broken = Vec::new();
    for (name, text) in files("src", ".rs") {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let is_fn =
                line.trim_start().split('(').next().is_some_and(|head| head.contains("fn ") && !head.contains("//"));
            if is_fn && !line.trim_end().ends_with(';') {
                let closing = format!("{}}}", " ".repeat(indent));
                let length = lines[at..].iter().position(|line| *line == closing).unwrap_or(0) + 1;
                if length > 70 {
                    broken.push(format!("{name}:{}: {length} lines", at + 1));
                }
            }
        }
    }
    hold("no function has more than 70 lines", &broken);
}

/// Longer files are asking to be split along a noun.
const FILE_LINES_MAX: usize = 400;

fn is_too_long(text: &str) -> bool {
    text.lines().count() > FILE_LINES_MAX
}

#[test]
fn files_stay_short() {
    let kinds = [
        ("src", ".rs"),
        ("tests", ".rs"),
        ("migrations", ".sql"),
        ("templates", ".html"),
        ("static", ".css"),
        ("static", ".js"),
    ];
    let all = kinds.iter().flat_map(|(folder, ending)| files(folder, ending));
    let long = |(name, text): (String, String)| {
        let vendored = name.contains("vendor/");
        (is_too_long(&text) && !vendored).then(|| format!("{name}: {} lines", text.lines().count()))
    };
    hold("no file has more than 400 lines", &all.filter_map(long).collect::<Vec<_>>());
}

#[test]
fn the_rules_can_fail() {
    let text = "//! x\nuse crate::web::Shell;\n// crate::web in a comment\n#[cfg(test)]\nmod tests { use crate::web; }";
    assert_eq!(lines_with(text, &["crate::web"]).len(), 1);
    assert!(!documented(&["", "}"]));
    assert!(documented(&["/// Does it.", "#[must_use]"]));
    assert!(is_too_long(&"x\n".repeat(401)) && !is_too_long(&"x\n".repeat(400)));
    assert!(is_page("src/admin/jobs/list_page.rs") && !is_page("src/admin/jobs/service.rs"));
}
