//! The bucket's server, replaced for a while by one that treats workers badly.
//!
//! It serves the same objects; players, who send no signature, get them as ever.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use ez_local::launch::Stack;
use ez_objects::dice::Dice;
use reqwest::Url;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The longest that a slow store takes for a call.
const SLOWEST: Duration = Duration::from_millis(1500);
/// The name of the local S3 among the services.
const S3: &str = "s3";

/// How the store behaves towards workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Half of all calls fail, and of those half are carried out all the same.
    Unreliable,
    /// Every call takes up to [`SLOWEST`] more.
    Slow,
    /// Nothing is written: 403.
    Forbidding,
}

/// A bad store in the place of the good one.
#[derive(Debug)]
pub struct BadStore {
    shutdown: CancellationToken,
    served: JoinSet<Result<(), ez_local::s3::Error>>,
}

impl BadStore {
    /// Takes the place of a stack's S3.
    ///
    /// # Errors
    /// When the good one does not go, or its port is not free then.
    pub async fn replace(stack: &Stack, manner: Manner) -> Result<Self> {
        let url: Url = stack.endpoints().s3.parse().context("the URL of the S3")?;
        stack.take_away(S3).await?;
        let listener = TcpListener::bind(("127.0.0.1", url.port().context("the port of the S3")?)).await?;
        let shutdown = CancellationToken::new();
        let (options, token) = (stack.s3(), shutdown.clone());
        let layer = from_fn_with_state(Arc::new(Mood { manner, dice: Dice::from_system().into() }), answer);
        let mut served = JoinSet::new();
        served.spawn(ez_local::s3::serve_behind(move |router| router.layer(layer), listener, options, token));
        Ok(Self { shutdown, served })
    }

    /// Makes room for the good one, which is back when this returns.
    ///
    /// # Errors
    /// When the bad one did not serve, or the good one does not come.
    pub async fn leave(mut self, stack: &Stack) -> Result<()> {
        self.shutdown.cancel();
        if let Some(served) = self.served.join_next().await {
            served.context("the bad store")?.context("the bad store")?;
        }
        Ok(stack.bring_back(S3).await?)
    }
}

struct Mood {
    manner: Manner,
    dice: Mutex<Dice>,
}

impl Mood {
    fn below(&self, bound: u64) -> u64 {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).below(bound)
    }
}

async fn answer(State(mood): State<Arc<Mood>>, request: Request, next: Next) -> Response {
    if !request.headers().contains_key(header::AUTHORIZATION) {
        return next.run(request).await;
    }
    match mood.manner {
        Manner::Slow => {
            let longest = u64::try_from(SLOWEST.as_millis()).unwrap_or(u64::MAX);
            tokio::time::sleep(Duration::from_millis(mood.below(longest))).await;
            next.run(request).await
        }
        Manner::Forbidding if request.method() == Method::GET => next.run(request).await,
        Manner::Forbidding => StatusCode::FORBIDDEN.into_response(),
        Manner::Unreliable => match mood.below(4) {
            0 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            1 => {
                next.run(request).await;
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
            _ => next.run(request).await,
        },
    }
}
