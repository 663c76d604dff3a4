//! Messages of a stream, deflated one by one: what many read is packed once, and no message waits for the next.
//!
//! A gzip stream is a header and deflate blocks. Each message is deflated on its own and flushed to a whole byte, looking back
//! at nothing, so that any messages behind one another, beginning with the header, are one stream that a browser reads as it
//! comes (RFC 1951, RFC 1952). It is never ended, as the stream is not.

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap};
use actix_web::web::Bytes;
use flate2::{Compress, Compression, FlushCompress};

/// What stands before the first message: gzip, deflated, without name and time, of no particular system.
pub(super) const HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// What a flush adds to a text that cannot be deflated, in bytes, with room to spare.
const FLUSH_BYTES: usize = 64;

/// Tells whether whoever asks reads gzip.
pub(super) fn is_read_by(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|one| {
        let (name, quality) = one.split_once(';').unwrap_or((one, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(quality.trim(), "q=0" | "q=0.0")
    })
}

/// Packs messages, each once however many want it in turn.
#[derive(Default)]
pub(super) struct Packer(Option<(String, Bytes)>);

impl Packer {
    /// Gives `text` as deflate blocks.
    pub(super) fn pack(&mut self, text: &str) -> Bytes {
        if let Some((_, packed)) = self.0.as_ref().filter(|(last, _)| last == text) {
            return packed.clone();
        }
        let packed = deflated(text.as_bytes());
        self.0 = Some((text.to_owned(), packed.clone()));
        packed
    }
}

fn deflated(mut rest: &[u8]) -> Bytes {
    let mut deflate = Compress::new(Compression::fast(), false);
    let mut packed = Vec::with_capacity(rest.len() / 4 + FLUSH_BYTES);
    loop {
        let read = deflate.total_in();
        // writes into what is reserved; deflating what is in memory cannot fail
        let done = deflate.compress_vec(rest, &mut packed, FlushCompress::Full);
        rest = &rest[(deflate.total_in() - read) as usize..];
        if done.is_err() || (rest.is_empty() && packed.len() < packed.capacity()) {
            return Bytes::from(packed);
        }
        packed.reserve(rest.len() + FLUSH_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    use actix_web::http::header::HeaderValue;
    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    /// What has come of a stream that goes on.
    fn read(stream: &[u8], length: usize) -> String {
        let mut text = vec![0; length];
        GzDecoder::new(stream).read_exact(&mut text).expect("a stream");
        String::from_utf8(text).expect("a text")
    }

    #[test]
    fn messages_behind_one_another_are_one_stream() {
        let texts =
            ["data: a\n\n".to_owned(), ":\n\n".into(), "data: <b>1</b>\n".repeat(5_000), String::new(), "x".into()];
        let (mut packer, mut stream, mut whole) = (Packer::default(), HEADER.to_vec(), String::new());

        for text in &texts {
            stream.extend(packer.pack(text));
            whole.push_str(text);
            assert_eq!(read(&stream, whole.len()), whole, "readable at once");
        }

        assert!(stream.len() < whole.len() / 20, "{} of {}", stream.len(), whole.len());
    }

    #[test]
    fn what_is_packed_for_one_is_there_for_the_next() {
        let mut packer = Packer::default();

        let (first, second) = (packer.pack("the same"), packer.pack("the same"));

        assert_eq!(first.as_ptr(), second.as_ptr());
        assert_ne!(first, packer.pack("another"));
    }

    proptest! {
        #[test]
        fn any_text_comes_out_as_it_went_in(texts in proptest::collection::vec(".{0,400}", 1..6)) {
            let mut packer = Packer::default();
            let packed = texts.iter().flat_map(|text| packer.pack(text));
            let stream: Vec<u8> = HEADER.iter().copied().chain(packed).collect();
            let whole = texts.concat();
            prop_assert_eq!(read(&stream, whole.len()), whole);
        }
    }

    #[test]
    fn who_does_not_ask_for_gzip_gets_none() {
        for (accepted, is_read) in [
            ("gzip, deflate, br, zstd", true),
            ("br;q=1, GZIP;q=0.5", true),
            ("identity", false),
            ("gzip;q=0, br", false),
            ("*", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            assert_eq!(is_read_by(&headers), is_read, "{accepted}");
        }
        assert!(!is_read_by(&HeaderMap::new()));
    }
}
