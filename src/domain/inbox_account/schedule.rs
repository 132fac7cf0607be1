//! When an inbox account is visited: every so often, or by a cron expression
//! read in a named zone; and how long to hold off after a failure.
//!
//! What people mean by a cron line is settled in `crontab`. The `cron` crate
//! leaves out or doubles runs when clocks change, so it is only ever asked about
//! wall-clock time, which is then put into the zone here (I18).

mod crontab;

use std::{str::FromStr, time::Duration};

use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

/// The shortest distance between two visits.
pub const INTERVAL_MIN: Duration = Duration::from_secs(5);
/// The longest `every`; also how long to wait where a cron expression's years
/// have run out.
pub const INTERVAL_MAX: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// The wait after the first failure, and the longest.
const BACKOFF_MIN: Duration = Duration::from_secs(15);
const BACKOFF_MAX: Duration = Duration::from_secs(15 * 60);
/// The share of a wait by which it may grow.
const BACKOFF_JITTER: f64 = 0.2;
/// What a server may ask for at most; beyond that it would be a way to make us
/// stop reading.
const ASKED_FOR_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Octets of an expression.
const WRITTEN_MAX: usize = 500;
/// Runs that are passed over while a repeated hour goes by: a day of them, at
/// the shortest distance.
const REPEATED_MAX: usize = 24 * 60 * 60 / 5;

/// When to visit.
#[derive(Debug, Clone)]
pub struct Schedule {
    rule: Rule,
    zone: Tz,
}

#[derive(Debug, Clone)]
enum Rule {
    Every(Duration),
    /// Any of them may fire; one or two.
    Cron(Vec<cron::Schedule>),
}

/// Why something is no schedule, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleProblem {
    #[error("`{0}` is not the name of a time zone; expected one such as `Europe/Lisbon` or `UTC`")]
    Zone(String),
    #[error(
        "`{0}` is not an interval; expected `every` with a whole number and s, m, h or d, such as `every 60s`"
    )]
    Interval(String),
    #[error("an interval is 5 seconds at least and 31 days at most")]
    IntervalOutOfRange,
    #[error(
        "a schedule is `every 60s` or a cron expression of 5 fields (minute hour day month weekday), 6 (seconds first) or 7 (year last); this has {0}"
    )]
    FieldCount(usize),
    #[error("the {field} field `{written}` of the cron expression is wrong; expected {expected}")]
    Field { field: &'static str, written: String, expected: String },
    #[error("the cron expression runs more often than every 5 seconds")]
    TooOften,
    #[error("the cron expression never runs, because no such day exists")]
    NeverRuns,
    #[error("a schedule is at most 500 characters long")]
    TooLong,
}

impl Schedule {
    /// Reads `every 60s`, or a cron expression in the zone of that IANA name.
    pub fn parse(written: &str, timezone: &str) -> Result<Self, ScheduleProblem> {
        let shown = |text: &str| text.chars().take(40).collect::<String>();
        let zone = Tz::from_str(timezone.trim())
            .map_err(|_| ScheduleProblem::Zone(shown(timezone.trim())))?;
        if written.len() > WRITTEN_MAX {
            return Err(ScheduleProblem::TooLong);
        }
        let lower = written.trim().to_ascii_lowercase();
        let rule = match lower.strip_prefix("every") {
            Some(interval) => Rule::Every(
                parse_interval(interval.trim())?
                    .ok_or_else(|| ScheduleProblem::Interval(shown(&lower)))?,
            ),
            None => Rule::Cron(crontab::parse(&lower)?),
        };
        Ok(Self { rule, zone })
    }

    /// The next visit, strictly later than `now`. A local time that the clocks
    /// skip runs once, right after the gap; one that they repeat runs once, the
    /// first time, so an expression that names many times of an hour is silent
    /// while that hour is repeated (`every` is not).
    pub fn next_after(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let fallback = TimeDelta::from_std(INTERVAL_MAX)
            .ok()
            .and_then(|longest| now.checked_add_signed(longest))
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        match &self.rule {
            Rule::Every(interval) => TimeDelta::from_std(*interval)
                .ok()
                .and_then(|interval| now.checked_add_signed(interval))
                .unwrap_or(fallback),
            Rule::Cron(schedules) => schedules
                .iter()
                .filter_map(|schedule| next_of(schedule, self.zone, now))
                .min()
                .unwrap_or(fallback),
        }
    }

    /// The usual distance between two visits, as far as it can be said: for a
    /// cron expression, the distance of the next two.
    pub fn interval(&self, now: DateTime<Utc>) -> TimeDelta {
        let next = self.next_after(now);
        self.next_after(next) - next
    }
}

/// How long to wait after `failures` in a row: 15 s, doubling to 15 min, up to
/// a fifth longer by `jitter` (in `0.0..1.0`); never less than the server asked
/// for, within a day.
pub fn backoff(failures: i64, jitter: f64, asked_for: Option<Duration>) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1).clamp(0, 6)).unwrap_or(6);
    let wait = (BACKOFF_MIN * 2_u32.pow(doublings)).min(BACKOFF_MAX);
    let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
    let wait = wait.mul_f64(1.0 + BACKOFF_JITTER * jitter);
    wait.max(asked_for.unwrap_or_default().min(ASKED_FOR_MAX))
}

/// None where it does not read as an interval at all.
fn parse_interval(written: &str) -> Result<Option<Duration>, ScheduleProblem> {
    let digits = written.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = written.split_at(digits);
    let unit_seconds: u64 = match unit.trim() {
        "s" | "sec" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 60 * 60,
        "d" | "day" | "days" => 24 * 60 * 60,
        _ => return Ok(None),
    };
    if number.is_empty() {
        return Ok(None);
    }
    let seconds = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit_seconds));
    let interval = Duration::from_secs(seconds.unwrap_or(u64::MAX));
    if (INTERVAL_MIN..=INTERVAL_MAX).contains(&interval) {
        Ok(Some(interval))
    } else {
        Err(ScheduleProblem::IntervalOutOfRange)
    }
}

/// The first run of one schedule that lies after `now`.
fn next_of(schedule: &cron::Schedule, zone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let wall = now.with_timezone(&zone).naive_local();
    // Within an hour that is repeated, what lies ahead on the wall clock may
    // lie behind in truth; it is passed over.
    schedule
        .after(&wall.and_utc())
        .take(REPEATED_MAX)
        .filter_map(|run| instant(zone, run.naive_utc()))
        .find(|run| *run > now)
}

/// When a wall clock in the zone shows `wall`: the first time, or the end of
/// the gap it falls into.
fn instant(zone: Tz, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&wall).earliest() {
        Some(at) => Some(at.with_timezone(&Utc)),
        None => Some(end_of_gap(zone, wall)),
    }
}

/// The first second at which the zone's clocks show `wall` or later. Found by
/// halving: no zone is more than 16 hours from UTC.
fn end_of_gap(zone: Tz, wall: NaiveDateTime) -> DateTime<Utc> {
    let wall = wall.with_nanosecond(0).unwrap_or(wall).and_utc().timestamp();
    let shows = |at: i64| {
        DateTime::from_timestamp(at, 0).map_or(i64::MAX, |utc| {
            at + i64::from(utc.with_timezone(&zone).offset().fix().local_minus_utc())
        })
    };
    let (mut before, mut after) = (wall - 16 * 3_600, wall + 16 * 3_600);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if shows(middle) >= wall {
            after = middle;
        } else {
            before = middle;
        }
    }
    DateTime::from_timestamp(after, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(written: &str) -> DateTime<Utc> {
        written.parse().unwrap()
    }

    /// The next runs after `from`, all as RFC 3339.
    fn check(written: &str, zone: &str, from: &str, expected: &[&str]) {
        let schedule = Schedule::parse(written, zone).unwrap();
        let mut now = at(from);
        for next in expected {
            now = schedule.next_after(now);
            assert_eq!(now, at(next), "{written} in {zone} from {from}");
        }
    }

    #[test]
    fn an_interval_counts_from_now() {
        let from = "2026-11-21T12:00:00.5Z";
        check("every 60s", "UTC", from, &["2026-11-21T12:01:00.5Z", "2026-11-21T12:02:00.5Z"]);
        check("Every 5 minutes", "UTC", from, &["2026-11-21T12:05:00.5Z"]);
        check(" every 1h ", "UTC", from, &["2026-11-21T13:00:00.5Z"]);
        check("every 31d", "UTC", from, &["2026-12-22T12:00:00.5Z"]);
        check("every 5s", "UTC", from, &["2026-11-21T12:00:05.5Z"]);
    }

    #[test]
    fn cron_reads_as_crontab_does() {
        // A Saturday.
        let from = "2026-11-21T12:00:00Z";
        check("*/15 * * * *", "UTC", from, &["2026-11-21T12:15:00Z", "2026-11-21T12:30:00Z"]);
        check("*/20 * * * * *", "UTC", from, &["2026-11-21T12:00:20Z", "2026-11-21T12:00:40Z"]);
        check("0 0 9 * * * 2028", "UTC", from, &["2028-01-01T09:00:00Z"]);
        for sunday in ["0 9 * * 0", "0 9 * * 7", "0 9 ? * SUN", "0 9 * * sun,7"] {
            check(sunday, "UTC", from, &["2026-11-22T09:00:00Z", "2026-11-29T09:00:00Z"]);
        }
        let monday = "2026-11-23T09:00:00Z";
        check("0 9 * * 1-5", "UTC", from, &[monday, "2026-11-24T09:00:00Z"]);
        check("0 9 * * mon-fri", "UTC", from, &[monday]);
        check(
            "0 9 * * sat-mon",
            "UTC",
            from,
            &["2026-11-22T09:00:00Z", monday, "2026-11-28T09:00:00Z"],
        );
        check("0 9 * * 5-7", "UTC", from, &["2026-11-22T09:00:00Z", "2026-11-27T09:00:00Z"]);
        check("0 0 1 jan,jul *", "UTC", from, &["2027-01-01T00:00:00Z", "2027-07-01T00:00:00Z"]);
        check("0 0 29 2 *", "UTC", from, &["2028-02-29T00:00:00Z"]);
        check("@daily", "UTC", from, &["2026-11-22T00:00:00Z"]);
        check("@weekly", "UTC", from, &["2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"]);
        check("5/20 * * * *", "UTC", from, &["2026-11-21T12:05:00Z", "2026-11-21T12:25:00Z"]);
    }

    #[test]
    fn of_two_restricted_day_fields_either_matches() {
        check(
            "0 0 13 * fri",
            "UTC",
            "2026-11-09T00:00:00Z",
            &[
                "2026-11-13T00:00:00Z",
                "2026-11-20T00:00:00Z",
                "2026-11-27T00:00:00Z",
                "2026-12-04T00:00:00Z",
                "2026-12-11T00:00:00Z",
                "2026-12-13T00:00:00Z",
            ],
        );
        // A field that begins with a star restricts nothing by itself: both hold.
        check("0 0 */10 * mon", "UTC", "2026-11-09T00:00:00Z", &["2026-12-21T00:00:00Z"]);
    }

    #[test]
    fn a_skipped_local_time_runs_once_right_after_the_gap() {
        // Lisbon 01:00 -> 02:00 on 2026-03-29; New York 02:00 -> 03:00 on 2026-03-08.
        check(
            "30 1 * * *",
            "Europe/Lisbon",
            "2026-03-28T12:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        );
        check(
            "*/20 1 * * *",
            "Europe/Lisbon",
            "2026-03-28T12:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"],
        );
        check(
            "30 2 * * *",
            "America/New_York",
            "2026-03-07T12:00:00Z",
            &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
        );
        // Hourly: the run of the skipped hour and that of the next are one.
        check(
            "0 * * * *",
            "America/New_York",
            "2026-03-08T06:00:00Z",
            &["2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"],
        );
        // Sao Paulo skipped midnight on 2018-11-04.
        check(
            "0 0 * * *",
            "America/Sao_Paulo",
            "2018-11-03T12:00:00Z",
            &["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"],
        );
    }

    #[test]
    fn a_repeated_local_time_runs_once() {
        // Lisbon 02:00 -> 01:00 on 2026-10-25; New York 02:00 -> 01:00 on 2026-11-01.
        check(
            "30 1 * * *",
            "Europe/Lisbon",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        );
        check(
            "*/30 * * * *",
            "America/New_York",
            "2026-11-01T05:00:00Z",
            &["2026-11-01T05:30:00Z", "2026-11-01T07:00:00Z", "2026-11-01T07:30:00Z"],
        );
        // From within the second pass.
        check("30 1 * * *", "America/New_York", "2026-11-01T06:10:00Z", &["2026-11-02T06:30:00Z"]);
        // Sao Paulo repeated 23:00 on 2019-02-16.
        check(
            "30 23 * * *",
            "America/Sao_Paulo",
            "2019-02-16T12:00:00Z",
            &["2019-02-17T01:30:00Z", "2019-02-18T02:30:00Z"],
        );
    }

    #[test]
    fn over_a_year_each_run_is_later_than_the_one_before() {
        for zone in
            ["Europe/Lisbon", "America/Sao_Paulo", "America/New_York", "Australia/Lord_Howe"]
        {
            for written in ["17 */3 * * *", "30 1 * * *", "0 0 1,15 * mon", "45 23 * * *"] {
                let schedule = Schedule::parse(written, zone).unwrap();
                let mut now = at("2026-01-01T00:00:00Z");
                let mut runs = 0;
                while now < at("2027-01-01T00:00:00Z") {
                    let next = schedule.next_after(now);
                    assert!(next > now, "{written} in {zone} at {now}");
                    now = next;
                    runs += 1;
                }
                if written == "30 1 * * *" {
                    assert!((365..=366).contains(&runs), "{runs} in {zone}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_schedule_says_what_was_expected() {
        let problem = |written: &str| Schedule::parse(written, "UTC").unwrap_err();
        for (written, part) in [
            ("", "this has 0"),
            ("* * * *", "this has 4"),
            ("* * * * * * * *", "this has 8"),
            ("every", "`every 60s`"),
            ("every minute", "`every 60s`"),
            ("every -5s", "`every 60s`"),
            ("every 1.5h", "`every 60s`"),
            ("every 4s", "5 seconds at least"),
            ("every 0s", "5 seconds at least"),
            ("every 32d", "31 days at most"),
            ("every 99999999999999999999d", "31 days at most"),
            ("60 * * * *", "minute field `60`"),
            ("*/0 * * * *", "minute field `*/0`"),
            ("* 24 * * *", "hour field `24`"),
            ("* * 0 * *", "day field `0`"),
            ("* * L * *", "day field `l`"),
            ("* * * 13 *", "month field `13`"),
            ("* * * foo *", "jan to dec"),
            ("* * * * 8", "weekday field `8`"),
            ("* * * * mon#2", "sun to sat"),
            ("30-10 * * * *", "a range `a-b`"),
            (", * * * *", "minute field `,`"),
            ("1-2-3 * * * *", "minute field `1-2-3`"),
            ("4294967297 * * * *", "minute field"),
            ("0 0 0 1 1 * 1960", "year field `1960`"),
            ("* * * * * *", "more often"),
            ("*/3 * * * * *", "more often"),
            ("2,58 * * * * *", "more often"),
            ("0 0 31 feb *", "never runs"),
        ] {
            let says = problem(written).to_string();
            assert!(says.contains(part), "{written}: {says}");
        }
        assert!(Schedule::parse("2,58 30 * * * *", "UTC").is_ok());
        let zone = Schedule::parse("every 60s", "Lisbon").unwrap_err();
        assert_eq!(zone, ScheduleProblem::Zone("Lisbon".to_owned()));
        assert_eq!(problem(&"1,".repeat(400)), ScheduleProblem::TooLong);
    }

    #[test]
    fn a_schedule_whose_years_are_over_is_asked_again_in_a_month() {
        check("0 0 0 1 1 * 2020", "UTC", "2026-01-01T00:00:00Z", &["2026-02-01T00:00:00Z"]);
    }

    #[test]
    fn back_off_doubles_to_a_quarter_of_an_hour() {
        for (failures, seconds) in
            [(-1, 15), (0, 15), (1, 15), (2, 30), (3, 60), (6, 480), (7, 900), (i64::MAX, 900)]
        {
            assert_eq!(backoff(failures, 0.0, None).as_secs(), seconds, "{failures}");
        }
        assert_eq!(backoff(1, 1.0, None).as_secs(), 18);
        assert_eq!(backoff(1, f64::NAN, None).as_secs(), 15);
        assert_eq!(backoff(1, 0.0, Some(Duration::from_secs(600))).as_secs(), 600);
        assert_eq!(backoff(9, 0.0, Some(Duration::from_secs(1))).as_secs(), 900);
        assert_eq!(backoff(1, 0.0, Some(Duration::MAX)), ASKED_FOR_MAX);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_is_a_schedule_or_a_problem(
            written in "(every )?[0-9smhd*/,?LW#-]{0,6}( [0-9a-z*/,?-]{1,6}){0,6}|.{0,40}",
            seconds in 0_i64..4_000_000_000,
        ) {
            if let Ok(schedule) = Schedule::parse(&written, "America/New_York") {
                let now = DateTime::from_timestamp(seconds, 0).unwrap();
                assert!(schedule.next_after(now) > now, "{written} at {now}");
            }
        }
    }
}
