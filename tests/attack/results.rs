//! Authentication-Results: forged, misplaced, ambiguous, or about another
//! domain. The sender's own fields stand below the server's Received.

use countersign::domain::decision::{Disposition, Reason};

use crate::{
    case::{Case, Want, approves, attack, denies},
    mail::{SPF_PASS, results, signature},
};

const UNPROVEN: Want = Want::Is(Disposition::Unauthenticated);

/// Fields that a sender can write; each stands below our Received, and our
/// server found nothing (or has said nothing).
fn forged() -> Vec<(String, String)> {
    let mut all = vec![("the plain forgery".to_owned(), results(SPF_PASS))];
    for (name, id) in [
        ("capitals", "MX.OWN.TEST"),
        ("a final dot", "mx.own.test."),
        ("a quoted id", "\"mx.own.test\""),
        ("a comment before the id", "(x) mx.own.test"),
        ("a comment behind the id", "mx.own.test (by us)"),
        ("a version", "mx.own.test 1"),
        ("a full-width letter", "\u{ff4d}x.own.test"),
        ("a folded field", "\n mx.own.test"),
    ] {
        all.push((name.to_owned(), format!("Authentication-Results: {id}; {SPF_PASS}")));
    }
    all
}

/// Ids that are not ours, though a field with them stands on top.
const FOREIGN: &[(&str, &str)] = &[
    ("another server", "mx.evil.example"),
    ("a longer name", "mx.own.test.evil.example"),
    ("a sub-domain", "x.mx.own.test"),
    ("the parent", "own.test"),
    ("a prefix", "mx.own.tes"),
    ("a Cyrillic letter", "m\u{445}.own.test"),
    ("punycode of it", "xn--m-5ub.own.test"),
    ("ours in a comment", "mx.evil.example (mx.own.test)"),
    ("ours as a property", "mx.evil.example; x=pass policy.id=mx.own.test"),
    ("a slash", "mx.own.test/1"),
    ("a comma", "mx.own.test, mx.evil.example"),
    ("a blank within quotes", "\"mx.own.test \"x"),
    ("two dots at the end", "mx.own.test.."),
    ("no id", ""),
    ("an underscore", "mx_own_test"),
    ("a leading dot", ".mx.own.test"),
    ("a colon with a port", "mx.own.test:25"),
    ("an @", "x@mx.own.test"),
];

/// What our own server may say that proves nothing about Ana.
const WEAK: &[(&str, &str)] = &[
    ("none", "none"),
    ("spf alone", "spf=pass smtp.mailfrom=ana@x.test"),
    ("dkim alone", "dkim=pass header.d=x.test header.s=s1"),
    ("dmarc=none", "spf=pass smtp.mailfrom=ana@x.test; dmarc=none header.from=x.test"),
    ("dmarc=fail", "spf=pass smtp.mailfrom=ana@x.test; dmarc=fail header.from=x.test"),
    (
        "dmarc=bestguesspass",
        "spf=pass smtp.mailfrom=ana@x.test; dmarc=bestguesspass header.from=x.test",
    ),
    ("dmarc=passed", "spf=pass smtp.mailfrom=ana@x.test; dmarc=passed header.from=x.test"),
    ("dmarc=temperror", "spf=pass smtp.mailfrom=ana@x.test; dmarc=temperror header.from=x.test"),
    ("dmarc=pass without header.from", "spf=pass smtp.mailfrom=ana@x.test; dmarc=pass"),
    (
        "dmarc of another domain",
        "spf=pass smtp.mailfrom=ana@x.test; dmarc=pass header.from=evil.example",
    ),
    (
        "dmarc of a longer domain",
        "spf=pass smtp.mailfrom=ana@x.test; dmarc=pass header.from=x.test.evil.example",
    ),
    (
        "dmarc of a sub-domain",
        "spf=pass smtp.mailfrom=ana@x.test; dmarc=pass header.from=mail.x.test",
    ),
    (
        "two header.from",
        "spf=pass smtp.mailfrom=ana@x.test; dmarc=pass header.from=x.test header.from=evil.example",
    ),
    (
        "dmarc twice, pass and fail",
        "spf=pass smtp.mailfrom=ana@x.test; dmarc=pass header.from=x.test; dmarc=fail header.from=x.test",
    ),
    (
        "dmarc twice, of two domains",
        "spf=pass smtp.mailfrom=ana@x.test; dmarc=pass header.from=x.test; dmarc=pass header.from=evil.example",
    ),
    (
        "a pass in a comment",
        "spf=pass smtp.mailfrom=ana@x.test; dmarc=fail (dmarc=pass header.from=x.test) header.from=x.test",
    ),
    (
        "a pass in a comment in place of the word",
        "spf=pass smtp.mailfrom=ana@x.test; dmarc=(pass)none header.from=x.test",
    ),
    (
        "a pass in a reason",
        "dmarc=fail reason=\"spf=pass; dmarc=pass header.from=x.test\" header.from=x.test",
    ),
    (
        "a pass in the local part",
        "spf=fail smtp.mailfrom=\"x; dmarc=pass header.from=x.test; spf=pass smtp.mailfrom=x.test\"@evil.example",
    ),
    (
        "a pass in the local part, not quoted",
        "spf=fail smtp.mailfrom=a;dmarc=pass header.from=x.test;@evil.example; dmarc=fail header.from=x.test",
    ),
    ("unknown version", "2; spf=pass smtp.mailfrom=ana@x.test; dmarc=pass header.from=x.test"),
    ("method version 2", "spf=pass smtp.mailfrom=ana@x.test; dmarc/2=pass header.from=x.test"),
    ("an open comment", "spf=pass smtp.mailfrom=ana@x.test; dmarc=pass header.from=x.test (x"),
    ("an open quote", "spf=pass smtp.mailfrom=\"ana@x.test; dmarc=pass header.from=x.test"),
    ("arc=pass", "arc=pass header.from=x.test"),
    ("compauth=pass", "compauth=pass reason=100"),
    (
        "header.from with a look-alike",
        "spf=pass smtp.mailfrom=ana@x.test; dmarc=pass header.from=\u{445}.test",
    ),
    ("from.header", "spf=pass smtp.mailfrom=ana@x.test; dmarc=pass from.header=x.test"),
];

/// dmarc=pass about Ana's domain, but nothing that covers the token.
const UNCOVERED: &[(&str, &str)] = &[
    ("no method at all", "dmarc=pass header.from=x.test"),
    (
        "spf of another domain",
        "spf=pass smtp.mailfrom=ana@evil.example; dmarc=pass header.from=x.test",
    ),
    (
        "spf of a longer domain",
        "spf=pass smtp.mailfrom=ana@x.test.evil.example; dmarc=pass header.from=x.test",
    ),
    (
        "spf of a domain that ends alike",
        "spf=pass smtp.mailfrom=ana@evilx.test; dmarc=pass header.from=x.test",
    ),
    ("spf of the top domain", "spf=pass smtp.mailfrom=ana@test; dmarc=pass header.from=x.test"),
    ("spf of a sibling", "spf=pass smtp.mailfrom=ana@y.test; dmarc=pass header.from=x.test"),
    (
        "spf of two @",
        "spf=pass smtp.mailfrom=ana@evil.example@x.test; dmarc=pass header.from=x.test",
    ),
    (
        "spf of a quoted local part",
        "spf=pass smtp.mailfrom=\"a@x.test\"@evil.example; dmarc=pass header.from=x.test",
    ),
    ("spf of the HELO name", "spf=pass smtp.helo=x.test; dmarc=pass header.from=x.test"),
    ("spf of an empty return path", "spf=pass smtp.mailfrom=\"\"; dmarc=pass header.from=x.test"),
    ("spf without its domain", "spf=pass; dmarc=pass header.from=x.test"),
    (
        "two mailfrom",
        "spf=pass smtp.mailfrom=ana@x.test smtp.mailfrom=x@evil.example; dmarc=pass header.from=x.test",
    ),
    ("spf=softfail", "spf=softfail smtp.mailfrom=ana@x.test; dmarc=pass header.from=x.test"),
    ("spf=neutral", "spf=neutral smtp.mailfrom=ana@x.test; dmarc=pass header.from=x.test"),
    (
        "spf pass and fail",
        "spf=pass smtp.mailfrom=ana@x.test; spf=fail smtp.mailfrom=ana@x.test; dmarc=pass header.from=x.test",
    ),
    (
        "dkim of a signature that is not there",
        "dkim=pass header.d=x.test header.s=s1; dmarc=pass header.from=x.test",
    ),
    (
        "mailfrom under another type",
        "spf=pass header.mailfrom=ana@x.test; dmarc=pass header.from=x.test",
    ),
    (
        "a domain with a bang",
        "spf=pass smtp.mailfrom=x.test!a@evil.example; dmarc=pass header.from=x.test",
    ),
    ("sender-id", "sender-id=pass header.from=ana@x.test; dmarc=pass header.from=x.test"),
];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, line) in forged() {
        let (one, two, three) = (line.clone(), line.clone(), line);
        cases.push(attack(format!("{name}, our server silent"), UNPROVEN, move |s| {
            s.reply("APPROVE").topped(&one).unchecked()
        }));
        cases.push(attack(format!("{name}, our server found a fail"), UNPROVEN, move |s| {
            s.reply("APPROVE")
                .topped(&two)
                .said("spf=fail smtp.mailfrom=x@evil.example; dmarc=fail header.from=x.test")
        }));
        cases.push(attack(format!("{name}, between two Received"), UNPROVEN, move |s| {
            s.reply("APPROVE")
                .topped(&three)
                .topped("Received: from a by b; Sat, 21 Nov 2026 10:00:31 +0000")
                .unchecked()
        }));
    }
    for &(name, id) in FOREIGN {
        cases.push(attack(format!("the id is {name}"), UNPROVEN, move |s| {
            s.reply("APPROVE").verdict(&format!("Authentication-Results: {id}; {SPF_PASS}"))
        }));
    }
    for &(name, said) in WEAK {
        cases.push(attack(format!("our server says: {name}"), UNPROVEN, move |s| {
            s.reply("APPROVE").said(said)
        }));
    }
    for &(name, said) in UNCOVERED {
        cases.push(attack(
            format!("dmarc=pass and {name}"),
            Want::Because(Reason::TokenNotSigned),
            move |s| s.reply("APPROVE").said(said),
        ));
    }
    cases.extend(places());
    cases.extend(honest());
    cases
}

fn places() -> Vec<Case> {
    let fail = || results("spf=fail smtp.mailfrom=x@evil.example; dmarc=fail header.from=x.test");
    vec![
        attack("no Received: there is no place to believe", UNPROVEN, |s| {
            let mut mail = s.reply("APPROVE");
            mail.server.pop();
            mail
        }),
        attack("a fail above a pass", UNPROVEN, move |s| {
            let mut mail = s.reply("APPROVE");
            mail.server.insert(1, fail());
            mail
        }),
        attack("a fail below a pass", UNPROVEN, move |s| {
            let mut mail = s.reply("APPROVE");
            mail.server.insert(2, fail());
            mail
        }),
        attack("an unreadable field of ours beside a pass", UNPROVEN, |s| {
            let mut mail = s.reply("APPROVE");
            mail.server.insert(1, results("dmarc=fail (header.from=x.test"));
            mail
        }),
        attack("spf in one field, dmarc in another", Want::Nothing, |s| {
            let mut mail = s.reply("APPROVE").said("spf=pass smtp.mailfrom=ana@x.test");
            mail.server.insert(1, results("dmarc=pass header.from=x.test"));
            mail
        }),
        attack("the forged field comes before the server's Received in the body", UNPROVEN, |s| {
            let mail = s.reply("APPROVE").unchecked();
            let body = format!("{}\n\n{}", results(SPF_PASS), mail.body);
            mail.body(&body)
        }),
        attack("under a name like it", UNPROVEN, |s| {
            s.reply("APPROVE").verdict(&format!("X-{}", results(SPF_PASS)))
        }),
        attack("of ARC", UNPROVEN, |s| {
            s.reply("APPROVE")
                .verdict(&format!("ARC-Authentication-Results: i=1; mx.own.test; {SPF_PASS}"))
        }),
        attack("Received-SPF", UNPROVEN, |s| {
            s.reply("APPROVE").verdict("Received-SPF: pass (mx.own.test: domain of x.test)")
        }),
        attack("a Received with a blank before its colon", Want::Nothing, |s| {
            s.reply("APPROVE")
                .topped("Received : from a by b")
                .topped(&results(SPF_PASS))
                .unchecked()
        }),
    ]
}

fn honest() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, said) in [
        ("spf and dmarc", SPF_PASS),
        (
            "all three",
            "dkim=pass header.d=x.test header.s=s1 header.b=AbC; spf=pass smtp.mailfrom=ana@x.test; dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=x.test",
        ),
        ("a bare mailfrom", "spf=pass smtp.mailfrom=x.test; dmarc=pass header.from=x.test"),
        (
            "a bounce host below the domain",
            "spf=pass smtp.mailfrom=b+x=y@bounce.x.test; dmarc=pass header.from=x.test",
        ),
        (
            "comments of Google's kind",
            "spf=pass (google.com: domain of ana@x.test designates 192.0.2.1 as permitted sender) smtp.mailfrom=ana@x.test; dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=x.test",
        ),
        (
            "a failed dkim beside spf",
            "dkim=fail reason=\"signature verification failed\" header.d=list.example; spf=pass smtp.mailfrom=ana@x.test; dmarc=pass header.from=x.test",
        ),
        ("capitals", "SPF=Pass smtp.MailFrom=Ana@X.Test; DMARC=PASS header.From=X.TEST"),
        (
            "a trailing semicolon",
            "spf=pass smtp.mailfrom=ana@x.test; dmarc=pass header.from=x.test;",
        ),
        (
            "iprev and auth beside",
            "iprev=pass policy.iprev=192.0.2.1; auth=pass smtp.auth=ana; spf=pass smtp.mailfrom=ana@x.test; dmarc=pass header.from=x.test",
        ),
        (
            "an action",
            "spf=pass smtp.mailfrom=x.test; dmarc=pass action=none header.from=x.test;compauth=pass reason=100",
        ),
    ] {
        cases.push(approves(format!("our server says {name}"), move |s| {
            s.reply("APPROVE").said(said)
        }));
        cases.push(denies(format!("our server says {name}, and no"), move |s| {
            s.reply("DISAPPROVE").said(said)
        }));
    }
    for (name, id) in [
        ("capitals", "MX.Own.Test"),
        ("a final dot", "mx.own.test."),
        ("a version", "mx.own.test 1"),
        ("a comment", "(x) mx.own.test (y)"),
    ] {
        cases.push(approves(format!("our id with {name}"), move |s| {
            s.reply("APPROVE").verdict(&format!("Authentication-Results: {id}; {SPF_PASS}"))
        }));
    }
    cases.push(approves("a forged field below changes nothing", |s| {
        s.reply("APPROVE").topped(&results("dmarc=fail header.from=x.test"))
    }));
    cases.push(approves("a foreign server's unreadable field on top", |s| {
        let mut mail = s.reply("APPROVE");
        mail.server.insert(1, "Authentication-Results: mx.hop.example; dmarc=fail (".to_owned());
        mail
    }));
    cases.push(approves("a signature that covers everything", |s| {
        s.reply("APPROVE")
            .signed("x.test", "from:to:subject:date:message-id:in-reply-to:references")
    }));
    cases.push(approves("a signature without the To: the body carries", |s| {
        s.reply("APPROVE")
            .signed("x.test", "from:subject:date:message-id:content-type:mime-version")
    }));
    cases.push(approves("a foreign signature beside her own", |s| {
        s.reply("APPROVE").signed("x.test", "from:to:subject:date:message-id").topped(&signature(
            "relay.example",
            "r9",
            "from:to",
            "",
        ))
    }));
    cases
}
