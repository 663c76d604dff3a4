//! What is printed piece by piece, so that it needs no memory however long it is.

use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};

/// Standard output. A reader who has gone away is no failure: the rest is not printed.
pub(super) struct Out(BufWriter<StdoutLock<'static>>);

impl Out {
    /// Opens it.
    pub(super) fn open() -> Self {
        Self(BufWriter::new(io::stdout().lock()))
    }

    /// Lets `print` write, and sees to it that all is written.
    ///
    /// # Errors
    /// It cannot be written to.
    pub(super) fn print(mut self, print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        match print(&mut self.0).and_then(|()| self.0.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                drop(self.0.into_parts()); // what is left would be tried again
                Ok(())
            }
            written => written,
        }
    }
}
