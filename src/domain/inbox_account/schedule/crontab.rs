//! What people mean by a cron line, brought to what the `cron` crate reads.
//!
//! The crate reads some things otherwise than crontab(5): it wants a seconds
//! field, counts weekdays from Sunday = 1, and takes both day fields as "and".
//! So each field is expanded to a plain list here, weekdays become names, and
//! two restricted day fields become two schedules of which either may fire.

use std::{collections::BTreeSet, str::FromStr};

use chrono::DateTime;

use super::{INTERVAL_MIN, ScheduleProblem};

/// One or two schedules, of which any may fire. `lower` is in lower case.
pub fn parse(lower: &str) -> Result<Vec<cron::Schedule>, ScheduleProblem> {
    let written = match lower {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        other => other,
    };
    let fields: Vec<&str> = written.split_whitespace().collect();
    let (second, minute, hour, day, month, weekday, year) = match *fields.as_slice() {
        [m, h, d, mo, w] => ("0", m, h, d, mo, w, "*"),
        [s, m, h, d, mo, w] => (s, m, h, d, mo, w, "*"),
        [s, m, h, d, mo, w, y] => (s, m, h, d, mo, w, y),
        _ => return Err(ScheduleProblem::FieldCount(fields.len())),
    };
    let seconds = SECOND.expand(second)?;
    let minutes = MINUTE.expand(minute)?;
    if is_too_often(&seconds, &minutes) {
        return Err(ScheduleProblem::TooOften);
    }
    let time = format!("{} {} {}", list(&seconds), list(&minutes), list(&HOUR.expand(hour)?));
    let days = list(&DAY.expand(day)?);
    let months = list(&MONTH.expand(month)?);
    let weekdays = weekday_names(&WEEKDAY.expand(weekday)?);
    let years = if is_open(year) { "*".to_owned() } else { list(&YEAR.expand(year)?) };
    // crontab(5): where both day fields are restricted (neither begins with
    // `*`), either may match; else both must.
    let lines = if is_starred(day) || is_starred(weekday) {
        vec![format!("{time} {days} {months} {weekdays} {years}")]
    } else {
        vec![
            format!("{time} {days} {months} * {years}"),
            format!("{time} * {months} {weekdays} {years}"),
        ]
    };
    let schedules: Vec<cron::Schedule> =
        lines.iter().filter_map(|line| cron::Schedule::from_str(line).ok()).collect();
    let runs =
        schedules.iter().any(|schedule| schedule.after(&DateTime::UNIX_EPOCH).next().is_some());
    if runs { Ok(schedules) } else { Err(ScheduleProblem::NeverRuns) }
}

/// A field of a cron expression: its name, its numbers, the names of some.
struct Field {
    name: &'static str,
    min: u32,
    max: u32,
    /// Three letters each; the first stands for `min`.
    words: &'static [&'static str],
}

const SECOND: Field = Field { name: "second", min: 0, max: 59, words: &[] };
const MINUTE: Field = Field { name: "minute", min: 0, max: 59, words: &[] };
const HOUR: Field = Field { name: "hour", min: 0, max: 23, words: &[] };
const DAY: Field = Field { name: "day", min: 1, max: 31, words: &[] };
const MONTH: Field = Field {
    name: "month",
    min: 1,
    max: 12,
    words: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
/// 0 and 7 are Sunday.
const WEEKDAY: Field = Field {
    name: "weekday",
    min: 0,
    max: 7,
    words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};
/// As far as the crate reckons.
const YEAR: Field = Field { name: "year", min: 1970, max: 2100, words: &[] };

fn is_starred(field: &str) -> bool {
    field.starts_with('*') || field.starts_with('?')
}

fn is_open(field: &str) -> bool {
    field == "*" || field == "?"
}

impl Field {
    /// `*`, `7`, `1-5`, each with `/step`, and lists of them.
    fn expand(&self, written: &str) -> Result<BTreeSet<u32>, ScheduleProblem> {
        written.split(',').try_fold(BTreeSet::new(), |mut set, item| {
            let values = self.item(item).ok_or_else(|| self.problem(written))?;
            set.extend(values);
            Ok(set)
        })
    }

    fn item(&self, item: &str) -> Option<Vec<u32>> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, number(step).filter(|&step| step > 0)?),
            None => (item, 1),
        };
        // `5/10` runs on to the end of the field; a bare 5 does not.
        let (from, to) = if is_open(range) {
            (self.min, self.last())
        } else if let Some((from, to)) = range.split_once('-') {
            (self.value(from)?, self.value(to)?)
        } else {
            let from = self.value(range)?;
            (from, if item.contains('/') { self.last() } else { from })
        };
        // `fri-sun` and `sat-mon` go over the end of the week.
        let to = if from > to && !self.words.is_empty() { to + self.count() } else { to };
        let wrapped = |value: u32| if value > self.max { value - self.count() } else { value };
        (from <= to).then(|| (from..=to).step_by(step as usize).map(wrapped).collect())
    }

    fn value(&self, written: &str) -> Option<u32> {
        let named = self.words.iter().zip(self.min..).find(|(word, _)| **word == written);
        named
            .map(|(_, value)| value)
            .or_else(|| number(written))
            .filter(|value| (self.min..=self.max).contains(value))
    }

    /// Where `*` ends; a week has one Sunday.
    fn last(&self) -> u32 {
        if self.name == WEEKDAY.name { 6 } else { self.max }
    }

    fn count(&self) -> u32 {
        self.last() - self.min + 1
    }

    fn problem(&self, written: &str) -> ScheduleProblem {
        let words = match (self.words.first(), self.words.last()) {
            (Some(first), Some(last)) => format!(" or {first} to {last}"),
            _ => String::new(),
        };
        ScheduleProblem::Field {
            field: self.name,
            written: written.chars().take(40).collect(),
            expected: format!(
                "`*`, {} to {}{words}, a range `a-b`, a step `/n`, or a list of them",
                self.min, self.max
            ),
        }
    }
}

fn number(written: &str) -> Option<u32> {
    (written.len() <= 4 && written.bytes().all(|b| b.is_ascii_digit()))
        .then(|| written.parse().ok())
        .flatten()
}

fn list(values: &BTreeSet<u32>) -> String {
    values.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// The crate counts weekdays from 1, so it is given names.
fn weekday_names(values: &BTreeSet<u32>) -> String {
    let days: BTreeSet<u32> = values.iter().map(|day| day % 7).collect();
    if days.len() == 7 {
        return "*".to_owned();
    }
    let names = days.iter().filter_map(|&day| WEEKDAY.words.get(day as usize).copied());
    names.collect::<Vec<_>>().join(",")
}

/// Two runs within a minute, or over the turn of one, that are too close.
fn is_too_often(seconds: &BTreeSet<u32>, minutes: &BTreeSet<u32>) -> bool {
    let closest = INTERVAL_MIN.as_secs() as u32;
    let within = seconds.iter().zip(seconds.iter().skip(1)).any(|(a, b)| b - a < closest);
    let turn = seconds.first().zip(seconds.last()).is_some_and(|(a, b)| a + 60 - b < closest);
    let adjacent = minutes.iter().any(|&minute| minutes.contains(&((minute + 1) % 60)));
    within || (turn && adjacent)
}
