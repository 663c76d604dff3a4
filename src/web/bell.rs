//! The count on the bell, in the frame of every page and in the stream of live ones.

use askama::Template;
use askama::filters::HtmlSafe;

/// Beyond this nobody counts.
const COUNTED_MAX: u32 = 99;

/// The inside of `#bell-count`.
#[derive(Template)]
#[template(path = "ui/bell.html")]
pub struct Bell {
    unread: u32,
}

impl HtmlSafe for Bell {}

impl Bell {
    /// Makes the count of unread messages.
    pub fn new(unread: u32) -> Self {
        Self { unread }
    }

    fn text(&self) -> String {
        words(self.unread)
    }
}

/// Writes a number of unread messages.
pub fn words(unread: u32) -> String {
    if unread > COUNTED_MAX { format!("{COUNTED_MAX}+") } else { unread.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unread_shows_nothing_and_many_are_not_counted() {
        let shown = |unread| Bell::new(unread).render().expect("rendered");

        assert_eq!(shown(0), "");
        assert!(shown(3).contains(">3<") && shown(100).contains(">99+<"));
    }
}
