//! Long lists, page by page, newest first.
//!
//! A page ends with a cursor that holds the last row's time and id, so the
//! next one starts behind it (a keyset, not an offset): rows that arrive in
//! between shift nothing, and the thousandth page costs what the first does.

use chrono::{DateTime, Utc};
use data_encoding::BASE64URL_NOPAD;
use uuid::Uuid;

use super::StoreError;

/// More are never given at once, whatever is asked.
pub const PAGE_LIMIT_MAX: i64 = 1000;

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most this many; held between 1 and [`PAGE_LIMIT_MAX`].
    pub limit: i64,
    /// `next_cursor` of the page before; none: from the newest.
    pub cursor: Option<String>,
}

impl Page {
    pub fn first(limit: i64) -> Self {
        Self { limit, cursor: None }
    }

    pub(super) fn limit(&self) -> i64 {
        self.limit.clamp(1, PAGE_LIMIT_MAX)
    }

    /// One more than is given, to know whether there is more.
    pub(super) fn fetched(&self) -> i64 {
        self.limit() + 1
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<T> {
    pub items: Vec<T>,
    /// None: this was the last page.
    pub next_cursor: Option<String>,
}

impl<T> Listed<T> {
    /// Cuts what was fetched (one more than asked for, if there is more).
    pub(super) fn cut(
        mut items: Vec<T>,
        page: &Page,
        key: impl Fn(&T) -> (DateTime<Utc>, Uuid),
    ) -> Self {
        let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| has_more).map(|last| cursor(key(last)));
        Self { items, next_cursor }
    }
}

fn cursor((at, id): (DateTime<Utc>, Uuid)) -> String {
    BASE64URL_NOPAD.encode(format!("{}.{}", at.timestamp_micros(), id.simple()).as_bytes())
}

fn read_cursor(cursor: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?;
    let (micros, id) = std::str::from_utf8(&bytes).ok()?.split_once('.')?;
    Some((DateTime::from_timestamp_micros(micros.parse().ok()?)?, Uuid::try_parse(id).ok()?))
}

/// A value of a condition.
#[derive(Debug, Clone)]
pub(super) enum Bound {
    Text(String),
    Id(Uuid),
    Time(DateTime<Utc>),
}

/// The conditions of a list that were given; those that were not leave no
/// trace in the SQL, so each combination finds its own index.
#[derive(Debug, Default)]
pub(super) struct Conditions(pub Vec<(&'static str, Bound, &'static str)>);

impl Conditions {
    /// `before` ends where the value goes: `"m.state = "`.
    pub fn text(&mut self, before: &'static str, value: Option<impl Into<String>>) {
        self.0.extend(value.map(|value| (before, Bound::Text(value.into()), "")));
    }

    pub fn id(&mut self, before: &'static str, value: Option<Uuid>) {
        self.0.extend(value.map(|value| (before, Bound::Id(value), "")));
    }

    pub fn time(&mut self, before: &'static str, value: Option<DateTime<Utc>>) {
        self.0.extend(value.map(|value| (before, Bound::Time(value), "")));
    }

    /// `before` is a column with `LIKE lower(` behind it. ASCII letters match
    /// in either case on both databases, others only on PostgreSQL.
    pub fn contains(&mut self, before: &'static str, value: Option<&str>) {
        self.0.extend(value.map(|value| {
            let escaped = value.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
            (before, Bound::Text(format!("%{escaped}%")), r") ESCAPE '\'")
        }));
    }

    /// `columns` is the list's time and id with `< (` behind them.
    pub fn behind(&mut self, columns: &'static str, page: &Page) -> Result<(), StoreError> {
        if let Some(cursor) = &page.cursor {
            let (at, id) = read_cursor(cursor).ok_or(StoreError::BadCursor)?;
            self.0.push((columns, Bound::Time(at), ", "));
            self.0.push(("", Bound::Id(id), ")"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_a_foreign_one_is_refused() {
        let key = (DateTime::from_timestamp_micros(1_800_000_000_123_456).unwrap(), Uuid::max());
        assert_eq!(read_cursor(&cursor(key)), Some(key));
        for foreign in ["", "x", "MTIz", "é", "MTIzLjQ"] {
            assert_eq!(read_cursor(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_page_has_a_cursor_only_where_there_is_more() {
        let at = DateTime::from_timestamp_micros(0).unwrap();
        let check = |fetched: u128, more: bool| {
            let items: Vec<Uuid> = (0..fetched).map(Uuid::from_u128).collect();
            let listed = Listed::cut(items, &Page::first(2), |id| (at, *id));
            assert_eq!((listed.items.len() <= 2, listed.next_cursor.is_some()), (true, more));
        };
        check(0, false);
        check(2, false);
        check(3, true);
    }
}
