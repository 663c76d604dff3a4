//! Places in JSON values, spelled as JSON pointers (RFC 6901).

use std::fmt;

/// A place in a JSON value. Costs nothing until it is displayed, so that a check which finds no fault allocates nothing.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    outer: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    /// The whole value; displayed as an empty text.
    pub const ROOT: Place<'static> = Place { outer: None, step: Step::Root };

    /// Gives the place of the member `name` of the object here.
    pub fn key(&'a self, name: &'a str) -> Self {
        Self { outer: Some(self), step: Step::Key(name) }
    }

    /// Gives the place of the element `index`, from 0, of the list here.
    pub fn index(&'a self, index: usize) -> Self {
        Self { outer: Some(self), step: Step::Index(index) }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(outer) = self.outer {
            outer.fmt(f)?;
        }
        self.step.fmt(f)
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")),
            Self::Index(index) => write!(f, "/{index}"),
        }
    }
}

/// Longest pointer that is told, in characters.
const POINTER_CHARS_MAX: usize = 500;

/// Tells the place of the value or member name that stands at byte `offset` of a JSON text. Needs no grammar: of a text
/// that is broken it tells the place as far as it can be followed.
pub fn of_byte(text: &[u8], offset: usize) -> String {
    let mut walk = Walk { text, at: 0, open: Vec::new() };
    while walk.at < text.len() {
        let start = walk.at;
        walk.token();
        if walk.at > offset {
            walk.undo(text[start]);
            break;
        }
    }
    walk.pointer().chars().take(POINTER_CHARS_MAX).collect()
}

/// An object or list that is open at a byte.
enum Open {
    Object { name: Option<String>, named: bool },
    List { index: usize },
}

struct Walk<'t> {
    text: &'t [u8],
    at: usize,
    open: Vec<Open>,
}

impl Walk<'_> {
    fn token(&mut self) {
        let start = self.at;
        self.at += 1;
        match self.text[start] {
            b'{' => self.open.push(Open::Object { name: None, named: false }),
            b'[' => self.open.push(Open::List { index: 0 }),
            b'}' | b']' => drop(self.open.pop()),
            b',' => self.next(),
            b'"' => self.string(start),
            _ => {}
        }
    }

    /// A bracket that is asked for belongs to what surrounds it.
    fn undo(&mut self, token: u8) {
        if matches!(token, b'{' | b'[') {
            self.open.pop();
        }
    }

    fn next(&mut self) {
        match self.open.last_mut() {
            Some(Open::Object { name, named }) => (*name, *named) = (None, false),
            Some(Open::List { index }) => *index += 1,
            None => {}
        }
    }

    fn string(&mut self, start: usize) {
        while let Some(byte) = self.text.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == b'"' {
                break;
            }
        }
        self.at = self.at.min(self.text.len());
        if let Some(Open::Object { name, named: named @ false }) = self.open.last_mut() {
            let raw = &self.text[start..self.at];
            let plain = || String::from_utf8_lossy(raw).trim_matches('"').to_owned();
            (*name, *named) = (Some(serde_json::from_slice(raw).unwrap_or_else(|_| plain())), true);
        }
    }

    fn pointer(&self) -> String {
        let step = |open: &Open| match open {
            Open::Object { name: Some(name), .. } => Step::Key(name).to_string(),
            Open::Object { name: None, .. } => String::new(),
            Open::List { index } => Step::Index(*index).to_string(),
        };
        self.open.iter().map(step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_of_a_text_has_a_place() {
        let text = r#"{"a": [1, {"b/c": "x\"y"}], "d": {}}"#;
        let place = |of: &str| of_byte(text.as_bytes(), text.find(of).unwrap());

        assert_eq!(place("1"), "/a/0");
        assert_eq!(place("x"), "/a/1/b~1c");
        assert_eq!(place("{\"b"), "/a/1");
        assert_eq!(place("{}"), "/d");
        assert_eq!(of_byte(text.as_bytes(), 0), "");
        assert_eq!(of_byte(b"{\"a\":[0,[", 8), "/a/1");
        assert_eq!(of_byte(b"]]}{\"a", 99), "/a");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(text: Vec<u8>, offset in 0usize..64) {
            let _ = of_byte(&text, offset);
        }
    }

    #[test]
    fn a_place_is_spelled_as_a_json_pointer() {
        let value = serde_json::json!({ "a/b": [{ "~": 7 }] });
        let (list, first) = (Place::ROOT.key("a/b"), 0);
        let item = list.index(first);
        let place = item.key("~");

        assert_eq!(place.to_string(), "/a~1b/0/~0");
        assert_eq!(value.pointer(&place.to_string()), Some(&serde_json::json!(7)));
        assert_eq!(Place::ROOT.to_string(), "");
    }
}
