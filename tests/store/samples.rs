//! Rows for tests; `n` tells one from another.

use chrono::TimeDelta;
use countersign::{
    domain::{
        access_request::{AccessRequest, Approver, ApproverState, Quorum, Requester, Status, Vote},
        address::EmailAddress,
        decision::{
            Reason,
            policy::{ByMail, Proof},
        },
        ids::{CredentialId, InboxAccountId, NodeId, PersonId, SmtpAccountId},
        inbox_account::{InboxAccount, Profile, Protocol},
        mail_server::{MailServer, Security},
        outbox::{Kind, NewOutboxMessage},
        person::{Person, PersonAddress},
        smtp_account::SmtpAccount,
    },
    store::{
        Tx,
        credentials::{self, Credential},
        decisions::Decision,
        inbound_messages::{Judgement, NewInbound},
        inbox_accounts, people, requests, smtp_accounts,
    },
};
use serde_json::json;
use uuid::Uuid;

use crate::database::{after, noon};

pub const ONE_NODE: NodeId = NodeId(Uuid::from_u128(0xA));
pub const OTHER_NODE: NodeId = NodeId(Uuid::from_u128(0xB));

pub fn id<T: From<Uuid>>(n: u128) -> T {
    Uuid::from_u128(n).into()
}

pub fn address(written: &str) -> EmailAddress {
    EmailAddress::parse(written).unwrap()
}

pub fn credential(n: u128) -> Credential {
    Credential {
        id: id(n),
        name: format!("credential {n}"),
        kind: "password".to_owned(),
        username: format!("user{n}"),
        sealed: vec![0, 1, 255, 0],
        key_id: "master-1".to_owned(),
        version: 1,
        created_at: noon(),
        updated_at: noon(),
    }
}

fn server() -> MailServer {
    MailServer {
        host: "mail.x.test".to_owned(),
        port: 993,
        security: Security::ImplicitTls,
        allow_cleartext_login: false,
        accept_invalid_certs: true,
        ca_pem: None,
        pinned_sha256: Some("ab".repeat(32)),
    }
}

pub fn smtp_account(n: u128) -> SmtpAccount {
    SmtpAccount {
        id: id(n),
        name: format!("smtp {n}"),
        enabled: true,
        default: false,
        sender: address("access@x.test"),
        reply_to: Some(address("Answers@x.test")),
        return_path: None,
        confirmation_to: None,
        request_read_receipt: true,
        force_settings: false,
        footer_enabled: true,
        server: MailServer { security: Security::Starttls, port: 587, ..server() },
        authenticate: false,
        credential_id: None,
        rate_per_minute: Some(60),
        max_connections: 2,
        paused_reason: None,
        version: 1,
    }
}

pub fn inbox_account(n: u128, credential_id: CredentialId) -> InboxAccount {
    InboxAccount {
        id: id(n),
        name: format!("inbox {n}"),
        enabled: true,
        automatic_check: true,
        keep_copy: false,
        addresses: vec![address("access@x.test"), address("Answers@x.test")],
        sub_address: Some("+".to_owned()),
        protocol: Protocol::Imap,
        server: server(),
        credential_id,
        folder: "INBOX".to_owned(),
        schedule: "every 60s".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        idle: true,
        import_existing: false,
        max_size_bytes: 26_214_400,
        proof: Proof::Standard,
        by_mail: ByMail::Confirm,
        profile: Profile::Microsoft365,
        trusted_authserv_ids: vec!["mx.x.test".to_owned()],
        trust_internaldate: false,
        version: 1,
    }
}

pub fn person(n: u128, addresses: &[&str]) -> Person {
    Person {
        id: id(n),
        name: Some(format!("Person {n}")),
        locale: Some("pt-BR".to_owned()),
        timezone: None,
        active: true,
        addresses: addresses
            .iter()
            .map(|written| PersonAddress { address: address(written), may_answer: true })
            .collect(),
        version: 1,
    }
}

/// A pending request of person 2 with one approver per level: approver `100 n + i`
/// is person `10 + i`, i from 0.
pub fn request(n: u128, levels: &[i64]) -> AccessRequest {
    AccessRequest {
        id: id(n),
        number: 1000 + i64::try_from(n).unwrap(),
        external_id: Some(format!("PAM-{n}")),
        requester: Requester {
            person: id(2),
            email: address("Rita@x.test"),
            name: Some("Rita Requester".to_owned()),
            aliases: vec![address("rita.alias@x.test")],
        },
        resource: "root on db1".to_owned(),
        justification: Some("the disk is full".to_owned()),
        access_starts_at: Some(after(60)),
        access_ends_at: None,
        expires_at: after(3600),
        quorum: Quorum::AtLeast(1),
        proof: Some(Proof::Strict),
        by_mail: None,
        smtp_account_id: None,
        metadata: json!({"ticket": 7, "a": [true, null]}),
        status: Status::Pending,
        level: 1,
        submitted_at: after(i64::try_from(n).unwrap()),
        closed_at: None,
        version: 1,
        approvers: (0..)
            .zip(levels)
            .map(|(i, &level)| approver(100 * n + i, 10 + i, level))
            .collect(),
    }
}

pub fn approver(n: u128, person: u128, level: i64) -> Approver {
    Approver {
        id: id(n),
        person: id(person),
        address: address(&format!("a{person}@x.test")),
        name: None,
        locale: "en".to_owned(),
        level,
        state: if level == 1 { ApproverState::Notified } else { ApproverState::Waiting },
    }
}

pub fn decision(n: u128, request: &AccessRequest, approver: usize, answer: Vote) -> Decision {
    let by = &request.approvers[approver];
    Decision {
        id: id(n),
        access_request_id: request.id,
        approver_id: by.id,
        person_id: by.person,
        answer,
        comment: Some("as agreed".to_owned()),
        channel: "email".to_owned(),
        inbound_message_id: None,
        decided_at: after(i64::try_from(n % 1000).unwrap()),
        superseded_by: None,
    }
}

pub fn mail(n: u128, account: Option<SmtpAccountId>) -> NewOutboxMessage {
    NewOutboxMessage {
        id: id(n),
        kind: Kind::Outcome,
        smtp_account_id: account,
        access_request_id: None,
        approver_id: None,
        recipient: address("Rita@x.test"),
        mail_from: Some(address("bounces@x.test")),
        subject: "Your request".to_owned(),
        message_id: format!("{n}@x.test"),
        raw: b"Subject: Your request\r\n\r\nbody\0\xff".to_vec(),
        text: "body".to_owned(),
        due_at: noon(),
        not_after: Some(after(3600)),
        enqueued_at: after(i64::try_from(n % 1000).unwrap()),
    }
}

pub fn judgement(reason: Reason) -> Judgement {
    Judgement {
        disposition: reason.disposition(),
        answer: Some("approve".to_owned()),
        reason,
        explanation: json!({"steps": ["parsed"]}),
        access_request_id: None,
        approver_id: None,
        outbox_message_id: None,
        reply_text: Some("yes".to_owned()),
        comment: None,
        authentication: json!({"dkim": "pass"}),
        judged_at: noon(),
        retry_at: (reason == Reason::EvidencePending).then(|| after(60)),
        tries: 0,
    }
}

pub fn inbound(n: u128, account: InboxAccountId, reason: Reason) -> NewInbound {
    NewInbound {
        id: id(n),
        account_id: account,
        first_seen_at: after(i64::try_from(n % 1000).unwrap()),
        internal_date: Some(noon() - TimeDelta::microseconds(1)),
        from_address: Some(address("A10@x.test")),
        from_header: Some("Ana <A10@x.test>".to_owned()),
        to_header: None,
        return_path: Some("<>".to_owned()),
        subject: Some(format!("Re: 100% of Request_{n}")),
        message_id: Some("same-id@x.test".to_owned()),
        size_bytes: 6,
        sha256: [u8::try_from(n % 256).unwrap(); 32],
        raw: b"a\r\n\0\xff\n".to_vec(),
        is_whole: true,
        judgement: judgement(reason),
    }
}

/// Credential 1, SMTP account 1 (the default), inbox account 1, person 2 (who
/// asks) and persons 10, 11, 12 (who answer).
pub async fn furnish(tx: &mut Tx) {
    credentials::add(tx, &credential(1)).await.unwrap();
    let smtp = SmtpAccount { default: true, ..smtp_account(1) };
    smtp_accounts::add(tx, &smtp, noon()).await.unwrap();
    inbox_accounts::add(tx, &inbox_account(1, id(1)), noon()).await.unwrap();
    people::add(tx, &person(2, &["rita@x.test"]), noon()).await.unwrap();
    for n in 10..=12 {
        people::add(tx, &person(n, &[&format!("a{n}@x.test")]), noon()).await.unwrap();
    }
}

/// The same, and request 1 with approvers at these levels.
pub async fn furnish_request(tx: &mut Tx, levels: &[i64]) -> AccessRequest {
    furnish(tx).await;
    let request = request(1, levels);
    requests::add(tx, &request).await.unwrap();
    request
}

pub fn person_id(n: u128) -> PersonId {
    id(n)
}
