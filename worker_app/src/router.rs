//! The worker's own HTTP routes: health, `POST /poke`, and `GET /runs` for operators.
//!
//! A poke says nothing but "beat now"; all that follows comes from the scheduler's answer, so a
//! forged one does no harm. Both routes want the services' token all the same, where there is one.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use ez_api::problem::Problem;
use ez_domain::secret::Secret;
use ez_service::http::{ProblemResponse, health_routes, standard_layers};
use subtle::ConstantTimeEq as _;
use tokio::sync::Notify;

use crate::heartbeat::Contact;
use crate::runs::{RunView, Runs};

/// What the routes work on.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    pub(crate) runs: Runs,
    pub(crate) beat_soon: Arc<Notify>,
    pub(crate) contact: Arc<Contact>,
    pub(crate) token: Option<Secret<String>>,
}

/// All routes.
pub(crate) fn router(services: Services) -> Router {
    let contact = Arc::clone(&services.contact);
    let health = health_routes(Arc::new(move || {
        let ready = contact.ready();
        Box::pin(async { ready })
    }));
    let guarded = Router::new()
        .route("/poke", post(poke))
        .route("/runs", get(list))
        .method_not_allowed_fallback(|request: Request| async move {
            let allowed = if request.uri().path() == "/poke" { "POST" } else { "GET" };
            ProblemResponse(Problem::method_not_allowed(request.method().as_str(), &[allowed]))
        })
        .route_layer(middleware::from_fn_with_state(services.clone(), authorised))
        .with_state(services);
    standard_layers(health.merge(guarded))
}

async fn poke(State(services): State<Services>) -> StatusCode {
    services.beat_soon.notify_one();
    StatusCode::NO_CONTENT
}

async fn list(State(services): State<Services>) -> Json<Vec<RunView>> {
    Json(services.runs.views())
}

async fn authorised(State(services): State<Services>, request: Request, next: Next) -> Response {
    if services.token.as_ref().is_none_or(|token| carries(request.headers(), token)) {
        return next.run(request).await;
    }
    let problem = Problem {
        kind: "/problems/unauthorized".to_owned(),
        title: "The token is missing or wrong".to_owned(),
        status: StatusCode::UNAUTHORIZED.as_u16(),
        detail: "send the services' token: Authorization: Bearer <Service_token>".to_owned(),
        instance: None,
        errors: Vec::new(),
        retry_after_seconds: None,
        allow: Vec::new(),
    };
    let mut response = ProblemResponse(problem).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn carries(headers: &HeaderMap, token: &Secret<String>) -> bool {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .is_some_and(|presented| presented.ct_eq(token.expose().as_bytes()).into())
}
