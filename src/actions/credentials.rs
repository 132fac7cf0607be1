//! Secrets that accounts log in with: added, replaced, removed; opened only
//! for a login.

use serde_json::json;

use super::{ActionError, Instance, Story};
use crate::{
    domain::{ids::CredentialId, ledger::Kind},
    net::dial::Login,
    secret::{Place, Sealed, Secret},
    store::{
        Tx,
        credentials::{self, Credential},
    },
};

/// What a caller hands in.
#[derive(Debug, serde::Deserialize)]
pub struct NewCredential {
    pub name: String,
    pub username: String,
    pub password: Secret,
}

fn place(id: CredentialId) -> Place<'static> {
    Place { table: "credential", row: id.0, column: "secret" }
}

pub async fn add(instance: &Instance, new: NewCredential) -> Result<Credential, ActionError> {
    check(&new.name, &new.username)?;
    let now = instance.clock.now();
    let id: CredentialId = instance.random.id(now);
    let sealed = instance.master.seal(&new.password, place(id), &instance.random);
    let credential = Credential {
        id,
        name: new.name,
        kind: "password".to_owned(),
        username: new.username,
        sealed: sealed.bytes,
        key_id: sealed.key_id,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let mut tx = instance.store.begin().await?;
    credentials::add(&mut tx, &credential).await?;
    changed(instance, tx, &credential, "added").await?;
    Ok(credential)
}

/// Replaces name, user name and, where one is given, the password.
pub async fn update(
    instance: &Instance,
    mut credential: Credential,
    password: Option<Secret>,
) -> Result<Credential, ActionError> {
    check(&credential.name, &credential.username)?;
    if let Some(password) = password {
        let sealed = instance.master.seal(&password, place(credential.id), &instance.random);
        credential.sealed = sealed.bytes;
        credential.key_id = sealed.key_id;
    }
    credential.updated_at = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    if !credentials::update(&mut tx, &credential).await? {
        return Err(ActionError::Changed { what: "credential", name: credential.name });
    }
    resume_users(instance, &mut tx, credential.id).await?;
    credential.version += 1;
    changed(instance, tx, &credential, "changed").await?;
    instance.wake.polling.notify_one();
    instance.wake.delivery.notify_one();
    Ok(credential)
}

/// Accounts that were paused because the old secret was refused try the new one.
async fn resume_users(
    instance: &Instance,
    tx: &mut Tx,
    id: CredentialId,
) -> Result<(), ActionError> {
    for user in credentials::users(tx, id).await? {
        if user.kind == "smtp_account" {
            crate::store::smtp_accounts::resume(tx, user.id.into()).await?;
            crate::store::outbox::wake_account(tx, user.id.into()).await?;
        } else {
            crate::store::inbox_state::resume(tx, user.id.into(), instance.clock.now()).await?;
        }
    }
    Ok(())
}

pub async fn remove(instance: &Instance, credential: &Credential) -> Result<(), ActionError> {
    let mut tx = instance.store.begin().await?;
    let users = credentials::users(&mut tx, credential.id).await?;
    if !users.is_empty() {
        let names: Vec<String> =
            users.iter().map(|user| format!("{} `{}`", user.kind, user.name)).collect();
        return Err(ActionError::Conflict(format!(
            "credential `{}` is used by {}",
            credential.name,
            names.join(", ")
        )));
    }
    if !credentials::remove(&mut tx, credential.id).await? {
        return Err(ActionError::not_found("credential", &credential.name));
    }
    changed(instance, tx, credential, "removed").await
}

/// By id or by name, whichever a person typed.
pub async fn find(instance: &Instance, named: &str) -> Result<Credential, ActionError> {
    let mut tx = instance.store.read().await?;
    let found = match named.parse() {
        Ok(id) => credentials::find(&mut tx, id).await?,
        Err(_) => credentials::find_by_name(&mut tx, named).await?,
    };
    found.ok_or_else(|| ActionError::not_found("credential", named))
}

/// Opens a credential for a login.
pub async fn login(instance: &Instance, id: CredentialId) -> Result<Login, ActionError> {
    let mut tx = instance.store.read().await?;
    let credential = credentials::find(&mut tx, id)
        .await?
        .ok_or_else(|| ActionError::not_found("credential", id))?;
    let sealed = Sealed { key_id: credential.key_id, bytes: credential.sealed };
    let password = instance.master.open(&sealed, place(id))?;
    Ok(Login::password(&credential.username, password.expose()))
}

fn check(name: &str, username: &str) -> Result<(), ActionError> {
    super::accounts::name_is_fit(name)?;
    if username.is_empty() || username.chars().any(char::is_control) {
        return Err(ActionError::invalid(
            "/username",
            "must not be empty or hold control characters",
        ));
    }
    Ok(())
}

async fn changed(
    instance: &Instance,
    tx: Tx,
    credential: &Credential,
    how: &str,
) -> Result<(), ActionError> {
    let mut story = Story::default();
    let facts = json!({"credential": credential.id, "change": how});
    let private = json!({"name": credential.name, "username": credential.username});
    story.tell(instance, Kind::CredentialChanged, None, facts, Some(private));
    story.commit(tx).await
}
