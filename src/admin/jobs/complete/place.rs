//! Where the caret stands in a typed search, and what could be typed there.

use crate::admin::jobs::query::Field;
use crate::admin::jobs::query::value::Kind;

/// What stands at the caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where the piece begins that a choice replaces: characters from 0.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// What it is.
    pub what: What,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The beginning of a field's name, or of a word.
    Name(String),
    /// The beginning of a value.
    Value(Field, String),
}

/// Finds the piece at `caret` (characters from 0).
pub fn place(text: &str, caret: usize) -> Place {
    let chars: Vec<char> = text.chars().collect();
    let caret = caret.min(chars.len());
    let (start, colon, comma) = pieces(&chars[..caret]);
    let written = |from: usize| chars[from..caret].iter().filter(|c| **c != '"').collect::<String>();
    let field = colon.and_then(|colon| Field::parse(&chars[start..colon].iter().collect::<String>()));
    match (colon, field) {
        (Some(colon), Some(field)) => {
            let from = comma.unwrap_or(colon) + 1;
            let excludes = !matches!(field.about().kind, Kind::Moment | Kind::Number | Kind::Length | Kind::Argument);
            let from = if excludes && comma.is_none() && chars.get(from) == Some(&'-') { from + 1 } else { from };
            let from = from.min(caret);
            Place { from, to: end(&chars, caret, &[',']), what: What::Value(field, written(from)) }
        }
        _ => {
            let to = end(&chars, caret, &[':']);
            let to = if chars.get(to) == Some(&':') { to + 1 } else { to };
            Place { from: start, to, what: What::Name(written(start)) }
        }
    }
}

/// Where the word begins that ends with `chars`, where its first colon stands and where its last comma behind that.
fn pieces(chars: &[char]) -> (usize, Option<usize>, Option<usize>) {
    let (mut start, mut colon, mut comma, mut quoted) = (0, None, None, false);
    for (at, c) in chars.iter().enumerate() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            c if c.is_whitespace() => (start, colon, comma) = (at + 1, None, None),
            '(' | '-' if at == start => start = at + 1,
            ':' if colon.is_none() => colon = Some(at),
            ',' if colon.is_some() => comma = Some(at),
            _ => {}
        }
    }
    (start, colon, comma)
}

/// Where the piece ends that goes on behind the caret.
fn end(chars: &[char], caret: usize, ends: &[char]) -> usize {
    let stops = |c: &char| c.is_whitespace() || *c == ')' || ends.contains(c);
    chars[caret..].iter().position(stops).map_or(chars.len(), |at| caret + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places the caret where the bar stands.
    fn at(text: &str) -> (usize, usize, What) {
        let caret = text.chars().position(|c| c == '|').expect("a caret");
        let found = place(&text.replacen('|', "", 1), caret);
        (found.from, found.to, found.what)
    }

    #[test]
    fn the_piece_at_the_caret_is_found() {
        let name = |text: &str| What::Name(text.into());
        let value = |field, text: &str| What::Value(field, text.into());
        for (text, found) in [
            ("|", (0, 0, name(""))),
            ("sta|", (0, 3, name("sta"))),
            ("late -ta|", (6, 8, name("ta"))),
            ("(que|ue:mail", (1, 7, name("que"))),
            ("state:fa|", (6, 8, value(Field::State, "fa"))),
            ("state:failed,he|ld late", (13, 17, value(Field::State, "he"))),
            ("state:-fa|", (7, 9, value(Field::State, "fa"))),
            ("created:-2|", (8, 10, value(Field::Created, "-2"))),
            ("tag:\"two w|", (4, 10, value(Field::Tag, "two w"))),
            ("quue:ma|", (0, 7, name("quue:ma"))),
            ("arg.country:|", (12, 12, value(Field::Arg(vec!["country".into()]), ""))),
            ("a:b (queue:m|) x", (11, 12, value(Field::Queue, "m"))),
        ] {
            assert_eq!(at(text), found, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_piece_lies_within_the_text(text in ".{0,40}", caret in 0_usize..50) {
            let found = place(&text, caret);

            proptest::prop_assert!(found.from <= found.to && found.to <= text.chars().count());
        }
    }
}
