//! Points in time and how long ago they were, as Docker's API and its clients write them.

use std::time::{SystemTime, UNIX_EPOCH};

/// What stands for a time that hasn't come.
pub const NEVER: &str = "0001-01-01T00:00:00Z";

/// A point in time: nanoseconds since 1970.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Time(
    /// Nanoseconds since 1970.
    pub i64,
);

impl Time {
    /// The wall clock's time, now.
    pub fn now() -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Time(since.map_or(0, |since| since.as_nanos() as i64))
    }

    /// Whole seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// RFC 3339 in UTC, nanoseconds without trailing zeros.
    pub fn text(self) -> String {
        let (date, fraction) = self.parts();
        let fraction = format!("{fraction:09}");
        match fraction.trim_end_matches('0') {
            "" => format!("{date}Z"),
            digits => format!("{date}.{digits}Z"),
        }
    }

    /// The same with all nine digits.
    pub fn text_full(self) -> String {
        let (date, fraction) = self.parts();
        format!("{date}.{fraction:09}Z")
    }

    fn parts(self) -> (String, i64) {
        let (seconds, fraction) = (self.seconds(), self.0.rem_euclid(1_000_000_000));
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Days since 0000-03-01, so that a leap day is the last of a year: the
        // proleptic Gregorian calendar by eras of 400 years.
        let days = days + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        let year = year + era * 400 + i64::from(month <= 2);
        let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
        let date = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        (date, fraction)
    }

    /// A time as queries have it: seconds since 1970, with a fraction or without.
    pub fn of_query(text: &str) -> Option<Time> {
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        let seconds: i64 = seconds.parse().ok()?;
        let digits: String = fraction
            .chars()
            .chain(std::iter::repeat('0'))
            .take(9)
            .collect();
        let fraction: i64 = digits.parse().ok()?;
        Some(Time(
            seconds.checked_mul(1_000_000_000)?.checked_add(fraction)?,
        ))
    }
}

/// How long something has been so, as `docker ps` says it.
pub fn ago(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, (seconds + 1_800) / 3_600);
    match (seconds, minutes, hours) {
        (..1, ..) => "Less than a second".into(),
        (1, ..) => "1 second".into(),
        (..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".into(),
        (_, ..60, _) => format!("{minutes} minutes"),
        (_, _, 1) => "About an hour".into(),
        (_, _, ..48) => format!("{hours} hours"),
        (_, _, ..336) => format!("{} days", hours / 24),
        (_, _, ..1_440) => format!("{} weeks", hours / 24 / 7),
        (_, _, ..17_520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_go_writes_them() {
        for (nanos, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_600_000_000_000_000_000, "2020-09-13T12:26:40Z"),
            (951_782_400_500_000_000, "2000-02-29T00:00:00.5Z"),
            (1_795_640_163_491_936_653, "2026-11-25T20:56:03.491936653Z"),
            (4_107_542_399_000_000_000, "2100-02-28T23:59:59Z"),
        ] {
            assert_eq!(Time(nanos).text(), expected);
        }
        assert_eq!(Time(0).text_full(), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(Time::of_query("12.5"), Some(Time(12_500_000_000)));
        assert_eq!(Time::of_query("x"), None);
    }

    #[test]
    fn durations_are_said_as_docker_says_them() {
        for (seconds, expected) in [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (150, "2 minutes"),
            (3_600, "About an hour"),
            (7_200, "2 hours"),
            (200_000, "2 days"),
        ] {
            assert_eq!(ago(seconds), expected);
        }
    }
}
