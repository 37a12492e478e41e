//! A TCP relay in front of Redis that can lose an answer: Redis has done what it was told, and the
//! client sees its connection break.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

#[derive(Default)]
struct Plan {
    lose_next: AtomicBool,
    lost: AtomicU32,
}

pub(crate) struct Proxy {
    port: u16,
    plan: Arc<Plan>,
}

impl Proxy {
    pub(crate) fn start(redis_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Arc::new(Plan::default());
        let shared = Arc::clone(&plan);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, redis) =
                    (client.unwrap(), TcpStream::connect(("127.0.0.1", redis_port)).unwrap());
                let (from_client, to_redis) = (client.try_clone().unwrap(), redis.try_clone().unwrap());
                thread::spawn(move || relay(from_client, to_redis, None));
                let plan = Arc::clone(&shared);
                thread::spawn(move || relay(redis, client, Some(&plan)));
            }
        });
        Self { port, plan }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The next bytes from Redis are dropped, and the connection with them.
    pub(crate) fn lose_next_answer(&self) {
        self.plan.lose_next.store(true, Ordering::SeqCst);
    }

    /// Answers lost so far.
    pub(crate) fn lost(&self) -> u32 {
        self.plan.lost.load(Ordering::SeqCst)
    }
}

fn relay(mut from: TcpStream, mut to: TcpStream, plan: Option<&Plan>) {
    let mut buffer = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if let Some(plan) = plan
            && plan.lose_next.swap(false, Ordering::SeqCst)
        {
            plan.lost.fetch_add(1, Ordering::SeqCst);
            break;
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // Errors mean that the other side was quicker.
    let _closed = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
