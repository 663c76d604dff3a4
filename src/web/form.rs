//! What was typed into a form, and what is wrong with it. Nothing typed is lost when a form is shown again.
//!
//! A handler reads typed values with [`Form::required`], [`Form::read`], [`Form::number`]; each failure is noted at its
//! field. When [`Form::is_refused`], the page is rendered again from the same form with status 422.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use percent_encoding::percent_decode;

/// Most fields of one form.
pub const FIELDS_MAX: usize = 512;

/// Something wrong with a field, in words for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field's name.
    pub field: String,
    /// The sentence.
    pub message: String,
}

/// A form's fields in the order they came, and the problems found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    fields: Vec<(String, String)>,
    problems: Vec<Problem>,
}

/// The body is not a form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// More than [`FIELDS_MAX`] fields.
    #[error("the form has more than {FIELDS_MAX} fields")]
    TooManyFields,
    /// A field holds bytes that are not UTF-8.
    #[error("the field {0:?} is not valid UTF-8")]
    NotText(String),
}

impl Form {
    /// Reads an urlencoded body.
    ///
    /// # Errors
    /// [`FormError`] names the field that is not text. A NUL is kept and refused at its field by the readers below.
    pub fn parse(body: &[u8]) -> Result<Self, FormError> {
        let mut form = Self::default();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if form.fields.len() == FIELDS_MAX {
                return Err(FormError::TooManyFields);
            }
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            let name = decoded(name).map_err(FormError::NotText)?;
            let value = decoded(value).map_err(|_| FormError::NotText(name.clone()))?;
            form.fields.push((name, value));
        }
        Ok(form)
    }

    /// Gives the fields in the order they came.
    pub fn into_fields(self) -> Vec<(String, String)> {
        self.fields
    }

    /// Adds a field: the present value of something that is about to be edited.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// Gives the text of a field as it was typed; empty when the field did not come.
    pub fn text(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// Gives every value of a field that may come several times.
    pub fn all<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f str> {
        let name = name.to_owned();
        self.fields.iter().filter(move |(field, _)| *field == name).map(|(_, value)| value.as_str())
    }

    /// Tells whether one of the field's values is `value`: ticked boxes and chosen options.
    pub fn is(&self, name: &str, value: &str) -> bool {
        self.all(name).any(|chosen| chosen == value)
    }

    /// Tells whether a switch is on. Browsers leave a switch that is off out of the form.
    pub fn is_on(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// Gives the fields whose name begins with `prefix`, without it, in the order they came.
    pub fn group<'f>(&'f self, prefix: &'f str) -> impl Iterator<Item = (&'f str, &'f str)> {
        self.fields.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }

    /// Notes that something is wrong with a field.
    pub fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(Problem { field: name.to_owned(), message: message.into() });
    }

    /// Tells whether anything is wrong.
    pub fn is_refused(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Gives all problems in the order they were found, for the summary.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Gives the first problem of a field; empty when it has none.
    pub fn problem(&self, name: &str) -> &str {
        self.problems.iter().find(|problem| problem.field == name).map_or("", |problem| &problem.message)
    }

    /// Reads a field that must hold something; notes "Enter {what}" else. Surrounding space is dropped.
    pub fn required(&mut self, name: &str, what: &str) -> Option<String> {
        let text = self.optional(name)?;
        if text.is_empty() {
            self.refuse(name, format!("Enter {what}"));
            return None;
        }
        Some(text)
    }

    /// Reads a field that may be empty. Surrounding space is dropped; a NUL is refused.
    pub fn optional(&mut self, name: &str) -> Option<String> {
        let text = self.text(name).trim().to_owned();
        if text.contains('\0') {
            self.refuse(name, "This may not hold the character NUL");
            return None;
        }
        Some(text)
    }

    /// Reads a field through `parse` (a checked name, a rule, a date) and notes its error as the problem.
    pub fn read<T, E: Display>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let text = self.optional(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(name, sentence(&error.to_string()));
                None
            }
        }
    }

    /// Reads a whole number within `range`; notes the range else.
    pub fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        name: &str,
        what: &str,
        range: RangeInclusive<T>,
    ) -> Option<T> {
        let text = self.optional(name)?;
        match text.parse::<T>() {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                let (low, high) = (range.start(), range.end());
                self.refuse(name, format!("{} must be a whole number from {low} to {high}", sentence(what)));
                None
            }
        }
    }
}

/// `+` is a space, `%XX` a byte; the result must be UTF-8.
fn decoded(bytes: &[u8]) -> Result<String, String> {
    let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let decoded: Vec<u8> = percent_decode(&spaced).collect();
    String::from_utf8(decoded).map_err(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Turns a message into a sentence: messages of parsers begin in lower case, sentences on a page in upper case.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::text::QueueName;

    fn parsed(body: &str) -> Form {
        Form::parse(body.as_bytes()).expect("a test's body is a form")
    }

    #[test]
    fn typed_text_is_kept_as_it_came() {
        let form = parsed("name=a+b%26c&tag=x&tag=y&empty=&bare");

        assert_eq!(form.text("name"), "a b&c");
        assert_eq!(form.all("tag").collect::<Vec<_>>(), ["x", "y"]);
        assert!(form.is("tag", "y") && !form.is("tag", "z"));
        assert_eq!((form.text("empty"), form.text("bare"), form.text("absent")), ("", "", ""));
    }

    #[test]
    fn a_body_that_is_not_text_names_its_field() {
        assert_eq!(Form::parse(b"a=1&name=%FF%FE"), Err(FormError::NotText("name".into())));
        let many = vec!["a=1"; FIELDS_MAX + 1].join("&");
        assert_eq!(Form::parse(many.as_bytes()), Err(FormError::TooManyFields));
    }

    #[test]
    fn every_problem_stands_at_its_field() {
        let mut form = parsed("queue=My+Queue&priority=9&name=+&note=a%00b");

        assert_eq!(form.read("queue", QueueName::parse), None);
        assert_eq!(form.number("priority", "priority", 1..=5), None);
        assert_eq!(form.required("name", "a name"), None);
        assert_eq!(form.optional("note"), None);

        assert!(form.problem("queue").starts_with("A queue's name may hold only"));
        assert_eq!(form.problem("priority"), "Priority must be a whole number from 1 to 5");
        assert_eq!(form.problem("name"), "Enter a name");
        assert_eq!(form.problem("note"), "This may not hold the character NUL");
        assert_eq!(form.problems().len(), 4);
        assert_eq!(form.text("queue"), "My Queue");
    }

    #[test]
    fn good_fields_are_read_trimmed() {
        let mut form = parsed("queue=+mail+&priority=3&param.out=/tmp/x&param.folder=a");

        assert_eq!(form.read("queue", QueueName::parse).map(|name| name.to_string()), Some("mail".into()));
        assert_eq!(form.number("priority", "priority", 1..=5), Some(3));
        assert_eq!(form.group("param.").collect::<Vec<_>>(), [("out", "/tmp/x"), ("folder", "a")]);
        assert!(!form.is_refused());
    }
}
