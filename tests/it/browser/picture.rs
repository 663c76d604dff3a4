//! Pictures of whole pages.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::browser::Browser;
use super::wire::Refused;

/// Of a longer page the picture shows the beginning; Chromium cannot draw more than 16,384 device pixels.
const HEIGHT_PX_MAX: u32 = 8_000;
/// Longest time a picture waits for the page to settle.
const SETTLE_MAX: Duration = Duration::from_secs(3);

impl Browser {
    /// Writes the whole page, not only what fits the window, to `target/screenshots/<name>.png` and gives that path.
    #[track_caller]
    pub fn screenshot(&self, name: &str) -> PathBuf {
        let path = folder().join(format!("{name}.png"));
        self.screenshot_to(&path);
        path
    }

    /// Writes the whole page to a PNG file and makes the folders above it.
    #[track_caller]
    pub fn screenshot_to(&self, path: &Path) {
        let written = self.picture().map_err(io::Error::other).and_then(|png| write(path, &png));
        written.unwrap_or_else(|e| panic!("no picture {}: {e}", path.display()));
    }

    /// Runs while a test fails: a second panic would hide the first.
    pub(super) fn leave_picture_of_failure(&self) {
        let thread = thread::current();
        let name = thread.name().unwrap_or("test").replace("::", ".");
        let path = folder().join(format!("failed-{name}.png"));
        match self.picture().map_err(io::Error::other).and_then(|png| write(&path, &png)) {
            Ok(()) => eprintln!("the page when it failed: {}", path.display()),
            Err(problem) => eprintln!("no picture of the failure: {problem}"),
        }
    }

    /// Makes the window as high as the page until it is looked at in another way: nothing is out of sight.
    #[track_caller]
    pub fn stretch(&self) {
        let page = self.devtools("Page.getLayoutMetrics", json!({}))["cssContentSize"]["height"].as_f64();
        let height_px = page.map_or(0, |height| height.ceil() as u32).min(HEIGHT_PX_MAX);
        self.set_height(height_px).unwrap_or_else(|e| panic!("the window cannot be made {height_px} px high: {e}"));
    }

    /// Makes the window as high as the page while `look` looks: bars that stick to an edge stand at the edge then, and hide
    /// nothing that one would scroll to.
    pub(super) fn stretched<T>(&self, look: impl FnOnce(&Self) -> T) -> Result<T, Refused> {
        let page = self.session().devtools("Page.getLayoutMetrics", json!({}))?["cssContentSize"].take();
        let height_px = page["height"].as_f64().map_or(0, |height| height.ceil() as u32);
        self.set_height(height_px.min(HEIGHT_PX_MAX))?;
        if let Err(unsettled) = self.try_settle(SETTLE_MAX) {
            eprintln!("what is looked at may be half way: {unsettled}");
        }
        let seen = look(self);
        self.set_height(0)?;
        Ok(seen)
    }

    fn picture(&self) -> Result<Vec<u8>, Refused> {
        let shot = |browser: &Self| browser.session().devtools("Page.captureScreenshot", json!({"format": "png"}));
        let coded = self.stretched(shot)??["data"].take();
        STANDARD.decode(coded.as_str().unwrap_or_default()).map_err(|e| Refused::new("no picture", e.to_string()))
    }

    fn set_height(&self, height_px_min: u32) -> Result<(), Refused> {
        let metrics = self.look().metrics(height_px_min);
        self.session().devtools("Emulation.setDeviceMetricsOverride", metrics).map(drop)
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots")
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, bytes)
}
