//! Whoever takes nothing of what is sent to them keeps no place.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::access::pages::Console;

/// The server's bound is 30 s; the kernel looks at doubling intervals.
const CUT_WITHIN: Duration = Duration::from_secs(90);

/// A connection that has asked for more than all buffers between here and there hold.
fn asking(address: &str, receive_bytes: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_tcp_mss(1_400).unwrap(); // as over a network: a piece of loopback's size would not fit into a small window
    socket.set_recv_buffer_size(receive_bytes).unwrap();
    socket.connect(&address.parse::<SocketAddr>().unwrap().into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(format!("GET /sign-in HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(150).as_bytes()).unwrap();
    stream
}

#[test]
fn a_peer_that_takes_nothing_loses_its_connection_and_one_that_is_only_slow_does_not() {
    let console = Console::start();
    let (mut slow, deaf) = (asking(console.address(), 128 * 1024), asking(console.address(), 4 * 1024));

    let begun = Instant::now();
    let lost = loop {
        let error = deaf.take_error().unwrap();
        if error.is_some() || begun.elapsed() > CUT_WITHIN {
            break error;
        }
        slow.read_exact(&mut [0; 8 * 1024]).unwrap();
        std::thread::sleep(Duration::from_secs(1));
    };

    assert_eq!(lost.map(|error| error.kind()), Some(ErrorKind::ConnectionReset));
    assert!(begun.elapsed() >= Duration::from_secs(25), "cut after {:?}", begun.elapsed());
    assert_eq!(slow.take_error().unwrap().map(|error| error.kind()), None);
}
