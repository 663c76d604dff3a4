//! Accessibility by axe-core, which is kept in `vendor/`.

use serde_json::{Value, json};

use super::browser::Browser;

const AXE: &str = include_str!("vendor/axe.min.js");
/// WCAG 2.0 to 2.2, levels A and AA, and what is good practice beyond.
const TAGS: [&str; 7] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"];
/// How many elements a violation names.
const SHOWN_MAX: usize = 5;

/// Gives what axe finds of impact serious or critical on the present page in its present look, one sentence each.
#[track_caller]
pub fn violations(browser: &Browser) -> Vec<String> {
    // Script of ours is not bound by the page's policy; axe itself also evaluates nothing.
    if browser.script("return typeof axe === 'undefined'", &[]) == true {
        browser.script(AXE, &[]);
    }
    const RUN: &str = "return axe.run(document, arguments[0]).then(found => found.violations)";
    let options = json!({"runOnly": TAGS, "preload": false, "resultTypes": ["violations"]});
    let found = browser.with_timers(|| browser.script(RUN, &[options]));
    let all = found.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(|violation| is_grave(violation)).map(sentence).collect()
}

fn is_grave(violation: &Value) -> bool {
    matches!(violation["impact"].as_str(), Some("serious" | "critical"))
}

fn sentence(violation: &Value) -> String {
    let text = |name: &str| violation[name].as_str().unwrap_or_default();
    let nodes = violation["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let shown: Vec<_> = nodes.iter().take(SHOWN_MAX).map(place).collect();
    let more = nodes.len().saturating_sub(SHOWN_MAX);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    format!("axe, {} {}: {}: {}{more}", text("impact"), text("id"), text("help"), shown.join("; "))
}

/// An element and the first thing wrong with it.
fn place(node: &Value) -> String {
    let targets = node["target"].as_array().map(Vec::as_slice).unwrap_or_default();
    let path: Vec<_> = targets.iter().filter_map(Value::as_str).collect();
    let summary = node["failureSummary"].as_str().unwrap_or_default();
    format!("{} ({})", path.join(" "), summary.lines().nth(1).unwrap_or(summary).trim())
}
