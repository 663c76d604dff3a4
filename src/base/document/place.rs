//! Where the values of a document stand in its text.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::{Document, yaml};

/// The places of a document's values. Made only when there is a fault to tell.
#[derive(Debug, Default)]
pub struct Places {
    root: Option<Spanned<Node>>,
    lines_before: usize,
    columns_before: usize,
}

#[derive(Debug)]
enum Node {
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
    List(Vec<Spanned<Node>>),
    Leaf,
}

impl Document<'_> {
    /// Finds where every value stands. JSON is read as the YAML that it is.
    pub fn places(&self) -> Places {
        let root = serde_saphyr::from_str_with_options(self.text, yaml::options()).ok(); // without places: the beginning
        Places { root, lines_before: self.lines_before, columns_before: self.columns_before }
    }
}

impl Places {
    /// Gives line and column, from 1, of the field or list element at a JSON pointer; of the innermost one around it that
    /// is there when it is missing.
    pub fn of(&self, pointer: &str) -> (usize, usize) {
        let (line, column) = self.inner(pointer);
        let columns_before = if line == 1 { self.columns_before } else { 0 };
        (line + self.lines_before, column + columns_before)
    }

    fn inner(&self, pointer: &str) -> (usize, usize) {
        let Some(mut node) = self.root.as_ref() else { return (1, 1) };
        let mut place = at(node);
        for step in pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")) {
            let Some((found, inner)) = node.value.step(&step) else { break };
            (place, node) = (found, inner);
        }
        place
    }
}

fn at<T>(spanned: &Spanned<T>) -> (usize, usize) {
    let place = spanned.referenced;
    (place.line().max(1) as usize, place.column().max(1) as usize)
}

impl Node {
    fn step(&self, step: &str) -> Option<((usize, usize), &Spanned<Self>)> {
        match self {
            Self::Map(members) => {
                let (key, value) = members.iter().find(|(key, _)| key.value == step)?;
                Some((at(key), value))
            }
            Self::List(elements) => {
                let element = elements.get(step.parse::<usize>().ok()?)?;
                Some((at(element), element))
            }
            Self::Leaf => None,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Node::Map(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Node::List(elements))
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Node, D::Error> {
        IgnoredAny::deserialize(from).map(|_| Node::Leaf)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
}

#[cfg(test)]
mod tests {
    use super::super::documents;

    fn place(text: &str, document: usize, pointer: &str) -> (usize, usize) {
        documents(text).unwrap()[document].places().of(pointer)
    }

    #[test]
    fn fields_and_elements_are_found_in_yaml() {
        let text =
            "# first\nname: a\n---\nname: b\ncommand:\n  argv: [x, y]\n  env:\n    A/B: 1\nlist:\n- one\n- two: 2\n";

        assert_eq!(place(text, 0, "/name"), (2, 1));
        assert_eq!(place(text, 1, "/command/argv"), (6, 3));
        assert_eq!(place(text, 1, "/command/argv/1"), (6, 13));
        assert_eq!(place(text, 1, "/command/env/A~1B"), (8, 5));
        assert_eq!(place(text, 1, "/list/1/two"), (11, 3));
    }

    #[test]
    fn a_missing_field_stands_where_it_is_missing() {
        let text = "name: b\nhttp:\n  method: GET\n";

        assert_eq!(place(text, 0, "/http/url"), (2, 1));
        assert_eq!(place(text, 0, "/sql"), (1, 1));
        assert_eq!(place(text, 0, ""), (1, 1));
    }

    #[test]
    fn json_is_found_as_well() {
        let text = "[{\"a\": 1},\n {\"b\": {\"c\": [1,\n  2]}}]";

        assert_eq!(place(text, 0, "/a"), (1, 3));
        assert_eq!(place(text, 1, "/b/c"), (2, 9));
        assert_eq!(place(text, 1, "/b/c/1"), (3, 3));
    }
}
