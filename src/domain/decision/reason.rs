//! Why an answer counted or did not: sentences in order of precedence, each
//! with a stable code. `docs/REASONS.md` lists them all; a test keeps it so.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
            utoipa::ToSchema,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($variant),+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable word for it, in the API and in the store.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What an inbound message turned out to be; exactly one.
    Disposition {
        Decided = "decided",
        AwaitingConfirmation = "awaiting_confirmation",
        Unclear = "unclear",
        AutoReply = "auto_reply",
        Bounce = "bounce",
        ReadReceipt = "read_receipt",
        Loop = "loop",
        Unrelated = "unrelated",
        Unauthenticated = "unauthenticated",
        Unauthorized = "unauthorized",
        BadToken = "bad_token",
        Late = "late",
        Duplicate = "duplicate",
        Quarantined = "quarantined",
        Deferred = "deferred",
    }
}

macro_rules! reasons {
    ($($variant:ident $code:literal => $disposition:ident, $sentence:literal;)+) => {
        words! {
            /// In order of precedence: where several hold, the first is named.
            Reason { $($variant = $code),+ }
        }

        impl Reason {
            pub fn disposition(self) -> Disposition {
                match self { $(Self::$variant => Disposition::$disposition),+ }
            }

            /// For a person, in English.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence),+ }
            }
        }
    };
}

reasons! {
    FailedThreeTimes "failed_three_times" => Quarantined, "judging this message failed three times; it is kept and decides nothing";
    TooLarge "too_large" => Quarantined, "the message is larger than the account allows; only its headers were read";
    OverLimit "over_limit" => Quarantined, "the message exceeds a limit (size, nesting, parts or headers)";
    AmbiguousStructure "ambiguous_structure" => Quarantined, "the message can be read in more than one way, or is broken";
    OwnMail "own_mail" => Loop, "a mail of our own came back";
    DeliveryReport "delivery_report" => Bounce, "a mail server reports on a mail";
    ReadReceipt "read_receipt" => ReadReceipt, "a mail program reports that a mail was displayed";
    AutomaticReply "automatic_reply" => AutoReply, "a machine wrote it, not a person";
    ListMail "list_mail" => AutoReply, "it came through a mailing list or in bulk";
    FeedbackReport "feedback_report" => AutoReply, "a provider reports a complaint";
    FromNotOneMailbox "from_not_one_mailbox" => Quarantined, "there is not exactly one From with exactly one mailbox";
    NotAboutUs "not_about_us" => Unrelated, "it has no token and answers no mail of ours";
    TokenMissing "token_missing" => BadToken, "it answers a mail of ours but carries no token";
    TokenUnknown "token_unknown" => BadToken, "its token was never issued here";
    TokenForged "token_forged" => BadToken, "its token's seal is wrong";
    TokenOfOtherPurpose "token_of_other_purpose" => BadToken, "its token is genuine but made for something else";
    TokensOfDifferentApprovers "tokens_of_different_approvers" => BadToken, "it carries tokens of different approvers";
    TokensOfTwoRequests "tokens_of_two_requests" => Unclear, "it carries tokens of two requests, so it is not clear which it answers";
    SameBytes "same_bytes" => Duplicate, "the same message was judged before";
    TokenOfEarlierEpoch "token_of_earlier_epoch" => BadToken, "its token is from before a restore from backup; only a deny counts";
    RequestCancelled "request_cancelled" => Late, "the request was withdrawn before the answer came";
    RequestExpired "request_expired" => Late, "the request had expired before the answer came";
    RequestClosed "request_closed" => Late, "the request was already decided";
    ApproverRemoved "approver_removed" => Unauthorized, "the approver was taken off the request";
    LevelNotReached "level_not_reached" => Unauthorized, "the approver's level has not been asked yet";
    ApproverInactive "approver_inactive" => Unauthorized, "the approver has been deactivated";
    IsTheRequester "is_the_requester" => Unauthorized, "nobody decides on his own request";
    NotTheApprover "not_the_approver" => Unauthorized, "the From is not the approver whom the token names";
    SentOnBehalf "sent_on_behalf" => Unauthorized, "the Sender is not the From, which `strict` does not allow";
    EvidencePending "evidence_pending" => Deferred, "evidence about the sender could not be fetched yet; it will be tried again";
    TokenNotSigned "token_not_signed" => BadToken, "nothing that proves the sender covers the place the token stands in";
    SenderUnproven "sender_unproven" => Unauthenticated, "nothing proves the sender at the level that is asked for";
    WordsUnclear "words_unclear" => Unclear, "the words do not plainly approve or deny";
    AnswersAnotherMail "answers_another_mail" => Unclear, "it answers somebody else's mail, which ours was only quoted in or sent along with";
    MailNeverDecides "mail_never_decides" => Unclear, "by policy no mail decides on this request";
    SameAnswer "same_answer" => Duplicate, "the approver has given the same answer before";
    ConfirmationWanted "confirmation_wanted" => AwaitingConfirmation, "by policy an approve by mail must be confirmed on the web";
    Approved "approved" => Decided, "the approver approves";
    Denied "denied" => Decided, "the approver denies";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_read_back() {
        let codes: BTreeSet<_> = Reason::ALL.iter().map(|r| r.as_str()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for &reason in Reason::ALL {
            assert_eq!(Reason::from_word(reason.as_str()), Some(reason));
        }
        for &disposition in Disposition::ALL {
            assert_eq!(Disposition::from_word(disposition.as_str()), Some(disposition));
        }
    }

    #[test]
    fn every_disposition_has_a_reason() {
        let reached: BTreeSet<_> = Reason::ALL.iter().map(|r| r.disposition()).collect();
        assert_eq!(reached.len(), Disposition::ALL.len());
    }

    #[test]
    fn only_two_reasons_record_a_decision() {
        let deciding: Vec<_> =
            Reason::ALL.iter().filter(|r| r.disposition() == Disposition::Decided).collect();
        assert_eq!(deciding, [&Reason::Approved, &Reason::Denied]);
    }
}
