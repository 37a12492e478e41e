//! A wrong method is refused with a problem document.

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use ez_api::problem::Problem;

use super::ProblemResponse;

/// Gives the empty answer of `routes` to a wrong method the body of a problem document.
///
/// It stands outside of all routes: axum adds `Allow` only after the layers of a route.
pub(super) fn explained(routes: Router) -> Router {
    Router::new().fallback_service(routes).layer(middleware::from_fn(explain))
}

async fn explain(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let response = next.run(request).await;
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let allow =
        response.headers().get(header::ALLOW).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let allowed: Vec<&str> = allow.split(',').map(str::trim).filter(|method| !method.is_empty()).collect();
    let mut answer = ProblemResponse(Problem::method_not_allowed(method.as_str(), &allowed)).into_response();
    for (name, value) in response.headers() {
        if *name != header::CONTENT_LENGTH && !answer.headers().contains_key(name) {
            answer.headers_mut().append(name, value.clone());
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::{get, post};
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn the_answer_names_what_is_possible() {
        let routes = Router::new().route("/a", get(|| async { "a" }).merge(post(|| async { "b" })));
        let ask = |method: &str| {
            let request = Request::builder().method(method).uri("/a").body(Body::empty()).unwrap();
            explained(routes.clone()).oneshot(request)
        };
        let answer = ask("DELETE").await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers()["allow"], "GET, HEAD, POST");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(ask("POST").await.unwrap().status(), StatusCode::OK);
    }
}
