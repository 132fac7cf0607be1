//! DKIM: replays of genuine mails with a new token, signatures that leave
//! something out, and names that fit two signatures.

use countersign::domain::decision::{Disposition, Reason};

use crate::{
    case::{Case, Want, approves, attack, denies},
    mail::{Mail, signature},
    world::Scene,
};

const NOT_SIGNED: Want = Want::Because(Reason::TokenNotSigned);
const ALL: &str = "from:to:subject:date:message-id:in-reply-to:references";
const SAID: &str = "spf=none smtp.mailfrom=x@relay.example; dkim=pass header.d=x.test header.s=s1 header.b=AbCdEf12; dmarc=pass header.from=x.test";

/// An old, genuine "Approved, thanks!" of Ana's to somebody else, with a token
/// put on it in a place that the signature leaves out.
fn old(s: &Scene, fields: &str) -> Mail {
    s.short("Approved, thanks!")
        .no_header_token("Eve <eve@evil.example>")
        .with("Subject", "Re: lunch budget")
        .signed("x.test", fields)
}

pub fn cases() -> Vec<Case> {
    let minimal = "from:subject:date:message-id";
    let mut cases = vec![
        attack("an old mail, the token put into To", NOT_SIGNED, move |s| {
            old(s, minimal).with("To", &s.ana.address)
        }),
        attack("an old mail, the token put into In-Reply-To", NOT_SIGNED, move |s| {
            old(s, minimal).plus(&format!("In-Reply-To: {}", s.ana.message_id))
        }),
        attack("an old mail, the token put into References", NOT_SIGNED, move |s| {
            old(s, minimal).plus(&format!("References: {}", s.ana.message_id))
        }),
        attack("an old mail, the token everywhere in the header", NOT_SIGNED, move |s| {
            old(s, minimal)
                .with("To", &s.ana.address)
                .plus(&format!("In-Reply-To: {0}\nReferences: {0}", s.ana.message_id))
        }),
        attack(
            "an old mail, a second To on top of the signed one",
            Want::Is(Disposition::Quarantined),
            |s| old(s, ALL).topped(&format!("To: {}", s.ana.address)),
        ),
        attack("an old mail that signed no References", NOT_SIGNED, |s| {
            old(s, "from:to:subject:date").plus(&format!("References: {}", s.ana.message_id))
        }),
    ];
    for (name, line) in [
        ("Delivered-To", "Delivered-To: {A}"),
        ("X-Original-To", "X-Original-To: {A}"),
        ("Envelope-To", "Envelope-To: {A}"),
        ("Cc", "Cc: {A}"),
        ("Bcc", "Bcc: {A}"),
        ("Resent-To", "Resent-To: {A}"),
        ("Reply-To", "Reply-To: {A}"),
        ("Subject", "Subject: Re: Ref: {T}"),
        ("Comments", "Comments: Ref: {T}"),
        ("Keywords", "Keywords: {T}"),
        ("X-Countersign-Token", "X-Countersign-Token: {T}"),
        ("Received", "Received: from a by b for <{A}>; Sat, 21 Nov 2026 10:00:31 +0000"),
        ("Content-Description", "Content-Description: Ref: {T}"),
        ("the display name of To", "To: \"{A}\" <eve@evil.example>"),
        ("the comment of To", "To: eve@evil.example ({A})"),
        ("Message-ID", "Message-ID: <countersign.{T}@own.test>"),
    ] {
        // Even proven by SPF: none of these places is a carrier.
        cases.push(attack(format!("the token in {name} only"), Want::Nothing, move |s| {
            let line = line.replace("{A}", &s.ana.address).replace("{T}", &s.ana.token);
            let field = line.split(':').next().unwrap_or_default().to_owned();
            let mail =
                s.short("APPROVE").no_header_token("access@own.test").with("Subject", "Re: x");
            if field == "To" || field == "Subject" || field == "Message-ID" {
                mail.line(&field, &line)
            } else {
                mail.plus(&line)
            }
        }));
    }
    for (name, change) in
        [("l=0", " l=0;"), ("l= of the words", " l=9;"), ("l= with blanks", " l = 9 ;")]
    {
        cases.push(attack(format!("a signature with {name}"), Want::Nothing, move |s| {
            s.reply("APPROVE").topped(&signature("x.test", "s1", ALL, change)).said(SAID)
        }));
    }
    for (name, line) in [
        ("rsa-sha1", signature("x.test", "s1", ALL, "").replace("rsa-sha256", "rsa-sha1")),
        (
            "an unknown algorithm",
            signature("x.test", "s1", ALL, "").replace("rsa-sha256", "rsa-md5"),
        ),
        ("no From in h=", signature("x.test", "s1", "to:subject:date", "")),
        ("another domain", signature("evil.example", "s1", ALL, "")),
        ("another selector", signature("x.test", "s2", ALL, "")),
        ("a longer domain", signature("x.test.evil.example", "s1", ALL, "")),
        ("another beginning of b=", signature("x.test", "s1", ALL, "").replace("b=AbCd", "b=ZZZZ")),
        ("d= twice", signature("x.test", "s1", ALL, " d=evil.example;")),
        ("h= twice", signature("x.test", "s1", "from", &format!(" h={ALL};"))),
        ("no b=", "DKIM-Signature: v=1; a=rsa-sha256; d=x.test; s=s1; h=from:to; bh=x".to_owned()),
        ("broken tags", "DKIM-Signature: v=1; a=rsa-sha256; d=x.test; s=s1; h".to_owned()),
        ("version 2", signature("x.test", "s1", ALL, "").replace("v=1", "v=2")),
    ] {
        cases.push(attack(
            format!("our server passed a signature with {name}"),
            Want::Nothing,
            move |s| s.reply("APPROVE").topped(&line).said(SAID),
        ));
    }
    cases.extend(vec![
        attack("a second signature of the same name claims to cover all", NOT_SIGNED, move |s| {
            // The genuine one covers little; the one beside it is the forger's.
            old(s, minimal)
                .with("To", &s.ana.address)
                .topped(&signature("x.test", "s1", ALL, ""))
        }),
        attack("the pass names no selector", NOT_SIGNED, |s| {
            s.reply("APPROVE").topped(&signature("x.test", "s1", ALL, ""))
                .said("dkim=pass header.d=x.test; dmarc=pass header.from=x.test")
        }),
        attack("the same signature passed and failed", NOT_SIGNED, |s| {
            s.reply("APPROVE").topped(&signature("x.test", "s1", ALL, "")).said(
                "dkim=pass header.d=x.test header.s=s1; dkim=fail header.d=x.test header.s=s1; dmarc=pass header.from=x.test",
            )
        }),
        attack("eleven signatures", NOT_SIGNED, |s| {
            let mut mail = s.reply("APPROVE").signed("x.test", ALL);
            for n in 0..10 {
                mail = mail.topped(&signature("y.example", &format!("q{n}"), "from", ""));
            }
            mail
        }),
        attack("a signed field stands once more, unsigned", Want::Nothing, |s| {
            s.reply("APPROVE").signed("x.test", ALL).topped("Subject: other")
        }),
        attack("a dkim=pass of a signature with a sibling's domain", NOT_SIGNED, |s| {
            s.reply("APPROVE").topped(&signature("y.test", "s1", ALL, "")).said(
                "dkim=pass header.d=y.test header.s=s1; dmarc=pass header.from=x.test",
            )
        }),
        attack("an old mail in which a third party had quoted the token", Want::Nothing, |s| {
            // Eve sends Ana the leaked notification below a question of her own.
            // Ana's answer is genuine, and so is the token in her body.
            let quoted: String = s.ana.text.lines().map(|line| format!("> > {line}\n")).collect();
            let body = format!(
                "Approved, thanks!\n\nOn Sat, 21 Nov 2026 at 09:00, Eve <eve@evil.example> wrote:\n> is my lunch budget fine?\n>\n> On Sat, 21 Nov 2026 at 08:00, countersign <access@own.test> wrote:\n{quoted}"
            );
            old(s, ALL).body(&body)
        }),
        attack("the same, and the forger has put our address into the unsigned To", Want::Nothing, |s| {
            let quoted: String = s.ana.text.lines().map(|line| format!("> > {line}\n")).collect();
            let body = format!(
                "Approved, thanks!\n\nOn Sat, 21 Nov 2026 at 09:00, Eve <eve@evil.example> wrote:\n> is my lunch budget fine?\n>\n> On Sat, 21 Nov 2026 at 08:00, countersign <access@own.test> wrote:\n{quoted}"
            );
            old(s, "from:subject:date:message-id").with("To", "access@own.test").body(&body)
        }),
        attack("the same in HTML", Want::Nothing, |s| {
            let quoted = s.ana.text.replace('<', "&lt;").replace('\n', "<br>");
            let body = format!(
                "<div>Approved, thanks!</div><div class=\"gmail_quote\"><div class=\"gmail_attr\">On Sat, 21 Nov 2026 at 09:00 Eve &lt;eve@evil.example&gt; wrote:</div><blockquote class=\"gmail_quote\">is my lunch budget fine?<div class=\"gmail_quote\"><div class=\"gmail_attr\">On Sat, countersign wrote:</div><blockquote class=\"gmail_quote\">{quoted}</blockquote></div></blockquote></div>"
            );
            old(s, ALL).with("Content-Type", "text/html; charset=utf-8").body(&body)
        }),
        attack("a signed mail of Ana's to a colleague, about this very request", Want::Nothing, |s| {
            let mail = s.reply("Approved, as I told you.");
            let body = mail.body.clone();
            old(s, ALL).with("To", "Cara <cara@y.test>").body(&body)
        }),
    ]);
    let lunch = "Approved, thanks!\n\nOn Sat, 21 Nov 2026 at 09:00, Eve <eve@evil.example> wrote:\n> is my lunch budget fine?\n";
    let other = Want::Because(Reason::AnswersAnotherMail);
    cases.extend(vec![
        attack("Eve asks about lunch and sets the token as her Reply-To", other, move |s| {
            s.short(lunch).with("Subject", "Re: lunch").with("In-Reply-To", "<e@evil.example>").without("References")
        }),
        attack("the same, and she has taken our Message-ID", other, move |s| {
            s.short(lunch).with("Subject", "Re: lunch")
        }),
        attack("the same in Outlook's form", other, |s| {
            s.short("Approved, thanks!\n\nFrom: Eve <eve@evil.example>\nSent: Saturday, 21 November 2026 09:00\nTo: Ana Silva <ana@x.test>\nSubject: lunch\n\nis my lunch budget fine?\n")
        }),
        attack("the same in Gmail's HTML", other, |s| {
            s.html("<div>Approved, thanks!</div><div class=\"gmail_quote\"><div class=\"gmail_attr\">On Sat, 21 Nov 2026 at 09:00 Eve &lt;<a href=\"mailto:eve@evil.example\">eve@evil.example</a>&gt; wrote:<br></div><blockquote class=\"gmail_quote\">is my lunch budget fine?</blockquote></div>")
        }),
        attack("a reply to all in which Bob has asked her something else", other, |s| {
            s.short("Yes.\n\nOn Sat, 21 Nov 2026 at 09:00, Bob Kay <bob@x.test> wrote:\n> shall we talk about it first?\n")
        }),
    ]);
    cases.push(denies("a denial in answer to a colleague who sent it on", |s| {
        s.short("DISAPPROVE\n\nOn Sat, 21 Nov 2026 at 09:00, Bob Kay <bob@x.test> wrote:\n> please look at this\n")
    }));
    cases.push(approves("an attribution with our sub-address", |s| {
        s.short(&format!(
            "APPROVE\n\nOn Sat, 21 Nov 2026 at 09:00, <{}> wrote:\n> may he?\n",
            s.ana.address
        ))
    }));
    cases.push(approves("an attribution with a name only", |s| {
        s.short("APPROVE\n\nOn Sat, 21 Nov 2026 at 09:00, countersign wrote:\n> may he?\n")
    }));
    for (name, fields) in [
        ("To", "from:to:subject"),
        ("In-Reply-To", "from:in-reply-to:subject"),
        ("References", "from:references:subject"),
        (
            "all, doubled against additions",
            "from:from:to:to:subject:subject:date:in-reply-to:references",
        ),
    ] {
        cases.push(approves(format!("a short answer whose signature covers {name}"), move |s| {
            s.short("APPROVE").signed("x.test", fields)
        }));
    }
    cases.push(approves("Microsoft's signature, the Ref quoted", |s| {
        s.reply("APPROVE")
            .signed("x.test", "From:Date:Subject:Message-ID:Content-Type:MIME-Version")
    }));
    cases.push(attack("Microsoft's signature, nothing quoted", NOT_SIGNED, |s| {
        s.short("APPROVE")
            .signed("x.test", "From:Date:Subject:Message-ID:Content-Type:MIME-Version")
    }));
    cases.push(approves("a signature of a host below the domain", |s| {
        s.reply("APPROVE").signed("mail.x.test", ALL)
    }));
    cases
}
