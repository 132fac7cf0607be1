//! The service is killed at random moments under load, again and again, and
//! nothing is lost, forgotten, or done twice.
//!
//! The real program runs against Dovecot and Postfix, on SQLite and on
//! PostgreSQL, with four inboxes each: IMAP and POP3, keeping and deleting.
//! `COUNTERSIGN_KILLS` says how often it is killed on each database, a few
//! times if it says nothing (`make soak` says more); `COUNTERSIGN_SEED` fixes
//! the dice.

mod arena;
mod check;

use std::time::{Duration, Instant};

use countersign::random::Random;

use arena::{Arena, Database};

/// On each database, when nobody says how often.
const KILLS: usize = 4;
const SEED: u64 = 20_261_121;
/// A round lasts at most so long; most of what a start does happens within.
const ROUND: Duration = Duration::from_millis(1200);

/// What a run came to.
struct Report {
    database: &'static str,
    kills: usize,
    facts: check::Facts,
    violations: Vec<String>,
    took: Duration,
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_loses_and_doubles_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let kills = number("COUNTERSIGN_KILLS").map_or(KILLS, |kills: u64| kills as usize);
    let seed = number("COUNTERSIGN_SEED").unwrap_or(SEED);
    let (sqlite, postgres) = tokio::join!(
        run(Database::Sqlite, kills, seed),
        run(Database::Postgres, kills, seed.wrapping_add(1)),
    );
    let mut violations = 0;
    for report in [&sqlite, &postgres] {
        println!("{}", report.text(seed));
        violations += report.violations.len();
    }
    assert_eq!(violations, 0, "{:#?}\n{:#?}", sqlite.violations, postgres.violations);
}

async fn run(database: Database, kills: usize, seed: u64) -> Report {
    let began = Instant::now();
    let mut arena = Arena::set(database, Random::seeded(seed)).await;
    let mut violations = Vec::new();
    for round in 1..=kills {
        arena.ask_for_access().await;
        let service = arena.start();
        let life = ROUND.mul_f64(arena.dice.fraction());
        // Whoever answers goes on while the service dies.
        let (_, ()) = tokio::join!(tokio::time::sleep(life), arena.answer_what_came());
        service.kill();
        arena.let_leases_run_out().await;
        let lost = check::nothing_vanished(&mut arena, round).await;
        // At once: a long run is not waited for to its end.
        lost.iter().for_each(|wrong| println!("{}: {wrong}", database.name()));
        violations.extend(lost);
    }
    if let Err(stuck) = arena.come_to_rest().await {
        violations.push(stuck);
    }
    let (facts, wrong) = check::everything(&mut arena).await;
    violations.extend(wrong);
    Report { database: database.name(), kills, facts, violations, took: began.elapsed() }
}

impl Report {
    fn text(&self, seed: u64) -> String {
        let facts = &self.facts;
        let seconds = self.took.as_secs_f64();
        let each = seconds / self.kills.max(1) as f64;
        format!(
            "{}: {} kills (seed {seed}) in {seconds:.0} s, {each:.2} s each, so 10000 on it in {:.1} h\n  \
            {} requests, {} answers sent, {} messages judged, {} decisions, {} mails sent, {} of them more than once\n  \
            {} violations{}",
            self.database,
            self.kills,
            each * 10_000.0 / 3600.0,
            facts.requests,
            facts.answers,
            facts.judged,
            facts.decisions,
            facts.mails,
            facts.mails_doubled,
            self.violations.len(),
            self.violations.iter().map(|wrong| format!("\n  - {wrong}")).collect::<String>(),
        )
    }
}
