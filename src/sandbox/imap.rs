//! IMAP out (RFC 3501, with UIDPLUS, IDLE and LITERAL+): enough for our own
//! client and for a mail program that wants to look into a mailbox. One
//! folder, no message parts.

use std::io;

use super::{
    imap_command::{Item, Section, in_set, items, quoted, search, strings},
    mailboxes::{Flags, Mail, Mailboxes},
    sasl,
    talk::Talk,
};

/// Octets of a command with its literals.
const COMMAND_OCTETS_MAX: usize = 64 * 1024;
const LITERALS_MAX: usize = 20;
const MISTAKES_MAX: usize = 50;
const CAPABILITIES: &str =
    "CAPABILITY IMAP4rev1 LITERAL+ AUTH=PLAIN SASL-IR UIDPLUS IDLE NAMESPACE";
const FLAGS: &str = r"(\Answered \Flagged \Deleted \Seen \Draft)";

/// One session, to its end.
pub(super) async fn serve(talk: Talk, post: &Mailboxes) -> io::Result<()> {
    let mut session = Session { talk, post, user: None, view: None, mistakes: 0 };
    session.talk.say(&format!("* OK [{CAPABILITIES}] countersign sandbox")).await?;
    while let Some(line) = session.command().await? {
        let (tag, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let verb = verb.to_ascii_uppercase();
        let answer = session.perform(&verb, rest).await?;
        if !answer.starts_with("OK") {
            session.mistakes += 1;
        }
        session.talk.say(&format!("{tag} {answer}")).await?;
        if verb == "LOGOUT" || session.mistakes >= MISTAKES_MAX {
            break;
        }
    }
    Ok(())
}

struct Session<'a> {
    talk: Talk,
    post: &'a Mailboxes,
    /// The key of the mailbox of whoever logged in.
    user: Option<String>,
    view: Option<View>,
    mistakes: usize,
}

/// The folder as the client was told it is: UIDs by sequence number.
struct View {
    uids: Vec<u32>,
    read_only: bool,
}

impl Session<'_> {
    /// A command in one line, with its literals as quoted strings.
    async fn command(&mut self) -> io::Result<Option<String>> {
        let mut command = String::new();
        for _ in 0..LITERALS_MAX {
            let Some(line) = self.talk.text().await? else { return Ok(None) };
            let (head, literal) = literal_at_end(&line);
            command.push_str(head);
            let Some((octets, waits)) = literal else { return Ok(Some(command)) };
            if command.len() + octets > COMMAND_OCTETS_MAX {
                break;
            }
            if waits {
                self.talk.say("+ go on").await?;
            }
            let octets = self.talk.octets(octets).await?;
            command.push_str(&quoted(&String::from_utf8_lossy(&octets)));
        }
        // What follows cannot be told from the literal, so this is the end.
        self.talk.say("* BYE the command is too long").await?;
        Ok(None)
    }

    /// The tagged answer, without its tag.
    async fn perform(&mut self, verb: &str, rest: &str) -> io::Result<String> {
        let answer = match verb {
            "CAPABILITY" => {
                self.talk.say(&format!("* {CAPABILITIES}")).await?;
                "OK".to_owned()
            }
            "LOGOUT" => {
                self.talk.say("* BYE").await?;
                "OK goodbye".to_owned()
            }
            "NOOP" | "CHECK" => {
                self.tell_news().await?;
                "OK".to_owned()
            }
            "LOGIN" => match strings(rest).as_deref() {
                Some([user, password]) => self.log_in(user, password),
                _ => bad("LOGIN user password"),
            },
            "AUTHENTICATE" => self.authenticate(rest).await?,
            _ => match self.user.clone() {
                None => "NO log in first".to_owned(),
                Some(user) => self.perform_logged_in(&user, verb, rest).await?,
            },
        };
        Ok(answer)
    }

    fn log_in(&mut self, user: &str, password: &str) -> String {
        match self.post.log_in(user, password) {
            Some((key, _)) => {
                self.user = Some(key);
                format!("OK [{CAPABILITIES}] welcome")
            }
            None => "NO [AUTHENTICATIONFAILED] no such user and password".to_owned(),
        }
    }

    async fn authenticate(&mut self, rest: &str) -> io::Result<String> {
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        if !mechanism.eq_ignore_ascii_case("PLAIN") {
            return Ok("NO [CANNOT] only PLAIN".to_owned());
        }
        let answer = if initial.is_empty() {
            self.talk.say("+ ").await?;
            self.talk.text().await?.unwrap_or_default()
        } else {
            initial.to_owned()
        };
        Ok(match sasl::plain(&answer) {
            Some((user, password)) => self.log_in(&user, &password),
            None => bad("that is no PLAIN answer"),
        })
    }

    async fn perform_logged_in(
        &mut self,
        user: &str,
        verb: &str,
        rest: &str,
    ) -> io::Result<String> {
        let answer = match verb {
            "SELECT" | "EXAMINE" => self.select(user, rest, verb == "EXAMINE").await?,
            "LIST" | "LSUB" => self.list(verb, rest).await?,
            "NAMESPACE" => {
                self.talk.say(r#"* NAMESPACE (("" "/")) NIL NIL"#).await?;
                "OK".to_owned()
            }
            "STATUS" => self.status(user, rest).await?,
            "SUBSCRIBE" | "UNSUBSCRIBE" => "OK".to_owned(),
            "CREATE" | "DELETE" | "RENAME" | "APPEND" | "COPY" => {
                "NO [CANNOT] there is INBOX and nothing else".to_owned()
            }
            _ if self.view.is_none() => bad("select a folder first"),
            "CLOSE" | "UNSELECT" => {
                if verb == "CLOSE" && self.may_write() {
                    self.post.remove(user, |mail| mail.flags.has(Flags::DELETED));
                }
                self.view = None;
                "OK".to_owned()
            }
            "IDLE" => self.idle().await?,
            "EXPUNGE" => self.expunge(user, None).await?,
            "FETCH" | "STORE" | "SEARCH" => self.on_messages(user, verb, rest, false).await?,
            "UID" => {
                let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                match verb.to_ascii_uppercase().as_str() {
                    "EXPUNGE" => self.expunge(user, Some(rest)).await?,
                    "COPY" | "MOVE" => "NO [CANNOT] there is only INBOX".to_owned(),
                    verb => self.on_messages(user, verb, rest, true).await?,
                }
            }
            _ => bad("unknown command"),
        };
        Ok(answer)
    }

    fn may_write(&self) -> bool {
        self.view.as_ref().is_some_and(|view| !view.read_only)
    }

    async fn select(&mut self, user: &str, rest: &str, read_only: bool) -> io::Result<String> {
        self.view = None;
        let folder = strings(rest).unwrap_or_default();
        if !folder.first().is_some_and(|name| name.eq_ignore_ascii_case("INBOX")) {
            return Ok("NO [NONEXISTENT] there is only INBOX".to_owned());
        }
        let uids: Vec<u32> = self.post.mails(user).iter().map(|mail| mail.uid).collect();
        let told = format!(
            "* {} EXISTS\r\n* 0 RECENT\r\n* FLAGS {FLAGS}\r\n\
            * OK [PERMANENTFLAGS {}] kept\r\n\
            * OK [UIDVALIDITY {}] for as long as we run\r\n* OK [UIDNEXT {}] next",
            uids.len(),
            if read_only { "()" } else { FLAGS },
            self.post.uid_validity,
            self.post.uid_next(user),
        );
        self.talk.say(&told).await?;
        self.view = Some(View { uids, read_only });
        Ok(format!("OK [{}] selected", if read_only { "READ-ONLY" } else { "READ-WRITE" }))
    }

    async fn list(&mut self, verb: &str, rest: &str) -> io::Result<String> {
        let pattern = strings(rest).unwrap_or_default().pop().unwrap_or_default();
        if pattern.is_empty() {
            self.talk.say(&format!(r#"* {verb} (\Noselect) "/" """#)).await?;
        } else if ["*", "%", "INBOX"].contains(&pattern.to_ascii_uppercase().as_str()) {
            self.talk.say(&format!(r#"* {verb} (\HasNoChildren) "/" INBOX"#)).await?;
        }
        Ok("OK".to_owned())
    }

    async fn status(&mut self, user: &str, rest: &str) -> io::Result<String> {
        let (name, items) = rest.split_once('(').unwrap_or((rest, ""));
        if !strings(name).unwrap_or_default().iter().any(|name| name.eq_ignore_ascii_case("INBOX"))
        {
            return Ok("NO [NONEXISTENT] there is only INBOX".to_owned());
        }
        let mails = self.post.mails(user);
        let mut told = Vec::new();
        for item in items.trim_end_matches(')').split_ascii_whitespace() {
            let number = match item.to_ascii_uppercase().as_str() {
                "MESSAGES" => mails.len(),
                "UNSEEN" => mails.iter().filter(|mail| !mail.flags.has(Flags::SEEN)).count(),
                "UIDNEXT" => self.post.uid_next(user) as usize,
                "UIDVALIDITY" => self.post.uid_validity as usize,
                "RECENT" => 0,
                _ => return Ok(bad("STATUS of what?")),
            };
            told.push(format!("{} {number}", item.to_ascii_uppercase()));
        }
        self.talk.say(&format!("* STATUS INBOX ({})", told.join(" "))).await?;
        Ok("OK".to_owned())
    }

    /// FETCH, STORE and SEARCH, by sequence number or by UID. Numbers must not
    /// shift meanwhile, so what vanished is told later (RFC 3501 §7.4.1).
    async fn on_messages(
        &mut self,
        user: &str,
        verb: &str,
        rest: &str,
        by_uid: bool,
    ) -> io::Result<String> {
        let Some(view) = &self.view else { return Ok(bad("select a folder first")) };
        let numbers: Vec<u32> = (1..).take(view.uids.len()).collect();
        let present = self.post.mails(user);
        if verb == "SEARCH" {
            let Some(fits) = search(rest, &view.uids) else {
                return Ok(bad("that cannot be searched for"));
            };
            let shown = numbers.iter().zip(&view.uids);
            let found: Vec<String> = shown
                .filter(|(_, uid)| find(&present, **uid).is_some_and(&fits))
                .map(|(number, uid)| format!(" {}", if by_uid { uid } else { number }))
                .collect();
            self.talk.say(&format!("* SEARCH{}", found.concat())).await?;
            return Ok("OK".to_owned());
        }
        let (set, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let Some(named) = in_set(set, if by_uid { &view.uids } else { &numbers }) else {
            return Ok(bad("that is no set of messages"));
        };
        let targets: Vec<(u32, Mail)> = numbers
            .iter()
            .zip(&view.uids)
            .filter(|(number, uid)| named.binary_search(if by_uid { uid } else { number }).is_ok())
            .filter_map(|(number, uid)| Some((*number, find(&present, *uid)?.clone())))
            .collect();
        match verb {
            "FETCH" => self.fetch(user, &targets, rest, by_uid).await,
            "STORE" => self.store(user, targets, rest, by_uid).await,
            _ => Ok(bad("unknown command")),
        }
    }

    async fn fetch(
        &mut self,
        user: &str,
        targets: &[(u32, Mail)],
        asked: &str,
        by_uid: bool,
    ) -> io::Result<String> {
        let Some(mut items) = items(asked) else {
            return Ok(bad("UID, FLAGS, INTERNALDATE, RFC822.SIZE and BODY[] can be fetched"));
        };
        if by_uid && !items.contains(&Item::Uid) {
            items.insert(0, Item::Uid);
        }
        for (number, mail) in targets {
            let mut answer = format!("* {number} FETCH (").into_bytes();
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    answer.push(b' ');
                }
                write_item(&mut answer, item, mail);
            }
            answer.extend_from_slice(b")\r\n");
            self.talk.send(&answer).await?;
        }
        let reads = |item: &Item| matches!(item, Item::Section { peek: false, .. });
        if self.may_write() && items.iter().any(reads) {
            let uids: Vec<u32> = targets.iter().map(|(_, mail)| mail.uid).collect();
            self.post.flag(user, &uids, |flags| Flags(flags.0 | Flags::SEEN.0));
        }
        Ok("OK".to_owned())
    }

    async fn store(
        &mut self,
        user: &str,
        targets: Vec<(u32, Mail)>,
        rest: &str,
        by_uid: bool,
    ) -> io::Result<String> {
        if !self.may_write() {
            return Ok("NO the folder was opened to be read".to_owned());
        }
        let (how, names) = rest.split_once(' ').unwrap_or((rest, ""));
        let how = how.to_ascii_uppercase();
        let named = names
            .split(|letter: char| "() ".contains(letter))
            .fold(0, |flags, name| flags | Flags::named(name).0);
        let change = |flags: Flags| match how.as_bytes().first() {
            Some(b'+') => Flags(flags.0 | named),
            Some(b'-') => Flags(flags.0 & !named),
            _ => Flags(named),
        };
        if !matches!(how.trim_start_matches(['+', '-']), "FLAGS" | "FLAGS.SILENT") {
            return Ok(bad("only FLAGS can be stored"));
        }
        let uids: Vec<u32> = targets.iter().map(|(_, mail)| mail.uid).collect();
        self.post.flag(user, &uids, change);
        if !how.ends_with(".SILENT") {
            for (number, mail) in targets {
                let uid = if by_uid { format!("UID {} ", mail.uid) } else { String::new() };
                let flags = change(mail.flags).text();
                self.talk.say(&format!("* {number} FETCH ({uid}FLAGS ({flags}))")).await?;
            }
        }
        Ok("OK".to_owned())
    }

    /// All that are flagged, or those of a UID set (RFC 4315 §2.1).
    async fn expunge(&mut self, user: &str, set: Option<&str>) -> io::Result<String> {
        if !self.may_write() {
            return Ok("NO the folder was opened to be read".to_owned());
        }
        let uids = self.view.as_ref().map(|view| view.uids.clone()).unwrap_or_default();
        let named = match set.map(|set| in_set(set, &uids)) {
            None => uids,
            Some(Some(named)) => named,
            Some(None) => return Ok(bad("that is no set of messages")),
        };
        let doomed =
            |mail: &Mail| mail.flags.has(Flags::DELETED) && named.binary_search(&mail.uid).is_ok();
        self.post.remove(user, doomed);
        self.tell_news().await?;
        Ok("OK".to_owned())
    }

    /// What vanished and what came since the client was last told.
    async fn tell_news(&mut self) -> io::Result<()> {
        let (Some(user), Some(view)) = (&self.user, &mut self.view) else { return Ok(()) };
        let present: Vec<u32> = self.post.mails(user).iter().map(|mail| mail.uid).collect();
        let mut news = Vec::new();
        let mut kept = Vec::with_capacity(view.uids.len());
        for uid in &view.uids {
            if present.binary_search(uid).is_ok() {
                kept.push(*uid);
            } else {
                // Each that goes moves the rest up.
                news.push(format!("* {} EXPUNGE", kept.len() + 1));
            }
        }
        let known = kept.last().copied().max(view.uids.last().copied()).unwrap_or(0);
        let before = kept.len();
        kept.extend(present.iter().filter(|&&uid| uid > known));
        if kept.len() > before {
            news.push(format!("* {} EXISTS", kept.len()));
        }
        view.uids = kept;
        for line in news {
            self.talk.say(&line).await?;
        }
        Ok(())
    }

    /// RFC 2177.
    async fn idle(&mut self) -> io::Result<String> {
        let mut changes = self.post.subscribe();
        self.talk.say("+ idling").await?;
        self.tell_news().await?;
        loop {
            tokio::select! {
                ready = self.talk.is_ready() => {
                    ready?;
                    let line = self.talk.text().await?.unwrap_or_default();
                    return Ok(match line.trim().eq_ignore_ascii_case("DONE") {
                        true => "OK".to_owned(),
                        false => bad("DONE ends an IDLE"),
                    });
                }
                changed = changes.changed() => {
                    if changed.is_err() {
                        return Ok("NO the server is going down".to_owned());
                    }
                }
            }
            self.tell_news().await?;
        }
    }
}

fn bad(words: &str) -> String {
    format!("BAD {words}")
}

fn find(mails: &[Mail], uid: u32) -> Option<&Mail> {
    mails.binary_search_by_key(&uid, |mail| mail.uid).ok().and_then(|at| mails.get(at))
}

/// The line before `{12}` or `{12+}`, the octets, and whether the client waits
/// to be told to go on (RFC 7888).
fn literal_at_end(line: &str) -> (&str, Option<(usize, bool)>) {
    let found = line.strip_suffix('}').and_then(|rest| {
        let (head, count) = rest.rsplit_once('{')?;
        let digits = count.strip_suffix('+').unwrap_or(count);
        Some((head, (digits.parse().ok()?, digits.len() == count.len())))
    });
    found.map_or((line, None), |(head, literal)| (head, Some(literal)))
}

fn write_item(answer: &mut Vec<u8>, item: &Item, mail: &Mail) {
    let text = match item {
        Item::Uid => format!("UID {}", mail.uid),
        Item::Flags => format!("FLAGS ({})", mail.flags.text()),
        Item::Size => format!("RFC822.SIZE {}", mail.raw.len()),
        Item::InternalDate => {
            format!("INTERNALDATE \"{}\"", mail.arrived_at.format("%d-%b-%Y %H:%M:%S +0000"))
        }
        Item::Section { named, what, from, count, .. } => {
            let octets = section(&mail.raw, what);
            let start = from.unwrap_or(0).min(octets.len());
            let end = start.saturating_add(count.unwrap_or(octets.len())).min(octets.len());
            let octets = octets.get(start..end).unwrap_or_default();
            answer.extend_from_slice(format!("{named} {{{}}}\r\n", octets.len()).as_bytes());
            answer.extend_from_slice(octets);
            return;
        }
    };
    answer.extend_from_slice(text.as_bytes());
}

fn section(raw: &[u8], what: &Section) -> Vec<u8> {
    let body = raw.windows(4).position(|four| four == b"\r\n\r\n").map_or(raw.len(), |at| at + 4);
    let (header, text) = raw.split_at(body);
    match what {
        Section::Whole => raw.to_vec(),
        Section::Header => header.to_vec(),
        Section::Text => text.to_vec(),
        Section::Fields(names) => {
            let header = String::from_utf8_lossy(header);
            let mut wanted = false;
            let mut out = String::new();
            for line in header.split_inclusive('\n') {
                if !line.starts_with([' ', '\t']) {
                    let name = line.split(':').next().unwrap_or_default().trim().to_lowercase();
                    wanted = names.contains(&name);
                }
                if wanted {
                    out.push_str(line);
                }
            }
            out.push_str("\r\n");
            out.into_bytes()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_stands_at_the_end_of_a_line() {
        assert_eq!(literal_at_end("a LOGIN {3}"), ("a LOGIN ", Some((3, true))));
        assert_eq!(literal_at_end("a LOGIN {3+}"), ("a LOGIN ", Some((3, false))));
        assert_eq!(literal_at_end("a LOGIN {x}"), ("a LOGIN {x}", None));
        assert_eq!(literal_at_end("a NOOP"), ("a NOOP", None));
    }

    #[test]
    fn named_fields_come_with_their_folded_lines() {
        let raw = b"From: a\r\n b\r\nTo: c\r\nSubject: d\r\n\r\nbody";
        let wanted = Section::Fields(vec!["from".into(), "subject".into()]);
        assert_eq!(section(raw, &wanted), b"From: a\r\n b\r\nSubject: d\r\n\r\n");
        assert_eq!(section(raw, &Section::Text), b"body");
    }
}
