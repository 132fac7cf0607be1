//! A private Dovecot: IMAP, POP3 and LMTP, any user, password `pass`.

use super::{certificates, keeper, place};

pub struct Dovecot {
    /// In the clear; STARTTLS is offered.
    pub imap_port: u16,
    pub imaps_port: u16,
    /// In the clear; STLS is offered.
    pub pop3_port: u16,
    pub pop3s_port: u16,
    pub lmtp_port: u16,
    /// Where Postfix asks whether a password is right.
    pub sasl_port: u16,
}

impl Dovecot {
    pub async fn start() -> Result<Self, String> {
        let place = place::get();
        certificates::get();
        let dovecot = Self {
            imap_port: place::free_port(),
            imaps_port: place::free_port(),
            pop3_port: place::free_port(),
            pop3s_port: place::free_port(),
            lmtp_port: place::free_port(),
            sasl_port: place::free_port(),
        };
        place.write("log/dovecot.log", "");
        let config = place.write("run/dovecot.conf", dovecot.config());
        keeper::start(
            "dovecot",
            &format!(
                "PATH=$PATH:/usr/sbin\nexec {step_down}env HOME=/ dovecot -F -c {config}\n",
                step_down = place.stepping_down_to(&place.owner.name),
                config = config.display()
            ),
        );
        let listeners = [
            dovecot.imap_port,
            dovecot.imaps_port,
            dovecot.pop3_port,
            dovecot.pop3s_port,
            dovecot.lmtp_port,
            dovecot.sasl_port,
        ];
        for port in listeners {
            place::wait_for_port("dovecot", port, &["dovecot.out", "dovecot.log"]).await?;
        }
        Ok(dovecot)
    }

    fn config(&self) -> String {
        let place = place::get();
        include_str!("dovecot.conf.in")
            .replace("@DIR@", &place.directory.to_string_lossy())
            .replace("@OWNER@", &place.owner.name)
            .replace("@GROUP@", &place.owner.group)
            .replace("@IMAP@", &self.imap_port.to_string())
            .replace("@IMAPS@", &self.imaps_port.to_string())
            .replace("@POP3@", &self.pop3_port.to_string())
            .replace("@POP3S@", &self.pop3s_port.to_string())
            .replace("@LMTP@", &self.lmtp_port.to_string())
            .replace("@SASL@", &self.sasl_port.to_string())
    }
}
