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
        match self.step {
            Step::Root => Ok(()),
            Step::Key(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => write!(f, "/{index}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
