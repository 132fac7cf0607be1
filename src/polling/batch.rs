//! Messages that were fetched and wait for their common commit.
//!
//! Up to 64 messages of a visit share a transaction, each judged in order
//! inside a savepoint: one that cannot be judged rolls back alone, counts a
//! failure, and is quarantined at the third.

use super::{errand::Errand, error::VisitError, mailbox::Item};
use crate::{
    actions::{
        ActionError, Story,
        judge::{self, Opened, Panicked, Surroundings},
        receive_message::{self, Arrived, ReceiveError, Received, sha256},
    },
    domain::decision::Disposition,
    store::{
        StoreError, Tx, inbound_messages, inbox_state,
        mailbox::{self as copies, CopyState, NewCopy},
    },
    telemetry,
};

/// Messages that share a transaction.
const MESSAGES_MAX: usize = 64;
/// Octets held in memory before they are committed.
const OCTETS_MAX: usize = 32 * 1024 * 1024;
/// After so many failures a message is kept and not judged.
const TRIES_MAX: i64 = 3;

pub(super) struct Batch<'a> {
    visit: &'a Errand<'a>,
    around: Surroundings,
    waiting: Vec<(Item, Arrived)>,
    octets: usize,
}

/// A mail that was read, or on which reading broke.
type Unjudged = (Item, Arrived, Result<Opened, Panicked>);

/// What a commit came to.
#[derive(Default)]
pub(super) struct Committed {
    pub fetched: usize,
    pub oversize: usize,
    pub recognised: usize,
    pub failed: usize,
    pub dispositions: Vec<Disposition>,
    /// Fetched whole, committed, and not waiting for evidence.
    pub deletable: Vec<Item>,
}

impl<'a> Batch<'a> {
    pub(super) async fn new(visit: &'a Errand<'a>) -> Result<Self, VisitError> {
        let mut tx = visit.instance.store.read().await?;
        let around = Surroundings::load(&mut tx).await?;
        Ok(Self { visit, around, waiting: Vec::new(), octets: 0 })
    }

    pub(super) fn add(&mut self, item: &Item, raw: Vec<u8>, is_whole: bool) {
        self.octets += raw.len();
        let arrived = Arrived {
            raw,
            is_whole,
            size_bytes: i64::try_from(item.size_bytes).unwrap_or(i64::MAX),
            internal_date: item.internal_date,
        };
        self.waiting.push((item.clone(), arrived));
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= MESSAGES_MAX || self.octets >= OCTETS_MAX
    }

    /// Commits everything that waits.
    pub(super) async fn commit(&mut self) -> Result<Committed, VisitError> {
        let mut committed = Committed::default();
        if self.waiting.is_empty() {
            return Ok(committed);
        }
        self.octets = 0;
        let opened = self.take_apart().await?;
        let mut tx = self.visit.instance.store.begin().await?;
        // Held until the commit: nobody takes the account over in between.
        inbox_state::fence(&mut tx, self.visit.lease).await?;
        let mut story = Story::default();
        for (item, arrived, opened) in opened {
            self.receive_one(&mut tx, &mut story, (item, arrived, opened), &mut committed).await?;
        }
        story.commit(tx).await?;
        Ok(committed)
    }

    /// Reads every waiting mail before the transaction begins, on a thread
    /// where it holds up neither the runtime nor the database.
    async fn take_apart(&mut self) -> Result<Vec<Unjudged>, VisitError> {
        let waiting = std::mem::take(&mut self.waiting);
        let (instance, around) = (self.visit.instance.clone(), self.around.clone());
        let reading = tokio::task::spawn_blocking(move || {
            waiting
                .into_iter()
                .map(|(item, arrived)| {
                    let opened = judge::open(&instance, &arrived.raw, &around);
                    (item, arrived, opened)
                })
                .collect()
        });
        reading.await.map_err(|error| ActionError::Internal(error.to_string()).into())
    }

    async fn receive_one(
        &self,
        tx: &mut Tx,
        story: &mut Story,
        (item, arrived, opened): Unjudged,
        committed: &mut Committed,
    ) -> Result<(), VisitError> {
        let hash = sha256(&arrived.raw);
        if let Some(known) = self.known_by_its_bytes(tx, &item, &hash).await? {
            self.recognise(tx, item, &known, hash, committed).await?;
            return Ok(());
        }
        tx.savepoint("message").await?;
        let mut own = Story::default();
        let is_whole = arrived.is_whole;
        match self.receive(tx, &mut own, &item, arrived.clone(), opened).await {
            Ok(received) => {
                tx.release("message").await?;
                story.absorb(own);
                self.count(item, &received, is_whole, committed);
                Ok(())
            }
            Err(error) => {
                let trouble = trouble_of_one_message(error)?;
                tx.rollback_to("message").await?;
                tx.release("message").await?;
                self.failed(tx, story, (item, arrived), &trouble, committed).await
            }
        }
    }

    /// The message that came with these bytes before, where the bytes are what
    /// it is known by: the server gives it no name, or has renumbered the
    /// folder. The same bytes twice under one numbering are two messages.
    async fn known_by_its_bytes(
        &self,
        tx: &mut Tx,
        item: &Item,
        sha256: &[u8; 32],
    ) -> Result<Option<inbound_messages::InboundMessage>, StoreError> {
        let account = self.visit.account.id;
        if item.key.is_none() {
            return inbound_messages::find_by_hash(tx, account, sha256).await;
        }
        let earlier = copies::find_by_hash(tx, account, sha256).await?.filter(|copy| {
            (copy.folder.as_str(), copy.validity) != (self.visit.folder, self.visit.validity)
        });
        match earlier.and_then(|copy| copy.inbound_message_id) {
            Some(id) => inbound_messages::find(tx, id).await,
            None => Ok(None),
        }
    }

    async fn receive(
        &self,
        tx: &mut Tx,
        story: &mut Story,
        item: &Item,
        arrived: Arrived,
        opened: Result<Opened, Panicked>,
    ) -> Result<Received, ReceiveError> {
        let (instance, account) = (self.visit.instance, self.visit.account);
        let is_whole = arrived.is_whole;
        let mail = (opened?, arrived);
        let received = receive_message::receive_opened(instance, tx, story, account, mail).await?;
        self.keep(tx, item, &received, is_whole).await?;
        Ok(received)
    }

    async fn keep(
        &self,
        tx: &mut Tx,
        item: &Item,
        received: &Received,
        is_whole: bool,
    ) -> Result<(), StoreError> {
        let state = if !is_whole {
            CopyState::Oversize
        } else if received.disposition == Disposition::Deferred {
            CopyState::Deferred
        } else if self.visit.account.keep_copy {
            CopyState::Kept
        } else {
            CopyState::ToDelete
        };
        let copy = self.copy(item, state, received, tx).await?;
        copies::add(tx, &copy).await
    }

    async fn copy(
        &self,
        item: &Item,
        state: CopyState,
        received: &Received,
        tx: &mut Tx,
    ) -> Result<NewCopy, StoreError> {
        Ok(NewCopy {
            account_id: self.visit.account.id,
            folder: self.visit.folder.to_owned(),
            validity: self.visit.validity,
            uid: key(item, &received.sha256),
            state,
            inbound_message_id: Some(received.id),
            sha256: Some(received.sha256),
            size_bytes: i64::try_from(item.size_bytes).ok(),
            seen_at: tx.now().await?,
        })
    }

    fn count(&self, item: Item, received: &Received, is_whole: bool, committed: &mut Committed) {
        committed.dispositions.push(received.disposition);
        if !is_whole {
            committed.oversize += 1;
            return;
        }
        committed.fetched += 1;
        if received.disposition != Disposition::Deferred {
            committed.deletable.push(item);
        }
    }

    /// Its bytes were judged already: nothing new, but it has a new name.
    async fn recognise(
        &self,
        tx: &mut Tx,
        item: Item,
        known: &inbound_messages::InboundMessage,
        sha256: [u8; 32],
        committed: &mut Committed,
    ) -> Result<(), VisitError> {
        let received = Received {
            id: known.id,
            disposition: known.judgement.disposition,
            reason: known.judgement.reason,
            sha256,
        };
        // Without a name of its own it is on record under its bytes already.
        if item.key.is_some() {
            self.keep(tx, &item, &received, known.is_whole).await?;
        }
        committed.recognised += 1;
        if known.is_whole && received.disposition != Disposition::Deferred {
            committed.deletable.push(item);
        }
        Ok(())
    }

    async fn failed(
        &self,
        tx: &mut Tx,
        story: &mut Story,
        (item, arrived): (Item, Arrived),
        trouble: &str,
        committed: &mut Committed,
    ) -> Result<(), VisitError> {
        let visit = self.visit;
        let uid = key(&item, &sha256(&arrived.raw));
        let tries =
            copies::count_try(tx, visit.account.id, visit.folder, visit.validity, &uid, trouble)
                .await?;
        tracing::error!(account = %visit.account.name, uid, tries, "a message could not be judged: {trouble}");
        committed.failed += 1;
        if tries < TRIES_MAX {
            return Ok(());
        }
        let is_whole = arrived.is_whole;
        let received =
            receive_message::quarantine(visit.instance, tx, story, visit.account, arrived, trouble)
                .await
                .map_err(fatal)?;
        self.keep(tx, &item, &received, is_whole).await?;
        self.count(item, &received, is_whole, committed);
        Ok(())
    }

    /// A message that could not be fetched; at the third time it is given up,
    /// with nothing but its place on record, so that it blocks nobody.
    pub(super) async fn count_failure(&self, item: &Item, trouble: &str) -> Result<(), VisitError> {
        let visit = self.visit;
        let uid = key(item, &[0; 32]);
        let mut tx = visit.instance.store.begin().await?;
        inbox_state::fence(&mut tx, visit.lease).await?;
        let tries = copies::count_try(
            &mut tx,
            visit.account.id,
            visit.folder,
            visit.validity,
            &uid,
            trouble,
        )
        .await?;
        let mut story = Story::default();
        if tries >= TRIES_MAX {
            let arrived = Arrived {
                raw: Vec::new(),
                is_whole: false,
                size_bytes: i64::try_from(item.size_bytes).unwrap_or(i64::MAX),
                internal_date: item.internal_date,
            };
            let received = receive_message::quarantine(
                visit.instance,
                &mut tx,
                &mut story,
                visit.account,
                arrived,
                trouble,
            )
            .await
            .map_err(fatal)?;
            self.keep(&mut tx, item, &received, false).await?;
        }
        Ok(story.commit(tx).await?)
    }
}

/// What the store knows a message by.
fn key(item: &Item, sha256: &[u8; 32]) -> String {
    item.key.clone().unwrap_or_else(|| format!("sha256:{}", data_encoding::HEXLOWER.encode(sha256)))
}

/// An error that is one message's own; anything about the database is the
/// whole visit's, since the next message would meet it too.
fn trouble_of_one_message(error: ReceiveError) -> Result<String, VisitError> {
    match error {
        ReceiveError::Action(ActionError::Store(
            store @ (StoreError::Unavailable { .. }
            | StoreError::LeaseLost
            | StoreError::CommitUnknown { .. }),
        )) => Err(ActionError::Store(store).into()),
        other => Ok(telemetry::causes(&other)),
    }
}

fn fatal(error: ReceiveError) -> VisitError {
    match error {
        ReceiveError::Action(action) => action.into(),
        ReceiveError::Panicked(panicked) => ActionError::Internal(panicked.to_string()).into(),
    }
}
