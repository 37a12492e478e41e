//! Request bodies that fail with problem details.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};

use super::{BODY_LIMIT, ProblemResponse};
use ez_api::problem::Problem;

/// The whole body, at most `LIMIT` bytes.
#[derive(Debug)]
pub struct BoundedBody<const LIMIT: usize = BODY_LIMIT>(pub Bytes);

impl<S: Send + Sync, const LIMIT: usize> FromRequest<S> for BoundedBody<LIMIT> {
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Self::Rejection> {
        let (_, body) = request.into_parts();
        match http_body_util::BodyExt::collect(http_body_util::Limited::new(body, LIMIT)).await {
            Ok(collected) => Ok(Self(collected.to_bytes())),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Err(Problem::too_large(LIMIT).into())
            }
            Err(_) => Err(Problem::invalid_request("the request body ended before it was complete").into()),
        }
    }
}
