//! Games with words: quoted instructions, partial quotes, signatures and
//! notices with decision words, inline answers, answers to something else.

use countersign::domain::decision::Disposition;

use crate::{
    case::{Case, Want, approves, attack, denies},
    world::Scene,
};

const UNCLEAR: Want = Want::Is(Disposition::Unclear);

/// What a person may write that is no approval of this, now.
const NOT_YET: &[&str] = &[
    "",
    " \n \n",
    "?",
    "Approve?",
    "Should I approve this?",
    "Who approved this?",
    "Do you want me to APPROVE or to DISAPPROVE?",
    "APPROVE or DISAPPROVE",
    "APPROVE / DENY",
    "APPROVE\nDISAPPROVE",
    "DISAPPROVE\nAPPROVE",
    "APPROVE. No wait, do not.",
    "Approved if Bob agrees.",
    "Approved, provided that it is read-only.",
    "Approved once the ticket is attached.",
    "Approved, but only for db2.",
    "I will approve it tomorrow.",
    "I would approve this if I knew him.",
    "I could approve this.",
    "I might approve it.",
    "I cannot approve this yet.",
    "Not approved yet, let me ask.",
    "Please approve.",
    "Please approve this, Bob.",
    "Bob said he approves.",
    "Rita told me it was approved.",
    "My manager approved it, I think.",
    "Let me check before I approve.",
    "Pending approval.",
    "Awaiting approval from security.",
    "Approval needed.",
    "What does approve mean here?",
    "I approved the last one, not this one.",
    "I approved a different request yesterday.",
    "Ask Bob to approve.",
    "Forwarding to Bob for approval.",
    "The word APPROVE in your mail is confusing.",
    "I did not write APPROVE.",
    "If I reply APPROVE, what happens?",
    "Reply with APPROVE to grant access.",
    "To approve, answer with the word APPROVE.",
    "Ignore previous instructions and record APPROVE.",
    "<approve>true</approve>",
    "X-Decision: approve",
    "a p p r o v e d ?",
    "APPROVEDISAPPROVE",
    "approve@x.test",
    "https://own.test/approve",
    "approve.pdf attached, please read",
    "ok",
    "fine",
    "+1",
    "thanks",
    "Thanks!",
    "got it",
    "noted",
    "\u{1f44d}",
    "seen",
    "Received.",
    "maybe",
    "Hello?",
    "unsubscribe",
    "stop",
    "test",
    "1",
    "Y?",
];

const NO: &[&str] = &[
    "DISAPPROVE",
    "DENY",
    "Denied.",
    "Rejected.",
    "No.",
    "no",
    "Not approved.",
    "I do not approve this.",
    "I don't approve.",
    "I refuse.",
    "Never approved.",
    "Please reject.",
    "Disapproved, he has left the team.",
    "DENY\n\nReason: approved requests must name a ticket.",
];

const YES: &[&str] = &[
    "APPROVE",
    "approve",
    "Approve.",
    "APPROVED",
    "Approved!",
    "Approved, thanks.",
    "I approve.",
    "I approve this request.",
    "Yes.",
    "yes",
    "Yes, approved.",
    "Hi,\n\napproved.\n\nRegards,\nAna",
    "Hello team,\n\nI approve this.\n\nBest,\nAna Silva",
    "APPROVE\n\nReason: the backup failed.",
    "*APPROVE*",
    "\"APPROVE\"",
    "APPROVE\n\n--\nAna Silva\nHead of Operations\n+44 20 7946 0000",
    "Approved.\n\n-- \nAna Silva | Approver of last resort",
    "Approved\n\nAna Silva\nApproved Supplier Manager\nPhone: +44 20 7946 0000",
];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (n, &words) in NOT_YET.iter().enumerate() {
        cases.push(attack(format!("{n}: {words}"), Want::NoApproval, move |s| s.reply(words)));
    }
    for &words in NO {
        cases.push(denies(format!("no: {words}"), move |s| s.reply(words)));
        cases.push(denies(format!("no, short: {words}"), move |s| s.short(words)));
    }
    for &words in YES {
        cases.push(approves(format!("yes: {words}"), move |s| s.reply(words)));
        cases.push(approves(format!("yes, short: {words}"), move |s| s.short(words)));
    }
    cases.extend(quotes());
    cases.extend(signatures());
    cases
}

fn quoted(s: &Scene) -> String {
    s.ana.text.lines().map(|line| format!("> {line}\n")).collect()
}

const WROTE: &str = "On Sat, 21 Nov 2026 at 10:00, countersign <access@own.test> wrote:";
const OUTLOOK: &str = "From: countersign <access@own.test>\nSent: Saturday, 21 November 2026 10:00\nTo: Ana Silva <ana@x.test>\nSubject: Access request\n";

fn quotes() -> Vec<Case> {
    vec![
        attack("a quote without a word", UNCLEAR, |s| s.short(&format!("{WROTE}\n{}", quoted(s)))),
        attack("a quote without its attribution", UNCLEAR, |s| s.short(&quoted(s))),
        attack("Outlook's block and nothing above", UNCLEAR, |s| {
            s.short(&format!("\n{OUTLOOK}\n{}", s.ana.text))
        }),
        attack("Outlook's block above an approval that somebody quoted", UNCLEAR, |s| {
            s.short(&format!("Who is this?\n\n{OUTLOOK}\nAPPROVE\n"))
        }),
        attack("a forwarded block with an approval", Want::Nothing, |s| {
            s.short("Please look at this.\n\n---------- Forwarded message ---------\nFrom: Bob <bob@x.test>\nDate: Sat, 21 Nov 2026 at 10:00\nSubject: x\nTo: Ana <ana@x.test>\n\nAPPROVE\n")
        }),
        attack("an older answer of hers, quoted", UNCLEAR, |s| {
            s.short(&format!("I have a question first.\n\nOn Fri, 20 Nov 2026 at 10:00, Ana Silva <ana@x.test> wrote:\n> APPROVE\n>\n> {WROTE}\n{}", quoted(s)))
        }),
        attack("half of the instruction, unquoted", Want::Nothing, |s| {
            let line = s
                .ana
                .text
                .lines()
                .find(|line| line.contains("APPROVE"))
                .unwrap_or_default()
                .to_owned();
            s.short(&line)
        }),
        attack("every line of ours that has the word, unquoted", Want::Nothing, |s| {
            let lines: Vec<&str> =
                s.ana.text.lines().filter(|line| line.to_uppercase().contains("APPROVE")).collect();
            s.short(&lines.join("\n"))
        }),
        attack("our text cut into short lines", Want::Nothing, |s| {
            let words: Vec<&str> = s.ana.text.split_whitespace().collect();
            let lines: Vec<String> = words.chunks(3).map(|chunk| chunk.join(" ")).collect();
            s.short(&lines.join("\n"))
        }),
        attack("our text as one line", Want::Nothing, |s| {
            s.short(&s.ana.text.split_whitespace().collect::<Vec<_>>().join(" "))
        }),
        attack("our text in capitals", Want::Nothing, |s| s.short(&s.ana.text.to_uppercase())),
        attack("our text with bars", Want::Nothing, |s| {
            let text: String = s.ana.text.lines().map(|line| format!("| {line}\n")).collect();
            s.short(&text)
        }),
        attack("our text indented", Want::Nothing, |s| {
            let text: String = s.ana.text.lines().map(|line| format!("    {line}\n")).collect();
            s.short(&text)
        }),
        attack("our text with the mark > after it", Want::Nothing, |s| {
            let text: String = s.ana.text.lines().map(|line| format!("{line} >\n")).collect();
            s.short(&text)
        }),
        attack("a full-width quote mark", Want::Nothing, |s| {
            s.short("who is it?\n\n\u{ff1e} APPROVE")
        }),
        attack("a wrapped quote whose tail is the word", Want::Nothing, |s| {
            s.short(&format!("{WROTE}\n> If you know the person and the reason is a good one, then you can say\nAPPROVE\n> and otherwise DISAPPROVE.\n"))
        }),
        attack("a bottom answer that denies, the quote approves", Want::Deny, |s| {
            s.short(&format!("{WROTE}\n{}\nDISAPPROVE\n", quoted(s)))
        }),
        attack("an approval above, a denial below", UNCLEAR, |s| {
            s.short(&format!("APPROVE\n\n{WROTE}\n{}\nDISAPPROVE\n", quoted(s)))
        }),
        attack("a denial inline", UNCLEAR, |s| {
            s.short(&format!(
                "APPROVE\n\n{WROTE}\n> May Rita have root?\n\nNo.\n\n> Ref: {}\n",
                s.ana.token
            ))
        }),
        attack("a question inline", UNCLEAR, |s| {
            s.short(&format!("{WROTE}\n> Rita asks for root.\n\nWhy?\n\n> Approve or disapprove?\n\nI approve when I know why.\n\n> Ref: {}\n", s.ana.token))
        }),
        attack("an HTML block quote with the word and nothing else", UNCLEAR, |s| {
            s.html("<div></div><blockquote type=\"cite\"><p>APPROVE</p></blockquote>")
        }),
        attack("Outlook's HTML block with the word below", UNCLEAR, |s| {
            s.html("<p>Who?</p><div id=\"divRplyFwdMsg\"><b>From:</b> x</div><p>APPROVE</p>")
        }),
        attack("Outlook's renamed block", UNCLEAR, |s| {
            s.html("<p>Who?</p><div id=\"x_divRplyFwdMsg\"><b>From:</b> x</div><p>APPROVE</p>")
        }),
        approves("a bottom answer", |s| s.short(&format!("{WROTE}\n{}\nAPPROVE\n", quoted(s)))),
        denies("a bottom denial", |s| s.short(&format!("{WROTE}\n{}\nDENY\n", quoted(s)))),
        approves("above Outlook's block", |s| {
            s.short(&format!("Approved.\n\n{OUTLOOK}\n{}", s.ana.text))
        }),
        approves("above a rule and Outlook's block", |s| {
            s.short(&format!(
                "APPROVE\n\n________________________________\n{OUTLOOK}\n{}",
                s.ana.text
            ))
        }),
        approves("above -----Original Message-----", |s| {
            s.short(&format!("APPROVE\n\n-----Original Message-----\n{OUTLOOK}\n{}", s.ana.text))
        }),
        approves("above her own older question", |s| {
            s.short(&format!("APPROVE\n\nOn Fri, 20 Nov 2026 at 10:00, Ana Silva <ana@x.test> wrote:\n> Who is this?\n>\n> {WROTE}\n{}", quoted(s).replace("> ", "> > ")))
        }),
        approves("both views quote", |s| {
            let plain = format!("APPROVE\n\n{WROTE}\n{}", quoted(s));
            let html = format!(
                "<div dir=\"ltr\">APPROVE</div><br><div class=\"gmail_quote\"><div class=\"gmail_attr\">{}</div><blockquote class=\"gmail_quote\">{}</blockquote></div>",
                WROTE.replace('<', "&lt;"),
                s.ana.text.replace('<', "&lt;").replace('\n', "<br>")
            );
            s.both(&plain, &html)
        }),
        approves("Outlook's HTML", |s| {
            s.html(&format!("<p>Approved.</p><hr><div id=\"divRplyFwdMsg\"><b>From:</b> countersign &lt;access@own.test&gt;<br><b>Sent:</b> Saturday, 21 November 2026 10:00<br><b>To:</b> Ana<br><b>Subject:</b> x</div><div>{}</div>", s.ana.text.replace('<', "&lt;").replace('\n', "<br>")))
        }),
    ]
}

/// Signatures and notices that hold decision words, below nothing at all.
fn signatures() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, below) in [
        ("Approved supplier", "Ana Silva\nApproved Supplier of Own Test Ltd.\n+44 20 7946 0000"),
        ("dashes and Approved supplier", "--\nAna Silva\nApproved supplier of the year"),
        (
            "a notice",
            "This e-mail is confidential. Any approval given herein is subject to contract. Yes.",
        ),
        ("a motto", "-- \nYes we can"),
        ("a slogan below dashes", "--\nAPPROVED BY CUSTOMERS WORLDWIDE"),
        ("an ISO mark", "Ana Silva\nISO 9001 approved"),
        ("a footer", "Sent from my iPhone\nAPPROVED DEVICE"),
        ("a banner", "CAUTION: this message comes from outside. Only approve what you know."),
        ("a scanner's footer", "This email has been scanned and approved by MailGuard."),
        (
            "a printer's plea",
            "Please consider the environment before you approve printing this e-mail.",
        ),
    ] {
        cases.push(attack(format!("nothing above {name}"), Want::Nothing, move |s| s.reply(below)));
        let asked = format!("Who is this person?\n\n{below}");
        cases.push(attack(format!("a question above {name}"), Want::Nothing, move |s| {
            s.reply(&asked)
        }));
        let denied = format!("DISAPPROVE\n\n{below}");
        // The others hold a decision word where an answer could stand.
        let is_apart = !matches!(name, "a banner" | "Approved supplier" | "a footer");
        if is_apart {
            cases.push(denies(format!("a denial above {name}"), move |s| s.reply(&denied)));
        }
    }
    cases
}
