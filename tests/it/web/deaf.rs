//! Whoever takes nothing of what is sent to them keeps no place.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::access::pages::Console;
use crate::support::stage::PATIENCE;

/// The server's bound is 30 s.
const CUT_AFTER_S: u64 = 40;
/// What may be on its way when a connection is cut: less than was asked for.
const KEPT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A connection that has asked for more than all buffers between here and there hold.
fn asking(address: &str, receive_bytes: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_tcp_mss(1_400).unwrap(); // as over a network: a piece of loopback's size would not fit into a small window
    socket.set_recv_buffer_size(receive_bytes).unwrap();
    socket.connect(&address.parse::<SocketAddr>().unwrap().into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(format!("GET /sign-in HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(600).as_bytes()).unwrap();
    stream
}

/// Reads until the connection fails and says how; the kernel tells a peer only when it moves again.
fn failure_of(mut stream: TcpStream) -> ErrorKind {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut piece, mut bytes) = ([0; 16 * 1024], 0);
    while bytes < KEPT_BYTES_MAX {
        match stream.read(&mut piece) {
            Ok(0) => return ErrorKind::UnexpectedEof,
            Ok(read) => bytes += read,
            Err(error) => return error.kind(),
        }
    }
    panic!("{bytes} bytes came: it was not cut")
}

#[test]
fn a_peer_that_takes_nothing_loses_its_connection_and_one_that_is_only_slow_does_not() {
    let console = Console::start();
    let (mut slow, deaf) = (asking(console.address(), 128 * 1024), asking(console.address(), 4 * 1024));

    for _ in 0..CUT_AFTER_S {
        slow.read_exact(&mut [0; 8 * 1024]).unwrap();
        std::thread::sleep(Duration::from_secs(1));
    }

    assert_eq!(failure_of(deaf), ErrorKind::ConnectionReset);
    slow.read_exact(&mut [0; 512 * 1024]).unwrap();
}
