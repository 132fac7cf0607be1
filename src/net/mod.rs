//! The only sockets.
//!
//! | file | what it knows |
//! |---|---|
//! | [`step`] | what a test prints, what an error names |
//! | [`failure`] | what can go wrong, and who has to act |
//! | [`login`] [`reach`] | who logs in with what; whom we may call |
//! | [`dial`] | from a [`MailServer`](crate::domain::mail_server::MailServer) to a stream: DNS, TCP, TLS, and how long each may take |
//! | [`tls`] | whom we believe |
//! | [`certificate`] | what a certificate says of itself |
//! | [`wire`] | a stream that is neither endless nor silent for ever |
//! | `lines` | the part of a session before a library takes over |
//! | `handover` | how a library is given a session that is already open |
//! | [`imap`] [`pop3`] [`smtp`] | the three clients |
//!
//! Every wait in here ends: a client that stalls costs its own account's slot
//! and nothing else. What is *not* here: when to call, what to do with a mail,
//! when to try again (`polling`, `delivery`).

pub mod certificate;
pub mod dial;
pub mod failure;
mod handover;
pub mod imap;
mod lines;
pub mod login;
pub mod pop3;
pub mod reach;
pub mod smtp;
pub mod step;
mod step_name;
pub mod tls;
pub mod wire;

#[cfg(test)]
mod scripted;

#[cfg(test)]
mod tests {
    use super::*;

    fn check_movable<T: Send>(_: &T) {}

    /// A visit and a delivery run as tasks, on whatever thread is free.
    #[test]
    fn sessions_can_move_between_threads() {
        fn imap(session: &mut imap::Imap) {
            check_movable(session);
            check_movable(&session.list_from(1));
            check_movable(&session.fetch(1, 1));
            check_movable(&session.idle(std::time::Duration::ZERO));
        }
        fn pop3(session: &mut pop3::Pop3) {
            check_movable(session);
            check_movable(&session.retr(1, 1));
        }
        fn smtp(session: &mut smtp::Smtp, to: &crate::domain::address::EmailAddress) {
            check_movable(session);
            check_movable(&session.send(None, to, b""));
        }
        let _ = (imap as fn(_), pop3 as fn(_), smtp as fn(_, _));
    }
}
