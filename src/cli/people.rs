//! `countersign people`: who asks and answers.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{CliError, output::Output};
use crate::{
    actions::{Instance, people},
    domain::{
        address::EmailAddress,
        ids::PersonId,
        person::{Person, PersonAddress},
    },
    store::{self, Page},
};

#[derive(Subcommand)]
pub(crate) enum People {
    /// Add a person; the first address is the primary one
    #[command(
        after_help = "Example:\n  countersign people add ana@corp.example --name \"Ana Silva\" --locale pt-BR --timezone America/Sao_Paulo"
    )]
    Add {
        /// Addresses, the primary one first
        #[arg(required = true)]
        addresses: Vec<EmailAddress>,
        #[command(flatten)]
        fields: Fields,
    },
    /// Change a person, named by id or by any address
    Update {
        person: String,
        /// Add an address that may answer
        #[arg(long, value_name = "ADDRESS")]
        add_address: Vec<EmailAddress>,
        /// Take an address away
        #[arg(long, value_name = "ADDRESS")]
        remove_address: Vec<EmailAddress>,
        /// An address of his may no longer answer
        #[arg(long, value_name = "ADDRESS")]
        may_not_answer: Vec<EmailAddress>,
        #[command(flatten)]
        fields: Fields,
    },
    /// Neither named nor heard any more; decisions stay
    Deactivate {
        person: String,
    },
    /// Named and heard again
    Activate {
        person: String,
    },
    List,
    Show {
        person: String,
    },
    /// Remove a person who never asked or answered
    Remove {
        person: String,
    },
}

#[derive(Args)]
pub(crate) struct Fields {
    #[arg(long)]
    name: Option<String>,
    /// Language of mails, such as `en` or `pt-BR`
    #[arg(long)]
    locale: Option<String>,
    /// IANA zone for times in mails, such as Europe/Lisbon
    #[arg(long)]
    timezone: Option<String>,
}

impl Fields {
    fn apply(self, person: &mut Person) {
        person.name = self.name.or(person.name.take());
        person.locale = self.locale.or(person.locale.take());
        person.timezone = self.timezone.or(person.timezone.take());
    }
}

pub(crate) async fn run(
    instance: &Instance,
    command: People,
    output: Output,
) -> Result<ExitCode, CliError> {
    match command {
        People::Add { addresses, fields } => {
            let mut person = Person {
                id: PersonId(uuid::Uuid::nil()),
                name: None,
                locale: None,
                timezone: None,
                active: true,
                addresses: addresses.into_iter().map(may_answer).collect(),
                version: 1,
            };
            fields.apply(&mut person);
            output.record(&people::add(instance, person).await?);
        }
        People::Update { person, add_address, remove_address, may_not_answer, fields } => {
            let mut person = people::find(instance, &person).await?;
            person.addresses.retain(|own| {
                !remove_address.iter().any(|gone| gone.is_same_mailbox(&own.address))
            });
            person.addresses.extend(add_address.into_iter().map(may_answer));
            for own in &mut person.addresses {
                own.may_answer &=
                    !may_not_answer.iter().any(|mute| mute.is_same_mailbox(&own.address));
            }
            fields.apply(&mut person);
            output.record(&people::update(instance, person).await?);
        }
        People::Deactivate { person } => set_active(instance, &person, false, output).await?,
        People::Activate { person } => set_active(instance, &person, true, output).await?,
        People::List => list(instance, output).await?,
        People::Show { person } => output.record(&people::find(instance, &person).await?),
        People::Remove { person } => {
            let person = people::find(instance, &person).await?;
            people::remove(instance, &person).await?;
            output.line("removed");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn may_answer(address: EmailAddress) -> PersonAddress {
    PersonAddress { address, may_answer: true }
}

async fn set_active(
    instance: &Instance,
    named: &str,
    active: bool,
    output: Output,
) -> Result<(), CliError> {
    let person = Person { active, ..people::find(instance, named).await? };
    output.record(&people::update(instance, person).await?);
    Ok(())
}

async fn list(instance: &Instance, output: Output) -> Result<(), CliError> {
    let mut tx = instance.store.read().await?;
    let listed = store::people::list(&mut tx, &Page { limit: 1000, cursor: None }).await?;
    output.list(
        &listed.items,
        &["primary address", "name", "locale", "time zone", "active", "further addresses"],
        |p| {
            let mut addresses = p.addresses.iter().map(|own| own.address.to_string());
            vec![
                addresses.next().unwrap_or_default(),
                p.name.clone().unwrap_or_default(),
                p.locale.clone().unwrap_or_default(),
                p.timezone.clone().unwrap_or_default(),
                if p.active { "yes" } else { "no" }.to_owned(),
                addresses.collect::<Vec<_>>().join(" "),
            ]
        },
    );
    Ok(())
}
