//! What holds for every page.

use super::axe;
use super::browser::Browser;
use super::keys;

/// Gives an array of sentences about the shape of the page.
const SHAPE: &str = include_str!("shape.js");
/// Moves the point from which Tab goes on to the beginning, and gives whether there is anything to reach.
const REWIND: &str = include_str!("rewind.js");
/// Gives what the focus is on.
const STOP: &str = include_str!("stop.js");
/// Presses of Tab that may pass before the main part, or a link to it, has the focus.
pub const STOPS_MAX: usize = 5;

/// Panics unless the present page is clean in its present look: see [`problems`].
#[track_caller]
pub fn assert_clean(browser: &Browser) {
    report(browser, &problems(browser));
}

/// Panics unless the present page is clean in light and dark, wide and narrow: see [`problems`].
#[track_caller]
pub fn assert_clean_in_every_look(browser: &Browser) {
    report(browser, &problems_in_every_look(browser));
}

#[track_caller]
fn report(browser: &Browser, problems: &[String]) {
    if !problems.is_empty() {
        panic!("{} is not clean:\n  {}", browser.url(), problems.join("\n  "));
    }
}

/// Gives what is wrong with the present page in its present look, one sentence each. Empty for a page with
///
/// - no broken content policy, script error or missing resource in the log since it was last read,
/// - no violation that axe calls serious or critical,
/// - no sideways scrolling, one `h1`, a title, a text for each picture,
/// - a main part that the Tab key reaches at once or by a link at the beginning.
///
/// It moves the focus and puts it to the beginning of the page.
#[track_caller]
pub fn problems(browser: &Browser) -> Vec<String> {
    browser.settle();
    let mut all = browser.log_problems();
    all.extend(browser.stretched(axe::violations).unwrap_or_else(|refused| vec![format!("{refused:?}")]));
    all.extend(shape_problems(browser));
    all.extend(tab_problem(browser));
    let look = browser.look();
    all.iter().map(|problem| format!("{look}: {problem}")).collect()
}

/// Gives what is wrong in any of the four looks: see [`problems`].
#[track_caller]
pub fn problems_in_every_look(browser: &Browser) -> Vec<String> {
    let mut all = Vec::new();
    browser.for_each_look(|browser| all.extend(problems(browser)));
    all
}

fn shape_problems(browser: &Browser) -> Vec<String> {
    let sentences = browser.script(SHAPE, &[]);
    let sentences = sentences.as_array().map(Vec::as_slice).unwrap_or_default();
    sentences.iter().map(|sentence| sentence.as_str().unwrap_or_default().to_owned()).collect()
}

/// Presses Tab as somebody without a mouse does.
fn tab_problem(browser: &Browser) -> Option<String> {
    let rewind = || browser.script(REWIND, &[]) == true;
    if !rewind() {
        return None;
    }
    let problem = walk_to_main(browser);
    rewind();
    problem
}

fn walk_to_main(browser: &Browser) -> Option<String> {
    for _ in 0..STOPS_MAX {
        browser.press_keys(&[keys::TAB]);
        browser.settle(); // a link that comes into view does so a moment after it has the focus
        let stop = browser.script(STOP, &[]);
        if stop["visible"] != true {
            return Some(format!("the Tab key reaches {}, which cannot be seen", stop["name"]));
        }
        if stop["leads"] == true {
            return None;
        }
    }
    Some(format!("the Tab key reaches neither the main part nor a link to it in {STOPS_MAX} steps"))
}
