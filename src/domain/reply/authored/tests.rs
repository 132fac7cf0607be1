use super::*;

fn check(plain: &str, text: &str) {
    assert_eq!(
        from_text(plain, &OurText::unknown()).text,
        text,
        "of {plain}"
    );
}

#[test]
fn a_quote_is_not_the_persons() {
    check(
        "Yes\n\nOn Mon, 2 Mar 2026 at 10:00, Access <a@b.example> wrote:\n> approve?\n",
        "Yes",
    );
    check("> approve?\n\nNo", "No");
}
