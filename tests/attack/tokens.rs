//! Tokens: whose, for what, from where, and how many.

use countersign::domain::decision::{Disposition, Reason};

use crate::{
    case::{Case, Want, approves, attack, denies},
    mail::Mail,
    world::{BASE, Scene},
};

const BAD: Want = Want::Is(Disposition::BadToken);

/// An answer whose only carriers are those that `change` adds.
fn bare(s: &Scene) -> Mail {
    s.short("APPROVE").no_header_token(BASE).with("Subject", "Re: access")
}

/// One character changed, so that the lookup or the seal is wrong.
fn bent(token: &str, at: usize) -> String {
    token
        .char_indices()
        .map(|(n, c)| if n == at { if c == 'a' { 'b' } else { 'a' } } else { c })
        .collect()
}

fn at(token: &str) -> String {
    BASE.replace('@', &format!("+{token}@"))
}

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        attack("no token anywhere", Want::Nothing, bare),
        attack("our Message-ID without its token", Want::Nothing, |s| {
            bare(s).plus("In-Reply-To: <countersign.0011@own.test>")
        }),
        attack("a bent lookup in To", Want::Because(Reason::TokenUnknown), |s| {
            bare(s).with("To", &at(&bent(&s.ana.token, 3)))
        }),
        attack("a bent seal in To", Want::Because(Reason::TokenForged), |s| {
            bare(s).with("To", &at(&bent(&s.ana.token, 30)))
        }),
        attack("a bent last character", Want::Nothing, |s| {
            bare(s).with("To", &at(&bent(&s.ana.token, 38)))
        }),
        attack("a bent seal in the body", Want::Because(Reason::TokenForged), |s| {
            bare(s).body(&format!("APPROVE\n\n> Ref: {}\n", bent(&s.ana.token, 30)))
        }),
        attack("a genuine token beside a bent one", Want::Because(Reason::TokenForged), |s| {
            bare(s)
                .with("To", &s.ana.address)
                .plus(&format!("References: <countersign.{}@own.test>", bent(&s.ana.token, 30)))
        }),
        attack("a genuine token beside an unknown one", BAD, |s| {
            bare(s)
                .with("To", &s.ana.address)
                .body(&format!("APPROVE\n\n> Ref: {}\n", "a".repeat(39)))
        }),
        attack("Bob's token under Ana's name", Want::Is(Disposition::Unauthorized), |s| {
            bare(s).with("To", &s.bob.address)
        }),
        attack("Bob's token in In-Reply-To", Want::Is(Disposition::Unauthorized), |s| {
            bare(s).plus(&format!("In-Reply-To: {}", s.bob.message_id))
        }),
        attack("Bob's token in the body", Want::Is(Disposition::Unauthorized), |s| {
            bare(s).body(&format!("APPROVE\n\n> Ref: {}\n", s.bob.token))
        }),
        attack(
            "Ana's token in To, Bob's in the body",
            Want::Because(Reason::TokensOfDifferentApprovers),
            |s| {
                bare(s)
                    .with("To", &s.ana.address)
                    .body(&format!("APPROVE\n\n> Ref: {}\n", s.bob.token))
            },
        ),
        attack("both in To", Want::Because(Reason::TokensOfDifferentApprovers), |s| {
            bare(s).with("To", &format!("{}, {}", s.ana.address, s.bob.address))
        }),
        attack("both in References", Want::Because(Reason::TokensOfDifferentApprovers), |s| {
            bare(s).plus(&format!("References: {} {}", s.ana.message_id, s.bob.message_id))
        }),
        attack("two requests in To and body", Want::Because(Reason::TokensOfTwoRequests), |s| {
            bare(s)
                .with("To", &s.ana.address)
                .body(&format!("APPROVE\n\n> Ref: {}\n", s.other.token))
        }),
        attack("two requests in References", Want::Because(Reason::TokensOfTwoRequests), |s| {
            bare(s).plus(&format!("References: {} {}", s.ana.message_id, s.other.message_id))
        }),
        attack(
            "the other request's token, Bob's for this",
            Want::Because(Reason::TokensOfDifferentApprovers),
            |s| {
                bare(s)
                    .with("To", &s.other.address)
                    .body(&format!("APPROVE\n\n> Ref: {}\n", s.bob.token))
            },
        ),
        attack("a token in a second To", Want::Is(Disposition::Quarantined), |s| {
            bare(s).plus(&format!("To: {}", s.ana.address))
        }),
        attack("a token behind another base", Want::Nothing, |s| {
            bare(s).with("To", &format!("access+{}@evil.example", s.ana.token))
        }),
        attack("a token behind a longer base", Want::Nothing, |s| {
            bare(s).with("To", &format!("xaccess+{}@own.test", s.ana.token))
        }),
        attack("a token behind another separator", Want::Nothing, |s| {
            bare(s).with("To", &format!("access-{}@own.test", s.ana.token))
        }),
        attack("a token glued to a word in To", Want::Nothing, |s| {
            bare(s).with("To", &at(&format!("x{}", s.ana.token)))
        }),
        attack("a token and more in To", Want::Nothing, |s| {
            bare(s).with("To", &at(&format!("{}x", s.ana.token)))
        }),
        attack("a token right of the @", Want::Nothing, |s| {
            bare(s).plus(&format!("In-Reply-To: <x@{}.own.test>", s.ana.token))
        }),
        attack("a token without Ref in the body", Want::Nothing, |s| {
            bare(s).body(&format!("APPROVE\n\n{}\n", s.ana.token))
        }),
        attack("a token in a hidden Ref line", Want::Nothing, |s| {
            s.html(&format!("<p>APPROVE</p><p style=\"display:none\">Ref: {}</p>", s.ana.token))
                .no_header_token(BASE)
        }),
        attack("a token in a text attachment", Want::Nothing, |s| {
            s.parts("mixed", &["Content-Type: text/plain\n\nAPPROVE\n", &format!("Content-Type: text/plain; name=a.txt\nContent-Disposition: attachment; filename=a.txt\n\nRef: {}\n", s.ana.token)]).no_header_token(BASE)
        }),
        attack("a token in an attached mail", Want::Nothing, |s| {
            s.parts(
                "mixed",
                &[
                    "Content-Type: text/plain\n\nAPPROVE\n",
                    &format!(
                        "Content-Type: message/rfc822\n\nFrom: a@b.test\nReply-To: {}\n\nRef: {}\n",
                        s.ana.address, s.ana.token
                    ),
                ],
            )
            .no_header_token(BASE)
        }),
        attack("a token in a picture's name", Want::Nothing, |s| {
            s.html(&format!(
                "<p>APPROVE</p><img alt=\"Ref: {0}\" title=\"Ref: {0}\" src=\"cid:{0}\">",
                s.ana.token
            ))
            .no_header_token(BASE)
        }),
        attack("a token in a link", Want::Nothing, |s| {
            s.html(&format!("<p>APPROVE</p><a href=\"mailto:{}\">x</a>", s.ana.address))
                .no_header_token(BASE)
        }),
        attack("our Message-ID without a token, and no other", Want::Nothing, |s| {
            bare(s)
                .with("Subject", &format!("Re: {}", s.ana.subject))
                .plus("References: <m0@x.test>")
        }),
        attack("only the reference number", Want::Nothing, |s| {
            bare(s).body(&format!("APPROVE {}\n", s.request.reference()))
        }),
        attack("only the request's id", Want::Nothing, |s| {
            bare(s).body(&format!("APPROVE\n\nRef: {}\n", s.request.id))
        }),
        attack("thirty tokens of token shape", BAD, |s| {
            let ids: String = (0..30)
                .map(|n| format!(" <countersign.{}@own.test>", bent(&"a".repeat(39), n)))
                .collect();
            bare(s).with("To", &s.ana.address).plus(&format!("References:{ids}"))
        }),
        attack(
            "a colleague forwards the notification with a yes",
            Want::Because(Reason::NotTheApprover),
            |s| {
                s.reply("APPROVE")
                    .from("Eve Adams <eve@x.test>")
                    .said("spf=pass smtp.mailfrom=eve@x.test; dmarc=pass header.from=x.test")
            },
        ),
        attack("Bob answers with the mail that Ana has forwarded to him", Want::Nothing, |s| {
            s.reply("APPROVE")
                .from("Bob Kay <bob@x.test>")
                .said("spf=pass smtp.mailfrom=bob@x.test; dmarc=pass header.from=x.test")
        }),
        attack("the requester with Ana's token", Want::Because(Reason::IsTheRequester), |s| {
            s.reply("APPROVE")
                .from("rita@x.test")
                .said("spf=pass smtp.mailfrom=rita@x.test; dmarc=pass header.from=x.test")
        }),
        attack(
            "the requester's alias with Ana's token",
            Want::Because(Reason::IsTheRequester),
            |s| {
                s.reply("APPROVE").from("rita.private@mail.test").said("spf=pass smtp.mailfrom=rita.private@mail.test; dmarc=pass header.from=mail.test")
            },
        ),
        attack("our own address", Want::Is(Disposition::Loop), |s| {
            s.reply("APPROVE").from("access@own.test")
        }),
        attack("our own mail comes back", Want::Is(Disposition::Loop), |s| {
            s.reply("APPROVE").plus(&format!("X-Countersign-Instance: {}", s.instance))
        }),
    ];
    for carrier in ["To", "In-Reply-To", "References"] {
        for (name, upper) in [("", false), (" in capitals", true)] {
            let fold = move |text: &str| if upper { text.to_uppercase() } else { text.to_owned() };
            cases.push(approves(format!("the token in {carrier} alone{name}"), move |s| {
                match carrier {
                    "To" => bare(s).with("To", &fold(&s.ana.address)),
                    _ => bare(s).plus(&format!("{carrier}: {}", fold(&s.ana.message_id))),
                }
            }));
        }
    }
    for (name, line) in [
        ("quoted", "> Ref: {T}"),
        ("not quoted", "Ref: {T}"),
        ("quoted with a bar", "| Ref: {T}"),
        ("in capitals", "> REF: {T}"),
        ("with stars", "> *Ref:* {T}"),
        ("on the next line", "> Ref:\n> {T}"),
    ] {
        cases.push(approves(format!("a Ref line {name}"), move |s| {
            bare(s).body(&format!(
                "APPROVE\n\nOn Sat, 21 Nov 2026 at 10:00, countersign <access@own.test> wrote:\n> Access is asked for.\n{}\n",
                line.replace("{T}", &s.ana.token)
            ))
        }));
    }
    cases.push(approves("our address and somebody in copy", |s| {
        s.reply("APPROVE").plus("Cc: Eve <eve@x.test>, rita@x.test")
    }));
    cases.push(approves("our address beside another in To", |s| {
        s.reply("APPROVE").with("To", &format!("\"Access\" <{}>, rita@x.test", s.ana.address))
    }));
    cases.push(approves("a long thread of other Message-IDs", |s| {
        s.reply("APPROVE")
            .with("References", &format!("<a@x.test> <b@x.test> {} <c@x.test>", s.ana.message_id))
    }));
    cases.push(approves("a Message-ID that a relay has rewritten, the quote carries", |s| {
        s.reply("APPROVE").no_header_token(BASE).plus("In-Reply-To: <rewritten@relay.example>")
    }));
    cases.push(denies("a denial by every carrier", |s| s.reply("DISAPPROVE")));
    cases
}

pub fn requester_text() -> Vec<Case> {
    // The scene's justification holds the words of approval; quoted or not, they are not Ana's.
    vec![
        attack("nothing but the quoted notification", Want::Nothing, |s| s.reply("")),
        attack("the notification unquoted, nothing else", Want::Nothing, |s| s.short(&s.ana.text)),
        attack("the notification unquoted below a question", Want::Nothing, |s| {
            s.short(&format!("Who is this?\n\n{}", s.ana.text))
        }),
        attack("the notification unquoted, without its first lines", Want::Nothing, |s| {
            let text: Vec<&str> = s.ana.text.lines().skip(6).collect();
            s.short(&text.join("\n"))
        }),
        attack("only the requester's own words, unquoted", Want::Nothing, |s| {
            let words: Vec<&str> = s
                .ana
                .text
                .lines()
                .filter(|line| line.starts_with("| ") || line.contains("I approve"))
                .collect();
            s.short(&words.join("\n"))
        }),
        attack("the notification in HTML without any quote mark", Want::Nothing, |s| {
            s.html(&format!("<div>{}</div>", s.ana.text.replace('<', "&lt;").replace('\n', "<br>")))
        }),
        approves("a word above the unquoted notification", |s| {
            s.short(&format!("APPROVE\n\n{}", s.ana.text))
        }),
        denies("a denial above the unquoted notification", |s| {
            s.short(&format!("DISAPPROVE\n\n{}", s.ana.text))
        }),
    ]
}
