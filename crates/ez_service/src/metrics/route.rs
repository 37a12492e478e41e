//! `GET /metrics`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use ez_api::problem::Problem;

use super::{CONTENT_TYPE, Facts, Metrics};
use crate::http::ProblemResponse;

/// Longest time for gathering; a scraper gives up after ten seconds by default.
const GATHER_DEADLINE: Duration = Duration::from_secs(3);

/// Tells what is true at this moment, beside what was counted.
pub type Gather = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Facts> + Send>> + Send + Sync>;

/// For a service that has nothing to add to what it counted.
pub fn nothing_more() -> Gather {
    Arc::new(|| Box::pin(async { Facts::default() }))
}

/// The route. It is open to whoever reaches the port, as health is: no figure is a secret.
pub fn route(metrics: Metrics, gather: Gather) -> Router {
    let answer = move || {
        let (metrics, gathering) = (metrics.clone(), gather());
        async move {
            let gathered = tokio::time::timeout(GATHER_DEADLINE, gathering).await;
            let facts = gathered.unwrap_or_else(|_| {
                tracing::warn!("the facts of the moment were not gathered in time; only counters are told");
                Facts::default()
            });
            told(&metrics, &facts)
        }
    };
    Router::new().route("/metrics", get(answer))
}

fn told(metrics: &Metrics, facts: &Facts) -> Response {
    match metrics.text(facts) {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            ProblemResponse(Problem::internal()).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use ez_testkit::metrics::Exposition;
    use prometheus_client::metrics::counter::Counter;
    use tower::ServiceExt as _;

    use super::*;
    use crate::http::standard_layers;
    use crate::metrics::Counted;

    async fn ask(router: &Router, method: &str, path: &str) -> String {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        String::from_utf8(body.to_bytes().into()).unwrap()
    }

    fn service(counter: &Counter, gather: Gather) -> Router {
        let counter = counter.clone();
        let metrics = Metrics::new("example", |registry| registry.register("things", "Things", counter));
        let routes = Router::new().route("/things/{id}", get(|| async { "a thing" }));
        standard_layers(routes.merge(route(metrics.clone(), gather)), &metrics)
    }

    #[tokio::test]
    async fn requests_are_counted_by_template_and_nothing_that_a_client_invents_is_a_label() {
        let router = service(&Counter::default(), nothing_more());
        for (method, path) in
            [("GET", "/things/1"), ("GET", "/things/2"), ("PUT", "/things/3"), ("BREW", "/invented/4")]
        {
            ask(&router, method, path).await;
        }
        let text = ask(&router, "GET", "/metrics").await;
        assert!(!text.contains("BREW") && !text.contains("invented"), "{text}");
        let told = Exposition::parse(&text).unwrap();
        let answered = |method, route, status| {
            let labels = [("service", "example"), ("method", method), ("route", route), ("status", status)];
            let counted = told.value("ezls_http_requests_total", &labels);
            assert_eq!(counted, told.value("ezls_http_request_duration_seconds_count", &labels));
            counted
        };
        assert_eq!(answered("GET", "/things/{id}", "2xx"), Some(2.0));
        assert_eq!(answered("PUT", "/things/{id}", "4xx"), Some(1.0));
        assert_eq!(answered("other", "unmatched", "4xx"), Some(1.0));
        let again = Exposition::parse(&ask(&router, "GET", "/metrics").await).unwrap();
        let labels = [("service", "example"), ("method", "GET"), ("route", "/metrics"), ("status", "2xx")];
        assert_eq!(again.value("ezls_http_requests_total", &labels), Some(1.0));
    }

    #[tokio::test]
    async fn the_process_tells_about_itself() {
        let counter = Counter::default();
        let router = service(&counter, nothing_more());
        counter.inc();
        let told = Exposition::parse(&ask(&router, "GET", "/metrics").await).unwrap();
        let own = [("service", "example")];
        for name in [
            "ezls_process_start_time_seconds",
            "ezls_process_resident_memory_bytes",
            "ezls_process_cpu_seconds_total",
            "ezls_process_open_fds",
        ] {
            assert!(told.value(name, &own).is_some_and(|value| value > 0.0), "{name}");
        }
        let version = [("service", "example"), ("version", env!("CARGO_PKG_VERSION"))];
        assert_eq!(told.value("ezls_build_info", &version), Some(1.0));
        assert_eq!(told.value("ezls_things_total", &[]), Some(1.0));
    }

    #[tokio::test]
    async fn facts_are_of_one_answer() {
        let labels = |id: u64| [("job_id", id)];
        let asked = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let gather: Gather = Arc::new(move || {
            let number = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Box::pin(async move {
                let mut facts = Facts::default();
                facts.gauge("speed", "Speed", [(labels(number), 1.5)]);
                facts.counter("input_bytes", "Bytes", [(labels(number), 7)]);
                facts.value("here", "Here", 1.0);
                let counted = Counted { sum: 2.5, buckets: vec![(0.5, 3), (1.0, 0), (f64::INFINITY, 1)] };
                facts.histogram("wait_seconds", "Waits", [(labels(number), counted)]);
                facts.gauge("nobody", "Never there", [(labels(0), 0.0)].into_iter().take(0));
                facts
            })
        });
        let router = service(&Counter::default(), gather);
        for number in ["0", "1"] {
            let told = Exposition::parse(&ask(&router, "GET", "/metrics").await).unwrap();
            assert_eq!(told.value("ezls_speed", &[("job_id", number)]), Some(1.5));
            assert_eq!(told.value("ezls_input_bytes_total", &[("job_id", number)]), Some(7.0));
            assert_eq!(told.value("ezls_here", &[]), Some(1.0));
            for (bound, up_to_it) in [("0.5", 3.0), ("1.0", 3.0), ("+Inf", 4.0)] {
                let bucket = [("job_id", number), ("le", bound)];
                assert_eq!(told.value("ezls_wait_seconds_bucket", &bucket), Some(up_to_it));
            }
            assert_eq!(told.value("ezls_wait_seconds_count", &[("job_id", number)]), Some(4.0));
            assert_eq!(told.value("ezls_wait_seconds_sum", &[("job_id", number)]), Some(2.5));
            assert_eq!(told.series("ezls_speed").len(), 1, "the series of the former answer is gone");
            assert!(!told.families().any(|(name, _)| name == "ezls_nobody"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn facts_that_do_not_come_cost_only_themselves() {
        let router = service(&Counter::default(), Arc::new(|| Box::pin(std::future::pending())));
        let told = Exposition::parse(&ask(&router, "GET", "/metrics").await).unwrap();
        assert_eq!(told.value("ezls_things_total", &[]), Some(0.0));
    }
}
