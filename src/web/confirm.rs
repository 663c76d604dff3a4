//! The question before an act that cannot simply be taken back (UX.md section 10, "Confirmation tiers").
//!
//! The same block is a page of its own and the inside of `#dialog`. Tier 2 states the effect in numbers; tier 3 also asks
//! for a typed count or name, a reason and the password. The page that acts reads `typed`, `reason` and `password` from
//! the posted form and shows the question again with problems when one is wrong.

use askama::Template;

use super::form::Form;
use super::shell::Shell;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Confirm {
    /// The question: `Cancel catalog.import_csv 48213907?`
    pub question: String,
    /// What happens, one sentence each, with numbers.
    pub effects: Vec<String>,
    /// What it happens to, as labels; empty for none.
    pub tags: Vec<String>,
    /// Where the form is posted.
    pub action: String,
    /// Fields that go along unseen: the filter and the count that was seen.
    pub hidden: Vec<(String, String)>,
    /// The button: the verb and the number again, `Delete 1,204 jobs`.
    pub verb: String,
    /// The safe button: `Keep it running`.
    pub keep: String,
    /// Where the safe button leads without script.
    pub back: String,
    /// Red when something is lost or stopped.
    pub harmful: bool,
    /// What must be typed, exactly; empty for nothing.
    pub typed: String,
    /// Whether a reason must be given.
    pub reason: bool,
    /// Whether the password is asked for once more.
    pub fresh: bool,
    /// What was typed so far, and what was wrong with it.
    pub form: Form,
}

impl Confirm {
    /// Gives the label of the field in which the count or name is typed.
    pub fn typed_label(&self) -> String {
        format!("Type {} to confirm", self.typed)
    }

    /// Gives the keyboard that small screens show for it.
    pub fn typed_mode(&self) -> &'static str {
        if self.typed.chars().all(|c| c.is_ascii_digit()) { "numeric" } else { "text" }
    }

    /// Checks `typed` and `reason` of a posted form against what was asked; notes problems in the form.
    pub fn check(&mut self) -> bool {
        if !self.typed.is_empty() && self.form.text("typed").trim() != self.typed {
            self.form.refuse("typed", format!("Type {} exactly", self.typed));
        }
        if self.reason {
            self.form.required("reason", "a reason");
        }
        if self.fresh && self.form.text("password").is_empty() {
            self.form.refuse("password", "Enter your password");
        }
        !self.form.is_refused()
    }
}

/// The question as a page; its block `dialog` is what a dialog shows.
#[derive(Template)]
#[template(path = "confirm.html", blocks = ["dialog"])]
pub struct ConfirmPage {
    /// The frame.
    pub shell: Shell,
    /// What is asked.
    pub ask: Confirm,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::rail::Section;
    use crate::web::shell::sample;

    fn delete(form: Form) -> Confirm {
        Confirm {
            question: "Delete 1,204 failed jobs?".into(),
            action: "/operations".into(),
            verb: "Delete 1,204 jobs".into(),
            keep: "Keep them".into(),
            back: "/jobs".into(),
            typed: "1204".into(),
            reason: true,
            fresh: true,
            harmful: true,
            form,
            ..Confirm::default()
        }
    }

    #[test]
    fn what_was_asked_must_be_given() {
        let mut empty = delete(Form::default());
        assert!(!empty.check());
        assert_eq!(empty.form.problems().len(), 3);

        let given = Form::default().with("typed", "1204 ").with("reason", "retired").with("password", "secret");
        assert!(delete(given).check());
    }

    #[test]
    fn the_dialog_is_the_same_form_as_the_page() {
        let mut ask = delete(Form::default().with("reason", "<because>"));
        ask.check();
        let page = ConfirmPage { shell: sample::shell().titled("Delete jobs", Section::Jobs), ask };

        let (whole, dialog) = (page.render().expect("page"), page.as_dialog().render().expect("dialog"));

        assert!(whole.contains(dialog.trim()));
        assert!(dialog.contains("value=\"&#60;because&#62;\"") && !dialog.contains("<html"));
        assert!(dialog.contains("name=\"csrf\" value=\"token\""));
        assert!(dialog.contains("Reason (required)") && dialog.contains("aria-required=\"true\""));
    }
}
