//! Builds a query from its pieces. What cannot be read is left out and named, so that a page can show the rest.

use super::field::{FIELDS, Field, meant};
use super::scan::{Chars, Token, TokenKind, literal, scan, scan_value, split_field, split_values};
use super::value::{Bound, Kind, Moment, Range, Test, read};
use super::{Part, Problem, Query, Term};

/// Longest text that is read, in characters.
pub const QUERY_CHARS_MAX: usize = 2_000;
/// Most values of one term.
pub const VALUES_MAX: usize = 100;
/// Most terms of a query.
pub const TERMS_MAX: usize = 60;
/// Most problems that are named.
const PROBLEMS_MAX: usize = 20;
/// Deepest nesting of parentheses.
const DEPTH_MAX: usize = 6;

/// What a text asks, and what of it was not understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// The part that was understood.
    pub query: Query,
    /// What was not, in order.
    pub problems: Vec<Problem>,
}

/// Reads a typed text. Nothing is refused: what cannot be read is named with its column.
pub fn parse(text: &str) -> Parsed {
    let kept: String = text.chars().take(QUERY_CHARS_MAX).map(|c| if c == '\0' { ' ' } else { c }).collect();
    let mut parser = Parser { tokens: scan(&kept), at: 0, terms: 0, problems: Vec::new() };
    let query = parser.all(0);
    if text.chars().nth(QUERY_CHARS_MAX).is_some() {
        parser.note(QUERY_CHARS_MAX + 1, "", format!("what stands behind {QUERY_CHARS_MAX} characters was left out"));
    }
    Parsed { query, problems: parser.problems }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    terms: usize,
    problems: Vec<Problem>,
}

impl Parser {
    fn note(&mut self, column: usize, typed: &str, message: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { column, typed: typed.to_owned(), message: message.into() });
        }
    }

    fn peek(&self) -> Option<&TokenKind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// Parts up to the end or to the parenthesis that closes the group.
    fn all(&mut self, depth: usize) -> Query {
        let (mut query, mut begins, mut joined, mut has_choice) = (Query::default(), true, None, false);
        while let Some(kind) = self.peek() {
            match kind {
                TokenKind::Close if depth > 0 => break,
                TokenKind::And if !begins && self.follows_part() => {
                    joined = joined.or(self.tokens.get(self.at).map(|token| token.column));
                    self.at += 1;
                }
                TokenKind::Or | TokenKind::And => self.lone(),
                _ => {
                    let from = self.at;
                    if let Some(part) = self.either(depth) {
                        query.add(part);
                    }
                    has_choice |= self.is_choice(from);
                    begins = false;
                }
            }
        }
        if let Some(column) = joined.filter(|_| has_choice) {
            self.note(
                column,
                "",
                "AND beside OR can mean two things: put one of them into parentheses, as in a (b OR c)",
            );
        }
        query
    }

    /// Whether the mark here is followed by a part of the same group.
    fn follows_part(&self) -> bool {
        let next = self.tokens.get(self.at + 1).map(|token| &token.kind);
        !matches!(next, None | Some(TokenKind::Close | TokenKind::Or | TokenKind::And))
    }

    /// Whether what was read since `from` has an OR that is not within parentheses of its own.
    fn is_choice(&self, from: usize) -> bool {
        let mut depth = 0_usize;
        self.tokens[from.min(self.tokens.len())..self.at.min(self.tokens.len())].iter().any(|token| {
            match token.kind {
                TokenKind::Open => depth += 1,
                TokenKind::Close => depth = depth.saturating_sub(1),
                TokenKind::Or => return depth == 0,
                TokenKind::And | TokenKind::Not | TokenKind::Word(_) => {}
            }
            false
        })
    }

    /// Names a mark that stands alone.
    fn lone(&mut self) {
        if let Some(token) = self.next() {
            self.note(token.column, &token.raw, format!("{} stands between two parts", name(&token.kind)));
        }
    }

    /// One part, or several with OR between them.
    fn either(&mut self, depth: usize) -> Option<Part> {
        let first = self.one(depth);
        if self.peek() != Some(&TokenKind::Or) {
            return first;
        }
        let mut choices: Vec<Query> = first.map(Query::of).into_iter().collect();
        while self.peek() == Some(&TokenKind::Or) {
            match self.tokens.get(self.at + 1).map(|token| &token.kind) {
                None | Some(TokenKind::Close | TokenKind::Or | TokenKind::And) => self.lone(),
                Some(_) => {
                    self.at += 1;
                    choices.extend(self.one(depth).map(Query::of));
                }
            }
        }
        match choices.len() {
            0 | 1 => choices.pop().and_then(Query::into_part),
            _ => Some(Part::Any(choices)),
        }
    }

    fn one(&mut self, depth: usize) -> Option<Part> {
        let token = self.next()?;
        match &token.kind {
            TokenKind::Not
                if self.peek().is_none_or(|next| matches!(next, TokenKind::Close | TokenKind::Or | TokenKind::And)) =>
            {
                self.note(token.column, &token.raw, "NOT stands before the part that it excludes");
                None
            }
            TokenKind::Not => Some(self.one(depth)?.negated()),
            TokenKind::Open => self.group(&token, depth),
            TokenKind::Close => {
                self.note(token.column, &token.raw, "this parenthesis closes nothing");
                None
            }
            TokenKind::Or | TokenKind::And => {
                self.note(token.column, &token.raw, format!("{} stands between two parts", name(&token.kind)));
                None
            }
            TokenKind::Word(word) => {
                if token.is_unclosed {
                    self.note(token.column, &token.raw, "this quotation mark is not closed");
                    return None;
                }
                self.term(&token, word).map(Part::Term)
            }
        }
    }

    fn group(&mut self, open: &Token, depth: usize) -> Option<Part> {
        if depth >= DEPTH_MAX {
            self.note(open.column, &open.raw, format!("parentheses go {DEPTH_MAX} deep at most"));
            self.skip_group();
            return None;
        }
        let query = self.all(depth + 1);
        if self.next().is_none() {
            self.note(open.column, &open.raw, "this parenthesis is not closed");
        }
        query.into_part()
    }

    /// Passes over the rest of a group, whatever is in it.
    fn skip_group(&mut self) {
        let mut open = 1_usize;
        while let Some(token) = self.next().filter(|_| open > 0) {
            match token.kind {
                TokenKind::Open => open += 1,
                TokenKind::Close => open -= 1,
                TokenKind::Or | TokenKind::And | TokenKind::Not | TokenKind::Word(_) => {}
            }
            if open == 0 {
                return;
            }
        }
    }

    fn term(&mut self, token: &Token, word: &Chars) -> Option<Term> {
        self.terms += 1;
        if self.terms > TERMS_MAX {
            if self.terms == TERMS_MAX + 1 {
                self.note(token.column, &token.raw, format!("a query has {TERMS_MAX} terms at most"));
            }
            return None;
        }
        let Some((name, values)) = split_field(word) else {
            let text = literal(word);
            return (!text.trim().is_empty()).then(|| Term::of(Field::Text, vec![Test::Has(text)]));
        };
        match field(&name, values) {
            Ok(term) => Some(term),
            Err(message) => {
                self.note(token.column, &token.raw, message);
                None
            }
        }
    }
}

/// How a mark is called.
fn name(mark: &TokenKind) -> &'static str {
    if *mark == TokenKind::And { "AND" } else { "OR" }
}

/// Reads a parameter of an address: `state=failed,retrying`, `attempt=gt:2`, `tag=-test`.
///
/// # Errors
/// What is wrong with it, and what could stand there.
pub fn parameter(name: &str, value: &str) -> Result<Term, String> {
    field(name, &scan_value(&value.replace('\0', " ")))
}

/// Reads a term: `state:failed,retrying`.
fn field(name: &str, values: &Chars) -> Result<Term, String> {
    if let Some(sign) = match name.to_ascii_lowercase().as_str() {
        "after" => Some(true),
        "before" => Some(false),
        _ => None,
    } {
        return since(sign, values);
    }
    let field = Field::parse(name).ok_or_else(|| stranger(name))?;
    let kind = field.about().kind;
    let (values, is_excluded) = match values {
        // "-24h" is a moment
        [('-', false), rest @ ..] if !matches!(kind, Kind::Moment | Kind::Number | Kind::Argument) => (rest, true),
        _ => (values, false),
    };
    let mut tests = Vec::new();
    for value in split_values(values).filter(|value| !value.is_empty()) {
        let test = read(kind, value)?;
        if !tests.contains(&test) {
            tests.push(test);
        }
    }
    match tests.len() {
        0 => Err(format!("{name} needs a value, such as {}", field.about().example)),
        n if n > VALUES_MAX => Err(format!("{name} takes {VALUES_MAX} values at most")),
        _ => Ok(Term { is_excluded, ..Term::of(field, tests) }),
    }
}

/// `after:2026-11-01` and `before:-24h` ask when jobs were enqueued.
fn since(is_after: bool, values: &Chars) -> Result<Term, String> {
    let Test::Moment(asked) = read(Kind::Moment, values)? else { return Err("this is no moment".into()) };
    let value: Option<Moment> = asked.single().or(asked.from.map(|bound| bound.value));
    let Some(value) = value else { return Err("write one moment, such as after:2026-11-01".into()) };
    let range = match is_after {
        true => Range { from: Some(Bound { value, is_within: true }), to: None },
        false => Range { from: None, to: Some(Bound { value, is_within: false }) },
    };
    Ok(Term::of(Field::Created, vec![Test::Moment(range)]))
}

/// Says of a name that it is no field, and what could be meant.
pub fn stranger(name: &str) -> String {
    match meant(name) {
        Some(known) => format!("there is no field {name}; did you mean {known}?"),
        None => {
            let names: Vec<&str> = FIELDS.iter().map(|(_, about)| about.name).collect();
            format!("there is no field {name}; fields are {} and arg.…", names.join(", "))
        }
    }
}
