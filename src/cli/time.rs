//! Times as people type and read them.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::CliError;

/// `90s`, `15m`, `4h`, `2d`.
pub(crate) fn duration(typed: &str) -> Result<TimeDelta, CliError> {
    let wrong =
        || CliError::Usage(format!("`{typed}` is not a time span such as 90s, 15m, 4h or 2d"));
    let (digits, unit) = typed.split_at_checked(typed.len().saturating_sub(1)).ok_or_else(wrong)?;
    let number: i64 = digits.parse().map_err(|_| wrong())?;
    let span = match unit {
        "s" => TimeDelta::try_seconds(number),
        "m" => TimeDelta::try_minutes(number),
        "h" => TimeDelta::try_hours(number),
        "d" => TimeDelta::try_days(number),
        _ => None,
    };
    span.filter(|span| *span > TimeDelta::zero()).ok_or_else(wrong)
}

/// RFC 3339, or a span from now.
pub(crate) fn moment(typed: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, CliError> {
    if let Ok(time) = DateTime::parse_from_rfc3339(typed) {
        return Ok(time.to_utc());
    }
    let span = duration(typed).map_err(|_| {
        CliError::Usage(format!(
            "`{typed}` is neither a time such as 2026-12-01T09:00:00Z nor a span such as 4h"
        ))
    })?;
    now.checked_add_signed(span)
        .ok_or_else(|| CliError::Usage(format!("`{typed}` is too far away")))
}

pub(crate) fn shown(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(crate) fn maybe(time: Option<DateTime<Utc>>) -> String {
    time.map_or_else(|| "-".to_owned(), shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_times_are_read() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (typed, expected) in [
            ("90s", Some(now + TimeDelta::seconds(90))),
            ("4h", Some(now + TimeDelta::hours(4))),
            ("2d", Some(now + TimeDelta::days(2))),
            ("2027-01-15T08:00:00Z", Some(now)),
            ("0s", None),
            ("-1h", None),
            ("h", None),
            ("", None),
            ("tomorrow", None),
            ("99999999999999999d", None),
        ] {
            assert_eq!(moment(typed, now).ok(), expected, "{typed}");
        }
    }
}
