//! Waits for something observable, with a deadline and a failure text that says what was seen.
//!
//! It is the only place in the tests that sleeps, and only between two looks.

use std::fmt::Display;
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::time::{Instant, sleep, timeout_at};

/// Pause between two looks. Short enough to not lengthen a test, long enough to not load the machine.
const PAUSE: Duration = Duration::from_millis(20);

/// Calls `look` until it answers `Ok`, at most for `deadline`, and returns what it answered.
///
/// `look` says with its `Err` why the wait is not over; the last such reason is in the failure
/// text. A look that itself hangs is cut off at the deadline.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::time::Duration;
/// let mut looks = 0;
/// let seen = ez_testkit::wait::eventually(Duration::from_secs(1), "three looks", || {
///     looks += 1;
///     let now = looks;
///     async move { if now >= 3 { Ok(now) } else { Err(format!("{now} so far")) } }
/// })
/// .await;
/// assert_eq!(seen.unwrap(), 3);
/// # });
/// ```
pub async fn eventually<T, E, F, Fut>(deadline: Duration, what: &str, mut look: F) -> Result<T>
where
    E: Display,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let end = Instant::now() + deadline;
    let mut looks = 0u32;
    let mut last = None;
    loop {
        match timeout_at(end, look()).await {
            Ok(Ok(seen)) => return Ok(seen),
            Ok(Err(reason)) => last = Some(format!("{reason:#}")),
            Err(_) => return Err(failure(what, deadline, looks, last.as_deref(), true)),
        }
        looks += 1;
        if Instant::now() + PAUSE >= end {
            return Err(failure(what, deadline, looks, last.as_deref(), false));
        }
        sleep(PAUSE).await;
    }
}

fn failure(what: &str, deadline: Duration, looks: u32, last: Option<&str>, hung: bool) -> anyhow::Error {
    let hung = if hung { "; one more look had not come back" } else { "" };
    anyhow!(
        "waited {deadline:?} in vain for {what} ({looks} looks{hung}); last seen: {}",
        last.unwrap_or("nothing")
    )
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn failure_text_names_the_wait_and_the_last_reason() {
        let mut n = 0;
        let error = eventually::<(), _, _, _>(Duration::from_millis(500), "the moon", || {
            n += 1;
            let reason = format!("cloud {n}");
            async move { Err(reason) }
        })
        .await
        .unwrap_err()
        .to_string();
        assert!(error.contains("500ms") && error.contains("the moon"), "{error}");
        assert!(error.contains(&format!("last seen: cloud {n}")), "{error}");
        assert!(n > 2, "looked only {n} times");
    }

    #[tokio::test]
    async fn a_hanging_look_is_cut_off() {
        let error = eventually(Duration::from_millis(50), "an answer", pending::<Result<(), String>>)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("had not come back"), "{error}");
    }
}
