//! Texts with `{{ … }}`: the arguments, environment, addresses and bodies of a template's work.
//!
//! The language is Jinja as minijinja speaks it, without include, import and macro. What a text may name:
//!
//! | name | value |
//! |---|---|
//! | `params.…` | the job's arguments |
//! | `job.id`, `.attempt`, `.fence`, `.created_at`, `.queue`, `.template`, `.version`, `.node` | the attempt |
//! | `checkpoint` | what an earlier attempt saved last; `none` at first |
//!
//! A name without value is an error, never an empty text, and so is `none`: `rm -r {{ params.folder }}/old` must not run
//! with the folder left out. Write `{{ params.folder | default("/srv") }}` where it may be absent. Objects and lists are
//! spelled as JSON. SQL is never rendered: [`bind`] gives its expressions to the database as values.
mod context;
mod fault;
mod sql;
mod sql_text;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior};

pub use context::{NamedAttempt, RenderContext, spell};
pub use fault::RenderError;
pub use sql::{BINDS_MAX, bind, sql_names};

/// Longest text before rendering, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Longest text after rendering, in bytes.
pub const RENDERED_BYTES_MAX: usize = 1024 * 1024;
/// What one rendering may use: instructions, plus one for each 64 bytes that it makes. Bounds its memory to about 13 MB.
pub const FUEL: u64 = 200_000;

/// Names that a text may use without being given them.
const FUNCTIONS: [&str; 3] = ["range", "dict", "namespace"];
const ROOTS: [&str; 3] = ["params", "job", "checkpoint"];

/// Renders `text`.
///
/// # Errors
/// A sentence with the line: a name without value, wrong syntax, an operation that does not work, or too much work.
pub fn render(text: &str, context: &RenderContext) -> Result<String, RenderError> {
    check_length(text)?;
    let rendered = environment().render_str(text, context.value()).map_err(|error| RenderError::of(&error, text))?;
    if rendered.len() > RENDERED_BYTES_MAX {
        return Err(RenderError::whole(format!("the text grows beyond {} KiB", RENDERED_BYTES_MAX / 1024)));
    }
    Ok(rendered)
}

/// Checks what can be checked of `text` before there is a job: its syntax and the names it uses.
///
/// # Errors
/// A sentence with the line.
pub fn check(text: &str) -> Result<(), RenderError> {
    names(text).map(drop)
}

/// Lists the names that `text` uses, such as `params.to` or `job.id`, after checking it like [`check`].
///
/// # Errors
/// As [`check`].
pub fn names(text: &str) -> Result<BTreeSet<String>, RenderError> {
    check_length(text)?;
    let template = environment().template_from_str(text).map_err(|error| RenderError::of(&error, text))?;
    let names: BTreeSet<String> = template.undeclared_variables(true).into_iter().collect();
    names.iter().try_for_each(|name| check_name(name, text))?;
    incurable(trial_environment().render_str(text, ()), text)?;
    Ok(names)
}

fn check_length(text: &str) -> Result<(), RenderError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(RenderError::whole(format!("the text is longer than {} KiB", TEXT_BYTES_MAX / 1024)));
    }
    Ok(())
}

fn check_name(name: &str, text: &str) -> Result<(), RenderError> {
    let (root, rest) = name.split_once('.').unwrap_or((name, ""));
    let refuse = |sentence: String| Err(RenderError { message: sentence, line: fault::line_of_name(text, name) });
    if !ROOTS.contains(&root) && !FUNCTIONS.contains(&root) {
        return refuse(format!("{root} is unknown; known are {}", ROOTS.join(", ")));
    }
    let field = rest.split('.').next().unwrap_or_default();
    if root == "job" && !field.is_empty() && !context::JOB_FIELDS.contains(&field) {
        return refuse(format!("job.{field} is unknown; known are {}", context::JOB_FIELDS.join(", ")));
    }
    Ok(())
}

/// Gives the environment that renders.
fn environment<'a>() -> &'a Environment<'a> {
    static STRICT: OnceLock<Environment<'static>> = OnceLock::new();
    STRICT.get_or_init(|| prepared(UndefinedBehavior::Strict))
}

/// Gives the environment that tries a text before there are arguments: what is missing is passed over.
fn trial_environment<'a>() -> &'a Environment<'a> {
    static LENIENT: OnceLock<Environment<'static>> = OnceLock::new();
    LENIENT.get_or_init(|| prepared(UndefinedBehavior::Chainable))
}

fn prepared(undefined: UndefinedBehavior) -> Environment<'static> {
    let mut environment = Environment::new();
    // fails on clashing delimiters only, and these are the usual ones
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_undefined_behavior(undefined);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_formatter(write_value);
    environment.set_debug(true); // errors then know where they happened
    environment.remove_global("debug"); // would print every argument
    environment
}

/// Keeps of what a trial without arguments met only what no argument could cure.
fn incurable<T>(tried: Result<T, Error>, text: &str) -> Result<(), RenderError> {
    match tried {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction
            ) =>
        {
            Err(RenderError::of(&error, text))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Writes one value into a text.
fn write_value(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None => Err(Error::new(ErrorKind::InvalidOperation, "is none; give it a default or test it first")),
        ValueKind::Bool => out.write_str(if value.is_true() { "true" } else { "false" }).map_err(Error::from),
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => {
            let json = serde_json::to_string(value);
            let json = json.map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?;
            out.write_str(&json).map_err(Error::from)
        }
        _ => minijinja::escape_formatter(out, state, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rendered(text: &str, params: &serde_json::Value) -> Result<String, String> {
        render(text, &RenderContext::sample(params)).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_spelled_plainly() {
        let params = json!({ "s": "a 'b' <c>", "i": 7, "big": u64::MAX, "f": 1.5, "t": true, "l": [1, "x"], "o": { "k": null } });
        let text = "{{ params.s }}|{{ params.i }}|{{ params.big }}|{{ params.f }}|{{ params.t }}|{{ params.l }}|{{ params.o }}";

        assert_eq!(rendered(text, &params).unwrap(), r#"a 'b' <c>|7|18446744073709551615|1.5|true|[1,"x"]|{"k":null}"#);
        assert_eq!(rendered("{{ params.s | urlencode }}", &params).unwrap(), "a%20%27b%27%20%3Cc%3E");
        assert_eq!(rendered("{% for x in params.l %}{{ x }};{% endfor %}", &params).unwrap(), "1;x;");
        assert_eq!(rendered("{{ job.id }}.{{ job.attempt }}.{{ job.template }}", &params).unwrap(), "1.1.sample");
    }

    #[test]
    fn a_text_without_braces_stays_as_it_is() {
        for text in ["", "a\n", "$HOME {x} % # \\ \"\n\n", "tail\r\n"] {
            assert_eq!(rendered(text, &json!({})).unwrap(), text);
        }
    }

    #[test]
    fn what_has_no_value_is_an_error_with_its_line() {
        let params = json!({ "a": null, "s": "x" });
        let cases = [
            ("\n{{ params.folder }}", "line 2: params.folder has no value"),
            ("{{ params.a }}", "line 1: params.a: is none; give it a default or test it first"),
            ("{{ params.s.t.u }}", "line 1: params.s.t.u has no value"),
            ("{{ checkpoint.page }}", "line 1: checkpoint.page has no value"),
            ("{% if params.b %}x{% endif %}", "line 1: params.b has no value"),
        ];

        for (text, sentence) in cases {
            assert_eq!(rendered(text, &params).unwrap_err(), sentence, "{text}");
        }
        assert_eq!(rendered("{{ params.b | default('d') }}{{ params.a or 'e' }}", &params).unwrap(), "de");
    }

    #[test]
    fn syntax_and_unknown_names_are_refused_at_save() {
        let cases = [
            ("a\n{{ params. }}", "line 2: unexpected end of variable block, expected identifier or integer"),
            ("{% include 'x' %}", "line 1: unknown statement include"),
            ("{% import 'x' as y %}", "line 1: unknown statement import"),
            ("{{ param.to }}", "line 1: param is unknown; known are params, job, checkpoint"),
            (
                "\n\n{{ job.idd }}",
                "line 3: job.idd is unknown; known are id, attempt, fence, created_at, queue, template, version, node, schedule, occurrence",
            ),
            ("{{ debug() }}", "line 1: debug is unknown; known are params, job, checkpoint"),
            ("{{ params.x | nosuch }}", "line 1: filter nosuch is unknown"),
        ];

        for (text, sentence) in cases {
            assert_eq!(check(text).unwrap_err().to_string(), sentence, "{text}");
        }
        assert_eq!(
            names("{{ params.a.b }} {{ job.id }}").unwrap(),
            BTreeSet::from(["job.id".into(), "params.a.b".into()])
        );
    }

    #[test]
    fn a_greedy_text_is_stopped() {
        let params = json!({ "s": "x".repeat(100_000) });

        let endless =
            rendered("{% for a in range(1000) %}{% for b in range(1000) %}{{ a }}{% endfor %}{% endfor %}", &params);
        assert_eq!(endless.unwrap_err(), "line 1: the text does too much work");
        for text in ["{{ params.s * 1000 }}", "{{ params.s | replace('x', params.s) }}"] {
            assert_eq!(rendered(text, &params).unwrap_err(), "line 1: the text does too much work", "{text}");
        }
        let doubling = format!("{{% set x = params.s %}}{}{{{{ x }}}}", "{% set x = x ~ x %}".repeat(40));
        assert_eq!(rendered(&doubling, &params).unwrap_err(), "line 1: the text does too much work");
        let long = rendered("{{ params.s }}".repeat(11).as_str(), &params).unwrap_err();
        assert_eq!(long, "the text grows beyond 1024 KiB");
    }
}
