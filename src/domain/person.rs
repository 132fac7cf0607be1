//! Somebody who asks or answers, with all his addresses. Four eyes and quorum
//! compare persons, never addresses.

use serde::{Deserialize, Serialize};

use super::{address::EmailAddress, ids::PersonId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub id: PersonId,
    pub name: Option<String>,
    /// BCP 47.
    pub locale: Option<String>,
    /// IANA zone.
    pub timezone: Option<String>,
    /// A person who is not active may neither be named nor answer.
    pub active: bool,
    /// The first one is the primary address.
    pub addresses: Vec<PersonAddress>,
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonAddress {
    pub address: EmailAddress,
    /// Whether a mail from here may answer for the person.
    pub may_answer: bool,
}

impl Person {
    pub fn primary(&self) -> Option<&PersonAddress> {
        self.addresses.first()
    }

    pub fn owns(&self, address: &EmailAddress) -> bool {
        self.addresses.iter().any(|own| own.address.is_same_mailbox(address))
    }

    /// Whether a mail from `from` may answer what was sent to `notified`: it
    /// comes from there exactly, or from the primary address, which is what
    /// Exchange answers from when an alias was written to.
    pub fn answers_from(&self, from: &EmailAddress, notified: &EmailAddress) -> bool {
        let may = |address: &EmailAddress| {
            self.addresses.iter().any(|own| own.may_answer && own.address.is_same_mailbox(address))
        };
        let is_primary = self.primary().is_some_and(|own| own.address.is_same_mailbox(from));
        (from.is_same_mailbox(notified) || is_primary) && may(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(written: &str) -> EmailAddress {
        EmailAddress::parse(written).unwrap()
    }

    #[test]
    fn only_the_notified_and_the_primary_address_answer() {
        let own = |written, may_answer| PersonAddress { address: address(written), may_answer };
        let person = Person {
            id: PersonId(uuid::Uuid::nil()),
            name: None,
            locale: None,
            timezone: None,
            active: true,
            addresses: vec![
                own("ana@x.test", true),
                own("a.silva@x.test", true),
                own("robot@x.test", false),
            ],
            version: 1,
        };
        for (from, notified, expected) in [
            ("ana@x.test", "ana@x.test", true),
            ("ANA@x.test", "a.silva@x.test", true),
            ("a.silva@x.test", "a.silva@x.test", true),
            ("a.silva@x.test", "ana@x.test", false),
            ("robot@x.test", "robot@x.test", false),
            ("eve@x.test", "ana@x.test", false),
        ] {
            assert_eq!(
                person.answers_from(&address(from), &address(notified)),
                expected,
                "{from} for {notified}"
            );
        }
    }
}
