//! The copies of mails that lie on servers, and how far a folder was read.
//!
//! A copy's identity is (account, folder, validity, uid): for IMAP the
//! UIDVALIDITY and UID (RFC 9051 §2.3.1.1), for POP3 validity 0 and the UIDL
//! (RFC 1939 §7) in the one folder `INBOX`. The server's `\Seen` is nobody's
//! state; this table is.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::{
    StoreError, Tx,
    columns::{RowOf, holdable},
    tx::*,
};
use crate::domain::ids::{InboundMessageId, InboxAccountId};

/// How many uids one statement takes at most.
const UIDS_PER_STATEMENT: usize = 5_000;

/// What became of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CopyState {
    /// It lay there before the baseline: never fetched, judged or deleted.
    History,
    /// Fetched and committed; it stays on the server.
    Kept,
    /// Too large: its headers were read, it stays on the server.
    Oversize,
    /// Fetched and committed, and its judgement waits for evidence.
    Deferred,
    /// Fetched and committed; to be deleted on the server.
    ToDelete,
    /// The server has confirmed that it is gone.
    Deleted,
    /// Fetching or judging failed; tried again until it is given up.
    Failing,
}

impl CopyState {
    pub const ALL: &[Self] = &[
        Self::History,
        Self::Kept,
        Self::Oversize,
        Self::Deferred,
        Self::ToDelete,
        Self::Deleted,
        Self::Failing,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Kept => "kept",
            Self::Oversize => "oversize",
            Self::Deferred => "deferred",
            Self::ToDelete => "to_delete",
            Self::Deleted => "deleted",
            Self::Failing => "failing",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == word)
    }
}

/// How far a folder was read (IMAP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Place {
    pub uid_validity: i64,
    /// Every UID up to this one has been looked at.
    pub last_uid: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxCopy {
    pub account_id: InboxAccountId,
    pub folder: String,
    pub validity: i64,
    pub uid: String,
    pub state: CopyState,
    pub inbound_message_id: Option<InboundMessageId>,
    pub sha256: Option<[u8; 32]>,
    pub size_bytes: Option<i64>,
    pub tries: i64,
    pub last_error: Option<String>,
    pub seen_at: DateTime<Utc>,
}

/// A copy to be written down, or, where its identity is known, brought up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCopy {
    pub account_id: InboxAccountId,
    pub folder: String,
    pub validity: i64,
    pub uid: String,
    pub state: CopyState,
    /// The message kept from it; a copy that is kept or deleted must have one.
    pub inbound_message_id: Option<InboundMessageId>,
    pub sha256: Option<[u8; 32]>,
    pub size_bytes: Option<i64>,
    pub seen_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct Row {
    account_id: InboxAccountId,
    folder: String,
    validity: i64,
    uid: String,
    state: String,
    inbound_message_id: Option<InboundMessageId>,
    sha256: Option<Vec<u8>>,
    size_bytes: Option<i64>,
    tries: i64,
    last_error: Option<String>,
    seen_at: DateTime<Utc>,
}

impl Row {
    fn read(self) -> Result<MailboxCopy, StoreError> {
        let row = RowOf::new("mailbox_copy", &self.uid);
        let sha256 = self.sha256.map(|found| row.bytes("sha256", &found)).transpose()?;
        let state = row.word("state", &self.state, CopyState::from_word)?;
        Ok(MailboxCopy {
            account_id: self.account_id,
            folder: self.folder,
            validity: self.validity,
            uid: self.uid,
            state,
            inbound_message_id: self.inbound_message_id,
            sha256,
            size_bytes: self.size_bytes,
            tries: self.tries,
            last_error: self.last_error,
            seen_at: self.seen_at,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "-- mailbox\n\
            SELECT account_id, folder, validity, uid, state, inbound_message_id, sha256, \
            size_bytes, tries, last_error, seen_at \
            FROM mailbox_copy ",
            $rest
        )
    };
}

/// How far the folder was read; none: never.
pub async fn place(
    tx: &mut Tx,
    account: InboxAccountId,
    folder: &str,
) -> Result<Option<Place>, StoreError> {
    row!(
        tx,
        Place,
        "-- mailbox.place
        SELECT uid_validity, last_uid FROM mailbox_place WHERE account_id = $1 AND folder = $2",
        account,
        folder,
    )
}

pub async fn set_place(
    tx: &mut Tx,
    account: InboxAccountId,
    folder: &str,
    place: Place,
) -> Result<(), StoreError> {
    changed!(
        tx,
        "-- mailbox.set_place
        INSERT INTO mailbox_place (account_id, folder, uid_validity, last_uid)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (account_id, folder)
        DO UPDATE SET uid_validity = excluded.uid_validity, last_uid = excluded.last_uid",
        account,
        folder,
        place.uid_validity,
        place.last_uid,
    )?;
    Ok(())
}

/// Every copy of one life of the folder.
pub async fn list(
    tx: &mut Tx,
    account: InboxAccountId,
    folder: &str,
    validity: i64,
) -> Result<Vec<MailboxCopy>, StoreError> {
    rows!(
        tx,
        Row,
        select!("WHERE account_id = $1 AND folder = $2 AND validity = $3 ORDER BY seen_at, uid"),
        account,
        folder,
        validity,
    )?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// Those of one life of the folder that are in one of a few states, such as
/// what is to be deleted.
pub async fn list_in_state(
    tx: &mut Tx,
    account: InboxAccountId,
    folder: &str,
    validity: i64,
    state: CopyState,
) -> Result<Vec<MailboxCopy>, StoreError> {
    rows!(
        tx,
        Row,
        select!(
            "WHERE account_id = $1 AND folder = $2 AND validity = $3 AND state = $4 \
            ORDER BY seen_at, uid"
        ),
        account,
        folder,
        validity,
        state.as_str(),
    )?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// The uids of one life of the folder, with what became of each.
pub async fn known_uids(
    tx: &mut Tx,
    account: InboxAccountId,
    folder: &str,
    validity: i64,
) -> Result<HashMap<String, CopyState>, StoreError> {
    let found = rows!(
        tx,
        (String, String),
        "-- mailbox.known_uids
        SELECT uid, state FROM mailbox_copy
        WHERE account_id = $1 AND folder = $2 AND validity = $3",
        account,
        folder,
        validity,
    )?;
    let read = |(uid, state): (String, String)| {
        let state = RowOf::new("mailbox_copy", &uid).word("state", &state, CopyState::from_word)?;
        Ok((uid, state))
    };
    found.into_iter().map(read).collect()
}

/// Writes a copy down. A copy that failed before is brought up to date and
/// keeps its count of tries; any other known identity is `Taken`.
pub async fn add(tx: &mut Tx, copy: &NewCopy) -> Result<(), StoreError> {
    let count = changed!(
        tx,
        "-- mailbox.add: only a copy that came to nothing yet may come to something
        INSERT INTO mailbox_copy (account_id, folder, validity, uid, state, inbound_message_id,
            sha256, size_bytes, tries, seen_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)
        ON CONFLICT (account_id, folder, validity, uid) DO UPDATE SET state = excluded.state,
            inbound_message_id = excluded.inbound_message_id, sha256 = excluded.sha256,
            size_bytes = excluded.size_bytes
        WHERE mailbox_copy.state = 'failing'",
        copy.account_id,
        &copy.folder,
        copy.validity,
        &copy.uid,
        copy.state.as_str(),
        copy.inbound_message_id,
        copy.sha256.as_ref().map(|hash| &hash[..]),
        copy.size_bytes,
        copy.seen_at,
    )?;
    if count == 1 { Ok(()) } else { Err(StoreError::Taken { what: "copy of the mail" }) }
}

// A list of uids is bound as one JSON array, so thousands are one statement
// with one text; the databases unfold an array each by its own function.
macro_rules! for_uids {
    ($before:literal, $after:literal) => {
        PerDatabase {
            sqlite: concat!($before, "json_each($4) AS uids", $after),
            postgres: concat!($before, "jsonb_array_elements_text($4) AS uids(value)", $after),
        }
    };
}

/// What is known of these uids; a large mailbox is not read for a small list.
pub async fn known_among(
    tx: &mut Tx,
    account: InboxAccountId,
    folder: &str,
    validity: i64,
    uids: &[String],
) -> Result<HashMap<String, CopyState>, StoreError> {
    const KNOWN: PerDatabase = for_uids!(
        "-- mailbox.known_among\n\
        SELECT uid, state FROM mailbox_copy \
        WHERE account_id = $1 AND folder = $2 AND validity = $3 \
            AND uid IN (SELECT uids.value FROM ",
        ")"
    );
    let mut known = HashMap::new();
    for part in uids.chunks(UIDS_PER_STATEMENT) {
        let found = rows!(tx, (String, String), KNOWN, account, folder, validity, Json(part))?;
        for (uid, state) in found {
            let row = RowOf::new("mailbox_copy", &uid);
            let state = row.word("state", &state, CopyState::from_word)?;
            known.insert(uid, state);
        }
    }
    Ok(known)
}

/// Writes down what lay there before the baseline. Those known are left as
/// they are. Gives how many were new.
pub async fn add_history(
    tx: &mut Tx,
    account: InboxAccountId,
    folder: &str,
    validity: i64,
    uids: &[String],
    at: DateTime<Utc>,
) -> Result<u64, StoreError> {
    // WHERE TRUE: SQLite would take ON for the condition of a join.
    const ADD: PerDatabase = for_uids!(
        "-- mailbox.add_history\n\
        INSERT INTO mailbox_copy (account_id, folder, validity, uid, state, tries, seen_at) \
        SELECT $1, $2, $3, uids.value, 'history', 0, $5 FROM ",
        " WHERE TRUE ON CONFLICT (account_id, folder, validity, uid) DO NOTHING"
    );
    let mut count = 0;
    for part in uids.chunks(UIDS_PER_STATEMENT) {
        count += changed!(tx, ADD, account, folder, validity, Json(part), at)?;
    }
    Ok(count)
}

/// Gives how many were changed.
pub async fn set_state(
    tx: &mut Tx,
    account: InboxAccountId,
    folder: &str,
    validity: i64,
    uids: &[String],
    state: CopyState,
) -> Result<u64, StoreError> {
    const SET: PerDatabase = for_uids!(
        "-- mailbox.set_state\n\
        UPDATE mailbox_copy SET state = $5 \
        WHERE account_id = $1 AND folder = $2 AND validity = $3 \
            AND uid IN (SELECT uids.value FROM ",
        ")"
    );
    let mut count = 0;
    for part in uids.chunks(UIDS_PER_STATEMENT) {
        count += changed!(tx, SET, account, folder, validity, Json(part), state.as_str())?;
    }
    Ok(count)
}

/// Forgets copies that are no longer on the server. Gives how many there were.
pub async fn forget(
    tx: &mut Tx,
    account: InboxAccountId,
    folder: &str,
    validity: i64,
    uids: &[String],
) -> Result<u64, StoreError> {
    const FORGET: PerDatabase = for_uids!(
        "-- mailbox.forget\n\
        DELETE FROM mailbox_copy \
        WHERE account_id = $1 AND folder = $2 AND validity = $3 \
            AND uid IN (SELECT uids.value FROM ",
        ")"
    );
    let mut count = 0;
    for part in uids.chunks(UIDS_PER_STATEMENT) {
        count += changed!(tx, FORGET, account, folder, validity, Json(part))?;
    }
    Ok(count)
}

/// One more try of a copy came to nothing. Gives how many there were; a copy
/// that came to something keeps its state.
pub async fn count_try(
    tx: &mut Tx,
    account: InboxAccountId,
    folder: &str,
    validity: i64,
    uid: &str,
    error: &str,
) -> Result<i64, StoreError> {
    let now = tx.now().await?;
    let (tries,) = the_row!(
        tx,
        (i64,),
        "-- mailbox.count_try
        INSERT INTO mailbox_copy (account_id, folder, validity, uid, state, tries, last_error,
            seen_at)
        VALUES ($1, $2, $3, $4, 'failing', 1, $5, $6)
        ON CONFLICT (account_id, folder, validity, uid)
        DO UPDATE SET tries = mailbox_copy.tries + 1, last_error = excluded.last_error
        RETURNING tries",
        account,
        folder,
        validity,
        uid,
        holdable(error),
        now,
    )?;
    Ok(tries)
}

/// A copy of these bytes in any folder of the account and any of its lives,
/// the earliest: how a mail is known again when its UID has changed.
pub async fn find_by_hash(
    tx: &mut Tx,
    account: InboxAccountId,
    sha256: &[u8; 32],
) -> Result<Option<MailboxCopy>, StoreError> {
    row!(
        tx,
        Row,
        select!("WHERE account_id = $1 AND sha256 = $2 ORDER BY seen_at, uid LIMIT 1"),
        account,
        &sha256[..],
    )?
    .map(Row::read)
    .transpose()
}
