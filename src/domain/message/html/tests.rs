//! What is visible and what is hidden, in tables.

use super::*;

fn check(source: &str, text: &str) {
    let got = visible(source).text;
    let folded: Vec<&str> = got.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(folded.join("|"), text, "of {source}");
}

fn check_hidden(source: &str, rule: &str) {
    let source = format!("<p>seen</p>{source}<p>also seen</p>");
    let got = visible(&source);
    assert!(!got.text.contains("APPROVE"), "{source} shows {}", got.text);
    assert!(got.text.contains("seen") && got.text.contains("also seen"), "{source}: {}", got.text);
    assert!(got.hidden.iter().any(|hidden| hidden.rule == rule), "{source}: {:?}", got.hidden);
}

#[test]
fn blocks_are_lines_and_spaces_fold() {
    check("<p>one\n two</p><p>three<br>four</p>", "one two|three|four");
    check("a<div>b</div>c", "a|b|c");
    check("<table><tr><td>From:</td><td>Ann</td></tr><tr><td>x</td></tr></table>", "From: Ann|x");
    check("<pre>a\n  b</pre>", "a|b");
    check("a&amp;b&nbsp;c &lt;d&gt;", "a&b c <d>");
    check("<b>bo</b>ld", "bold");
}

#[test]
fn what_is_not_seen_is_taken_out_and_noted() {
    for (style, rule) in [
        ("display:none", "display_none"),
        ("display: none !important", "display_none"),
        ("DISPLAY : NONE", "display_none"),
        ("visibility:hidden", "visibility_hidden"),
        ("opacity:0", "opacity_zero"),
        ("opacity: 0.0", "opacity_zero"),
        ("font-size:0", "font_size_zero"),
        ("font-size:0px", "font_size_zero"),
        ("font-size:1px;line-height:1px", "font_size_zero"),
        ("max-height:0;overflow:hidden", "zero_size"),
        ("width:0;height:0;overflow:hidden", "zero_size"),
        ("color:#fff", "same_colour"),
        ("color:white", "same_colour"),
        ("color:rgb(254, 254, 254)", "same_colour"),
        ("color:#000;background-color:#000", "same_colour"),
        ("color:transparent", "transparent_text"),
        ("color:rgba(0,0,0,0)", "transparent_text"),
        ("position:absolute;left:-9999px", "off_screen"),
        ("text-indent:-9999px", "off_screen"),
        ("margin-left:-5000px", "off_screen"),
        ("text-decoration:line-through", "line_through"),
        ("mso-hide:all", "mso_hide"),
    ] {
        check_hidden(&format!("<div style=\"{style}\">APPROVE</div>"), rule);
        check_hidden(&format!("<div style=\"{style}\"><p><b>APPROVE</b></p></div>"), rule);
    }
    check_hidden("<div hidden>APPROVE</div>", "hidden_attribute");
    check_hidden("<template>APPROVE</template>", "template");
    check_hidden("<s>APPROVE</s>", "line_through");
    check_hidden("<strike>APPROVE</strike>", "line_through");
    check_hidden("<del>APPROVE</del>", "line_through");
    check_hidden("<font color=\"#FFFFFF\">APPROVE</font>", "same_colour");
    check_hidden("<table bgcolor=black><tr><td>APPROVE</td></tr></table>", "same_colour");
    check_hidden("<!-- APPROVE -->", "comment");
    check_hidden("<!--[if mso]><p>APPROVE</p><![endif]-->", "conditional_comment");
    check_hidden("<style>.x{display:none}</style><p class=x>APPROVE</p>", "display_none");
    check_hidden(
        "<style>a{} p.x, #y { display : none }</style><p id=y>APPROVE</p>",
        "display_none",
    );
    check_hidden(
        "<style>@media print{.x{color:red}} .x{display:none}</style><p class=x>APPROVE</p>",
        "display_none",
    );
}

#[test]
fn what_is_seen_stays() {
    check("<div style='font-size:0'><span style='font-size:14px'>yes</span></div>", "yes");
    check("<div style='visibility:hidden'><b style='visibility:visible'>yes</b></div>", "yes");
    check("<body bgcolor=#000000><p style='color:white'>yes</p></body>", "yes");
    check("<p style='width:0'>yes</p>", "yes");
    check("<![if !mso]>yes<![endif]>", "yes");
    check("<style>@media (max-width:600px){.x{display:none}}</style><p class=x>yes</p>", "yes");
    check("<style>@media print{.x{display:none}}</style><p class=x>yes</p>", "yes");
    check("<p style='display:none'>no<p>yes", "yes");
    check("<p style='display:none'>no<div>yes</div>", "yes");
    check("<head><title>t</title><p>yes", "yes");
    check("<li style='display:none'>no<li>yes", "yes");
}

#[test]
fn shapeless_characters_go() {
    let got = visible("<p>app\u{200b}ro\u{e0041}ve\u{202e}</p>");
    assert_eq!(got.text, "approve");
    let rules: Vec<_> = got.hidden.iter().map(|hidden| hidden.rule).collect();
    assert_eq!(rules, ["zero_width_character", "tag_character", "bidi_control"]);
    assert_eq!(visible("soft\u{ad}hyphen").hidden, []);
    assert_eq!(visible("می\u{200c}خواهم").text, "می\u{200c}خواهم");
}

#[test]
fn a_misplaced_end_tag_does_not_carry_text_out_of_its_block() {
    let tree = Tree::read("<div><blockquote><b><p>x</b>y</p></blockquote>z</div>");
    let rendered = render(&tree);
    let inside = |line: &Line| {
        let mut node = line.node;
        while node != 0 {
            if tree.element(node).is_some_and(|element| element.name == "blockquote") {
                return true;
            }
            node = tree.nodes[node].parent;
        }
        false
    };
    let seen: Vec<_> = rendered.lines.iter().filter(|line| !line.text.is_empty()).collect();
    assert!(inside(seen[0]));
    assert!(!inside(seen[seen.len() - 1]));
}

#[test]
fn hostile_nesting_costs_no_more_than_its_length() {
    let deep = "<div>".repeat(40_000) + "yes";
    let tree = Tree::read(&deep);
    assert_eq!(tree.nodes.len(), 40_002);
    assert_eq!(render(&tree).text(), "yes");
    let crossed = "<div><b>".repeat(20_000) + &"</i></b></div></td>".repeat(20_000) + "yes";
    assert_eq!(visible(&crossed).text, "yes");
    let wide = "<br>".repeat(300_000);
    let got = visible(&wide);
    assert!(got.hidden.iter().any(|hidden| hidden.rule == "document_too_large"));
}

#[test]
fn a_tag_of_endless_attributes_ends_the_document() {
    for attribute in ["a=1 ", "a='1'", "a ", "a==\" ", "/a"] {
        let source = format!("<p>yes</p><p {}>no</p>", attribute.repeat(5_000));
        let tree = Tree::read(&source);
        assert!(tree.truncated, "{attribute}");
        assert_eq!(render(&tree).text(), "yes");
    }
    let image = format!("<p>yes<img src=\"data:image/png;base64,{}\"></p>", "a/b=c ".repeat(5_000));
    assert!(!Tree::read(&image).truncated);
    assert_eq!(visible(&image).text, "yes");
}

proptest::proptest! {
    #[test]
    fn no_source_panics(source in "\\PC{0,300}") {
        visible(&source);
    }

    #[test]
    fn no_tag_soup_panics(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "<p>", "</p>", "<div style='display:none'>", "</div>", "<table>", "<tr>", "<td>",
                "</table>", "<blockquote type=cite>", "</blockquote>", "<b>", "</b>", "<style>",
                ".a{color:#fff", "</style>", "<!--", "-->", "<script>", "</script>", "x", "é", "\u{200b}",
                "<li>", "</ul>", "<template>", "</template>", "<head>", "<body>", "&nbsp;", "&#x1F600;", "<",
            ]),
            0..60,
        )
    ) {
        visible(&pieces.concat());
    }
}
