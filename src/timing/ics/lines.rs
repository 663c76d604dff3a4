//! Content lines of RFC 5545: section 3.1 (folding), 3.2 (parameters) and 3.3.11 (escapes of a text).

/// Most octets of a line that is written, without its end.
const LINE_OCTETS_MAX: usize = 75;

/// A content line: a name, parameters and a value. Names are in capitals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// The number of its first line in the file, from 1.
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) params: Vec<(String, String)>,
    pub(super) value: String,
}

impl Line {
    /// Reads one unfolded line: `NAME;PARAM=value;PARAM="quoted":value`. `None` when there is no colon or no name.
    fn parse(number: usize, text: &str) -> Option<Self> {
        let head_end = outside_quotes(text, &[';', ':'])?;
        let (name, mut rest) = text.split_at_checked(head_end)?;
        let mut params = Vec::new();
        while let Some(param) = rest.strip_prefix(';') {
            let end = outside_quotes(param, &[';', ':'])?;
            let (one, after) = param.split_at_checked(end)?;
            let (key, value) = one.split_once('=').unwrap_or((one, ""));
            params.push((key.trim().to_uppercase(), value.trim_matches('"').to_owned()));
            rest = after;
        }
        let value = rest.strip_prefix(':')?.to_owned();
        let name = name.trim().to_uppercase();
        (!name.is_empty()).then_some(Self { number, name, params, value })
    }

    /// Gives a parameter's value, in capitals.
    pub(super) fn param(&self, name: &str) -> Option<String> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.to_uppercase())
    }

    /// Gives the value as a text, its escapes undone and what may not stand in a name taken out: line ends become spaces.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut chars = self.value.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('n' | 'N') => text.push(' '),
                    Some(escaped) => text.push(escaped),
                    None => {}
                },
                plain => text.push(plain),
            }
        }
        text
    }
}

fn outside_quotes(text: &str, ends: &[char]) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (!quoted && ends.contains(&c)).then_some(at)
    })
}

/// Gives the content lines of a file: folded ones joined, empty ones left out; for a line that is none, its number.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Result<Line, usize>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut raw = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).enumerate().peekable();
    std::iter::from_fn(move || {
        let (at, first) = raw.next()?;
        let mut whole = first.to_owned();
        while let Some((_, folded)) = raw.next_if(|(_, line)| line.starts_with([' ', '\t'])) {
            whole.extend(folded.chars().skip(1));
        }
        Some((at + 1, whole))
    })
    .filter(|(_, line)| !line.trim().is_empty())
    .map(|(number, line)| Line::parse(number, &line).ok_or(number))
}

/// Escapes a text for a value.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_control() || *c == '\n') {
        match c {
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            plain => escaped.push(plain),
        }
    }
    escaped
}

/// Writes a content line with its end, folded so that no line has more than 75 octets; characters stay whole.
pub(super) fn write(out: &mut String, line: &str) {
    let mut octets = 0;
    for c in line.chars() {
        if octets + c.len_utf8() > LINE_OCTETS_MAX {
            out.push_str("\r\n ");
            octets = 1;
        }
        out.push(c);
        octets += c.len_utf8();
    }
    out.push_str("\r\n");
}
