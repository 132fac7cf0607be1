//! API tokens: who may call, and in which role.
//!
//! A token is 256 random bits. It is shown once, when it is made; the store
//! keeps its SHA-256, which is enough to know it again: bits that cannot be
//! guessed need no slow hash.

use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{ActionError, Instance, Story, accounts::name_is_fit};
use crate::{
    domain::{
        ids::{ApiTokenId, PersonId},
        ledger::Kind,
    },
    secret::Secret,
    store::{StoreError, api_tokens, api_tokens::ApiToken, people},
};

/// What stands before the random part, so that a leaked token is known for
/// what it is by whoever finds it.
pub const PREFIX: &str = "cs_";
/// A use is noted at most this often.
const USE_NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);
/// The name of the token that the first start makes.
const FIRST_NAME: &str = "first admin";

/// What a caller may do (the table is in `http::access`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Settings and accounts; sees no secret, decides nothing.
    Admin,
    /// Reads everything but secrets.
    Auditor,
    /// Submits requests and reads its own.
    Requester,
    /// Answers the requests of one person.
    Approver,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Admin, Self::Auditor, Self::Requester, Self::Approver];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Auditor => "auditor",
            Self::Requester => "requester",
            Self::Approver => "approver",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == word)
            .ok_or_else(|| "a role is admin, auditor, requester or approver".to_owned())
    }
}

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub name: String,
    pub role: Role,
    /// Whom it speaks for; an approver's token needs one.
    pub person: Option<PersonId>,
    pub expires_at: Option<DateTime<Utc>>,
}

/// A token as it is made; the only time its text is seen.
#[derive(Debug)]
pub struct Issued {
    pub token: ApiToken,
    pub text: Secret,
}

/// Makes a token.
pub async fn issue(instance: &Instance, new: NewToken) -> Result<Issued, ActionError> {
    name_is_fit(&new.name)?;
    let now = instance.clock.now();
    if new.expires_at.is_some_and(|end| end <= now) {
        return Err(ActionError::invalid("/expires_at", "must lie in the future"));
    }
    if new.role == Role::Approver && new.person.is_none() {
        return Err(ActionError::invalid("/person_id", "is needed for an approver's token"));
    }
    let mut tx = instance.store.begin().await?;
    if let Some(person) = new.person
        && people::find(&mut tx, person).await?.is_none()
    {
        return Err(ActionError::invalid("/person_id", "names nobody"));
    }
    let bits = data_encoding::HEXLOWER.encode(&instance.random.bytes::<32>());
    let text = Secret::new(format!("{PREFIX}{bits}"));
    let token = ApiToken {
        id: instance.random.id(now),
        name: new.name,
        role: new.role.as_str().to_owned(),
        hash: hash(text.expose()),
        person_id: new.person,
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    api_tokens::add(&mut tx, &token).await?;
    let mut story = Story::default();
    let facts = json!({
        "token": token.id, "role": token.role, "person": token.person_id,
        "expires_at": token.expires_at,
    });
    let private = Some(json!({"name": token.name}));
    story.tell(instance, Kind::TokenIssued, None, facts, private);
    story.commit(tx).await?;
    Ok(Issued { token, text })
}

/// The admin token of a fresh installation; none once there is or was any.
pub async fn issue_first(instance: &Instance) -> Result<Option<Issued>, ActionError> {
    {
        let mut tx = instance.store.read().await?;
        if !api_tokens::list(&mut tx).await?.is_empty() {
            return Ok(None);
        }
    }
    let new =
        NewToken { name: FIRST_NAME.to_owned(), role: Role::Admin, person: None, expires_at: None };
    match issue(instance, new).await {
        Ok(issued) => Ok(Some(issued)),
        // Another node that started at the same moment was faster.
        Err(ActionError::Conflict(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The token a caller shows, if it counts just now. What is wrong with it is
/// not told: a caller who has no token learns nothing about those there are.
pub async fn find_valid(instance: &Instance, shown: &str) -> Result<Option<ApiToken>, ActionError> {
    let shown = hash(shown);
    let found = {
        let mut tx = instance.store.read().await?;
        api_tokens::find_by_hash(&mut tx, &shown).await?
    };
    let now = instance.clock.now();
    let counts = |token: &ApiToken| {
        bool::from(token.hash.ct_eq(&shown))
            && token.revoked_at.is_none()
            && token.expires_at.is_none_or(|end| end > now)
    };
    let Some(token) = found.filter(counts) else { return Ok(None) };
    // Looked at first, so that a busy caller costs no write.
    if token.last_used_at.is_none_or(|last| last + USE_NOTED_EVERY <= now) {
        note_use(instance, token.id, now).await;
    }
    Ok(Some(token))
}

/// Not being able to note a use is no reason to turn a caller away.
async fn note_use(instance: &Instance, id: ApiTokenId, now: DateTime<Utc>) {
    let noted = async {
        let mut tx = instance.store.begin().await?;
        api_tokens::note_use(&mut tx, id, now, USE_NOTED_EVERY).await?;
        tx.commit().await
    };
    if let Err(error) = noted.await {
        let error: StoreError = error;
        tracing::warn!(token = %id, "the use of an API token could not be noted: {error}");
    }
}

/// All of them, the newest first; the revoked and the expired too.
pub async fn list(instance: &Instance) -> Result<Vec<ApiToken>, ActionError> {
    let mut tx = instance.store.read().await?;
    Ok(api_tokens::list(&mut tx).await?)
}

/// By id or by name.
pub async fn find(instance: &Instance, named: &str) -> Result<ApiToken, ActionError> {
    let found = match named.parse::<ApiTokenId>() {
        Ok(id) => {
            let mut tx = instance.store.read().await?;
            api_tokens::find(&mut tx, id).await?
        }
        Err(_) => list(instance).await?.into_iter().find(|token| token.name == named),
    };
    found.ok_or_else(|| ActionError::not_found("API token", named))
}

/// From now on it opens nothing; to revoke it again changes nothing.
pub async fn revoke(instance: &Instance, id: ApiTokenId) -> Result<ApiToken, ActionError> {
    let mut tx = instance.store.begin().await?;
    let now = tx.now().await?;
    if api_tokens::revoke(&mut tx, id, now).await? {
        let mut story = Story::default();
        story.tell(instance, Kind::TokenRevoked, None, json!({"token": id}), None);
        story.commit(tx).await?;
    } else {
        drop(tx);
    }
    find(instance, &id.to_string()).await
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_back_by_its_word() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().is_err());
    }
}
