//! When a mail that could not be sent is tried again: after 1, 5, 15, 30 and
//! 60 minutes, then every hour, as long as it is of use (RFC 5321 §4.5.4.1
//! asks for four to five days).

use chrono::{DateTime, TimeDelta, Utc};

/// Minutes before the second try, the third, and so on; the last goes on.
const WAITS_MINUTES: [i64; 5] = [1, 5, 15, 30, 60];

/// How long a mail that names no moment of its own is tried.
pub const TRIED_FOR: TimeDelta = TimeDelta::days(5);

/// The share of a wait by which it may grow, so that what failed together does
/// not come back together.
const JITTER_SHARE: f64 = 0.1;

/// When to try again after `attempts` tries, the last of them just now.
/// `jitter` is in `0.0..1.0`; a wait grows by up to a tenth and never shrinks.
pub fn next_attempt(now: DateTime<Utc>, attempts: i64, jitter: f64) -> DateTime<Utc> {
    now.checked_add_signed(wait_after(attempts, jitter)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// When trying ends: at the mail's own moment, or five days after it was
/// enqueued.
pub fn gives_up_at(enqueued_at: DateTime<Utc>, not_after: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let at_latest = enqueued_at.checked_add_signed(TRIED_FOR).unwrap_or(DateTime::<Utc>::MAX_UTC);
    not_after.map_or(at_latest, |moment| moment.min(at_latest))
}

fn wait_after(attempts: i64, jitter: f64) -> TimeDelta {
    let nth = usize::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(WAITS_MINUTES.len() - 1);
    let minutes = WAITS_MINUTES.get(nth).copied().unwrap_or(60);
    let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
    let extra_millis = (minutes * 60_000) as f64 * JITTER_SHARE * jitter;
    TimeDelta::minutes(minutes) + TimeDelta::milliseconds(extra_millis as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn waits_grow_to_an_hour_and_stay() {
        for (attempts, minutes) in
            [(-1, 1), (0, 1), (1, 1), (2, 5), (3, 15), (4, 30), (5, 60), (6, 60), (i64::MAX, 60)]
        {
            let wait = next_attempt(noon(), attempts, 0.0) - noon();
            assert_eq!(wait, TimeDelta::minutes(minutes), "after {attempts}");
        }
    }

    #[test]
    fn jitter_only_lengthens_a_wait_and_by_a_tenth_at_most() {
        for jitter in [-1.0, 0.0, 0.5, 0.999, 1.0, 7.0, f64::NAN, f64::INFINITY] {
            let wait = next_attempt(noon(), 5, jitter) - noon();
            assert!(wait >= TimeDelta::hours(1) && wait <= TimeDelta::minutes(66), "{jitter}");
        }
        assert_eq!(next_attempt(noon(), 1, 0.5) - noon(), TimeDelta::seconds(63));
    }

    #[test]
    fn trying_ends_at_the_mails_moment_or_after_five_days() {
        let (early, late) = (noon() + TimeDelta::hours(1), noon() + TimeDelta::days(9));
        assert_eq!(gives_up_at(noon(), Some(early)), early);
        assert_eq!(gives_up_at(noon(), Some(late)), noon() + TimeDelta::days(5));
        assert_eq!(gives_up_at(noon(), None), noon() + TimeDelta::days(5));
        assert_eq!(
            gives_up_at(DateTime::<Utc>::MAX_UTC, None),
            DateTime::<Utc>::MAX_UTC,
            "no overflow"
        );
    }
}
