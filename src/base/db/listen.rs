//! Waiting for notifications without polling: libpq's socket and a descriptor to be woken by, in one `poll(2)`.
//!
//! diesel keeps its socket private, so this stands on `pq_sys` directly. Notifications are not kept for the absent: after
//! every (re)connect the caller must look for itself before it waits.

use std::ffi::{CStr, CString};
use std::os::fd::RawFd;
use std::ptr::NonNull;
use std::time::Duration;

use super::{DbError, url};

/// A connection that listens on one channel.
pub struct Listener {
    conn: NonNull<pq_sys::PGconn>,
}

// SAFETY: libpq connections may be used by any thread, one at a time; `&mut self` gives that.
unsafe impl Send for Listener {}

impl Listener {
    /// Connects and listens on `channel` (a plain identifier).
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when the database cannot be reached or refuses.
    pub fn connect(database_url: &str, channel: &'static str) -> Result<Self, DbError> {
        let text = CString::new(url::with_limits(database_url))
            .map_err(|_| DbError::Unavailable("the database address holds a NUL".into()))?;
        // SAFETY: `text` is a NUL-terminated string that outlives the call.
        let conn = NonNull::new(unsafe { pq_sys::PQconnectdb(text.as_ptr()) })
            .ok_or_else(|| DbError::Unavailable("no memory for a connection".into()))?;
        let mut listener = Self { conn }; // from here on Drop closes it
        // SAFETY: the connection is valid.
        if unsafe { pq_sys::PQstatus(conn.as_ptr()) } != pq_sys::ConnStatusType::CONNECTION_OK {
            return Err(listener.failure());
        }
        listener.execute(&format!("SET application_name = 'millrace listen'; LISTEN {channel}"))?;
        Ok(listener)
    }

    /// Waits until a notification comes, `wake` becomes readable, or `timeout` passes. Gives the payloads that came.
    ///
    /// # Errors
    /// [`DbError::Lost`]: connect again, and look for yourself before waiting.
    pub fn wait(&mut self, wake: RawFd, timeout: Duration) -> Result<Vec<String>, DbError> {
        let pending = self.drain();
        if !pending.is_empty() {
            return Ok(pending);
        }
        // SAFETY: the connection is valid.
        let socket = unsafe { pq_sys::PQsocket(self.conn.as_ptr()) };
        let mut polls = [readable(socket), readable(wake)];
        let ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: two valid pollfd structures.
        let ready = unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, ms) };
        if ready > 0 && polls[0].revents != 0 {
            // SAFETY: the connection is valid.
            if unsafe { pq_sys::PQconsumeInput(self.conn.as_ptr()) } == 0 {
                return Err(self.failure());
            }
        }
        Ok(self.drain())
    }

    fn drain(&mut self) -> Vec<String> {
        let mut payloads = Vec::new();
        // SAFETY: PQnotifies gives null or a structure that we own until PQfreemem; `extra` is a C string inside it.
        unsafe {
            while let Some(note) = NonNull::new(pq_sys::PQnotifies(self.conn.as_ptr())) {
                payloads.push(CStr::from_ptr(note.as_ref().extra).to_string_lossy().into_owned());
                pq_sys::PQfreemem(note.as_ptr().cast());
            }
        }
        payloads
    }

    fn execute(&mut self, sql: &str) -> Result<(), DbError> {
        let text = CString::new(sql).map_err(|_| DbError::Unavailable("the statement holds a NUL".into()))?;
        // SAFETY: connection and text are valid; the result is cleared once looked at.
        let done = unsafe {
            let result = pq_sys::PQexec(self.conn.as_ptr(), text.as_ptr());
            let status = pq_sys::PQresultStatus(result);
            pq_sys::PQclear(result);
            status == pq_sys::ExecStatusType::PGRES_COMMAND_OK
        };
        if done { Ok(()) } else { Err(self.failure()) }
    }

    fn failure(&self) -> DbError {
        // SAFETY: the connection is valid; the message belongs to it and is copied.
        let message = unsafe { CStr::from_ptr(pq_sys::PQerrorMessage(self.conn.as_ptr())) };
        DbError::Lost(message.to_string_lossy().trim().to_owned())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // SAFETY: made by PQconnectdb and closed once.
        unsafe { pq_sys::PQfinish(self.conn.as_ptr()) };
    }
}

fn readable(fd: RawFd) -> libc::pollfd {
    libc::pollfd { fd, events: libc::POLLIN, revents: 0 } // a negative descriptor is ignored by poll
}
