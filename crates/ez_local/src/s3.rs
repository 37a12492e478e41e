//! A small S3 on the local disk, for one machine: development, tests, `script/up`.
//!
//! The protocol, signatures and storage come from `s3s` and `s3s-fs`. What `s3s-fs` lacks to carry
//! the fence and to survive a `kill -9` is added around it: one writer at a time per object
//! ([`guarded`]) and undoing of writes that were cut off ([`undo`]).
//!
//! Who may what: the access key may do everything; without one, `GET` and `HEAD` of single objects
//! below `output_…` are served (players), nothing else.
//!
//! Not here: multi-part uploads, copies, versions, and durability when the power fails.
//!
//! Invariants:
//! - L1: of several conditional writes to one key exactly one wins.
//! - L2: body, tag and metadata of an answer belong to one and the same write, also after the
//!   server was killed in the middle of it.
//! - L3: one folder is served by one process at a time.

mod access;
mod guarded;
mod places;
mod undo;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleError;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::serve::ListenerExt as _;
use nix::fcntl::{Flock, FlockArg};
use s3s::HttpError;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use self::guarded::Guarded;
use self::places::Places;

/// How long answers that are under way may take after the shutdown.
const GRACE: Duration = Duration::from_secs(5);
/// How long a browser may remember a preflight.
const PREFLIGHT_AGE: Duration = Duration::from_secs(3600);

/// What is served, and to whom.
#[derive(Clone)]
pub struct Options {
    /// The folder with the data; made if it is not there.
    pub root: PathBuf,
    /// Buckets that exist from the start.
    pub buckets: Vec<String>,
    /// The public half of the key that may write.
    pub access_key: String,
    /// Its secret half.
    pub secret_key: String,
}

/// Why the server did not start or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder cannot be used.
    #[error("the S3 data folder {} cannot be used; check that it may be written to and that the disk is not full", .path.display())]
    Folder {
        /// The folder or the file in it.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process serves the same folder.
    #[error("the S3 data folder {} is served by another process; end that one or choose another folder", .0.display())]
    Busy(PathBuf),
    /// A name that S3 does not allow.
    #[error("{0:?} is no bucket name: 3 to 63 lower-case letters, digits, dots and hyphens")]
    BucketName(String),
    /// The listener failed.
    #[error("the S3 listener failed")]
    Listener(#[source] io::Error),
}

/// Serves `options.root` on `listener` until `shutdown`; answers under way are finished.
///
/// # Errors
/// When the folder cannot be used, or the listener fails.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    serve_behind(|router| router, listener, options, shutdown).await
}

/// As [`serve`], behind layers that `wrap` adds: how a test makes the store fail.
///
/// # Errors
/// As [`serve`].
pub async fn serve_behind(
    wrap: impl FnOnce(Router) -> Router,
    listener: TcpListener,
    options: Options,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let places = Places::new(options.root.clone());
    let folder = |source| Error::Folder { path: options.root.clone(), source };
    std::fs::create_dir_all(&options.root).map_err(folder)?;
    let _sole_user = lock(&options.root)?;
    undo::recover(&places).map_err(folder)?;
    for bucket in &options.buckets {
        if !s3s::path::check_bucket_name(bucket) {
            return Err(Error::BucketName(bucket.clone()));
        }
        std::fs::create_dir_all(options.root.join(bucket)).map_err(folder)?;
    }
    let storage =
        FileSystem::new(&options.root).map_err(|error| folder(io::Error::other(format!("{error:?}"))))?;
    let guarded = Guarded::new(storage, places);
    let writes = guarded.writes();

    let mut builder = S3ServiceBuilder::new(guarded);
    builder.set_auth(SimpleAuth::from_single(options.access_key, options.secret_key));
    builder.set_access(access::PlayersReadOutputs);
    let router = wrap(Router::new().fallback_service(HandleError::new(builder.build(), broken)))
        .layer(axum::middleware::map_response(uncached_failures))
        .layer(cors());

    // Playlists are small: without this the second packet of an answer waits for the reader's ACK.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "S3: TCP_NODELAY");
        }
    });
    let token = shutdown.clone();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move { token.cancelled().await });
    let out_of_grace = async {
        shutdown.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = server.into_future() => served.map_err(Error::Listener)?,
        () = out_of_grace => tracing::warn!(?GRACE, "S3: answers were still under way after the grace period"),
    }
    // A write that has begun goes on without its client; the folder is ours until it has ended.
    writes.close();
    writes.wait().await;
    Ok(())
}

fn lock(root: &std::path::Path) -> Result<Flock<File>, Error> {
    let path = root.join(".lock");
    let file = File::create(&path).map_err(|source| Error::Folder { path: path.clone(), source })?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| match error {
        nix::errno::Errno::EWOULDBLOCK => Error::Busy(root.to_path_buf()),
        error => Error::Folder { path, source: error.into() },
    })
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::any())
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers(AllowHeaders::list([header::RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE]))
        .expose_headers([
            header::ETAG,
            header::DATE,
            header::CONTENT_RANGE,
            header::CONTENT_LENGTH,
            header::ACCEPT_RANGES,
            header::LAST_MODIFIED,
        ])
        .max_age(PREFLIGHT_AGE)
}

/// A segment that is asked for too early must not stay missing in a cache.
async fn uncached_failures(mut response: Response<Body>) -> Response<Body> {
    if response.status().is_client_error() || response.status().is_server_error() {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

async fn broken(error: HttpError) -> Response<Body> {
    tracing::error!(?error, "S3: the service failed");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
