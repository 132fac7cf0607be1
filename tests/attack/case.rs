//! One mail, what it must come to, and the run over a table of them.

use countersign::{
    actions::receive_message::Received,
    domain::decision::{Disposition, Reason},
};

use crate::{
    mail::Mail,
    world::{Scene, World},
};

/// What a mail must come to.
#[derive(Clone, Copy)]
pub enum Want {
    Approve,
    Deny,
    /// Whatever it is, it decides nothing and awaits nothing.
    Nothing,
    /// No approval; a denial is none of this test's business.
    NoApproval,
    Is(Disposition),
    Because(Reason),
}

pub struct Case {
    pub name: String,
    pub want: Want,
    pub mail: Box<dyn Fn(&Scene) -> Mail + Send + Sync>,
}

/// A hostile, automatic or unclear mail.
pub fn attack(
    name: impl Into<String>,
    want: Want,
    mail: impl Fn(&Scene) -> Mail + Send + Sync + 'static,
) -> Case {
    assert!(!matches!(want, Want::Approve));
    Case { name: name.into(), want, mail: Box::new(mail) }
}

/// An honest mail that looks like one; it must count.
pub fn approves(
    name: impl Into<String>,
    mail: impl Fn(&Scene) -> Mail + Send + Sync + 'static,
) -> Case {
    Case { name: name.into(), want: Want::Approve, mail: Box::new(mail) }
}

pub fn denies(
    name: impl Into<String>,
    mail: impl Fn(&Scene) -> Mail + Send + Sync + 'static,
) -> Case {
    Case { name: name.into(), want: Want::Deny, mail: Box::new(mail) }
}

impl Want {
    pub fn is_honest(self) -> bool {
        matches!(self, Self::Approve | Self::Deny)
    }

    fn is_met_by(self, received: &Received) -> bool {
        use Disposition::{AwaitingConfirmation, Decided};
        match self {
            Self::Approve => received.reason == Reason::Approved,
            Self::Deny => received.reason == Reason::Denied,
            Self::Nothing => !matches!(received.disposition, Decided | AwaitingConfirmation),
            Self::NoApproval => {
                received.reason != Reason::Approved && received.disposition != AwaitingConfirmation
            }
            Self::Is(disposition) => received.disposition == disposition,
            Self::Because(reason) => received.reason == reason,
        }
    }

    fn told(self) -> String {
        match self {
            Self::Approve => "an approval".to_owned(),
            Self::Deny => "a denial".to_owned(),
            Self::Nothing => "nothing".to_owned(),
            Self::NoApproval => "no approval".to_owned(),
            Self::Is(disposition) => disposition.to_string(),
            Self::Because(reason) => reason.to_string(),
        }
    }
}

/// Plays every case on a fresh request and reports all that end otherwise.
pub async fn check(cases: Vec<Case>) {
    let world = World::new().await;
    let mut wrong = Vec::new();
    for case in &cases {
        let scene = world.scene(|_| {}).await;
        let raw = (case.mail)(&scene).raw();
        let received = world.receive(&raw).await;
        let (approved, _) = world.votes(scene.request.id).await;
        let (others, _) = world.votes(scene.other_id).await;
        let counted = matches!(case.want, Want::Approve) == (approved == 1) && others == 0;
        if !case.want.is_met_by(&received) || !counted {
            wrong.push(format!(
                "  {}: {} ({}) instead of {}\n      {}",
                case.name,
                received.disposition,
                received.reason,
                case.want.told(),
                world.told(&received).await,
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} are wrong:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
