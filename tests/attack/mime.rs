//! Structure with two readings: a mail program shows one text, we might read
//! another.

use countersign::domain::decision::Disposition;

use crate::{
    case::{Case, Want, approves, attack, denies},
    mail::{Mail, multipart},
    world::Scene,
};

const QUARANTINED: Want = Want::Is(Disposition::Quarantined);
const UNCLEAR: Want = Want::Is(Disposition::Unclear);

const YES: &str = "Content-Type: text/plain; charset=utf-8\n\nAPPROVE\n";
const NO: &str = "Content-Type: text/plain; charset=utf-8\n\nI have not read this yet.\n";
const YES_HTML: &str = "Content-Type: text/html; charset=utf-8\n\n<p>APPROVE</p>\n";
const NO_HTML: &str =
    "Content-Type: text/html; charset=utf-8\n\n<p>I have not read this yet.</p>\n";

fn typed(s: &Scene, kind: &str, body: &str) -> Mail {
    s.short("").with("Content-Type", kind).body(body)
}

pub fn cases() -> Vec<Case> {
    let mut cases = boundaries();
    cases.extend(parts());
    cases.extend(encodings());
    cases.extend(honest());
    cases
}

fn boundaries() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, kind) in [
        ("two boundaries", "multipart/mixed; boundary=a; boundary=b"),
        ("no boundary", "multipart/mixed"),
        ("an empty boundary", "multipart/mixed; boundary=\"\""),
        ("a boundary that stands nowhere", "multipart/mixed; boundary=zzz"),
        ("a boundary with a blank at its end", "multipart/mixed; boundary=\"a \""),
        (
            "a boundary in pieces and whole",
            "multipart/mixed; boundary=a; boundary*0=b; boundary*1=c",
        ),
        ("a boundary with an encoding", "multipart/mixed; boundary*=utf-8''a; boundary=b"),
        (
            "a boundary of 71 characters",
            "multipart/mixed; boundary=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ),
        ("a type that is none", "multipart; boundary=a"),
        ("a type in quotes", "\"multipart/mixed\"; boundary=a"),
        ("a comment for a boundary", "multipart/mixed; boundary=(a)b"),
        ("a boundary with a quote inside", "multipart/mixed; boundary=a\"b"),
    ] {
        let body = format!("{}\n{}", multipart("a", &[YES]), multipart("b", &[NO]));
        cases.push(attack(name, Want::Nothing, move |s| typed(s, kind, &body)));
    }
    let top = "multipart/mixed; boundary=a";
    for (name, body) in [
        ("text in the epilogue", format!("{}\nNo, do not!\n", multipart("a", &[YES]))),
        ("a part behind the closing delimiter", format!("{}\n--a\n{NO}\n--a--", multipart("a", &[YES]))),
        ("never closed", format!("--a\n{YES}\n")),
        ("a delimiter that only begins alike", format!("--a\n{YES}\n--ab\n{NO}\n--a--")),
        ("a nested boundary that begins with the outer", format!("--a\nContent-Type: multipart/mixed; boundary=ab\n\n--ab\n{YES}\n--ab--\n--a--")),
        ("the same boundary twice", format!("--a\nContent-Type: multipart/mixed; boundary=a\n\n--a\n{YES}\n--a--\n--a--")),
        ("a bare CR before the delimiter", format!("--a\n{NO}\r--a\n{YES}\n--a--")),
        ("a part with two types", "--a\nContent-Type: text/plain\nContent-Type: image/png\n\nAPPROVE\n--a--".to_owned()),
        ("a part with two encodings", "--a\nContent-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\nAPPROVE\n--a--".to_owned()),
        ("a part whose header has no colon", "--a\nContent-Type text/plain\n\nAPPROVE\n--a--".to_owned()),
        ("a part whose header begins folded", "--a\n Content-Type: text/plain\n\nAPPROVE\n--a--".to_owned()),
        ("no part", "--a--".to_owned()),
    ] {
        cases.push(attack(name, QUARANTINED, move |s| typed(s, top, &body)));
    }
    cases.push(attack("only a preamble says it", Want::Nothing, move |s| {
        typed(s, top, &format!("APPROVE\n\n{}", multipart("a", &[NO])))
    }));
    cases.push(attack("a transfer encoding around all parts", QUARANTINED, move |s| {
        typed(s, top, &multipart("a", &[YES])).plus("Content-Transfer-Encoding: base64")
    }));
    cases.push(attack("nested 25 deep", QUARANTINED, move |s| {
        let mut body = multipart("b0", &[YES]);
        for n in 1..25 {
            body = multipart(
                &format!("b{n}x"),
                &[&format!(
                    "Content-Type: multipart/mixed; boundary=\"b{}{}\"\n\n{body}",
                    n - 1,
                    if n == 1 { "" } else { "x" }
                )],
            );
        }
        typed(s, "multipart/mixed; boundary=b24x", &body)
    }));
    cases.push(attack("250 parts", QUARANTINED, move |s| {
        typed(s, top, &multipart("a", &[YES; 250]))
    }));
    cases.push(attack("1,100 header lines", QUARANTINED, move |s| {
        let mut mail = s.reply("APPROVE");
        for n in 0..1_100 {
            mail = mail.plus(&format!("X-N{n}: x"));
        }
        mail
    }));
    cases.push(attack("a header of 70 kB", QUARANTINED, move |s| {
        s.reply("APPROVE").plus(&format!("X-Long: {}", "x".repeat(70_000)))
    }));
    cases
}

fn parts() -> Vec<Case> {
    let inner = "Content-Type: message/rfc822\n\nFrom: ana@x.test\nSubject: x\nContent-Type: text/plain\n\nAPPROVE\n";
    vec![
        attack("the views disagree, plain approves", UNCLEAR, |s| {
            s.parts("alternative", &[YES, NO_HTML])
        }),
        attack("the views disagree, HTML approves", UNCLEAR, |s| {
            s.parts("alternative", &[NO, YES_HTML])
        }),
        attack("plain approves, HTML denies", UNCLEAR, |s| s.both("APPROVE", "<p>DISAPPROVE</p>")),
        attack("plain denies, HTML approves", UNCLEAR, |s| s.both("DISAPPROVE", "<p>APPROVE</p>")),
        attack("two plain alternatives", Want::Nothing, |s| s.parts("alternative", &[YES, NO])),
        attack("two plain alternatives, turned", Want::Nothing, |s| {
            s.parts("alternative", &[NO, YES])
        }),
        attack("two HTML alternatives", Want::Nothing, |s| {
            s.parts("alternative", &[YES_HTML, NO_HTML])
        }),
        attack("HTML twice and a plain one", Want::Nothing, |s| {
            s.parts("alternative", &[YES, YES_HTML, NO_HTML])
        }),
        attack("two bodies in a row", Want::Nothing, |s| s.parts("mixed", &[YES, NO])),
        attack("a plain yes beside an HTML that says otherwise", Want::Nothing, |s| {
            s.parts("mixed", &[YES, NO_HTML])
        }),
        attack("a forwarded approval as attachment", Want::Nothing, move |s| {
            s.parts("mixed", &[NO, inner])
        }),
        attack("only a forwarded approval", Want::Nothing, move |s| s.parts("mixed", &[inner])),
        attack("the whole mail is a mail", Want::Nothing, |s| {
            typed(s, "message/rfc822", "From: ana@x.test\nSubject: x\n\nAPPROVE\n")
        }),
        attack("a digest", Want::Nothing, |s| {
            s.parts("digest", &["\nFrom: ana@x.test\n\nAPPROVE\n"])
        }),
        attack("a text attachment says it", Want::Nothing, |s| {
            s.parts("mixed", &[NO, "Content-Type: text/plain; name=answer.txt\nContent-Disposition: attachment; filename=answer.txt\n\nAPPROVE\n"])
        }),
        attack("only a text attachment", Want::Nothing, |s| {
            s.parts("mixed", &["Content-Type: text/plain\nContent-Disposition: attachment; filename=answer.txt\n\nAPPROVE\n"])
        }),
        attack("only a picture", UNCLEAR, |s| {
            s.parts("mixed", &["Content-Type: image/png; name=approve.png\nContent-Transfer-Encoding: base64\n\niVBORw0K\n"])
        }),
        attack("only a PDF named approve", UNCLEAR, |s| {
            s.parts("mixed", &["Content-Type: application/pdf; name=APPROVE.pdf\nContent-Disposition: attachment; filename=APPROVE.pdf\n\nAPPROVE\n"])
        }),
        attack("winmail.dat", UNCLEAR, |s| {
            s.parts("mixed", &["Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\nQVBQUk9WRQ==\n"])
        }),
        attack("an encrypted mail", Want::Nothing, |s| {
            s.parts(
                "encrypted; protocol=\"application/pgp-encrypted\"",
                &[
                    "Content-Type: application/pgp-encrypted\n\nVersion: 1\n",
                    "Content-Type: application/octet-stream\n\nAPPROVE\n",
                ],
            )
        }),
        attack("message/partial", QUARANTINED, |s| {
            typed(s, "message/partial; id=x; number=1; total=2", "APPROVE\n")
        }),
        attack("message/external-body", QUARANTINED, |s| {
            typed(
                s,
                "message/external-body; access-type=URL; URL=\"http://evil.example\"",
                "Content-Type: text/plain\n\nAPPROVE\n",
            )
        }),
        attack("an unknown text type", Want::Nothing, |s| typed(s, "text/x-approve", "APPROVE\n")),
        attack("enriched text", Want::Nothing, |s| {
            typed(s, "text/enriched", "<bold>APPROVE</bold>\n")
        }),
        attack("rtf", Want::Nothing, |s| typed(s, "text/rtf", "{\\rtf1 APPROVE}\n")),
        attack("JSON", Want::Nothing, |s| {
            typed(s, "application/json", "{\"answer\": \"APPROVE\"}\n")
        }),
        attack("a calendar part", Want::Nothing, |s| {
            s.parts("alternative", &[YES, "Content-Type: text/calendar; method=REPLY\n\nBEGIN:VCALENDAR\nMETHOD:REPLY\nEND:VCALENDAR\n"])
        }),
        attack("a header of the body after a blank line", UNCLEAR, |s| {
            s.short("X-Answer: APPROVE")
        }),
    ]
}

fn encodings() -> Vec<Case> {
    let mut cases = Vec::new();
    let with = |s: &Scene, encoding: &str, body: &str| {
        s.short("").plus(&format!("Content-Transfer-Encoding: {encoding}")).body(body)
    };
    for (name, encoding, body) in [
        ("base64 with letters that do not belong", "base64", "QVBQ!Uk9W*RQ==\n"),
        ("base64 with padding in the middle", "base64", "QQ==UFBST1ZF\n"),
        ("base64 that stops short", "base64", "QVBQUk9WR\n"),
        ("base64 with text behind it", "base64", "QVBQUk9WRQ==\n\nDo not!\n"),
        ("an unknown encoding", "x-rot13", "NCCEBIR\n"),
        ("uuencode", "x-uuencode", "begin 644 a\n'05!04D]610H \n`\nend\n"),
        ("two encodings in one", "base64, 7bit", "QVBQUk9WRQ==\n"),
        ("quoted-printable with a broken escape", "quoted-printable", "APPROVE=ZZ\n"),
        ("quoted-printable with a NUL", "quoted-printable", "APPROVE=00\n"),
        ("quoted-printable with an escape character", "quoted-printable", "do not =1B[8mAPPROVE\n"),
        ("quoted-printable with a bare CR", "quoted-printable", "No, do not=0DAPPROVE\n"),
    ] {
        cases.push(attack(name, Want::Nothing, move |s| with(s, encoding, body)));
    }
    for (name, kind, body) in [
        ("UTF-7", "text/plain; charset=utf-7", "+AEEAUABQAFIATwBWAEU-\n".as_bytes().to_vec()),
        ("two charsets", "text/plain; charset=utf-8; charset=utf-16", b"APPROVE\n".to_vec()),
        (
            "an unknown charset beyond ASCII",
            "text/plain; charset=x-none",
            b"APPROVE \x80\xff\n".to_vec(),
        ),
        ("EBCDIC", "text/plain; charset=cp037", vec![0xC1, 0xD7, 0xD7, 0xD9, 0xD6, 0xE5, 0xC5]),
        ("UTF-16 that is none", "text/plain; charset=utf-16", b"APPROVE\n".to_vec()),
        (
            "broken UTF-8 in place of letters",
            "text/plain; charset=utf-8",
            b"APP\xff\xfe\xfdVE\n".to_vec(),
        ),
        ("overlong UTF-8", "text/plain; charset=utf-8", b"\xc1\x81PPROVE\n".to_vec()),
        ("a NUL within the word", "text/plain; charset=utf-8", b"APP\0ROVE\n".to_vec()),
        (
            "ISO-2022-JP that escapes",
            "text/plain; charset=iso-2022-jp",
            b"\x1b$BAPPROVE\n".to_vec(),
        ),
        ("UTF-32", "text/plain; charset=utf-32", b"A\0\0\0P\0\0\0".to_vec()),
        ("HZ", "text/plain; charset=hz-gb-2312", b"~{APPROVE~}\n".to_vec()),
    ] {
        cases.push(attack(name, Want::Nothing, move |s| {
            s.short("").with("Content-Type", kind).body_bytes(&body)
        }));
    }
    cases
}

fn honest() -> Vec<Case> {
    let image = "Content-Type: image/png; name=\"logo.png\"\nContent-ID: <logo>\nContent-Disposition: inline; filename=\"logo.png\"\nContent-Transfer-Encoding: base64\n\niVBORw0K\n";
    vec![
        approves("plain and HTML", |s| s.both("APPROVE", "<p>APPROVE</p>")),
        denies("plain and HTML, denying", |s| s.both("DISAPPROVE", "<p>DISAPPROVE</p>")),
        approves("HTML alone", |s| s.html("<html><body><p>Approved.</p></body></html>")),
        approves("a picture in the signature", move |s| {
            let both = multipart(
                "=_b2",
                &[
                    YES,
                    "Content-Type: text/html; charset=utf-8\n\n<p>APPROVE</p><img src=\"cid:logo\">\n",
                ],
            );
            let both = format!("Content-Type: multipart/alternative; boundary=\"=_b2\"\n\n{both}");
            s.parts("related; type=\"multipart/alternative\"", &[&both, image])
        }),
        approves("a document attached", |s| {
            s.parts("mixed", &[YES, "Content-Type: application/pdf; name=\"plan.pdf\"\nContent-Disposition: attachment; filename=\"plan.pdf\"\nContent-Transfer-Encoding: base64\n\nJVBERi0=\n"])
        }),
        approves("a forwarded mail attached", |s| {
            s.parts(
                "mixed",
                &[
                    YES,
                    "Content-Type: message/rfc822\n\nFrom: x@y.test\nSubject: no\n\nDISAPPROVE\n",
                ],
            )
        }),
        approves("an S/MIME signature beside", |s| {
            s.parts("signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256", &[YES, "Content-Type: application/pkcs7-signature; name=smime.p7s\nContent-Transfer-Encoding: base64\n\nMIIB\n"])
        }),
        approves("base64", |s| {
            s.short("").plus("Content-Transfer-Encoding: base64").body("QVBQUk9WRQ0K\n")
        }),
        approves("quoted-printable", |s| {
            s.short("").plus("Content-Transfer-Encoding: quoted-printable").body("APPR=\nOVE\n")
        }),
        approves("UTF-16", |s| {
            let words: Vec<u8> =
                "\u{feff}APPROVE\r\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
            s.short("").with("Content-Type", "text/plain; charset=utf-16").body_bytes(&words)
        }),
        approves("ISO-8859-1", |s| {
            s.short("")
                .with("Content-Type", "text/plain; charset=iso-8859-1")
                .body_bytes(b"Approved.\r\n\r\nGr\xfc\xdfe\r\nAna\r\n")
        }),
        approves("no charset", |s| s.short("APPROVE").with("Content-Type", "text/plain")),
        approves("no MIME at all", |s| {
            s.short("APPROVE").without("Content-Type").without("MIME-Version")
        }),
        approves("flowed", |s| {
            s.reply("APPROVE").with("Content-Type", "text/plain; charset=utf-8; format=flowed")
        }),
        approves("a preamble as programs write it", |s| {
            s.parts("alternative", &[YES, YES_HTML]).body(&format!(
                "This is a multi-part message in MIME format.\n{}",
                multipart("=_b1", &[YES, YES_HTML])
            ))
        }),
        approves("a boundary in quotes with odd characters", |s| {
            s.short("")
                .with(
                    "Content-Type",
                    "multipart/alternative;\n boundary=\"----=_Part_1.2:'()+_,-./=?\"",
                )
                .body(&multipart("----=_Part_1.2:'()+_,-./=?", &[YES, YES_HTML]))
        }),
    ]
}
