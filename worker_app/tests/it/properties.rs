//! Whatever is asked, the worker answers, and never with a fault of its own.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use reqwest::Method;

use crate::scheduler::{Scheduler, TOKEN, new_job};
use crate::worker::Host;

#[tokio::test]
async fn no_bytes_make_it_fail() {
    let scheduler = Scheduler::start().await;
    let host = Host::started(&scheduler).await;
    let logs = format!("/jobs/{}/logs", new_job());
    let good = ["/poke".to_owned(), "/runs".to_owned(), "/metrics".to_owned(), format!("{logs}?lines=9")];
    let paths = prop_oneof![
        select(good.to_vec()),
        "[ -~]{0,20}".prop_map(move |lines| format!("{logs}?lines={lines}")),
        "/jobs/[!-\"$->@-~]{0,40}/logs\\?lines=9",
        "/[!-\"$->@-~]{0,20}",
    ];
    let methods = select(vec![Method::GET, Method::POST, Method::PUT, Method::DELETE]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut runner = TestRunner::deterministic();
    let mut answered = 0;
    for _ in 0..400 {
        let bodies = prop::collection::vec(any::<u8>(), 0..60);
        let (path, method, body) = (&paths, &methods, bodies).new_tree(&mut runner).unwrap().current();
        let url = format!("http://127.0.0.1:{}{path}", host.port);
        let request = client.request(method.clone(), url).bearer_auth(TOKEN).body(body);
        let status = request.send().await.unwrap().status();
        assert!(!status.is_server_error(), "{method} {path} answers {status}");
        answered += usize::from(status.is_success());
    }
    assert!(answered > 10, "{answered} requests were good: they show nothing");
    host.ready().await;
}
