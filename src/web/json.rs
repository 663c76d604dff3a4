//! JSON laid out for reading: two spaces a level, numbers exactly as stored, invisible characters shown.

use serde_json::Value;

use super::ansi::visible;
use super::span::Span;

/// Deepest level that is laid out; below it the value is written on one line.
const LEVELS_MAX: usize = 32;
/// Most bytes that are laid out; the rest is left out and said so.
pub const BYTES_MAX: usize = 256 * 1024;

/// Lays out `value` in pieces with the classes of the `.code` block.
pub fn pretty(value: &Value) -> Vec<Span> {
    let mut page = Page::default();
    page.value(value, 0);
    if page.full {
        page.spans.push(Span::new("x-ctl", format!("\n… cut after {} KiB", BYTES_MAX / 1024)));
    }
    page.spans
}

#[derive(Default)]
struct Page {
    spans: Vec<Span>,
    bytes: usize,
    full: bool,
}

impl Page {
    fn push(&mut self, class: &'static str, text: &str) {
        self.full |= self.bytes + text.len() > BYTES_MAX;
        if self.full {
            return;
        }
        self.bytes += text.len();
        match self.spans.last_mut() {
            Some(last) if last.class == class => last.text.push_str(text),
            _ => self.spans.push(Span::new(class, text)),
        }
    }

    fn value(&mut self, value: &Value, level: usize) {
        match value {
            Value::Null => self.push("kw", "null"),
            Value::Bool(true) => self.push("kw", "true"),
            Value::Bool(false) => self.push("kw", "false"),
            Value::Number(number) => self.push("num", &number.to_string()),
            Value::String(text) => self.push("s", &quoted(text)),
            Value::Array(items) if items.is_empty() => self.push("p", "[]"),
            Value::Object(fields) if fields.is_empty() => self.push("p", "{}"),
            deep if level >= LEVELS_MAX => self.push("", &visible(&deep.to_string())),
            Value::Array(items) => self.list(("[", "]"), level, items.iter().map(|item| (None, item))),
            Value::Object(fields) => self.list(("{", "}"), level, fields.iter().map(|(name, item)| (Some(name), item))),
        }
    }

    fn list<'v>(
        &mut self,
        (open, close): (&str, &str),
        level: usize,
        items: impl Iterator<Item = (Option<&'v String>, &'v Value)>,
    ) {
        self.push("p", open);
        for (place, (name, item)) in items.enumerate() {
            if self.full {
                return;
            }
            self.push("p", if place == 0 { "\n" } else { ",\n" });
            self.push("p", &"  ".repeat(level + 1));
            if let Some(name) = name {
                self.push("kk", &quoted(name));
                self.push("p", ": ");
            }
            self.value(item, level + 1);
        }
        self.push("p", &format!("\n{}{close}", "  ".repeat(level)));
    }
}

fn quoted(text: &str) -> String {
    visible(&Value::String(text.to_owned()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(value: &Value) -> String {
        pretty(value).into_iter().map(|span| span.text).collect()
    }

    #[test]
    fn the_layout_is_json_again() {
        let value = json!({"a": [1, true, null, {"b": "x\"\n"}], "c": {}, "d": [], "price": 9_007_199_254_740_993_u64});

        assert_eq!(serde_json::from_str::<Value>(&text(&value)).ok(), Some(value.clone()));
        assert!(text(&value).contains("  \"price\": 9007199254740993\n}"));
    }

    #[test]
    fn keys_values_and_words_have_their_own_class() {
        let spans = pretty(&json!({"k": "v", "n": 1, "b": false}));

        let classes: Vec<_> = spans.iter().map(|span| span.class).collect();
        assert_eq!(classes, ["p", "kk", "p", "s", "p", "kk", "p", "num", "p", "kk", "p", "kw", "p"]);
    }

    #[test]
    fn hidden_characters_are_shown() {
        assert_eq!(text(&json!("a\u{202e}b")), "\"a\u{2039}U+202E\u{203a}b\"");
    }

    #[test]
    fn deep_and_large_values_end() {
        let mut deep = json!(1);
        for _ in 0..60 {
            deep = json!([deep]);
        }
        assert!(text(&deep).lines().count() < 2 * LEVELS_MAX + 4);

        let large = json!(vec!["x".repeat(1000); 1000]);
        let shown = text(&large);
        assert!(shown.len() < BYTES_MAX + 100 && shown.ends_with("cut after 256 KiB"));
    }
}
