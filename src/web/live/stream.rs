//! The body of an event stream: whatever the topic puts into its queue, until the queue is closed.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use tokio::sync::mpsc;

use super::Place;

/// Most messages that wait for a slow reader; with the next one it is cut and comes back for a whole frame.
pub(super) const WAITING_MAX: usize = 8;

/// Makes a queue and the body that empties it.
pub(super) fn channel(place: Place) -> (mpsc::Sender<Bytes>, Stream) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (sender, Stream { receiver, _place: place })
}

/// The body.
pub(super) struct Stream {
    receiver: mpsc::Receiver<Bytes>,
    _place: Place,
}

impl MessageBody for Stream {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.receiver.poll_recv(context).map(|message| message.map(Ok))
    }
}
