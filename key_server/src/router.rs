//! Which address goes to which handler.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use ez_api::problem::Problem;
use ez_service::http::{ProblemResponse, Readiness, health_routes, standard_layers};

use crate::app::App;
use crate::refusal::Refusal;
use crate::routes::keys;

/// The whole service. Only health is told without the service token.
pub fn router(app: App) -> Router {
    let keys = Router::new()
        .route("/keys", post(keys::create::handle))
        .route("/keys/", post(keys::create::handle))
        .route("/keys/{id}", get(keys::get::handle))
        .route("/keys/{id}/", get(keys::get::handle))
        .layer(middleware::from_fn_with_state(app.clone(), authorised))
        .with_state(app.clone());
    let ready: Readiness = Arc::new(move || {
        let app = app.clone();
        Box::pin(async move { app.keys.ping().await.map_err(|error| ez_service::telemetry::chain(&error)) })
    });
    let routes = standard_layers(keys.merge(health_routes(ready)));
    Router::new().fallback_service(routes).layer(middleware::from_fn(method_not_allowed))
}

async fn authorised(State(app): State<App>, request: Request, next: Next) -> Response {
    let presented = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if presented.is_some_and(|value| app.service_token.admits(value)) {
        next.run(request).await
    } else {
        Refusal::Unauthorised.into_response()
    }
}

/// Gives the empty answer to a wrong method the body of a problem document.
///
/// It must stand outside of all routes: axum adds `Allow` only after the layers of a route.
async fn method_not_allowed(request: Request, next: Next) -> Response {
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
