//! A request that changes something: its bytes, read whole within a limit, and the key under which it may be repeated.

use actix_web::{HttpRequest, web};
use sha2::{Digest, Sha256};

use crate::queue::actor::Actor;
use crate::queue::idempotency::{KeyError, RequestKey};
use crate::web::body;
use crate::web::error::WebError;
use crate::web::form::Problem;

/// The header with the key.
const HEADER: &str = "Idempotency-Key";

/// A request with its body.
pub struct Asked {
    /// The body; empty when there is none.
    pub body: web::Bytes,
    key: Option<String>,
    target: String,
}

impl Asked {
    /// Reads the body of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// [`WebError::TooLarge`]; [`WebError::Malformed`] when the body breaks off or takes too long; [`WebError::Invalid`] for a key that is no text.
    pub async fn read(request: &HttpRequest, payload: web::Payload, bytes_max: usize) -> Result<Self, WebError> {
        let body = body::read(payload, bytes_max).await?;
        let sent = request.headers().get(HEADER);
        let key = sent.map(|value| value.to_str().map(str::to_owned)).transpose().map_err(|_| bad_key())?;
        let target = format!("{} {}", request.method(), request.uri());
        Ok(Self { body, key, target })
    }

    /// Gives the key under which `actor` may repeat this request, if the client sent one.
    ///
    /// # Errors
    /// [`WebError::Invalid`] for a key of the wrong length or with invisible characters.
    pub fn key(&self, actor: &Actor) -> Result<Option<RequestKey>, WebError> {
        let key = self.key.as_ref().map(|key| RequestKey::new(actor, key, self.hash()));
        key.transpose().map_err(|KeyError| bad_key())
    }

    /// Method, address and body: another request must not be answered with this one's answer.
    fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.target.as_bytes());
        hash.update([0]);
        hash.update(&self.body);
        hash.finalize().into()
    }

    /// The refusal of a key that was used for another request.
    pub fn other_request() -> WebError {
        let message = "This Idempotency-Key was used for another request; take a new one".into();
        WebError::Invalid(vec![Problem { field: HEADER.into(), message }])
    }
}

fn bad_key() -> WebError {
    WebError::Invalid(vec![Problem { field: HEADER.into(), message: KeyError.to_string() }])
}
