//! What must hold, asked of the store, of the ledger, and of the mailboxes on
//! the disk.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test, at its line")]

use std::collections::{BTreeMap, BTreeSet};

use countersign::{
    actions::{Instance, ledger, requests},
    domain::{
        decision::Disposition,
        outbox::{Kind, State},
    },
    store::{
        Page,
        decisions::{self, DecisionFilter},
        inbound_messages::{self, InboundFilter, InboundMessage},
    },
};

use super::arena::{Arena, mails};
use crate::bed::Mailbox;

/// How much was looked at: a check of nothing shows nothing.
#[derive(Default)]
pub struct Facts {
    pub requests: usize,
    pub answers: usize,
    pub judged: usize,
    pub decisions: usize,
    pub mails: usize,
    pub mails_doubled: usize,
}

/// Every judged message that has a Message-ID, by it.
pub async fn judged_ids(instance: &Instance) -> BTreeMap<String, Vec<InboundMessage>> {
    let mut found: BTreeMap<String, Vec<InboundMessage>> = BTreeMap::new();
    let mut page = Page::first(1000);
    let mut tx = instance.store.read().await.unwrap();
    loop {
        let filter = InboundFilter::default();
        let listed = inbound_messages::list(&mut tx, &filter, &page).await.unwrap();
        for message in listed.items {
            let id = message.message_id.clone().unwrap_or_default();
            found.entry(id).or_default().push(message);
        }
        match listed.next_cursor {
            Some(cursor) => page.cursor = Some(cursor),
            None => return found,
        }
    }
}

/// Message-ID to number of copies.
fn on_disk(mailbox: &Mailbox) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for mail in mailbox.messages() {
        let id = mail.field("Message-ID").concat();
        *found.entry(id.trim_matches(['<', '>']).to_owned()).or_default() += 1;
    }
    found
}

/// After a kill: what ever lay on the server lies there still, or is kept in
/// the store with its bytes.
pub async fn nothing_vanished(arena: &mut Arena, round: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    // The disk first: what is deleted from it afterwards is in the store then.
    let there: Vec<_> = arena.roads.iter().map(|road| on_disk(&road.mailbox)).collect();
    let judged = judged_ids(&arena.instance).await;
    for (road, there) in arena.roads.iter_mut().zip(there) {
        road.seen.extend(there.keys().cloned());
        let lost =
            road.seen.iter().filter(|id| !there.contains_key(*id) && !judged.contains_key(*id));
        wrong
            .extend(lost.map(|id| format!("kill {round}: {id} is neither on the server nor kept")));
    }
    wrong
}

/// When everything is at rest.
pub async fn everything(arena: &mut Arena) -> (Facts, Vec<String>) {
    let mut wrong = Vec::new();
    let mut facts =
        Facts { requests: arena.asked.len(), answers: arena.sent.len(), ..Facts::default() };
    answers(arena, &mut facts, &mut wrong).await;
    states(arena, &mut facts, &mut wrong).await;
    outgoing(arena, &mut facts, &mut wrong).await;
    books(&arena.instance, &mut wrong).await;
    (facts, wrong)
}

/// Fetched = judged: each answer once, and the server's copy kept or deleted as
/// the account says.
async fn answers(arena: &Arena, facts: &mut Facts, wrong: &mut Vec<String>) {
    let judged = judged_ids(&arena.instance).await;
    facts.judged = judged.values().map(Vec::len).sum();
    let expected: BTreeSet<&String> = arena.sent.iter().map(|sent| &sent.message_id).collect();
    for (id, messages) in &judged {
        if !expected.contains(id) {
            wrong.push(format!("{id} was judged and never sent"));
        }
        if messages.len() != 1 {
            wrong.push(format!("{id} was kept {} times", messages.len()));
        }
        for message in messages {
            let fine = [Disposition::Decided, Disposition::Duplicate, Disposition::Late];
            if !fine.contains(&message.judgement.disposition) {
                let reason = message.judgement.reason;
                wrong.push(format!("{id} came to {reason}"));
            }
        }
    }
    for (number, road) in arena.roads.iter().enumerate() {
        let there = on_disk(&road.mailbox);
        for sent in arena.sent.iter().filter(|sent| sent.road == number) {
            match (road.keeps, there.contains_key(&sent.message_id)) {
                (true, false) => wrong.push(format!("{} should have been left", sent.message_id)),
                (false, true) => wrong.push(format!("{} should be deleted", sent.message_id)),
                _ => {}
            }
            if !judged.contains_key(&sent.message_id) {
                wrong.push(format!("{} was never judged", sent.message_id));
            }
        }
    }
}

/// Each request stands as the answers imply, and nobody decided twice.
async fn states(arena: &Arena, facts: &mut Facts, wrong: &mut Vec<String>) {
    for asked in &arena.asked {
        let request = requests::find(&arena.instance, &asked.id.to_string()).await.unwrap();
        if request.status != asked.end() {
            wrong.push(format!("{} is {}, not {}", asked.reference, request.status, asked.end()));
        }
        let filter = DecisionFilter { request: Some(asked.id), ..DecisionFilter::default() };
        let mut tx = arena.instance.store.read().await.unwrap();
        let listed = decisions::list(&mut tx, &filter, &Page::first(1000)).await.unwrap().items;
        facts.decisions += listed.len();
        let people: BTreeSet<_> = listed.iter().map(|listed| listed.decision.approver_id).collect();
        if people.len() != listed.len() {
            wrong.push(format!("somebody decided twice on {}", asked.reference));
        }
    }
}

/// Each mail we owed was sent at least once, under its one Message-ID, and
/// nothing was owed twice.
async fn outgoing(arena: &Arena, facts: &mut Facts, wrong: &mut Vec<String>) {
    let ours = mails(&arena.instance).await;
    facts.mails = ours.len();
    let boxes = arena.approvers.iter().chain([&arena.requester]);
    let arrived: BTreeMap<&str, BTreeMap<String, usize>> =
        boxes.map(|mailbox| (mailbox.address.as_str(), on_disk(mailbox))).collect();
    let mut owed: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for mail in &ours {
        let recipient = mail.recipient.to_string();
        let copies = arrived.get(recipient.as_str()).and_then(|there| there.get(&mail.message_id));
        match copies {
            None => wrong.push(format!("{} to {recipient} never arrived", mail.message_id)),
            Some(1) => {}
            Some(_) => facts.mails_doubled += 1,
        }
        if mail.state != State::Sent {
            wrong.push(format!("{} to {recipient} is {}", mail.message_id, mail.state));
        }
        if !ids.insert(&mail.message_id) {
            wrong.push(format!("two mails are called {}", mail.message_id));
        }
        let about = mail.access_request_id.map(|id| id.to_string()).unwrap_or_default();
        if matches!(mail.kind, Kind::ApprovalRequest | Kind::Outcome | Kind::Receipt) {
            *owed.entry((about, recipient, mail.kind.to_string())).or_default() += 1;
        }
    }
    for ((about, recipient, kind), times) in owed {
        if times != 1 {
            wrong.push(format!("{kind} about {about} was owed to {recipient} {times} times"));
        }
    }
    for (address, there) in arrived {
        let strange = there.keys().filter(|id| !ids.contains(id));
        wrong.extend(strange.map(|id| format!("{id} arrived at {address} and was never owed")));
    }
}

/// The store agrees with itself and with its ledger.
async fn books(instance: &Instance, wrong: &mut Vec<String>) {
    let mut tx = instance.store.read().await.unwrap();
    let reconciled = inbound_messages::reconcile(&mut tx).await.unwrap();
    drop(tx);
    // What a POP3 server has deleted is forgotten, so there may be fewer copies.
    if !reconciled.is_balanced() || reconciled.messages < reconciled.copies_fetched {
        wrong.push(format!("fetched is not judged: {reconciled:?}"));
    }
    if let Err(broken) = ledger::verify(instance).await.unwrap() {
        wrong.push(format!("the ledger is broken: {broken:?}"));
    }
    match ledger::replay(instance).await.unwrap() {
        Ok(replayed) => wrong.extend(
            replayed.differences.iter().map(|found| format!("the ledger differs: {found:?}")),
        ),
        Err(untellable) => wrong.push(format!("the ledger tells nonsense: {untellable:?}")),
    }
}
