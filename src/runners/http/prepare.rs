//! From a template and an attempt to a request.

use std::time::Duration;

use super::call::HttpRequest;
use crate::queue::render::{RenderContext, render};
use crate::queue::template::{HttpWork, is_header_value};
use crate::queue::work::{Failure, JobContext};

/// Longest address, in bytes.
const URL_BYTES_MAX: usize = 8 * 1024;

/// Renders the texts of a template for an attempt and adds what makes the call idempotent.
///
/// # Errors
/// A text that cannot be rendered or gives no address or header: trying again would not help.
pub(super) fn request(job: &JobContext, work: &HttpWork, limit: Duration) -> Result<HttpRequest, Failure> {
    let context = RenderContext::of(job.facts());
    let text = |what: &str, text: &str| {
        render(text, &context).map_err(|error| Failure::new(format!("{what} cannot be rendered: {error}")))
    };
    let mut headers = own_headers(job);
    for (name, value) in &work.headers {
        let value = text(&format!("the header {name}"), value)?;
        if !is_header_value(&value) {
            return Err(Failure::new(format!("the header {name} would hold line ends or other control characters")));
        }
        headers.push((name.clone(), value));
    }
    Ok(HttpRequest {
        method: work.method.clone(),
        url: address(&text("the address", &work.url)?)?,
        headers,
        body: work.body.as_deref().map(|body| text("the body", body)).transpose()?,
        redirects_max: work.redirects,
        limit,
    })
}

fn own_headers(job: &JobContext) -> Vec<(String, String)> {
    let own = [
        ("Idempotency-Key", job.job().to_string()),
        ("X-Millrace-Job", job.job().to_string()),
        ("X-Millrace-Attempt", job.attempt().to_string()),
        ("X-Millrace-Fence", job.fence().to_string()),
    ];
    own.map(|(name, value)| (name.to_owned(), value)).into()
}

fn address(text: &str) -> Result<url::Url, Failure> {
    if text.len() > URL_BYTES_MAX {
        return Err(Failure::new(format!("the address is longer than {} KiB", URL_BYTES_MAX / 1024)));
    }
    url::Url::parse(text).map_err(|error| Failure::new(format!("the address is none: {error}")))
}
