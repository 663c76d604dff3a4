//! Forms that act once, however often they are sent: the one-time id that every post form carries.

use sha2::{Digest, Sha256};

use super::error::WebError;
use super::form::Form;
use crate::queue::actor::Actor;
use crate::queue::idempotency::RequestKey;

/// Name of the field with the one-time id of a form.
const OP: &str = "op";

/// Gives the key of a posted form; `None` when it carries no id. `act` says all that the form asks for: the same id with
/// another act is another request.
///
/// # Errors
/// [`WebError::Malformed`] when the id is not one of ours.
pub fn form_key(actor: &Actor, form: &Form, act: &str) -> Result<Option<RequestKey>, WebError> {
    let op = form.text(OP);
    if op.is_empty() {
        return Ok(None);
    }
    let key = RequestKey::new(actor, op, Sha256::digest(act.as_bytes()).into());
    key.map(Some).map_err(|error| WebError::Malformed(format!("The form's {OP} is not valid: {error}.")))
}

/// The refusal of a form whose id was used for another act.
pub fn used_elsewhere() -> WebError {
    WebError::Conflict("This form was used for another act already.".into())
}
