//! A player in a browser that watches a round, as viewers do.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use super::fault::Fault;
use super::round::{self, Outcome};
use super::session::Session;
use crate::browser::{watch, watch_again};

/// How far a player must get behind a fault: into the segment after that in which it happened.
const BEYOND_MS: i64 = 2000;

/// Who plays, and which of the two forms of the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Player {
    /// shaka-player on the multivariant playlist.
    ShakaHls,
    /// shaka-player on the MPD.
    ShakaDash,
    /// hls.js.
    HlsJs,
}

impl Player {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ShakaHls, Self::ShakaDash, Self::HlsJs];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShakaHls => "shaka-hls",
            Self::ShakaDash => "shaka-dash",
            Self::HlsJs => "hls.js",
        }
    }

    /// The player with this name.
    ///
    /// # Errors
    /// When there is none; the message names all.
    pub fn named(name: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|player| player.name() == name) {
            Some(player) => Ok(player),
            None => bail!("no player {name}; there are {}", Self::ALL.map(Self::name).join(", ")),
        }
    }

    async fn watches(self, session: &mut Session, fault: Fault) -> Result<(Outcome, Vec<String>)> {
        let (program, url) = match self {
            Self::ShakaHls => ("shaka", session.hls.clone()),
            Self::ShakaDash => ("shaka", session.dash.clone()),
            Self::HlsJs => ("hls.js", session.hls.clone()),
        };
        let seconds = played_seconds(fault);
        let watching = async {
            if is_out_of_reach(fault) {
                watch_again(&url, program, seconds).await
            } else {
                watch(&url, program, seconds).await
            }
        };
        let (outcome, report) = tokio::join!(round::run(session, fault), watching);
        let (outcome, report) = (outcome?, report?);
        let mut complaints = outcome.complaints();
        let name = self.name();
        if !plays(&report, fault) {
            complaints.push(format!("{name} does not play through it: {report}"));
        }
        if !crosses(&report, outcome.hit_ms) {
            let hit = outcome.hit_ms;
            complaints.push(format!("{name} does not get over it, which was at {hit}: {report}"));
        }
        Ok((outcome, complaints))
    }
}

/// A round that a player may watch; answers what is not as it must be, too, for the strict viewer or the player.
///
/// # Errors
/// When the channel does not go on at all, or the browser tells nothing.
pub async fn round_with(
    player: Option<Player>,
    session: &mut Session,
    fault: Fault,
) -> Result<(Outcome, Vec<String>)> {
    if let Some(player) = player {
        return player.watches(session, fault).await;
    }
    let outcome = round::run(session, fault).await?;
    let complaints = outcome.complaints();
    Ok((outcome, complaints))
}

/// How much of the stream a player plays: over the fault.
const fn played_seconds(fault: Fault) -> u32 {
    match fault {
        Fault::StoreRefuses => 26,
        _ => 16,
    }
}

/// Whether players lose the stream itself: they give up, are loaded anew, and begin near live again.
const fn is_out_of_reach(fault: Fault) -> bool {
    matches!(fault, Fault::StoreAway)
}

fn plays(report: &Value, fault: Fault) -> bool {
    let figure = |name: &str| report[name].as_f64().unwrap_or(f64::NAN);
    // What is as late as the strict viewer bears may leave a player waiting. Before the publisher comes and
    // while it is away, the picture stands.
    let late = fault.longest_wait() + Duration::from_secs(2);
    // Where nobody published for a while, or what was in flight is lost, there is nothing to play, and a player jumps
    // over it.
    let is_holed = fault.leaves_a_hole() || is_out_of_reach(fault);
    let hole = if is_holed { fault.longest_wait().as_secs_f64() } else { 0.0 };
    // Picture and sound of what is left need not end together: over such a hole some players jump twice.
    let jumps = if is_holed { 2.0 } else { 0.0 };
    report["fatal"].as_array().is_some_and(Vec::is_empty)
        && figure("seconds_played") >= 0.9 * (f64::from(played_seconds(fault)) - hole)
        && figure("jumps") <= jumps
        && figure("starved_seconds") <= late.as_secs_f64()
        && figure("distinct_pictures") >= 0.3 * figure("samples")
}

/// Whether what was on the screen was sent before the fault, and then after it.
fn crosses(report: &Value, hit_ms: i64) -> bool {
    report["shown_from_ms"].as_i64().is_some_and(|from| from < hit_ms)
        && report["shown_to_ms"].as_i64().is_some_and(|to| to > hit_ms + BEYOND_MS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_held_against_the_fault() {
        let good = json!({
            "fatal": [], "seconds_played": 16.1, "jumps": 0, "starved_seconds": 0.4, "samples": 80,
            "distinct_pictures": 60, "shown_from_ms": 5_000, "shown_to_ms": 21_000,
        });
        assert!(plays(&good, Fault::FfmpegKilled) && crosses(&good, 9_000));
        for (name, bad) in [
            ("fatal", json!(["hls.js bufferAppendError"])),
            ("seconds_played", json!(14.0)),
            ("jumps", json!(1)),
            ("starved_seconds", json!(4.1)),
            ("distinct_pictures", json!(20)),
            ("seconds_played", json!(null)),
        ] {
            let mut report = good.clone();
            report[name] = bad;
            assert!(!plays(&report, Fault::FfmpegKilled), "{report}");
        }
        let mut jumped = good.clone();
        jumped["jumps"] = json!(2);
        assert!(plays(&jumped, Fault::TranscoderKilled), "what was in flight is lost");
        jumped["jumps"] = json!(3);
        assert!(!plays(&jumped, Fault::TranscoderKilled));
        assert!(!crosses(&good, 4_000), "it began after the fault");
        assert!(!crosses(&good, 19_500), "it ended too near behind the fault");
    }
}
