//! Finding the `{{ … }}` of SQL, and what around them is code, quoted text or comment
//! (PostgreSQL documentation, section 4.1 "Lexical Structure").

use super::RenderError;
use super::fault::line_at;

/// A piece of SQL.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'a> {
    /// Text that reaches the database as it is.
    Code(&'a str),
    /// The expression between `{{` and `}}`.
    Value { expression: &'a str, line: usize },
}

/// Cuts SQL into pieces.
///
/// # Errors
/// A sentence: a value within quotes or a comment, a statement `{% … %}`, an open quote, a parameter such as `$1`.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, RenderError> {
    let mut cutter = Cutter { text, at: 0, code_from: 0, pieces: Vec::new() };
    while cutter.at < text.len() {
        cutter.step()?;
    }
    cutter.end_code(text.len());
    Ok(cutter.pieces)
}

struct Cutter<'a> {
    text: &'a str,
    at: usize,
    /// Where the code that is not yet a piece begins.
    code_from: usize,
    pieces: Vec<Piece<'a>>,
}

impl<'a> Cutter<'a> {
    fn step(&mut self) -> Result<(), RenderError> {
        let rest = &self.text.as_bytes()[self.at..];
        match rest {
            [b'{', b'{', ..] => self.value(),
            [b'{', b'%' | b'#', ..] => {
                self.refuse(self.at, "{% … %} and {# … #} cannot stand in SQL: only {{ … }} can")
            }
            [b'}', b'}', ..] => self.refuse(self.at, "}} stands without {{"),
            [b'\'', ..] => self.quoted(b'\''),
            [b'"', ..] => self.quoted(b'"'),
            [b'-', b'-', ..] => {
                let end = self.text[self.at..].find('\n').map_or(self.text.len(), |length| self.at + length);
                self.skip(end, "a comment")
            }
            [b'/', b'*', ..] => self.block_comment(),
            [b'$', ..] if !self.follows_name() => self.dollar(),
            _ => {
                self.at += 1;
                Ok(())
            }
        }
    }

    fn refuse(&self, at: usize, message: impl Into<String>) -> Result<(), RenderError> {
        Err(RenderError::at(line_at(self.text, at), message))
    }

    fn end_code(&mut self, end: usize) {
        if self.code_from < end {
            self.pieces.push(Piece::Code(&self.text[self.code_from..end]));
        }
    }

    fn value(&mut self) -> Result<(), RenderError> {
        let start = self.at + 2;
        let Some(length) = expression_length(&self.text[start..]) else {
            return self.refuse(self.at, "{{ stands without }}");
        };
        let (expression, end) = (&self.text[start..start + length], start + length + 2);
        if expression.starts_with(['-', '+']) || expression.ends_with(['-', '+']) {
            return self.refuse(self.at, "{{ and }} cannot trim the space around them in SQL");
        }
        if self.follows_name() || self.text[..self.at].ends_with(['"', '\'', '.']) || starts_name(&self.text[end..]) {
            return self.refuse(self.at, "{{ … }} stands for a whole value and cannot be glued to a name or text");
        }
        self.end_code(self.at);
        self.pieces.push(Piece::Value { expression, line: line_at(self.text, self.at) });
        (self.at, self.code_from) = (end, end);
        Ok(())
    }

    /// Tells whether the byte before this place belongs to a name or number.
    fn follows_name(&self) -> bool {
        self.text.as_bytes()[..self.at].last().is_some_and(|byte| is_name_byte(*byte))
    }

    /// Passes over `'…'` or `"…"`; a doubled quote is a quote, and in `E'…'` a backslash protects what follows.
    fn quoted(&mut self, quote: u8) -> Result<(), RenderError> {
        let bytes = self.text.as_bytes();
        let backslash = quote == b'\'' && is_escape_string(&bytes[..self.at]);
        let mut at = self.at + 1;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\\' if backslash => at += 2,
                byte if *byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
                byte if *byte == quote => {
                    return self.skip(at + 1, if quote == b'"' { "a quoted name" } else { "quoted text" });
                }
                _ => at += 1,
            }
        }
        self.refuse(self.at, "the quote that begins here never ends")
    }

    /// Passes over a comment; `/* … */` nest.
    fn block_comment(&mut self) -> Result<(), RenderError> {
        let bytes = self.text.as_bytes();
        let (mut at, mut depth) = (self.at + 2, 1);
        while depth > 0 {
            match bytes.get(at..at + 2) {
                Some(b"/*") => (at, depth) = (at + 2, depth + 1),
                Some(b"*/") => (at, depth) = (at + 2, depth - 1),
                Some(_) => at += 1,
                None => return self.refuse(self.at, "the comment that begins here never ends"),
            }
        }
        self.skip(at, "a comment")
    }

    /// Passes over `$tag$ … $tag$`.
    fn dollar(&mut self) -> Result<(), RenderError> {
        let rest = &self.text[self.at..];
        if rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            return self.refuse(self.at, "parameters are written {{ … }}, not $1");
        }
        let tag_length = rest[1..].bytes().take_while(|byte| is_name_byte(*byte) && *byte != b'$').count() + 2;
        let Some(tag) = rest.get(..tag_length).filter(|tag| tag.ends_with('$')) else {
            self.at += 1; // a lone dollar: the database will judge it
            return Ok(());
        };
        match rest[tag_length..].find(tag) {
            Some(length) => self.skip(self.at + 2 * tag_length + length, "dollar-quoted text"),
            None => self.refuse(self.at, format!("the text that {tag} begins never ends")),
        }
    }

    fn skip(&mut self, end: usize, what: &str) -> Result<(), RenderError> {
        let passed = &self.text[self.at..end.min(self.text.len())];
        if let Some(inner) = passed.find("{{").filter(|inner| passed[*inner..].contains("}}")) {
            return self.refuse(
                self.at + inner,
                format!("{{{{ … }}}} cannot stand in {what}: it would stay text. It stands for a whole value, without quotes"),
            );
        }
        self.at = end;
        Ok(())
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

fn starts_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| is_name_byte(byte) || matches!(byte, b'\'' | b'"'))
}

/// Tells whether a quote after `before` begins a text in which backslashes count.
fn is_escape_string(before: &[u8]) -> bool {
    matches!(before, [.., b'e' | b'E']) && !before[..before.len() - 1].last().is_some_and(|byte| is_name_byte(*byte))
}

/// Counts the bytes up to the `}}` that ends an expression, as minijinja does: quotes and brackets protect it.
fn expression_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0_usize, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'}' if depth == 0 => return (bytes.get(at + 1) == Some(&b'}')).then_some(at),
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'\'' | b'"' => at = string_end(bytes, at)?,
            _ => {}
        }
        at += 1;
    }
    None
}

/// Gives the place of the quote that ends the string beginning at `start`.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while *bytes.get(at)? != bytes[start] {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_found_in_code_only() {
        let text = "SELECT 'it''s', E'\\'', $q$ ' $q$, \"a\"\"b\" -- it's\n/* /* ' */ */ WHERE a$b = {{ params.a }} AND b={{ {'k': '}}'}.k }};";

        let values: Vec<_> = pieces(text)
            .unwrap()
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Value { expression, line } => Some((expression, line)),
                Piece::Code(_) => None,
            })
            .collect();

        assert_eq!(values, [(" params.a ", 2), (" {'k': '}}'}.k ", 2)]);
    }

    #[test]
    fn misplaced_values_are_refused_with_a_sentence() {
        let stays = |what: &str| {
            format!(
                "line 1: {{{{ … }}}} cannot stand in {what}: it would stay text. It stands for a whole value, without quotes"
            )
        };
        let cases = [
            ("SELECT '{{ params.a }}'", stays("quoted text")),
            ("SELECT E'\\'{{ params.a }}'", stays("quoted text")),
            ("SELECT \"{{ params.a }}\"", stays("a quoted name")),
            ("DO $x$ {{ params.a }} $x$", stays("dollar-quoted text")),
            ("SELECT 1 -- {{ params.a }}", stays("a comment")),
            ("/* {{ params.a }} */", stays("a comment")),
            (
                "SELECT a{{ params.a }}",
                "line 1: {{ … }} stands for a whole value and cannot be glued to a name or text".into(),
            ),
            (
                "SELECT {{ params.a }}b",
                "line 1: {{ … }} stands for a whole value and cannot be glued to a name or text".into(),
            ),
            (
                "SELECT 'x'{{ params.a }}",
                "line 1: {{ … }} stands for a whole value and cannot be glued to a name or text".into(),
            ),
            ("{% if x %}", "line 1: {% … %} and {# … #} cannot stand in SQL: only {{ … }} can".into()),
            ("SELECT\n{{ params.a", "line 2: {{ stands without }}".into()),
            ("SELECT }}", "line 1: }} stands without {{".into()),
            ("SELECT {{- params.a }}", "line 1: {{ and }} cannot trim the space around them in SQL".into()),
            ("SELECT $1", "line 1: parameters are written {{ … }}, not $1".into()),
            ("SELECT\n'a", "line 2: the quote that begins here never ends".into()),
            ("/* /* */", "line 1: the comment that begins here never ends".into()),
            ("$a$ $b$", "line 1: the text that $a$ begins never ends".into()),
        ];

        for (text, sentence) in cases {
            assert_eq!(pieces(text).unwrap_err().to_string(), sentence, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_pieces_put_together_are_the_text(text in r#"(\{\{|\}\}|'|"|\$|a|\$q\$|--|\n|/\*|\*/|\\|ü| |;|E'|1|\(|\[){0,30}"#) {
            if let Ok(pieces) = pieces(&text) {
                let joined: String = pieces
                    .iter()
                    .map(|piece| match piece {
                        Piece::Code(code) => (*code).to_owned(),
                        Piece::Value { expression, .. } => format!("{{{{{expression}}}}}"),
                    })
                    .collect();
                prop_assert_eq!(joined, text);
            }
        }
    }
}
