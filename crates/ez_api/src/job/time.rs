//! RFC 3339 times with the original's spelling of "not set".

use ez_domain::units::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de};

/// Go's zero time, which the original sends for a time that is not set.
const UNSET: &str = "0001-01-01T00:00:00Z";

pub(crate) fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(time) = time else {
        return serializer.serialize_str(UNSET);
    };
    // One damaged time must not take a whole list of jobs with it: it shows as the year 9999.
    let instant = i64::try_from(time.millis())
        .ok()
        .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
        .unwrap_or(jiff::Timestamp::MAX);
    serializer.collect_str(&instant)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == UNSET {
        return Ok(None);
    }
    let instant: jiff::Timestamp = text.parse().map_err(de::Error::custom)?;
    u64::try_from(instant.as_millisecond())
        .map(|millis| Some(Timestamp::from_millis(millis)))
        .map_err(|_| de::Error::custom(format_args!("{text} lies before 1970")))
}
