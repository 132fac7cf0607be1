//! The delivery report for a mail that found nobody (RFC 3464), as it comes
//! back minutes later from a server far away.

use chrono::{DateTime, Utc};

use crate::domain::address::EmailAddress;

/// A whole report, without the stamps of its arrival. `number` makes its
/// Message-ID and boundary unlike any other's.
pub(super) fn undeliverable(
    raw: &[u8],
    to: &EmailAddress,
    recipient: &EmailAddress,
    (server, number, at): (&str, u64, DateTime<Utc>),
) -> Vec<u8> {
    let header = String::from_utf8_lossy(raw);
    let header = header.split("\r\n\r\n").next().unwrap_or_default().trim_end();
    let date = at.to_rfc2822();
    format!(
        "From: Mail Delivery System <MAILER-DAEMON@{server}>\r\n\
        To: <{to}>\r\n\
        Date: {date}\r\n\
        Message-ID: <report.{number}@{server}>\r\n\
        Subject: Undelivered Mail Returned to Sender\r\n\
        Auto-Submitted: auto-replied\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"report-{number}\"\r\n\
        \r\n\
        --report-{number}\r\n\
        Content-Type: text/plain; charset=us-ascii\r\n\
        \r\n\
        Your message could not be delivered to <{recipient}>:\r\n\
        there is nobody of that name.\r\n\
        \r\n\
        --report-{number}\r\n\
        Content-Type: message/delivery-status\r\n\
        \r\n\
        Reporting-MTA: dns; {server}\r\n\
        Arrival-Date: {date}\r\n\
        \r\n\
        Final-Recipient: rfc822; {recipient}\r\n\
        Action: failed\r\n\
        Status: 5.1.1\r\n\
        Diagnostic-Code: smtp; 550 5.1.1 user unknown\r\n\
        \r\n\
        --report-{number}\r\n\
        Content-Type: text/rfc822-headers\r\n\
        \r\n\
        {header}\r\n\
        \r\n\
        --report-{number}--\r\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::{
        origin::{Origin, Ours, origin},
        parse::{Limits, parse},
    };

    #[test]
    fn it_reads_as_a_bounce_of_the_mail_it_names() {
        let address = |written| EmailAddress::parse(written).unwrap();
        let raw = b"From: a@x.test\r\nMessage-ID: <one@x.test>\r\n\r\nbody\r\n";
        let about = ("mx.x.test", 1, DateTime::UNIX_EPOCH);
        let report = undeliverable(raw, &address("a@x.test"), &address("gone@far.test"), about);
        let message = parse(&report, &Limits::default());
        let ours =
            Ours { instance: crate::domain::ids::InstanceId(uuid::Uuid::nil()), addresses: &[] };
        let judged = origin(&message, &report, &ours);
        assert_eq!(judged.origin, Origin::Bounce);
        let named = judged.report.and_then(|report| report.original_message_id);
        assert_eq!(named.as_deref(), Some("one@x.test"));
    }
}
