//! Frames of traces as languages write them, the innermost first, without line numbers and addresses.

use std::sync::LazyLock;

use regex::Regex;

use super::pattern;

/// Most lines of a trace that are looked at.
const LINES_MAX: usize = 400;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Function and, where languages name functions alike, the file.
    pub place: String,
    /// Code of the organisation, not of a library or of the language.
    pub is_own: bool,
    /// Which line of the trace it is, from 0.
    pub line: usize,
}

static PYTHON: LazyLock<Regex> = LazyLock::new(|| pattern(r#"^\s*File "([^"]+)", line \d+, in (\S+)"#));
static JAVA: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*at (?:[\w.-]+(?:@[\w.-]+)?/)*([\p{L}_$][\w.$<>`]*)\(([^)]*)\)"));
static SCRIPT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^\s*at (?:async )?(?:(.+?) \()?((?:file://|node:|/|[A-Za-z]:\\|\.{0,2}/)?[^\s():]+):\d+:\d+\)?$")
});
static RUST: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*\d+:\s+(?:0x[0-9a-f]+ - )?([<\p{L}_].*?)(?:::h[0-9a-f]{16})?$"));
static RUBY: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*(?:from )?([^\s:]+\.rb):\d+:in [`']([^']+)'"));
static GO: LazyLock<Regex> = LazyLock::new(|| pattern(r"^([\p{L}_][\w./*()-]*\.[\w.*()]+)\((?:0x|\.\.\.|\{|\)).*$"));
static PHP: LazyLock<Regex> = LazyLock::new(|| pattern(r"^#\d+ ([^\s(]+)\(\d+\): (\S+?)\("));
static VARYING: LazyLock<Regex> = LazyLock::new(|| pattern(r"0x[0-9a-f]+|\d+"));

/// Names before which nothing is one's own: languages, runtimes, well-known frames around them.
const FOREIGN: [&str; 31] = [
    "std::",
    "core::",
    "alloc::",
    "<core::",
    "<alloc::",
    "<std::",
    "tokio::",
    "rayon",
    "_start",
    "__libc_start",
    "__rust",
    "rust_begin_unwind",
    "clone",
    "start_thread",
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "com.sun.",
    "org.springframework.",
    "kotlin.",
    "scala.",
    "runtime.",
    "System.",
    "Microsoft.",
    "syscall",
    "node:",
    "reflect.",
    "<unknown>",
    "millrace::engine::",
    "millrace::queue::work::",
];
/// Folders in which libraries stand.
const LIBRARIES: [&str; 10] = [
    "site-packages",
    "dist-packages",
    "/lib/python",
    "<frozen",
    "node_modules",
    "node:internal",
    "/gems/",
    "/vendor/",
    "/rustc/",
    "/.cargo/",
];

/// Finds the frames in a text, the innermost first; none when it holds no trace that is understood.
pub fn frames(text: &str) -> Vec<Frame> {
    let mut found = Vec::new();
    let mut is_python = false;
    let lines: Vec<&str> = text.lines().take(LINES_MAX).collect();
    for (number, line) in lines.iter().enumerate() {
        is_python |= PYTHON.is_match(line);
        if let Some((place, is_own)) = frame(line, lines.get(number + 1)) {
            found.push(Frame { place: VARYING.replace_all(&place, "#").into_owned(), is_own, line: number });
        }
    }
    if is_python {
        found.reverse(); // "most recent call last"
    }
    found
}

fn frame(line: &str, next: Option<&&str>) -> Option<(String, bool)> {
    let part = |found: &regex::Captures<'_>, at: usize| found.get(at).map_or("", |part| part.as_str()).to_owned();
    if let Some(found) = PYTHON.captures(line) {
        let (file, function) = (part(&found, 1), part(&found, 2));
        return Some((format!("{}:{function}", name_of(&file)), !is_library(&file)));
    }
    // the second line of a frame of Rust looks like one of a script
    if let Some(found) = SCRIPT.captures(line).filter(|found| !part(found, 2).ends_with(".rs")) {
        let (function, file) = (part(&found, 1), part(&found, 2));
        return Some((format!("{}:{function}", name_of(&file)), !is_library(&file) && !is_foreign(&file)));
    }
    if let Some(found) = JAVA.captures(line) {
        let function = part(&found, 1);
        return Some((function.clone(), !is_foreign(&function)));
    }
    if let Some(found) = RUBY.captures(line) {
        return Some((format!("{}:{}", name_of(&part(&found, 1)), part(&found, 2)), !is_library(&part(&found, 1))));
    }
    if let Some(found) = PHP.captures(line) {
        return Some((format!("{}:{}", name_of(&part(&found, 1)), part(&found, 2)), !is_library(&part(&found, 1))));
    }
    if let Some(found) = RUST.captures(line).filter(|found| part(found, 1).contains("::")) {
        let (function, stands_in) = (part(&found, 1), next.copied().unwrap_or_default());
        return Some((function.clone(), !is_foreign(&function) && !is_library(stands_in)));
    }
    let found = GO.captures(line)?;
    let function = part(&found, 1);
    let stands_in = next.copied().unwrap_or_default();
    stands_in.starts_with(['\t', ' ']).then(|| (function.clone(), !is_foreign(&function) && !is_library(stands_in)))
}

fn name_of(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or(file)
}

fn is_library(file: &str) -> bool {
    LIBRARIES.iter().any(|part| file.contains(part))
}

fn is_foreign(function: &str) -> bool {
    FOREIGN.iter().any(|start| function.starts_with(start))
}
