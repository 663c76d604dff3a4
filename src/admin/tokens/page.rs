//! What the pages about tokens share: their routes and the translation of refusals.

use super::service::TokenError;
use super::{list_page, new_page, revoke_page};
use crate::web::error::WebError;
use crate::web::form::sentence;
use crate::web::table::Route;

/// The routes of tokens.
pub fn routes() -> Vec<Route> {
    [list_page::routes(), new_page::routes(), revoke_page::routes()].into_iter().flatten().collect()
}

/// Translates what the service refuses.
pub(super) fn told(error: TokenError) -> WebError {
    match error {
        TokenError::Forbidden(forbidden) => forbidden.into(),
        TokenError::NotFound | TokenError::NoOwner => WebError::NotFound,
        TokenError::AlreadyRevoked(_) | TokenError::TooMany => {
            WebError::Conflict(format!("{}.", sentence(&error.to_string())))
        }
        TokenError::Wider | TokenError::Expiry | TokenError::Name(_) => {
            WebError::Malformed(format!("{}.", sentence(&error.to_string())))
        }
        TokenError::Db(error) => error.into(),
    }
}
