//! The append-only, hash-chained list of everything that happened.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;

use super::{
    StoreError, Tx,
    columns::{RowOf, holdable_json},
    tx::*,
};
use crate::domain::{
    ids::AccessRequestId,
    ledger::{Entry, Kind, NewEntry, PrivatePart, chain},
};

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    at: DateTime<Utc>,
    kind: String,
    access_request_id: Option<AccessRequestId>,
    facts: Json<Value>,
    private_digest: Option<Vec<u8>>,
    previous: Vec<u8>,
    hash: Vec<u8>,
    salt: Option<Vec<u8>>,
    #[sqlx(json(nullable))]
    body: Option<Value>,
}

impl Row {
    fn read(self) -> Result<(Entry, Option<PrivatePart>), StoreError> {
        let row = RowOf::new("ledger_entry", &self.seq);
        let digest = self.private_digest.map(|found| row.bytes("private_digest", &found));
        let part = match (self.salt, self.body) {
            (Some(salt), Some(body)) => Some(PrivatePart { salt: row.bytes("salt", &salt)?, body }),
            _ => None,
        };
        let entry = Entry {
            seq: self.seq,
            at: self.at,
            kind: row.word("kind", &self.kind, Kind::from_word)?,
            access_request_id: self.access_request_id,
            facts: self.facts.0,
            private_digest: digest.transpose()?,
            previous: row.bytes("previous", &self.previous)?,
            hash: row.bytes("hash", &self.hash)?,
        };
        Ok((entry, part))
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "-- ledger\n\
            SELECT e.seq, e.at, e.kind, e.access_request_id, e.facts, e.private_digest, \
            e.previous, e.hash, p.salt, p.body \
            FROM ledger_entry e LEFT JOIN ledger_private p ON p.seq = e.seq ",
            $rest
        )
    };
}

/// Gives the entries their places at the end of the chain and writes them;
/// gives their sequence numbers. Ask this last before the commit: it locks the
/// chain's head, and all other writers wait there.
pub async fn append(tx: &mut Tx, entries: &[NewEntry]) -> Result<Vec<i64>, StoreError> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    // SQLite's only writer holds the lock already.
    const HEAD: PerDatabase = PerDatabase {
        sqlite: "-- ledger.append\nSELECT seq, hash FROM ledger_head",
        postgres: "-- ledger.append\nSELECT seq, hash FROM ledger_head FOR UPDATE",
    };
    let mut head = read_head(the_row!(tx, (i64, Vec<u8>), HEAD)?)?;
    let mut places = Vec::with_capacity(entries.len());
    for new in entries {
        // What is hashed must be what is read back: no U+0000, whole microseconds.
        let new = NewEntry {
            facts: holdable_json(&new.facts),
            private: new.private.as_ref().map(holdable_json),
            at: chrono::SubsecRound::trunc_subsecs(new.at, 6),
            ..new.clone()
        };
        let entry = chain::seal(&new, head);
        head = (entry.seq, entry.hash);
        places.push(entry.seq);
        write(tx, &entry, &new).await?;
    }
    changed!(
        tx,
        "-- ledger.append: the new head\nUPDATE ledger_head SET seq = $1, hash = $2",
        head.0,
        &head.1[..],
    )?;
    Ok(places)
}

async fn write(tx: &mut Tx, entry: &Entry, new: &NewEntry) -> Result<(), StoreError> {
    changed!(
        tx,
        "-- ledger.append: an entry
        INSERT INTO ledger_entry (seq, at, kind, access_request_id, facts, private_digest,
            previous, hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        entry.seq,
        entry.at,
        entry.kind.as_str(),
        entry.access_request_id,
        Json(&entry.facts),
        entry.private_digest.as_ref().map(|digest| &digest[..]),
        &entry.previous[..],
        &entry.hash[..],
    )?;
    if let Some(body) = &new.private {
        changed!(
            tx,
            "-- ledger.append: its private part
            INSERT INTO ledger_private (seq, salt, body) VALUES ($1, $2, $3)",
            entry.seq,
            &new.salt[..],
            Json(body),
        )?;
    }
    Ok(())
}

fn read_head((seq, hash): (i64, Vec<u8>)) -> Result<(i64, [u8; 32]), StoreError> {
    Ok((seq, RowOf::new("ledger_head", &1).bytes("hash", &hash)?))
}

/// The chain's end: its sequence number and hash; zero and zeros while empty.
pub async fn head(tx: &mut Tx) -> Result<(i64, [u8; 32]), StoreError> {
    read_head(the_row!(tx, (i64, Vec<u8>), "-- ledger.head\nSELECT seq, hash FROM ledger_head")?)
}

/// Up to `limit` entries behind `after_seq`, in order, each with its private
/// part while that exists.
pub async fn list(
    tx: &mut Tx,
    after_seq: i64,
    limit: i64,
) -> Result<Vec<(Entry, Option<PrivatePart>)>, StoreError> {
    rows!(tx, Row, select!("WHERE e.seq > $1 ORDER BY e.seq LIMIT $2"), after_seq, limit)?
        .into_iter()
        .map(Row::read)
        .collect()
}

/// Up to `limit` entries before `before_seq`, the newest first, of one kind or
/// request where one is named.
pub async fn list_before(
    tx: &mut Tx,
    before_seq: i64,
    kind: Option<Kind>,
    request: Option<AccessRequestId>,
    limit: i64,
) -> Result<Vec<(Entry, Option<PrivatePart>)>, StoreError> {
    rows!(
        tx,
        Row,
        select!(
            "WHERE e.seq < $1 AND ($2 IS NULL OR e.kind = $2) \
            AND ($3 IS NULL OR e.access_request_id = $3) ORDER BY e.seq DESC LIMIT $4"
        ),
        before_seq,
        kind.map(Kind::as_str),
        request,
        limit,
    )?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// Everything that happened to one request, in order.
pub async fn list_of_request(
    tx: &mut Tx,
    request: AccessRequestId,
) -> Result<Vec<(Entry, Option<PrivatePart>)>, StoreError> {
    rows!(tx, Row, select!("WHERE e.access_request_id = $1 ORDER BY e.seq"), request)?
        .into_iter()
        .map(Row::read)
        .collect()
}

/// Erases private parts; the chain still proves itself. Gives how many there
/// were.
pub async fn erase_private(tx: &mut Tx, seqs: &[i64]) -> Result<u64, StoreError> {
    // The numbers are bound as one JSON array, which each unfolds its own way.
    const ERASE: PerDatabase = PerDatabase {
        sqlite: "-- ledger.erase_private
            DELETE FROM ledger_private WHERE seq IN (SELECT value FROM json_each($1))",
        postgres: "-- ledger.erase_private
            DELETE FROM ledger_private
            WHERE seq IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text($1))",
    };
    changed!(tx, ERASE, Json(seqs))
}
