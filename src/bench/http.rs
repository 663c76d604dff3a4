//! One kept connection to our own API, with as little of a client as there can be: its cost is part of what is measured.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::BenchError;
use crate::base::db::DbError;

/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

pub(super) struct Client {
    stream: BufReader<TcpStream>,
    head: String,
    answer: Vec<u8>,
}

impl Client {
    pub(super) fn connect(address: SocketAddr, token: &str) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(address).map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        let head = format!(
            "HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        );
        Ok(Self { stream: BufReader::new(stream), head, answer: Vec::new() })
    }

    /// Posts `body` and waits for the answer, which must be 201.
    pub(super) fn post(&mut self, path: &str, body: &str) -> Result<(), DbError> {
        let request = format!("POST {path} {}Content-Length: {}\r\n\r\n{body}", self.head, body.len());
        self.stream.get_mut().write_all(request.as_bytes()).map_err(failed)?;
        let mut line = String::new();
        self.stream.read_line(&mut line).map_err(failed)?;
        let is_created = line.split(' ').nth(1) == Some("201");
        let status = line.trim().to_owned();
        let length = self.rest_of_head(&mut line)?;
        self.answer.resize(length, 0);
        self.stream.read_exact(&mut self.answer).map_err(failed)?;
        if is_created { Ok(()) } else { Err(refused(&status, &self.answer)) }
    }

    /// Reads up to the body; gives its length.
    fn rest_of_head(&mut self, line: &mut String) -> Result<usize, DbError> {
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(line).map_err(failed)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        if length <= ANSWER_BYTES_MAX { Ok(length) } else { Err(refused("an answer too long", &[])) }
    }
}

fn refused(status: &str, answer: &[u8]) -> DbError {
    DbError::Unavailable(format!("the API answered {status}: {}", String::from_utf8_lossy(answer)))
}

fn failed(error: std::io::Error) -> DbError {
    DbError::Lost(error.to_string())
}

fn lost(error: std::io::Error) -> BenchError {
    failed(error).into()
}
