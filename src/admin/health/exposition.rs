//! Prometheus's text format, version 0.0.4.

use std::fmt::{Display, Write};

/// A text that grows family by family.
#[derive(Default)]
pub(super) struct Exposition {
    text: String,
    family: &'static str,
}

impl Exposition {
    /// Begins a family of samples; all samples that follow belong to it.
    pub(super) fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    /// Adds a sample.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let family = self.family;
        match labels.is_empty() {
            true => self.line(format_args!("{family} {value}")),
            false => self.line(format_args!("{family}{{{}}} {value}", labels.join(","))),
        }
    }

    /// Gives the text.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // writing into a String cannot fail
        if writeln!(self.text, "{line}").is_err() {
            tracing::error!("a metric could not be written");
        }
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_and_samples_have_the_shape_that_is_scraped() {
        let mut told = Exposition::default();
        told.family("millrace_jobs", "gauge", "Jobs by state.");
        told.sample(&[("state", "ready"), ("queue", "a\"b\\")], 12);
        told.family("millrace_up", "gauge", "Up.");
        told.sample(&[], 1.5);

        assert_eq!(
            told.into_text(),
            "# HELP millrace_jobs Jobs by state.\n# TYPE millrace_jobs gauge\n\
             millrace_jobs{state=\"ready\",queue=\"a\\\"b\\\\\"} 12\n\
             # HELP millrace_up Up.\n# TYPE millrace_up gauge\nmillrace_up 1.5\n"
        );
    }
}
