//! One visit to one mailbox: list, plan, fetch, commit, delete, in the order
//! that loses nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    batch::{Batch, Committed},
    errand::Errand,
    error::VisitError,
    mailbox::{self, Item, Mailbox},
};
use crate::{
    actions::Instance,
    domain::inbox_account::{
        InboxAccount,
        cursor::{self, ImapFinding, ImapListed, Known, Manner, Place, PopFinding, PopListed},
    },
    net::{
        imap::Imap,
        pop3::Pop3,
        step::{NetError, StepLog},
    },
    store::{
        inbox_state,
        inbox_state::Lease,
        mailbox::{self as copies, CopyState},
    },
};

/// What a visit did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Messages the server showed us.
    pub listed: usize,
    /// Taken for history: there before the account was first enabled.
    pub history: usize,
    pub fetched: usize,
    /// By disposition.
    pub judged: BTreeMap<String, usize>,
    /// Of which only the headers were read.
    pub oversize: usize,
    /// Known by their bytes after the server renumbered the folder.
    pub recognised: usize,
    /// Could not be fetched or judged this time.
    pub failed: usize,
    pub deleted: usize,
    pub took_ms: u64,
}

/// Everything known before the first message is fetched.
struct Plan {
    history: Vec<Item>,
    fetch: Vec<Item>,
    oversize: Vec<Item>,
    delete_now: Vec<Item>,
    forget: Vec<String>,
    /// The server renumbered the folder: everything is listed again.
    rescan: bool,
    listed: usize,
    /// The highest UID listed; IMAP only.
    highest: Option<u32>,
}

pub(super) async fn visit(
    instance: &Instance,
    account: &InboxAccount,
    lease: &Lease,
) -> Result<Summary, VisitError> {
    let began = tokio::time::Instant::now();
    let mut log = StepLog::default();
    let mut mailbox = mailbox::open(instance, account, &mut log).await?;
    let state = {
        let mut tx = instance.store.read().await?;
        inbox_state::find(&mut tx, account.id).await?
    };
    let baseline_at = state.as_ref().and_then(|state| state.baseline_at);
    let baseline_taken = state.as_ref().is_some_and(|state| state.baseline_taken);
    let mut visit = Errand { instance, account, lease, folder: "INBOX", validity: 0 };
    let plan = match &mut mailbox {
        Mailbox::Imap(imap) => {
            visit.folder = &account.folder;
            plan_imap(&mut visit, imap, baseline_at).await?
        }
        Mailbox::Pop3(pop3) => plan_pop3(&visit, pop3, baseline_taken).await?,
    };
    let mut summary =
        Summary { listed: plan.listed, history: plan.history.len(), ..Summary::default() };
    note_history(&visit, &plan, baseline_taken).await?;

    let mut to_delete = plan.delete_now;
    let outcome =
        carry_out(&visit, &mut mailbox, &plan.fetch, &plan.oversize, &mut to_delete, &mut summary)
            .await;
    // What was committed may be deleted even where a later message failed.
    if outcome.is_ok() {
        if summary.fetched + summary.recognised > 0 {
            let failed = |error| VisitError::of_net(account, error);
            mailbox.leave_unread().await.map_err(failed)?;
        }
        delete(&visit, &mut mailbox, &mut to_delete, &mut summary).await?;
        if let Some(highest) = plan.highest {
            advance(&visit, highest).await?;
        }
    }
    outcome?;
    finish(&visit, mailbox, &to_delete, &mut summary).await?;
    summary.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(summary)
}

fn manner(account: &InboxAccount) -> Manner {
    Manner {
        keep_copy: account.keep_copy,
        import_existing: account.import_existing,
        max_size_bytes: u64::try_from(account.max_size_bytes).unwrap_or(0),
    }
}

/// What failed before is not known: it is tried again.
fn known(state: CopyState) -> Option<Known> {
    match state {
        CopyState::History => Some(Known::History),
        CopyState::Kept | CopyState::Deleted => Some(Known::Kept),
        CopyState::Oversize => Some(Known::Oversize),
        CopyState::Deferred => Some(Known::Deferred),
        CopyState::ToDelete => Some(Known::ToDelete),
        CopyState::Failing => None,
    }
}

async fn plan_imap(
    visit: &mut Errand<'_>,
    imap: &mut Imap,
    baseline_at: Option<DateTime<Utc>>,
) -> Result<Plan, VisitError> {
    let account = visit.account;
    let failed = |error: NetError| VisitError::of_net(account, error);
    let selected = imap.select(&account.folder).await.map_err(failed)?;
    visit.validity = i64::from(selected.uid_validity);
    let (place, waiting) = {
        let mut tx = visit.instance.store.read().await?;
        let place = copies::place(&mut tx, account.id, visit.folder).await?;
        let (id, validity, state) = (account.id, visit.validity, CopyState::ToDelete);
        let waiting = copies::list_in_state(&mut tx, id, visit.folder, validity, state).await?;
        (place, waiting)
    };
    let place = place.map(|place| Place {
        uid_validity: u32::try_from(place.uid_validity).unwrap_or(0),
        last_uid: u32::try_from(place.last_uid).unwrap_or(0),
    });
    let waiting: BTreeMap<u32, Known> =
        waiting.iter().filter_map(|copy| Some((copy.uid.parse().ok()?, Known::ToDelete))).collect();
    let from = cursor::first_uid_to_list(place, selected.uid_validity, account.keep_copy, &waiting);
    let listed: Vec<ImapListed> = imap
        .list_from(from)
        .await
        .map_err(failed)?
        .into_iter()
        .map(|m| ImapListed {
            uid: m.uid,
            size_bytes: m.size_bytes,
            internal_date: m.internal_date,
        })
        .collect();
    // Only what is listed is looked up: a mailbox may keep a million behind it.
    let uids: Vec<String> = listed.iter().map(|message| message.uid.to_string()).collect();
    let stored = {
        let mut tx = visit.instance.store.read().await?;
        copies::known_among(&mut tx, account.id, visit.folder, visit.validity, &uids).await?
    };
    let known: BTreeMap<u32, Known> = stored
        .iter()
        .filter_map(|(uid, state)| Some((uid.parse().ok()?, known(*state)?)))
        .chain(waiting)
        .collect();
    let plan = cursor::plan_imap(&ImapFinding {
        manner: manner(account),
        baseline_at: baseline_at.unwrap_or_default(),
        place,
        uid_validity: selected.uid_validity,
        listed_from: from,
        listed: &listed,
        known: &known,
    });
    let by_uid: BTreeMap<u32, &ImapListed> = listed.iter().map(|m| (m.uid, m)).collect();
    let items = |uids: Vec<u32>| -> Vec<Item> {
        uids.into_iter()
            .map(|uid| Item {
                key: Some(uid.to_string()),
                handle: uid,
                size_bytes: by_uid.get(&uid).map_or(0, |m| m.size_bytes),
                internal_date: by_uid.get(&uid).and_then(|m| m.internal_date),
            })
            .collect()
    };
    // After a renumbering the old copies stay on record: they say what was
    // fetched. Only what the server no longer shows of this numbering goes.
    let forget = if plan.rescan { Vec::new() } else { plan.forget };
    Ok(Plan {
        history: items(plan.history),
        fetch: items(plan.fetch),
        oversize: items(plan.oversize),
        delete_now: items(plan.delete_now),
        forget: forget.iter().map(u32::to_string).collect(),
        rescan: plan.rescan,
        highest: listed.iter().map(|m| m.uid).max().or((from > 1).then(|| from - 1)).or(Some(0)),
        listed: listed.len(),
    })
}

async fn plan_pop3(
    visit: &Errand<'_>,
    pop3: &mut Pop3,
    baseline_taken: bool,
) -> Result<Plan, VisitError> {
    let account = visit.account;
    let failed = |error: NetError| VisitError::of_net(account, error);
    let uidls: Option<BTreeMap<u32, String>> =
        pop3.uidl().await.map_err(failed)?.map(|listed| listed.into_iter().collect());
    let listed: Vec<PopListed> = pop3
        .list()
        .await
        .map_err(failed)?
        .into_iter()
        .map(|(number, size_bytes)| PopListed {
            number,
            size_bytes,
            uidl: uidls.as_ref().and_then(|uidls| uidls.get(&number).cloned()),
        })
        .collect();
    let stored = {
        let mut tx = visit.instance.store.read().await?;
        copies::known_uids(&mut tx, account.id, visit.folder, visit.validity).await?
    };
    let known: BTreeMap<String, Known> =
        stored.iter().filter_map(|(uidl, state)| Some((uidl.clone(), known(*state)?))).collect();
    let finding =
        PopFinding { manner: manner(account), baseline_taken, listed: &listed, known: &known };
    let plan = cursor::plan_pop3(&finding)
        .map_err(|problem| VisitError::of_problem(account, "list", &problem.to_string()))?;
    let sizes: BTreeMap<u32, u64> = listed.iter().map(|m| (m.number, m.size_bytes)).collect();
    let items = |mails: Vec<cursor::PopMail>| -> Vec<Item> {
        mails
            .into_iter()
            .map(|mail| Item {
                key: mail.uidl,
                handle: mail.number,
                size_bytes: sizes.get(&mail.number).copied().unwrap_or(0),
                internal_date: None,
            })
            .collect()
    };
    Ok(Plan {
        history: items(plan.history),
        fetch: items(plan.fetch),
        oversize: items(plan.oversize),
        delete_now: items(plan.delete_now),
        forget: plan.forget,
        rescan: false,
        highest: None,
        listed: listed.len(),
    })
}

/// Writes down what is history, and forgets what the server no longer has.
async fn note_history(
    visit: &Errand<'_>,
    plan: &Plan,
    baseline_taken: bool,
) -> Result<(), VisitError> {
    let is_first_pop3 = plan.highest.is_none() && !baseline_taken;
    // IMAP needs no record of history: its place and the baseline say it.
    let history: Vec<String> = match plan.highest {
        None => plan.history.iter().filter_map(|item| item.key.clone()).collect(),
        Some(_) => Vec::new(),
    };
    if history.is_empty() && plan.forget.is_empty() && !is_first_pop3 && !plan.rescan {
        return Ok(());
    }
    let mut tx = visit.instance.store.begin().await?;
    inbox_state::fence(&mut tx, visit.lease).await?;
    let now = tx.now().await?;
    let account = visit.account.id;
    copies::forget(&mut tx, account, visit.folder, visit.validity, &plan.forget).await?;
    copies::add_history(&mut tx, account, visit.folder, visit.validity, &history, now).await?;
    if plan.rescan {
        // From now on what is committed counts under the new numbering, so a
        // rescan that is broken off goes on where it was.
        let place = copies::Place { uid_validity: visit.validity, last_uid: 0 };
        copies::set_place(&mut tx, account, visit.folder, place).await?;
    }
    if is_first_pop3 {
        inbox_state::set_baseline_taken(&mut tx, account).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Fetches and commits in batches; what may be deleted is added to `to_delete`.
async fn carry_out(
    visit: &Errand<'_>,
    mailbox: &mut Mailbox,
    fetch: &[Item],
    oversize: &[Item],
    to_delete: &mut Vec<Item>,
    summary: &mut Summary,
) -> Result<(), VisitError> {
    let size_max = u64::try_from(visit.account.max_size_bytes).unwrap_or(0);
    let mut batch = Batch::new(visit).await?;
    for (items, whole) in [(fetch, true), (oversize, false)] {
        for item in items {
            let fetched = if whole {
                mailbox.fetch(item, size_max).await
            } else {
                mailbox.fetch_headers(item).await
            };
            match fetched {
                Ok(Some(raw)) => batch.add(item, raw, whole),
                Ok(None) => {} // Somebody else deleted it in between.
                Err(error) => {
                    // The session is gone. What was fetched is committed, and
                    // the message counts one failure.
                    note(visit, batch.commit().await?, to_delete, summary);
                    batch.count_failure(item, &error.to_string()).await?;
                    return Err(VisitError::of_net(visit.account, error));
                }
            }
            if batch.is_full() {
                note(visit, batch.commit().await?, to_delete, summary);
                if mailbox.deletes_at_once() {
                    delete(visit, mailbox, to_delete, summary).await?;
                }
            }
        }
    }
    note(visit, batch.commit().await?, to_delete, summary);
    Ok(())
}

fn note(
    visit: &Errand<'_>,
    committed: Committed,
    to_delete: &mut Vec<Item>,
    summary: &mut Summary,
) {
    summary.fetched += committed.fetched;
    summary.oversize += committed.oversize;
    summary.recognised += committed.recognised;
    summary.failed += committed.failed;
    for disposition in committed.dispositions {
        *summary.judged.entry(disposition.as_str().to_owned()).or_default() += 1;
    }
    if !visit.account.keep_copy {
        to_delete.extend(committed.deletable);
    }
}

/// Deletes what is committed. POP3 only marks it here; see `finish`.
async fn delete(
    visit: &Errand<'_>,
    mailbox: &mut Mailbox,
    to_delete: &mut Vec<Item>,
    summary: &mut Summary,
) -> Result<(), VisitError> {
    if to_delete.is_empty() {
        return Ok(());
    }
    let handles: Vec<u32> = to_delete.iter().map(|item| item.handle).collect();
    mailbox.delete(&handles).await.map_err(|error| VisitError::of_net(visit.account, error))?;
    if mailbox.deletes_at_once() {
        note_deleted(visit, to_delete, summary).await?;
        to_delete.clear();
    }
    Ok(())
}

/// Says goodbye; only now are a POP3 server's deletions true.
async fn finish(
    visit: &Errand<'_>,
    mailbox: Mailbox,
    marked: &[Item],
    summary: &mut Summary,
) -> Result<(), VisitError> {
    mailbox.close().await.map_err(|error| VisitError::of_net(visit.account, error))?;
    if !marked.is_empty() {
        note_deleted(visit, marked, summary).await?;
    }
    Ok(())
}

async fn note_deleted(
    visit: &Errand<'_>,
    items: &[Item],
    summary: &mut Summary,
) -> Result<(), VisitError> {
    let keys: Vec<String> = items.iter().filter_map(|item| item.key.clone()).collect();
    let mut tx = visit.instance.store.begin().await?;
    inbox_state::fence(&mut tx, visit.lease).await?;
    copies::set_state(
        &mut tx,
        visit.account.id,
        visit.folder,
        visit.validity,
        &keys,
        CopyState::Deleted,
    )
    .await?;
    tx.commit().await?;
    summary.deleted += items.len();
    Ok(())
}

/// Moves the place behind what is settled: before the first message that
/// failed, so that it is listed again.
async fn advance(visit: &Errand<'_>, highest: u32) -> Result<(), VisitError> {
    let account = visit.account.id;
    let mut tx = visit.instance.store.begin().await?;
    inbox_state::fence(&mut tx, visit.lease).await?;
    let failing =
        copies::list_in_state(&mut tx, account, visit.folder, visit.validity, CopyState::Failing)
            .await?;
    let first_failing = failing.iter().filter_map(|copy| copy.uid.parse::<i64>().ok()).min();
    let last_uid =
        first_failing.map_or(i64::from(highest), |uid| (uid - 1).min(i64::from(highest)));
    let place = copies::Place { uid_validity: visit.validity, last_uid };
    if copies::place(&mut tx, account, visit.folder).await? == Some(place) {
        return Ok(()); // An idle visit costs no write.
    }
    copies::set_place(&mut tx, account, visit.folder, place).await?;
    tx.commit().await?;
    Ok(())
}
