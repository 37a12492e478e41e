//! The texts that bit rates are written in: `500k`, `500K`, `1m`, `1.5M`, `500000`.
//!
//! Computed in whole numbers, so that `0.1m` is exactly 100000 bit/s.

use std::ops::RangeInclusive;

use ez_domain::units::Bitrate;

use super::node::quoted;

/// Why a text is not a bit rate; says how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BitrateError {
    #[error("{} is not a bit rate; write a number with k or m, for example \"500k\" or \"1.5m\"", quoted(.0))]
    Malformed(String),
    #[error("{} is no whole number of bit/s; write fewer decimal places", quoted(.0))]
    Fraction(String),
    #[error("{} is too large to be a bit rate; write for example \"500k\" or \"1.5m\"", quoted(.0))]
    TooLarge(String),
}

/// Reads `text` as bits per second.
pub(super) fn parse(text: &str) -> Result<u64, BitrateError> {
    let malformed = || BitrateError::Malformed(text.to_owned());
    let (number, scale) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 3),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 6),
        Some(_) | None => (text, 0),
    };
    let (whole, fraction) =
        number.split_once('.').map_or((number, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || fraction.is_some_and(|fraction| !digits(fraction)) {
        return Err(malformed());
    }
    let fraction = fraction.unwrap_or("").trim_end_matches('0');
    if fraction.len() > scale {
        return Err(BitrateError::Fraction(text.to_owned()));
    }
    let all_digits = format!("{whole}{fraction:0<scale$}");
    all_digits.parse().map_err(|_| BitrateError::TooLarge(text.to_owned()))
}

/// `bits` as a rate inside `limits`, or how it misses them.
pub(super) fn within(bits: u64, limits: &RangeInclusive<u64>) -> Result<Bitrate, String> {
    if limits.contains(&bits) {
        return Ok(Bitrate::from_bps(bits));
    }
    // A bare 500 nearly always means kilobits.
    let hint = if bits < *limits.start() && limits.contains(&bits.saturating_mul(1000)) {
        format!("; did you mean \"{bits}k\"?")
    } else {
        String::new()
    };
    let text = |bits: &u64| Bitrate::from_bps(*bits);
    Err(format!(
        "{bits} bits, outside the limits; give {} to {}{hint}",
        text(limits.start()),
        text(limits.end())
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings() {
        for (text, bits) in [
            ("500k", 500_000),
            ("500K", 500_000),
            ("1m", 1_000_000),
            ("1.5M", 1_500_000),
            ("0.1m", 100_000),
            ("365.5k", 365_500),
            ("500.000k", 500_000),
            ("128000", 128_000),
            ("5.0", 5),
            ("007k", 7_000),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Ok(bits), "{text}");
        }
    }

    #[test]
    fn other_texts() {
        for text in [
            "", "k", ".5m", "5.k", "-5k", "+5k", "5 k", " 5k", "5kb", "5g", "1e6", "NaNk", "infk", "1,5m",
            "0x10", "٣k", "5€",
        ] {
            assert_eq!(parse(text), Err(BitrateError::Malformed(text.to_owned())), "{text}");
        }
        for text in ["0.0001k", "1.5", "1.2345678m"] {
            assert_eq!(parse(text), Err(BitrateError::Fraction(text.to_owned())), "{text}");
        }
        for text in ["18446744073709551616", "99999999999999999999k"] {
            assert_eq!(parse(text), Err(BitrateError::TooLarge(text.to_owned())), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(bits in 0..=u64::MAX / 1000) {
            prop_assert_eq!(parse(&Bitrate::from_bps(bits).to_string()), Ok(bits));
            prop_assert_eq!(parse(&Bitrate::from_kbps(bits).to_string()), Ok(bits * 1000));
        }

        #[test]
        fn no_text_panics(text in ".{0,12}") {
            let _ = parse(&text);
        }
    }
}
