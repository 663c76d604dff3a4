//! Which version a change was made from, so that nobody overwrites what he has not seen.

use actix_web::http::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};

use super::told;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Problem;

/// Which version the change was made from: `If-Match: "7"` or `base=7`; `If-None-Match: *` or `base=0` = it must be new.
///
/// # Errors
/// [`WebError::Invalid`] when it is told in two ways, or in none that is understood.
pub fn base(headers: &HeaderMap, query: &Query) -> Result<Option<i32>, WebError> {
    let header = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?").trim());
    let refuse = |field: &str, message: &str| told(vec![Problem { field: field.into(), message: message.into() }]);
    match (header(IF_MATCH), header(IF_NONE_MATCH), query.0.text("base")) {
        (None, None, "") => Ok(None),
        (None, None, text) => {
            text.parse().map(Some).map_err(|_| refuse("base", "base is the number of a version, or 0"))
        }
        (None, Some("*"), "") => Ok(Some(0)),
        (None, Some(_), _) => Err(refuse("If-None-Match", "only * is understood, and not beside base")),
        (Some(_), Some(_), _) => Err(refuse("If-Match", "cannot go with If-None-Match")),
        (Some(tag), None, "") => {
            let number = tag.trim_start_matches("W/").trim_matches('"').parse().ok().filter(|number| *number > 0);
            number.map(Some).ok_or_else(|| refuse("If-Match", "is the ETag that an answer gave, such as \"7\""))
        }
        (Some(_), None, _) => Err(refuse("If-Match", "cannot go with base")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::form::Form;
    use actix_web::test::TestRequest;

    fn read(headers: &[(&'static str, &str)], text: &str) -> Result<Option<i32>, String> {
        let request = headers.iter().fold(TestRequest::put(), |request, header| request.insert_header(*header));
        let form = Form::parse(text.as_bytes()).expect("a query");
        base(request.to_http_request().headers(), &Query(form)).map_err(|error| match error {
            WebError::Invalid(problems) => problems[0].field.clone(),
            other => other.to_string(),
        })
    }

    #[test]
    fn the_base_is_told_in_one_way() {
        assert_eq!(read(&[], ""), Ok(None));
        assert_eq!(read(&[], "base=0"), Ok(Some(0)));
        assert_eq!(read(&[("If-Match", "\"7\"")], ""), Ok(Some(7)));
        assert_eq!(read(&[("If-Match", "W/\"7\"")], ""), Ok(Some(7)));
        assert_eq!(read(&[("If-None-Match", "*")], ""), Ok(Some(0)));
        assert_eq!(read(&[("If-Match", "*")], ""), Err("If-Match".into()));
        assert_eq!(read(&[("If-Match", "\"7\"")], "base=7"), Err("If-Match".into()));
        assert_eq!(read(&[("If-Match", "\"7\""), ("If-None-Match", "*")], ""), Err("If-Match".into()));
        assert_eq!(read(&[("If-None-Match", "\"7\"")], ""), Err("If-None-Match".into()));
        assert_eq!(read(&[], "base=x"), Err("base".into()));
    }
}
