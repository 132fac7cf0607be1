//! Where a quote or a signature ends, and what only looks like one.

use super::*;

#[test]
fn a_few_words_between_quoted_lines_are_the_tail_of_a_line_wrapped_anew() {
    let quoted =
        "> > we see that the words of the list are left out.\nThe\n> > next of them are not\n";
    check(&format!("Hm\n\nOn 2 Mar 2026, B <b@c.example> wrote:\n{quoted}"), "Hm");
    let many = "> > and what stands here is broken in the middle\nof\n> > it all, and so are the lines below\nthem\n> > at last\n> > Then we use\nParts of\n> > Other things\n";
    check(&format!("Hm\n\nOn 2 Mar 2026, B <b@c.example> wrote:\n{many}"), "Hm");
    // An answer between the lines is none.
    let asked = "> Is it the first one?\nThe second.\n> And who is on call?\nBen\n";
    check(&format!("On 2 Mar 2026, B <b@c.example> wrote:\n{asked}"), "The second.\n\nBen");
}

#[test]
fn a_notice_that_was_wrapped_anew_below_its_quoted_beginning_is_cut_whole() {
    let notice = "> This e-mail and any attachments are confidential and may not be used or\npublished without written consent. If you are not the right reader, please\ndestroy it.\n";
    check(&format!("Hm\n\nOn 2 Mar 2026, B <b@c.example> wrote:\n> Hi\n>\n{notice}"), "Hm");
}

#[test]
fn a_line_that_a_mailbox_file_has_escaped_is_no_quote() {
    check(">From where shall they come in?", ">From where shall they come in?");
    check("Hm\n> From here\n>From there", "Hm");
}

#[test]
fn colons_are_quote_marks_only_where_somebody_is_named() {
    let colons = ": one\n: two\n: three\n";
    check(&format!("On 2 Mar 2026, B <b@c.example> wrote:\n\n{colons}\nHm"), "Hm");
    check(
        &format!(": Date: Mon, 2 Mar 2026 10:00:00 +0100\n: From: B <b@c.example>\n{colons}\nHm"),
        "Hm",
    );
    check(colons, colons.trim_end());
    assert_eq!(own(": a\n: b\n: approve\n").uncertain, Some("quote_partly_marked"));
}

#[test]
fn what_signs_a_forward_does_not_sign_words_that_are_not_there() {
    let got = from_html(
        "<div class=gmail_quote>---------- Forwarded message ----------<br>x</div>-- <br><div class=gmail_signature>Ann Lee</div>",
        &OurText::unknown(),
    );
    assert_eq!((got.text.as_str(), got.with_signature.as_str()), ("", ""));
}

#[test]
fn answers_between_and_below_the_block_quotes_of_gmail_stay() {
    let attr = "<div class=gmail_attr>On Mon, Mar 2, 2026 at 9:14 AM Ben &lt;ben@corp.example&gt; wrote:<br></div>";
    let quote = |text: &str| format!("<blockquote class=gmail_quote>{text}</blockquote>");
    let open = "<div class=\"gmail_quote gmail_quote_container\">";
    check_html(
        &format!(
            "{open}{attr}{}<div>The second.</div>{}<div>Ben.</div></div>",
            quote("APPROVE?"),
            quote("Who?")
        ),
        "The second.\n\nBen.",
    );
    // What was forwarded holds quotes of its own, and is nobody's answer.
    let head = "---------- Forwarded message ---------<br>From: x@y.example<br><br>";
    check_html(&format!("<p>FYI</p>{open}{head}APPROVE{}APPROVE</div>", quote("Who?")), "FYI");
}

#[test]
fn a_help_desk_says_where_its_mail_begins() {
    check(
        "Still broken\n\n##- Bitte oberhalb dieser Zeile antworten. -##\n\nAPPROVE",
        "Still broken",
    );
    check("## - a heading", "## - a heading");
}

#[test]
fn a_journey_is_no_header_block() {
    let journey = "From: Hamburg\nTo: Lyon\nDate: 12 March, before noon\n\nA window seat.";
    check(journey, journey);
    check("Hm\n\nFrom: Ben Ray\nTo: Ann Lee\nDate: 12 March 2026 10:04\n\nAPPROVE", "Hm");
}

#[test]
fn dashes_that_part_a_text_sign_nothing() {
    for text in [
        "Week 12\n\n---\n\nWeek 13\n\n---\n\nWeek 14",
        "SELECT 1;\n--\n-- about forty rows\n\nStop at a hundred.",
        "Name: ________\n____________\n(of the manager)\n\nThe last line stays.",
    ] {
        check(text, text);
    }
}

#[test]
fn a_signature_below_a_ruler_or_of_characters_is_one() {
    check(
        "見ました。\n\n-----------------\n株式会社みなと\n課長\u{3000}藤井\nTEL：045-555-0182",
        "見ました。",
    );
    check(
        "请先配好双因素认证。\n\n郑海燕\n信息安全部\n电话：0571-8888 0214",
        "请先配好双因素认证。",
    );
    check(
        "Hm, not sure yet\n\nUn saludo,\n\nGonzalo Requena\n\nDirector | Bodegas Valdeluz, S.L.",
        "Hm, not sure yet",
    );
}
