//! A private Postfix: takes mail for our two domains, hands it to Dovecot, and
//! says in an Authentication-Results what it thinks of the sender.

use std::path::Path;

use super::{AUTHSERV_ID, Dovecot, certificates, keeper, place};

/// Where Debian and others keep Postfix's programs.
const DAEMONS: [&str; 3] = ["/usr/lib/postfix/sbin", "/usr/libexec/postfix", "/usr/lib/postfix"];

pub struct Postfix {
    /// In the clear, no login, STARTTLS offered: the road of strangers.
    pub smtp_port: u16,
    /// STARTTLS, then login, both required.
    pub submission_port: u16,
    /// TLS from the first byte, login required.
    pub smtps_port: u16,
}

impl Postfix {
    /// Recipients (of either domain) that misbehave, each in its own way.
    pub const REFUSED: &str = "5xx@x.test";
    pub const LATER: &str = "later@x.test";
    /// Taken, then returned to the sender as undeliverable.
    pub const RETURNED: &str = "returned@x.test";

    pub async fn start(dovecot: &Dovecot) -> Result<Self, String> {
        let place = place::get();
        if place.power == place::Power::Own {
            return Err("Postfix can only be started by root: run the tests as root, or where \
                        `sudo -n true` works"
                .to_owned());
        }
        let daemons = DAEMONS.into_iter().find(|path| Path::new(path).join("master").exists());
        let daemons = daemons.ok_or("Postfix is not installed: `scripts/install-deps test`")?;
        certificates::get();
        let postfix = Self {
            smtp_port: place::free_port(),
            submission_port: place::free_port(),
            smtps_port: place::free_port(),
        };
        postfix.write_config(dovecot, daemons);
        keeper::start("postfix", &start_script(&place.directory, daemons));
        for port in [postfix.smtp_port, postfix.submission_port, postfix.smtps_port] {
            place::wait_for_port("postfix", port, &["postfix.out", "postfix.log"]).await?;
        }
        Ok(postfix)
    }

    fn write_config(&self, dovecot: &Dovecot, daemons: &str) {
        let place = place::get();
        let fill = |template: &str| {
            template
                .replace("@DIR@", &place.directory.to_string_lossy())
                .replace("@DAEMONS@", daemons)
                .replace("@LMTP@", &dovecot.lmtp_port.to_string())
                .replace("@SASL@", &dovecot.sasl_port.to_string())
                .replace("@SMTP@", &self.smtp_port.to_string())
                .replace("@SMTPS@", &self.smtps_port.to_string())
                .replace("@SUBMISSION@", &self.submission_port.to_string())
        };
        let files = [
            ("main.cf", fill(include_str!("postfix-main.cf.in"))),
            ("master.cf", fill(include_str!("postfix-master.cf.in"))),
            ("dynamicmaps.cf", String::new()),
            ("recipients", recipients()),
            ("aliases", "/^returned(\\+.*)?@[xy]\\.test$/ returned@nowhere.invalid\n".to_owned()),
            ("transport", "/@nowhere\\.invalid$/ error:5.1.1 no such mailbox\n".to_owned()),
            ("header_checks", header_checks()),
            ("stamp-proven", stamps("pass")),
            ("stamp-unproven", stamps("fail")),
        ];
        for (name, content) in files {
            // Postfix wants its own directory to be root's: start_script copies them.
            place.write(format!("run/postfix-{name}"), content);
        }
    }
}

fn recipients() -> String {
    "/^5xx(\\+.*)?@/ 550 5.1.1 no such mailbox\n\
     /^later(\\+.*)?@/ 450 4.2.0 mailbox busy, try again later\n"
        .to_owned()
}

/// The field's name until the header checks rename it. The process id makes it
/// one that no mail in a test can carry by accident.
fn stamp_name() -> String {
    format!("X-Bed-Stamp-{}", std::process::id())
}

/// Judges by the road a mail came, not by looking: what counts here is that
/// the field is where a real server would put it, and says what one would say.
fn stamps(result: &str) -> String {
    let name = stamp_name();
    format!(
        "/^[^@]+@([A-Za-z0-9.-]+)$/ PREPEND {name}: {AUTHSERV_ID}; spf={result} smtp.mailfrom=$1; \
         dmarc={result} header.from=$1\n\
         /^<>$/ PREPEND {name}: {AUTHSERV_ID}; spf=none; dmarc=none\n"
    )
}

/// RFC 8601 section 5: a server removes fields that bear its own name. The
/// second rule does not feed the first, so our own stamp survives.
fn header_checks() -> String {
    let own = AUTHSERV_ID.replace('.', "\\.");
    let name = stamp_name();
    format!(
        "/^Authentication-Results[ \\t]*:.*{own}/ IGNORE\n\
         /^{name}: (.*)$/ REPLACE Authentication-Results: $1\n"
    )
}

/// Does what `postfix start` does, less its checks of an installation, which
/// cost two seconds; then becomes Postfix's master.
fn start_script(directory: &Path, daemons: &str) -> String {
    format!(
        r#"set -e
cd {directory}
mkdir -p postfix/etc postfix/queue postfix/data
chmod 755 postfix postfix/etc postfix/queue
for file in main.cf master.cf dynamicmaps.cf recipients aliases transport header_checks stamp-proven stamp-unproven; do
  cp "run/postfix-$file" "postfix/etc/$file"
done
chown -R root:root postfix
chown postfix postfix/data
chmod 700 postfix/data
cd postfix/queue
for name in active bounce corrupt defer deferred flush hold incoming private saved trace; do
  install -d -o postfix -m 700 "$name"
done
install -d -o root -m 755 pid
install -d -o postfix -g postdrop -m 730 maildrop
install -d -o postfix -g postdrop -m 710 public
exec {daemons}/master -c {directory}/postfix/etc -d
"#,
        directory = directory.display()
    )
}
