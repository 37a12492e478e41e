//! Closes a socket so that the last bytes sent arrive.
//!
//! Closing a socket with unread bytes in it makes the kernel send a reset, and a reset makes the peer's
//! kernel drop what it had received: the encoder would show "connection reset" instead of the reason.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Most bytes that are read and thrown away.
const MAX_DISCARDED: usize = 8 * 1024 * 1024;

/// Ends our half, then reads the peer's to its end for `patience` at most.
pub(crate) async fn close(mut socket: TcpStream, patience: Duration) {
    let drained = timeout(patience, async {
        socket.shutdown().await?;
        let mut scrap = [0; 2048];
        let mut discarded = 0;
        while discarded < MAX_DISCARDED {
            match socket.read(&mut scrap).await? {
                0 => break,
                read => discarded += read,
            }
        }
        std::io::Result::Ok(())
    });
    // The peer has gone or stays deaf: either way the socket is dropped now.
    let _ = drained.await;
}
