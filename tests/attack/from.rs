//! Who wrote it: every published way to show one From to the checker and
//! another to the reader.

use countersign::domain::decision::{Disposition, Reason};

use crate::case::{Case, Want, approves, attack};

const QUARANTINED: Want = Want::Is(Disposition::Quarantined);
const UNAUTHORIZED: Want = Want::Is(Disposition::Unauthorized);

/// Values of the only From field that name nobody, or two.
const NOBODY: &[(&str, &str)] = &[
    ("two mailboxes", "Ana Silva <ana@x.test>, Eve <eve@evil.example>"),
    ("two mailboxes, the forger first", "eve@evil.example, ana@x.test"),
    ("a group of one", "approvers: ana@x.test;"),
    ("a group with a name", "\"ana@x.test\": Eve <eve@evil.example>;"),
    ("an empty group", "ana@x.test:;"),
    ("a group and a mailbox", "x: eve@evil.example;, ana@x.test"),
    ("a source route", "<@evil.example:ana@x.test>"),
    ("a second @", "<ana@x.test@evil.example>"),
    ("a second @, turned", "<eve@evil.example@x.test>"),
    ("a quoted local part", "\"ana\"@x.test"),
    ("a quoted local part with an address", "<\"ana@x.test\"@evil.example>"),
    ("a quoted local part with a bracket", "<\"ana@x.test>\"@evil.example>"),
    ("two pairs of brackets", "<ana@x.test> <eve@evil.example>"),
    ("junk behind the brackets", "Ana <ana@x.test> eve@evil.example"),
    ("an address before the brackets", "ana@x.test <eve@evil.example>"),
    ("a forger's address before Ana's", "eve@evil.example <ana@x.test>"),
    ("a bracket that is not closed", "Ana <ana@x.test"),
    ("brackets in brackets", "Ana <<ana@x.test>>"),
    ("a comment in the address", "ana@x.test(.evil.example)"),
    ("a comment within the domain", "ana@x(.evil).test"),
    ("a comment within brackets", "Ana <ana@x.test(x)>"),
    ("a comment that is not closed", "Ana (x <ana@x.test>"),
    ("a comment with an address before a bracketed one", "(ana@x.test) eve@evil.example (x"),
    ("an encoded word as the address", "=?utf-8?Q?ana=40x=2Etest?="),
    ("an encoded word in brackets", "Ana <=?utf-8?Q?ana=40x.test?=>"),
    ("an encoded word with Ana's brackets", "=?utf-8?Q?Ana_=3Cana=40x.test=3E?="),
    ("an encoded local part", "<=?utf-8?B?YW5h?=@x.test>"),
    ("an encoded word with a NUL", "=?utf-8?Q?ana=40x.test=00?= <eve@evil.example>"),
    ("an encoded word with a line end", "=?utf-8?Q?Ana=0D=0AFrom:_ana=40x.test?= <ana@x.test>"),
    ("a zero-width space in the address", "<a\u{200b}na@x.test>"),
    ("a soft hyphen in the domain", "<ana@x\u{ad}.test>"),
    ("a right-to-left override", "\u{202e}tset.x@ana <eve@evil.example>"),
    ("a tag character", "Ana <ana@x.test\u{e0041}>"),
    ("a no-break space in the address", "<ana@x.test\u{a0}>"),
    ("a blank within the address", "<ana @x.test>"),
    ("an address literal", "<ana@[192.0.2.7]>"),
    ("an empty address", "Ana <>"),
    ("nothing", ""),
    ("a name only", "Ana Silva"),
    ("a backslash", "<ana\\@x.test>"),
    ("two dots", "<ana..@x.test>"),
    ("a percent route and a second @", "<ana%x.test@evil.example@x.test>"),
    ("a comma in a plain name", "Silva, Ana <ana@x.test>"),
    ("a semicolon at the end", "ana@x.test;"),
    ("a bare colon", "mailto:ana@x.test"),
];

/// Values that name one mailbox, which is not Ana's.
const OTHERS: &[(&str, &str)] = &[
    ("Ana's address in the name", "\"ana@x.test\" <eve@evil.example>"),
    (
        "Ana's name and address, encoded",
        "=?utf-8?Q?Ana_Silva_=28ana=40x.test=29?= <eve@evil.example>",
    ),
    ("Ana's address in a comment", "eve@evil.example (ana@x.test)"),
    ("Ana's address in a comment before", "(Ana <ana@x.test>) eve@evil.example"),
    ("a sub-domain", "<ana@mail.x.test>"),
    ("a domain without its last label", "<ana@x>"),
    ("a longer domain", "<ana@x.test.evil.example>"),
    ("a look-alike domain", "<ana@x-test.example>"),
    ("a Cyrillic letter in the domain", "<ana@\u{445}.test>"),
    ("the same in punycode", "<ana@xn--h1a.test>"),
    ("a plus part", "<ana+x@x.test>"),
    ("a dot more", "<an.a@x.test>"),
    ("a digit for a letter", "<an4@x.test>"),
    ("a quote mark", "<ana'@x.test>"),
    ("a full stop's look-alike", "<ana@evil\u{3002}example>"),
    ("a percent route", "<ana%x.test@evil.example>"),
    ("a bang path", "<x.test!ana@evil.example>"),
    ("an equals sign, as VERP writes it", "<ana=x.test@evil.example>"),
    ("Ana's other address, which was not asked", "<a.silva@x.test>"),
    ("a colleague", "Eve Adams <eve@x.test>"),
    ("the other approver with Ana's token", "Bob Kay <bob@x.test>"),
    ("the requester", "Rita Moreno <rita@x.test>"),
    ("the requester's second address", "<r.moreno@x.test>"),
    ("the requester's alias", "<rita.private@mail.test>"),
    ("the requester in capitals", "<RITA@X.TEST>"),
];

/// Honest ways to write one's own address.
const ANA: &[(&str, &str)] = &[
    ("an address alone", "ana@x.test"),
    ("brackets alone", "<ana@x.test>"),
    ("a quoted name with a comma", "\"Silva, Ana\" <ana@x.test>"),
    ("capitals", "Ana Silva <Ana@X.Test>"),
    ("a comment behind", "ana@x.test (Ana Silva)"),
    ("an encoded name", "=?utf-8?B?QW5hIFPDrWx2YQ==?= <ana@x.test>"),
    ("an encoded name of two words", "=?utf-8?Q?Ana?= =?utf-8?Q?_S=C3=ADlva?= <ana@x.test>"),
    ("a name in plain UTF-8", "Ana S\u{ed}lva <ana@x.test>"),
    ("the address as the name", "\"ana@x.test\" <ana@x.test>"),
    ("the address as the bare name", "ana@x.test <ana@x.test>"),
    ("a folded name", "Ana Silva\n <ana@x.test>"),
    ("a name with a dot and brackets", "\"Ana S. [IT]\" <ana@x.test>"),
    ("a name with parentheses", "\"Ana Silva (IT)\" <ana@x.test>"),
    ("a name with a colon in quotes", "\"IT: Ana Silva\" <ana@x.test>"),
    ("a name with an apostrophe", "Ana O'Silva <ana@x.test>"),
];

pub fn values() -> Vec<Case> {
    let mut cases = Vec::new();
    for &(name, value) in NOBODY {
        cases.push(attack(name, QUARANTINED, move |s| s.reply("APPROVE").from(value)));
    }
    for &(name, value) in OTHERS {
        cases.push(attack(name, Want::Nothing, move |s| s.reply("APPROVE").from(value)));
        if name == "a domain without its last label" {
            continue;
        }
        // Proven by a server that vouches for the forger's own domain.
        let domain = value.rsplit('@').next().unwrap_or_default();
        let domain = domain.trim_matches(|c: char| ")>( ".contains(c)).to_owned();
        cases.push(attack(format!("{name}, proven"), UNAUTHORIZED, move |s| {
            s.reply("APPROVE").from(value).said(&format!(
                "spf=pass smtp.mailfrom=x@{domain}; dmarc=pass header.from={domain}"
            ))
        }));
    }
    for &(name, value) in ANA {
        cases.push(approves(name, move |s| s.reply("APPROVE").from(value)));
    }
    cases
}

/// The field itself: twice, hidden, broken, or under another name.
pub fn fields() -> Vec<Case> {
    let eve = "eve@evil.example";
    let mut cases = Vec::new();
    for (name, line) in [
        ("a second From on top", "From: Eve <eve@evil.example>"),
        ("the same From on top", "From: Ana Silva <ana@x.test>"),
        ("a second From in capitals", "FROM: eve@evil.example"),
        ("a second From with a blank before the colon", "From : eve@evil.example"),
        ("a second From with a tab before the colon", "From\t: eve@evil.example"),
        ("a second From with a NUL", "From\0: eve@evil.example"),
        ("a second From with a zero-width space", "From\u{200b}: eve@evil.example"),
        ("a second From in full-width letters", "\u{ff26}rom: eve@evil.example"),
        ("a second, empty From", "From:"),
        ("a line without a colon", "From eve@evil.example"),
        ("a blank folded line", "X-A: b\n \nFrom: eve@evil.example"),
        ("a bare CR before a second From", "X-A: b\rFrom: eve@evil.example"),
        ("a NUL in a second From", "From: eve\0@evil.example"),
        ("two Senders", "Sender: a@x.test\nSender: b@x.test"),
        ("a Sender of two", "Sender: a@x.test, b@x.test"),
        ("two Subjects", "Subject: a"),
        ("two Dates", "Date: Sat, 21 Nov 2026 10:00:30 +0000"),
        ("two Message-IDs", "Message-ID: <x@x.test>"),
        ("two To", "To: eve@evil.example"),
        ("two MIME-Versions", "MIME-Version: 1.0"),
        ("two Content-Types", "Content-Type: text/html"),
        (
            "two transfer encodings",
            "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64",
        ),
        ("two In-Reply-To", "In-Reply-To: <x@x.test>"),
        ("two References", "References: <x@x.test>"),
        ("two Reply-To", "Reply-To: a@x.test\nReply-To: b@x.test"),
    ] {
        let want = if name == "a second From with a zero-width space"
            || name == "a second From in full-width letters"
            || name == "a bare CR before a second From"
        {
            Want::Nothing
        } else {
            QUARANTINED
        };
        cases.push(attack(name, want, move |s| s.reply("APPROVE").topped(line)));
        cases.push(attack(format!("{name}, below"), want, move |s| s.reply("APPROVE").plus(line)));
    }
    for name in ["Sender", "Reply-To", "Resent-From", "X-Sender", "X-Original-From", "Return-Path"]
    {
        cases.push(attack(format!("From Eve, {name} Ana"), Want::Nothing, move |s| {
            s.reply("APPROVE").from(eve).plus(&format!("{name}: ana@x.test"))
        }));
    }
    cases.push(attack("no From, a Sender", QUARANTINED, |s| {
        s.reply("APPROVE").without("From").plus("Sender: ana@x.test")
    }));
    cases.push(attack("no From at all", QUARANTINED, |s| s.reply("APPROVE").without("From")));
    cases.push(attack("From with a blank before the colon", QUARANTINED, |s| {
        s.reply("APPROVE").line("From", "From : Ana <ana@x.test>")
    }));
    cases.push(attack("From with a NUL in it", QUARANTINED, |s| {
        s.reply("APPROVE").from("Ana\0 <ana@x.test>")
    }));
    cases.push(attack("the header begins with an empty line", QUARANTINED, |s| {
        let mut mail = s.reply("APPROVE");
        mail.server.insert(0, String::new());
        mail
    }));
    cases.push(attack("the From stands in the body", QUARANTINED, |s| {
        let mail = s.reply("APPROVE").without("From");
        let body = format!("From: ana@x.test\n\n{}", mail.body);
        mail.body(&body)
    }));
    cases.push(approves("a Reply-To elsewhere is nobody's business", |s| {
        s.reply("APPROVE").plus("Reply-To: Ana <ana.private@mail.test>")
    }));
    cases.push(approves("a Sender of her own", |s| s.reply("APPROVE").plus("Sender: ana@x.test")));
    cases.push(approves("a secretary's Sender where `standard` is asked", |s| {
        s.reply("APPROVE").plus("Sender: Sam <sam@x.test>")
    }));
    cases.push(approves("fields in capitals", |s| {
        s.reply("APPROVE").line("From", "FROM: Ana <ana@x.test>")
    }));
    cases.push(approves("a folded From", |s| {
        s.reply("APPROVE").line("From", "From:\n\tAna Silva\n <ana@x.test>")
    }));
    cases.push(attack(
        "a stranger without proof learns nothing",
        Want::Because(Reason::NotTheApprover),
        |s| {
            s.reply("APPROVE")
                .from("eve@evil.example")
                .said("spf=none; dmarc=none header.from=evil.example")
        },
    ));
    cases
}
