//! An IMAP client that believes nothing it was not told (RFC 3501).
//!
//! The library frames and parses; the commands and the loop around them are
//! ours, because its own methods take a tagged NO for an empty answer and a
//! cut connection for a short one. A session that failed, or whose future was
//! dropped half-way, is gone: what is in the air then is anybody's guess.

mod command;
mod idle;
mod opening;

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_imap::Session;
use chrono::{DateTime, Utc};
use imap_proto::{
    AttributeValue, MailboxDatum, MessageSection, NameAttribute, Response, ResponseCode,
    SectionPath, Status,
};
use tokio::{io::BufWriter, time::timeout};

pub use self::idle::IdleOutcome;
use super::{
    dial::{Link, Login, Timeouts, dial},
    handover::Handover,
    step::{Failure, NetError, Peer, StepLog, StepName},
    wire::Allowance,
};
use crate::{
    domain::mail_server::MailServer,
    protocol::imap::{Capabilities, folder_from_wire, folder_to_wire, is_temporary, uid_set},
};

/// Octets a server may send with any answer beside what was asked for: when a
/// person marks a whole mailbox as read, it tells us so line by line.
const SLACK_OCTETS: u64 = 4 * 1024 * 1024;
/// Octets of a listing: a million messages.
const LISTING_OCTETS_MAX: u64 = 128 * 1024 * 1024;
/// Octets of a list of folders.
const FOLDERS_OCTETS_MAX: u64 = 8 * 1024 * 1024;
/// Octets of a message's header section.
const HEADERS_OCTETS_MAX: u64 = 1024 * 1024;
/// UIDs flagged at once: a server takes longer for each the more are flagged
/// singly, and a command line has to end somewhere.
const DELETE_BATCH: usize = 500;

type Stream = BufWriter<Handover>;

/// A session, logged in.
pub struct Imap {
    /// None once something failed.
    session: Option<Session<Stream>>,
    capabilities: Capabilities,
    allowance: Arc<Allowance>,
    peer: Peer,
    timeouts: Timeouts,
    /// The server spoke of a change since the last listing.
    has_news: bool,
    left_flagged: usize,
}

/// A folder as the server opened it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    pub uid_validity: u32,
    pub uid_next: Option<u32>,
    /// Messages in it.
    pub exists: u32,
    pub read_only: bool,
}

/// A message as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub uid: u32,
    pub size_bytes: u64,
    /// When the server got it.
    pub internal_date: Option<DateTime<Utc>>,
}

impl Imap {
    /// Connects and logs in.
    pub async fn open(
        server: &MailServer,
        login: &Login,
        timeouts: &Timeouts,
        log: &mut StepLog,
    ) -> Result<Self, NetError> {
        let link = dial(server, timeouts, log).await?;
        Self::over(link, server, login, timeouts, log).await
    }

    async fn over(
        link: Link,
        server: &MailServer,
        login: &Login,
        timeouts: &Timeouts,
        log: &mut StepLog,
    ) -> Result<Self, NetError> {
        let allowance = Arc::clone(&link.allowance);
        let opened = opening::open(link, server, login, timeouts, log).await?;
        let (wire, leftover) = opened.lines.into_parts();
        allowance.grant(SLACK_OCTETS, Some(timeouts.idle_bytes));
        let stream = BufWriter::new(Handover::to_imap(wire, leftover));
        // This login is answered by the handover; see there.
        let session = timeout(timeouts.command, async_imap::Client::new(stream).login("", ""))
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| {
                opened.peer.error(StepName::Auth, Failure::Protocol, "after the login")
            })?;
        Ok(Self {
            session: Some(session),
            capabilities: opened.capabilities,
            allowance,
            peer: opened.peer,
            timeouts: *timeouts,
            has_news: false,
            left_flagged: 0,
        })
    }

    /// The folders that can be opened, by the names people read.
    pub async fn folders(&mut self) -> Result<Vec<String>, NetError> {
        let mut folders = Vec::new();
        let step = StepName::FolderList;
        self.must(step, r#"LIST "" "*""#, FOLDERS_OCTETS_MAX, |response| {
            if let Response::MailboxData(MailboxDatum::List(list)) = response
                && !list.name_attributes.contains(&NameAttribute::NoSelect)
            {
                folders.push(folder_from_wire(&list.name));
            }
        })
        .await?;
        Ok(folders)
    }

    /// Opens `folder`, named as people read it.
    pub async fn select(&mut self, folder: &str) -> Result<Selected, NetError> {
        let step = StepName::Select;
        let missing =
            |kind, words: &str| self.peer.error(step, kind, &format!("`{folder}`: {words}"));
        let name = crate::protocol::imap::quoted(&folder_to_wire(folder))
            .ok_or_else(|| missing(Failure::FolderMissing, "no folder can have this name"))?;
        let (mut uid_validity, mut uid_next, mut exists) = (None, None, 0);
        let mut uids_last = true;
        let finished = self
            .command(step, &format!("SELECT {name}"), 0, |response| match response {
                Response::MailboxData(MailboxDatum::Exists(count)) => exists = *count,
                Response::Data { outcome, .. } => match &outcome.code {
                    Some(ResponseCode::UidValidity(validity)) => uid_validity = Some(*validity),
                    Some(ResponseCode::UidNext(next)) => uid_next = Some(*next),
                    Some(ResponseCode::UidNotSticky) => uids_last = false,
                    _ => {}
                },
                _ => {}
            })
            .await?;
        let fail =
            |kind, words: &str| Err(self.peer.error(step, kind, &format!("`{folder}`: {words}")));
        if finished.status != Status::Ok {
            let kind = match is_temporary(&finished.text) {
                true => Failure::ServerBusy { retry_after: None },
                false => Failure::FolderMissing,
            };
            return fail(kind, &finished.text);
        }
        if !uids_last {
            return fail(Failure::Protocol, "the server forgets its UIDs (UIDNOTSTICKY)");
        }
        match uid_validity {
            Some(uid_validity) => {
                Ok(Selected { uid_validity, uid_next, exists, read_only: finished.read_only })
            }
            None => fail(Failure::Protocol, "the server gives no UIDVALIDITY"),
        }
    }

    /// The messages from `first_uid` on, by UID.
    pub async fn list_from(&mut self, first_uid: u32) -> Result<Vec<Listed>, NetError> {
        self.has_news = false;
        let mut found: BTreeMap<u32, (Option<u64>, Option<DateTime<Utc>>)> = BTreeMap::new();
        let command = format!("UID FETCH {first_uid}:* (UID RFC822.SIZE INTERNALDATE)");
        self.must(StepName::List, &command, LISTING_OCTETS_MAX, |response| {
            let Some((uid, attributes)) = fetched(response) else {
                return;
            };
            // `*` is the last message, also where it lies before the first one asked for.
            if uid < first_uid {
                return;
            }
            let (size, date) = found.entry(uid).or_default();
            for attribute in attributes {
                match attribute {
                    AttributeValue::Rfc822Size(octets) => *size = Some(u64::from(*octets)),
                    AttributeValue::InternalDate(written) => *date = internal_date(written),
                    _ => {}
                }
            }
        })
        .await?;
        let listed = found.into_iter().filter_map(|(uid, (size_bytes, internal_date))| {
            // Without a size it was not our listing that spoke, but news of flags.
            Some(Listed { uid, size_bytes: size_bytes?, internal_date })
        });
        Ok(listed.collect())
    }

    /// The whole message, or None where it has vanished. Nobody's `\Seen` is
    /// touched.
    pub async fn fetch(
        &mut self,
        uid: u32,
        size_bytes_max: u64,
    ) -> Result<Option<Vec<u8>>, NetError> {
        self.section(uid, "", None, size_bytes_max).await
    }

    /// Its header section alone.
    pub async fn fetch_headers(&mut self, uid: u32) -> Result<Option<Vec<u8>>, NetError> {
        let section = SectionPath::Full(MessageSection::Header);
        self.section(uid, "HEADER", Some(section), HEADERS_OCTETS_MAX).await
    }

    async fn section(
        &mut self,
        uid: u32,
        name: &str,
        wanted: Option<SectionPath>,
        octets_max: u64,
    ) -> Result<Option<Vec<u8>>, NetError> {
        let step = StepName::Fetch;
        let mut found: Option<Option<Vec<u8>>> = None;
        let command = format!("UID FETCH {uid} (UID BODY.PEEK[{name}])");
        let finished = self
            .command(step, &command, octets_max, |response| {
                let Some((_, attributes)) = fetched(response).filter(|(of, _)| *of == uid) else {
                    return;
                };
                for attribute in attributes {
                    if let AttributeValue::BodySection { section, index: None, data } = attribute
                        && *section == wanted
                    {
                        // Whole, since the parser gives a literal only with its last octet.
                        found = Some(data.as_deref().map(<[u8]>::to_vec));
                    }
                }
            })
            .await?;
        if finished.status != Status::Ok {
            // RFC 5530: it went away while we asked.
            if finished.text.starts_with("[EXPUNGEISSUED]") {
                return Ok(None);
            }
            return Err(self.refused(step, &finished));
        }
        match found {
            None => Ok(None),
            Some(None) => Err(self.peer.error(
                step,
                Failure::Protocol,
                &format!("message {uid} has no content (NIL)"),
            )),
            Some(Some(bytes)) if bytes.len() as u64 > octets_max => {
                let words = format!("message {uid} has {} octets", bytes.len());
                Err(self.peer.error(step, Failure::TooLarge, &words))
            }
            Some(bytes) => Ok(bytes),
        }
    }

    /// Deletes the messages, and only these.
    ///
    /// Without UIDPLUS (RFC 4315) a server can only expunge everything that is
    /// flagged, so that is done only where nobody else flagged anything;
    /// otherwise ours stay flagged, which [`Self::left_flagged`] counts.
    pub async fn delete(&mut self, uids: &[u32]) -> Result<(), NetError> {
        let step = StepName::Delete;
        for batch in uids.chunks(DELETE_BATCH) {
            let set = uid_set(batch);
            self.must(step, &format!(r"UID STORE {set} +FLAGS.SILENT (\Deleted)"), 0, |_| {})
                .await?;
            if self.capabilities.has("UIDPLUS") {
                self.must(step, &format!("UID EXPUNGE {set}"), 0, |_| {}).await?;
                continue;
            }
            let mut others = 0;
            self.must(step, &format!("UID SEARCH DELETED NOT UID {set}"), 0, |response| {
                if let Response::MailboxData(MailboxDatum::Search(uids)) = response {
                    others += uids.len();
                }
            })
            .await?;
            if others == 0 {
                self.must(step, "EXPUNGE", 0, |_| {}).await?;
            } else {
                self.left_flagged += batch.len();
                tracing::warn!(host = %self.peer, others, left = batch.len(),
                    "the server cannot expunge single messages and others are flagged too: ours stay flagged");
            }
        }
        Ok(())
    }

    /// Messages of ours that are flagged as deleted and still there.
    pub fn left_flagged(&self) -> usize {
        self.left_flagged
    }

    /// Says goodbye. Nothing depends on the answer.
    pub async fn logout(mut self) {
        let _ = self.command(StepName::Quit, "LOGOUT", 0, |_| {}).await;
    }
}

/// Names the server; a session is not to be looked into.
impl fmt::Debug for Imap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Imap({})", self.peer)
    }
}

fn fetched<'r, 'a>(response: &'r Response<'a>) -> Option<(u32, &'r [AttributeValue<'a>])> {
    let Response::Fetch(_, attributes) = response else {
        return None;
    };
    let uid = attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::Uid(uid) => Some(*uid),
        _ => None,
    })?;
    Some((uid, attributes))
}

/// RFC 3501 §9, date-time; the day may be padded with a space.
fn internal_date(written: &str) -> Option<DateTime<Utc>> {
    let date = DateTime::parse_from_str(written.trim(), "%d-%b-%Y %H:%M:%S %z").ok()?;
    Some(date.with_timezone(&Utc))
}

#[cfg(test)]
mod tests;
