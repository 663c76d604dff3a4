//! Icons: the shapes of `static/icons.svg`, written into the page where they are used.
//!
//! Inline shapes need no request, follow the stylesheet's stroke and colour, and stay whole when a fragment is swapped
//! in. (An external `<use href="icons.svg#…">` froze headless Chromium 156 for good.)

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use askama::filters::HtmlSafe;

/// The inside of one `<svg class="i" viewBox="0 0 24 24">`. Only our own compiled-in sprite makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape(&'static str);

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Not escaped again: the text is a part of this program, never of a request or a row.
impl HtmlSafe for Shape {}

/// A shape in its `<svg>`, compiled once for all the places that show it.
#[derive(Debug, Clone, Copy)]
pub struct Svg<'c> {
    shape: Shape,
    class: &'c str,
    spins: bool,
}

impl Svg<'_> {
    /// Makes it turn.
    #[must_use]
    pub fn spinning(self, spins: bool) -> Self {
        Self { spins, ..self }
    }
}

impl fmt::Display for Svg<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if self.class.is_empty() { "" } else { " " };
        let (class, spin) = (self.class, if self.spins { " spin" } else { "" });
        write!(
            f,
            "<svg class=\"i{between}{class}{spin}\" viewBox=\"0 0 24 24\" aria-hidden=\"true\">{}</svg>",
            self.shape
        )
    }
}

/// Not escaped again: shape and class are words of our templates, never of a request or a row.
impl HtmlSafe for Svg<'_> {}

/// Gives the icon called `name` with more classes (`i-sm`, `i-lg`); both are words of our templates.
pub fn svg<'c>(name: &str, class: &'c str) -> Svg<'c> {
    Svg { shape: shape(name), class, spins: false }
}

static SPRITE: &str = include_str!("../../static/icons.svg");

static SHAPES: LazyLock<HashMap<&'static str, &'static str>> =
    LazyLock::new(|| SPRITE.lines().filter_map(symbol).collect());

/// Reads one line of the sprite: `<symbol id="NAME" viewBox="0 0 24 24">SHAPES</symbol>`.
fn symbol(line: &'static str) -> Option<(&'static str, &'static str)> {
    let (name, rest) = line.strip_prefix("<symbol id=\"")?.split_once('"')?;
    let (_, shapes) = rest.split_once('>')?;
    Some((name, shapes.strip_suffix("</symbol>")?))
}

/// Gives the shape called `name` (a Lucide name); an unknown one is empty, which the test below keeps from happening.
pub fn shape(name: &str) -> Shape {
    Shape(SHAPES.get(name).copied().unwrap_or_default())
}

/// Tells whether the sprite holds `name`.
pub fn exists(name: &str) -> bool {
    SHAPES.contains_key(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_line_of_the_sprite_is_understood() {
        assert_eq!(SHAPES.len(), SPRITE.matches("<symbol").count());
        assert!(shape("clock").0.starts_with('<'));
        assert_eq!(shape("no-such-icon"), Shape(""));
    }

    #[test]
    fn every_icon_named_in_a_template_exists() {
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let mut missing = Vec::new();

        walk(&templates, &mut |text, file| {
            for call in text.split("icon(\"").skip(1).chain(text.split("icon=\"").skip(1)) {
                let name = call.split('"').next().unwrap_or_default();
                if !name.is_empty() && !exists(name) {
                    missing.push(format!("{name} in {}", file.display()));
                }
            }
        });

        assert!(missing.is_empty(), "{missing:?}");
    }

    fn walk(folder: &Path, look: &mut dyn FnMut(&str, &Path)) {
        for entry in std::fs::read_dir(folder).expect("templates are readable") {
            let path = entry.expect("templates are readable").path();
            match path.is_dir() {
                true => walk(&path, look),
                false => look(&std::fs::read_to_string(&path).expect("templates are text"), &path),
            }
        }
    }
}
