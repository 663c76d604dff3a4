//! Cuts a typed query into words and marks, each with its column. Quotes make signs, commas, parentheses and spaces part of a word; within
//! them, a backslash stands before a quote or another backslash.

/// Characters with whether they stood in quotes.
pub type Chars = [(char, bool)];

/// A piece of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it begins: characters from 1.
    pub column: usize,
    /// As it was typed.
    pub raw: String,
    /// It ends within quotes.
    pub is_unclosed: bool,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenKind {
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// `OR` or `|`.
    Or,
    /// `AND`, which is what a space means.
    And,
    /// A minus right before a word or a parenthesis, or `NOT`.
    Not,
    /// Everything else up to the next space.
    Word(Vec<(char, bool)>),
}

/// Cuts `text` into pieces.
pub fn scan(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut tokens, mut at, mut open) = (Vec::new(), 0, 0_usize);
    while at < chars.len() {
        let next = chars.get(at + 1).copied();
        let kind = match chars[at] {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '(' => Some(TokenKind::Open),
            ')' if open > 0 => Some(TokenKind::Close),
            '-' if next.is_some_and(|next| !next.is_whitespace() && next != ')') => Some(TokenKind::Not),
            _ => None,
        };
        let (kind, end, is_unclosed) = match kind {
            Some(kind) => (kind, at + 1, false),
            None => word(&chars, at, open > 0),
        };
        match kind {
            TokenKind::Open => open += 1,
            TokenKind::Close => open -= 1,
            _ => {}
        }
        tokens.push(Token { kind, column: at + 1, raw: chars[at..end].iter().collect(), is_unclosed });
        at = end;
    }
    tokens
}

/// Reads a word from `start` and tells where it ends, and whether that is within quotes. A parenthesis that it opened itself belongs to it: `connect(2)`.
fn word(chars: &[char], start: usize, in_group: bool) -> (TokenKind, usize, bool) {
    let (mut found, mut quoted, mut own, mut at) = (Vec::new(), false, 0_usize, start);
    while let Some(&c) = chars.get(at) {
        match c {
            '\\' if quoted && matches!(chars.get(at + 1), Some('"' | '\\')) => {
                at += 1;
                found.push((chars[at], true));
            }
            '"' => quoted = !quoted,
            c if !quoted && (c.is_whitespace() || c == ')' && own == 0 && in_group) => break,
            c => {
                own = match c {
                    '(' if !quoted => own + 1,
                    ')' if !quoted => own.saturating_sub(1),
                    _ => own,
                };
                found.push((c, quoted));
            }
        }
        at += 1;
    }
    let raw: String = chars[start..at].iter().collect();
    let kind = match raw.as_str() {
        "OR" | "|" => TokenKind::Or,
        "AND" => TokenKind::And,
        "NOT" => TokenKind::Not,
        _ => TokenKind::Word(found),
    };
    (kind, at, quoted)
}

/// Reads the value of a parameter: spaces belong to it, quotes and backslashes mean the same as in a typed query.
pub fn scan_value(text: &str) -> Vec<(char, bool)> {
    let (mut found, mut quoted, mut chars) = (Vec::new(), false, text.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted && matches!(chars.peek(), Some('"' | '\\')) => found.extend(chars.next().map(|c| (c, true))),
            '"' => quoted = !quoted,
            c => found.push((c, quoted)),
        }
    }
    found
}

/// Writes the characters as text.
pub fn literal(chars: &Chars) -> String {
    chars.iter().map(|(c, _)| *c).collect()
}

/// Splits a word into the name before its first colon and the rest. Addresses of the web and times of day have none: `https://…`, `14:30`.
pub fn split_field(word: &Chars) -> Option<(String, &Chars)> {
    let colon = word.iter().position(|(c, quoted)| *c == ':' && !quoted)?;
    let (name, rest) = (&word[..colon], &word[colon + 1..]);
    let starts = name.first().is_some_and(|(c, quoted)| c.is_ascii_alphabetic() && !quoted);
    let is_name = name.iter().all(|(c, quoted)| *c != '/' && !c.is_whitespace() && (!quoted || name.len() > 1));
    let is_address = matches!(rest, [('/', false), ('/', false), ..]);
    (starts && is_name && !is_address).then(|| (literal(name), rest))
}

/// Splits values at commas.
pub fn split_values(values: &Chars) -> impl Iterator<Item = &Chars> {
    values.split(|(c, quoted)| *c == ',' && !quoted)
}

/// Splits a range at its two dots.
pub fn split_at_dots(value: &Chars) -> Option<(&Chars, &Chars)> {
    let at = value.windows(2).position(|pair| pair.iter().all(|(c, quoted)| *c == '.' && !quoted))?;
    Some((&value[..at], &value[at + 2..]))
}
