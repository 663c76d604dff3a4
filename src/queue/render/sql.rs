//! SQL whose `{{ … }}` reach the database as values.

use std::collections::BTreeSet;

use minijinja::value::{Value, ValueKind};

use super::sql_text::{Piece, pieces};
use super::{
    RENDERED_BYTES_MAX, RenderContext, RenderError, check_length, check_name, environment, incurable, trial_environment,
};

/// Most `{{ … }}` of one SQL text.
pub const BINDS_MAX: usize = 500;

/// Puts `($1::text[])[n]` with a cast in place of the n-th `{{ … }}` of `text` and gives the values as texts for `$1`.
///
/// The cast follows the kind of the value: text, `boolean`, `bigint` (or `numeric` when it does not fit), `numeric`,
/// `jsonb` for objects and lists. `none` stands as `NULL` and has no text. The SQL that comes out depends on the kinds of
/// the values only, never on what they say: there is nothing to inject into. A date is written `{{ params.day }}::date`.
///
/// # Errors
/// A sentence with the line, as [`super::render`]; also a value within quotes, names or comments, where it would stay text.
pub fn bind(text: &str, context: &RenderContext) -> Result<(String, Vec<Option<String>>), RenderError> {
    let mut sql = String::with_capacity(text.len());
    let (mut values, mut bytes) = (Vec::new(), 0);
    for piece in checked_pieces(text)? {
        match piece {
            Piece::Code(code) => sql.push_str(code),
            Piece::Value { expression, line } => {
                let value = evaluate(expression, context).map_err(|error| error.in_piece(line))?;
                let (cast, value) = typed(&value, expression).map_err(|error| error.in_piece(line))?;
                bytes += value.as_deref().map_or(0, str::len);
                match cast {
                    Some(cast) => sql.push_str(&format!("(($1::text[])[{}]::{cast})", values.len() + 1)),
                    None => sql.push_str("NULL"),
                }
                values.push(value);
            }
        }
    }
    if bytes > RENDERED_BYTES_MAX {
        return Err(RenderError::whole(format!("the values are larger than {} KiB", RENDERED_BYTES_MAX / 1024)));
    }
    Ok((sql, values))
}

/// Lists the names that the values of a SQL text use, after checking it: the check at save.
///
/// # Errors
/// A sentence with the line.
pub fn sql_names(text: &str) -> Result<BTreeSet<String>, RenderError> {
    let mut names = BTreeSet::new();
    for piece in checked_pieces(text)? {
        let Piece::Value { expression, line } = piece else { continue };
        let compiled = environment().compile_expression(expression);
        let compiled = compiled.map_err(|error| RenderError::of(&error, expression).in_piece(line))?;
        for name in compiled.undeclared_variables(true) {
            check_name(&name, expression).map_err(|error| error.in_piece(line))?;
            names.insert(name);
        }
        let trial = trial_environment().compile_expression(expression).and_then(|compiled| compiled.eval(()));
        incurable(trial, expression).map_err(|error| error.in_piece(line))?;
    }
    Ok(names)
}

fn checked_pieces(text: &str) -> Result<Vec<Piece<'_>>, RenderError> {
    check_length(text)?;
    let pieces = pieces(text)?;
    if pieces.iter().filter(|piece| matches!(piece, Piece::Value { .. })).count() > BINDS_MAX {
        return Err(RenderError::whole(format!("the text has more than {BINDS_MAX} {{{{ … }}}}")));
    }
    Ok(pieces)
}

fn evaluate(expression: &str, context: &RenderContext) -> Result<Value, RenderError> {
    let compiled = environment().compile_expression(expression);
    let value = compiled.and_then(|compiled| compiled.eval(context.value()));
    value.map_err(|error| RenderError::of(&error, expression))
}

type Typed = (Option<&'static str>, Option<String>);

/// Gives the cast and the text of a value; no cast for `none`.
fn typed(value: &Value, expression: &str) -> Result<Typed, RenderError> {
    let refuse = |what: &str| Err(RenderError::at(1, format!("{} {what}", expression.trim())));
    match value.kind() {
        ValueKind::Undefined => refuse("has no value"),
        ValueKind::None => Ok((None, None)),
        ValueKind::Bool => Ok((Some("boolean"), Some(value.is_true().to_string()))),
        ValueKind::Number => number(value).map_or_else(|| refuse("is no finite number"), Ok),
        ValueKind::String => match value.as_str() {
            Some(text) if text.contains('\0') => refuse("holds the character \\u0000, which a database cannot keep"),
            text => Ok((Some("text"), text.map(str::to_owned))),
        },
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => match serde_json::to_string(value) {
            Ok(json) if !json.contains("\\u0000") => Ok((Some("jsonb"), Some(json))),
            Ok(_) => refuse("holds the character \\u0000, which a database cannot keep"),
            Err(_) => refuse("cannot be spelled as JSON"),
        },
        _ => refuse("is nothing that a database can keep"),
    }
}

fn number(value: &Value) -> Option<Typed> {
    let text = value.to_string();
    if value.is_integer() {
        let cast = if i64::try_from(value.clone()).is_ok() { "bigint" } else { "numeric" };
        return Some((Some(cast), Some(text)));
    }
    f64::try_from(value.clone()).ok().filter(|number| number.is_finite())?;
    Some((Some("numeric"), Some(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn bound(text: &str, params: &serde_json::Value) -> Result<(String, Vec<Option<String>>), String> {
        bind(text, &RenderContext::sample(params)).map_err(|error| error.to_string())
    }

    #[test]
    fn each_value_is_cast_by_its_kind() {
        let params = json!({ "s": "x'; DROP", "i": -7, "u": u64::MAX, "f": 1.5, "t": true, "n": null, "l": [1], "o": { "k": "v" } });
        let text = "SELECT {{ params.s }}, {{ params.i }}, {{params.u}}, {{ params.f }}, {{ params.t }}, {{ params.n }}, {{ params.l }}, {{ params.o }}, {{ params.s }}::date, '{}'";

        let (sql, values) = bound(text, &params).unwrap();

        assert_eq!(
            sql,
            "SELECT (($1::text[])[1]::text), (($1::text[])[2]::bigint), (($1::text[])[3]::numeric), (($1::text[])[4]::numeric), \
             (($1::text[])[5]::boolean), NULL, (($1::text[])[7]::jsonb), (($1::text[])[8]::jsonb), (($1::text[])[9]::text)::date, '{}'"
        );
        let texts: Vec<_> = values.iter().map(Option::as_deref).collect();
        assert_eq!(
            texts,
            [
                Some("x'; DROP"),
                Some("-7"),
                Some("18446744073709551615"),
                Some("1.5"),
                Some("true"),
                None,
                Some("[1]"),
                Some("{\"k\":\"v\"}"),
                Some("x'; DROP"),
            ]
        );
    }

    #[test]
    fn faults_are_told_with_their_line() {
        let params = json!({ "a": 1 });
        let cases = [
            ("SELECT\n{{ params.b }}", "line 2: params.b has no value"),
            ("\n\n{{ params.b.c }}", "line 3: params.b.c has no value"),
            ("{{ 1e308 * params.a * 10 }}", "line 1: 1e308 * params.a * 10 is no finite number"),
            ("{{ range }}", "line 1: range is nothing that a database can keep"),
            ("{{ '\\u0000' }}", "line 1: '\\u0000' holds the character \\u0000, which a database cannot keep"),
        ];

        for (text, sentence) in cases {
            assert_eq!(bound(text, &params).unwrap_err(), sentence, "{text}");
        }
    }

    #[test]
    fn sql_is_checked_at_save() {
        let names = sql_names("INSERT INTO t VALUES ({{ params.a }}, {{ job.fence }})").unwrap();
        assert_eq!(names, BTreeSet::from(["job.fence".into(), "params.a".into()]));

        let unknown = sql_names("SELECT 1,\n{{ param.a }}").unwrap_err().to_string();
        assert_eq!(unknown, "line 2: param is unknown; known are params, job, checkpoint");
        assert!(sql_names("SELECT {{ params.a | nosuch }}").is_err());
        assert!(sql_names("SELECT {{ params. }}").is_err());
        assert!(sql_names("SELECT {{ params.a }} {{").is_err());
    }

    fn hostile() -> impl Strategy<Value = String> {
        let words = prop_oneof![
            Just("'"),
            Just("''"),
            Just("\\"),
            Just("$$"),
            Just("$1"),
            Just("--"),
            Just("/*"),
            Just("{{ params.b }}"),
            Just("\"; DROP TABLE x; --"),
            Just("[1]::text)"),
            Just("{% raw %}"),
            Just("\n"),
            Just("ü\u{202e}"),
            Just("a"),
        ];
        proptest::collection::vec(words, 0..12).prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn no_value_changes_the_sql(a in hostile(), b in hostile()) {
            let text = "SELECT {{ params.a }} || {{ params.b ~ params.a }}, {{ [params.a] }}; DELETE FROM t WHERE x = {{ params.b }};";
            let harmless = bound(text, &json!({ "a": "a", "b": "b" })).unwrap();

            let (sql, values) = bound(text, &json!({ "a": a, "b": b })).unwrap();

            prop_assert_eq!(sql, harmless.0);
            let list = serde_json::to_string(&[&a]).unwrap();
            prop_assert_eq!(values, [Some(a.clone()), Some(format!("{b}{a}")), Some(list), Some(b)]);
        }
    }
}
