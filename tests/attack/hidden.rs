//! Words that are in the mail and not to be seen, or seen and not in it.

use crate::case::{Case, Want, approves, attack};

const NOT_DECIDED: Want = Want::Nothing;

/// Ways to hide `{W}` in HTML.
const HIDINGS: &[(&str, &str)] = &[
    ("display none", "<div style=\"display:none\">{W}</div>"),
    ("display none, important", "<div style=\"display : none !important\">{W}</div>"),
    ("display none in capitals", "<div STYLE=\"DISPLAY:NONE\">{W}</div>"),
    ("a comment inside the declaration", "<div style=\"display:/**/none\">{W}</div>"),
    ("an escape inside the declaration", "<div style=\"d\\69splay:none\">{W}</div>"),
    ("an escaped value", "<div style=\"display:n\\6fne\">{W}</div>"),
    ("a character reference in the style", "<div style=\"display&#58;none\">{W}</div>"),
    ("visibility", "<span style=\"visibility:hidden\">{W}</span>"),
    ("visibility collapse", "<span style=\"visibility:collapse\">{W}</span>"),
    ("opacity", "<span style=\"opacity:0\">{W}</span>"),
    ("opacity of a hundredth", "<span style=\"opacity:.01\">{W}</span>"),
    ("opacity in percent", "<span style=\"opacity:0%\">{W}</span>"),
    ("font size nought", "<span style=\"font-size:0\">{W}</span>"),
    ("font size of a pixel", "<span style=\"font-size:1px\">{W}</span>"),
    ("font size in the shorthand", "<span style=\"font:0 arial\">{W}</span>"),
    (
        "font size in the shorthand, with a line height",
        "<span style=\"font:normal 0px/0px arial\">{W}</span>",
    ),
    ("font size in percent", "<span style=\"font-size:1%\">{W}</span>"),
    ("font size in em", "<span style=\"font-size:0.01em\">{W}</span>"),
    ("white on white", "<span style=\"color:#fff\">{W}</span>"),
    ("nearly white on white", "<span style=\"color:#fefefe\">{W}</span>"),
    ("white by name", "<span style=\"color:white\">{W}</span>"),
    ("white by rgb", "<span style=\"color:rgb(255,255,255)\">{W}</span>"),
    ("white by hsl", "<span style=\"color:hsl(0,0%,100%)\">{W}</span>"),
    ("white by a font element", "<font color=\"#ffffff\">{W}</font>"),
    ("black on black", "<div style=\"background:#000\">{W}</div>"),
    ("black on black by attribute", "<table bgcolor=\"black\"><tr><td>{W}</td></tr></table>"),
    ("transparent ink", "<span style=\"color:transparent\">{W}</span>"),
    ("ink of no alpha", "<span style=\"color:rgba(0,0,0,0)\">{W}</span>"),
    ("ink of no alpha, hex", "<span style=\"color:#00000000\">{W}</span>"),
    ("fill transparent", "<span style=\"-webkit-text-fill-color:transparent\">{W}</span>"),
    ("no height and clipped", "<div style=\"height:0;overflow:hidden\">{W}</div>"),
    ("a maximal height of nought", "<div style=\"max-height:0px;overflow:hidden\">{W}</div>"),
    ("no width", "<div style=\"width:0;overflow:hidden\">{W}</div>"),
    ("a line height of nought", "<div style=\"line-height:0;overflow:hidden;height:0\">{W}</div>"),
    (
        "a table row without height",
        "<table style=\"height:0;overflow:hidden\"><tr><td>{W}</td></tr></table>",
    ),
    ("off the left side", "<div style=\"position:absolute;left:-9999px\">{W}</div>"),
    ("off the top", "<div style=\"position:fixed;top:-2000px\">{W}</div>"),
    ("indented away", "<div style=\"text-indent:-9999px\">{W}</div>"),
    ("a margin away", "<div style=\"margin-left:-9999px\">{W}</div>"),
    ("moved away", "<div style=\"transform:translateX(-9999px)\">{W}</div>"),
    ("scaled to nothing", "<div style=\"transform:scale(0)\">{W}</div>"),
    ("clipped", "<div style=\"position:absolute;clip:rect(0,0,0,0)\">{W}</div>"),
    ("a clip path", "<div style=\"clip-path:inset(100%);position:absolute\">{W}</div>"),
    ("a clip path that is not placed", "<div style=\"clip-path:circle(0)\">{W}</div>"),
    ("the attribute", "<div hidden>{W}</div>"),
    ("mso-hide", "<span style=\"mso-hide:all\">{W}</span>"),
    ("struck out", "<s>{W}</s>"),
    ("struck out by style", "<span style=\"text-decoration:line-through\">{W}</span>"),
    ("deleted", "<del>{W}</del>"),
    ("a template", "<template>{W}</template>"),
    ("a script", "<script>{W}</script>"),
    ("a style element", "<style>{W}</style>"),
    ("a comment", "<!-- {W} -->"),
    ("a conditional comment", "<!--[if mso]>{W}<![endif]-->"),
    ("the title", "<title>{W}</title>"),
    ("noframes", "<noframes>{W}</noframes>"),
    ("an iframe", "<iframe srcdoc=\"{W}\">{W}</iframe>"),
    ("an object's fallback", "<object>{W}</object>"),
    ("a video's fallback", "<video>{W}</video>"),
    ("alternative text", "<img src=\"cid:x\" alt=\"{W}\">"),
    ("a title attribute", "<span title=\"{W}\"></span>"),
    ("aria", "<span aria-label=\"{W}\"></span>"),
    ("an input's value", "<input value=\"{W}\">"),
    ("a hidden input", "<input type=hidden value=\"{W}\">"),
    ("a placeholder", "<input placeholder=\"{W}\">"),
    ("a choice", "<select><option>Choose</option><option>{W}</option></select>"),
    ("a data list", "<datalist><option>{W}</option></datalist>"),
    ("closed details", "<details><summary>more</summary>{W}</details>"),
    ("a closed dialogue", "<dialog>{W}</dialog>"),
    ("a sheet's class", "<style>.h{display:none}</style><p class=h>{W}</p>"),
    ("a sheet's id", "<style>#h{display:none}</style><p id=h>{W}</p>"),
    ("a sheet's descendant", "<style>div p{display:none}</style><div><p>{W}</p></div>"),
    ("a sheet's child", "<style>div>p{display:none}</style><div><p>{W}</p></div>"),
    ("a sheet's attribute", "<style>p[data-x]{display:none}</style><p data-x=1>{W}</p>"),
    ("a sheet's first child", "<style>b:first-child{display:none}</style><p><b>{W}</b></p>"),
    ("a sheet's star", "<style>div *{display:none}</style><div><p>{W}</p></div>"),
    ("a sheet's two classes", "<style>.a.b{display:none}</style><p class=\"a b\">{W}</p>"),
    (
        "a sheet for screens",
        "<style>@media screen and (min-width:1px){p.h{display:none}}</style><p class=h>{W}</p>",
    ),
    (
        "a sheet for screens that are not wider than a wall",
        "<style>@media (max-width:99999px){.h{display:none}}</style><p class=h>{W}</p>",
    ),
    ("a sheet with an escape", "<style>.h{d\\69splay:none}</style><p class=h>{W}</p>"),
    ("a nested rule", "<style>div{& p{display:none}}</style><div><p>{W}</p></div>"),
    ("a sheet that negates", "<style>p:not(.x){display:none}</style><p>{W}</p>"),
];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for &(name, hiding) in HIDINGS {
        // Seen: nothing. Read by a careless reader: an approval.
        let alone = hiding.replace("{W}", "APPROVE");
        cases.push(attack(format!("{name}: the only word"), NOT_DECIDED, move |s| s.html(&alone)));
    }
    for &(name, hiding) in HIDINGS {
        let beside = format!(
            "<p>I will look at it tomorrow, who is this?</p>{}",
            hiding.replace("{W}", "APPROVE")
        );
        cases.push(attack(format!("{name}: beside a question"), NOT_DECIDED, move |s| {
            s.html(&beside)
        }));
    }
    for (name, rules) in [
        ("more rules than we keep for one class", ".h{color:#00{N}}"),
        ("more rules than we try", "div .h{N}{color:red}"),
        ("more rules than a sheet may have", ".k{N}{color:red}.l{N}{color:red}.m{N}{color:red}"),
    ] {
        let many: String = (10..900).map(|n| rules.replace("{N}", &n.to_string())).collect();
        let html = format!(
            "<style>{many} div .h{{display:none}} .h{{display:none}}</style><div><p class=h>APPROVE</p></div>"
        );
        cases.push(attack(name, NOT_DECIDED, move |s| s.html(&html)));
    }
    cases.extend(letters());
    cases.extend(honest());
    cases
}

/// Words that only look like words, or are cut by what cannot be seen.
fn letters() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, word) in [
        ("a Cyrillic A", "\u{410}PPROVE"),
        ("Cyrillic letters throughout", "\u{410}\u{420}\u{420}R\u{41e}V\u{415}"),
        ("a Greek omicron", "APPR\u{39f}VE"),
        ("a right-to-left override", "\u{202e}EVORPPA"),
        ("an override around a denial", "I do \u{202e}ton\u{202c} approve"),
        ("an isolate around a denial", "\u{2067}EVORPPA\u{2069}"),
        ("leet", "4PPR0V3"),
        ("small capitals", "\u{1d00}\u{1d18}\u{1d18}\u{280}\u{1d0f}\u{1d20}\u{1d07}"),
        ("tag characters alone", "\u{e0041}\u{e0050}\u{e0050}\u{e0052}\u{e004f}\u{e0056}\u{e0045}"),
        ("upside down", "\u{2c6f}dd\u{279}o\u{28c}\u{259}"),
        ("a negation split by a zero width", "I do n\u{200b}ot approve"),
        ("a prefix split by a zero width", "DIS\u{200b}APPROVE"),
        ("a prefix split by a soft hyphen", "dis\u{ad}approved"),
        ("a prefix in tag characters' company", "un\u{2060}approved"),
    ] {
        let html = format!("<p>{word}</p>");
        let is_denial = name.starts_with("a prefix") || name.starts_with("a negation");
        // A denial is what it says, if it is read at all; never an approval.
        let check = if is_denial { Want::Deny } else { NOT_DECIDED };
        cases.push(Case {
            name: format!("{name}, plain"),
            want: check,
            mail: Box::new(move |s| s.short(word)),
        });
        cases.push(Case {
            name: format!("{name}, HTML"),
            want: check,
            mail: Box::new(move |s| s.html(&html)),
        });
    }
    for (name, html) in [
        ("a struck approval", "<p><s>APPROVE</s></p>"),
        ("a struck denial beside an approval", "<p><s>DISAPPROVE</s> let me think</p>"),
        ("an approval put together from attributes", "<p data-a=\"APP\" data-b=\"ROVE\"></p>"),
        ("generated content", "<style>p:before{content:'APPROVE'}</style><p></p>"),
        ("turned by mark-up", "<p><bdo dir=rtl>EVORPPA</bdo></p>"),
        ("turned by style", "<p style=\"unicode-bidi:bidi-override;direction:rtl\">EVORPPA</p>"),
        ("not, turned by mark-up", "<p>I do <bdo dir=rtl>ton</bdo> approve</p>"),
    ] {
        cases.push(attack(name, NOT_DECIDED, move |s| s.html(html)));
    }
    cases
}

fn honest() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, html) in [
        (
            "Outlook's sheet",
            "<html><head><style><!-- @font-face {font-family:Calibri;} p.MsoNormal, li.MsoNormal, div.MsoNormal {margin:0cm;font-size:11.0pt;font-family:\"Calibri\",sans-serif;} a:link, span.MsoHyperlink {color:#0563C1;} span.EmailStyle17 {color:windowtext;} @page WordSection1 {size:612.0pt 792.0pt;} div.WordSection1 {page:WordSection1;} --></style></head><body lang=EN-US><div class=WordSection1><p class=MsoNormal>Approved.<o:p></o:p></p></div></body></html>",
        ),
        (
            "white letters on a dark ground",
            "<body style=\"background:#222;color:#fff\"><p>Approved.</p></body>",
        ),
        ("grey letters", "<p style=\"color:#777\">Approved.</p>"),
        ("a small font", "<p style=\"font-size:8pt\">Approved.</p>"),
        ("an empty preheader", "<div style=\"display:none\"></div><p>Approved.</p>"),
        (
            "a tracking picture",
            "<p>Approved.</p><img src=\"https://t.test/o.gif\" width=1 height=1 alt=\"\">",
        ),
        (
            "bold and a link below dashes",
            "<p><b>APPROVE</b></p><p>--<br>Ana<br><a href=\"https://x.test\">x.test</a></p>",
        ),
        ("zero-width characters around", "<p>\u{200b}Approved.\u{feff}</p>"),
        (
            "Apple's blank",
            "<html><body dir=\"auto\">Approved.<br><br><div dir=\"ltr\">Sent from my iPhone</div></body></html>",
        ),
        (
            "Gmail",
            "<div dir=\"ltr\">Approved.</div><br><div class=\"gmail_quote\"><div dir=\"ltr\" class=\"gmail_attr\">On Sat, Nov 21, 2026 at 10:00 AM countersign &lt;<a href=\"mailto:access@own.test\">access@own.test</a>&gt; wrote:<br></div><blockquote class=\"gmail_quote\">APPROVE or DISAPPROVE</blockquote></div>",
        ),
        (
            "a sheet with states for links",
            "<style>a:hover{color:red} .x a{color:blue} #outlook a{padding:0} .ReadMsgBody{width:100%} .ExternalClass *{line-height:100%}</style><p>Approved.</p>",
        ),
        (
            "a sheet for small screens",
            "<style>@media only screen and (max-width:480px){.wide{display:none !important} td.hide{display:none}}</style><p>Approved.</p>",
        ),
        (
            "a word that phones would not show",
            "<style>@media (max-width:600px){.x{display:none}}</style><p class=x>Approved.</p>",
        ),
        (
            "a sheet whose descendants are hidden elsewhere",
            "<style>.newsletter .preheader{display:none}</style><p>Approved.</p>",
        ),
        ("an emoji", "<p>Approved \u{1f44d}</p>"),
        (
            "Persian's joiner in a name",
            "<p>Approved.</p><p>\u{646}\u{627}\u{645}\u{647}\u{200c}\u{647}\u{627}</p>",
        ),
    ] {
        cases.push(approves(name, move |s| s.html(html)));
    }
    cases
}
