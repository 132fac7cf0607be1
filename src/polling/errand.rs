//! What every part of a visit needs to know of it.

use crate::{actions::Instance, domain::inbox_account::InboxAccount, store::inbox_state::Lease};

/// One visit: whose mailbox, under which lease, in which folder.
pub(super) struct Errand<'a> {
    pub instance: &'a Instance,
    pub account: &'a InboxAccount,
    pub lease: &'a Lease,
    /// As the store names it; POP3 knows only INBOX.
    pub folder: &'a str,
    /// UIDVALIDITY; 0 for POP3.
    pub validity: i64,
}
