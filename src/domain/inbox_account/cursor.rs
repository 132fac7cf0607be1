//! How far a mailbox has been read, and what one visit does about it.
//!
//! An IMAP UID names one message only while the mailbox keeps its UIDVALIDITY
//! (RFC 9051 §2.3.1.1); when that changes, what we knew of the place is
//! worthless: everything since the baseline is fetched again, and the hash of
//! its bytes keeps a mail from counting twice. A POP3 message is named by its
//! UIDL (RFC 1939 §7); its number means nothing after the session.
//!
//! What lay there when the account was first enabled is history: never
//! fetched, judged or deleted, unless `import_existing`. A message is deleted
//! only where keep-copy is off and it was fetched whole and committed
//! ([`Known::ToDelete`]); switching keep-copy on stops that also for what had
//! been marked before.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, SubsecRound, Utc};

/// What we know of a message that is, or was, on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Known {
    /// It was there before the account was enabled.
    History,
    /// Fetched and committed; its copy stays.
    Kept,
    /// Fetched whole, committed and judged; its copy is to go.
    ToDelete,
    /// Only its headers were fetched; it stays on the server.
    Oversize,
    /// Fetched and committed, but not judged yet; it stays until it is.
    Deferred,
}

/// The settings a plan is made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    pub keep_copy: bool,
    pub import_existing: bool,
    /// Octets.
    pub max_size_bytes: u64,
}

/// What one visit is to do, in this order. `M` names a message within the
/// visit, `K` in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<M, K> {
    /// What was known is void; match what is fetched by its hash.
    pub rescan: bool,
    /// Known from the store and gone, or void: the row may go.
    pub forget: Vec<K>,
    /// To be noted as history, not fetched.
    pub history: Vec<M>,
    /// To be fetched whole, oldest first.
    pub fetch: Vec<M>,
    /// To be noted by their headers.
    pub oversize: Vec<M>,
    /// Committed by an earlier visit and still there.
    pub delete_now: Vec<M>,
}

impl<M, K> Default for Plan<M, K> {
    fn default() -> Self {
        Self {
            rescan: false,
            forget: Vec::new(),
            history: Vec::new(),
            fetch: Vec::new(),
            oversize: Vec::new(),
            delete_now: Vec::new(),
        }
    }
}

/// Where reading an IMAP folder stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub uid_validity: u32,
    /// This and all below are settled: committed, history or oversize.
    pub last_uid: u32,
}

/// One message of an IMAP listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImapListed {
    pub uid: u32,
    /// RFC822.SIZE, octets.
    pub size_bytes: u64,
    /// None where the server gave none; such a message is not history.
    pub internal_date: Option<DateTime<Utc>>,
}

/// What a visit to an IMAP folder found.
#[derive(Debug, Clone, Copy)]
pub struct ImapFinding<'a> {
    pub manner: Manner,
    /// When the account was first enabled.
    pub baseline_at: DateTime<Utc>,
    /// Where the last visit stopped; none on the first.
    pub place: Option<Place>,
    /// Of the folder as selected now.
    pub uid_validity: u32,
    /// The UID the listing was asked to begin with; see [`first_uid_to_list`].
    pub listed_from: u32,
    pub listed: &'a [ImapListed],
    /// By UID, under the place's UIDVALIDITY; at least those from `listed_from` on.
    pub known: &'a BTreeMap<u32, Known>,
}

/// Where the listing must begin: behind what is settled, but for messages that
/// are still to be deleted; at 1 where nothing that was known holds.
pub fn first_uid_to_list(
    place: Option<Place>,
    uid_validity: u32,
    keep_copy: bool,
    known: &BTreeMap<u32, Known>,
) -> u32 {
    let Some(place) = place.filter(|place| place.uid_validity == uid_validity) else {
        return 1;
    };
    let waiting = known.iter().find(|(_, state)| !keep_copy && **state == Known::ToDelete);
    let next = place.last_uid.saturating_add(1);
    waiting.map_or(next, |(&uid, _)| uid.min(next))
}

/// Plans a visit to an IMAP folder.
pub fn plan_imap(found: &ImapFinding<'_>) -> Plan<u32, u32> {
    let is_same = found.place.is_none_or(|place| place.uid_validity == found.uid_validity);
    let nothing = BTreeMap::new();
    let known = if is_same { found.known } else { &nothing };
    let listed_from = if is_same { found.listed_from } else { 1 };
    // By UID, which is the order of arrival. A listing `n:*` names the last
    // message even where it lies below n (RFC 9051 §9, seq-range).
    let listed: BTreeMap<u32, &ImapListed> = found
        .listed
        .iter()
        .filter(|message| message.uid >= listed_from)
        .map(|message| (message.uid, message))
        .collect();
    // INTERNALDATE has whole seconds.
    let baseline_at = found.baseline_at.trunc_subsecs(0);
    let mut plan = Plan { rescan: !is_same, ..Plan::default() };
    for (&uid, message) in &listed {
        let is_history = !found.manner.import_existing
            && message.internal_date.is_some_and(|arrived| arrived < baseline_at);
        let state = known.get(&uid).copied();
        plan.sort_in(uid, state, is_history, message.size_bytes, found.manner);
    }
    plan.forget = found
        .known
        .keys()
        .copied()
        .filter(|uid| !is_same || (*uid >= listed_from && !listed.contains_key(uid)))
        .collect();
    plan
}

/// One message of a POP3 listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PopListed {
    /// Within this session only.
    pub number: u32,
    /// Octets, as LIST says.
    pub size_bytes: u64,
    /// None where the server has no UIDL.
    pub uidl: Option<String>,
}

/// A POP3 message within a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PopMail {
    pub number: u32,
    /// None where only the hash of its bytes can tell it: no UIDL, or one that
    /// several messages share.
    pub uidl: Option<String>,
}

/// What a visit to a POP3 mailbox found.
#[derive(Debug, Clone, Copy)]
pub struct PopFinding<'a> {
    pub manner: Manner,
    /// The list of history has been written down (it may be empty).
    pub baseline_taken: bool,
    /// All of it, in the server's order.
    pub listed: &'a [PopListed],
    /// By UIDL.
    pub known: &'a BTreeMap<String, Known>,
}

/// Why a POP3 mailbox cannot be read as the account is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoUidl {
    #[error(
        "the server has no UIDL, so with keep_copy on every visit would read everything again; switch keep_copy off"
    )]
    KeepCopy,
    #[error(
        "the server has no UIDL, so the mail that already lies there cannot be told from new mail; empty the mailbox or set import_existing"
    )]
    History,
}

/// Plans a visit to a POP3 mailbox. Where the baseline has not been taken, the
/// caller notes it as taken together with the plan's history.
pub fn plan_pop3(found: &PopFinding<'_>) -> Result<Plan<PopMail, String>, NoUidl> {
    let at_baseline = !found.baseline_taken && !found.manner.import_existing;
    if found.listed.iter().any(|message| message.uidl.is_none()) {
        if found.manner.keep_copy {
            return Err(NoUidl::KeepCopy);
        }
        if at_baseline {
            return Err(NoUidl::History);
        }
    }
    let mut times: HashMap<&str, u32> = HashMap::new();
    for uidl in found.listed.iter().filter_map(|message| message.uidl.as_deref()) {
        *times.entry(uidl).or_default() += 1;
    }
    let mut plan = Plan::default();
    for message in found.listed {
        let listed_uidl = message.uidl.as_deref();
        let state = listed_uidl.and_then(|uidl| found.known.get(uidl)).copied();
        let is_shared = listed_uidl.is_some_and(|uidl| times.get(uidl).is_some_and(|&n| n > 1));
        // Several messages under one UIDL (RFC 1939 forbids it): history stays
        // history, of the others none is taken for the one we know.
        let by_hash = is_shared && !at_baseline && state != Some(Known::History);
        let uidl = if by_hash { None } else { message.uidl.clone() };
        let state = if by_hash { None } else { state };
        let mail = PopMail { number: message.number, uidl };
        plan.sort_in(mail, state, at_baseline, message.size_bytes, found.manner);
    }
    // What is history must stay known: a listing that lacks it once must not
    // make it new mail the next time.
    plan.forget = found
        .known
        .iter()
        .filter(|(uidl, state)| **state != Known::History && !times.contains_key(uidl.as_str()))
        .map(|(uidl, _)| uidl.clone())
        .collect();
    Ok(plan)
}

impl<M, K> Plan<M, K> {
    fn sort_in(
        &mut self,
        message: M,
        state: Option<Known>,
        is_history: bool,
        size_bytes: u64,
        manner: Manner,
    ) {
        match state {
            Some(Known::ToDelete) if !manner.keep_copy => self.delete_now.push(message),
            Some(_) => {}
            None if is_history => self.history.push(message),
            None if size_bytes > manner.max_size_bytes => self.oversize.push(message),
            None => self.fetch.push(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const KEEP: Manner = Manner { keep_copy: true, import_existing: false, max_size_bytes: 1_000 };
    const DELETE: Manner = Manner { keep_copy: false, ..KEEP };
    const IMPORT: Manner = Manner { import_existing: true, ..KEEP };

    fn enabled() -> DateTime<Utc> {
        "2026-11-21T12:00:00.7Z".parse().unwrap()
    }

    /// (uid, size, seconds after the baseline's own second)
    fn imap(listed: &[(u32, u64, i64)]) -> Vec<ImapListed> {
        let base = enabled().trunc_subsecs(0);
        let message = |&(uid, size_bytes, seconds): &(u32, u64, i64)| ImapListed {
            uid,
            size_bytes,
            internal_date: Some(base + TimeDelta::seconds(seconds)),
        };
        listed.iter().map(message).collect()
    }

    fn known(states: &[(u32, Known)]) -> BTreeMap<u32, Known> {
        states.iter().copied().collect()
    }

    struct Imap<'a> {
        manner: Manner,
        place: Option<(u32, u32)>,
        listed: &'a [(u32, u64, i64)],
        known: &'a [(u32, Known)],
    }

    /// (history, fetch, oversize, delete_now, forget), under UIDVALIDITY 9.
    fn check(case: &Imap<'_>, rescan: bool, expected: [&[u32]; 5]) {
        let (listed, known) = (imap(case.listed), known(case.known));
        let place = case.place.map(|(uid_validity, last_uid)| Place { uid_validity, last_uid });
        let finding = ImapFinding {
            manner: case.manner,
            baseline_at: enabled(),
            place,
            uid_validity: 9,
            listed_from: 1,
            listed: &listed,
            known: &known,
        };
        let plan = plan_imap(&finding);
        let got = [&plan.history, &plan.fetch, &plan.oversize, &plan.delete_now, &plan.forget]
            .map(|v| &v[..]);
        assert_eq!((plan.rescan, got), (rescan, expected), "{:?}", case.listed);
    }

    const LISTED: &[(u32, u64, i64)] =
        &[(7, 1_000, 5), (1, 10, -600), (5, 10, 0), (4, 10, -1), (6, 1_001, 3)];

    #[test]
    fn a_first_visit_leaves_history_and_fetches_the_rest_oldest_first() {
        let first = Imap { manner: KEEP, place: None, listed: LISTED, known: &[] };
        check(&first, false, [&[1, 4], &[5, 7], &[6], &[], &[]]);
        let import = Imap { manner: IMPORT, ..first };
        check(&import, false, [&[], &[1, 4, 5, 7], &[6], &[], &[]]);
        let empty = Imap { listed: &[], ..import };
        check(&empty, false, [&[], &[], &[], &[], &[]]);
    }

    #[test]
    fn what_is_known_is_left_alone_and_what_is_gone_is_forgotten() {
        let states = &[
            (1, Known::History),
            (4, Known::History),
            (5, Known::Kept),
            (6, Known::Oversize),
            (8, Known::Kept),
        ];
        let again = Imap { manner: KEEP, place: Some((9, 6)), listed: LISTED, known: states };
        check(&again, false, [&[], &[7], &[], &[], &[8]]);
    }

    #[test]
    fn only_what_was_committed_is_deleted_and_only_without_keep_copy() {
        let states = &[
            (1, Known::History),
            (4, Known::ToDelete),
            (5, Known::Deferred),
            (6, Known::Oversize),
            (7, Known::Kept),
        ];
        let delete = Imap { manner: DELETE, place: Some((9, 7)), listed: LISTED, known: states };
        check(&delete, false, [&[], &[], &[], &[4], &[]]);
        let keep = Imap { manner: KEEP, ..delete };
        check(&keep, false, [&[], &[], &[], &[], &[]]);
    }

    #[test]
    fn a_new_uidvalidity_voids_what_was_known_and_skips_nothing() {
        let states = &[(1, Known::Kept), (5, Known::ToDelete), (900, Known::Kept)];
        let changed = Imap { manner: DELETE, place: Some((8, 900)), listed: LISTED, known: states };
        check(&changed, true, [&[1, 4], &[5, 7], &[6], &[], &[1, 5, 900]]);
    }

    #[test]
    fn a_message_without_a_date_is_new() {
        let listed = [ImapListed { uid: 3, size_bytes: 1, internal_date: None }];
        let finding = ImapFinding {
            manner: KEEP,
            baseline_at: enabled(),
            place: None,
            uid_validity: 9,
            listed_from: 1,
            listed: &listed,
            known: &BTreeMap::new(),
        };
        assert_eq!(plan_imap(&finding).fetch, [3]);
    }

    #[test]
    fn a_listing_that_begins_late_forgets_and_fetches_nothing_before_it() {
        let place = Some(Place { uid_validity: 9, last_uid: 40 });
        let states = known(&[(30, Known::Kept), (35, Known::ToDelete), (40, Known::Kept)]);
        assert_eq!(first_uid_to_list(place, 9, true, &states), 41);
        assert_eq!(first_uid_to_list(place, 9, false, &states), 35);
        assert_eq!(first_uid_to_list(place, 10, true, &states), 1);
        assert_eq!(first_uid_to_list(None, 9, true, &states), 1);
        // `41:*` in a folder whose last message is 40.
        let listed = imap(&[(40, 10, 5)]);
        let finding = ImapFinding {
            manner: KEEP,
            baseline_at: enabled(),
            place,
            uid_validity: 9,
            listed_from: 41,
            listed: &listed,
            known: &BTreeMap::new(),
        };
        assert_eq!(plan_imap(&finding), Plan::default());
    }

    struct Pop<'a> {
        manner: Manner,
        baseline_taken: bool,
        listed: &'a [(u32, u64, &'a str)],
        known: &'a [(&'a str, Known)],
    }

    /// Numbers of (history, fetch, oversize, delete_now) and what to forget; an
    /// empty UIDL stands for none.
    fn check_pop(case: &Pop<'_>, expected: Result<([&[u32]; 4], &[&str]), NoUidl>) {
        let listed: Vec<PopListed> = case
            .listed
            .iter()
            .map(|&(number, size_bytes, uidl)| PopListed {
                number,
                size_bytes,
                uidl: (!uidl.is_empty()).then(|| uidl.to_owned()),
            })
            .collect();
        let known = case.known.iter().map(|&(uidl, state)| (uidl.to_owned(), state)).collect();
        let finding = PopFinding {
            manner: case.manner,
            baseline_taken: case.baseline_taken,
            listed: &listed,
            known: &known,
        };
        let got = plan_pop3(&finding).map(|plan| {
            let numbers = [plan.history, plan.fetch, plan.oversize, plan.delete_now]
                .map(|mails| mails.iter().map(|mail| mail.number).collect::<Vec<_>>());
            (numbers, plan.forget)
        });
        let expected = expected.map(|(numbers, forget)| {
            (numbers.map(<[u32]>::to_vec), forget.iter().map(|s| (*s).to_owned()).collect())
        });
        assert_eq!(got, expected, "{:?}", case.listed);
    }

    const MAILBOX: &[(u32, u64, &str)] = &[(1, 10, "a"), (2, 10, "b"), (3, 9_999, "c")];

    #[test]
    fn a_first_pop3_visit_writes_history_down() {
        let first = Pop { manner: DELETE, baseline_taken: false, listed: MAILBOX, known: &[] };
        check_pop(&first, Ok(([&[1, 2, 3], &[], &[], &[]], &[])));
        let import = Manner { import_existing: true, ..DELETE };
        check_pop(&Pop { manner: import, ..first }, Ok(([&[], &[1, 2], &[3], &[]], &[])));
    }

    #[test]
    fn later_pop3_visits_fetch_what_is_new_and_delete_what_was_committed() {
        let states = &[("a", Known::ToDelete), ("gone", Known::Kept), ("old", Known::History)];
        let delete = Pop { manner: DELETE, baseline_taken: true, listed: MAILBOX, known: states };
        check_pop(&delete, Ok(([&[], &[2], &[3], &[1]], &["gone"])));
        check_pop(&Pop { manner: KEEP, ..delete }, Ok(([&[], &[2], &[3], &[]], &["gone"])));
    }

    #[test]
    fn without_uidl_only_an_account_that_deletes_can_be_read() {
        let bare: &[(u32, u64, &str)] = &[(1, 10, ""), (2, 9_999, "")];
        let delete = Pop { manner: DELETE, baseline_taken: true, listed: bare, known: &[] };
        check_pop(&delete, Ok(([&[], &[1], &[2], &[]], &[])));
        check_pop(&Pop { manner: KEEP, ..delete }, Err(NoUidl::KeepCopy));
        check_pop(&Pop { baseline_taken: false, ..delete }, Err(NoUidl::History));
        let import = Manner { import_existing: true, ..DELETE };
        let first = Pop { manner: import, baseline_taken: false, ..delete };
        check_pop(&first, Ok(([&[], &[1], &[2], &[]], &[])));
        let empty = Pop { manner: DELETE, baseline_taken: false, listed: &[], known: &[] };
        check_pop(&empty, Ok(([&[], &[], &[], &[]], &[])));
    }

    #[test]
    fn a_uidl_that_two_messages_share_identifies_neither() {
        let twice: &[(u32, u64, &str)] = &[(1, 10, "a"), (2, 10, "a"), (3, 10, "h"), (4, 10, "h")];
        let states = &[("a", Known::ToDelete), ("h", Known::History)];
        let delete = Pop { manner: DELETE, baseline_taken: true, listed: twice, known: states };
        check_pop(&delete, Ok(([&[], &[1, 2], &[], &[]], &[])));
        let first = Pop { baseline_taken: false, known: &[], ..delete };
        check_pop(&first, Ok(([&[1, 2, 3, 4], &[], &[], &[]], &[])));
    }
}
