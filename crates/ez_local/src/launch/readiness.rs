//! Looks whether a service can do its work.

use std::time::Duration;

use super::services::Sign;

/// Longest time of one look.
const LOOK: Duration = Duration::from_secs(3);

/// Looks once; the error says what was seen instead.
pub(crate) async fn look(sign: &Sign) -> Result<(), String> {
    let looking = async {
        match sign {
            Sign::Ping(port) => ping(*port).await,
            Sign::Ok(url) => get(url, true).await,
            Sign::Answers(url) => get(url, false).await,
        }
    };
    tokio::time::timeout(LOOK, looking).await.unwrap_or_else(|_| Err("no answer".to_owned()))
}

async fn ping(port: u16) -> Result<(), String> {
    let asked = async {
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}/"))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING").query_async::<String>(&mut connection).await
    };
    asked.await.map(drop).map_err(|error| error.to_string())
}

async fn get(url: &str, must_succeed: bool) -> Result<(), String> {
    // A proxy of the user's environment has nothing to do with loopback.
    let client = reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
    let answer = client.get(url).send().await.map_err(|error| ez_service::telemetry::chain(&error))?;
    let status = answer.status();
    if status.is_success() || !must_succeed {
        return Ok(());
    }
    let text = answer.text().await.unwrap_or_default();
    Err(format!("{status}: {}", text.trim().chars().take(200).collect::<String>()))
}
