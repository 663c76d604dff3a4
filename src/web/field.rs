//! Fields of forms, each compiled once. The macros of `ui/field.html` call these: the body of a macro is compiled again at
//! every call, which made one page with forty fields the slowest part of a build.

use askama::Template;
use askama::filters::HtmlSafe;

use super::form::Form;
use super::moment::fits_picker;
use super::parts::Choice;

/// The kind of a field for date and time.
const MOMENT: &str = "datetime-local";

/// What is wrong with a field, with the id that [`Described`] names; nothing when it is right.
#[derive(Template)]
#[template(path = "ui/field/error.html")]
pub struct Complaint<'f> {
    form: &'f Form,
    name: &'f str,
}

/// The attributes that lead a screen reader to a field's complaint and help.
#[derive(Template)]
#[template(path = "ui/field/described.html")]
pub struct Described<'f> {
    form: &'f Form,
    name: &'f str,
    help: &'f str,
}

/// The help below a field; nothing when there is none.
#[derive(Template)]
#[template(path = "ui/field/hint.html")]
pub struct Hint<'f> {
    name: &'f str,
    help: &'f str,
}

/// A text of one line.
#[derive(Template)]
#[template(path = "ui/field/text.html")]
pub struct TextField<'f> {
    form: &'f Form,
    name: &'f str,
    label: &'f str,
    help: &'f str,
    kind: &'f str,
    class: &'f str,
    autocomplete: &'f str,
    unit: &'f str,
    placeholder: &'f str,
    required: bool,
    inputmode: &'f str,
}

/// A text of several lines.
#[derive(Template)]
#[template(path = "ui/field/area.html")]
pub struct AreaField<'f> {
    form: &'f Form,
    name: &'f str,
    label: &'f str,
    help: &'f str,
    rows: u32,
    placeholder: &'f str,
}

/// One of several choices.
#[derive(Template)]
#[template(path = "ui/field/select.html")]
pub struct SelectField<'f> {
    form: &'f Form,
    name: &'f str,
    label: &'f str,
    choices: &'f [Choice],
    help: &'f str,
    empty: &'f str,
}

// Their templates escape what is typed; the whole must not be escaped again.
impl HtmlSafe for Complaint<'_> {}
impl HtmlSafe for Described<'_> {}
impl HtmlSafe for Hint<'_> {}
impl HtmlSafe for TextField<'_> {}
impl HtmlSafe for AreaField<'_> {}
impl HtmlSafe for SelectField<'_> {}

/// Makes the complaint about the field `name`.
pub fn error<'f>(form: &'f Form, name: &'f str) -> Complaint<'f> {
    Complaint { form, name }
}

/// Makes the attributes that lead to complaint and help.
pub fn described<'f>(form: &'f Form, name: &'f str, help: &'f str) -> Described<'f> {
    Described { form, name, help }
}

/// Makes the help of the field `name`.
pub fn hint<'f>(name: &'f str, help: &'f str) -> Hint<'f> {
    Hint { name, help }
}

/// Makes a text of one line.
pub fn text<'f>(form: &'f Form, name: &'f str, label: &'f str) -> TextField<'f> {
    let (help, class, unit, placeholder, inputmode) = ("", "", "", "", "");
    let (kind, autocomplete, required) = ("text", "off", false);
    TextField { form, name, label, help, kind, class, autocomplete, unit, placeholder, required, inputmode }
}

/// Makes a text of several lines.
pub fn area<'f>(form: &'f Form, name: &'f str, label: &'f str) -> AreaField<'f> {
    AreaField { form, name, label, help: "", rows: 4, placeholder: "" }
}

/// Makes a choice.
pub fn select<'f>(form: &'f Form, name: &'f str, label: &'f str, choices: &'f [Choice]) -> SelectField<'f> {
    SelectField { form, name, label, choices, help: "", empty: "" }
}

impl<'f> TextField<'f> {
    /// Sets the help.
    #[must_use]
    pub fn help(self, help: &'f str) -> Self {
        Self { help, ..self }
    }

    /// Sets the input's type.
    #[must_use]
    pub fn kind(self, kind: &'f str) -> Self {
        Self { kind, ..self }
    }

    /// Adds a class.
    #[must_use]
    pub fn class(self, class: &'f str) -> Self {
        Self { class, ..self }
    }

    /// The input's type: what a picker of moments would drop is shown as text.
    fn shown_kind(&self) -> &'f str {
        if self.kind == MOMENT && !fits_picker(self.form.text(self.name)) { "text" } else { self.kind }
    }

    /// A picker of moments takes seconds, too.
    fn takes_seconds(&self) -> bool {
        self.shown_kind() == MOMENT
    }

    /// Sets what browsers may fill in.
    #[must_use]
    pub fn autocomplete(self, autocomplete: &'f str) -> Self {
        Self { autocomplete, ..self }
    }

    /// Sets the words behind the input.
    #[must_use]
    pub fn unit(self, unit: &'f str) -> Self {
        Self { unit, ..self }
    }

    /// Sets the example in the empty input.
    #[must_use]
    pub fn placeholder(self, placeholder: &'f str) -> Self {
        Self { placeholder, ..self }
    }

    /// Says that it must be filled in. By reference, as templates hand their variables on.
    #[must_use]
    pub fn required(self, required: &bool) -> Self {
        Self { required: *required, ..self }
    }

    /// Sets the keyboard of a phone.
    #[must_use]
    pub fn inputmode(self, inputmode: &'f str) -> Self {
        Self { inputmode, ..self }
    }
}

impl<'f> AreaField<'f> {
    /// Sets the help.
    #[must_use]
    pub fn help(self, help: &'f str) -> Self {
        Self { help, ..self }
    }

    /// Sets the height in lines. By reference, as templates hand their variables on.
    #[must_use]
    pub fn rows(self, rows: &u32) -> Self {
        Self { rows: *rows, ..self }
    }

    /// Sets the example in the empty area.
    #[must_use]
    pub fn placeholder(self, placeholder: &'f str) -> Self {
        Self { placeholder, ..self }
    }
}

impl<'f> SelectField<'f> {
    /// Sets the help.
    #[must_use]
    pub fn help(self, help: &'f str) -> Self {
        Self { help, ..self }
    }

    /// Sets the words of the empty choice; none by default.
    #[must_use]
    pub fn empty(self, empty: &'f str) -> Self {
        Self { empty, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_field_leads_to_its_complaint_and_help_and_escapes_what_was_typed() {
        let mut form = Form::default().with("n", "\"><b>");
        form.refuse("n", "is <no> number");

        let html = text(&form, "n", "Number").help("From 1").required(&true).render().expect("rendered");

        assert!(html.contains("aria-describedby=\"f-n-error f-n-help\"") && html.contains("aria-invalid=\"true\""));
        assert!(
            html.contains("id=\"f-n-error\"") && html.contains("id=\"f-n-help\"") && html.contains("aria-required")
        );
        assert!(!html.contains("<b>") && !html.contains("<no>"), "{html}");
    }

    #[test]
    fn a_moment_that_a_picker_would_drop_is_shown_as_text() {
        let html = |value: &str| {
            let form = Form::default().with("at", value);
            text(&form, "at", "At").kind(MOMENT).render().expect("rendered")
        };

        assert!(html("2026-11-24T14:30:15").contains("type=\"datetime-local\" step=\"any\""));
        let second_pass = html("2026-10-25 02:30:15 +01:00");
        assert!(
            second_pass.contains("type=\"text\"") && second_pass.contains("2026-10-25 02:30:15 +01:00"),
            "{second_pass}"
        );
    }

    #[test]
    fn a_choice_that_was_made_stays_made() {
        let choices = [Choice::new("a", "A"), Choice::new("b", "B")];
        let form = Form::default().with("c", "b");

        let html = select(&form, "c", "Choice", &choices).render().expect("rendered");

        assert!(html.contains("value=\"b\" selected") && !html.contains("value=\"a\" selected"), "{html}");
    }
}
