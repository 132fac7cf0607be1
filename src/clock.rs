//! The only `now()`. Everything that needs the time is handed a `Clock`, so a
//! test moves time instead of waiting for it.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Tells the time, UTC, in whole microseconds: both databases keep exactly
/// that much, so what is read back equals what was written.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Hand(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is moved, for tests.
    pub fn standing_at(start: DateTime<Utc>) -> Self {
        Self(Source::Hand(Arc::new(Mutex::new(start.trunc_subsecs(6)))))
    }

    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            #[expect(clippy::disallowed_methods, reason = "this is the one place that may ask")]
            Source::System => Utc::now().trunc_subsecs(6),
            Source::Hand(time) => *time.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Whether this clock moves only by hand. The store then asks it instead of
    /// the database's clock, so that a test moves both at once.
    pub fn is_standing(&self) -> bool {
        matches!(self.0, Source::Hand(_))
    }

    /// Moves a standing clock; the system's cannot be moved.
    pub fn advance(&self, by: TimeDelta) {
        if let Source::Hand(time) = &self.0 {
            *time.lock().unwrap_or_else(PoisonError::into_inner) += by;
        }
    }
}
