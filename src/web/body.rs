//! The body of a request: bounded in length and in time.

use std::time::Duration;

use actix_web::rt::time::timeout;
use actix_web::web::{Bytes, Payload};

use super::error::WebError;

/// A body has to arrive within this: one that trickles in holds a connection and its buffer.
const ARRIVAL_MAX: Duration = Duration::from_secs(30);

/// Reads a body of at most `bytes_max` bytes.
///
/// # Errors
/// [`WebError::TooLarge`]; [`WebError::Malformed`] when it breaks off or does not arrive within 30 s.
pub async fn read(payload: Payload, bytes_max: usize) -> Result<Bytes, WebError> {
    read_within(ARRIVAL_MAX, payload, bytes_max).await
}

async fn read_within(limit: Duration, payload: Payload, bytes_max: usize) -> Result<Bytes, WebError> {
    let late = || WebError::Malformed(format!("The body did not arrive within {} s.", limit.as_secs()));
    match timeout(limit, payload.to_bytes_limited(bytes_max)).await.map_err(|_| late())? {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(WebError::Malformed(format!("The body could not be read: {error}."))),
        Err(_) => Err(WebError::TooLarge(bytes_max)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::FromRequest;
    use actix_web::dev;
    use actix_web::error::PayloadError;
    use actix_web::test::TestRequest;
    use futures_util::{StreamExt, stream};

    async fn payload(chunks: impl stream::Stream<Item = Result<Bytes, PayloadError>> + 'static) -> Payload {
        let request = TestRequest::default().to_http_request();
        let mut body = dev::Payload::from(Box::pin(chunks) as std::pin::Pin<Box<dyn stream::Stream<Item = _>>>);
        Payload::from_request(&request, &mut body).await.expect("a payload")
    }

    #[actix_web::test]
    async fn a_body_that_trickles_in_is_not_waited_for() {
        let start = stream::iter([Ok(Bytes::from_static(b"a"))]);
        let endless = payload(start.chain(stream::pending())).await;

        let error = read_within(Duration::from_millis(50), endless, 100).await.expect_err("too late");

        assert!(matches!(error, WebError::Malformed(text) if text.contains("did not arrive within")));
    }

    #[actix_web::test]
    async fn a_body_is_read_up_to_its_limit() {
        let chunks = || stream::iter([Ok(Bytes::from_static(b"abc")), Ok(Bytes::from_static(b"def"))]);

        assert_eq!(read(payload(chunks()).await, 6).await.expect("read"), "abcdef");
        assert!(matches!(read(payload(chunks()).await, 5).await, Err(WebError::TooLarge(5))));
    }
}
