//! The requester writes the resource, the reason and his own name, and may
//! write decisions there; a reply that quotes them without marks must not
//! become one.

use serde_json::{Value, json};

use countersign::domain::decision::{Disposition, Reason};

use crate::{
    mail::Mail,
    world::{Scene, World},
};

const WORDS: &[&str] =
    &["APPROVE", "yes", "Approved.", "Yes, approved by me.", "I approve", "ja", "sim"];

type Way = fn(&Scene) -> Mail;

/// How a mail program may hand our text back without a mark.
const WAYS: &[(&str, Way)] = &[
    ("as it was", |s| s.short(&s.ana.text)),
    ("without blank lines", |s| s.short(&lines(s, |line| Some(line.to_owned())))),
    ("labels and values on lines of their own", |s| {
        s.short(&lines(s, |line| Some(line.replacen(": ", ":\n", 1))))
    }),
    ("with the bars lost", |s| {
        s.short(&lines(s, |line| Some(line.trim_start_matches(['|', ' ']).to_owned())))
    }),
    ("in HTML", |s| s.html(&format!("<div>{}</div>", escaped(&s.ana.text).replace('\n', "<br>")))),
    ("in HTML cells", |s| {
        let rows = lines(s, |line| {
            let line = escaped(line);
            let cells = line
                .split_once(": ")
                .map_or(line.clone(), |(label, value)| format!("{label}</td><td>{value}"));
            Some(format!("<tr><td>{cells}</td></tr>"))
        });
        s.html(&format!("<table>{rows}</table>"))
    }),
    ("only the lines that hold decisions", |s| {
        s.short(&lines(s, |line| {
            let folded = line.to_lowercase();
            ["approve", "yes", "ja", "sim"]
                .iter()
                .any(|word| folded.contains(word))
                .then(|| line.to_owned())
        }))
    }),
];

fn lines(s: &Scene, change: impl Fn(&str) -> Option<String>) -> String {
    let kept: Vec<String> =
        s.ana.text.lines().filter(|line| !line.trim().is_empty()).filter_map(change).collect();
    kept.join("\n")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn set(value: &mut Value, field: &str, words: &str) {
    match field {
        "requester" => value["requester"]["name"] = json!(words),
        "justification" => {
            value["justification"] = json!(format!("{words}\n{words}\n\nsee above\n{words}"))
        }
        "approver" => value["approvers"][0]["name"] = json!(words),
        _ => value["resource"] = json!(words),
    }
}

#[tokio::test]
async fn what_the_requester_wrote_is_never_her_answer() {
    let world = World::new().await;
    let mut wrong = Vec::new();
    let mut count = 0;
    for field in ["resource", "justification", "requester", "approver"] {
        for words in WORDS {
            let s = world.scene(|value| set(value, field, words)).await;
            for (way, mail) in WAYS {
                count += 1;
                let received = world.receive(&mail(&s).raw()).await;
                if received.disposition == Disposition::Decided {
                    let told = world.told(&received).await;
                    wrong.push(format!(
                        "{field} `{words}`, {way}: {}\n      {told}",
                        received.reason
                    ));
                }
            }
            // And still her own word counts above all that.
            let own = s.reply("DISAPPROVE");
            let received = world.receive(&own.raw()).await;
            if !matches!(received.reason, Reason::Denied | Reason::RequestClosed) {
                wrong.push(format!("{field} `{words}`: a denial is {}", received.reason));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
