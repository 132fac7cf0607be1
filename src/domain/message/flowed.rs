//! `format=flowed` (RFC 3676): lines that end with a space go on in the next.

/// Puts the paragraphs of a flowed text together again. `text` has LF line
/// ends; `del_sp` is the DelSp parameter (§4.1).
pub(super) fn unflow(text: &str, del_sp: bool) -> String {
    let mut whole = String::with_capacity(text.len());
    // The quote depth of the paragraph that is still open.
    let mut open: Option<usize> = None;
    for line in text.split('\n') {
        let after_marks = line.trim_start_matches('>');
        let depth = line.len() - after_marks.len();
        // §4.4: a leading space was stuffed in.
        let content = after_marks.strip_prefix(' ').unwrap_or(after_marks);
        // §4.3: a signature separator neither flows nor is flowed into.
        let is_separator = content == "-- ";
        match open {
            Some(open_depth) if open_depth == depth && !is_separator => {}
            previous => {
                if previous.is_some() {
                    // §4.5: a paragraph cut off by another depth ends there.
                    let kept = whole.trim_end_matches(' ').len();
                    whole.truncate(kept);
                    whole.push('\n');
                }
                whole.extend(std::iter::repeat_n('>', depth));
                if depth > 0 && !content.is_empty() {
                    whole.push(' ');
                }
            }
        }
        if content.ends_with(' ') && !is_separator {
            whole.push_str(if del_sp { &content[..content.len() - 1] } else { content });
            open = Some(depth);
        } else {
            whole.push_str(content);
            whole.push('\n');
            open = None;
        }
    }
    // The last piece of `split` is no line of its own.
    if open.is_none() {
        whole.pop();
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, del_sp: bool, expected: &str) {
        assert_eq!(unflow(text, del_sp), expected, "{text:?}");
    }

    #[test]
    fn paragraphs_are_put_together() {
        check("I approve \nthis.\nBye\n", false, "I approve this.\nBye\n");
        check("ge \nnehmigt", true, "genehmigt");
        check("a\n\nb\n", false, "a\n\nb\n");
        check("", false, "");
    }

    #[test]
    fn quotes_keep_their_depth_and_separators_stand() {
        check("> do you \n> agree?\nyes\n", false, "> do you agree?\nyes\n");
        check(">> a \n> b\n", false, ">> a\n> b\n");
        check("yes\n-- \nAna\n", false, "yes\n-- \nAna\n");
        check("yes \n-- \nAna", false, "yes\n-- \nAna");
        check(" > not a quote\n From here\n", false, "> not a quote\nFrom here\n");
    }
}
