//! Keyset paging: `limit` and `after`.

use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Problem;

/// Which page of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// Most items.
    pub limit: u32,
    /// Only those after this key.
    pub after: Option<i64>,
}

impl Pages {
    /// Reads `limit` (1 to `limit_max`, `limit` when absent) and `after` of a query.
    ///
    /// # Errors
    /// [`WebError::Invalid`] at the parameter.
    pub fn of(query: &Query, limit: u32, limit_max: u32) -> Result<Self, WebError> {
        let refuse = |name: &str, message| WebError::Invalid(vec![Problem { field: name.into(), message }]);
        let limit = match query.0.text("limit") {
            "" => limit,
            text => text
                .parse()
                .ok()
                .filter(|limit| (1..=limit_max).contains(limit))
                .ok_or_else(|| refuse("limit", format!("limit goes from 1 to {limit_max}")))?,
        };
        let after = match query.0.text("after") {
            "" => None,
            text => Some(text.parse().map_err(|_| refuse("after", "after is what `next` of an answer said".into()))?),
        };
        Ok(Self { limit, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::form::Form;

    #[test]
    fn limits_are_bounded() {
        let pages = |text: &str| Pages::of(&Query(Form::parse(text.as_bytes()).expect("a query")), 50, 200).ok();

        assert_eq!(pages(""), Some(Pages { limit: 50, after: None }));
        assert_eq!(pages("limit=200&after=7"), Some(Pages { limit: 200, after: Some(7) }));
        for bad in ["limit=0", "limit=201", "limit=x", "after=x", "after=99999999999999999999"] {
            assert_eq!(pages(bad), None, "{bad}");
        }
    }
}
